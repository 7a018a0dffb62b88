"""A retraining that failed: why, and how it goes on where it last saved."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from bot.db.retraining import JobState
from bot.retraining.desk import JobDesk
from bot.retraining.jobs import JobOverError
from bot.retraining.process import Training
from bot.retraining.service import RetrainService
from tests.bot.retraining.host import Host
from tests.bot.world import until


async def test_why_it_failed_before_is_no_reason_any_more(host: Host, desk: JobDesk) -> None:
    host.plan(fails="no memory")
    card = await host.until(await host.retrain(), "no memory")
    host.plan(waits=True)
    await host.admin.click(card, label="Resume")
    await until(lambda: len(host.calls()) == 2)
    await asyncio.to_thread(Training(desk.folder(1).path).kill)
    await host.until(card, "The training ended without a word.")


async def test_one_that_waits_again_says_so(host: Host) -> None:
    host.plan(fails="no memory")
    card = await host.until(await host.retrain(), "no memory")
    host.plan(waits=True)
    await host.until(await host.retrain(), "50 %")
    await host.admin.click(card, label="Resume")
    await host.until(card, "### Retraining 1 is in the queue")


async def test_a_training_that_cannot_be_started_says_so(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(tmp_path / "nothing"))
        await host.until(await host.retrain(), "The training could not be started (No such file or directory).")
    await host.until(await host.retrain(), "draws from now on")


async def test_of_two_who_resume_it_one_is_told_that_it_goes_on(host: Host, service: RetrainService) -> None:
    host.plan(fails="no memory")
    await host.until(await host.retrain(), "no memory")
    host.plan(waits=True)
    told = await asyncio.gather(service.resume(1), service.resume(1), return_exceptions=True)
    assert [type(each) for each in told if each is not None] == [JobOverError]


async def test_one_that_is_resumed_while_old_files_go_keeps_its_own(
    host: Host, desk: JobDesk, service: RetrainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second failure takes the files of the first, which somebody resumes just then: it goes on, or is over."""
    host.plan(fails="no memory")
    await host.until(await host.retrain(), "no memory")
    ids, resumed = desk.book.ids, list[asyncio.Task[None]]()

    async def found(*states: JobState) -> list[int]:
        failed = await ids(*states)
        if states == (JobState.FAILED,) and len(failed) == 2 and not resumed:
            host.plan(waits=True)
            resumed.append(asyncio.create_task(service.resume(1)))
            await asyncio.wait(resumed, timeout=0.5)
        return failed

    monkeypatch.setattr(desk.book, "ids", found)
    await host.until(await host.retrain(), "### Retraining 2 failed")
    await until(lambda: bool(resumed))
    (told,) = await asyncio.gather(*resumed, return_exceptions=True)
    assert isinstance(told, JobOverError) or desk.folder(1).saved_run() is not None
