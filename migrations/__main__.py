"""Write the next migration from what the tables in `bot/db/models.py` and the newest migration differ in.

    python -m migrations "add schedules"

Read and complete what it writes, then run the tests: they hold the migrations and the models together.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from alembic import command
from rich.console import Console

from bot.db.session import parse_url, sqlite_url
from bot.db.upgrade import configuration, known_revisions, upgrade


def write(message: Annotated[str, typer.Argument(help="What the change is for, in a few words.")]) -> None:
    """Write the next migration file and name it."""
    number = f"{max(map(int, known_revisions()), default=0) + 1:04}"
    with tempfile.TemporaryDirectory() as folder:
        url = sqlite_url(Path(folder) / "newest.db")
        if known_revisions():
            upgrade(url)
        config = configuration(parse_url(url))
        config.set_main_option("file_template", f"{number}_{re.sub(r'[^a-z0-9]+', '_', message.lower())}")
        script = command.revision(config, message[:1].upper() + message[1:], autogenerate=True, rev_id=number)
    path = Path(getattr(script, "path", "?"))
    Console().print(f"Wrote [bold]{path}[/bold]: read it, complete it, run the tests.")


if __name__ == "__main__":
    typer.run(write)
