"""The bundle on disk: read, check, write. Only a bundle passes from training to the bot; none holds a pickle.

A bundle is a folder: `card.json`, `generator.safetensors`, `neighbors.safetensors`, `icons.png`, `samples.png`, and
`discriminator.safetensors` where a training that starts from it may take the critics over, too.
It may come from a stranger, so nothing in it is believed before it is checked, and nothing is built before the
card's sizes are in bounds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from generator.card import Card
from generator.decode import Color, gray_of, parse_color
from generator.encoder import FEATURES
from generator.files import (
    CARD,
    DISCRIMINATOR,
    GENERATOR,
    ICONS,
    NEIGHBORS,
    SAMPLES,
    BundleError,
    bundle_of,
    check_header,
    read_card,
    read_contents,
    unswapped,
)
from generator.gray import Threshold
from generator.neighbors import DESCRIPTOR_SIZE
from generator.networks import GeneratorConfig, build_generator, read_config
from generator.sheets import MAX_SHEET_ICONS, SheetError, check_picture, check_sheet, cut_sheet

DEFAULT_BUNDLE = Path(__file__).parent / "default"
"""The bundle that ships with the project."""
BROAD_BUNDLE = Path(__file__).parent / "broad"
"""A second one, of many kinds of icons: to start a training from."""

Tensors: TypeAlias = dict[str, torch.Tensor]


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


def read_bundle(path: Path) -> Bundle:
    """Read and check a bundle, or the best one of a run folder: version, digests, shapes, finite weights, pictures.

    Raises BundleError, with one sentence, for anything that is not a whole bundle of this version.
    """
    return unswapped(bundle_of(path), _read_bundle)


def _read_bundle(path: Path) -> Bundle:
    raw_card, card = read_card(path)
    try:
        config = read_config(card.architecture, dict(card.network))
    except ValueError as error:
        raise BundleError(f"{path / CARD}: {error}.") from error
    if (len(parse_color(card.background)) == 4) != (config.channels == 4):
        raise BundleError(f"{path / CARD}: {config.channels} channels do not go with the background {card.background}.")
    if card.threshold is not None and config.channels != 1:
        raise BundleError(f"{path / CARD}: {config.channels} channels do not go with the threshold {card.threshold}.")
    contents = read_contents(path, card)
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


def read_tensors(file: Path, content: bytes) -> Tensors:
    """The tensors in the bytes of a safetensors file. Raises BundleError."""
    check_header(file, content)
    try:
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
