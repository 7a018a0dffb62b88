"""A throw-away PostgreSQL server, for tests and experiments: started, stopped, made to stand still."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_DEBIAN_FOLDERS = Path("/usr/lib/postgresql")


class NoServerError(Exception):
    """Why there can be no server on this machine: one sentence."""


@dataclass(frozen=True)
class Server:
    """A server on a socket in a folder of its own."""

    folder: Path
    programs: Path
    owner: str | None
    """Whom it belongs to where root runs the tests: it refuses to run as root."""

    @property
    def url(self) -> str:
        """The URL of its database."""
        return f"postgresql://mojigan@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        more = "-c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=60"
        log = str(self.folder / "log.txt")
        self.call("pg_ctl", "-D", str(self._data), "-l", log, "-o", f"-k {self.folder} {more}", "-w", "start")

    def stop(self) -> None:
        """End it as a crash does."""
        self.call("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def make(self) -> None:
        """Make its files."""
        options = ("-U", "mojigan", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        self.call("initdb", "-D", str(self._data), *options)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes: SIGSTOP lets it stand still, SIGCONT go on."""
        main = int((self._data / "postmaster.pid").read_text().split()[0])
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(main)], capture_output=True, text=True, check=False)
        for pid in [main, *map(int, found.stdout.split())]:
            os.kill(pid, number)

    def call(self, program: str, *arguments: str) -> None:
        """Run one of its programs. Raises RuntimeError with what it says."""
        with (self.folder / "out.txt").open("w") as out:  # not a pipe: the server would keep it open
            done = subprocess.run(
                [self.programs / program, *arguments],
                user=self.owner,
                group=pwd.getpwnam(self.owner).pw_gid if self.owner else None,
                extra_groups=[] if self.owner else None,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            log = self.folder / "log.txt"
            said = (self.folder / "out.txt").read_text() + (log.read_text() if log.exists() else "")
            raise RuntimeError(f"{program}: {said}")

    @property
    def _data(self) -> Path:
        return self.folder / "data"


@contextmanager
def running_server() -> Iterator[Server]:
    """A server that runs. Raises NoServerError."""
    programs = _find_programs()
    if programs is None:
        raise NoServerError("PostgreSQL's server programs (initdb, pg_ctl) are not installed")
    owner = None
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        owner = next((name for name in ("postgres", "nobody") if name in names), None)
        if owner is None:
            raise NoServerError("PostgreSQL refuses to run as root, and there is no user 'postgres' to run it as")
    folder = Path(tempfile.mkdtemp(prefix="mojigan-pg-"))  # short: a socket's path has at most 107 bytes
    if owner is not None:
        shutil.chown(folder, owner)
    server = Server(folder, programs, owner)
    try:
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_programs() -> Path | None:
    """The folder of initdb and pg_ctl: on the path, or the newest that Debian has installed beside it."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    versions = sorted(_DEBIAN_FOLDERS.glob("*/bin/initdb"), key=lambda program: int(program.parts[-3]))
    return versions[-1].parent if versions else None
