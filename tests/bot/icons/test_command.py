"""/icon, as people use it."""

from __future__ import annotations

import asyncio
import io
import logging
from dataclasses import replace
from typing import Any

import discord
import pytest
import simcord
from PIL import Image

from bot.icons.service import IconService
from bot.icons.sheets import BusyError, Sheet
from bot.models.library import ModelLibrary
from bot.talk.brakes import Burst
from generator.seeds import Seed
from tests.bot.world import (
    World,
    alt_text,
    busy,
    choose,
    gallery,
    labels,
    options,
    private,
    public,
    until,
    words,
)


async def test_a_card_shows_the_picture_its_seed_its_model_and_buttons(world: World) -> None:
    card = await world.icon(seed="42")
    version = world.service(ModelLibrary).active.version
    assert words(card) == f"Seed `42` · Model `{version}`"
    assert alt_text(card) == f"Generated icon, seed 42, model {version}"
    assert labels(card) == ["Another", "Vary", "Is it a copy?", "Favorite", "Use it", "Download", "Delete"]
    with Image.open(io.BytesIO(await world.picture(card))) as picture:
        assert (picture.format, picture.size) == ("PNG", (512, 512))


async def test_each_icon_is_a_row(world: World) -> None:
    card = await world.icon(seed="blue cat")
    (row,) = await world.rows()
    assert (row.seed_text, row.seed) == ("blue cat", Seed.parse("blue cat").number)
    assert (row.guild_id, row.channel_id) == (world.guild.id, world.channel.id)
    assert (row.user_id, row.message_id) == (world.asker.id, card.id)


async def test_any_text_is_a_seed(world: World) -> None:
    card = await world.icon(seed="  blue cat ")
    assert words(card).startswith("Seed `blue cat` · Model ")
    assert alt_text(card).startswith("Generated icon, seed blue cat, model ")


async def test_the_same_seed_gives_the_same_bytes(world: World) -> None:
    first, second, other = [await world.picture(await world.icon(seed=seed)) for seed in ("7", "7", "8")]
    assert first == second
    assert first != other


async def test_without_a_seed_each_icon_is_fresh(world: World) -> None:
    await world.icon()
    await world.icon()
    first, second = await world.rows()
    assert first.seed != second.seed


@pytest.mark.parametrize("count", [4, 9])
async def test_a_sheet_holds_the_seeds_that_follow(world: World, count: int) -> None:
    card = await world.icon(seed="10", count=count)
    last = 10 + count - 1
    assert words(card).startswith(f"Seeds `10` to `{last}` · Model ")
    assert alt_text(card).startswith(f"Sheet of {count} generated icons, seeds 10 to {last} row by row, model ")
    assert [option["description"] for option in options(card)] == [f"seed {10 + i}" for i in range(count)]
    sides = ["left", "right"] if count == 4 else ["left", "middle", "right"]
    places = [f"{row} row, {side}" for row in ("1st", "2nd", "3rd") for side in sides]
    assert [option["label"] for option in options(card)] == [
        f"{i + 1} · {place}" for i, place in enumerate(places[:count])
    ]
    assert labels(card) == ["Another sheet", "Delete"]
    rows = await world.rows()
    assert [(row.seed, row.position) for row in rows] == [(10 + i, i) for i in range(count)]
    assert {row.message_id for row in rows} == {card.id}
    assert len(gallery(card)) == 1


async def test_the_seeds_after_a_text_can_be_typed(world: World) -> None:
    card = await world.icon(seed="blue cat", count=4)
    assert words(card).startswith("Seeds `blue cat` to `blue cat +3` · ")
    assert options(card)[2]["description"] == "seed blue cat +2"
    await world.icon(seed="blue cat +2")
    rows = await world.rows()
    assert (rows[-1].seed, rows[-1].seed_text) == (rows[2].seed, rows[2].seed_text)
    assert rows[2].seed == Seed.parse("blue cat").number + 2


async def test_a_fresh_sheet_has_fresh_seeds(world: World) -> None:
    card = await world.icon(count=9)
    seeds = [row.seed_text for row in await world.rows()]
    assert len(set(seeds)) == 9
    assert words(card).startswith(f"Seeds `{seeds[0]}`, `{seeds[1]}`, ")
    assert alt_text(card) == (
        "Sheet, a page of generated icons, row by row with their seeds: "
        + ", ".join(f"{place}: {seed}" for place, seed in enumerate(seeds, start=1))
    )


async def test_what_a_card_calls_a_variation_gives_it_when_typed(world: World) -> None:
    sheet = public(await world.asker.click(await world.icon(seed="42"), label="Vary"))
    opened = public(await choose(world.asker, sheet, options(sheet)[2]["value"]))
    assert words(opened).startswith("Seed `42 ~3` · ")
    typed = await world.icon(seed="42 ~3")
    assert await world.picture(typed) == await world.picture(opened)
    assert words(typed).startswith("Seed `42 ~3` · ")
    near = public(await world.asker.slash(world.channel, "neighbors", seed="42 ~3"))
    assert words(near).startswith("Seed `42 ~3` · ")
    walk = public(await world.asker.slash(world.channel, "morph", **{"from": "42", "to": "42 ~3"}))
    assert words(walk).startswith("From seed `42` to seed `42 ~3` and back")
    rows = await world.rows()
    assert [(row.seed, row.near_path) for row in rows[-2:]] == [(42, None), (42, "3")]


async def test_a_blank_seed_is_refused_in_private(world: World) -> None:
    answer = private(await world.asker.slash(world.channel, "icon", seed="   "))
    assert answer == "A seed needs at least one character: type a number, a name, or leave the seed out."
    assert await world.rows() == []


async def test_a_text_that_is_too_long_is_refused(world: World) -> None:
    answer = private(await world.asker.slash(world.channel, "icon", seed="x" * 101))
    assert answer == "A seed has at most 100 characters; this one has 101."


@pytest.mark.parametrize("wrong", [{"seed": ""}, {"seed": "x" * 253}, {"count": 5}])
async def test_what_discord_itself_does_not_let_through(world: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(simcord.OptionError):
        await world.asker.slash(world.channel, "icon", **wrong)


@pytest.mark.parametrize(
    ("seed", "shown"),
    [
        ("x" * 100, "`" + "x" * 100 + "`"),
        ("` **@everyone** `", "`\u02cb **@everyone** \u02cb` = `{number}`"),
        ("<@1> ||a|| [b](http://c)", "`<@1> ||a|| [b](http://c)`"),
        ("left\u202eright", "`leftright` = `{number}`"),
        ("\u200b", "`…` = `{number}`"),
        ("שלום", "\u2068`שלום`\u2069"),
        ("\U0001f469\u200d\U0001f680", "`\U0001f469\u200d\U0001f680`"),
        ("9223372036854775808", "`9223372036854775808`"),
    ],
)
async def test_what_people_type_stays_text(world: World, seed: str, shown: str) -> None:
    card = await world.icon(seed=seed)
    assert words(card).startswith(f"Seed {shown.format(number=Seed.parse(seed).number)} · Model ")
    assert not card.message.mentions
    assert not card.message.mention_everyone
    assert (await world.rows())[0].seed == Seed.parse(seed).number


async def test_it_works_in_direct_messages(world: World) -> None:
    card = public(await world.asker.user.slash("icon", seed="42"))
    assert words(card).startswith("Seed `42`")
    (row,) = await world.rows()
    assert (row.guild_id, row.channel_id) == (None, world.asker.user.dm_channel.id)


async def test_the_command_is_for_servers_people_and_direct_messages(world: World) -> None:
    (sent,) = [entry.json for entry in world.env.http_requests if entry.method == "PUT"]
    assert sent is not None
    (command,) = [each for each in sent if each["name"] == "icon"]
    assert command["contexts"] == [0, 1, 2]
    assert command["integration_types"] == [0, 1]
    seed, count, wildness, model, like, emoji, private = command["options"]
    assert (like["type"], emoji["type"]) == (11, 3)
    assert (seed["min_length"], seed["max_length"], seed["required"]) == (1, 252, False)
    assert [choice["value"] for choice in count["choices"]] == [1, 4, 9]
    assert (wildness["min_value"], wildness["max_value"], private["required"]) == (0, 150, False)
    assert (model["autocomplete"], model["required"]) == (True, False)


@pytest.mark.parametrize(
    ("denied", "named"),
    [
        ({"attach_files": False}, "Attach Files"),
        ({"send_messages": False}, "Send Messages"),
        ({"attach_files": False, "send_messages": False}, "Attach Files, Send Messages"),
    ],
)
async def test_where_the_bot_may_not_post_it_says_so_before_any_work(
    world: World, denied: dict[str, bool], named: str
) -> None:
    me = world.guild.me
    assert me is not None
    quiet = world.guild.create_text_channel("quiet", overwrites={me: discord.PermissionOverwrite(**denied)})
    answer = private(await world.asker.slash(quiet, "icon"))
    assert answer == f"I cannot post here. Please ask a moderator to give me: {named}."
    assert await world.rows() == []


async def test_it_answers_at_once_and_draws_off_the_event_loop(world: World) -> None:
    def deferred() -> bool:
        answers = [entry.json for entry in world.env.http_requests if entry.path.endswith("/callback")]
        return any(answer is not None and answer["type"] == 5 for answer in answers)

    async with busy(world.service(ModelLibrary).active.studio) as release:
        typed = asyncio.create_task(world.icon(seed="42"))
        await until(deferred)
        assert not typed.done()
        release.set()
        card = await typed
    assert words(card).startswith("Seed `42`")


async def test_answers_in_hand_are_finished_before_closing(world: World) -> None:
    async with busy(world.service(ModelLibrary).active.studio) as release:
        typed = asyncio.create_task(world.icon(seed="42"))
        await until(lambda: bool(world.client.answers))
        closing = asyncio.create_task(world.client.finish_answers(60))
        await until(lambda: world.client.closing)
        assert not closing.done()
        release.set()
        assert words(await typed).startswith("Seed `42`")
        await closing
    late = private(await world.asker.slash(world.channel, "icon"))
    assert late == "I am restarting. Please try again in a minute."
    assert len(world.errors()) == 1


async def test_when_the_interaction_has_expired_the_card_goes_into_the_channel(world: World) -> None:
    world.env.inject_error("PATCH", "/webhooks/*/messages/@original", status=401, code=50027)
    await world.asker.slash(world.channel, "icon", seed="42")
    posted = world.channel.last_message
    assert posted is not None
    assert posted.interaction_metadata is None
    assert [attachment.filename for attachment in posted.attachments] or posted.components
    (row,) = await world.rows()
    assert row.message_id == posted.id


async def test_when_the_announced_answer_was_deleted_nothing_is_posted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = len(world.channel.history())
    world.env.inject_error("PATCH", "/webhooks/*/messages/@original", status=404, code=10008)
    await world.asker.slash(world.channel, "icon", seed="42")
    assert len(world.channel.history()) == before + 1  # the announcement, which the fault left
    assert "the answer came too late" in caplog.text
    world.errors()


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (403, 50013, "Discord does not let me do that here (error {id}). Please check my permissions in this channel."),
        (500, 0, "Discord had a problem just now (error {id}). Please try again."),
    ],
)
async def test_when_discord_refuses_the_card_the_person_is_told(
    world: World, caplog: pytest.LogCaptureFixture, status: int, code: int, sentence: str
) -> None:
    world.env.inject_error("PATCH", "/webhooks/*/messages/@original", status=status, code=code)
    answer = private(await world.asker.slash(world.channel, "icon"))
    before, after = sentence.split("{id}")
    assert answer.startswith(before)
    assert answer.endswith(after)
    number = answer.removeprefix(before).removesuffix(after)
    assert len(number) == 6
    assert f"error {number}, 'icon' by {world.asker.id}" in caplog.text
    assert world.errors()


async def test_a_picture_too_large_for_discord_is_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = world.service(IconService).draw

    async def large(*arguments: Any, **named: Any) -> Sheet:
        sheet = await draw(*arguments, **named)
        return replace(sheet, png=sheet.png + bytes(26 * 2**20))

    monkeypatch.setattr(world.service(IconService), "draw", large)
    answer = private(await world.asker.slash(world.channel, "icon"))
    assert answer == "The picture is larger than Discord accepts here (26.0 MiB of 25.0 MiB)."


async def test_when_too_much_is_waiting_the_person_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: Any, **__: Any) -> Sheet:
        raise BusyError("512 icons are waiting")

    monkeypatch.setattr(world.service(IconService), "draw", full)
    answer = private(await world.asker.slash(world.channel, "icon"))
    assert answer == "Many icons are waiting to be drawn. Please try again in a moment."


async def test_bursts_are_slowed_down_for_each_person(world: World) -> None:
    now = 0.0
    world.client.services.add(Burst(limit=2, seconds=20, now=lambda: now))
    await world.icon()
    now = 5.0
    await world.icon()
    answer = private(await world.asker.slash(world.channel, "icon"))
    assert answer == "One moment: you can go on in 15 s."
    assert public(await world.other.slash(world.channel, "icon"))
    now = 20.0
    await world.icon()
    assert len(await world.rows()) == 4
