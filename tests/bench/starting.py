"""What the doors cost before they do anything, and how soon a bot draws."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.figures import Figure

MOST = 0.5
"""Seconds of the processor that a door may take."""

FIRST_ICON = """
import asyncio, pathlib, sys
from bot.app import open_services
from bot.icons.rows import Origin
from bot.icons.service import IconService
from bot.settings import Settings

async def main() -> None:
    data = pathlib.Path(sys.argv[1])
    settings = Settings(_env_file=None, database_url=f"sqlite:///{data}/mojigan.db", data=data, device="cpu")
    async with open_services(settings) as services:
        await services.get(IconService).draw(None, 1, where=Origin(None, 1, 1))

asyncio.run(main())
"""


def measure() -> list[Figure]:
    """Seconds of the processor of each door, the least of three. Raises RuntimeError where one fails."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "MOJIGAN_DATA": folder, "DISCORD_TOKEN": "", "OMP_NUM_THREADS": "1"}
        doors = {
            "python -m bot --help": ["-m", "bot", "--help"],
            "python -m bot db upgrade": ["-m", "bot", "db", "upgrade"],
            "python -m bot check": ["-m", "bot", "check"],
            "python -m train --help": ["-m", "train", "--help"],
            "python -m generator --help": ["-m", "generator", "--help"],
        }
        figures = [
            Figure(name, min(_seconds(arguments, environment) for _ in range(3)), "s of CPU", most=MOST)
            for name, arguments in doors.items()
        ]
        first = min(_seconds(["-c", FIRST_ICON, str(Path(folder) / "first")], environment) for _ in range(2))
    return [*figures, Figure("from nothing to the first icon", first, "s of CPU")]


def _seconds(arguments: list[str], environment: dict[str, str]) -> float:
    with subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != ("check" in arguments):  # without a token, check says so
        raise RuntimeError(f"{arguments} ended with code {process.returncode}")
    return used.ru_utime + used.ru_stime
