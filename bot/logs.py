"""Log lines: colored in a terminal, plain with UTC times elsewhere; each with the id of the interaction at work."""

from __future__ import annotations

import logging
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.logging import RichHandler

_current: ContextVar[str] = ContextVar("mojigan_log_id", default="-")

_QUIET = {"discord": logging.INFO, "alembic": logging.WARNING, "PIL": logging.INFO, "asyncio": logging.INFO}
"""Libraries whose debug lines would drown ours."""


def new_id() -> str:
    """A short id for a log line and for the person who is told about it, 6 hex digits."""
    return secrets.token_hex(3)


def current_id() -> str:
    """The id of the work in hand, "-" outside any."""
    return _current.get()


@contextmanager
def log_id(name: str | None = None) -> Iterator[str]:
    """Give the log lines written inside, also by tasks started inside, an id: `name`, or a new one."""
    token = _current.set(name or new_id())
    try:
        yield _current.get()
    finally:
        _current.reset(token)


class _AddId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.log_id = _current.get()
        return True


def set_up_logging(level: str = "info", console: Console | None = None) -> None:
    """Send the log to stderr: colored in a terminal, plain lines otherwise. Replaces an earlier set-up.

    `level`: "debug", "info", "warning" or "error".
    """
    console = console or Console(stderr=True)
    handler: logging.Handler
    if console.is_terminal:
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
    for name, floor in _QUIET.items():
        logging.getLogger(name).setLevel(max(floor, logging.getLogger().level))
    logging.captureWarnings(not sys.warnoptions)
