"""Retraining as people handle it: queued, cancelled, resumed, and the word on a new model that waits for one.

Nothing of the running model changes before another one is adopted. Jobs stand in the database and their files in the
data folder, so the bot finds a training again that went on while it was away.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from bot.db.retraining import JobState
from bot.db.session import Database
from bot.models.library import ModelLibrary
from bot.models.versions import VersionService
from bot.retraining.desk import Board, JobDesk, JobStatus
from bot.retraining.jobs import JobOverError, Order
from bot.retraining.worker import Retrainer, result_of
from bot.settings import Settings
from generator.files import BundleError

log = logging.getLogger(__name__)


class RetrainService:
    """What commands and buttons ask for. `worker` does the jobs."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        library: ModelLibrary,
        versions: VersionService,
        clock: Callable[[], datetime],
    ) -> None:
        self._library = library
        self.desk = JobDesk(database, settings.data, clock)
        self.worker = Retrainer(settings, self.desk, library, versions)

    def attach(self, board: Board) -> None:
        """Show the jobs there from now on."""
        self.desk.board = board
        self.worker.wake(everything=True)

    async def add(self, order: Order, files: Sequence[tuple[str, bytes]]) -> JobStatus:
        """Queue a job with the files that it trains on. It begins when `posted` was told its card's message.

        Raises QueueFullError, and OSError when the files cannot be written.
        """
        job_id = await self.desk.book.add(order)
        try:
            await asyncio.to_thread(self.desk.folder(job_id).save, files)
            return await self.desk.status(job_id)
        except BaseException:
            await self.desk.withdraw(job_id)
            raise

    async def posted(self, job_id: int, message_id: int) -> None:
        """The card stands: the job may begin."""
        await self.desk.book.note(job_id, message_id=message_id, card=JobState.QUEUED.value)
        self.worker.wake()

    async def cancel(self, job_id: int, by: int) -> None:
        """Take a job out of the queue, or let its process stop. Raises JobOverError."""
        states = [JobState.QUEUED]
        if not await self.desk.has_files(job_id):  # no process of ours can be at work on it
            states.append(JobState.RUNNING)
        over = {"state": JobState.CANCELLED, "cancelled_by": by, "finished_at": self.desk.clock()}
        try:
            await self.desk.book.move(job_id, states, **over)
        except JobOverError:
            await self.desk.book.move(job_id, [JobState.RUNNING], cancelled_by=by)
            await self.desk.show(job_id)
        else:
            await self.worker.after(job_id)
        log.info("retraining %d was cancelled by %d", job_id, by)

    async def resume(self, job_id: int) -> None:
        """Put a job that failed to the queue again, to go on where it last saved. Raises JobOverError."""
        again = {"state": JobState.QUEUED, "error": None, "cancelled_by": None, "finished_at": None}
        async with self.desk.sweeping:
            if not (await self.desk.status(job_id)).resumable:
                raise JobOverError(f"retraining {job_id} has nothing to go on with")
            await self.desk.book.move(job_id, [JobState.FAILED], **again)
        await self.desk.show(job_id)
        self.worker.wake()

    async def adopt(self, job_id: int) -> str:
        """Let a model serve that waits for a person's word: its version.

        Raises JobOverError, ModelGoneError and BundleError.
        """
        await self.desk.book.require_waiting(job_id)
        try:
            bundle = await asyncio.to_thread(self._result, job_id)
            model = await self._library.adopt(bundle, self.desk.book.adopted(job_id, JobState.WAITING))
        except BundleError:
            await self.desk.book.require_waiting(job_id)  # the files went because somebody was faster
            raise
        await self.worker.after(job_id)
        return model.version

    async def discard(self, job_id: int) -> None:
        """Turn a model down that waits for a person's word; it stays in the list of models. Raises JobOverError."""
        await self.desk.book.require_waiting(job_id)
        model_id = None
        with contextlib.suppress(BundleError):  # then there is nothing to keep
            model_id = await self._library.keep(await asyncio.to_thread(self._result, job_id))
        await self.desk.book.move(job_id, [JobState.WAITING], state=JobState.DISCARDED, model_id=model_id)
        await self.worker.after(job_id)

    def _result(self, job_id: int) -> Path:
        run = self.desk.folder(job_id).saved_run()
        if run is None:
            raise BundleError(f"The run of retraining {job_id} is gone.")
        return result_of(run)
