"""The pieces of retraining by themselves: the process and its lines, the folder that is left, sentences, the bar."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from bot.retraining import child, process
from bot.retraining.card import bar
from bot.retraining.child import LOCK, PROCESS, STOP
from bot.retraining.files import JobFolder
from bot.retraining.jobs import fit_sentence
from bot.retraining.process import ERRORS, NICENESS, PROGRESS, Event, TrainerError, Training, _environment, run_command
from tests.bot.retraining.fake_train import LONGEST
from tests.bot.world import until
from tests.house import ROOT

WAIT = f"time.sleep({LONGEST})"
"""What a training does that has to be ended."""


def script(folder: Path, source: str) -> list[str]:
    """What Python runs as a training."""
    file = folder / "script.py"
    file.write_text(f"import sys, time\n{source}\n")
    return [str(file)]


def test_the_progress_is_read_as_it_is_written(tmp_path: Path) -> None:
    lines = [
        {"event": "start", "run": str(tmp_path), "kimg": 300.0},
        {"event": "tick", "kimg": 1.5, "share": 0.25, "images_per_second": 40.0, "eta_seconds": None, "new": "field"},
        {"event": "rollback", "kimg": 2.0, "sentence": "Back to the best state."},
        {"event": "evaluation", "kimg": 2.0, "sheet": "sheets/2.png", "metrics": {}},
        {"event": "done", "reason": "patience", "kimg": 2.5},
    ]
    training, file = Training(tmp_path), tmp_path / PROGRESS
    assert training.read().run is None
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    cut = content.index(b'"eta_seconds"')
    file.write_bytes(content[:cut])
    assert training.read().kimg == 0.0
    file.write_bytes(b"")
    with file.open("ab") as rest:
        rest.write(content)
    progress = training.read()
    assert (progress.kimg, progress.share, progress.images_per_second, progress.eta_seconds) == (2.5, 0.25, 40.0, None)
    assert (progress.sheet, progress.note) == (tmp_path / "sheets" / "2.png", "Back to the best state.")
    assert progress.finished
    assert progress.after(Event(event="end", sentence="The goal is reached.")).note == "The goal is reached."
    assert progress.after(Event(event="evaluation")) == progress
    assert progress.after(Event(event="tick", share=1.5)) == replace(progress, share=1.0, images_per_second=None)


class Killed(BaseException):
    """The bot is gone."""


def dies(*_: object) -> None:
    raise Killed


async def test_a_process_is_followed_by_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(tmp_path, script(tmp_path, f"print('last words', file=sys.stderr, flush=True); {WAIT}"))
    assert not training.is_alive()
    training.start([])
    assert training.is_alive()  # before it has come to lock anything
    assert training._process is not None
    assert os.getpriority(os.PRIO_PROCESS, training._process.pid) >= NICENESS
    await until(lambda: (tmp_path / ERRORS).stat().st_size > 0)
    found_again = Training(tmp_path)
    assert found_again.is_alive()
    found_again.kill()
    assert not found_again.is_alive()
    training._process.wait()
    assert training.reason() is None  # killed: what it said before is not why
    assert found_again.reason() == "last words"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(TrainerError, match="could not be started"):
        training.start([])
    with pytest.raises(TrainerError, match="could not be started"):
        await run_command([])


async def test_a_training_outlives_its_bot_and_keeps_others_out(tmp_path: Path) -> None:
    work = script(tmp_path, f"print('begun', file=sys.stderr, flush=True); {WAIT}")
    start = "import sys, time; from pathlib import Path; from bot.retraining.process import Training"
    start += "; Training(Path(sys.argv[1]), sys.argv[2:]).start([]); print('started', flush=True); " + WAIT
    command = [sys.executable, "-c", start, str(tmp_path), *work]
    bot = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    assert bot.stdout is not None
    assert await bot.stdout.readline() == b"started\n"
    bot.kill()
    await bot.wait()
    await until(lambda: (tmp_path / ERRORS).read_text() == "begun\n")
    next_bot = Training(tmp_path, work)
    assert next_bot.is_alive()
    first = json.loads((tmp_path / PROCESS).read_text())["pid"]
    next_bot.start([])
    second = next_bot._process
    assert second is not None
    await until(lambda: second.poll() is not None)
    assert second.returncode == 1  # it has found the lock taken
    assert next_bot.reason() == "Another process is training in this folder."
    assert next_bot.is_alive()
    assert json.loads((tmp_path / PROCESS).read_text())["pid"] == first
    assert (tmp_path / ERRORS).read_text().startswith("begun\n")  # what the first one has said is still there
    next_bot.stop()
    await until(lambda: not next_bot.is_alive())


async def test_a_training_that_starts_too_late_ends_at_once(tmp_path: Path) -> None:
    """Its bot was killed before it came to its lock, and the next one has given the job up."""
    work = script(tmp_path, WAIT)
    (tmp_path / STOP).touch()
    late = await asyncio.create_subprocess_exec(sys.executable, "-m", child.__name__, tmp_path, *work, cwd=ROOT)
    await until(lambda: late.returncode is not None)
    assert late.returncode == -signal.SIGTERM


async def test_a_training_is_asked_to_stop(tmp_path: Path) -> None:
    handled = "signal.signal(signal.SIGTERM, lambda *_: sys.exit('saved')); print('ready', file=sys.stderr, flush=True)"
    training = Training(
        tmp_path, script(tmp_path, f"import signal; {handled}\nfor _ in range(30_000): time.sleep(0.01)")
    )
    (tmp_path / STOP).touch()  # of the sitting before
    training.start([])
    await until(lambda: (tmp_path / ERRORS).stat().st_size > 0)
    training.forget()
    assert Training(tmp_path).has_begun()  # also when it could not write its number down
    training.stop()
    await until(lambda: not training.is_alive())
    assert training.reason() == "saved"


async def test_a_process_can_be_ended_by_a_bot_that_did_not_see_it_begin(tmp_path: Path) -> None:
    """The bot dies the moment that it has started a training: nothing that it would do after that was done."""
    training = Training(tmp_path, script(tmp_path, WAIT))
    assert not training.has_begun()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "_be_nice", dies)
        with pytest.raises(Killed):
            training.start([])
    await until((tmp_path / PROCESS).exists)
    found_again = Training(tmp_path)
    assert found_again.has_begun()
    found_again.kill()
    assert training._process is not None
    assert training._process.wait() == -signal.SIGKILL
    assert found_again.has_begun()
    found_again.forget()
    assert not found_again.has_begun()


async def test_a_training_is_ended_with_all_that_it_has_started(tmp_path: Path) -> None:
    held = FileLock(tmp_path / "held", thread_local=False)
    work = f"lock = FileLock({held.lock_file!r}); lock.acquire(); print('ready', file=sys.stderr, flush=True)"
    work = f"import sys, time; from filelock import FileLock; {work}; {WAIT}"
    training = Training(
        tmp_path, script(tmp_path, f"import subprocess; subprocess.run([sys.executable, '-c', {work!r}])")
    )
    training.start([])
    await until(lambda: (tmp_path / ERRORS).read_text() == "ready\n")
    with pytest.raises(Timeout):
        held.acquire(timeout=0)
    training.kill()
    assert training._process is not None
    assert training._process.wait() == -signal.SIGKILL
    await asyncio.to_thread(held.acquire, timeout=60)
    held.release()


@pytest.mark.parametrize("found_again", [False, True])
async def test_a_training_that_is_killed_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found_again: bool
) -> None:
    """Whatever begins in this folder next finds its lock free, also when the system takes its time."""
    training = Training(tmp_path, script(tmp_path, f"print('begun', file=sys.stderr, flush=True); {WAIT}"))
    training.start([])
    await until(lambda: (tmp_path / ERRORS).read_text() == "begun\n")
    kill = os.killpg
    monkeypatch.setattr(os, "killpg", lambda *given: threading.Timer(0.2, kill, given).start())
    await asyncio.to_thread((Training(tmp_path) if found_again else training).kill)
    assert not Training(tmp_path).is_alive()
    assert training._process is not None
    assert await asyncio.to_thread(training._process.wait) == -signal.SIGKILL


def test_a_number_that_belongs_to_another_process_by_now_is_let_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda number, _: killed.append(number))
    (tmp_path / PROCESS).write_text('{"pid": 4194305}')
    Training(tmp_path).kill()
    assert killed == []


@pytest.mark.parametrize("written", ["", "{", "{}", "[]", '{"pid": null}', '{"pid": "x"}'])
def test_a_number_that_cannot_be_read_ends_nothing(tmp_path: Path, written: str) -> None:
    (tmp_path / PROCESS).write_text(written)
    with FileLock(tmp_path / LOCK):
        Training(tmp_path).kill()
        assert Training(tmp_path).is_alive()


def test_a_reason_is_one_and_names_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "of somebody" / "1"
    folder.mkdir(parents=True)
    (folder / ERRORS).write_text(f"first\n{folder}/icons/a.png: broken\n")
    assert Training(folder).reason() == "icons/a.png: broken"
    for said in ("first\nRun folder: here\n", "\n", ""):
        (folder / ERRORS).write_text(said)
        assert Training(folder).reason() is None


def test_a_folder_that_is_gone_says_nothing_and_asks_nobody(tmp_path: Path) -> None:
    training = Training(tmp_path / "gone")
    training.stop()
    training.kill()
    assert (training.reason(), training.is_alive()) == (None, False)
    assert not training.folder.exists()  # who looks makes none: whose folder it is does the job


async def test_a_command_that_nobody_waits_for_is_ended(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    source = f"import os; open({str(begun)!r}, 'w').write(f'{{os.getpid()}}\\n'); {WAIT}"
    waiting = asyncio.create_task(run_command(script(tmp_path, source), ()))
    await until(lambda: begun.exists() and begun.read_text().endswith("\n"))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)


async def test_a_command_comes_after_the_bot_s_own_work() -> None:
    look = f"if os.getpriority(os.PRIO_PROCESS, 0) >= {NICENESS}: sys.exit()"
    await run_command(
        ["-c", f"import os, sys, time\nfor _ in range(6_000):\n {look}\n time.sleep(0.01)\nsys.exit(1)"], ()
    )


async def test_a_command_that_fails_gives_its_last_line() -> None:
    with pytest.raises(TrainerError, match="why not"):
        await run_command(["-c", "import sys; sys.exit('first\\nwhy not')"], ())
    with pytest.raises(TrainerError, match="It ended with code 3"):
        await run_command(["-c", "import sys; sys.exit(3)"], ())


async def test_a_training_is_given_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an allow list: what nobody has thought of is not given, either."""
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "1", "PYTHONPATH": "/code"})
    known = set(_environment())
    assert known == {"PATH", "CUDA_VISIBLE_DEVICES", "PYTHONPATH"}
    for name in ("DISCORD_TOKEN", "MOJIGAN_DATABASE_URL", "DATABASE_URL", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "X"):
        monkeypatch.setitem(os.environ, name, "secret")
    assert set(_environment()) == known
    assert _environment()["PYTHONPATH"].endswith(f"{os.pathsep}/code")


async def test_a_module_is_run_with_its_options(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text("[1]")
    training = Training(tmp_path, ["-m", "json.tool"])
    training.start(["--compact", str(tmp_path / "in.json"), str(tmp_path / "out.json")])
    await until(lambda: not training.is_alive())
    assert (tmp_path / "out.json").read_text() == "[1]\n"


async def test_processes_are_started_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "secret")
    source = "import os; print('DISCORD_TOKEN' in os.environ, 'PATH' in os.environ)"
    assert await run_command(["-c", source], ()) == "False True\n"
    training = Training(tmp_path, script(tmp_path, source))
    training.start([])
    await until(lambda: not training.is_alive())
    assert (tmp_path / PROGRESS).read_text() == "False True\n"


async def test_a_process_that_is_left_becomes_no_zombie(tmp_path: Path) -> None:
    (tmp_path / PROCESS).mkdir()  # as if the disk were full: the bot knows its child all the same
    training = Training(tmp_path, script(tmp_path, f"print('begun', file=sys.stderr, flush=True); {WAIT}"))
    training.start([])
    assert training._process is not None
    number = training._process.pid
    await until(lambda: (tmp_path / ERRORS).read_text() == "begun\n")
    training.kill()
    training.leave()
    await until(lambda: not Path(f"/proc/{number}").exists())


def test_what_people_give_is_flushed_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there when the row of the job is, also after a power cut."""
    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(Path(f"/proc/self/fd/{handle}").readlink().name))
    JobFolder(tmp_path / "jobs" / "1").save([("a.png", b"x"), ("set.zip", b"y")])
    assert len([name for name in flushed if name.startswith((".001-a.png", ".002-set.zip"))]) == 2
    assert {"jobs", "1", "icons"} <= set(flushed)


def test_a_name_may_be_long(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "1")
    folder.save([("x" * 300 + ".png", b"x"), ("y" * 300 + ".zip", b"y")])
    assert len(folder.given()) == 2


def test_what_is_left_of_a_folder(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "1")
    folder.save([("../../Evil .PNG", b"x"), ("set.tar.gz", b"y"), ("", b"z")])
    assert sorted(file.name for file in folder.given()) == ["002-set.tar.gz", "icons"]
    assert sorted(file.name for file in (folder.path / "icons").iterdir()) == ["001-evil.png", "003-icon.icon"]
    run = folder.path / "runs" / "0001-sagan-x"
    (run / "sheets").mkdir(parents=True)
    (run / "sheets" / "000.500-kimg.png").write_bytes(b"sheet")
    (run / "sheets" / "001.000-kimg.png").write_bytes(b"newest sheet")
    assert folder.saved_run() is None
    (run / "state").mkdir()
    assert folder.saved_run() == run
    (folder.path / "runs" / "0002-sagan-x" / "state").mkdir(parents=True)
    assert folder.saved_run() == folder.path / "runs" / "0002-sagan-x"
    (folder.path / PROGRESS).write_text("")
    folder.strip()
    assert sorted(file.name for file in folder.path.iterdir()) == [PROGRESS, "sheet.png"]
    assert folder.picture() == b"newest sheet"


def test_sentences_name_files_without_their_folders() -> None:
    sentence = "/srv/mojigan/data/jobs/3/icons, /srv/x.zip: no icon that can be read\n(besides 3 and/or 4)"
    assert fit_sentence(sentence) == "icons, x.zip: no icon that can be read (besides 3 and/or 4)"
    assert len(fit_sentence("x" * 900)) == 500


def test_the_bar() -> None:
    assert bar(0.0, 4) == "▱▱▱▱"
    assert bar(0.5, 4) == "▰▰▱▱"
    assert bar(1.0, 4) == "▰▰▰▰"
