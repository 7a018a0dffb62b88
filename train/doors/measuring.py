"""What the networks of a preset are before they are trained, and what a run of them has come to."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from generator.checkpoint import read_bundle
from generator.networks import build_generator
from generator.pictures import grid
from generator.studio import fold
from generator.transparency import WHITE, as_image, over
from train.autoencoders.trainer import AutoencoderTrainer
from train.metrics import Judge
from train.metrics.membership import membership
from train.report.comparison import Anatomy, Reached, seconds_until, trained_seconds
from train.report.history import History, read_history
from train.run.folder import BEST
from train.run.guard import End
from train.run.learners import new_learner
from train.run.outputs import SHEET_COLUMNS, draw_seeds
from train.run.setting import Setting

FEW = 32
"""Icons that are enough to build the networks of a preset."""
GIGA = 1e9

Parted: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Icons that are trained on, and those held out: `(N, size, size, C)` each."""


def anatomy(setting: Setting, icons: NDArray[np.uint8]) -> Anatomy:
    """Build the networks of a setting for icons `(N, size, size, C)` and count. ValueError: they cannot be built."""
    learner = new_learner(setting, icons[:FEW], torch.device("cpu"))
    if isinstance(learner, AutoencoderTrainer):
        helpers: list[nn.Module | None] = [learner.network.encoder]
    else:
        helpers = [getattr(learner, part, None) for part in ("discriminator", "guide")]  # not all have them
    network = build_generator(setting.network)
    drawing = fold(network)
    # The counter knows no formula for the CPU's fused attention; the plain one consists of products that it knows.
    with torch.inference_mode(), FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        drawing(torch.zeros(1, setting.network.latent_size))
    return Anatomy(
        generator=_parameters(network),
        helper=sum(_parameters(part) for part in helpers if isinstance(part, nn.Module)),
        gflop=counter.get_total_flops() / GIGA,
    )


def _parameters(network: nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


def reached(run: Path, judge: Judge, parted: Parted) -> Reached:
    """Measure the best state of a run of these icons. Raises BundleError."""
    history, bundle = read_history(run), read_bundle(run / BEST)
    network = build_generator(bundle.config)
    network.load_state_dict(bundle.generator)
    network = network.to(judge.device).eval()
    fakes = judge.sample(network, bundle.config.latent_size)
    return Reached(
        kimg=history.clock[-1][0],
        seconds=trained_seconds(history),
        images_per_second=_speed(history),
        best_kimg=bundle.card.kimg,
        figures=judge.compare(fakes),
        told_apart=membership(fakes, parted[0], parted[1], judge.device) if len(parted[1]) else None,
        sooner=seconds_until(history),
        sheet=sheet(draw_seeds(network, bundle.config, judge.device)),
        note=_note(history),
    )


def _note(history: History) -> str:
    """How a run ended, unless it reached its goal."""
    if history.ended == End.GOAL:
        return ""
    kimg = history.clock[-1][0]
    return (
        f"ended by {history.ended} at {kimg:.1f} kimg"
        if history.ended == End.ALARMS
        else f"broken off at {kimg:.1f} kimg"
    )


def _speed(history: History) -> float:
    """images/s: the median of what the run told, or the mean where it was over before it told anything."""
    told = [tick["images_per_second"] for tick in history.ticks if "images_per_second" in tick]
    kimg, seconds = history.clock[-1]
    return statistics.median(told) if told else 1000 * kimg / max(seconds, 1e-9)


def sheet(icons: NDArray[np.uint8]) -> Image.Image:
    """Icons `(N, size, size, C)` as a sheet on white, RGB."""
    return grid([as_image(icon) for icon in over(icons, WHITE)], SHEET_COLUMNS)
