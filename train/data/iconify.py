"""Collections of Iconify: one `icons.json` with the bodies of many SVG icons, and beside it their license and author.

The format: https://iconify.design/docs/types/iconify-json.html, .../iconify-info.html, .../iconify-json-metadata.html.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from train.data.names import printable

ICONS = "icons.json"
FILES = (ICONS, "info.json", "metadata.json")  # in the order that `Collection.open` takes them

_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
_DEFAULT_SIDE = 16  # of an icon that does not say its width or height
_Length = Annotated[float, Field(gt=0, lt=1e9)]
_Place = Annotated[float, Field(gt=-1e9, lt=1e9)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


_S = TypeVar("_S", bound=_Section)


class _Shape(_Section):
    """What an icon, an alias or the whole collection may say; the nearest to the icon counts."""

    left: _Place | None = None
    top: _Place | None = None
    width: _Length | None = None
    height: _Length | None = None
    hidden: bool | None = None
    rotate: int = 0
    """Quarter turns clockwise, after the flips; those of an alias are added to its parent's."""
    h_flip: bool = Field(default=False, alias="hFlip")
    v_flip: bool = Field(default=False, alias="vFlip")


class _Icon(_Shape):
    body: str


class _Alias(_Shape):
    parent: str


class _Person(_Section):
    name: str
    url: str = ""


class _License(_Section):
    title: str
    spdx: str = ""


class _Info(_Section):
    """Older collections have plain texts for author and license."""

    author: _Person | str = ""
    license: _License | str = ""

    def author_name(self) -> str:
        """The author, with an address where there is one."""
        if isinstance(self.author, str):
            return self.author
        return f"{self.author.name} ({self.author.url})" if self.author.url else self.author.name

    def license_name(self) -> str:
        """The license's SPDX identifier, else its title."""
        return self.license if isinstance(self.license, str) else self.license.spdx or self.license.title


class _Collection(_Shape):
    """`icons.json` as a whole; each icon is looked at by itself, so that a damaged one costs no other."""

    prefix: str
    icons: dict[str, Any]
    aliases: dict[str, Any] = {}


class _Metadata(_Section):
    categories: dict[str, list[str]] = {}


@dataclass(frozen=True)
class CollectionIcon:
    """One icon: a whole SVG, or why there is none."""

    name: str
    svg: str = ""
    categories: tuple[str, ...] = ()
    hidden: bool = False
    """Withdrawn or renamed: it is only there for pages that still use it."""
    problem: str = ""


@dataclass(frozen=True)
class Collection:
    """A collection that was opened; ``license`` and ``author`` are empty where it does not say them."""

    prefix: str
    license: str
    author: str
    _content: _Collection = field(repr=False)
    _categories: dict[str, list[str]] = field(repr=False)

    @classmethod
    def open(cls, icons: bytes, info: bytes = b"", metadata: bytes = b"") -> Self | None:
        """Open a collection by what is in its files; None where ``icons`` is something else.

        Raises ``ValueError``, one sentence, where it is damaged.
        """
        data = _load(icons)
        if not isinstance(data, dict) or not {"prefix", "icons"} <= data.keys():
            return None
        try:
            content = _Collection.model_validate(data)
        except ValidationError as error:
            raise ValueError(f"not a collection as Iconify's are: {_first(error)}") from None
        about = _described(_Info, info, data.get("info", {}))
        described = _described(_Metadata, metadata, data)
        name, license_, author = map(printable, (content.prefix, about.license_name(), about.author_name()))
        return cls(name, license_, author, content, _by_icon(described))

    def __iter__(self) -> Iterator[CollectionIcon]:
        """The icons, then the aliases, which are icons under other names, with another turn or frame."""
        for name in dict.fromkeys((*self._content.icons, *self._content.aliases)):
            try:
                yield self._resolve(name)
            except ValidationError as error:  # which is a ValueError, too
                yield CollectionIcon(printable(name), problem=f"not an icon as Iconify's are: {_first(error)}")
            except ValueError as error:
                yield CollectionIcon(printable(name), problem=str(error))

    def _resolve(self, name: str) -> CollectionIcon:
        """An icon with what it takes over from its parent and from the collection."""
        aliases: dict[str, _Alias] = {}
        target = name
        while target not in self._content.icons:
            if target in aliases or target not in self._content.aliases:
                raise ValueError(f"an alias of {printable(target)!r}, and there is no such icon")
            aliases[target] = _Alias.model_validate(self._content.aliases[target])
            target = aliases[target].parent
        icon = _Icon.model_validate(self._content.icons[target])
        shapes = [*aliases.values(), icon, self._content]
        return CollectionIcon(
            printable(name),
            _whole(icon.body, shapes),
            tuple(self._categories.get(name) or self._categories.get(target) or ()),
            next((shape.hidden for shape in shapes if shape.hidden is not None), False),
        )


def _whole(body: str, shapes: Sequence[_Shape]) -> str:
    """A body as an SVG in its frame; flipped first, then turned."""

    def nearest(places: Iterable[float | None], default: float) -> float:
        return next((place for place in places if place is not None), default)

    left, top = nearest((shape.left for shape in shapes), 0), nearest((shape.top for shape in shapes), 0)
    width = nearest((shape.width for shape in shapes), _DEFAULT_SIDE)
    height = nearest((shape.height for shape in shapes), _DEFAULT_SIDE)
    transform = ""
    if sum(shape.h_flip for shape in shapes) % 2:
        left, transform = -(left + width), "scale(-1 1)"
    if sum(shape.v_flip for shape in shapes) % 2:
        top, transform = -(top + height), "scale(1 -1) " + transform
    for _ in range(sum(shape.rotate for shape in shapes) % 4):
        left, top, width, height = -(top + height), left, height, width
        transform = "rotate(90) " + transform
    drawn = f'<g transform="{transform}">{body}</g>' if transform else body
    return f'<svg {_NAMESPACES} viewBox="{left} {top} {width} {height}">{drawn}</svg>'


def _load(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("damaged or cut off: not JSON") from None


def _described(kind: type[_S], beside: bytes, within: object) -> _S:
    """What the file beside the icons says, else the one with the icons; nothing where it is said in another way."""
    try:
        return kind.model_validate_json(beside) if beside else kind.model_validate(within)
    except ValidationError:
        return kind()


def _by_icon(metadata: _Metadata) -> dict[str, list[str]]:
    """The categories of each icon."""
    found: dict[str, list[str]] = {}
    for category, icons in metadata.categories.items():
        for icon in icons:
            found.setdefault(icon, []).append(category)
    return found


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, and where."""
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
