"""Which precision a device computes in."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from train.adversary.recipes import PRESETS, Recipe
from train.precision import Precision, has_bfloat16

CPU = torch.device("cpu")
CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.parametrize("has", [False, True])
def test_the_device_decides_unless_somebody_does(monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
    monkeypatch.setattr("train.precision.has_bfloat16", lambda device: has)
    assert Precision.AUTO.is_short_on(CPU) is has
    assert Precision.BFLOAT16.is_short_on(CPU)
    assert not Precision.FLOAT32.is_short_on(CPU)


@pytest.mark.skipif(not CPUINFO.exists(), reason="Linux says so in a file")
def test_the_processor_says_what_it_has() -> None:
    assert has_bfloat16(CPU) is ("avx512_bf16" in CPUINFO.read_text())
    assert not has_bfloat16(torch.device("mps"))  # whatever the CPU beside it can


@pytest.mark.parametrize(("before", "now"), [(True, "auto"), (False, "float32")])
def test_runs_of_before_go_on(before: bool, now: str) -> None:
    document = asdict(PRESETS["sagan"]) | {"bf16": before}
    del document["precision"]
    assert Recipe.read(document) == replace(PRESETS["sagan"], precision=now)
