"""The desk of retrainings: their book, their folders, and the cards that people see of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol

from bot.db.retraining import JobState
from bot.db.session import Database
from bot.retraining.files import JobFolder
from bot.retraining.jobs import JobBook, JobOverError, JobView
from bot.retraining.process import Progress, Training

log = logging.getLogger(__name__)


class Phase(Enum):
    """What a running job does."""

    READING = 1
    TRAINING = 2
    MEASURING = 3


@dataclass(frozen=True)
class JobStatus:
    """A job as its card shows it."""

    job: JobView
    phase: Phase | None
    """None: it does not run."""
    progress: Progress
    picture: bytes | None
    """PNG: the newest sheet, or at the end both models' sheets."""
    resumable: bool


class Board(Protocol):
    """Where people see the jobs."""

    async def show(self, status: JobStatus) -> int | None:
        """Bring the card up to date; the id of the message that it stands in by now. Raises nothing of Discord's."""


class JobDesk:
    """What the service and its worker share."""

    def __init__(self, database: Database, data: Path, clock: Callable[[], datetime]) -> None:
        self.book = JobBook(database, clock)
        self.board: Board | None = None
        self.training: tuple[int, Training] | None = None
        """The job that is at work in this process."""
        self.measuring = False
        self.clock = clock
        self.root = data / "jobs"
        self._showing = asyncio.Lock()

    def folder(self, job_id: int) -> JobFolder:
        """The files of a job."""
        return JobFolder(self.root / str(job_id))

    async def has_files(self, job_id: int) -> bool:
        """Whether a job's files lie in this data folder: then this host does it, no other."""
        return await asyncio.to_thread(self.folder(job_id).path.is_dir)

    async def status(self, job_id: int) -> JobStatus:
        """A job as it stands now. Raises JobOverError when there is no such job."""
        job = await self.book.view(job_id)
        if job is None:
            raise JobOverError(f"there is no retraining {job_id}")
        return await asyncio.to_thread(self._status, job)

    async def show(self, job_id: int) -> None:
        """Bring a job's card up to date."""
        if self.board is None:
            return
        async with self._showing:  # an older state must not be written over a newer one
            status = await self.status(job_id)
            message_id = await self.board.show(status)
            if message_id is not None and message_id != status.job.message_id:
                await self.book.note(job_id, message_id=message_id)

    async def show_queue(self) -> None:
        """Those that wait have moved up."""
        for job_id in await self.book.ids(JobState.QUEUED):
            await self.show(job_id)

    async def clean(self) -> None:
        """Leave only a small rest of jobs that are over; the last one that failed can still be resumed."""
        failed = await self.book.ids(JobState.FAILED)
        over = await self.book.ids(JobState.ADOPTED, JobState.DISCARDED, JobState.CANCELLED)
        for job_id in (*over, *failed[:-1]):
            if await self.has_files(job_id):
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(self.folder(job_id).strip)

    def _status(self, job: JobView) -> JobStatus:
        folder = self.folder(job.id)
        at_work = self.training[1] if self.training is not None and self.training[0] == job.id else None
        progress = Training(folder.path).read() if at_work is None else at_work.progress
        if job.state is not JobState.RUNNING:
            resumable = job.state is JobState.FAILED and folder.saved_run() is not None
            return JobStatus(job, None, progress, folder.picture(), resumable)
        if at_work is not None and self.measuring:
            phase = Phase.MEASURING
        else:
            phase = Phase.READING if progress.run is None else Phase.TRAINING
        picture = None
        if progress.sheet is not None:
            with contextlib.suppress(OSError):
                picture = progress.sheet.read_bytes()
        return JobStatus(job, phase, progress, picture, resumable=False)
