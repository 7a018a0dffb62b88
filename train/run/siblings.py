"""A folder of runs that differ in their presets alone: what they share stands in `compare.json`, and is kept to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from generator.decode import color_code
from generator.folders import require_empty, write_file
from train.run.folder import OPTIONS, RunError
from train.run.setting import Setting

RECORD = "compare.json"


def settle(out: Path, setting: Setting, device: torch.device) -> dict[str, Any]:
    """Begin a comparison, or make sure that it goes on as it began. Raises RunError, OSError."""
    same = {
        "icons": setting.data.digest,
        "size": setting.image_size,
        "background": color_code(setting.background),
        "threshold": setting.threshold,
        "hold-out": setting.hold_out,
        "seed": setting.seed,
        **asdict(setting.goal),
        "evaluate-every": setting.evaluate_every,
        "device": device.type,
    }
    if not (out / RECORD).exists():
        require_empty(out)
        out.mkdir(parents=True, exist_ok=True)
        record(out, {"settings": same})
        return same
    try:
        known = dict(json.loads((out / RECORD).read_text(encoding="utf-8"))["settings"])
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{out / RECORD}: the comparison's settings cannot be read; choose another --out.") from error
    differing = [
        "other icons" if name == "icons" else f"--{name} {known.get(name)}"
        for name, value in same.items()
        if known.get(name) != value
    ]
    if differing:
        raise RunError(
            f"{out}: what is here was trained with {', '.join(differing)}: give the same, or choose another --out."
        )
    return same


def record(out: Path, document: Mapping[str, Any]) -> None:
    """Write RECORD. Raises OSError."""
    write_file(out / RECORD, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())


def find(out: Path, setting: Setting) -> Path | None:
    """The run folder of a setting, if it was begun. Raises RunError for one that was trained on by hand."""
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        try:
            found = Setting.read(json.loads((folder / OPTIONS).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # begun and killed at once, or not ours
        if found.recipe == setting.recipe:
            if found.goal != setting.goal:
                raise RunError(
                    f"{folder}: this run was given another goal, {found.goal.describe()}; choose another --out."
                )
            return folder
    return None
