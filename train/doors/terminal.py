"""What the commands of the door share: reading icons with a counter, and errors that are one sentence."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from generator.decode import TRANSPARENT_CODE, Color, parse_color
from generator.encoder import EncoderError
from generator.enlarger import EnlargerError
from generator.studio import DeviceError
from train.adversary.distributed import ProcessLostError
from train.data.icons import IconSet, SourceError, load_icons
from train.data.names import printable
from train.run.folder import RunError
from train.run.sitting import TrainingError

DEFAULT_BACKGROUND = "#ffffff"


class UsageError(Exception):
    """Options that do not go together or cannot be read: one sentence."""


@contextmanager
def sentences() -> Iterator[None]:
    """Turn errors that a person can mend into one sentence on stderr: exit code 2, or 1 for a training gone wrong."""
    code = 2
    try:
        yield
    except (SourceError, RunError, DeviceError, EncoderError, EnlargerError, UsageError) as error:
        message = str(error)
    except (TrainingError, ProcessLostError) as error:
        message, code = str(error), 1
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message += "; the icons are as they were: make room, remove what was written, then try again"
    else:
        return
    Console(stderr=True).print(Text(printable(message), style="red"), soft_wrap=True)
    raise typer.Exit(code)


def read_color(background: str) -> Color:
    """Read the option --background. Raises UsageError."""
    try:
        return parse_color(background)
    except ValueError as error:
        raise UsageError(f"--background: {error}") from None


def behind(background: str | None, *, alpha: bool) -> str | None:
    """What the options --background and --alpha say together. Raises UsageError when they differ."""
    if alpha and background not in (None, TRANSPARENT_CODE):
        raise UsageError("Give --background or --alpha, not both.")
    return TRANSPARENT_CODE if alpha else background


def read_icons(sources: list[Path], *, size: int, background: str | None, only: str) -> IconSet:
    """Read the sources as the options say, with a counter on a terminal. Raises ``SourceError``.

    Without a background icons stay transparent, unless all are opaque.
    """
    logging.getLogger("PIL").addHandler(logging.NullHandler())  # its remarks on broken files are in the report
    terms = [term.strip() for term in only.split(",") if term.strip()]
    with Console(stderr=True).status("reading icons") as status:
        load = partial(
            load_icons,
            sources,
            size=size,
            only=terms,
            progress=lambda count: status.update(f"reading icons: {count:,}") if count % 64 == 0 else None,
        )
        icons = load(background=read_color(background or TRANSPARENT_CODE))
        is_opaque = background is None and bool((icons.pixels[..., 3] == 255).all())
        return load(background=read_color(DEFAULT_BACKGROUND)) if is_opaque else icons
