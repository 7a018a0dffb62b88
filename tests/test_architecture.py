"""The rules of the house: who may import whom, that nothing goes in a circle, where Discord stays outside, no pickles.

Each rule is a function that yields a sentence for each offence, and has planted offences below, which it must find.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from itertools import pairwise

import pytest

from tests.house import (
    ROOMS,
    ROOT,
    House,
    Import,
    arrows,
    imports,
    modules,
    plant,
    read_house,
    room_of,
    shortest_way,
    target_of,
    within,
)

MAY_IMPORT = {
    "generator": set[str](),
    "train": {"generator"},
    "bot": {"generator", "migrations"},  # `bot db upgrade` runs them
    "migrations": {"bot.db"},
    "mojigan": {"generator"},  # the doors are imported by name, when they are asked for
}
"""The other parts of the house that one may import."""

KNOWS_DISCORD = (
    # in a feature's room
    *("bot.*.command", "bot.*.card", "bot.*.feature"),
    *("bot.icons.asking", "bot.icons.attached", "bot.icons.buttons", "bot.icons.download", "bot.icons.use"),
    *("bot.daily.outlet", "bot.retraining.board"),
    # what every answer is made of
    *("bot.talk.acknowledging", "bot.talk.answering", "bot.talk.buttons", "bot.talk.choices", "bot.talk.delivery"),
    *("bot.talk.guard", "bot.talk.interaction", "bot.talk.invitation", "bot.talk.operators", "bot.talk.places"),
    *("bot.talk.reach", "bot.talk.sight", "bot.talk.sync", "bot.talk.translator"),
    # above them
    *("bot.features", "bot.client", "bot.app", "bot.clock", "bot.__main__", "bot.operating.*", "bot.preview.*"),
)
"""Everything else works without Discord, also by way of what it imports."""

PLAN = ROOT / "docs" / "architecture.md"

UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def trespasses(house: House) -> Iterator[str]:
    """Imports from a part of the house that may not be entered."""
    for module, found in house.items():
        part = module.partition(".")[0]
        for each in found:
            target = each.module.partition(".")[0]
            if target not in ROOMS or target == part:
                continue
            if not any(within(each.module, allowed) for allowed in MAY_IMPORT[part]):
                yield f"{module} (line {each.line}) imports {each.module}: {part} may not know {target}."


def circles_of_files(house: House) -> Iterator[str]:
    """Files that import each other, also for types alone, and by way of others."""
    edges = defaultdict[str, set[str]](set)
    for module, target in arrows(house):
        edges[module].add(target)
    for module, target in sorted(arrows(house)):
        way = shortest_way(edges, target, module) if module < target else None
        if way is not None:
            yield f"{module} imports {target}, which comes back to it: {' -> '.join([module, *way])}."


def circles_of_rooms(house: House) -> Iterator[str]:
    """Rooms of one part of the house that need each other."""
    edges, files = defaultdict[str, set[str]](set), dict[tuple[str, str], str]()
    for module, target in arrows(house):
        here, there = room_of(module), room_of(target)
        if here != there and here.partition(".")[0] == there.partition(".")[0]:
            edges[here].add(there)
            files.setdefault((here, there), f"{module} imports {target}")
    for here, there in sorted(files):
        way = shortest_way(edges, there, here) if here < there else None
        if way is not None:
            yield f"{here} and {there} need each other: {'; '.join(files[step] for step in pairwise([here, *way]))}."


def read_plan(text: str) -> dict[str, set[str]]:
    """The arrows of the plan's picture: `a --> b & c` in its mermaid block."""
    picture = re.search(r"```mermaid\n(.*?)```", text, re.DOTALL)
    plan = defaultdict[str, set[str]](set)
    for line in picture[1].splitlines() if picture else ():
        if "-->" in line:
            above, below = ([name.strip() for name in side.split("&")] for side in line.split("-->"))
            for name in above:
                plan[f"bot.{name}"].update(f"bot.{each}" for each in below)
    return plan


def against_the_plan(house: House, plan: dict[str, set[str]]) -> Iterator[str]:
    """Imports within bot/ that go where no arrow of the picture leads, and arrows that nobody goes."""
    used = set()
    for module, target in arrows(house):
        here, there = room_of(module), room_of(target)
        if here == there or not within(module, "bot") or not within(target, "bot") or target == "bot":
            continue
        used.add((here, there))
        if shortest_way(plan, here, there) is None:
            yield f"{module} imports {target}: in docs/architecture.md no arrow leads from {here} to {there}."
    for here, there in sorted((here, there) for here, below in plan.items() for there in below):
        if (here, there) not in used:
            yield f"docs/architecture.md draws an arrow from {here} to {there}, and no file there goes that way."


def ways_to_discord(house: House) -> Iterator[str]:
    """The chains of imports by which a file that must work without Discord comes to it."""
    for module in house:
        if not any(fnmatch(module, each) for each in KNOWS_DISCORD):
            chain = _chain(house, module)
            if chain:
                yield f"{chain[0]} must not know Discord, and does by way of {chain[-2]}: {' -> '.join(chain)}."


def _chain(house: House, start: str) -> list[str] | None:
    waiting, seen = [[start]], {start}
    for chain in waiting:
        for each in house[chain[-1]]:
            if within(each.module, "discord") or within(each.module, "simcord"):
                return [*chain, each.module]
            target = target_of(house, each.module)
            if target is not None and target not in seen:
                seen.add(target)
                waiting.append([*chain, target])
    return None


def unpickling(source: str) -> Iterator[str]:
    """Each place of a source that could run a stranger's pickle."""
    for each in imports(source, "x", is_package=False):
        if each.module.partition(".")[0] in UNPICKLERS or each.module in {"torch.load", "torch.jit.load"}:
            yield f"line {each.line}: import of {each.module}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"torch.load", "torch.jit.load", "torch.hub.load"}:
            yield f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            yield f"line {node.value.lineno}: allow_pickle"


@pytest.fixture(scope="module")
def house() -> dict[str, list[Import]]:
    return read_house()


def test_the_house_is_seen(house: House) -> None:
    assert {
        "bot.icons.service",
        "bot.db.models",
        "generator.studio",
        "train.adversary.trainer",
        "migrations.env",
    } <= house.keys()
    assert any(each.module == "generator.studio.Studio" for each in house["bot.models.library"])
    assert len(read_plan(PLAN.read_text("utf-8"))) > 10


@pytest.mark.parametrize("rule", [trespasses, circles_of_files, circles_of_rooms, ways_to_discord])
def test_the_house_keeps_its_rules(house: House, rule: Callable[[House], Iterator[str]]) -> None:
    assert not (found := list(rule(house))), "\n".join(found)


def test_the_plan_is_drawn_as_it_is(house: House) -> None:
    found = list(against_the_plan(house, read_plan(PLAN.read_text("utf-8"))))
    assert not found, "\n".join(found)


def test_nothing_unpickles() -> None:
    found = [f"{name}: {place}" for name, file in modules().items() for place in unpickling(file.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("generator__a", "import train.adversary.trainer"),
        ("generator__a", "from bot import settings"),
        ("generator__a", "def f():\n    from bot.db import models"),
        ("train__a", "import bot"),
        ("train__a__b", "from ...bot import x"),
        ("bot__a", "from train.adversary.trainer import Trainer"),
        ("bot__a", "if TYPE_CHECKING:\n    import train"),
        ("bot__icons__a", "import train.metrics as m"),
        ("migrations__a", "from bot import icons"),
        ("migrations__a", "import generator"),
    ],
)
def test_a_planted_trespass_is_found(module: str, source: str) -> None:
    (sentence,) = trespasses(plant(**{module: source}))
    assert sentence.startswith(f"{module.replace('__', '.')} (line ")


def test_allowed_imports_are_not_reported() -> None:
    sources = {
        "train__a": "import generator.studio\nfrom generator import decode\nimport torch",
        "bot__a": "from generator.studio import Studio\nimport migrations, discord\nfrom . import b",
        "migrations__a": "from bot.db.models import Base",
    }
    assert list(trespasses(plant(**sources))) == []


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        (
            {"train__data__a": "from train.data import b", "train__data__b": "import train.data.a"},
            "train.data.a imports train.data.b, which comes back to it: train.data.a -> train.data.b -> train.data.a.",
        ),
        (
            {"bot__a": "if TYPE_CHECKING:\n    from bot.b import X", "bot__b": "def f():\n    from bot.a import Y"},
            "bot.a imports bot.b, which comes back to it: bot.a -> bot.b -> bot.a.",
        ),
        (
            {
                "generator__a": "from .b import x",
                "generator__b": "from .c import x",
                "generator__c": "from .a import x",
            },
            "generator.a imports generator.b, which comes back to it: "
            "generator.a -> generator.b -> generator.c -> generator.a.",
        ),
    ],
)
def test_a_planted_circle_of_files_is_found(sources: dict[str, str], sentence: str) -> None:
    assert sentence in list(circles_of_files(plant(**sources)))


def test_a_planted_circle_of_rooms_is_found() -> None:
    house = plant(
        train__data__a="from train.run import folder",
        train__run__folder="",
        train__run__loop="if TYPE_CHECKING:\n    from train.data.b import B",
        train__data__b="",
    )
    assert list(circles_of_files(house)) == []
    assert list(circles_of_rooms(house)) == [
        "train.data and train.run need each other: "
        "train.data.a imports train.run.folder; train.run.loop imports train.data.b."
    ]


def test_a_way_against_the_plan_is_found_and_an_arrow_that_nobody_goes() -> None:
    plan = read_plan("```mermaid\ngraph TD\n  app --> daily & gallery\n  daily & gallery --> icons\n```")
    house = {
        "bot__app": "import bot.daily.x, bot.icons.x, bot.gallery.x",
        "bot__daily__x": "from bot.icons import x\nfrom bot.gallery import x",
        "bot__icons__x": "if TYPE_CHECKING:\n    import bot.app",
        "bot__gallery__x": "",
    }
    assert list(against_the_plan(plant(**house), plan)) == [
        "bot.daily.x imports bot.gallery.x: in docs/architecture.md no arrow leads from bot.daily to bot.gallery.",
        "bot.icons.x imports bot.app: in docs/architecture.md no arrow leads from bot.icons to bot.app.",
        "docs/architecture.md draws an arrow from bot.gallery to bot.icons, and no file there goes that way.",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "import discord",
        "from discord.ext import tasks",
        "import discord.utils as u",
        "def f():\n    import simcord",
        "if TYPE_CHECKING:\n    import discord",
    ],
)
@pytest.mark.parametrize("module", ["bot__icons__service", "bot__talk__texts", "generator__a", "train__run__a"])
def test_a_planted_discord_is_found(module: str, source: str) -> None:
    assert len(list(ways_to_discord(plant(**{module: source})))) == 1


def test_discord_is_found_through_other_modules() -> None:
    sources = {
        "bot__icons__service": "from bot.icons.sheets import x\nimport discordant",
        "bot__icons__sheets": "from .card import y",
        "bot__icons__card": "import discord",
    }
    assert next(ways_to_discord(plant(**sources))) == (
        "bot.icons.service must not know Discord, and does by way of bot.icons.card: "
        "bot.icons.service -> bot.icons.sheets -> bot.icons.card -> discord."
    )
    del sources["bot__icons__service"], sources["bot__icons__sheets"]
    assert list(ways_to_discord(plant(**sources))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib.numpy_pickle",
        "x = torch.load(path)",
        "f = torch.load",
        "from torch import load",
        "np.load(path, allow_pickle=True)",
    ],
)
def test_a_planted_pickle_is_found(source: str) -> None:
    assert list(unpickling(source)) != []


def test_harmless_lines_are_not_reported() -> None:
    assert list(unpickling("import json\nx = json.load(f)\nnp.load(p, allow_pickle=False)\nfrom torch import nn")) == []
