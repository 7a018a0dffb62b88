"""The rules of the house: which room may import which, where Discord stays outside, and that nothing unpickles."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("bot", "generator", "migrations", "train")

MAY_IMPORT = {
    "generator": set[str](),
    "train": {"generator"},
    "bot": {"generator", "migrations"},  # `bot db upgrade` runs them
    "migrations": {"bot.db"},
}
"""The other rooms, or parts of them, that a room may import."""

WITHOUT_DISCORD = (
    "generator",
    "train",
    "migrations",
    "bot.db",
    *(f"bot.{room}.service" for room in ("icons", "gallery", "neighbors", "morph", "retraining", "privacy")),
)
"""What works without Discord, also by way of what it imports."""

UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


@dataclass(frozen=True)
class Import:
    """One imported name: `from a import b` counts as `a.b`."""

    module: str
    line: int
    when_typing: bool
    """Under `if TYPE_CHECKING`: it does not happen."""


def imports(source: str, module: str, *, is_package: bool) -> list[Import]:
    """All imports of a module's source, also those inside functions, with absolute names."""
    tree = ast.parse(source)
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
            base = ".".join([*above, node.module] if node.module else above)
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        found += [Import(name, node.lineno, id(node) in typing_only) for name in names]
    return found


def modules() -> dict[str, Path]:
    """All modules of the rooms, by name."""
    found = {}
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def within(module: str, part: str) -> bool:
    """Whether a module is a part of the house or lies in it."""
    return module == part or module.startswith(part + ".")


def trespasses(house: Mapping[str, list[Import]]) -> Iterator[str]:
    """Imports from a room that may not be entered, one line each."""
    for module, found in house.items():
        room = module.partition(".")[0]
        for each in found:
            target = each.module.partition(".")[0]
            if target not in ROOMS or target == room:
                continue
            if not any(within(each.module, part) for part in MAY_IMPORT[room]):
                yield f"{module}:{each.line} imports {each.module}"


def ways_to_discord(house: Mapping[str, list[Import]]) -> Iterator[str]:
    """The chains of imports by which a part that must work without Discord comes to it."""
    for module in house:
        if any(within(module, part) for part in WITHOUT_DISCORD):
            chain = _chain(house, module)
            if chain:
                yield " -> ".join(chain)


def _chain(house: Mapping[str, list[Import]], start: str) -> list[str] | None:
    waiting, seen = [[start]], {start}
    while waiting:
        chain = waiting.pop()
        for each in house[chain[-1]]:
            if each.when_typing:
                continue
            if within(each.module, "discord") or within(each.module, "simcord"):
                return [*chain, each.module]
            for target in _loaded(house, each.module) - seen:
                seen.add(target)
                waiting.append([*chain, target])
    return None


def _loaded(house: Mapping[str, list[Import]], name: str) -> set[str]:
    """Our modules that an import runs: `a.b.c` runs a, a.b and, when it is a module, a.b.c."""
    parts = name.split(".")
    return {".".join(parts[:end]) for end in range(1, len(parts) + 1)} & house.keys()


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
    return {
        name: imports(file.read_text("utf-8"), name, is_package=file.name == "__init__.py")
        for name, file in modules().items()
    }


def test_the_house_is_seen(house: dict[str, list[Import]]) -> None:
    assert {"bot.icons.service", "bot.db.models", "generator.studio", "train.loop", "migrations.env"} <= house.keys()
    assert any(each.module == "generator.studio.Studio" for each in house["bot.models.library"])


def test_rooms_import_only_what_they_may(house: dict[str, list[Import]]) -> None:
    assert list(trespasses(house)) == []


def test_services_and_generator_know_no_discord(house: dict[str, list[Import]]) -> None:
    assert list(ways_to_discord(house)) == []


def test_nothing_unpickles() -> None:
    found = [f"{name}: {place}" for name, file in modules().items() for place in unpickling(file.read_text("utf-8"))]
    assert found == []


def plant(**sources: str) -> dict[str, list[Import]]:
    """A house of planted modules; `__` in a name stands for a dot."""
    return {
        name.replace("__", "."): imports(source, name.replace("__", "."), is_package=False)
        for name, source in sources.items()
    }


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("generator__a", "import train.loop"),
        ("generator__a", "from bot import settings"),
        ("generator__a", "def f():\n    from bot.db import models"),
        ("train__a", "import bot"),
        ("train__a__b", "from ...bot import x"),
        ("bot__a", "from train.loop import Loop"),
        ("bot__a", "if TYPE_CHECKING:\n    import train"),
        ("bot__icons__service", "import train.metrics as m"),
        ("migrations__a", "from bot import icons"),
        ("migrations__a", "import generator"),
    ],
)
def test_a_planted_trespass_is_found(module: str, source: str) -> None:
    assert len(list(trespasses(plant(**{module: source})))) == 1


def test_allowed_imports_are_not_reported() -> None:
    sources = {
        "train__a": "import generator.studio\nfrom generator import decode\nimport torch",
        "bot__a": "from generator.studio import Studio\nimport migrations, discord\nfrom . import b",
        "migrations__a": "from bot.db.models import Base",
    }
    assert list(trespasses(plant(**sources))) == []


@pytest.mark.parametrize(
    "source",
    ["import discord", "from discord.ext import tasks", "import discord.utils as u", "def f():\n    import discord"],
)
def test_a_planted_discord_is_found(source: str) -> None:
    assert list(ways_to_discord(plant(bot__icons__service=source))) != []


def test_discord_is_found_through_other_modules() -> None:
    sources = {
        "bot__icons__service": "from bot.b import x",
        "bot__b": "from .c import y",
        "bot__c": "import discord",
    }
    assert list(ways_to_discord(plant(**sources))) == ["bot.icons.service -> bot.b -> bot.c -> discord"]
    sources["bot__icons__service"] = "if TYPE_CHECKING:\n    from bot.b import x\nimport discordant"
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
