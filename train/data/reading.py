"""What is asked of a source of icons, and what it gives: icons by name, and everything that was left out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from generator.decode import Color, Decoded, DecodeError
from generator.gray import Threshold
from train.data.choice import Choice
from train.data.vectors import Renderer

UNKNOWN = "unknown"
NAMES_LIMIT = 100  # names that are kept of what was left out for one reason; all are counted


class SourceError(Exception):
    """Icons that cannot be used at all; ``str()`` is one sentence that names the source."""


class Why(StrEnum):
    """Why something in a source is no icon, as it is told after a count."""

    OTHER = "other files"
    CONCEALED = "hidden files and folders"
    LINK = "links to what the source holds besides"
    UNCHOSEN = "not chosen by --only"
    WITHDRAWN = "hidden in their collection"
    LACKING = "emoji that the font lacks"
    UNDRAWN = "emoji that the font has, but that cannot be drawn here"


@dataclass
class LeftOut:
    """How many were left out for a reason, and the first of their names."""

    count: int = 0
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Broken:
    """A file that was skipped, and why; or one that was read, and what of it was ignored."""

    name: str
    reason: str


@dataclass(frozen=True)
class Icon:
    """One icon that was read, under the name that people know it by."""

    name: str
    decoded: Decoded


@dataclass
class Reading:
    """What one source gave, and what not."""

    name: str
    kind: str
    license: str = UNKNOWN
    author: str = ""
    icons: list[Icon] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    left_out: dict[Why, LeftOut] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def leave_out(self, why: Why, name: str) -> None:
        """Count what is no icon, and name it while there is room."""
        left_out = self.left_out.setdefault(why, LeftOut())
        left_out.count += 1
        if len(left_out.names) < NAMES_LIMIT:
            left_out.names.append(name)

    def count(self, why: Why) -> int:
        """How many were left out for this reason."""
        return self.left_out[why].count if why in self.left_out else 0

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note a file that cannot be read, and go on."""
        try:
            yield
        except DecodeError as error:
            self.broken.append(Broken(error.name, error.reason))


@dataclass(frozen=True)
class Request:
    """How icons are read: ``size`` in pixels, what is behind them, which to take, who draws vectors, whom to tell.

    ``threshold``: what makes gray ones black and white.
    """

    size: int
    background: Color
    choice: Choice = field(default_factory=Choice)
    renderer: Renderer = field(default_factory=Renderer)
    tick: Callable[[], None] = lambda: None
    threshold: Threshold = None
