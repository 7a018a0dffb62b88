"""The same seed on another machine: another number of threads, and a processor that can less, change the last bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from generator.checkpoint import DEFAULT_BUNDLE, read_bundle
from generator.studio import Studio
from generator.transparency import as_pixels

SEEDS = range(1, 65)
ELSEWHERE = """
import sys, numpy, torch
from generator.checkpoint import DEFAULT_BUNDLE, read_bundle
from generator.studio import Studio
from generator.transparency import as_pixels
torch.set_num_threads(3)
icons = Studio(read_bundle(DEFAULT_BUNDLE), "cpu").draw(range(1, 65))
numpy.save(sys.argv[1], numpy.stack([as_pixels(icon) for icon in icons]))
"""
OLD_PROCESSOR = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"}


def test_other_machines_draw_within_one_level(tmp_path: Path) -> None:
    file = tmp_path / "icons.npy"
    subprocess.run([sys.executable, "-c", ELSEWHERE, file], env=os.environ | OLD_PROCESSOR, check=True)
    studio = Studio(read_bundle(DEFAULT_BUNDLE), "cpu")
    here, there = np.stack([as_pixels(icon) for icon in studio.draw(SEEDS)]), np.load(file)
    assert np.abs(here.astype(int) - there.astype(int)).max() <= 1
    assert here.shape == (64, 64, 64, 4)


def test_the_same_machine_draws_the_same_bytes() -> None:
    """Also one by one: icons of a batch know nothing of each other."""
    studio = Studio(read_bundle(DEFAULT_BUNDLE), "cpu")
    first, again = ([np.asarray(icon) for icon in studio.draw(range(1, 5))] for _ in range(2))
    assert np.array_equal(first, again)
