"""The bot's door.

python -m bot run                                    join Discord (DISCORD_TOKEN in the environment or in .env)
python -m bot preview [--port N] [--no-browser]      try it without Discord, in a browser page
python -m bot check [--draw]                         say what is wrong: token, database, bundle, permissions, health
python -m bot sync [--force]                         tell Discord about the commands
python -m bot db upgrade                             bring the database to the newest schema
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from generator.door import new_door
from generator.streams import plain_streams

# Each command imports what it needs: torch alone takes seconds, which help and the database need not wait for.

app = new_door("Mojigan: a Discord bot that posts icons nobody has drawn.")
database = typer.Typer(help="Look after the database.", no_args_is_help=True)
app.add_typer(database, name="db")

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

FOUND_WRONG, WRONG_INPUT = 1, 2
"""Exit codes."""


@contextmanager
def _sentences() -> Iterator[None]:
    """Print the sentence of a problem and leave with the exit code for wrong input."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if not isinstance(error, _problems()):
            raise
        errors.print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(WRONG_INPUT) from error


def _problems() -> tuple[type[Exception], ...]:
    """What is wrong outside of the program: a sentence each, no traceback."""
    from bot.db.errors import DatabaseError
    from bot.settings import SettingsError

    if "torch" not in sys.modules:  # then nobody has come far enough for the others
        return SettingsError, DatabaseError
    from bot.app import StartError
    from generator.encoder import EncoderError
    from generator.files import BundleError
    from generator.studio import DeviceError

    return SettingsError, DatabaseError, StartError, BundleError, DeviceError, EncoderError


def _serve(work: Coroutine[object, object, None]) -> None:
    """Run `work` until it ends or a signal comes."""
    from bot.app import until_stopped

    asyncio.run(until_stopped(work))


@app.command()
def run() -> None:
    """Join Discord and serve until Ctrl-C or SIGTERM.

    Needs DISCORD_TOKEN in the environment or in a file .env. The database is brought to the newest schema first.
    """
    with _sentences():
        from bot.logs import set_up_logging
        from bot.settings import load_settings

        settings = load_settings()
        set_up_logging(settings.log_level, form=settings.log_format)
        from bot.app import run_bot

        _serve(run_bot(settings))


@app.command()
def preview(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The page's port; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser, where there is one.")] = True,
    screenshot: Annotated[
        Path | None,
        typer.Option(
            help="Type commands into the page with a headless Chromium, write the README's pictures to this folder, "
            "and end. Needs the extra mojigan\\[screenshot].",
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Try the bot without Discord: the real bot in a simulated server, shown in a local browser page.

    Needs no token. Database and models lie in a temporary folder that is removed at the end. Ctrl-C ends it.
    """
    with _sentences():
        from bot.logs import set_up_logging
        from bot.preview.page import show_preview
        from bot.preview.screenshot import take_screenshots
        from bot.settings import load_settings

        settings = load_settings()
        set_up_logging("warning")
        if screenshot is None:
            _serve(show_preview(settings, port=port, browser=browser, announce=_announce))
        else:
            _serve(take_screenshots(settings, screenshot))
            console.print(f"{screenshot}: the pictures are written", markup=False, soft_wrap=True)


def _announce(url: str) -> None:
    console.print("Mojigan serves a simulated Discord server in this page:\n")
    console.print(f"    {url}\n", style="bold", markup=False, soft_wrap=True)
    console.print(
        "Type /icon seed:42 there and press Enter.\n"
        '"Viewing as" switches between an admin and a guest.\n'
        "Ctrl-C here ends it; nothing is kept."
    )


@app.command()
def check(
    draw: Annotated[bool, typer.Option("--draw", help="Draw an icon, too, on the device that `run` will use.")] = False,
) -> None:
    """Look at token, servers, database, bundle and data folder, and say what is wrong, one line each.

    Exit code 1 when anything is.
    """
    with _sentences():
        from bot.logs import set_up_logging
        from bot.operating.checks import run_checks
        from bot.settings import load_settings

        settings = load_settings()
        set_up_logging("error")
        results = asyncio.run(run_checks(settings, draw=draw))
    for result in results:
        mark = "[green]ok  [/]" if result.ok else "[red]FAIL[/]"
        console.print(mark, f"{escape(result.name)}: {escape(result.sentence)}", soft_wrap=True)
    if not draw:
        console.print("No icon was drawn: `python -m bot check --draw` does that, too.")
    if not all(result.ok for result in results):
        raise typer.Exit(FOUND_WRONG)


@app.command()
def sync(
    force: Annotated[bool, typer.Option("--force", help="Send them even if they have not changed.")] = False,
) -> None:
    """Tell Discord about the bot's commands, if they changed since it was last told. `run` does so by itself."""
    with _sentences():
        from bot.app import sync_bot
        from bot.logs import set_up_logging
        from bot.settings import load_settings

        settings = load_settings()
        set_up_logging(settings.log_level, form=settings.log_format)
        sent = asyncio.run(sync_bot(settings, force=force))
        console.print("Discord has the commands now." if sent else "Discord has these commands already.")


@database.command("upgrade")
def database_upgrade() -> None:
    """Bring the database to the newest schema, in one transaction. `run` does so by itself."""
    with _sentences():
        from bot.db.upgrade import upgrade
        from bot.settings import load_settings

        upgrade(load_settings().database_url)
        console.print("The database has the newest schema.")


if __name__ == "__main__":
    plain_streams()
    app()
