"""The files of a bundle: their names and limits, the card, and whether each is what the card says. Without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from safetensors import SafetensorError, deserialize

from generator.card import Card
from generator.folders import restore_folder

T = TypeVar("T")

FORMAT_VERSION = 4
"""2: there may be a discriminator. 3: the card may name the plainest icon, the sheet hold what was held out.

4: the icons may be gray, and the card name the threshold that made them black and white.
"""

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

LONGEST_SENTENCE = 300


class BundleError(Exception):
    """A folder that is no usable bundle: one printable sentence of at most LONGEST_SENTENCE characters.

    What a card or a header holds may come from a stranger, and is quoted.
    """

    def __init__(self, sentence: str) -> None:
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in sentence)
        super().__init__(shown if len(shown) <= LONGEST_SENTENCE else shown[: LONGEST_SENTENCE - 1] + "…")


def bundle_of(path: Path) -> Path:
    """The bundle that a path means: itself, or the best one of a run folder."""
    best = path / BEST
    if not path.is_dir() or (path / CARD).exists():
        return path
    restore_folder(best)
    return best if best.is_dir() else path


def check_files(path: Path) -> Card:
    """Check a bundle as far as that needs no torch: the card, and that each file is whole. Returns the card.

    What is in the tensors and pictures, `generator.checkpoint.read_bundle` checks. Raises BundleError.
    """
    return unswapped(bundle_of(path), _check_files)


def unswapped(path: Path, read: Callable[[Path], T]) -> T:
    """Read a bundle's folder, and again where it was swapped under our hands. Raises BundleError."""
    while True:
        before = _peek(path)
        try:
            return read(path)
        except BundleError:
            if _peek(path) == before:
                raise


def _peek(path: Path) -> bytes | None:
    try:
        return (path / CARD).read_bytes()
    except OSError:
        return None


def read_card(path: Path) -> tuple[bytes, Card]:
    """The card of a bundle, as it is on disk and as it was read. Raises BundleError."""
    restore_folder(path)
    if not path.is_dir():
        raise BundleError(f"{path}: there is no bundle folder here.")
    raw = _read_file(path, CARD)
    return raw, _parse_card(path, raw)


def read_contents(path: Path, card: Card) -> dict[str, bytes]:
    """What is in the files that the card names, with the digests that it names. Raises BundleError."""
    return {name: _read_file(path, name, digest=digest) for name, digest in card.files.items()}


def check_header(file: Path, content: bytes) -> None:
    """Raise BundleError where the header of a safetensors file would be too long to be one."""
    if int.from_bytes(content[:8], "little") > _MAX_HEADER:
        raise BundleError(f"{file}: this is not a safetensors file (its header would be too long).")


def _check_files(path: Path) -> Card:
    _, card = read_card(path)
    for name, content in read_contents(path, card).items():
        if name.endswith(".safetensors"):
            check_header(path / name, content)
            try:
                deserialize(content)  # type: ignore[no-untyped-call]
            except SafetensorError as error:
                raise BundleError(f"{path / name}: this is not a safetensors file.") from error
    return card


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


def _parse_card(folder: Path, raw: bytes) -> Card:
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
