"""Log lines: colored in a terminal, plain with UTC times elsewhere, or JSON; each with the id of the work in hand."""

from __future__ import annotations

import json
import logging
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.console import Console
from rich.logging import RichHandler


@dataclass(frozen=True)
class _Work:
    id: str = "-"
    facts: Mapping[str, str | int | None] = field(default_factory=dict)


_current: ContextVar[_Work] = ContextVar("mojigan_work", default=_Work())  # noqa: B039 - nothing changes it

QUIET = {
    "discord": logging.INFO,
    "aiosqlite": logging.INFO,
    "alembic": logging.WARNING,
    "PIL": logging.INFO,
    "asyncio": logging.INFO,
}
"""Libraries whose debug lines would drown ours."""


def new_id() -> str:
    """A short id for a log line and for the person who is told about it, 6 hex digits."""
    return secrets.token_hex(3)


def current_id() -> str:
    """The id of the work in hand, "-" outside any."""
    return _current.get().id


@contextmanager
def log_id(name: str | None = None, facts: Mapping[str, str | int | None] | None = None) -> Iterator[str]:
    """Give the log lines written inside, also by tasks started inside, an id: `name`, or a new one.

    `facts` (command, guild, user) stand in each line of a JSON log.
    """
    token = _current.set(_Work(name or new_id(), facts or {}))
    try:
        yield _current.get().id
    finally:
        _current.reset(token)


class _AddId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        work = _current.get()
        record.log_id, record.facts = work.id, work.facts
        return True


class _Json(logging.Formatter):
    """One object per line; what a library puts into a message stays a string in it."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "id": getattr(record, "log_id", "-"),
            **getattr(record, "facts", {}),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(level: str = "info", console: Console | None = None, form: str = "text") -> None:
    """Send the log to stderr: colored in a terminal, plain lines otherwise. Replaces an earlier set-up.

    `level`: "debug", "info", "warning" or "error". `form`: "text", or "json" for an object per line.
    """
    console = console or Console(stderr=True)
    handler: logging.Handler
    if form == "json":
        handler = logging.StreamHandler(console.file)
        handler.setFormatter(_Json())
    elif console.is_terminal:
        # No local variables in tracebacks: they could show a token.
        handler = RichHandler(console=console, show_path=False, rich_tracebacks=False, log_time_format="[%X]")
        handler.setFormatter(logging.Formatter("%(name)s [%(log_id)s] %(message)s"))
    else:
        handler = logging.StreamHandler(console.file)
        formatter = logging.Formatter(
            "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s [%(log_id)s] %(message)s", "%Y-%m-%dT%H:%M:%S"
        )
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
    handler.addFilter(_AddId())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name, floor in QUIET.items():
        logging.getLogger(name).setLevel(max(floor, logging.getLogger().level))
    logging.captureWarnings(not sys.warnoptions)
