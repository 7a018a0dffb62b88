"""Where icons come from: a folder, an archive, a bundle or an emoji font, each read into the same `Reading`."""

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from generator.checkpoint import CARD, ICONS, BundleError, read_bundle
from generator.decode import Color, Decoded, DecodeError, color_code, decode, fit
from generator.transparency import as_image, over
from train.data.archives import ARCHIVE_SUFFIXES, ArchiveError, is_archive, read_archive
from train.data.emoji import check_groups, read_emoji
from train.data.fonts import FontError, draw_emoji, is_font, open_font

UNKNOWN = "unknown"

# Files with these names are meant to be images, so one that cannot be read is named; others are only counted.
IMAGE_SUFFIXES = frozenset(
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".webp", ".avif", ".bmp", ".dib", ".ico", ".cur"),
        *(".icns", ".tif", ".tiff", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".qoi", ".tga", ".xpm"),
        *(".svg", ".heic", ".heif", ".jxl", ".psd"),
    )
)
_LICENSE_FILE = re.compile(r"(licen[cs]e|copying|ofl)(\.(txt|md|rst))?", re.IGNORECASE)
_LICENSE_LENGTH = 100  # characters of a license file's first line


class SourceError(Exception):
    """Icons that cannot be used at all; ``str()`` is one sentence that names the source."""


@dataclass(frozen=True)
class Broken:
    """A file that was skipped, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Icon:
    """One icon that was read, under the name that people know it by."""

    name: str
    decoded: Decoded


@dataclass
class Reading:
    """What one source gave. ``ignored``: files that are no images; ``lacking``: emoji that a font does not have."""

    name: str
    kind: str
    license: str = UNKNOWN
    icons: list[Icon] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    ignored: int = 0
    lacking: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Request:
    """How icons are read: ``size`` in pixels, what is behind them, the emoji groups to take, and whom to tell."""

    size: int
    background: Color
    only: Sequence[str] = ()
    tick: Callable[[], None] = lambda: None


def read_source(path: Path, request: Request) -> Reading:
    """Read every icon of a source. Raises ``SourceError`` where the source as a whole cannot be used."""
    try:
        check_groups(request.only)
    except ValueError as error:
        raise SourceError(str(error)) from None
    try:
        if path.is_dir():
            is_bundle = (path / CARD).is_file() and (path / ICONS).is_file()
            return _read_bundle(path, request) if is_bundle else _read_folder(path, request)
        if not path.is_file():
            raise SourceError(f"{path}: there is no file or folder of this name")
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise SourceError(f"{path}: cannot be opened ({error.strerror or error})") from None
    if is_font(head):
        return _read_font(path, request)
    if is_archive(path, head):
        return _read_archive(path, request)
    wanted = "a folder, a .zip or .tar archive, a bundle or a color emoji font"
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise SourceError(f"{path}: a single picture; give {wanted}")
    raise SourceError(f"{path}: not {wanted}")


def printable(name: str) -> str:
    """A file name that is safe to show: control characters, and bytes that are no text, become "?"."""
    return "".join(character if character.isprintable() else "?" for character in name)


def slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens, for file and folder names: "Grinning Face!" -> "grinning-face"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")[:60].strip("-")


def _read_folder(path: Path, request: Request) -> Reading:
    reading = Reading(slug(path.resolve().name) or "folder", "folder")
    for file in _walk(path, reading):
        name = printable(file.relative_to(path).as_posix())
        suffix = file.suffix.lower()
        if suffix in ARCHIVE_SUFFIXES:
            reading.broken.append(Broken(name, "an archive inside a folder is not opened: give it as a source"))
        elif suffix in IMAGE_SUFFIXES:
            _decode(file, name, request, reading)
        else:
            reading.ignored += 1
        if file.parent == path and _LICENSE_FILE.fullmatch(file.name) and file.is_file():
            reading.license = _first_line(file)
    return reading


def _walk(path: Path, reading: Reading) -> Iterator[Path]:
    """The files below a folder, sorted by their path; hidden folders and links to folders are not entered."""

    def note(error: OSError) -> None:
        name = printable(Path(error.filename).relative_to(path).as_posix())
        reading.broken.append(Broken(name, f"cannot be opened ({error.strerror})"))

    found: list[Path] = []
    for folder, subfolders, files in os.walk(path, onerror=note):
        subfolders[:] = [name for name in subfolders if not _is_hidden(name)]
        found += (Path(folder, name) for name in files)
    for file in sorted(found, key=lambda file: file.relative_to(path).as_posix()):
        if _is_hidden(file.name):
            reading.ignored += 1
        else:
            yield file


def _read_archive(path: Path, request: Request) -> Reading:
    reading = Reading(slug(path.name.partition(".")[0]) or "archive", "archive")
    try:
        for member in read_archive(path, _is_wanted):
            name = printable(member.name)
            if member.problem:
                reading.broken.append(Broken(name, member.problem))
            elif member.data is None:
                reading.ignored += 1
            elif _LICENSE_FILE.fullmatch(member.name):
                reading.license = _license_line(member.data)
                reading.ignored += 1
            else:
                _decode(member.data, name, request, reading)
    except ArchiveError as error:
        raise SourceError(f"{path}: {printable(str(error))}") from None
    reading.icons.sort(key=lambda icon: icon.name)
    reading.broken.sort(key=lambda broken: broken.name)
    return reading


def _is_wanted(name: str) -> bool:
    parts = PurePosixPath(name).parts
    if any(_is_hidden(part) for part in parts):
        return False
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES or bool(_LICENSE_FILE.fullmatch(name))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _decode(source: Path | bytes, name: str, request: Request, reading: Reading) -> None:
    try:
        decoded = decode(source, size=request.size, background=request.background, name=name)
    except DecodeError as error:
        reading.broken.append(Broken(name, error.reason))
    else:
        reading.icons.append(Icon(name, decoded))
        request.tick()


def _read_bundle(path: Path, request: Request) -> Reading:
    try:
        bundle = read_bundle(path)
        pixels = bundle.icons()
    except BundleError as error:
        raise SourceError(str(error)) from None
    reading = Reading(slug(bundle.card.data.name) or "bundle", "bundle", bundle.card.data.license or UNKNOWN)
    if len(pixels) < bundle.card.data.count:
        reading.notes.append(
            f"the bundle carries {len(pixels):,} of the {bundle.card.data.count:,} icons of its training"
        )
    if bundle.card.background != (color := color_code(request.background)):
        reading.notes.append(f"the bundle's icons stand on {bundle.card.background}, not on {color}")
    height, width = pixels.shape[1:3]
    mode, alpha = ("RGB", "RGBA")[bundle.channels - 3], len(request.background) == 4
    if alpha and bundle.channels == 3:  # icons that fill their square
        pixels = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=-1)
    for number, icon in enumerate(pixels, start=1):
        picture = as_image(icon if alpha else over(icon, request.background))
        fitted = fit(picture.convert("RGBa") if alpha else picture, request.size, request.background)
        reading.icons.append(Icon(f"icon-{number:05}", Decoded(fitted, mode, width, height, 1)))
        request.tick()
    return reading


def _read_font(path: Path, request: Request) -> Reading:
    try:
        font = open_font(path)
        reading = Reading("-".join((slug(font.name) or "font", *request.only)), "emoji font", font.license)
        for emoji, picture in draw_emoji(font, read_emoji(request.only), request.background):
            if picture is None:
                reading.lacking += 1
                continue
            fitted = fit(picture, request.size, request.background)
            reading.icons.append(Icon(emoji.name, Decoded(fitted, "RGBA", picture.width, picture.height, 1)))
            request.tick()
    except FontError as error:
        raise SourceError(f"{path}: {error}") from None
    if not font.sequences:
        reading.notes.append(
            "this Pillow has no Raqm, so emoji made of several characters (families, professions, keycaps) were skipped"
        )
    return reading


def _first_line(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return _license_line(opened.read(4096))
    except OSError:
        return UNKNOWN


def _license_line(data: bytes) -> str:
    lines = (printable(line).strip(" #*=\t") for line in data[:4096].decode("utf-8", errors="replace").splitlines())
    return next((line[:_LICENSE_LENGTH] for line in lines if line), UNKNOWN)
