"""What the documents say of the house holds: their paths lead somewhere, their ways and recipes are short."""

from __future__ import annotations

import re

import pytest

from tests.house import ROOT, read_house, shortest_way, target_of

ARCHITECTURE, CONTRIBUTING = ((ROOT / name).read_text("utf-8") for name in ("docs/architecture.md", "CONTRIBUTING.md"))
WAYS = [re.findall(r"`([\w/]+\.py)`", line) for line in ARCHITECTURE.splitlines() if line.count("→") > 1]


@pytest.mark.parametrize("text", [ARCHITECTURE, CONTRIBUTING], ids=["architecture", "contributing"])
def test_each_path_leads_somewhere(text: str) -> None:
    paths = re.findall(r"`((?:bot|generator|migrations|train|tests)/[\w./]+)`", text)
    assert paths
    assert [path for path in paths if "NAME" not in path and "LOCALE" not in path and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", ["privacy.md", "reliability.md"])
def test_each_test_that_is_named_is_there(name: str) -> None:
    paths = re.findall(r"tests/[\w./]+", (ROOT / "docs" / name).read_text("utf-8"))
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_ways_are_short() -> None:
    icon, post, retraining = WAYS
    assert (len(icon), len(post)) == (6, 7)
    assert len(retraining) == len(set(retraining))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way[0])
def test_each_step_of_a_way_is_in_reach_of_the_files_before_it(way: list[str]) -> None:
    house = read_house()
    names = [path.removesuffix(".py").replace("/", ".") for path in way]
    edges = {
        name: {target for each in found if (target := target_of(house, each.module))} for name, found in house.items()
    }
    for number, name in enumerate(names[1:], start=1):
        before = names[:number]
        assert any(shortest_way(edges, one, name) or shortest_way(edges, name, one) for one in before), (before, name)


def test_recipes_are_short() -> None:
    recipes = [part.strip().splitlines() for part in re.split(r"^## .*$", CONTRIBUTING, flags=re.MULTILINE)[1:]]
    assert len(recipes) == 7
    assert max(map(len, recipes)) <= 15
