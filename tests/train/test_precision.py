"""Which precision a device computes in."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from train.adversary.recipes import PRESETS, Recipe
from train.precision import Precision, favors_bfloat16, processor_favors_bfloat16

CPU = torch.device("cpu")
CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.parametrize("has", [False, True])
def test_the_device_decides_unless_somebody_does(monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
    monkeypatch.setattr("train.precision.favors_bfloat16", lambda device: has)
    assert Precision.AUTO.is_short_on(CPU) is has
    assert Precision.BFLOAT16.is_short_on(CPU)
    assert not Precision.FLOAT32.is_short_on(CPU)


@pytest.mark.parametrize(
    ("processor", "gains"),
    [
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, True),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}, False),  # 1.44 times the time, measured
        ({"cpu_name": "AMD EPYC", "avx512_bf16": True, "amx_bf16": False}, True),
        ({"cpu_name": "AMD EPYC", "avx512_bf16": False}, False),
        ({"architecture": "arm64"}, False),
        ({}, False),
    ],
)
def test_only_a_processor_that_is_faster_so_takes_it(processor: dict[str, object], gains: bool) -> None:
    assert processor_favors_bfloat16(processor) is gains


@pytest.mark.skipif(not CPUINFO.exists(), reason="Linux says so in a file")
def test_the_processor_says_what_it_has() -> None:
    said = CPUINFO.read_text()
    assert favors_bfloat16(CPU) is ("amx_bf16" in said or ("avx512_bf16" in said and "GenuineIntel" not in said))
    assert not favors_bfloat16(torch.device("mps"))  # whatever the CPU beside it can


@pytest.mark.parametrize(("before", "now"), [(True, "auto"), (False, "float32")])
def test_runs_of_before_go_on(before: bool, now: str) -> None:
    document = asdict(PRESETS["sagan"]) | {"bf16": before}
    del document["precision"]
    assert Recipe.read(document) == replace(PRESETS["sagan"], precision=now)
