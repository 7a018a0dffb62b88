"""/icon wildness: and private:, and what the buttons below make of them."""

from __future__ import annotations

import discord
import pytest
import simcord

from bot.models.library import ModelLibrary
from generator.wildness import MOST, TAMEST, WILDEST, truncation_of, wildness_of
from tests.bot.world import World, alt_text, choose, for_one, labels, options, words


@pytest.mark.parametrize("wildness", range(WILDEST + 1))
def test_a_wildness_is_read_back_from_its_truncation(wildness: int) -> None:
    assert TAMEST <= truncation_of(wildness) <= MOST
    assert wildness_of(truncation_of(wildness)) == wildness


def test_the_ends_of_wildness() -> None:
    assert truncation_of(100) == 1
    assert truncation_of(0) == pytest.approx(TAMEST)
    assert wildness_of(0.1) == 0


async def test_a_tamer_icon_is_another_picture_and_says_so(world: World) -> None:
    usual = await world.icon(seed="42")
    tame = await world.icon(seed="42", wildness=40)
    version = world.service(ModelLibrary).active.version
    assert words(tame) == f"Seed `42` · Model `{version}` · Wildness 40 %"
    assert await world.picture(tame) != await world.picture(usual)
    assert [row.truncation for row in await world.rows()] == [1, truncation_of(40)]


async def test_the_wildness_of_training_is_not_mentioned(world: World) -> None:
    usual, asked = await world.icon(seed="42"), await world.icon(seed="42", wildness=100)
    assert words(asked) == words(usual)
    assert await world.picture(asked) == await world.picture(usual)


async def test_at_zero_each_seed_still_has_an_icon_of_its_own(world: World) -> None:
    first, again, other = [await world.picture(await world.icon(seed=seed, wildness=0)) for seed in ("42", "42", "43")]
    assert first == again
    assert first != other


@pytest.mark.parametrize("wildness", [-1, WILDEST + 1])
async def test_discord_lets_no_other_wildness_through(world: World, wildness: int) -> None:
    with pytest.raises(simcord.OptionError):
        await world.asker.slash(world.channel, "icon", wildness=wildness)


async def test_buttons_and_the_select_keep_the_wildness(world: World) -> None:
    card = await world.icon(seed="42", wildness=30)
    sheet = await world.icon(seed="10", count=4, wildness=30)
    await world.restart()
    for answer in (
        await world.other.click(card, label="Another"),
        await world.other.click(sheet, label="Another sheet"),
        await choose(world.other, sheet, options(sheet)[2]["value"]),
    ):
        assert answer.response is not None
        assert "Wildness 30 %" in words(answer.response)
    assert {row.truncation for row in await world.rows()} == {truncation_of(30)}


async def test_a_private_icon_is_seen_by_its_asker_alone_and_is_a_row(world: World) -> None:
    card = for_one(await world.asker.slash(world.channel, "icon", seed="42", private=True))
    assert card.id not in {message.id for message in world.channel.history(viewer=world.other)}
    assert words(card).startswith("Seed `42`")
    assert alt_text(card).startswith("Generated icon, seed 42, model ")
    (row,) = await world.rows()
    assert (row.seed, row.user_id, row.message_id) == (42, world.asker.id, None)


async def test_what_the_buttons_of_a_private_card_give_is_private_too(world: World) -> None:
    card = for_one(await world.asker.slash(world.channel, "icon", seed="42", private=True))
    sheet = for_one(await world.asker.slash(world.channel, "icon", seed="10", count=4, private=True))
    fresh = for_one(await world.asker.click(card, label="Another"))
    assert labels(fresh) == ["Another", "Vary", "Is it a copy?", "Favorite", "Use it", "Download", "Delete"]
    assert "A fresh one after seed `42`, for" in words(fresh)  # no link: nobody else could follow it
    assert words(for_one(await choose(world.asker, sheet, options(sheet)[1]["value"]))).startswith("Seed `11`")
    assert for_one(await world.asker.click(card, label="Is it a copy?"))
    await world.asker.click(card, label="Delete")
    assert (await world.rows())[0].deleted_at is not None


async def test_a_private_icon_needs_no_permission_to_post(world: World) -> None:
    me = world.guild.me
    assert me is not None
    quiet = world.guild.create_text_channel("quiet", overwrites={me: discord.PermissionOverwrite(send_messages=False)})
    assert for_one(await world.asker.slash(quiet, "icon", private=True))
