"""SIGKILL at every step of what writes files: bundles, states, copies of models, adoptions, retrainings.

    python -m tests.faults.kills --times 2

The work is done again and again, by real processes of which each dies at one step (`tests/faults/stages.py` says what a
step is); then another one goes on with what is left. `times`: rounds, of which three die at every step of the last two.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from sqlalchemy import select

from bot.db.models import ModelRecord, ModelState
from bot.db.retraining import IconSource, JobState, RetrainJob
from bot.models.copies import keep_copy
from bot.retraining.child import LOCK
from bot.retraining.jobs import Order
from bot.retraining.service import RetrainService
from bot.services import Services
from generator.checkpoint import read_bundle
from generator.files import BundleError
from generator.folders import SWAP_LOCK
from tests.bot.neighbors.test_neighbors import saved
from tests.bot.retraining import fake_train
from tests.bot.retraining.host import SWD, WORSE, another_bundle
from tests.bundles import write_like
from tests.conftest import draw_icon
from tests.faults.findings import Finding, alone, among
from tests.faults.ground import prepared, tiny_bundle, with_bot
from tests.faults.stages import forked, killed_at
from train.run.folder import Progress, Run

PATIENCE = 60.0
"""Seconds that a retraining of the stand-in may take on a busy machine."""

ORDER = Order(1, 2, 3, "en", IconSource.FILES, added=False, kimg=1.0, minutes=None)


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """Each kind of writing, `times` rounds."""
    del seed
    with tempfile.TemporaryDirectory() as name:
        ground = Ground(Path(name))
        for what, tried, stride, good in (
            ("a bundle takes the place of another one", ground.bundle, 1, ("old", "new")),
            ("a state of training takes the place of another one", ground.state, 1, ("old", "new")),
            ("a model is copied into the data folder", ground.copy, 1, ("whole at the next start",)),
            ("a model that waits for a word is adopted", ground.adoption, 3, ("waits on", "adopted")),
            ("/retrain, from its order to the adoption", ground.retraining, 3, ("adopted", "no card", "no job")),
        ):
            yield among(f"{what}: killed at its steps", _at_each_step(tried, Path(name), times, stride), good)


def _at_each_step(tried: Callable[[Path, int], str | None], folder: Path, times: int, stride: int) -> Counter[str]:
    """What comes out at the steps, until the work has ended before: each round begins one step later."""
    ends = Counter[str]()
    for turn in range(times):
        step, end = 1 + turn % stride - stride, ""
        while end is not None:
            if end:
                ends[end] += 1
            step += stride
            place = folder / "place"
            place.mkdir()
            end = tried(place, step)  # type: ignore[assignment]  # None ends the loop
            shutil.rmtree(place)
    return ends


class Ground:
    """What is tried, each in an empty place: it says what came out, or None where the work had ended before."""

    def __init__(self, folder: Path) -> None:
        self.tiny = tiny_bundle(folder / "tiny")
        self.fresh = another_bundle(self.tiny, folder / "fresh")
        self.home = prepared(folder / "home", self.tiny)
        self.folder = folder

    def bundle(self, place: Path, step: int) -> str | None:
        path, given = place / "best", read_bundle(self.tiny)
        old = write_like(given, path).digest
        if not killed_at(step, place, lambda: _write(given, path)):
            return None
        end = "old" if read_bundle(path).digest == old else "new"
        _write(given, path)  # nothing that is left stands in the way
        return end if read_bundle(path).digest != old else "not written any more"

    def state(self, place: Path, step: int) -> str | None:
        run = Run.create(place, "x", {}, torch.zeros((1, 4, 4, 3), dtype=torch.uint8).numpy())
        run.save_state({"a": torch.zeros(100)}, Progress(steps=1))
        run.close()

        def work() -> None:
            with Run.open(run.path) as opened:
                opened.save_state({"a": torch.ones(100)}, Progress(steps=2))

        killed = killed_at(step, place, work)
        with Run.open(run.path) as opened:
            found = opened.load_state()
        if found is None:
            return "lost"
        left = [each.name for each in run.path.glob(".state-*")]
        if left:
            return f"left behind: {left}"
        matches = float(found[0]["a"][0]) + 1 == found[1].steps
        return None if not killed else ("old" if found[1].steps == 1 else "new") if matches else "mixed"

    def copy(self, place: Path, step: int) -> str | None:
        source = read_bundle(self.tiny)
        if not killed_at(step, place, lambda: _keep(source, place)):
            return None
        whole = keep_copy(source, place).digest == source.digest
        locks = (".lock", SWAP_LOCK)  # the second one stays until the next swap here
        left = [each.name for each in (place / "models").iterdir() if each.name not in locks]
        return "whole at the next start" if whole and len(left) == 1 else f"{left}"

    def adoption(self, place: Path, step: int) -> str | None:
        waiting = self.folder / "waiting"
        if not waiting.exists():
            self._new_home(waiting, WORSE)
            forked(lambda: _retrain(waiting, self.tiny))
        shutil.copytree(waiting, place / "home")
        killed = killed_at(step, place, lambda: with_bot(place / "home", self.tiny, _adopt))
        return self._look(place) if killed else None

    def retraining(self, place: Path, step: int) -> str | None:
        self._new_home(place / "home", SWD)
        killed = killed_at(step, place, lambda: _retrain(place / "home", self.tiny))
        return self._look(place) if killed else None

    def _new_home(self, home: Path, figures: object) -> Path:
        shutil.copytree(self.home, home)
        (home / "plan.json").write_text(json.dumps({"bundle": str(self.fresh), "figures": figures}))
        return home

    def _look(self, place: Path) -> str:
        """Another process starts, goes on to the end, and says what it finds."""
        forked(lambda: with_bot(place / "home", self.tiny, lambda services: _say(services, place)))
        return (place / "found").read_text()


def _write(given: object, path: Path) -> None:
    write_like(given, path, held_out=0, discriminator={"x": torch.ones(1)})  # type: ignore[arg-type]  # a Bundle


def _keep(source: object, place: Path) -> None:
    keep_copy(source, place)  # type: ignore[arg-type]  # a Bundle


def _retrain(home: Path, bundle: Path) -> None:
    """A bot takes an order with three icons, and works until nothing is to be done."""

    async def work(services: Services) -> None:
        service = _quick(services)
        icons = [(f"{number}.png", saved(draw_icon(number))) for number in range(3)]
        status = await service.add(ORDER, icons)
        await service.posted(status.job.id, 7)
        await _at_rest(services)

    with_bot(home, bundle, work)


async def _adopt(services: Services) -> None:
    await _quick(services).adopt(1)


def _quick(services: Services) -> RetrainService:
    service = services.get(RetrainService)
    service.worker.command = (fake_train.__file__, str(services.settings.data.parent))
    service.worker.edit_seconds = service.worker.poll_seconds = 0.02
    service.worker.wake()
    return service


async def _at_rest(services: Services) -> None:
    """Wait until nothing runs and nothing is queued whose card stands."""
    desk = services.get(RetrainService).desk
    async with asyncio.timeout(PATIENCE):
        while await desk.book.ids(JobState.QUEUED, JobState.RUNNING) or desk.training is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _say(services: Services, place: Path) -> None:
    """Go on with what is left, check what must hold in any case, and write down how it stands."""
    _quick(services)
    await _at_rest(services)
    async with services.database.read() as session:
        jobs = list(await session.scalars(select(RetrainJob)))
        models = list(await session.scalars(select(ModelRecord)))
    (place / "found").write_text(_judge(services.settings.data, jobs, models))


def _judge(data: Path, jobs: list[RetrainJob], models: list[ModelRecord]) -> str:
    for each in models:
        try:
            if each.state is not ModelState.GONE and read_bundle(data / each.path).digest != each.digest:
                return f"{each.version} is another bundle"
        except BundleError as error:
            return f"{each.version} is lost: {error}"
    for folder in (data / "jobs").glob("[0-9]*"):
        with (folder / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where a training goes on that nobody follows
    (active,) = (each for each in models if each.state is ModelState.ACTIVE)
    if not jobs:
        return "no job"
    (job,) = jobs
    if (job.state is JobState.ADOPTED) != (active.id == job.model_id):
        return f"{job.state.value}, and m{active.id} serves"
    if job.state is JobState.QUEUED and job.message_id is None:
        return "no card, forgotten later"
    waits = {JobState.WAITING: "waits on", JobState.FAILED: f"failed: {job.error}"}
    return waits.get(job.state, job.state.value)


if __name__ == "__main__":
    alone("kills", experiment, 1)
