"""What `--only` takes of the icons: names by pattern, groups of emoji, categories of a collection."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache

from train.data.emoji import read_emoji
from train.data.names import slug

EXAMPLES = 6  # names that a sentence gives


class Choice:
    """Takes an icon that one of the terms fits, or every icon where there are none; remembers what it was asked for.

    A term is a pattern of the icon's name (`face*`, any case, spaces as such or as hyphens), a group of emoji, which
    icons with an emoji's English name belong to, or the name of a category.
    """

    def __init__(self, terms: Sequence[str] = ()) -> None:
        self.terms = tuple(dict.fromkeys(term.casefold() for term in terms))
        self._met: set[str] = set()
        self._names: dict[str, None] = {}
        self._labels: set[str] = set()

    def takes(self, name: str, categories: Iterable[str] = ()) -> bool:
        """Whether the icon of this name, without folder and ending, is wanted."""
        if not self.terms:
            return True
        forms = (name.casefold(), slug(name))
        labels = {slug(category) for category in categories} | {_emoji_groups().get(forms[1], "")} - {""}
        met = {term for term in self.terms if term in labels or any(fnmatchcase(form, term) for form in forms)}
        self._met |= met
        self._names[forms[1] or name] = None
        self._labels |= labels
        return bool(met)

    def complaint(self) -> str:
        """One sentence on the first term that fits nothing, empty where there is none, or where there were no icons."""
        unmet = next((term for term in self.terms if term not in self._met), None)
        if unmet is None or not self._names:
            return ""
        near = get_close_matches(unmet.strip("*?"), self._names, EXAMPLES)
        examples = list(dict.fromkeys((*near, *self._names)))[:EXAMPLES]
        others = len(self._names) - len(examples)
        there_are = ", ".join(examples) + (f" and {others:,} others" if others else "")
        groups = f"; groups: {', '.join(sorted(self._labels))}" if self._labels else ""
        return f"--only: no icon is called {unmet!r}; there are {there_are}{groups}"


@cache
def _emoji_groups() -> dict[str, str]:
    return {slug(emoji.name): emoji.group for emoji in read_emoji()}
