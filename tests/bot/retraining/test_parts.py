"""The pieces of retraining by themselves: the gate, the order of deletions, the progress lines, who runs the host."""

from __future__ import annotations

import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import discord
import pytest
from typer.testing import CliRunner

from bot.db.models import ModelState
from bot.models.versions import Version, deletion_order, previous
from bot.retraining.card import bar
from bot.retraining.files import JobFolder
from bot.retraining.gate import Verdict, judge, read_evaluation
from bot.retraining.jobs import fit_sentence
from bot.retraining.process import ERRORS, PROGRESS, TrainerError, Training, run_command
from bot.settings import SettingsError, load_settings
from bot.talk.operators import owners
from generator.card import Figure
from tests.bot.world import until
from train.__main__ import app as train


def figures(**values: tuple[float, float]) -> dict[str, Figure]:
    return {name: Figure(value=value, real=real) for name, (value, real) in values.items()}


GOOD = figures(kid=(3.0, 1.0), swd=(9.0, 1.0), ms_ssim=(0.3, 0.25), coverage=(0.8, 0.9), nearest=(0.1, 0.12))


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({"kid": (2.9, 1.0)}, Verdict.BETTER),
        ({"kid": (3.0, 1.0)}, Verdict.NOT_WORSE),
        ({"kid": (3.14, 1.0), "swd": (99.0, 1.0)}, Verdict.NOT_WORSE),  # the first figure that both have decides
        ({"kid": (3.16, 1.0), "swd": (1.0, 1.0)}, Verdict.WORSE),
        ({"kid": (1.0, 1.0), "ms_ssim": (0.63, 0.25)}, Verdict.COLLAPSED),  # over half the way from real to equal
        ({"kid": (1.0, 1.0), "ms_ssim": (0.62, 0.25)}, Verdict.BETTER),
        ({"kid": (1.0, 1.0), "coverage": (0.4, 0.9)}, Verdict.COLLAPSED),
        ({"kid": (1.0, 1.0), "nearest": (0.05, 0.12)}, Verdict.COPIES),
        ({"kid": (1.0, 1.0), "nearest": (0.06, 0.12)}, Verdict.BETTER),
    ],
)
def test_the_gate(changed: dict[str, tuple[float, float]], verdict: Verdict) -> None:
    assert judge({**GOOD, **figures(**changed)}, GOOD) is verdict
    assert verdict.passes is (verdict in {Verdict.BETTER, Verdict.NOT_WORSE})


def test_a_running_model_that_stands_no_better_is_no_measure() -> None:
    old = {**GOOD, **figures(ms_ssim=(0.9, 0.25))}
    assert judge({**GOOD, **figures(ms_ssim=(0.88, 0.25), kid=(2.0, 1.0))}, old) is Verdict.BETTER
    assert judge({**GOOD, **figures(ms_ssim=(0.92, 0.25), kid=(2.0, 1.0))}, old) is Verdict.COLLAPSED


def test_without_a_common_figure_nothing_is_known() -> None:
    assert judge(figures(swd=(1.0, 1.0)), figures(kid=(1.0, 1.0))) is Verdict.UNKNOWN
    assert judge({}, {}) is Verdict.UNKNOWN


@pytest.mark.parametrize("document", ["", "[]", "{}", '{"figures": {}}', '{"figures": {"swd": {"value": NaN}}}'])
def test_an_evaluation_that_cannot_be_read(document: str) -> None:
    with pytest.raises(ValueError, match="the evaluation"):
        read_evaluation(document)


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def version(number: int, state: ModelState, activated: int | None = None, *, configured: bool = False) -> Version:
    at = None if activated is None else NOW + timedelta(hours=activated)
    created = NOW + timedelta(hours=number)
    return Version(number, f"m{number}", state, created, at, at if configured else None, Path(), None)


def test_turned_down_models_go_first_then_the_oldest_and_some_never() -> None:
    kept, rejected = ModelState.KEPT, ModelState.REJECTED
    versions = [
        version(1, kept, 1, configured=True),
        version(2, kept, 9),  # the one before the present one
        version(3, kept, 5),
        version(4, kept, 4),
        version(5, rejected),
        version(6, rejected),
        version(7, ModelState.ACTIVE, 10),
        version(8, kept, 2),
    ]
    before = previous(versions)
    assert before is not None
    assert before.id == 2
    assert [each.id for each in deletion_order(versions, keep={7, 8})] == [5, 6, 4, 3]
    assert previous([version(7, ModelState.ACTIVE, 1), version(5, rejected)]) is None


def test_owners() -> None:
    def application(**more: Any) -> discord.AppInfo:
        user = {"id": "2", "username": "host", "discriminator": "0", "avatar": None}
        base = {"id": "3", "name": "m", "description": "", "icon": None, "owner": user, "verify_key": ""}
        payload: Any = {**base, "bot_public": True, "bot_require_code_grant": False, **more}
        return discord.AppInfo(discord.Client(intents=discord.Intents.none())._connection, payload)

    def member(number: int, state: int) -> dict[str, Any]:
        user = {"id": str(number), "username": "x", "discriminator": "0", "avatar": None}
        return {"user": user, "membership_state": state, "permissions": [], "role": "admin", "team_id": "9"}

    assert owners(None) == set()
    assert owners(application()) == {2}
    team = {"id": "9", "name": "t", "icon": None, "owner_user_id": "4", "members": [member(4, 2), member(5, 1)]}
    assert owners(application(team=team)) == {4}


def test_the_progress_is_read_as_it_is_written(tmp_path: Path) -> None:
    lines = [
        {"event": "start", "run": str(tmp_path), "kimg": 300.0},
        {"event": "tick", "kimg": 1.5, "share": 0.25, "images_per_second": 40.0, "eta_seconds": None, "new": "field"},
        {"event": "rollback", "kimg": 2.0, "sentence": "Back to the best state."},
        {"event": "evaluation", "kimg": 2.0, "sheet": "sheets/2.png", "metrics": {}},
        {"event": "done", "reason": "patience", "kimg": 2.0},
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
    assert (progress.kimg, progress.share, progress.images_per_second, progress.eta_seconds) == (2.0, 0.25, 40.0, None)
    assert (progress.sheet, progress.note) == (tmp_path / "sheets" / "2.png", "Back to the best state.")
    assert progress.finished
    assert not progress.stopped


async def test_a_process_is_followed_by_its_lock(tmp_path: Path) -> None:
    script = "import sys, time; print('last words', file=sys.stderr, flush=True); time.sleep(60)"
    training = Training(tmp_path, (sys.executable, "-c", script))
    assert not training.is_alive()
    training.start([])
    found_again = Training(tmp_path)
    assert found_again.is_alive()
    await until(lambda: (tmp_path / ERRORS).stat().st_size > 0)
    found_again.signal(signal.SIGKILL)
    assert training._process is not None
    training._process.wait()
    assert not found_again.is_alive()
    assert training.reason() is None  # killed: what it said before is not why
    assert found_again.reason() == "last words"
    with pytest.raises(TrainerError, match="could not be started"):
        Training(tmp_path, (str(tmp_path / "nothing"),)).start([])


async def test_a_command_that_fails_gives_its_last_line() -> None:
    with pytest.raises(TrainerError, match="why not"):
        await run_command(["-c", "import sys; sys.exit('first\\nwhy not')"], (sys.executable,))


def test_what_is_left_of_a_folder(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "1")
    folder.save([("../../Evil .PNG", b"x"), ("set.tar.gz", b"y"), ("", b"z")])
    assert sorted(file.name for file in folder.given()) == ["002-set.tar.gz", "icons"]
    assert sorted(file.name for file in (folder.path / "icons").iterdir()) == ["001-evil.png", "003-icon.icon"]
    run = folder.path / "runs" / "0001-sagan-x"
    (run / "sheets").mkdir(parents=True)
    (run / "sheets" / "000.500-kimg.png").write_bytes(b"sheet")
    assert folder.saved_run() is None
    (run / "state").mkdir()
    assert folder.saved_run() == run
    (folder.path / PROGRESS).write_text("")
    folder.strip()
    assert sorted(file.name for file in folder.path.iterdir()) == [PROGRESS, "sheet.png"]
    assert folder.picture() == b"sheet"


def test_what_the_evaluation_prints_is_read(tiny_bundle_path: Path) -> None:
    options = ["evaluate", str(tiny_bundle_path), "--icons", str(tiny_bundle_path), "--samples", "8", "--json"]
    assert {"swd", "kid", "coverage", "nearest"} <= read_evaluation(CliRunner().invoke(train, options).stdout).keys()


def test_sentences_name_files_without_their_folders() -> None:
    sentence = "/srv/mojigan/data/jobs/3/icons, /srv/x.zip: no icon that can be read\n(besides 3 and/or 4)"
    assert fit_sentence(sentence) == "icons, x.zip: no icon that can be read (besides 3 and/or 4)"
    assert len(fit_sentence("x" * 900)) == 500


def test_the_bar() -> None:
    assert bar(0.0, 4) == "▱▱▱▱"
    assert bar(0.5, 4) == "▰▰▱▱"
    assert bar(1.0, 4) == "▰▰▰▰"


def test_settings_of_retraining(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOJIGAN_RETRAIN_GUILDS", "12, 34 56")
    monkeypatch.setenv("MOJIGAN_TRAIN_OPTIONS", "--width 48 --name 'my icons'")
    settings = load_settings(None)
    assert settings.retrain_guilds == {12, 34, 56}
    assert settings.train_options == ("--width", "48", "--name", "my icons")
    for name, value, reason in (
        ("RETRAIN_GUILDS", "12,x", "MOJIGAN_RETRAIN_GUILDS: '12,x' are not ids of servers"),
        ("TRAIN_OPTIONS", "'", 'MOJIGAN_TRAIN_OPTIONS: "\'" cannot be read as on a command line'),
        ("MODELS_LIMIT", "0", "MOJIGAN_MODELS_LIMIT: '0' is not a number of GiB above 0"),
    ):
        with monkeypatch.context() as wrong:
            wrong.setenv(f"MOJIGAN_{name}", value)
            with pytest.raises(SettingsError, match=reason):
                load_settings(None)
