"""What the commands of the door share: reading icons with a counter, and errors that are one sentence, signals."""

import errno
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from generator.decode import TRANSPARENT, Color, gray_of, parse_color
from generator.encoder import EncoderError
from generator.enlarger import EnlargerError
from generator.gray import Threshold, parse_threshold
from generator.studio import DeviceError
from generator.transparency import WHITE
from train.adversary.distributed import ProcessLostError
from train.data.icons import IconSet, SourceError, load_icons
from train.data.names import printable
from train.run.folder import RunError
from train.run.sitting import TrainingError

Alpha = Annotated[bool, typer.Option("--alpha", help="Four channels, even if all icons are opaque.")]
Gray = Annotated[bool, typer.Option("--gray", help="One channel: luminance, on --background, by default white.")]
ThresholdText = Annotated[
    str | None,
    typer.Option(
        "--threshold",
        metavar="LUMINANCE",
        help="Black and white: what is at least so bright, such as 0.5, is white; otsu: as each icon asks for.",
        show_default="none",
    ),
]


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


def read_look(
    background: str | None, *, alpha: bool, gray: bool = False, threshold: str | None = None
) -> tuple[Color | None, Threshold]:
    """What the options --background, --alpha, --gray and --threshold say together. Raises UsageError when they differ.

    What stands behind the icons, a gray for gray ones, or None where nothing was said; and the threshold.
    """
    try:
        color = None if background is None else parse_color(background)
    except ValueError as error:
        raise UsageError(f"--background: {error}") from None
    try:
        cut = None if threshold is None else parse_threshold(threshold)
    except ValueError as error:
        raise UsageError(f"--threshold: {error}") from None
    if alpha and color not in (None, TRANSPARENT):
        raise UsageError("Give --background or --alpha, not both.")
    if not gray and cut is None:
        return TRANSPARENT if alpha else color, None
    if alpha or color == TRANSPARENT:
        name = "--gray" if gray else "--threshold"
        raise UsageError(f"{name} makes opaque icons: leave out {'--alpha' if alpha else '--background transparent'}.")
    return gray_of(color or WHITE, cut), cut


def read_icons(
    sources: list[Path], *, size: int, background: Color | None, only: str, threshold: Threshold = None
) -> IconSet:
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
            threshold=threshold,
            progress=lambda count: status.update(f"reading icons: {count:,}") if count % 64 == 0 else None,
        )
        icons = load(background=background or TRANSPARENT)
        is_opaque = background is None and bool((icons.pixels[..., 3] == 255).all())
        return load(background=WHITE) if is_opaque else icons


class StopSignal:
    """While entered, Ctrl-C or SIGTERM asks for a stop; the same signal again ends the process as usual."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, Any] = {}

    def asked(self) -> bool:
        """Whether somebody asked for a stop."""
        return self._asked

    def __enter__(self) -> None:
        self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self._asked = True
        signal.signal(number, self._before[number])
