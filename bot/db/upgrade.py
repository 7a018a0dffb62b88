"""From any older schema to the newest. Blocking: run it off the event loop."""

from __future__ import annotations

from bot.db.newest import make_newest
from bot.db.urls import plain_file

HEAD = "head"


def upgrade(url: str, revision: str = HEAD) -> None:
    """Bring the database to `revision`, in one transaction: all of it, or nothing.

    Blocking, with an event loop of its own: from a coroutine, call it through `asyncio.to_thread`. A folder that
    lacks for an SQLite file is made. Raises DatabaseError with one sentence.
    """
    file = plain_file(url)
    if revision == HEAD and file is not None and make_newest(file):
        return
    from bot.db.migrating import migrate_up  # Alembic: not needed where nothing is to be changed

    migrate_up(url, revision)
