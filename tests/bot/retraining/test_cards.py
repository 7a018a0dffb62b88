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

from bot.db.models import ModelState
from bot.db.retraining import JobState, RetrainJob
from bot.models.library import ModelLibrary
from bot.models.versions import VersionService
from bot.retraining.desk import JobDesk
from bot.retraining.jobs import LONGEST_QUEUE, JobAdoptedError, JobDiscardedError, JobOverError
from bot.retraining.process import Progress, Training
from bot.retraining.service import RetrainService
from bot.retraining.worker import MOST_WAITING
from tests.bot.models.test_library import records
from tests.bot.retraining.host import WORSE, Host
from tests.bot.world import labels, private, until, words

PNG = b"\x89PNG"


async def broken(*_: Any, **__: Any) -> None:
    """Discord hangs up."""
    raise aiohttp.ServerDisconnectedError


async def ended(desk: JobDesk, job_id: int, state: JobState) -> None:
    """Wait until a job is in a state, and nobody is at work."""
    async with asyncio.timeout(60):
        while (await desk.status(job_id)).job.state is not state or desk.training is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


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


async def test_models_beyond_the_limit_go_when_a_retraining_is_over(host: Host, desk: JobDesk) -> None:
    host.plan(figures=WORSE)
    card = await host.until(await host.retrain(), "Look at both sheets")
    await ended(desk, 1, JobState.WAITING)
    host.world.service(VersionService)._limit = 0
    await host.admin.click(card, label="Discard")
    states = [each.state for each in await records(host.world.services.database)]
    assert states == [ModelState.ACTIVE, ModelState.GONE]


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


async def test_a_card_in_a_channel_that_is_forbidden_is_not_tried_for_ever(
    host: Host, desk: JobDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    async def forbidden(*_: Any, **__: Any) -> None:
        tried.append(1)
        response: Any = type("Response", (), {"status": 403, "reason": ""})
        raise discord.Forbidden(response, {"code": 50001, "message": "Missing Access"})

    host.plan(waits=True, figures=WORSE)
    await host.until(await host.retrain(), "50 %")
    monkeypatch.setattr(discord.PartialMessage, "edit", forbidden)
    host.go()
    await ended(desk, 1, JobState.WAITING)
    await desk.catch_up(everything=False)
    before = len(tried)
    await desk.catch_up(everything=False)
    assert len(tried) == before > 0


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


async def test_a_card_without_a_place_is_not_tried_for_ever(host: Host, desk: JobDesk) -> None:
    world = host.world
    host.plan(waits=True, figures=WORSE)
    card = await host.until(await host.retrain(), "50 %")
    world.env.backend.delete_channel(world.channel.id)
    host.go()
    await ended(desk, 1, JobState.WAITING)
    await desk.catch_up(everything=False)
    tried = len(world.env.http_requests)
    await desk.catch_up(everything=False)
    assert len(world.env.http_requests) == tried
    assert (await desk.status(1)).job.message_id == card.id  # a job without one would be forgotten


@pytest.mark.parametrize(
    "error", [aiohttp.ServerDisconnectedError(), TimeoutError(), ConnectionResetError(), discord.RateLimited(60)]
)
async def test_a_retraining_whose_card_cannot_be_posted_is_withdrawn(
    host: Host, desk: JobDesk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise error

    edit = discord.Interaction.edit_original_response
    host.plan(waits=True)
    for _ in range(LONGEST_QUEUE + 1):
        with monkeypatch.context() as patch:
            patch.setattr(discord.Interaction, "edit_original_response", refuse)
            await host.admin.slash(host.world.channel, "retrain")
    assert discord.Interaction.edit_original_response is edit
    assert await desk.book.cards() == []
    assert [each.name for each in desk.root.iterdir() if each.is_dir()] == []
    assert "It begins in a moment." in words(await host.retrain())
    host.world.errors()


async def test_a_command_that_ends_while_it_posts_its_card_leaves_no_job(
    host: Host, desk: JobDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled(*_: Any, **__: Any) -> None:
        raise asyncio.CancelledError

    host.plan(waits=True)
    with monkeypatch.context() as patch:
        patch.setattr(discord.Interaction, "edit_original_response", cancelled)
        with contextlib.suppress(asyncio.CancelledError):
            await host.admin.slash(host.world.channel, "retrain")
    assert await desk.book.view(1) is None
    assert not desk.folder(1).path.exists()
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


@pytest.mark.parametrize("first", ["adopt", "discard"])
@pytest.mark.parametrize("late", [0, 3, 30])
async def test_of_adopt_and_discard_at_once_one_happens(host: Host, desk: JobDesk, first: str, late: int) -> None:
    world = host.world
    service, library = world.service(RetrainService), world.service(ModelLibrary)
    before = library.active
    host.plan(figures=WORSE)
    card = await host.until(await host.retrain(), "Look at both sheets")
    await ended(desk, 1, JobState.WAITING)
    other = "discard" if first == "adopt" else "adopt"

    async def later() -> None:
        for _ in range(late):
            await asyncio.sleep(0)
        await getattr(service, other)(1)

    results = await asyncio.gather(getattr(service, first)(1), later(), return_exceptions=True)
    (told,) = [each for each in results if isinstance(each, JobOverError)]
    state = (await desk.status(1)).job.state
    adopted = state is JobState.ADOPTED
    assert adopted or state is JobState.DISCARDED
    assert type(told) is (JobAdoptedError if adopted else JobDiscardedError)
    assert (library.active is not before) is adopted
    states = [each.state for each in await records(world.services.database)]
    assert states == ([ModelState.KEPT, ModelState.ACTIVE] if adopted else [ModelState.ACTIVE, ModelState.REJECTED])
    assert labels(host.card(card)) == ["Figures"]


@pytest.mark.parametrize("pressed", ["Adopt", "Discard"])
@pytest.mark.parametrize("late", [False, True])
async def test_both_are_told_which_it_was(
    host: Host, desk: JobDesk, monkeypatch: pytest.MonkeyPatch, pressed: str, late: bool
) -> None:
    world = host.world
    service, library = world.service(RetrainService), world.service(ModelLibrary)
    host.plan(figures=WORSE)
    card = await host.until(await host.retrain(), "Look at both sheets")
    await ended(desk, 1, JobState.WAITING)
    name, other = ("adopt", service.discard) if pressed == "Adopt" else ("keep", service.adopt)
    work = getattr(library, name)

    async def meanwhile(*given: Any) -> Any:
        monkeypatch.setattr(library, name, work)
        await other(1)
        return await work(*given)

    if late:
        monkeypatch.setattr(library, name, meanwhile)
    told = private(await host.admin.click(card, label=pressed))
    if late:
        assert told == f"Somebody was faster: this model has been {'adopted' if name == 'keep' else 'discarded'}."
    else:
        version = library.active.version
        assert told == (f"`{version}` draws from now on." if name == "adopt" else "Retraining 1: discarded")


async def test_a_word_that_is_given_while_room_is_made_counts(
    host: Host, desk: JobDesk, service: RetrainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.plan(figures=WORSE)
    await host.until(await host.retrain(), "Look at both sheets")
    await ended(desk, 1, JobState.WAITING)
    await service.adopt(1)
    ids = desk.book.ids

    async def before(*states: JobState) -> list[int]:
        return [1, *range(2, 2 + MOST_WAITING)] if states == (JobState.WAITING,) else await ids(*states)

    monkeypatch.setattr(desk.book, "ids", before)
    await service.worker._let_go()
    assert (await desk.status(1)).job.state is JobState.ADOPTED


async def test_a_retraining_that_is_cancelled_in_the_last_moment_is_not_adopted(
    host: Host, desk: JobDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = host.world.service(ModelLibrary)
    before, adopt = library.active, library.adopt

    async def cancelled_meanwhile(*given: Any) -> Any:
        await host.world.service(RetrainService).cancel(1, host.admin.id)
        return await adopt(*given)

    monkeypatch.setattr(library, "adopt", cancelled_meanwhile)
    card = await host.until(await host.retrain(), "### Retraining 1: cancelled")
    assert library.active is before
    assert labels(card) == []


async def test_a_model_that_was_turned_down_in_the_last_moment_is_not_adopted(host: Host, desk: JobDesk) -> None:
    """Between the look at its job and the moment in which it begins to serve."""
    library = host.world.service(ModelLibrary)
    before = library.active
    host.plan(figures=WORSE)
    await host.until(await host.retrain(), "Look at both sheets")
    await ended(desk, 1, JobState.WAITING)
    await desk.book.move(1, [JobState.WAITING], state=JobState.DISCARDED)
    with pytest.raises(JobDiscardedError):
        await library.adopt(host.bundle, desk.book.adopted(1, JobState.WAITING))
    assert library.active is before


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
