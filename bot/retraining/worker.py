"""Does the queue of retrainings: one job at a time, followed while it trains, measured at its end, adopted or held."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError

from bot.db.retraining import IconSource, JobState
from bot.models.library import ModelLibrary
from bot.models.versions import VersionService
from bot.retraining.desk import JobDesk
from bot.retraining.files import RUNS
from bot.retraining.gate import judge, read_evaluation
from bot.retraining.jobs import JobOverError
from bot.retraining.process import COMMAND, TrainerError, Training, run_command
from bot.settings import Settings
from bot.talk.refusals import ServiceError
from generator.card import Figure
from generator.checkpoint import Bundle, read_bundle
from generator.files import BundleError
from generator.networks.sagan import SaganConfig
from generator.studio import DeviceError

log = logging.getLogger(__name__)

EDIT_SECONDS = 10.0
"""Between two pictures of the progress."""
POLL_SECONDS, LOOK_SECONDS = 0.5, 60.0
"""Between two looks at the process, and at a queue in which nothing can be begun."""
STOP_SECONDS = 30.0
"""What a process that was asked to stop may take to save."""
MEASURE_SECONDS = 600.0
MOST_WAITING = 5
"""Jobs whose model waits for a person's word: each keeps its whole run folder."""

BEST, LATEST = "best", "latest"
"""The bundles of a run folder."""


class Retrainer:
    """One job at work, and the queue behind it. `start` it inside the event loop; it outlives Discord clients."""

    def __init__(self, settings: Settings, desk: JobDesk, library: ModelLibrary, versions: VersionService) -> None:
        self.command: Sequence[str] = COMMAND
        self.edit_seconds, self.poll_seconds = EDIT_SECONDS, POLL_SECONDS
        self._settings = settings
        self._desk = desk
        self._library = library
        self._versions = versions
        self._wakeup = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._redraw = asyncio.Event()
        self._everything = False
        self._lock: FileLock | None = None

    def start(self) -> None:
        """Begin to work on the queue, unless another process on this data folder does."""
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._work(), name="retraining"),
            loop.create_task(self._keep_cards(), name="cards of retrainings"),
        ]

    def wake(self, *, everything: bool = False) -> None:
        """Look at the queue now; `everything`: and draw all cards again whose jobs can still change."""
        self._wakeup.set()
        if everything:
            self._everything = True
            self._redraw.set()

    async def stop(self) -> None:
        """Stop following. The training itself goes on, and is found again at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def abandon(self) -> None:
        """End the training for good: the data folder is about to go."""
        at_work = self._desk.training
        await self.stop()  # before that, it might be about to begin
        if at_work is not None:
            await asyncio.to_thread(at_work[1].kill)

    async def after(self, job_id: int) -> None:
        """A job has come to rest: make room, show it and its followers, look for the next."""
        await self._desk.clean()
        await self._versions.prune()
        await self._desk.show(job_id, unless_shown=True)
        await self._desk.show_queue()
        await self._let_go()
        self.wake()

    async def _let_go(self) -> None:
        """Turn the oldest models down when too many wait for a word; they stay in the list of models."""
        too_many = (await self._desk.book.ids(JobState.WAITING))[:-MOST_WAITING]
        for job_id in too_many:
            run = await asyncio.to_thread(self._desk.folder(job_id).saved_run)
            model_id = None
            with contextlib.suppress(BundleError):
                model_id = None if run is None else await self._library.keep(await asyncio.to_thread(result_of, run))
            with contextlib.suppress(JobOverError):  # somebody gave the word meanwhile
                await self._desk.book.move(job_id, [JobState.WAITING], state=JobState.DISCARDED, model_id=model_id)
            await self._desk.show(job_id)
        if too_many:
            await self._desk.clean()

    async def _work(self) -> None:
        while True:
            self._wakeup.clear()
            try:
                again = await self._next()
            except Exception:
                log.exception("the queue of retrainings could not be looked at")
                again = False
            if not again:
                await _woken(self._wakeup)

    async def _keep_cards(self) -> None:
        """Look at the cards from time to time, also while a job is at work: what could not be shown is shown then."""
        while True:
            self._redraw.clear()
            everything, self._everything = self._everything, False
            try:
                await self._desk.catch_up(everything=everything)
            except Exception:
                log.exception("the cards of retrainings could not be looked at")
            await _woken(self._redraw)

    async def _next(self) -> bool:
        """Do the next job to its end, if there is one that this process can do."""
        # Not in a thread: `stop` would close the lock before the thread had opened it.
        if not self._own():
            return False
        for job_id in await self._desk.book.ids(JobState.RUNNING):
            if await self._desk.has_files(job_id):
                await self._do(job_id)
                return True
        for job_id in await self._desk.book.ids(JobState.QUEUED):
            if not await self._desk.has_files(job_id):  # they lie with the process that took it
                continue
            await asyncio.to_thread(Training(self._desk.folder(job_id).path).forget)
            if await self._desk.book.begin(job_id):
                await self._do(job_id)
                return True
        return False

    async def _do(self, job_id: int) -> None:
        training = Training(self._desk.folder(job_id).path, self.command)
        self._desk.training = (job_id, training)
        try:
            if not await asyncio.to_thread(training.has_begun):
                await self._start(training, await self._arguments(job_id))
                await self._desk.show_queue()
            await self._follow(job_id, training)
        except (TrainerError, BundleError, DeviceError, ServiceError, OSError) as error:
            log.warning("retraining %d: %s", job_id, error)
            await asyncio.to_thread(training.kill)
            await self._desk.book.fail(job_id, sentence_of(error))
        except SQLAlchemyError:  # nothing can be written down; the training goes on, and is found again
            raise
        except Exception as error:
            log.exception("retraining %d met what nobody has thought of", job_id)
            await asyncio.to_thread(training.kill)
            await self._desk.book.fail(job_id, f"An unexpected error ({type(error).__name__}); the log says more.")
        finally:
            self._desk.training, self._desk.measuring = None, False
            training.leave()
        await self.after(job_id)

    async def _start(self, training: Training, arguments: Sequence[str]) -> None:
        """Start the process. A bot that is told to stop meanwhile knows of it, and leaves it or ends it."""
        starting = asyncio.ensure_future(asyncio.to_thread(training.start, arguments))
        try:
            await asyncio.shield(starting)
        finally:
            await asyncio.wait([starting])

    async def _follow(self, job_id: int, training: Training) -> None:
        shown, before, stopping = 0.0, None, None
        while True:
            alive = await asyncio.to_thread(training.is_alive)
            progress = await asyncio.to_thread(training.read)  # after that look: the last lines are among them
            job = await self._desk.book.view(job_id)
            if job is None or job.state is not JobState.RUNNING:
                await asyncio.to_thread(training.kill)
                return
            if not alive:
                break
            now = time.monotonic()
            if job.cancelled_by is not None and (stopping is None or now - stopping > STOP_SECONDS):
                await asyncio.to_thread(training.stop if stopping is None else training.kill)
                stopping = now
            if progress != before and (before is None or now - shown >= self.edit_seconds):
                await self._desk.show(job_id)
                shown, before = now, progress
            await asyncio.sleep(self.poll_seconds)
        await asyncio.to_thread(training.stop)  # one that a bot began to start, and did not live to see, ends at once
        if job.cancelled_by is not None:
            await self._desk.book.end(job_id, JobState.CANCELLED)
        elif progress.finished and progress.run is not None:
            await self._judge(job_id, progress.run)
        else:
            reason = await asyncio.to_thread(training.reason)
            await self._desk.book.end(job_id, JobState.FAILED) if reason is None else await self._desk.book.fail(
                job_id, reason
            )

    async def _judge(self, job_id: int, run: Path) -> None:
        """Measure the new model beside the running one, and adopt it when it is not worse."""
        self._desk.measuring = True
        await self._desk.show(job_id)
        folder, running = self._desk.folder(job_id), self._library.active
        new, old = await asyncio.to_thread(result_of, run), running.bundle.path
        sources = await asyncio.to_thread(folder.read_sources)
        card = (await asyncio.to_thread(read_bundle, new)).card
        figures = await self._figures((new, old), sources) or (card.metrics, running.bundle.card.metrics)
        verdict = judge(*figures)
        captions = (f"{running.version}, serving", f"new, {card.kimg:g} kimg")
        await asyncio.to_thread(folder.compare, (captions[0], old), (captions[1], new))
        job = await self._desk.book.view(job_id)
        if job is None or job.cancelled_by is not None:
            await self._desk.book.end(job_id, JobState.CANCELLED)
            return
        ends = {
            "verdict": verdict.value,
            "baseline_id": running.id,
            "metrics": {
                side: {name: figure.model_dump() for name, figure in each.items()}
                for side, each in zip(("new", "old"), figures, strict=True)
            },
        }
        if not verdict.passes:
            await self._desk.book.end(job_id, JobState.WAITING, **ends)
            return
        over = {"finished_at": self._desk.clock(), **ends}
        try:
            await self._library.adopt(new, self._desk.book.adopted(job_id, JobState.RUNNING, **over))
        except JobOverError:  # cancelled in the last moment
            await self._desk.book.end(job_id, JobState.CANCELLED)

    async def _figures(
        self, bundles: Sequence[Path], sources: Sequence[Path]
    ) -> tuple[dict[str, Figure], dict[str, Figure]] | None:
        """The figures of both bundles on the same icons; None when they cannot be taken: the cards have some, too."""
        icons = [argument for source in sources for argument in ("--icons", str(source))]
        found = []
        try:
            async with asyncio.timeout(MEASURE_SECONDS):
                for bundle in bundles:
                    arguments = ["evaluate", str(bundle), *icons, "--json"]
                    found.append(read_evaluation(await run_command(arguments, self.command)))
        except (TrainerError, ValueError, TimeoutError) as error:
            log.warning("the models could not be measured: %s", error)
            return None
        return found[0], found[1]

    async def _arguments(self, job_id: int) -> list[str]:
        """The options of `train fit` for a job: go on with its run, or begin one."""
        job, folder, settings = await self._desk.book.view(job_id), self._desk.folder(job_id), self._settings
        assert job is not None  # noqa: S101 - it has just begun
        base = ["fit", "--progress", "jsonl", "--device", settings.device]
        run = await asyncio.to_thread(folder.saved_run)
        if run is not None:
            return [*base, "--resume", str(run)]
        active, order = self._library.active.bundle, job.order
        given = [] if order.source is IconSource.CURRENT else await asyncio.to_thread(folder.given)
        sources = [*([active.path.absolute()] if order.added or not given else []), *given]
        await asyncio.to_thread(folder.write_sources, sources)
        goal = ["--minutes", f"{order.minutes:g}"] if order.kimg is None else ["--kimg", f"{order.kimg:g}"]
        return [
            *base,
            *(argument for source in sources for argument in ("--icons", str(source))),
            *goal,
            *_look(active, settings.train_options),
            *("--seed", str(job_id)),
            *("--runs", str(folder.path / RUNS)),
            *settings.train_options,
        ]

    def _own(self) -> bool:
        """Whether this process is the one that works on the jobs of this data folder."""
        if self._lock is None:
            root = self._desk.root
            root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(root / ".lock", thread_local=False)
            try:
                lock.acquire(timeout=0)
            except (OSError, Timeout):
                return False
            self._lock = lock
        return True


async def _woken(event: asyncio.Event) -> None:
    """Wait until it is set, LOOK_SECONDS at most. Python 3.11's `wait_for` would lose a cancellation at that moment."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            await event.wait()


def _look(active: Bundle, options: Collection[str]) -> list[str]:
    """A new model draws as large, on the same background and in the same colors as the running one; it starts from it.

    Options that choose another network, or where to start, stand against that.
    """
    look = ["--size", str(active.image_size), "--background", active.card.background]
    if active.channels == 1:
        look.append("--gray")
    if active.threshold is not None:
        look += ["--threshold", str(active.threshold)]
    chosen = {option.partition("=")[0] for option in options} & {"--from", "--preset", "--width"}
    if chosen or active.config.architecture != SaganConfig.architecture:
        return look
    return [*look, "--from", str(active.path.absolute())]


def sentence_of(error: Exception) -> str:
    """What went wrong, also where the system has said so: its number tells nobody anything."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'the data folder'}: {error.strerror}."
    return str(error)


def result_of(run: Path) -> Path:
    """The bundle that a run has come to: its best, or its latest when none was measured as best. Raises BundleError."""
    for name in (BEST, LATEST):
        if (run / name).is_dir():
            return run / name
    raise BundleError(f"{run}: the training has left no bundle.")
