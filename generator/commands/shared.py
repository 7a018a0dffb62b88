"""What the commands share: their options, errors that are one sentence, and the writing of files."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from generator.attention import NoAttentionError
from generator.checkpoint import Bundle
from generator.decode import DecodeError
from generator.encoder import EncoderError
from generator.enlarger import EnlargerError
from generator.files import BundleError
from generator.folders import write_file
from generator.pictures import png
from generator.points import names_point
from generator.seeds import Seed
from generator.studio import DeviceError
from generator.wildness import WILDEST, truncation_of

BundlePath = Annotated[
    Path, typer.Option("--bundle", help="A bundle, or a run: its best.", show_default="the one that ships")
]
SeedText = Annotated[str, typer.Option("--seed", help="An integer, or any text.", show_default="a fresh one")]
FirstSeed = Annotated[str, typer.Option("--seed", help="The first one: an integer, or any text.")]
Wildness = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=WILDEST,
        metavar="PERCENT",
        help="0: plain; 100: as in training; 150: wild.",
        show_default="the bundle's",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--out", "--output", help="The PNG file to write.", show_default="named by model and seed"),
]


FOREIGN = frozenset({".png", ".webp", ".gif", ".apng", ".jpg", ".jpeg", ".bmp", ".tiff", ".avif", ".safetensors"})
"""Suffixes of what else a person may expect."""


class UsageError(Exception):
    """Options that cannot be followed: one sentence."""


@contextmanager
def sentences() -> Iterator[None]:
    """Turn the errors that people can act on into one sentence on stderr and exit code 2."""
    try:
        yield
    except (BundleError, DecodeError, DeviceError, EncoderError, EnlargerError, NoAttentionError, UsageError) as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message += "; the bundle is as it was: make room, remove what was written, then try again"
    else:
        return
    Console(stderr=True).print(Text(printable(message), style="red"), soft_wrap=True)
    raise typer.Exit(2)


def parse_seed(text: str) -> Seed:
    """The seed that a text stands for, a fresh one for none. Raises UsageError."""
    try:
        seed = Seed.parse(text) if text else Seed.random()
    except ValueError as error:
        raise UsageError(str(error)) from error
    if names_point(seed.text):
        raise UsageError(f"{seed.text}: only the bot that has given this name knows the icon.")
    return seed


def truncation(wildness: int | None) -> float | None:
    """The truncation of the option --wildness; None is the bundle's own."""
    return None if wildness is None else truncation_of(wildness)


def save(image: Image.Image, path: Path, caption: str, model: Bundle, **texts: str) -> None:
    """Write a picture as a PNG that names its model, and say so. Raises UsageError."""
    write(png(image, texts | {"Model": model.digest}), path, caption)


def write(content: bytes, path: Path, caption: str) -> None:
    """Write a file, and say what it shows and where it is. Raises UsageError."""
    if path.exists() and not path.is_file():  # a folder, a device, a pipe that nobody reads
        raise UsageError(f"{path}: cannot be written (it is there and is not a file).")
    try:
        write_file(path, content)  # what stood there stays where the disk is full
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}).") from error
    Console().print(Text(printable(f"{caption} -> {path}")))


def target(given: Path | None, model: Bundle, what: str, suffix: str = ".png") -> Path:
    """The file to write: the one that was given, or one named by the model and what it shows.

    Raises UsageError when the name is that of another kind of picture.
    """
    if given is None:
        return Path(f"mojigan-{model.digest[:4]}-{what}{suffix}")
    if given.suffix.lower() in FOREIGN - {suffix}:
        raise UsageError(
            f"{given}: what is written is no {given.suffix} file; call it {given.with_suffix(suffix).name}."
        )
    return given


def progress_bar() -> Progress:
    """A bar on stderr that goes when it is done; `add_task` names what is counted."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)


def printable(text: str) -> str:
    """The text without what could steer the terminal or cannot be encoded: a card or a seed may hold anything."""
    return "".join(c if c.isprintable() else "?" for c in text)
