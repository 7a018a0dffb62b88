"""/mix: four children of two icons, which say their parents and can be mixed further."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from bot.app import open_services
from bot.db.models import GenerationKind
from bot.models.library import ModelLibrary
from generator.choice import CANDIDATES
from generator.points import CHILDREN, mix, names_point, pack, unpack
from generator.seeds import Seed, latents
from tests.bot.world import (
    World,
    another_bundle,
    choose,
    for_one,
    in_discord,
    labels,
    options,
    private,
    public,
    settings_for,
    words,
)


def names(card_words: str) -> list[str]:
    """The children that a card names."""
    return re.findall(r"mix-[a-z0-9]{6}", card_words)


async def test_two_seeds_have_four_children_that_say_their_parents(world: World) -> None:
    card = public(await world.asker.slash(world.channel, "mix", first="Ada", second="42"))
    assert len(names(words(card))) == CHILDREN
    assert f"-# Children of seed `Ada` and seed `42`, for {world.asker.mention}" in words(card)
    rows = await world.rows()
    assert [row.kind for row in rows] == [GenerationKind.PARENT] * 2 + [GenerationKind.MIX] * CHILDREN
    assert {(row.parent_id, row.other_parent_id, row.message_id) for row in rows[2:]} == {(1, 2, card.id)}
    assert [row.message_id for row in rows[:2]] == [None, None]


async def test_what_a_card_calls_a_child_gives_it_after_a_restart(world: World) -> None:
    card = public(await world.asker.slash(world.channel, "mix", first="Ada", second="42"))
    await world.restart()
    opened = public(await choose(world.asker, card, options(card)[1]["value"]))
    name = names(words(card))[1]
    assert words(opened).startswith(f"Seed `{name}` · ")
    picture = await world.picture(opened)
    assert await world.picture(await world.icon(seed=name)) == picture
    varied = public(await world.asker.click(opened, label="Vary"))
    third = public(await choose(world.asker, varied, options(varied)[2]["value"]))
    assert words(third).startswith(f"Seed `{name} ~3` · ")
    assert await world.picture(await world.icon(seed=f"{name} ~3")) == await world.picture(third) != picture
    assert words(public(await world.asker.slash(world.channel, "neighbors", seed=name))).startswith(f"Seed `{name}`")
    walk = public(await world.asker.slash(world.channel, "morph", **{"from": name, "to": "1"}))
    assert f"From seed `{name}`" in words(walk)


async def test_children_are_mixed_further_and_icon_info_shows_the_family(world: World) -> None:
    first = public(await world.asker.slash(world.channel, "mix", first="Ada", second="42"))
    child = public(await choose(world.asker, first, options(first)[0]["value"]))
    link = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{child.id}"
    second = public(await world.other.slash(world.channel, "mix", first=link, second="7"))
    name = names(words(first))[0]
    assert f"-# Children of [seed `{name}`]({link}) and seed `7`" in words(second)
    told = private(await world.other.context_menu(world.channel, "Icon info", second))
    assert told.splitlines()[-1 - CHILDREN :] == [
        *(f"`{each}` is a child of `{name}` and `7`" for each in names(words(second))[:CHILDREN]),
        f"`{name}` is a child of `Ada` and `42`",
    ]


async def test_below_children_there_are_more_of_them(world: World) -> None:
    first = public(await world.asker.slash(world.channel, "mix", first="Ada", second="42"))
    await world.restart()
    second = public(await world.other.click(first, label="More children"))
    assert f"Children of seed `Ada` and seed `42`, for {world.other.mention}" in words(second)
    rows = (await world.rows())[2:]
    assert {(row.kind, row.parent_id, row.other_parent_id) for row in rows} == {(GenerationKind.MIX, 1, 2)}
    assert len({row.icon for row in rows}) == 2 * CHILDREN
    assert labels(second) == ["More children", "Delete"]


async def test_children_are_chosen_among_many_and_stay_in_their_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def choose_some(icons: list[Image.Image], count: int) -> list[int]:
        seen.extend((len(icons), count))
        return [30, 3, 17, 9]

    monkeypatch.setattr(world.service(ModelLibrary).active.choice, "choose", choose_some)
    await world.asker.slash(world.channel, "mix", first="Ada", second="42")
    assert seen == [CHILDREN * CANDIDATES, CHILDREN]
    points = [unpack(row.point) for row in (await world.rows())[2:] if row.point is not None]
    first, last = latents([Seed.parse("Ada"), Seed.of(42)], len(points[0]))
    lean = [float(torch.tensor(point) @ first - torch.tensor(point) @ last) for point in points]
    assert lean[0] > lean[-1]


async def test_what_cannot_be_mixed_is_refused(world: World) -> None:
    answer = private(await world.asker.slash(world.channel, "mix", first="42", second=" 42 "))
    assert answer == "Both are the same icon. Please choose two different ones."
    answer = private(await world.asker.slash(world.channel, "mix", first="mix-bcdfgh", second="42"))
    assert answer.startswith("I have made no icon called `mix-bcdfgh`. Such names work only with the bot")
    sheet = await world.icon(seed="1", count=4)
    link = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{sheet.id}"
    answer = private(await world.asker.slash(world.channel, "mix", first=link, second="42"))
    assert answer.startswith("That message holds 4 icons.")
    assert for_one(await world.asker.slash(world.channel, "mix", first="1", second="2", private=True))


async def test_icons_of_two_models_are_not_mixed(tiny_bundle_path: Path, tmp_path: Path) -> None:
    newer = another_bundle(tiny_bundle_path, tmp_path / "newer")
    async with open_services(settings_for(tiny_bundle_path, tmp_path)) as old, in_discord(old) as world:
        before, version = await world.icon(seed="42"), old.get(ModelLibrary).active.version
        async with open_services(settings_for(newer, tmp_path)) as new:
            world.services = new
            await world.restart()
            after = await world.icon(seed="42")
            links = [
                f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{each.id}"
                for each in (before, after)
            ]
            answer = private(await world.asker.slash(world.channel, "mix", first=links[0], second=links[1]))
            assert answer.startswith(f"These icons are of two models, {version} and ")
            card = public(await world.asker.slash(world.channel, "mix", first=links[0], second="43"))
            assert f"Model `{version}`" in words(card)


def test_children_lie_between_their_parents() -> None:
    first, second = Seed.of(1), Seed.of(2)
    children = mix(first, second, 4096)
    points = latents([first, second, *children], 4096)
    lengths = points / points.norm(dim=1, keepdim=True)
    near = lengths[2:] @ lengths[:2].T
    assert bool((near > 0.4).all())
    assert near[0, 0] > near[0, 1]
    assert near[3, 0] < near[3, 1]
    assert torch.allclose(points[2:].std(dim=1), torch.ones(CHILDREN), atol=0.05)
    assert all(names_point(child.name) for child in children)


def test_a_point_is_kept_as_it_is() -> None:
    child = mix(Seed.of(1), Seed.of(2), 8)[0]
    assert child.point is not None
    stored = replace(child, point=unpack(pack(child.point)))
    assert torch.equal(latents([stored.variation(3)], 8), latents([child.variation(3)], 8))
