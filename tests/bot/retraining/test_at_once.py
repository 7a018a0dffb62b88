"""Two words on one model in the same moment: one of them counts, and both people are told which."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.db.models import ModelState
from bot.db.retraining import JobState
from bot.models.library import ModelLibrary
from bot.retraining.desk import JobDesk
from bot.retraining.jobs import JobAdoptedError, JobDiscardedError, JobOverError
from bot.retraining.service import RetrainService
from tests.bot.models.test_library import records
from tests.bot.retraining.host import WORSE, Host, ended
from tests.bot.world import labels, private


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
