"""What is asked of a source of icons, and what it gives: icons by name, and everything that was left out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from generator.decode import Color, Decoded, DecodeError
from train.data.choice import Choice
from train.data.vectors import Renderer

UNKNOWN = "unknown"


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
    """What one source gave, and what not.

    ``ignored``: files that are no images; ``lacking``: emoji that a font does not have; ``hidden``: icons that their
    collection has withdrawn; ``unchosen``: icons that ``--only`` does not take.
    """

    name: str
    kind: str
    license: str = UNKNOWN
    author: str = ""
    icons: list[Icon] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    ignored: int = 0
    lacking: int = 0
    unchosen: int = 0
    hidden: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note a file that cannot be read, and go on."""
        try:
            yield
        except DecodeError as error:
            self.broken.append(Broken(error.name, error.reason))


@dataclass(frozen=True)
class Request:
    """How icons are read: ``size`` in pixels, what is behind them, which to take, who draws vectors, whom to tell."""

    size: int
    background: Color
    choice: Choice = field(default_factory=Choice)
    renderer: Renderer = field(default_factory=Renderer)
    tick: Callable[[], None] = lambda: None
