"""The emoji of Unicode with their groups, from the list beside this file, and the group names that `--only` takes.

`--only` name   Unicode group (emoji-test.txt)      less / more
faces           Smileys & Emotion, subgroups face-*  the round faces, and the costumed ones (ghost, robot)
people          People & Body
animals         Animals & Nature                     and cat-face, monkey-face
food            Food & Drink
travel          Travel & Places
activities      Activities
objects         Objects
symbols         Symbols                              and heart, emotion (of Smileys & Emotion)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EMOJI_LIST = Path(__file__).with_name("emoji-test.txt")
GROUPS = ("faces", "people", "animals", "food", "travel", "activities", "objects", "symbols")

_GROUP_OF_UNICODE = {
    "People & Body": "people",
    "Animals & Nature": "animals",
    "Food & Drink": "food",
    "Travel & Places": "travel",
    "Activities": "activities",
    "Objects": "objects",
    "Symbols": "symbols",
}
_GROUP_OF_SMILEYS = {"cat-face": "animals", "monkey-face": "animals", "heart": "symbols", "emotion": "symbols"}
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_LINE = re.compile(r"(?P<code>[0-9A-F ]+?)\s*;\s*fully-qualified\s*#\s*\S+\s+E[\d.]+\s+(?P<name>.+)")


@dataclass(frozen=True)
class Emoji:
    """One emoji: its characters, its English name ("grinning face"), and its group, one of ``GROUPS``."""

    text: str
    name: str
    group: str


def read_emoji(path: Path = EMOJI_LIST) -> list[Emoji]:
    """The emoji without flags and skin-tone variants, in Unicode's order."""
    return list(_parse(path))


def _parse(path: Path) -> Iterator[Emoji]:
    unicode_group = subgroup = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# group:"):
            unicode_group = line.partition(":")[2].strip()
        elif line.startswith("# subgroup:"):
            subgroup = line.partition(":")[2].strip()
        elif match := _LINE.match(line):
            group = _group(unicode_group, subgroup)
            characters = [int(code, 16) for code in match["code"].split()]
            if group and not any(character in _SKIN_TONES for character in characters):
                yield Emoji("".join(map(chr, characters)), match["name"].strip(), group)


def _group(unicode_group: str, subgroup: str) -> str:
    """The group's name, empty for flags and components."""
    if unicode_group == "Smileys & Emotion":
        return "faces" if subgroup.startswith("face-") else _GROUP_OF_SMILEYS.get(subgroup, "symbols")
    return _GROUP_OF_UNICODE.get(unicode_group, "")
