"""The bundle on disk: read, check, write. Only a bundle passes from training to the bot; none holds a pickle.

A bundle is a folder: `card.json`, `generator.safetensors`, `neighbors.safetensors`, `icons.png`, `samples.png`, and
`discriminator.safetensors` where a training that starts from it may take the critics over, too.
It may come from a stranger, so nothing in it is believed before it is checked, and nothing is built before the
card's sizes are in bounds.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from generator.card import Card
from generator.decode import Color, gray_of, parse_color
from generator.encoder import FEATURES
from generator.folders import restore_folder
from generator.gray import Threshold
from generator.neighbors import DESCRIPTOR_SIZE
from generator.networks import GeneratorConfig, build_generator, read_config
from generator.sheets import MAX_SHEET_ICONS, SheetError, check_picture, check_sheet, cut_sheet

FORMAT_VERSION = 4
"""2: there may be a discriminator. 3: the card may name the plainest icon, the sheet hold what was held out.

4: the icons may be gray, and the card name the threshold that made them black and white.
"""
DEFAULT_BUNDLE = Path(__file__).parent / "default"
"""The bundle that ships with the project."""
BROAD_BUNDLE = Path(__file__).parent / "broad"
"""A second one, of many kinds of icons: to start a training from."""

CARD, GENERATOR, NEIGHBORS, ICONS, SAMPLES = (
    "card.json",
    "generator.safetensors",
    "neighbors.safetensors",
    "icons.png",
    "samples.png",
)
FILES = (GENERATOR, NEIGHBORS, ICONS, SAMPLES)
DISCRIMINATOR = "discriminator.safetensors"

_MIB = 2**20
_SIZE_LIMITS = {
    CARD: _MIB,
    GENERATOR: 512 * _MIB,
    DISCRIMINATOR: 512 * _MIB,
    NEIGHBORS: 256 * _MIB,
    ICONS: 512 * _MIB,
    SAMPLES: 64 * _MIB,
}
_MAX_HEADER = _MIB  # bytes of a safetensors header; it names some dozens of tensors
BEST = "best"
"""Where a run folder keeps its best bundle."""

_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
"""Pickle protocols 2 to 5, and the zip archive in which torch.save keeps its pickle."""

Tensors: TypeAlias = dict[str, torch.Tensor]

LONGEST_SENTENCE = 300


class BundleError(Exception):
    """A folder that is no usable bundle: one printable sentence of at most LONGEST_SENTENCE characters.

    What a card or a header holds may come from a stranger, and is quoted.
    """

    def __init__(self, sentence: str) -> None:
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in sentence)
        super().__init__(shown if len(shown) <= LONGEST_SENTENCE else shown[: LONGEST_SENTENCE - 1] + "…")


@dataclass(frozen=True)
class Bundle:
    """A checked bundle in memory."""

    path: Path
    card: Card
    digest: str
    """SHA-256 of `card.json`, which names the digest of every other file: it identifies the model."""
    config: GeneratorConfig
    generator: Tensors
    """EMA weights and batch-norm statistics, float32."""
    descriptors: torch.Tensor
    """Descriptors of the training icons: (N, D) float16."""
    sheet: bytes
    """`icons.png`, as it is on disk."""
    features: torch.Tensor | None = None
    """The encoder's features of the training icons, (N, 96) float16; None in bundles of older versions."""
    fresh: torch.Tensor = field(default_factory=lambda: torch.empty((0, 2)))
    """How far the icons held out are from their nearest training icons, by pixels and by features: (M, 2) float32."""
    discriminator: Tensors = field(default_factory=dict)
    """What judged the generator in training, float16, by names of `train`'s own; empty where it was not kept."""

    @property
    def image_size(self) -> int:
        """Pixels along an edge of an icon."""
        return self.config.image_size

    @property
    def background(self) -> Color:
        """What stands behind the icons; `decode` on it makes a picture comparable with them."""
        color = parse_color(self.card.background)
        return gray_of(color) if self.channels == 1 else color

    @property
    def threshold(self) -> Threshold:
        """What makes a picture black and white as the icons are, or None; as `decode` takes it."""
        return self.card.threshold

    @property
    def channels(self) -> int:
        """1 for gray, 3 for RGB, 4 for premultiplied RGBA."""
        return self.config.channels

    @cached_property
    def _icons(self) -> NDArray[np.uint8]:
        return cut_sheet(self.sheet, self.card.sheet_icons + self.card.sheet_held_out, self.image_size)

    def icons(self) -> NDArray[np.uint8]:
        """The training icons, `(N, size, size, channels)` uint8, in the order of the descriptors; decoded once."""
        return self._icons[: self.card.sheet_icons]

    def all_icons(self) -> NDArray[np.uint8]:
        """The training icons and, after them, those held out, as far as the bundle keeps them."""
        return self._icons


def bundle_of(path: Path) -> Path:
    """The bundle that a path means: itself, or the best one of a run folder."""
    best = path / BEST
    if not path.is_dir() or (path / CARD).exists():
        return path
    restore_folder(best)
    return best if best.is_dir() else path


def read_bundle(path: Path) -> Bundle:
    """Read and check a bundle, or the best one of a run folder: version, digests, shapes, finite weights, pictures.

    Raises BundleError, with one sentence, for anything that is not a whole bundle of this version.
    """
    path = bundle_of(path)
    while True:
        before = _peek(path)
        try:
            return _read_bundle(path)
        except BundleError:
            if _peek(path) == before:  # otherwise it was swapped under our hands: look again
                raise


def _peek(path: Path) -> bytes | None:
    try:
        return (path / CARD).read_bytes()
    except OSError:
        return None


def _read_bundle(path: Path) -> Bundle:
    restore_folder(path)
    if not path.is_dir():
        raise BundleError(f"{path}: there is no bundle folder here.")
    raw_card = _read_file(path, CARD)
    card = _read_card(path, raw_card)
    try:
        config = read_config(card.architecture, dict(card.network))
    except ValueError as error:
        raise BundleError(f"{path / CARD}: {error}.") from error
    if (len(parse_color(card.background)) == 4) != (config.channels == 4):
        raise BundleError(f"{path / CARD}: {config.channels} channels do not go with the background {card.background}.")
    if card.threshold is not None and config.channels != 1:
        raise BundleError(f"{path / CARD}: {config.channels} channels do not go with the threshold {card.threshold}.")
    contents = {name: _read_file(path, name, digest=digest) for name, digest in card.files.items()}
    weights = read_tensors(path / GENERATOR, contents[GENERATOR])
    check_weights(path / GENERATOR, weights, config)
    discriminator = _read_discriminator(path / DISCRIMINATOR, contents.get(DISCRIMINATOR))
    count = card.sheet_icons + card.sheet_held_out
    descriptors = read_tensors(path / NEIGHBORS, contents[NEIGHBORS])
    _check_descriptors(path / NEIGHBORS, descriptors, card)
    for name, check in (
        (ICONS, partial(check_sheet, count=count, size=config.image_size, channels=config.channels)),
        (SAMPLES, check_picture),
    ):
        try:
            check(contents[name])
        except SheetError as error:
            raise BundleError(f"{path / name}: {error}.") from error
    return Bundle(
        path=path,
        card=card,
        digest=hashlib.sha256(raw_card).hexdigest(),
        config=config,
        generator=weights,
        descriptors=descriptors["descriptors"],
        sheet=contents[ICONS],
        features=descriptors.get("features"),
        fresh=descriptors.get("fresh", torch.empty((0, 2))),
        discriminator=discriminator,
    )


def _read_file(folder: Path, name: str, digest: str | None = None) -> bytes:
    file = folder / name
    try:
        if not file.is_file():
            raise BundleError(f"{folder}: the bundle lacks its file {name}.")
        size = file.stat().st_size
        if size > _SIZE_LIMITS[name]:
            raise BundleError(f"{file}: {size} bytes are more than the limit of {_SIZE_LIMITS[name]}.")
        content = file.read_bytes()
    except OSError as error:
        raise BundleError(f"{file}: cannot be read ({error.strerror}).") from error
    if content.startswith(_PICKLE_STARTS) and content[2:8] != bytes(6):  # those would be a header's length
        raise BundleError(f"{file}: this is a pickle, which can run code; Mojigan reads safetensors only.")
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise BundleError(f"{file}: the file is damaged: its SHA-256 is not the one that the card names.")
    return content


def _read_card(folder: Path, raw: bytes) -> Card:
    file = folder / CARD
    try:
        document = json.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{file}: this is not a JSON document.") from error
    version = document.get("format_version") if isinstance(document, dict) else None
    if type(version) is not int:
        raise BundleError(f"{file}: this is not a bundle's card: it names no format version.")
    if version > FORMAT_VERSION:
        raise BundleError(
            f"{file}: the bundle has format version {str(version)[:20]}, and this Mojigan reads up to "
            f"{FORMAT_VERSION}: update Mojigan."
        )
    try:
        card = Card.model_validate(document)
    except (ValidationError, RecursionError) as error:
        problem = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "too deep"}
        where = ".".join(str(part) for part in problem["loc"])
        raise BundleError(f"{file}: the card's {where or 'content'} is wrong: {problem['msg']}.") from error
    if card.data.count < card.sheet_icons:
        raise BundleError(f"{file}: the card counts {card.data.count} icons and a sheet of {card.sheet_icons}.")
    allowed = {*FILES} if version == 1 else {*FILES, DISCRIMINATOR}
    if version < 1 or not set(FILES) <= set(card.files) <= allowed:
        raise BundleError(f"{file}: the card does not name the files of a bundle of version {version}.")
    return card


def read_tensors(file: Path, content: bytes) -> Tensors:
    """The tensors in the bytes of a safetensors file. Raises BundleError."""
    try:
        if int.from_bytes(content[:8], "little") > _MAX_HEADER:
            raise BundleError(f"{file}: this is not a safetensors file (its header would be too long).")
        return load_tensors(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise BundleError(f"{file}: this is not a safetensors file.") from error


def check_weights(file: Path, weights: Tensors, config: GeneratorConfig) -> None:
    """Raise BundleError unless weights are finite and those of the config's generator."""
    with torch.device("meta"):
        expected = build_generator(config).state_dict()
    if set(weights) != set(expected):
        names = ", ".join(sorted(set(weights) ^ set(expected))[:3])
        raise BundleError(f"{file}: the weights are not those of the network in the card (see {names}).")
    for name, value in weights.items():
        if value.shape != expected[name].shape:
            raise BundleError(f"{file}: {name} has the shape {tuple(value.shape)}, not {tuple(expected[name].shape)}.")
        if value.dtype != torch.float32 or not bool(torch.isfinite(value).all()):
            raise BundleError(f"{file}: {name} holds values that are not finite numbers of 32 bits.")
        if name.endswith("running_var") and bool((value < 0).any()):
            raise BundleError(f"{file}: {name} holds variances below zero.")


def _read_discriminator(file: Path, content: bytes | None) -> Tensors:
    tensors = {} if content is None else read_tensors(file, content)
    for name, value in tensors.items():
        if value.dtype != torch.float16 or not bool(torch.isfinite(value).all()):
            raise BundleError(f"{file}: {name} holds values that are not finite numbers of 16 bits.")
    return tensors


def _check_descriptors(file: Path, tensors: Tensors, card: Card) -> None:
    descriptors, count = tensors.get("descriptors"), card.sheet_icons
    names = {"descriptors", "features", "fresh"} if card.encoder else {"descriptors"}
    if descriptors is None or set(tensors) != names or descriptors.ndim != 2 or descriptors.dtype != torch.float16:
        raise BundleError(f"{file}: this does not hold the descriptors of the training icons.")
    if descriptors.shape != (count, DESCRIPTOR_SIZE):
        shape = tuple(descriptors.shape)
        raise BundleError(f"{file}: the descriptors have the shape {shape}, not {(count, DESCRIPTOR_SIZE)}.")
    if card.encoder:
        _check_features(file, tensors["features"], tensors["fresh"], count)
    if not bool(((descriptors >= 0) & (descriptors <= 1)).all()):  # NaN is neither
        raise BundleError(f"{file}: the descriptors hold values that are not finite numbers from 0 to 1.")


def _check_features(file: Path, features: torch.Tensor, fresh: torch.Tensor, count: int) -> None:
    if features.shape != (count, FEATURES) or features.dtype != torch.float16:
        raise BundleError(f"{file}: the features are not numbers of 16 bits in the shape {(count, FEATURES)}.")
    if fresh.ndim != 2 or fresh.shape[1] != 2 or fresh.dtype != torch.float32 or len(fresh) > MAX_SHEET_ICONS:
        raise BundleError(f"{file}: the distances of held-out icons are not pairs of numbers.")
    if not bool((features.abs() <= 1).all()) or not bool(((fresh >= 0) & (fresh <= 2)).all()):  # NaN is neither
        raise BundleError(f"{file}: features or distances are not finite numbers within their bounds.")
