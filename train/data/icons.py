"""Reads sources into one set of training icons, with the report on it."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from json import dumps
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from generator.card import license_text
from generator.decode import HIDDEN, Color, color_code
from generator.folders import require_empty, writing
from generator.gray import Threshold, in_words
from generator.pictures import enlarge, grid
from generator.transparency import WHITE, as_image, over
from train.data.choice import Choice
from train.data.inspection import (
    Duplicate,
    Report,
    all_left_out,
    blank,
    color_statistics,
    gray,
    mode_histogram,
    near_duplicates,
    size_histogram,
    source_report,
    warnings_on,
)
from train.data.names import printable, slug
from train.data.reading import UNKNOWN, Broken, Icon, Reading, Request, SourceError
from train.data.sources import IMAGE_SUFFIXES, read_source

__all__ = ["MINIMUM", "IconSet", "SourceError", "load_icons", "write_icons", "write_report"]

MINIMUM = 16  # icons that a set needs: a batch of the default recipe
SHEET_LIMIT = 1024  # icons on reals.png; a larger set is shown in even steps
MEAN_SIZE = 256  # pixels of mean.png
_NUMBER = re.compile(r"^\d{4,}-")  # what write_icons puts before a name


@dataclass(frozen=True)
class IconSet:
    """Training icons without exact duplicates. ``digest``: SHA-256 of the pixels."""

    name: str
    pixels: NDArray[np.uint8]
    """(N, size, size, 3) RGB, (N, size, size, 4) premultiplied RGBA, or (N, size, size, 1) gray."""
    names: list[str]
    license: str
    author: str
    """Empty where no source says it."""
    report: Report
    background: Color
    threshold: Threshold

    @property
    def digest(self) -> str:
        """SHA-256 over shape and pixels, 64 hex digits."""
        return self.report.digest


def load_icons(
    sources: Sequence[Path],
    *,
    size: int = 64,
    background: Color = (255, 255, 255),
    threshold: Threshold = None,
    only: Sequence[str] = (),
    progress: Callable[[int], None] | None = None,
) -> IconSet:
    """Read all sources, in their order, into one set; on a gray background they are gray.

    ``threshold`` makes those black and white; ``only`` takes the icons that one of these terms fits
    (train/data/choice.py); ``progress`` is told how many icons were read. Raises ``SourceError`` where a source cannot
    be used, where a term fits nothing, or where fewer than ``MINIMUM`` icons are left.
    """
    if not sources:
        raise SourceError("No source of icons was given: name a folder, an archive, a collection, a bundle or a font")
    counter = _Counter(progress)
    choice = Choice(only)
    request = Request(size=size, background=background, choice=choice, tick=counter.tick, threshold=threshold)
    readings = [read_source(path, request) for path in sources]
    if complaint := choice.complaint():
        raise SourceError(complaint)
    kept, duplicates = _without_duplicates([icon for reading in readings for icon in reading.icons])
    if len(kept) < MINIMUM:
        raise SourceError(_too_few(sources, readings, len(kept), len(duplicates), background))
    pixels = np.stack([icon.decoded.pixels for icon in kept])
    names = [icon.name for icon in kept]
    set_name = "+".join(dict.fromkeys(reading.name for reading in readings))[:200]
    set_license = _combined([reading.license for reading in readings], readings) or UNKNOWN
    set_author = _combined([reading.author for reading in readings], readings)
    report = _report(sources, readings, kept, duplicates, pixels, set_name, (set_license, set_author), request)
    return IconSet(set_name, pixels, names, set_license, set_author, report, background, threshold)


def write_report(icons: IconSet, folder: Path) -> None:
    """Write report.json, reals.png (the icons, or an even choice of them) and mean.png (their mean) into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = dumps(asdict(icons.report), indent=2, ensure_ascii=False)
    with writing(folder / "report.json"):
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    count = len(icons.pixels)
    shown = [index * count // min(count, SHEET_LIMIT) for index in range(min(count, SHEET_LIMIT))]
    columns = max(1, round(len(shown) ** 0.5 * 1.25))
    with writing(folder / "reals.png"):
        grid([as_image(icons.pixels[index]) for index in shown], columns).save(folder / "reals.png")
    mean = as_image(np.rint(icons.pixels.mean(axis=0, dtype=np.float64)).astype(np.uint8))
    with writing(folder / "mean.png"):
        enlarge(mean, MEAN_SIZE, plain=True).save(folder / "mean.png")


def write_icons(icons: IconSet, folder: Path) -> None:
    """Write each icon as "0001-its-name.png", and a known license or author as LICENSE.

    Reading the folder again gives the same pixels in the same order, the same license and the same author.

    Raises ``OSError``, also where the folder already holds something.
    """
    require_empty(folder)
    folder.mkdir(parents=True, exist_ok=True)
    digits = max(4, len(str(len(icons.names))))
    for number, (name, pixels) in enumerate(zip(icons.names, icons.pixels, strict=True), start=1):
        file = folder / f"{number:0{digits}}-{_file_stem(name)}.png"
        with writing(file):
            as_image(pixels).save(file)
    if icons.author or icons.license != UNKNOWN:
        (folder / "LICENSE").write_text(license_text(icons.license, icons.author), encoding="utf-8")


class _Counter:
    """Counts icons over all sources, and tells."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self._progress = progress
        self._count = 0

    def tick(self) -> None:
        self._count += 1
        if self._progress is not None:
            self._progress(self._count)


def _without_duplicates(icons: Sequence[Icon]) -> tuple[list[Icon], list[Duplicate]]:
    """The first icon of each picture, and those that repeat it."""
    first: dict[bytes, Icon] = {}
    duplicates = []
    for icon in icons:
        kept = first.setdefault(hashlib.sha256(icon.decoded.pixels.tobytes()).digest(), icon)
        if kept is not icon:
            duplicates.append(Duplicate(icon.name, kept.name))
    return list(first.values()), duplicates


def _hidden(readings: Sequence[Reading]) -> int:
    """How many icons have the color of the background, before duplicates are left out, which they are of each other."""
    return sum(HIDDEN in icon.decoded.notes for reading in readings for icon in reading.icons)


def _hides(count: int, background: Color) -> str:
    return (
        f"the background {color_code(background)} hides {count:,} icon{'s' if count > 1 else ''}: "
        f"{'' if len(background) == 1 else 'keep their transparency with --alpha, or '}"
        "name another color with --background"
    )


def _too_few(
    sources: Sequence[Path], readings: Sequence[Reading], count: int, duplicates: int, background: Color
) -> str:
    where = ", ".join(str(source) for source in sources)
    found = "no icon that can be read" if not count else f"only {count} different icon{'s' if count > 1 else ''}"
    details = []
    if duplicates:
        details.append(f"{duplicates:,} duplicates")
    broken = [broken for reading in readings for broken in reading.broken]
    if broken:
        details.append(f"{len(broken):,} unusable, such as {broken[0].name}: {broken[0].reason}")
    details += [f"{left_out.count:,} {why}" for why, left_out in all_left_out(readings).items()]
    if hidden := _hidden(readings):
        details.append(_hides(hidden, background))
    besides = f" (besides {'; '.join(details)})" if details else ""
    return f"{where}: {found}{besides}; training takes at least {MINIMUM}"


def _combined(texts: Sequence[str], readings: Sequence[Reading]) -> str:
    """What the sources say of license or author, joined; with their names where they differ."""
    said = [(text, reading.name) for text, reading in zip(texts, readings, strict=True) if reading.icons]
    if len({text for text, _ in said}) <= 1:
        return said[0][0] if said else ""
    return "; ".join(dict.fromkeys(f"{text} ({name})" for text, name in said if text))[:1000]


def _report(
    sources: Sequence[Path],
    readings: Sequence[Reading],
    kept: Sequence[Icon],
    duplicates: list[Duplicate],
    pixels: NDArray[np.uint8],
    name: str,
    credit: tuple[str, str],
    request: Request,
) -> Report:
    names = [icon.name for icon in kept]
    blanks = [name for name, is_blank in zip(names, blank(pixels), strict=True) if is_blank]
    digest, seen = _digest(pixels), over(pixels, WHITE)  # transparent icons are looked at on paper
    near, near_count = near_duplicates(seen, names)
    mean, deviation = color_statistics(seen)
    gray_share = float(gray(seen).mean())
    hidden = _hidden(readings)
    hides = [_hides(hidden, request.background)] if hidden else []
    notes = [note[0].upper() + note[1:] + "." for note in chain(hides, *(reading.notes for reading in readings))]
    size = request.size
    return Report(
        name=name,
        license=credit[0],
        author=credit[1],
        count=len(kept),
        size=size,
        background=color_code(request.background),
        digest=digest,
        sources=[source_report(printable(str(path)), reading) for path, reading in zip(sources, readings, strict=True)],
        sizes=size_histogram(kept),
        modes=mode_histogram(kept),
        animated=[icon.name for icon in kept if icon.decoded.frames > 1],
        enlarged=sum(max(icon.decoded.width, icon.decoded.height) < size for icon in kept),
        padded=sum(icon.decoded.width != icon.decoded.height for icon in kept),
        duplicates=duplicates,
        near_duplicates=near,
        near_duplicate_count=near_count,
        broken=list(chain.from_iterable(reading.broken for reading in readings)),
        noted=[Broken(icon.name, note) for icon in kept for note in icon.decoded.notes],
        left_out=all_left_out(readings),
        blank=blanks,
        mean=mean,
        deviation=deviation,
        gray_share=gray_share,
        colors=in_words(pixels.shape[-1], request.threshold),
        warnings=notes + warnings_on(kept, pixels.shape[-1] > 1 and gray_share == 1.0, len(blanks), size),
    )


def _digest(pixels: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _file_stem(name: str) -> str:
    """A name as a file name: no folder, no ending, and without the number that an earlier writing put before it."""
    file = PurePosixPath(name)
    base = file.stem if file.suffix.lower() in IMAGE_SUFFIXES else file.name
    return slug(_NUMBER.sub("", base)) or "icon"
