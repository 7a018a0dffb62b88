"""Models that wait for a word, and those that are kept: how many, and which go."""

from __future__ import annotations

import asyncio

import pytest

from bot.db.models import ModelState
from bot.db.retraining import JobState
from bot.models.versions import VersionService
from bot.retraining import worker
from bot.retraining.desk import JobDesk
from bot.retraining.service import RetrainService
from bot.retraining.worker import MOST_WAITING
from tests.bot.models.test_library import records
from tests.bot.retraining.host import WORSE, Host, another_bundle, ended
from tests.bot.world import labels, until


async def test_few_models_wait_for_a_word_with_their_whole_run(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MOST_WAITING", 1)
    host.plan(figures=WORSE)
    first = await host.retrain()
    await host.until(first, "Look at both sheets")
    host.bundle = another_bundle(host.bundle, host.folder.parent / "fresher")
    host.plan(figures=WORSE)
    second = await host.retrain()
    await host.until(second, "Look at both sheets")
    await host.until(first, "discarded")
    desk = host.world.service(RetrainService).desk
    assert await desk.book.ids(JobState.WAITING) == [2]
    assert [each.state for each in await records(host.world.services.database)] == [
        ModelState.ACTIVE,
        ModelState.REJECTED,  # it can still be chosen
    ]
    await until(lambda: desk.folder(1).saved_run() is None)
    assert desk.folder(2).saved_run() is not None
    assert labels(host.card(first)) == ["Figures"]


async def test_room_is_made_also_where_a_model_is_gone(
    host: Host, service: RetrainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MOST_WAITING", 1)
    host.plan(figures=WORSE)
    first = await host.until(await host.retrain(), "Look at both sheets")
    await until(lambda: service.desk.training is None)
    await asyncio.to_thread(service.desk.folder(1).remove)
    host.bundle = another_bundle(host.bundle, host.folder.parent / "fresher")
    host.plan(figures=WORSE)
    await host.until(await host.retrain(), "Look at both sheets")
    await host.until(first, "discarded")


async def test_models_beyond_the_limit_go_when_a_retraining_is_over(host: Host, desk: JobDesk) -> None:
    host.plan(figures=WORSE)
    card = await host.until(await host.retrain(), "Look at both sheets")
    await ended(desk, 1, JobState.WAITING)
    host.world.service(VersionService)._limit = 0
    await host.admin.click(card, label="Discard")
    states = [each.state for each in await records(host.world.services.database)]
    assert states == [ModelState.ACTIVE, ModelState.GONE]


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
