"""The top of the week by schedule: /daily with what people liked instead of what is new."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import discord
import pytest
import simcord

from bot.db.models import GenerationKind
from bot.db.schedules import PostContent
from bot.icons.favorites import FavoriteService
from bot.icons.rows import Origin
from generator.seeds import Seed
from tests.bot.daily.posts import Channel, Clock, Process
from tests.bot.daily.test_command import posts, set_daily, until_time
from tests.bot.daily.test_posting import PLAN
from tests.bot.gallery.test_gallery import favorite
from tests.bot.world import World, alt_text, choose, labels, options, private, public, words


@pytest.fixture
def look_every() -> timedelta:
    return timedelta(days=30)


def last_card(world: World) -> simcord.ResponseMessage:
    """What was posted last."""
    message = world.channel.last_message
    assert message is not None
    return simcord.ResponseMessage(world.env, world.env.backend.get_message(world.channel.id, message.id))


async def test_the_icons_with_the_most_votes_come_on_sundays(world: World, manager: simcord.MemberActor) -> None:
    told = await set_daily(world, manager, what="top")
    assert "· the top of the week · 09:00 Europe/Berlin · Sunday · icons per post: up to 9 ·" in told
    one, two, _ = [await world.icon(seed=seed) for seed in ("one", "two", "nobody's")]
    await favorite(world.asker, one)
    await favorite(world.asker, two)
    await favorite(world.other, two)
    await world.restart()
    await until_time(world, "2026-03-29T08:00")
    assert posts(world.channel)[-1] == ("03-29 07:00", "### Icons of the week · Sunday, 2026-03-29")
    card = last_card(world)
    seeds, *found = words(card).split("\n")[1:]
    assert seeds.startswith("Seeds `two`, `one` · Model `m1-")
    assert found == [
        f"**1** 2 votes · found by {world.asker.mention}",
        f"**2** 1 vote · found by {world.asker.mention}",
    ]
    assert alt_text(card).endswith("row by row with their seeds: 1: two, 2: one")
    assert labels(card) == ["Delete"]
    rows = await world.rows()
    assert [(row.kind, row.parent_id) for row in rows[3:]] == [(GenerationKind.TOP, 2), (GenerationKind.TOP, 1)]

    opened = public(await choose(world.moderator, card, options(card)[0]["value"]))
    assert "Favorite · 2" in labels(opened)
    await favorite(world.moderator, opened)  # the one vote of the next week, for the icon itself
    await until_time(world, "2026-04-05T08:00")
    assert posts(world.channel)[-1] == ("04-05 07:00", "### Icon of the week · Sunday, 2026-04-05")
    assert labels(last_card(world)) == [
        "Another",
        "Vary",
        "Is it a copy?",
        "Favorite · 3",
        "Use it",
        "Download",
        "Delete",
    ]

    before = len(posts(world.channel))
    await until_time(world, "2026-04-12T08:00")
    assert len(posts(world.channel)) == before
    log = private(await manager.slash(world.channel, "daily log")).splitlines()
    assert log[1] == "2026-04-12 · not posted: no icon had got a vote in the seven days before"
    assert (log[2][:22], log[3][:22]) == ("2026-04-05 · [posted](", "2026-03-29 · [posted](")
    answer = private(await manager.slash(world.channel, "daily test"))
    assert answer == (
        "There is nothing to post: no icon of this server got a vote in the last seven days. Press Favorite below one."
    )


async def test_what_some_cannot_see_stays_where_it_is(world: World, manager: simcord.MemberActor) -> None:
    me = world.guild.me
    assert me is not None
    hidden, shown = discord.PermissionOverwrite(view_channel=False), discord.PermissionOverwrite(view_channel=True)
    secret = world.guild.create_text_channel("secret", overwrites={world.guild.default_role: hidden, me: shown})
    world.env.backend.create_thread(
        world.channel.id, "closed", manager.id, type=discord.ChannelType.private_thread.value
    )
    (closed,) = world.channel.threads
    await favorite(manager, public(await manager.slash(closed, "icon", seed="closed")))
    await favorite(world.asker, await world.icon(seed="open"))
    admin = world.guild.add_member(
        world.env.create_user("admin"),
        roles=[world.guild.create_role("Admin", permissions=discord.Permissions(administrator=True))],
    )
    await favorite(admin, public(await admin.slash(secret, "icon", seed="secret")))
    await set_daily(world, manager, what="top", weekdays="every day", count=4)
    await manager.slash(world.channel, "daily test")
    assert words(last_card(world)).startswith("### Icon of the week · Friday, 2026-03-27\nSeed `open`")
    await set_daily(world, admin, channel=secret, what="top", weekdays="every day")
    await until_time(world, "2026-03-28T12:00")
    message = secret.last_message
    assert message is not None
    card = simcord.ResponseMessage(world.env, world.env.backend.get_message(secret.id, message.id))
    assert words(card).split("\n")[1].startswith("Seeds `secret`, `open`")


@pytest.mark.parametrize("test", [False, True])
async def test_a_post_of_the_top_says_how_many_votes_came_in_its_week_and_who_found_what(
    first: Process, channel: Channel, clock: Clock, monkeypatch: pytest.MonkeyPatch, test: bool
) -> None:
    """As many icons as were asked for, of all channels that everybody can see who can see the post."""
    elsewhere = PLAN.channel_id + 100
    monkeypatch.setattr(channel, "visible", lambda schedule: (schedule.plan.channel_id, elsewhere))
    favorites = FavoriteService(first.database, clock)
    schedule = await first.schedules.set(replace(PLAN, content=PostContent.TOP))
    icons = []
    for number, place in ((1, elsewhere), (2, PLAN.channel_id)):
        where = Origin(PLAN.guild_id, place, number)
        sheet = await first.icons.draw(Seed.of(number), where=where)
        await first.icons.posted(sheet, 500 + number)
        icons.append(sheet.icons[0].id)

    async def vote(icon: int, *people: int) -> None:
        for person in people:
            await favorites.toggle(icon, Origin(PLAN.guild_id, elsewhere, person), private=False)

    clock.move(days=-8)
    await vote(icons[0], 10)
    clock.move(days=8)
    await vote(icons[0], 11, 12)
    await vote(icons[1], 13)
    clock.move(hours=1)
    if test:
        await first.posts.test(schedule, channel, 5)
    else:
        await first.posts.run_due(channel)
    (post,) = channel.messages
    assert [(icon.votes, icon.recent, icon.found_by) for icon in post.sheet.icons] == [(3, 2, 1)]
