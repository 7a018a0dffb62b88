"""Cards of retrainings through lost connections, lost messages, restarts, and two people who press at once."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import aiohttp
import discord
import pytest
from sqlalchemy import select

from bot.db.retraining import JobState, RetrainJob
from bot.retraining.desk import JobDesk
from bot.retraining.jobs import LONGEST_QUEUE, JobOverError
from bot.retraining.process import Progress, Training
from bot.retraining.service import RetrainService
from tests.bot.retraining.host import WORSE, Host, ended
from tests.bot.world import labels, until, words

PNG = b"\x89PNG"


async def broken(*_: Any, **__: Any) -> None:
    """Discord hangs up."""
    raise aiohttp.ServerDisconnectedError


async def test_a_card_that_could_not_be_edited_is_drawn_again(
    host: Host, desk: JobDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.plan(waits=True, figures=WORSE)
    card = await host.until(await host.retrain(), "50 %")
    with monkeypatch.context() as patch:
        patch.setattr(discord.PartialMessage, "edit", broken)
        host.go()
        await ended(desk, 1, JobState.WAITING)
        await desk.catch_up(everything=False)
        assert labels(host.card(card)) == ["Cancel"]
    await desk.catch_up(everything=False)
    assert labels(host.card(card)) == ["Adopt", "Discard", "Figures"]
    edits = len(host.world.env.http_requests)
    await desk.catch_up(everything=False)  # it shows what it should
    assert len(host.world.env.http_requests) == edits


async def test_a_card_that_lost_its_message_is_posted_again_at_the_start(host: Host, desk: JobDesk) -> None:
    world = host.world
    host.plan(figures=WORSE)
    card = await host.until(await host.retrain(), "Look at both sheets")
    await ended(desk, 1, JobState.WAITING)
    world.env.backend.delete_message(world.channel.id, card.id)
    await world.restart()
    await until(lambda: world.channel.last_message is not None)
    last = world.channel.last_message
    assert last is not None
    assert labels(host.card(last)) == ["Adopt", "Discard", "Figures"]
    await host.admin.click(host.card(last), label="Discard")
    await host.until(host.card(last), "### Retraining 1: discarded")


async def test_a_card_that_takes_no_more_edits_is_posted_again(host: Host) -> None:
    world = host.world
    host.plan(waits=True)
    card = await host.retrain()
    await host.until(card, "50 %")
    world.env.inject_error("PATCH", f"/channels/{world.channel.id}/messages/{card.id}", status=400, code=30046)
    host.go()
    await until(lambda: world.channel.last_message is not None and world.channel.last_message.id != card.id)
    last = world.channel.last_message
    assert last is not None
    await host.until(host.card(last), "draws from now on")


async def test_a_card_that_discord_fails_to_edit_is_not_posted_a_second_time(host: Host, desk: JobDesk) -> None:
    world = host.world
    host.plan(waits=True)
    card = await host.until(await host.retrain(), "50 %")
    world.env.inject_error("PATCH", f"/channels/{world.channel.id}/messages/{card.id}", status=400, code=50035)
    assert not await desk.show(1)
    assert world.channel.last_message is not None
    assert world.channel.last_message.id == card.id
    host.go()
    await host.until(card, "draws from now on")


async def test_a_deleted_card_comes_back_with_the_result(host: Host) -> None:
    world = host.world
    host.plan(waits=True, figures=WORSE)
    card = await host.retrain()
    await host.until(card, "50 %")
    world.env.backend.delete_message(world.channel.id, card.id)
    host.go()
    await until(lambda: world.channel.last_message is not None)
    last = world.channel.last_message
    assert last is not None
    assert labels(await host.until(host.card(last), "Look at both sheets")) == ["Adopt", "Discard", "Figures"]
    assert (await world.picture(host.card(last))).startswith(PNG)


async def test_a_training_that_has_said_nothing_yet_reads_its_icons(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Training, "read", lambda _: Progress())
    host.plan(waits=True)
    await host.until(await host.retrain(), "Reading the icons …")


async def test_a_button_names_its_job_also_past_the_first_35(host: Host, desk: JobDesk) -> None:
    host.plan(waits=True)
    await host.until(await host.retrain(), "50 %")
    async with host.world.services.database.write() as session:
        job = (await session.scalars(select(RetrainJob))).one()
        row = {each.name: getattr(job, each.name) for each in RetrainJob.__table__.columns}
        session.add(RetrainJob(**row | {"id": 35, "state": JobState.CANCELLED}))
    card = await host.retrain()
    assert "### Retraining 36 is in the queue" in words(card)
    await host.admin.click(card, label="Cancel")
    await host.until(card, "### Retraining 36: cancelled")


async def test_the_buttons_are_those_of_the_state(host: Host, desk: JobDesk) -> None:
    """Only the last one that failed can go on: an older card loses its button."""
    host.plan(fails="no memory")
    first = await host.until(await host.retrain(), "### Retraining 1 failed")
    assert labels(first) == ["Resume"]
    second = await host.until(await host.retrain(), "### Retraining 2 failed")
    await ended(desk, 2, JobState.FAILED)
    await desk.catch_up(everything=False)
    assert (labels(host.card(first)), labels(host.card(second))) == ([], ["Resume"])
    edits = len(host.world.env.http_requests)
    await desk.catch_up(everything=False)
    assert len(host.world.env.http_requests) == edits
    await desk.catch_up(everything=True)  # as at a start: the first one is over for good
    assert len(host.world.env.http_requests) == edits + 1
    with pytest.raises(JobOverError):  # by a card that was not drawn again: its icons are gone
        await host.world.service(RetrainService).resume(1)


@pytest.mark.parametrize("gone", [True, False])
async def test_a_card_without_a_place_is_not_tried_for_ever(host: Host, desk: JobDesk, gone: bool) -> None:
    world = host.world
    host.plan(waits=True, figures=WORSE)
    card = await host.until(await host.retrain(), "50 %")
    if gone:
        world.env.backend.delete_channel(world.channel.id)
    else:
        path = f"/channels/{world.channel.id}/messages/{card.id}"
        world.env.inject_error("PATCH", path, status=403, code=50001, times=None)
    host.go()
    await ended(desk, 1, JobState.WAITING)
    await desk.catch_up(everything=False)
    tried = len(world.env.http_requests)
    await desk.catch_up(everything=False)
    assert len(world.env.http_requests) == tried
    assert (await desk.status(1)).job.message_id == card.id  # a job without one would be forgotten


@pytest.mark.parametrize(
    "error",
    [
        *(aiohttp.ServerDisconnectedError(), TimeoutError(), ConnectionResetError(), discord.RateLimited(60)),
        asyncio.CancelledError(),  # the command ends meanwhile
    ],
)
async def test_a_retraining_whose_card_cannot_be_posted_is_withdrawn(
    host: Host, desk: JobDesk, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise error

    edit = discord.Interaction.edit_original_response
    host.plan(waits=True)
    for _ in range(LONGEST_QUEUE + 1):
        with monkeypatch.context() as patch:
            patch.setattr(discord.Interaction, "edit_original_response", refuse)
            with contextlib.suppress(asyncio.CancelledError):
                await host.admin.slash(host.world.channel, "retrain")
    assert discord.Interaction.edit_original_response is edit
    assert await desk.book.cards() == []
    assert [each.name for each in desk.root.iterdir() if each.is_dir()] == []
    await host.until(await host.retrain(), "50 %")
    host.world.errors()


async def test_a_retraining_whose_card_finds_no_place_after_15_minutes_is_withdrawn(
    host: Host, desk: JobDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def expired(*_: Any, **__: Any) -> None:
        response: Any = type("Response", (), {"status": 401, "reason": ""})
        raise discord.HTTPException(response, {"code": 50027, "message": "Invalid Webhook Token"})

    monkeypatch.setattr(discord.Interaction, "edit_original_response", expired)
    host.plan(waits=True)
    with monkeypatch.context() as patch:
        patch.setattr(discord.PartialMessageable, "send", broken)
        await host.admin.slash(host.world.channel, "retrain")
        assert await desk.book.view(1) is None
    await host.admin.slash(host.world.channel, "retrain")
    assert [state for _, state, _ in await desk.book.cards()] in ([JobState.QUEUED], [JobState.RUNNING])
    host.world.errors()


async def test_what_a_crash_left_before_its_card_is_forgotten(host: Host, desk: JobDesk) -> None:
    host.plan(waits=True)
    card = await host.until(await host.retrain(), "50 %")
    database = host.world.services.database
    async with database.write() as session:
        job = (await session.scalars(select(RetrainJob))).one()
        for number, minutes, message_id in ((2, 21, None), (3, 19, None), (4, 21, 5)):  # that one has its card
            row = {each.name: getattr(job, each.name) for each in RetrainJob.__table__.columns}
            row |= {"id": number, "state": JobState.QUEUED, "message_id": message_id, "card": JobState.QUEUED}
            session.add(RetrainJob(**row | {"created_at": desk.clock() - timedelta(minutes=minutes)}))
            desk.folder(number).save([("a.png", b"png")])
    await desk.catch_up(everything=False)
    async with database.read() as session:
        assert list(await session.scalars(select(RetrainJob.id).order_by(RetrainJob.id))) == [1, 3, 4]
    assert sorted(each.name for each in desk.root.iterdir() if each.is_dir()) == ["1", "3", "4"]
    assert [job_id for job_id, _, _ in await desk.book.cards()] == [1, 4]
    assert await desk.book.ids(JobState.QUEUED) == [4]  # nobody begins what has no card
    await desk.withdraw(4)
    host.go()
    await host.until(card, "draws from now on")


@pytest.mark.parametrize("turns", range(4))
async def test_who_is_woken_and_stopped_at_the_same_moment_stops(host: Host, turns: int) -> None:
    """`turns` of the event loop lie between the two."""
    worker = host.world.service(RetrainService).worker
    await until(lambda: bool(worker._wakeup._waiters) and bool(worker._redraw._waiters))
    worker.wake(everything=True)
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await worker.stop()
