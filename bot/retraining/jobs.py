"""The book of retrainings: one row each, and every change of their state."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import ModelRecord
from bot.db.retraining import ERROR_LENGTH, IconSource, JobState, RetrainJob
from bot.db.session import Database
from bot.models.library import Along
from bot.retraining.gate import Verdict
from bot.talk.refusals import ServiceError
from generator.card import Figure

LONGEST_QUEUE = 10
"""Retrainings that may wait."""


class QueueFullError(ServiceError):
    """Too many retrainings wait. Parameter: `limit`."""

    key = "error.retrain_queue"


class JobOverError(ServiceError):
    """The button's retraining is in a state in which that can no longer be done. No parameters."""

    key = "error.retrain_over"


class JobAdoptedError(JobOverError):
    """Its model has been adopted. No parameters."""

    key = "error.retrain_adopted"


class JobDiscardedError(JobOverError):
    """Its model has been discarded. No parameters."""

    key = "error.retrain_discarded"


_OVER = {JobState.ADOPTED: JobAdoptedError, JobState.DISCARDED: JobDiscardedError}
"""What somebody is told who was not the first."""


@dataclass(frozen=True)
class Order:
    """What somebody asked for, where, and in which language the card speaks."""

    guild_id: int | None
    channel_id: int
    user_id: int
    locale: str
    source: IconSource
    added: bool
    kimg: float | None
    minutes: float | None


@dataclass(frozen=True)
class JobView:
    """A row of the book."""

    id: int
    order: Order
    message_id: int | None
    card: str | None
    """The face that its card was last drawn with."""
    state: JobState
    cancelled_by: int | None
    verdict: Verdict | None
    metrics: dict[str, dict[str, Figure]]
    """The figures of "new" and "old"."""
    error: str | None
    baseline: str | None
    """Version of the model that the new one was compared with."""
    model: str | None
    """Version of the new model, once it is kept."""
    model_id: int | None
    place: int | None
    """In the queue: how many retrainings end before this one begins; None when it does not wait."""


class JobBook:
    """Reads and writes `retrain_jobs`."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def add(self, order: Order) -> int:
        """Put a job at the end of the queue. Nobody begins it before its card stands. Raises QueueFullError."""
        job = RetrainJob(**vars(order), state=JobState.QUEUED, metrics={}, created_at=self._clock())
        waiting = select(func.count()).where(RetrainJob.state == JobState.QUEUED)
        async with self._database.write() as session:
            if (await session.scalar(waiting) or 0) >= LONGEST_QUEUE:
                raise QueueFullError("too many retrainings wait", limit=LONGEST_QUEUE)
            session.add(job)
            await session.flush()
            return job.id

    async def forget(self, job_id: int) -> None:
        """Take a job that never got a card out of the book."""
        async with self._database.write() as session:
            job = await session.get(RetrainJob, job_id)
            if job is not None:
                await session.delete(job)

    async def view(self, job_id: int) -> JobView | None:
        """One job."""
        async with self._database.read() as session:
            job = await session.get(RetrainJob, job_id)
            if job is None:
                return None
            ahead = select(func.count()).where(
                (RetrainJob.state == JobState.RUNNING)
                | ((RetrainJob.state == JobState.QUEUED) & (RetrainJob.id < job.id))
            )
            place = await session.scalar(ahead) if job.state is JobState.QUEUED else None
            names = {}
            for model_id in (job.baseline_id, job.model_id):
                record = None if model_id is None else await session.get(ModelRecord, model_id)
                names[model_id] = None if record is None else record.version
        return JobView(
            id=job.id,
            order=Order(*(getattr(job, each.name) for each in fields(Order))),
            message_id=job.message_id,
            card=job.card,
            state=job.state,
            cancelled_by=job.cancelled_by,
            verdict=None if job.verdict is None else Verdict(job.verdict),
            metrics={
                side: {name: Figure(**figure) for name, figure in figures.items()}
                for side, figures in job.metrics.items()
            },
            error=job.error,
            baseline=names[job.baseline_id],
            model=names[job.model_id],
            model_id=job.model_id,
            place=place,
        )

    async def ids(self, *states: JobState) -> list[int]:
        """The jobs in these states, the oldest first; queued ones only when their card stands."""
        query = select(RetrainJob.id).where(RetrainJob.state.in_(states)).order_by(RetrainJob.id)
        query = query.where((RetrainJob.state != JobState.QUEUED) | RetrainJob.message_id.is_not(None))
        async with self._database.read() as session:
            return list(await session.scalars(query))

    async def begin(self, job_id: int) -> bool:
        """Take a queued job in hand; False: another one runs, or somebody was faster."""
        try:
            return await self._move(job_id, (JobState.QUEUED,), state=JobState.RUNNING, started_at=self._clock())
        except IntegrityError:  # the index lets only one of them run
            return False

    async def move(self, job_id: int, before: Sequence[JobState], **values: Any) -> None:
        """Change a row that is in one of these states. Raises JobOverError when it is not."""
        async with self._database.write() as session:
            await _require(session, job_id, before, **values)

    async def require_waiting(self, job_id: int) -> None:
        """Raise JobOverError unless a job waits for a person's word."""
        async with self._database.read() as session:
            state = await session.scalar(select(RetrainJob.state).where(RetrainJob.id == job_id))
        if state is not JobState.WAITING:
            raise _over(job_id, state)

    def adopted(self, job_id: int, before: JobState, **values: Any) -> Along:
        """What is written when a job's new model begins to serve; it raises JobOverError unless the job is in `before`,
        and nobody has cancelled it."""

        async def write(session: AsyncSession, model_id: int) -> None:
            more = {"state": JobState.ADOPTED, "model_id": model_id, **values}
            await _require(session, job_id, [before], RetrainJob.cancelled_by.is_(None), **more)

        return write

    async def end(self, job_id: int, state: JobState, **values: Any) -> bool:
        """Put a running job into the state that it ends in; False when it had ended already."""
        return await self._move(job_id, (JobState.RUNNING,), state=state, finished_at=self._clock(), **values)

    async def fail(self, job_id: int, sentence: str) -> None:
        """End a running job with what went wrong."""
        await self.end(job_id, JobState.FAILED, error=fit_sentence(sentence))

    async def note(self, job_id: int, **values: Any) -> None:
        """Change a row in whatever state it is."""
        async with self._database.write() as session:
            await session.execute(update(RetrainJob).where(RetrainJob.id == job_id).values(**values))

    async def drafts(self, before: datetime) -> list[int]:
        """Jobs that were ordered before that and never got a card: a crash came between."""
        lost = (RetrainJob.state == JobState.QUEUED, RetrainJob.message_id.is_(None), RetrainJob.created_at < before)
        async with self._database.read() as session:
            return list(await session.scalars(select(RetrainJob.id).where(*lost)))

    async def cards(self) -> list[tuple[int, JobState, str | None]]:
        """All jobs, the oldest first: their states, and the faces of their cards."""
        query = select(RetrainJob.id, RetrainJob.state, RetrainJob.card).order_by(RetrainJob.id)
        query = query.where((RetrainJob.state != JobState.QUEUED) | RetrainJob.message_id.is_not(None))
        async with self._database.read() as session:
            return [(job_id, state, card) for job_id, state, card in await session.execute(query)]

    async def _move(self, job_id: int, before: Sequence[JobState], **values: Any) -> bool:
        async with self._database.write() as session:
            return await _update(session, job_id, before, **values)


async def _require(
    session: AsyncSession, job_id: int, before: Sequence[JobState], *conditions: ColumnElement[bool], **values: Any
) -> None:
    if not await _update(session, job_id, before, *conditions, **values):
        raise _over(job_id, await session.scalar(select(RetrainJob.state).where(RetrainJob.id == job_id)))


def _over(job_id: int, state: JobState | None) -> JobOverError:
    kind = JobOverError if state is None else _OVER.get(state, JobOverError)
    return kind(f"retraining {job_id} is in another state: {state}")


async def _update(
    session: AsyncSession, job_id: int, before: Sequence[JobState], *conditions: ColumnElement[bool], **values: Any
) -> bool:
    query = update(RetrainJob).where(RetrainJob.id == job_id, RetrainJob.state.in_(before), *conditions)
    query = query.values(**values).execution_options(synchronize_session=False)
    return cast("CursorResult[Any]", await session.execute(query)).rowcount > 0


def fit_sentence(sentence: str) -> str:
    """One line that fits into the column, with the folders of this machine cut off its paths."""
    line = re.sub(r"(?<![\w.])/(?:[^\s/:]+/)+(?=[^\s/:]+)", "", " ".join(sentence.split()))
    return line if len(line) <= ERROR_LENGTH else line[: ERROR_LENGTH - 1] + "…"
