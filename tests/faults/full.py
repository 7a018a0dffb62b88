"""A disk that is full, at each of its last pages: bundles, states, exports, sheets, the database, the bot, the log.

    python -m tests.faults.full --times 2

The disk is real: a small tmpfs in a mount namespace of this process's own, for which it starts itself under `unshare`
(util-linux; no rights are needed). Each thing is written with so little room left that it fails, then with a little
more, until it goes; then there is room again. `times`: the finer the steps.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from bot.app import open_services
from bot.db.guilds import BlockedUser
from bot.db.models import Generation
from bot.db.retraining import RetrainJob
from bot.db.session import Database
from bot.db.upgrade import upgrade
from bot.models.copies import keep_copy
from generator.__main__ import app as generator_app
from generator.checkpoint import read_bundle
from generator.files import BundleError
from tests.bot.retraining.host import furnish
from tests.bot.world import in_discord, private, public, settings_for, words
from tests.bundles import write_like
from tests.conftest import draw_icon
from tests.faults.findings import Finding, alone, among
from tests.faults.ground import tiny_bundle
from tests.train.run.door import folder_of, train
from train.run.folder import Progress, Run, RunError

PAGE = 4096
SIZE = 24
"""MiB of the disk."""

INSIDE = "MOJIGAN_FAULTS_INSIDE"
FULL = "No space left on device"


@dataclass(frozen=True)
class Tried:
    """What is written to a full disk: what stands there before, the writing, which says what it says, and the look."""

    what: str
    before: Callable[[Path], object]
    write: Callable[[Path], str]
    look: Callable[[Path], str]
    """Of what stands there: "old" or "new"."""


class Disk:
    """A small disk, and the ballast on it."""

    def __init__(self, place: Path) -> None:
        self.place, self._ballast = place, place / "ballast"

    def leave(self, room: int) -> None:
        """Fill the disk until so many bytes are free."""
        self.clear()
        free = os.statvfs(self.place).f_bavail * PAGE
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(free - room, 1))

    def clear(self) -> None:
        """Make room."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A disk of SIZE MiB in a folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(folder)], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """Each thing that is written, in steps of some pages."""
    del seed
    if INSIDE not in os.environ:
        yield Finding("a disk of its own", 0, "not tried: unshare is not there, or may not be used here", holds=True)
        return
    with tempfile.TemporaryDirectory() as name:
        tiny = tiny_bundle(Path(name) / "tiny")
        for number, tried in enumerate(_things(tiny)):
            place = Path(name) / str(number)
            place.mkdir()
            with small_disk(place) as disk:
                yield among(tried.what, _until_it_goes(tried, disk, times), ("one sentence",))
        for what, each, good in (
            ("the database: 200 rows, one by one", _rows, "refused, and written"),
            ("python -m train fit; then --resume", lambda disk, times: _fit(disk, Path(name), times), "one sentence"),
            ("/icon and /retrain with a file", lambda disk, times: _asked(disk, Path(name), times), "told, and then"),
        ):
            place = Path(name) / what[:6].strip("/ ")
            place.mkdir()
            with small_disk(place) as disk:
                yield among(what, each(disk, times), (good,))
        yield among("the log cannot be written: /dev/full", _log(), ("goes on",))


def _until_it_goes(tried: Tried, disk: Disk, times: int) -> Counter[str]:
    """Write with little room, then a little more, until it goes; the first, and with room again, at the end."""
    root, ends, room = disk.place / "x", Counter[str](), 0
    while True:
        root.mkdir()
        tried.before(root)
        disk.leave(room)
        said = tried.write(root)
        found = tried.look(root)
        disk.clear()
        if not said:
            ends["went, and is not there"] += found != "new"
            return +ends
        if FULL not in said or "\n" in said or "Traceback" in said:
            ends[f"said: {said}"] += 1
        elif found != "old":
            ends[f"left: {found}"] += 1
        elif again := tried.write(root):
            ends[f"with room again: {again}"] += 1
        else:
            ends["one sentence, the old one is there, with room again it goes"] += tried.look(root) == "new"
        shutil.rmtree(root)
        room += max(PAGE, (room // PAGE // (4 * times)) * PAGE)


def _things(tiny: Path) -> Iterator[Tried]:
    bundle = read_bundle(tiny)
    later = replace(bundle, card=bundle.card.model_copy(update={"code_version": "9.9.9"}))

    def bundle_there(root: Path) -> str:
        return "new" if read_bundle(root / "best").card.code_version == "9.9.9" else "old"

    yield Tried(
        "a bundle in the place of another one",
        lambda root: write_like(bundle, root / "best"),
        lambda root: _said(lambda: write_like(later, root / "best")),
        bundle_there,
    )
    yield Tried(
        "a model is copied to the data folder",
        lambda _: None,
        lambda root: _said(lambda: keep_copy(bundle, root)),
        lambda root: "new" if [*root.glob("models/*/card.json")] else "old",
    )
    yield Tried("a state of training", _begin, lambda root: _said(lambda: _go_on(root)), _steps)
    yield Tried(
        "python -m generator grid, over another picture",
        lambda root: (root / "a.png").write_bytes(b"old"),
        lambda root: _generator("grid", "--count", "64", "--bundle", str(tiny), "--out", str(root / "a.png")),
        lambda root: "old" if (root / "a.png").read_bytes() == b"old" else "new",
    )
    yield Tried(
        "python -m generator export",
        lambda _: None,
        lambda root: _export(root / "out", tiny),
        lambda root: "new" if (root / "out" / "manifest.json").exists() else "old",
    )


def _said(write: Callable[[], object]) -> str:
    try:
        write()
    except (OSError, BundleError, RunError) as error:
        return str(error)
    return ""


def _generator(*arguments: str) -> str:
    result = CliRunner().invoke(generator_app, arguments)
    return "" if result.exit_code == 0 else result.stderr.strip() or repr(result.exception)


def _export(out: Path, tiny: Path) -> str:
    if out.exists():
        shutil.rmtree(out)  # as the sentence says: remove what was written
    return _generator("export", "--count", "9", "--bundle", str(tiny), "--out", str(out))


def _begin(root: Path) -> None:
    with Run.create(root, "x", {}, np.zeros((1, 4, 4, 3), np.uint8)) as run:
        run.save_state({"a": torch.zeros(10_000)}, Progress(steps=0))


def _go_on(root: Path) -> None:
    with Run.open(root / "0001-x") as run:
        run.save_state({"a": torch.ones(10_000)}, Progress(steps=1))


def _steps(root: Path) -> str:
    with Run.open(root / "0001-x") as run:
        found = run.load_state()
    return "lost" if found is None else "new" if found[1].steps else "old"


def _rows(disk: Disk, times: int) -> Counter[str]:
    """Rows are written, without room for a while: what was written is there, and no more."""
    ends = Counter[str]()
    for turn in range(times):
        url = f"sqlite:///{disk.place / f'{turn}.db'}"
        upgrade(url)
        ends[asyncio.run(_write_rows(url, disk))] += 1
    return ends


async def _write_rows(url: str, disk: Disk) -> str:
    database, written, refused = Database(url), set[int](), 0
    try:
        for number in range(1, 201):
            if number == 20:
                disk.leave(16 * PAGE)
            if number == 180:
                disk.clear()
            try:
                async with database.write() as session:
                    session.add(BlockedUser(guild_id=number, user_id=1, blocked_by=2, created_at=datetime.now(UTC)))
                written.add(number)
            except OperationalError as error:
                if "disk is full" not in str(error) and "disk I/O" not in str(error):
                    return str(error)
                refused += 1
        async with database.read() as session:
            found = set(await session.scalars(select(BlockedUser.guild_id)))
    finally:
        await database.close()
    if found != written or 200 not in found:
        return f"{len(written)} told as written, {len(found)} there"
    return f"refused, and written again with room: {refused} of 200"


def _fit(disk: Disk, folder: Path, times: int) -> Counter[str]:
    icons = folder / "icons"
    if not icons.exists():
        icons.mkdir()
        for number in range(20):
            draw_icon(number).save(icons / f"{number}.png")
    ends = Counter[str]()
    given = ("--batch", "4", "--width", "8", "--size", "32", "--device", "cpu", "--progress", "jsonl")
    for turn in range(4 * times):
        runs = disk.place / "runs"
        disk.leave(200_000 + turn * 1_500_000 // times)
        result = train("--icons", icons, "--kimg", "0.03", "--evaluate-every", "0.01", *given, "--runs", runs)
        said = " ".join(result.stderr.split())
        disk.clear()
        if result.exit_code == 0:
            ends["one sentence was not needed: it went"] += 1
        elif FULL not in said or "Traceback" in said or not isinstance(result.exception, SystemExit):
            ends[f"said: {said or result.exception!r}"] += 1
        elif "--resume" in said:
            again = train("--resume", folder_of(runs), "--progress", "jsonl")
            ends["one sentence; --resume goes on to the end" if not again.exit_code else again.stderr] += 1
        else:
            ends["one sentence; nothing was saved yet"] += 1
        shutil.rmtree(runs, ignore_errors=True)
    return ends


def _asked(disk: Disk, folder: Path, times: int) -> Counter[str]:
    return asyncio.run(_ask(disk, folder / "tiny", folder, times))


async def _ask(disk: Disk, bundle: Path, folder: Path, times: int) -> Counter[str]:
    """In the simulated Discord, with a data folder on that disk."""
    ends = Counter[str]()
    full = "The disk that I write to is full"
    async with open_services(settings_for(bundle, disk.place)) as services, in_discord(services) as world:
        host = furnish(world, bundle, folder)
        picture = ("a.png", os.urandom(50_000))
        for turn in range(times):
            disk.leave(0)
            told, drawn = "", 0
            while not told and drawn < 500:  # what the log of the database has room for goes on
                result = await world.asker.slash(world.channel, "icon", seed=f"{turn} {drawn}")
                drawn += 1
                told = private(result) if result.response is None or result.response.ephemeral else ""
            retraining = private(await host.admin.slash(world.channel, "retrain", file=picture))
            world.errors()
            disk.clear()
            again = words(public(await world.asker.slash(world.channel, "icon", seed=f"{turn} again")))
            async with services.database.read() as session:
                jobs = await session.scalar(select(func.count()).select_from(RetrainJob))
                rows = await session.scalar(select(func.count()).where(Generation.deleted_at.is_(None)))
            if not told.startswith(full) or not retraining.startswith(full) or jobs or not again or not rows:
                ends[f"{told!r}, {retraining!r}, {jobs} jobs"] += 1
            else:
                ends["told, and then an icon as before; no job is left"] += 1
    return ends


def _log() -> Counter[str]:
    """Each form of the log, on a device that takes nothing."""
    code = "import logging, sys; from bot.logs import set_up_logging; set_up_logging('info', form=sys.argv[1]);"
    code += "[logging.getLogger('x').warning('%d', i) for i in range(99)]; print('goes on')"
    ends = Counter[str]()
    for form in ("text", "json"):
        with Path("/dev/full").open("w") as nowhere:
            command = [sys.executable, "-c", code, form]
            ended = subprocess.run(command, stderr=nowhere, stdout=subprocess.PIPE, text=True, check=False)
        ends[ended.stdout.strip() or f"code {ended.returncode}"] += 1
    return ends


if __name__ == "__main__":
    unshare = shutil.which("unshare")
    inside = [unshare or "", "--user", "--map-root-user", "--mount"]
    if INSIDE not in os.environ and unshare and not subprocess.run([*inside, "true"], check=False).returncode:
        again = [*inside, sys.executable, "-m", "tests.faults.full", *sys.argv[1:]]
        os.execve(unshare, again, {**os.environ, INSIDE: "1"})  # noqa: S606
    alone("full", experiment, 1)
