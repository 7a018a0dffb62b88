"""The queue of retrainings when something goes wrong beside it, and beside other hosts on the same database."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from bot.db.retraining import IconSource, JobState
from bot.models.library import ModelLibrary
from bot.retraining import jobs, worker
from bot.retraining.child import STOP
from bot.retraining.desk import JobDesk, JobStatus
from bot.retraining.files import JobFolder
from bot.retraining.jobs import JobView, Order
from bot.retraining.process import PROGRESS, Progress, Training
from bot.retraining.service import RetrainService
from bot.retraining.worker import Retrainer, result_of
from generator.files import BundleError
from tests.bot.retraining.host import WORSE, Host
from tests.bot.world import labels, name_servers, private, until


async def book_one(host: Host, desk: JobDesk) -> int:
    """A job whose card stands, and whose files lie elsewhere."""
    channel = host.world.channel.id
    order = Order(host.world.guild.id, channel, host.admin.id, "en-US", IconSource.FILES, False, None, 30.0)
    job_id = await desk.book.add(order)
    await desk.book.note(job_id, message_id=channel, card=JobState.QUEUED)
    return job_id


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyError("figures"), None])
async def test_a_training_that_nobody_follows_any_more_is_ended(
    host: Host, desk: JobDesk, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """None: another host has ended the job in the book."""
    host.plan(waits=True)
    card = await host.until(await host.retrain(), "50 %")
    training, view = Training(desk.folder(1).path), desk.book.view

    async def broken(_: int) -> JobView | None:
        monkeypatch.setattr(desk.book, "view", view)
        assert error is not None
        raise error

    assert training.is_alive()
    if error is None:
        await desk.book.move(1, [JobState.RUNNING], state=JobState.CANCELLED)
    else:
        monkeypatch.setattr(desk.book, "view", broken)
    said = {OSError: "the data folder: No space left on device.", KeyError: "An unexpected error (KeyError)"}
    await host.until(card, "cancelled" if error is None else said[type(error)])
    assert not training.is_alive()


async def test_a_database_that_is_gone_for_a_moment_ends_no_training(
    host: Host, desk: JobDesk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host.plan(waits=True)
    card = await host.until(await host.retrain(), "50 %")
    view = desk.book.view

    async def broken(_: int) -> JobView | None:
        monkeypatch.setattr(desk.book, "view", view)
        raise OperationalError("SELECT", {}, Exception("locked"))

    monkeypatch.setattr(desk.book, "view", broken)
    await until(lambda: "the queue of retrainings could not be looked at" in caplog.text)
    assert Training(desk.folder(1).path).is_alive()
    host.world.service(RetrainService).worker.wake()
    host.go()
    await host.until(card, "draws from now on")
    assert len(host.calls()) == 1


async def test_cards_are_looked_at_again_after_an_error(
    host: Host, desk: JobDesk, service: RetrainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []

    async def broken(*, everything: bool) -> None:
        looks.append(everything)
        raise RuntimeError

    monkeypatch.setattr(desk, "catch_up", broken)
    for number in (1, 2):
        service.worker.wake(everything=True)
        await until(lambda number=number: len(looks) >= number)  # type: ignore[misc]
    assert all(looks)


async def test_a_training_that_does_not_hear_is_ended(
    host: Host, desk: JobDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "STOP_SECONDS", 1e9)
    host.plan(waits=True, deaf=True)
    card = await host.until(await host.retrain(), "50 %")
    name_servers(host.world, frozenset())  # who has ordered it can take it back, also when that is all she may
    await host.admin.click(card, label="Cancel")
    card = await host.until(card, "Stopping …")
    assert labels(card) == []
    assert (await desk.status(1)).face == "running stopping"
    await until((desk.folder(1).path / STOP).exists)
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.0)
    await host.until(card, "### Retraining 1: cancelled")


async def test_a_training_that_is_killed_has_ended_without_a_word(host: Host, desk: JobDesk) -> None:
    host.plan(waits=True)
    card = await host.until(await host.retrain(), "50 %")
    Training(desk.folder(1).path).kill()
    card = await host.until(card, "The training ended without a word.")
    assert labels(card) == ["Resume"]
    assert (desk.folder(1).path / STOP).exists()  # for one that has begun to start, and was not seen yet


async def test_a_model_whose_files_are_gone_can_still_be_turned_down(host: Host, desk: JobDesk) -> None:
    host.plan(figures=WORSE)
    card = await host.until(await host.retrain(), "Look at both sheets")
    await until(lambda: desk.training is None)
    await asyncio.to_thread(desk.folder(1).remove)
    refused = private(await host.admin.click(card, label="Adopt"))
    assert "Somebody was faster" not in refused
    host.world.errors()
    await host.admin.click(card, label="Discard")
    await host.until(card, "### Retraining 1: discarded")


async def test_jobs_whose_files_lie_with_another_host_are_left_to_it(
    host: Host, desk: JobDesk, service: RetrainService
) -> None:
    retrainer, book = service.worker, desk.book
    await retrainer.stop()
    first, second = await book_one(host, desk), await book_one(host, desk)
    requests = len(host.world.env.http_requests)
    assert not await retrainer._next()
    assert await book.begin(first)
    assert not await book.begin(second)  # there as here, one at a time
    assert not await retrainer._next()
    await desk.catch_up(everything=True)
    assert len(host.world.env.http_requests) == requests
    await service.cancel(first, host.admin.id)  # it may be gone for good: nobody has to wait for its process
    assert (await desk.status(first)).job.state is JobState.CANCELLED
    assert not await book.end(first, JobState.FAILED)
    assert not await book.begin(first)
    assert await book.begin(second)


async def test_a_job_begins_when_that_of_another_host_is_over(
    host: Host, desk: JobDesk, service: RetrainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LOOK_SECONDS", 1e6)
    retrainer = service.worker
    await retrainer.stop()
    elsewhere = await book_one(host, desk)
    assert await desk.book.begin(elsewhere)
    card = await host.retrain()
    assert not await retrainer._next()
    assert host.calls() == []
    retrainer.start()
    await until(lambda: bool(retrainer._wakeup._waiters))
    await service.cancel(elsewhere, host.admin.id)
    await host.until(card, "draws from now on")


async def test_one_process_works_on_a_data_folder(host: Host, service: RetrainService) -> None:
    first = service.worker
    second = Retrainer(first._settings, first._desk, first._library, first._versions)
    await until(lambda: first._lock is not None)
    assert not second._own()
    await first.stop()
    assert second._own()
    assert not first._own()
    await second.stop()


async def test_an_abandoned_training_ends(host: Host, desk: JobDesk, service: RetrainService) -> None:
    host.plan(waits=True)
    await host.until(await host.retrain(), "50 %")
    await service.worker.abandon()
    training = Training(desk.folder(1).path)
    await until(lambda: not training.is_alive())


@pytest.mark.parametrize("goes_on", [True, False])
async def test_a_training_that_begins_while_its_bot_ends_is_known(
    host: Host, service: RetrainService, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    begins, may_begin = threading.Event(), threading.Event()
    start, begun = Training.start, list[Training]()

    def slow(training: Training, arguments: Sequence[str]) -> None:
        begins.set()
        may_begin.wait(60)
        start(training, arguments)
        begun.append(training)

    monkeypatch.setattr(Training, "start", slow)
    host.plan(waits=True)
    await host.retrain()
    await until(begins.is_set)
    ending = asyncio.create_task(service.worker.stop() if goes_on else service.worker.abandon())
    for _ in range(10):
        await asyncio.sleep(0)
    still_there = not ending.done()
    may_begin.set()
    await ending
    assert still_there
    (training,) = begun
    process = training._process
    assert process is not None
    if goes_on:
        assert training.is_alive()
        host.go()
    await until(lambda: process.returncode is not None)  # nobody asks: it becomes no zombie all the same
    assert process.returncode == (0 if goes_on else -signal.SIGKILL)


class Told(Training):
    """A training that says what it is told, line by line, and ends with the last look."""

    def __init__(self, folder: Path, lines: Sequence[dict[str, Any]]) -> None:
        super().__init__(folder)
        self.lines = list(lines)

    def is_alive(self) -> bool:
        with (self.folder / PROGRESS).open("a") as file:
            file.write(json.dumps(self.lines.pop(0)) + "\n")
        return bool(self.lines)

    def stop(self) -> None:
        assert not self.lines


async def test_a_training_is_followed_to_its_last_line_and_its_card_not_drawn_each_time(
    host: Host, desk: JobDesk, service: RetrainService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    judged: list[Path] = []
    shown: list[int] = []

    async def judge(_: int, run: Path) -> None:
        judged.append(run)

    async def show(job_id: int) -> None:
        shown.append(job_id)

    await service.worker.stop()
    job_id = await book_one(host, desk)
    await desk.book.begin(job_id)
    monkeypatch.setattr(service.worker, "_judge", judge)
    monkeypatch.setattr(desk, "show", show)
    service.worker.edit_seconds, service.worker.poll_seconds = 1e9, 0.0
    ticks: list[dict[str, Any]] = [{"event": "tick", "kimg": number} for number in range(5)]
    lines: list[dict[str, Any]] = [{"event": "start", "run": str(tmp_path)}, *ticks, {"event": "done"}]
    await service.worker._follow(job_id, Told(tmp_path, lines))
    assert judged == [tmp_path]
    assert shown == [job_id]
    (tmp_path / PROGRESS).unlink()
    service.worker.edit_seconds = 0.0
    await service.worker._follow(job_id, Told(tmp_path, [{"event": "start"}, *[{"event": "of a later version"}] * 3]))
    assert shown == [job_id] * 2  # not again while nothing is new


async def test_the_training_is_told_what_the_host_wants(
    host: Host, service: RetrainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--batch", "16")
    settings = service.worker._settings.model_copy(update={"train_options": options, "device": "cpu"})
    monkeypatch.setattr(service.worker, "_settings", settings)
    active = host.world.service(ModelLibrary).active.bundle.path.absolute()
    await host.until(await host.retrain(kimg=2.5), "draws from now on")
    (call,) = host.calls()
    told = list(pairwise(call))
    assert [value for name, value in told if name == "--icons"] == [str(active)]
    assert {("--device", "cpu"), ("--kimg", "2.5"), ("--progress", "jsonl"), ("--seed", "1")} <= set(told)
    assert call[-2:] == [*options]  # last, so that they count
    host.plan(waits=True)
    await host.until(await host.retrain(), "50 %")  # of the next one, it does not say that it is measured


async def test_the_queue_has_an_end(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LONGEST_QUEUE", 1)
    host.plan(waits=True)
    await host.until(await host.retrain(), "50 %")
    await host.retrain()
    refused = private(await host.admin.slash(host.world.channel, "retrain"))
    assert refused == "1 retrainings are waiting already. Please try again when one of them is done."


async def test_what_cannot_be_saved_is_no_job(host: Host, desk: JobDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(JobFolder, "save", full)
    answer = private(await host.admin.slash(host.world.channel, "retrain", file=("a.zip", b"zip")))
    assert answer.startswith("The disk that I write to is full")
    host.world.errors()
    assert await desk.book.view(1) is None


async def test_an_older_state_is_not_drawn_over_a_newer_one(host: Host, desk: JobDesk, service: RetrainService) -> None:
    """Two look at the same time: the second one reads the state when the first has drawn its own."""

    class Slow:
        drawn: list[str]

        async def show(self, status: JobStatus) -> int:
            if not self.drawn:
                await desk.book.move(job_id, [JobState.QUEUED], state=JobState.CANCELLED)
                later.append(asyncio.create_task(desk.show(job_id)))
                await until(lambda: bool(desk._showing._waiters))
            self.drawn.append(status.job.state.value)
            return 1

    await service.worker.stop()
    job_id, later, desk.board = await book_one(host, desk), list[asyncio.Task[bool]](), Slow()
    Slow.drawn = []
    await desk.show(job_id)
    await later[0]
    assert Slow.drawn == [JobState.QUEUED, JobState.CANCELLED]


def test_the_best_bundle_of_a_run_is_its_result(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="has left no bundle"):
        result_of(tmp_path)
    (tmp_path / "latest").mkdir()
    assert result_of(tmp_path).name == "latest"
    (tmp_path / "best").mkdir()
    assert result_of(tmp_path).name == "best"


def test_a_run_that_goes_on_is_not_finished_any_more(tmp_path: Path) -> None:
    """It was done, could not be measured, and was resumed: what it says now counts."""
    training = Training(tmp_path)
    lines = [{"event": "start", "run": "r"}, {"event": "done"}, {"event": "stopped"}, {"event": "start", "run": "r"}]
    (tmp_path / PROGRESS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert training.read() == Progress(run=Path("r"))
