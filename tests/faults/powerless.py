"""A power cut while the database writes: which of the rows that were told as written are there afterwards?

    python -m tests.faults.powerless --times 10

A process writes rows as the bot does, each in a transaction of its own, and says so after each commit; strace hears
every write and flush of SQLite. Then states are built that a power cut may leave: what was flushed, and of the later
writes none, all, or some, each whole or cut at a sector. Each is opened, checked, and counted. The same with
`synchronous = NORMAL` shows that the experiment would notice. `times`: hundreds of states.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import event

from bot.db.guilds import BlockedUser
from bot.db.session import Database
from bot.db.upgrade import upgrade
from tests.faults.findings import Finding, alone, among

ROWS = 700
"""More than SQLite's log holds before it is brought into the database itself."""

SECTOR = 512
DATABASE, TOLD, TABLE = "mojigan.db", "told", BlockedUser.__tablename__
CALLS = "write,pwrite64,fsync,fdatasync,ftruncate,unlink,openat"


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """The bot's own setting, and another one that must lose rows."""
    if shutil.which("strace") is None:
        yield Finding("SQLite and power cuts", 0, "not tried: strace is not installed", holds=True)
        return
    chance = random.Random(seed)  # noqa: S311
    ends = _try("FULL", times, chance)
    yield among("a power cut while rows are written", ends, ("all rows that were told are there",))
    control = _try("NORMAL", times, chance)
    lost = sum(many for end, many in control.items() if "lost" in end)
    yield Finding(
        "the same with synchronous = NORMAL, to see that it is noticed", control.total(), f"{lost} lost rows", lost > 0
    )


def write_rows(folder: Path, synchronous: str) -> None:
    """What the process does whose power is cut."""

    def choose(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA synchronous = {synchronous}")

    async def write() -> None:
        database = Database(f"sqlite:///{folder / DATABASE}")
        if synchronous != "FULL":
            event.listen(database.engine.sync_engine, "connect", choose)
        with (folder / TOLD).open("wb", buffering=0) as told:
            for number in range(1, ROWS + 1):
                async with database.write() as session:
                    row = BlockedUser(guild_id=number, user_id=1, blocked_by=2, created_at=datetime.now(UTC))
                    session.add(row)
                told.write(b"%d\n" % number)
        await database.close()

    upgrade(f"sqlite:///{folder / DATABASE}")
    asyncio.run(write())


@dataclass
class File:
    """What is flushed, and the writes since then: offset and content."""

    flushed: bytearray = field(default_factory=bytearray)
    later: list[tuple[int, bytes | None]] = field(default_factory=list)
    """None: the file is cut off there."""

    def flush(self) -> None:
        self.flushed, self.later = self.with_writes(self.later), []

    def with_writes(self, writes: list[tuple[int, bytes | None]]) -> bytearray:
        """The content after these."""
        content = bytearray(self.flushed)
        for offset, new in writes:
            if new is None:
                del content[offset:]
                continue
            content.extend(bytes(max(offset - len(content), 0)))
            content[offset : offset + len(new)] = new
        return content

    def after_a_cut(self, chance: random.Random) -> bytearray:
        """Of the later writes none, all, or some, of which each may be cut at a sector."""
        way = chance.randrange(3)
        if way < 2:
            return self.with_writes(self.later if way else [])
        some = [each for each in self.later if chance.random() < 0.5]
        return self.with_writes([(at, new and new[: chance.choice((len(new), SECTOR))]) for at, new in some])


def _try(synchronous: str, times: int, chance: random.Random) -> Counter[str]:
    with tempfile.TemporaryDirectory() as name:
        folder, trace, place = Path(name) / "data", Path(name) / "trace", Path(name) / "found"
        folder.mkdir()
        place.mkdir()
        code = "import sys; from pathlib import Path; from tests.faults.powerless import write_rows;"
        code += "write_rows(Path(sys.argv[1]), sys.argv[2])"
        strace = ["strace", "-f", "-y", "-xx", "-s", "100000", "-o", str(trace), "-e", f"trace={CALLS}"]
        subprocess.run([*strace, sys.executable, "-c", code, str(folder), synchronous], check=True, capture_output=True)
        steps = [step for line in trace.open() if (step := _step(line, folder))]
        wanted = set(chance.sample(range(len(steps)), min(100 * times, len(steps))))
        return _cut(steps, wanted, place, chance)


def _cut(
    steps: list[tuple[str, str, int, bytes]], wanted: set[int], place: Path, chance: random.Random
) -> Counter[str]:
    """Cut the power after these steps, and look at what is left."""
    ends, told = Counter[str](), 0
    files: dict[str, File] = {}
    there: dict[str, bool] = {}
    """The files that are certainly there, and those that may be (False): the folder was not flushed since."""
    for number, (call, name, offset, content) in enumerate(steps):
        if name == TOLD and call == "write":
            told += 1
        elif call == "openat":
            files.setdefault(name, File())
            there.setdefault(name, False)
        elif call in ("pwrite64", "ftruncate"):
            files[name].later.append((offset, content if call == "pwrite64" else None))
        elif call == "unlink":
            files.pop(name, None)
            there.pop(name, None)
        elif name:
            files[name].flush()
        else:
            there = dict.fromkeys(there, True)
        if number in wanted:
            for each in place.iterdir():
                each.unlink()
            for name, file in files.items():
                if there[name] or chance.random() < 0.5:
                    (place / name).write_bytes(file.after_a_cut(chance))
            ends[_look(place, told)] += 1
    return ends


def _step(line: str, folder: Path) -> tuple[str, str, int, bytes] | None:
    """One line of the trace: the call, the file's name ("": the folder itself), an offset and what was written."""
    found = re.match(r"\d+ +(\w+)\((.*)\) += \d", line)
    if found is None:
        return None
    call, given = found.groups()
    texts = [bytes.fromhex(each.replace("\\x", "")) for each in re.findall(r'["<]((?:\\x[0-9a-f]{2})+)[">]', given)]
    if call == "openat" and "O_CREAT" not in given:
        return None
    path = Path((texts[-1] if call in ("openat", "unlink") else texts[0]).decode(errors="replace")) if texts else Path()
    if (path != folder and path.parent != folder) or path.name.endswith("-shm"):
        return None
    numbers = [int(each) for each in re.findall(r", (\d+)", given)]
    content = texts[1] if call == "pwrite64" else b""
    return call, "" if path == folder else path.name, numbers[-1] if call in ("pwrite64", "ftruncate") else 0, content


def _look(place: Path, told: int) -> str:
    """What the next start finds: at least the rows that were told, in an order that nothing is missing from."""
    if not (place / DATABASE).exists():
        return "all rows that were told are there" if not told else f"the database is lost, with {told} rows"
    connection = sqlite3.connect(place / DATABASE)
    try:
        whole = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (TABLE,)).fetchone()[0]
        query = f"SELECT guild_id FROM {TABLE} ORDER BY guild_id"  # noqa: S608
        rows = [number for (number,) in connection.execute(query)] if tables else []
    except sqlite3.DatabaseError as error:
        return f"unreadable: {error}"
    finally:
        connection.close()
    if not whole or rows != list(range(1, len(rows) + 1)):
        return "damaged"
    return "all rows that were told are there" if len(rows) >= told else "rows are lost"


if __name__ == "__main__":
    alone("powerless", experiment, 3)
