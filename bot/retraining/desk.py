"""The desk of retrainings: their book, their folders, and the cards that people see of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Protocol

from bot.db.retraining import JobState
from bot.db.session import Database
from bot.retraining.files import JobFolder
from bot.retraining.jobs import JobBook, JobOverError, JobView
from bot.retraining.process import Progress, Training

log = logging.getLogger(__name__)


DRAFT_TIME = timedelta(minutes=20)
"""A command has 15 minutes to post the card of its job."""

_LIVE = {JobState.QUEUED, JobState.RUNNING, JobState.WAITING}


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

    @property
    def face(self) -> str:
        """What decides over the card's title and buttons, in at most 32 characters."""
        stopping = self.job.state is JobState.RUNNING and self.job.cancelled_by is not None
        return self.job.state.value + (" resumable" if self.resumable else "") + (" stopping" if stopping else "")


class NoPlaceError(Exception):
    """Nobody will see the card: its channel is gone, or the bot may not write there."""


class Board(Protocol):
    """Where people see the jobs."""

    async def show(self, status: JobStatus) -> int | None:
        """Bring the card up to date; the id of the message that it stands in by now, None: that failed this time.

        Raises NoPlaceError, and nothing of Discord's.
        """


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
        self.sweeping = asyncio.Lock()
        """Held while files of jobs go that are over, and while one of them is to go on after all."""
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

    async def show(self, job_id: int, *, unless_shown: bool = False) -> bool:
        """Bring a job's card up to date. False: it could not be shown, and `catch_up` tries it again.

        `unless_shown`: nothing is sent when the card shows the job's state by now, whoever has drawn it.
        """
        if self.board is None:
            return False
        async with self._showing:  # an older state must not be written over a newer one
            status = await self.status(job_id)
            if unless_shown and status.face == status.job.card:
                return True
            shown = status.job.message_id
            try:
                message_id = await self.board.show(status)
            except NoPlaceError:
                message_id = None
            else:
                if message_id is None:
                    return False
                shown = message_id
            if (shown, status.face) != (status.job.message_id, status.job.card):
                await self.book.note(job_id, message_id=shown, card=status.face)
            return message_id is not None

    async def catch_up(self, *, everything: bool) -> None:
        """Draw the cards again that do not show what has become of their jobs, and forget jobs that never got one.

        `everything`: also those whose jobs may still change; their messages may be gone.
        """
        for job_id in await self.book.drafts(self.clock() - DRAFT_TIME):
            log.info("retraining %d is forgotten: its card was never posted", job_id)
            await self.withdraw(job_id)
        for job_id, state, card in await self.book.cards():
            suspect = card != state or (everything and state in _LIVE)
            if self.board is not None and suspect and await self.has_files(job_id):
                await self.show(job_id, unless_shown=not everything)

    async def withdraw(self, job_id: int) -> None:
        """Forget a job whose card could not be posted."""
        await self.book.forget(job_id)
        await asyncio.to_thread(self.folder(job_id).remove)

    async def show_queue(self) -> None:
        """Those that wait have moved up."""
        for job_id in await self.book.ids(JobState.QUEUED):
            await self.show(job_id)

    async def clean(self) -> None:
        """Leave only a small rest of jobs that are over; the last one that failed can still be resumed."""
        async with self.sweeping:
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
