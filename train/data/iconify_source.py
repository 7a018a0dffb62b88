"""Iconify collections as sources of icons: by themselves, and in folders and archives."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from generator.decode import Decoded, DecodeError, read_file
from train.data.iconify import FILES, ICONS, Collection, CollectionIcon
from train.data.names import slug
from train.data.reading import UNKNOWN, Broken, Icon, Reading, Request, SourceError, Why

COLLECTION = "Iconify collection"
CollectionFiles: TypeAlias = defaultdict[PurePosixPath, dict[str, bytes]]
"""What an archive or a folder has under the names of a collection's files, by folder and name."""


def read_json(path: Path, request: Request) -> Reading:
    """A collection by its `icons.json`, or by another name as in the package of all collections."""
    beside = (path.with_name(name) for name in FILES) if path.name == ICONS else (path,)
    reading = Reading(slug(path.stem) or "collection", COLLECTION)
    try:
        found = Collection.open(*(read_file(file, str(file)) if file.is_file() else b"" for file in beside))
    except DecodeError as error:
        raise SourceError(str(error)) from None
    except ValueError as error:
        raise SourceError(f"{path}: {error}") from None
    if found is None:
        raise SourceError(f"{path}: not an Iconify collection, which has a prefix and icons")
    _draw_collection(found, request, reading)
    _credit([found], reading)
    return reading


def read_collections(files: CollectionFiles, request: Request, reading: Reading) -> None:
    """Draw the collections of a folder or an archive; other files of their names are counted."""
    collections = []
    for folder, contents in sorted(files.items()):
        try:
            found = Collection.open(*(contents.get(name, b"") for name in FILES))
        except ValueError as error:
            reading.broken.append(Broken(str(folder / ICONS), str(error)))
            continue
        if found is None:
            for name in contents:
                reading.leave_out(Why.OTHER, str(folder / name))
        else:
            collections.append(found)
    if collections and not reading.icons:
        reading.kind = COLLECTION
    for found in collections:
        _draw_collection(found, request, reading)
    _credit(collections, reading)


def _draw_collection(collection: Collection, request: Request, reading: Reading) -> None:
    drawn: dict[str, Decoded | str] = {}  # most aliases are another name for the same picture
    for icon in collection:
        if not request.choice.takes(icon.name, icon.categories):
            reading.leave_out(Why.UNCHOSEN, icon.name)
            continue
        if icon.hidden:
            reading.leave_out(Why.WITHDRAWN, icon.name)
            continue
        picture = icon.problem or drawn.get(icon.svg) or drawn.setdefault(icon.svg, _draw(icon, request))
        if isinstance(picture, str):
            reading.broken.append(Broken(icon.name, picture))
        else:
            reading.icons.append(Icon(icon.name, picture))
            request.tick()


def _draw(icon: CollectionIcon, request: Request) -> Decoded | str:
    """The picture, or why there is none."""
    svg = icon.svg.encode("utf-8", "replace")
    try:
        return request.renderer.draw(
            svg, size=request.size, background=request.background, threshold=request.threshold, name=icon.name
        )
    except DecodeError as error:
        return error.reason


def _credit(collections: Sequence[Collection], reading: Reading) -> None:
    """Name a reading after its collections where it has nothing else, and their authors and licenses."""
    if reading.kind == COLLECTION:
        reading.name = slug("+".join(each.prefix for each in collections)) or reading.name
        reading.license = ""
    if collections:
        licenses = (reading.license, *(each.license or UNKNOWN for each in collections))
        authors = (reading.author, *(each.author for each in collections))
        reading.license, reading.author = (
            "; ".join(dict.fromkeys(filter(None, texts))) for texts in (licenses, authors)
        )
