"""Where icons come from: folders, archives, collections, bundles and emoji fonts, each read into the same `Reading`."""

import re
from collections import defaultdict
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from generator.card import AUTHOR
from generator.checkpoint import read_bundle
from generator.decode import Decoded, color_code, decode, fit, paper, read_file
from generator.files import CARD, BundleError
from generator.files import ICONS as BUNDLE_ICONS
from generator.transparency import MODES, as_image, in_color, over
from train.data.archives import ARCHIVE_SUFFIXES, ArchiveError, Member, is_archive, read_archive
from train.data.choice import Choice
from train.data.emoji import read_emoji
from train.data.folders import is_hidden, shown_name, walk
from train.data.fonts import FontError, draw_emoji, is_font, open_font
from train.data.iconify import FILES as COLLECTION_FILES
from train.data.iconify_source import CollectionFiles, read_collections, read_json
from train.data.names import printable, slug
from train.data.reading import UNKNOWN, Broken, Icon, Reading, Request, SourceError, Why
from train.data.vectors import is_vector

# Files with these names are meant to be images, so one that cannot be read is named; others are only counted.
IMAGE_SUFFIXES = frozenset(
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".webp", ".avif", ".bmp", ".dib", ".ico", ".cur"),
        *(".icns", ".tif", ".tiff", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".qoi", ".tga", ".xpm"),
        *(".svg", ".svgz", ".heic", ".heif", ".jxl", ".psd"),
    )
)
_LICENSE_FILE = re.compile(r"(licen[cs]e|copying|ofl)(\.(txt|md|rst))?", re.IGNORECASE)
_LICENSE_LENGTH = 1000  # characters of a license file's first line, which may join those of many sources; as on a card


def read_source(path: Path, request: Request) -> Reading:
    """Read every icon of a source. Raises ``SourceError`` where the source as a whole cannot be used."""
    with request.renderer:
        reading = _read(path, request)
    reading.name = "-".join((reading.name, *filter(None, map(slug, request.choice.terms))))
    return reading


def _read(path: Path, request: Request) -> Reading:
    try:
        if path.is_dir():
            is_bundle = (path / CARD).is_file() and (path / BUNDLE_ICONS).is_file()
            return _read_bundle(path, request) if is_bundle else _read_folder(path, request)
        if not path.is_file():
            raise SourceError(f"{path}: there is no file or folder of this name")
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise SourceError(f"{path}: cannot be opened ({error.strerror or error})") from None
    if is_font(head):
        return _read_font(path, request)
    if path.suffix.lower() == ".json":
        return read_json(path, request)
    if path.suffix.lower() != ".svgz" and is_archive(path, head):
        return _read_archive(path, request)
    wanted = "a folder, a .zip or .tar archive, an Iconify collection, a bundle or a color emoji font"
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise SourceError(f"{path}: a single picture; give {wanted}")
    raise SourceError(f"{path}: not {wanted}")


def _read_folder(path: Path, request: Request) -> Reading:
    reading = Reading(slug(path.resolve().name) or "folder", "folder")
    collections: CollectionFiles = defaultdict(dict)
    for file in walk(path, reading):
        name = shown_name(file, path)
        suffix = file.suffix.lower()
        if suffix in ARCHIVE_SUFFIXES:
            reading.broken.append(Broken(name, "an archive inside a folder is not opened: give it as a source"))
        elif suffix in IMAGE_SUFFIXES:
            _decode(file, name, request, reading)
        elif file.name in COLLECTION_FILES:
            with reading.noting():
                collections[PurePosixPath(name).parent][file.name] = read_file(file, name)
        else:
            reading.leave_out(Why.OTHER, name)
        if file.parent == path and _LICENSE_FILE.fullmatch(file.name) and file.is_file():
            with reading.noting():
                _read_license(read_file(file, name), reading)
    read_collections(collections, request, reading)
    return reading


def _read_archive(path: Path, request: Request) -> Reading:
    reading = Reading(slug(path.name.partition(".")[0]) or "archive", "archive")
    collections: CollectionFiles = defaultdict(dict)
    try:
        for member in read_archive(path, partial(_is_wanted, request.choice)):
            name = PurePosixPath(printable(member.name))
            if member.problem:
                reading.broken.append(Broken(str(name), member.problem))
            elif member.data is None:
                reading.leave_out(_why(name, member), str(name))
            elif name.name in COLLECTION_FILES:
                collections[name.parent][name.name] = member.data
            elif _LICENSE_FILE.fullmatch(member.name):
                _read_license(member.data, reading)
                reading.leave_out(Why.OTHER, str(name))
            else:
                _decode(member.data, str(name), request, reading)
    except ArchiveError as error:
        raise SourceError(f"{path}: {printable(str(error))}") from None
    read_collections(collections, request, reading)
    reading.icons.sort(key=lambda icon: icon.name)
    reading.broken.sort(key=lambda broken: broken.name)
    return reading


def _why(name: PurePosixPath, member: Member) -> Why:
    """Why nobody wanted a file of an archive."""
    if any(map(is_hidden, name.parts)):
        return Why.CONCEALED
    if member.is_link:
        return Why.LINK
    return Why.UNCHOSEN if _is_image(name) else Why.OTHER


def _is_wanted(choice: Choice, member: str) -> bool:
    name = PurePosixPath(member)
    if _is_image(name):
        return choice.takes(name.stem)
    is_visible = not any(map(is_hidden, name.parts))
    return is_visible and (name.name in COLLECTION_FILES or bool(_LICENSE_FILE.fullmatch(member)))


def _is_image(name: PurePosixPath) -> bool:
    return name.suffix.lower() in IMAGE_SUFFIXES and not any(map(is_hidden, name.parts))


def _decode(source: Path | bytes, name: str, request: Request, reading: Reading) -> None:
    if not request.choice.takes(PurePosixPath(name).stem):
        reading.leave_out(Why.UNCHOSEN, name)
        return
    with reading.noting():
        data = read_file(source, name) if isinstance(source, Path) else source
        read = request.renderer.draw if is_vector(data) else decode
        decoded = read(data, size=request.size, background=request.background, threshold=request.threshold, name=name)
        reading.icons.append(Icon(name, decoded))
        request.tick()


def _read_bundle(path: Path, request: Request) -> Reading:
    try:
        bundle = read_bundle(path)
        pixels = bundle.all_icons()
    except BundleError as error:
        raise SourceError(str(error)) from None
    reading = Reading(slug(bundle.card.data.name) or "bundle", "bundle", bundle.card.data.license or UNKNOWN)
    reading.author = bundle.card.data.author
    if len(pixels) < bundle.card.data.count:
        reading.notes.append(
            f"the bundle carries {len(pixels):,} of the {bundle.card.data.count:,} icons of its training"
        )
    if bundle.card.background != (color := color_code(request.background)):
        reading.notes.append(f"the bundle's icons stand on {bundle.card.background}, not on {color}")
    height, width = pixels.shape[1:3]
    pixels, alpha = in_color(pixels), len(request.background) == 4
    if alpha and bundle.channels < 4:  # icons that fill their square
        pixels = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=-1)
    for number, icon in enumerate(pixels, start=1):
        if not request.choice.takes(name := f"icon-{number:05}"):
            reading.leave_out(Why.UNCHOSEN, name)
            continue
        picture = as_image(icon if alpha else over(icon, request.background))
        picture = picture.convert("RGBa") if alpha else picture
        fitted = fit(picture, request.size, request.background, request.threshold)
        reading.icons.append(Icon(name, Decoded(fitted, MODES[bundle.channels], width, height, 1)))
        request.tick()
    return reading


def _read_font(path: Path, request: Request) -> Reading:
    try:
        font = open_font(path)
        reading = Reading(slug(font.name) or "font", "emoji font", font.license)
        emojis = read_emoji()
        chosen = [emoji for emoji in emojis if request.choice.takes(emoji.name)]
        for emoji in emojis:
            if emoji not in chosen:
                reading.leave_out(Why.UNCHOSEN, emoji.name)
        for emoji, picture in draw_emoji(font, chosen, paper(request.background)):
            if isinstance(picture, Why):
                reading.leave_out(picture, emoji.name)
                continue
            fitted = fit(picture, request.size, request.background, request.threshold)
            reading.icons.append(Icon(emoji.name, Decoded(fitted, "RGBA", picture.width, picture.height, 1)))
            request.tick()
    except FontError as error:
        raise SourceError(f"{path}: {error}") from None
    if not font.sequences:
        reading.notes.append(
            "this Pillow has no Raqm, so emoji made of several characters (families, professions, keycaps) were skipped"
        )
    return reading


def _read_license(data: bytes, reading: Reading) -> None:
    """Take the license from the first line of its file, and the author from the line of `license_text`."""
    lines = (printable(line).strip(" #*=\t") for line in data[:4096].decode("utf-8", errors="replace").splitlines())
    first, *others = [line for line in lines if line] or [UNKNOWN]
    reading.license = first[:_LICENSE_LENGTH]
    reading.author = next((line.removeprefix(AUTHOR) for line in others if line.startswith(AUTHOR)), "")
