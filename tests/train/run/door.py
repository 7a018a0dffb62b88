"""`python -m train fit` as the tests call it, and what they read of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from train.__main__ import app


def train(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["fit", *(str(argument) for argument in arguments)])


def folder_of(runs: Path) -> Path:
    """The one run folder there."""
    (run,) = (path for path in runs.iterdir() if path.is_dir())
    return run


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]
