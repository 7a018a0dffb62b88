"""Reads the house: its modules and what each imports, also for types alone; finds circles and ways."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[1]
ROOMS = ("bot", "generator", "migrations", "mojigan", "train")


@dataclass(frozen=True)
class Import:
    """One imported name: `from a import b` counts as `a.b`."""

    module: str
    line: int
    when_typing: bool
    """Under `if TYPE_CHECKING`: it does not happen."""


House: TypeAlias = Mapping[str, list[Import]]
"""The imports of each module, by its name."""


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


def read_house() -> dict[str, list[Import]]:
    """The imports of all modules."""
    return {
        name: imports(file.read_text("utf-8"), name, is_package=file.name == "__init__.py")
        for name, file in modules().items()
    }


def plant(**sources: str) -> dict[str, list[Import]]:
    """A house of planted modules; `__` in a name stands for a dot."""
    return {
        name.replace("__", "."): imports(source, name.replace("__", "."), is_package=False)
        for name, source in sources.items()
    }


def within(module: str, part: str) -> bool:
    """Whether a module is a part of the house or lies in it."""
    return module == part or module.startswith(part + ".")


def room_of(module: str) -> str:
    """The room of a module: its folder within `bot`, `generator` or `train`; a file beside the folders is its own."""
    return ".".join(module.split(".")[:2])


def target_of(house: House, name: str) -> str | None:
    """The module of ours that an imported name is or comes from; None for those of others."""
    while name and name not in house:
        name = name.rpartition(".")[0]
    return name or None


def arrows(house: House) -> Iterator[tuple[str, str]]:
    """Who imports whom, among our modules."""
    for module, found in house.items():
        for target in dict.fromkeys(target_of(house, each.module) for each in found):
            if target is not None and target != module:
                yield module, target


def shortest_way(edges: Mapping[str, Set[str]], start: str, end: str) -> list[str] | None:
    """The shortest way along the edges, at least one step long."""
    ways, seen = [[start]], set[str]()
    for way in ways:
        for step in sorted(edges.get(way[-1], set()) - seen):
            if step == end:
                return [*way, step]
            seen.add(step)
            ways.append([*way, step])
    return None
