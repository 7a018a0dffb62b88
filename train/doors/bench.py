"""How fast the presets train here, side by side.

python -m train bench                          sagan beside sagan-seed, half a minute
python -m train bench --preset sagan --json    one preset, for a program
python -m train bench --preset gan --preset dcgan --size 28 --gray
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from json import dumps
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from generator.decode import Color
from generator.door import Device
from generator.studio import choose_device
from train.adversary import capture
from train.adversary.recipes import PRESETS, Recipe
from train.adversary.trainer import Trainer
from train.doors.options import read_recipe
from train.doors.terminal import Gray, UsageError, sentences

ICONS = 256
"""Drawn at random: what is on the icons changes no speed."""
SLICE_SECONDS = 0.5
"""The length of one preset's turn, at most; taking turns, all presets see the same machine."""
WARM_UP_STEPS = MEMORY_STEPS = capture.WARM_UP_STEPS + 1  # on a GPU the last one is recorded
FEWEST_ROUNDS = 3
SHARES = (0.0625, 0.1875, 0.3125, 0.4375, 0.5625, 0.6875, 0.8125, 0.9375)
"""Where in a run that grows its speed is taken; their mean is that of a run of so many minutes."""
MATRIX_EDGES = {"cpu": 1024, "cuda": 8192, "mps": 4096}
"""Edge of the square matrices whose product measures a device's matrix rate."""
GIGA, MEBI = 1e9, 2**20


@dataclass(frozen=True)
class Machine:
    """What the figures were taken on."""

    device: str
    device_type: str
    threads: int
    torch_version: str
    matrix_gflops: float
    """Measured rate of a square float32 matrix product in GFLOP/s; a multiplication and an addition count as two."""


@dataclass(frozen=True)
class Speed:
    """What one preset costs at its own batch, at full size."""

    preset: str
    batch: int
    images_per_second: float
    """Real icons seen; median over the rounds."""
    slowest_round: float
    fastest_round: float
    run_images_per_second: float
    """Mean over a whole run, which is faster when the recipe grows."""
    ms_per_step: float
    peak_memory_mib: float | None
    """On CUDA of the tensors; on the CPU of the process beyond what it had before training, None where not told."""
    gflop_per_image: float
    """Of convolutions and matrix products in one step of both networks, forwards and backwards."""
    matrix_share: float
    """The share of the device's measured matrix rate that training reaches."""


@dataclass(frozen=True)
class Bench:
    """All of it."""

    machine: Machine
    image_size: int
    channels: int
    rounds: int
    speeds: list[Speed]


MEASURABLE = [name for name, recipe in PRESETS.items() if not recipe.is_autoencoder]
"""Presets of two networks."""
DEFAULT_PRESETS = ("sagan", "sagan-seed")


def bench_command(
    preset: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Of {', '.join(MEASURABLE)}; may be given several times.", show_default=" and ".join(DEFAULT_PRESETS)
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="How long to measure, in all.")] = 30.0,
    size: Annotated[int, typer.Option(help="Edge of an icon in pixels.")] = 64,
    batch: Annotated[int | None, typer.Option(min=2, help="Icons in a step.", show_default="the preset's")] = None,
    gray: Gray = False,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure how fast presets train here, in turns: images/s, memory, and share of the matrix rate."""
    with sentences():
        channels = 1 if gray else 3
        recipes = [read_recipe(name, {"batch": batch}, size, channels) for name in preset or DEFAULT_PRESETS]
        if odd := [recipe.preset for recipe in recipes if recipe.preset not in MEASURABLE]:
            raise UsageError(f"{odd[0]} plays no game of two networks, which is what bench measures.")
        result = bench(recipes, size, channels, device=choose_device(device), seconds=seconds)
    if as_json:
        typer.echo(dumps(asdict(result), indent=2))
    else:
        Console().print(summarize_bench(result))


def bench(
    recipes: Sequence[Recipe], image_size: int, channels: int = 3, *, device: torch.device, seconds: float
) -> Bench:
    """Measure recipes for about so many seconds in all, after their memory and their FLOP."""
    memory = [_peak_memory(recipe, image_size, channels, device) for recipe in recipes]
    flops = [gflop_per_image(recipe, image_size, channels) for recipe in recipes]
    trainers = [_trainer(recipe, image_size, channels, device) for recipe in recipes]
    paces = [_paces(recipe) for recipe in recipes]
    for trainer, places in zip(trainers, paces, strict=True):
        for progress in places:
            _run_for(trainer, progress, 0.0, WARM_UP_STEPS)
    matrix_rate(device)
    turn = min(SLICE_SECONDS, seconds / (FEWEST_ROUNDS * len(recipes)))
    rates: list[float] = []
    rounds: list[list[list[float]]] = [[[] for _ in places] for places in paces]
    end = time.perf_counter() + seconds
    while len(rates) < FEWEST_ROUNDS or time.perf_counter() < end:
        rates.append(matrix_rate(device))
        for trainer, places, found in zip(trainers, paces, rounds, strict=True):
            for progress, speeds in zip(places, found, strict=True):
                speeds.append(_run_for(trainer, progress, turn / len(places)))
    rate = statistics.median(rates)
    return Bench(
        Machine(_device_name(device), device.type, torch.get_num_threads(), torch.__version__, rate / GIGA),
        image_size,
        channels,
        len(rates),
        [
            _speed(recipe, found, peak, gflop, rate)
            for recipe, found, peak, gflop in zip(recipes, rounds, memory, flops, strict=True)
        ],
    )


def _speed(recipe: Recipe, rounds: Sequence[Sequence[float]], peak: float | None, gflop: float, rate: float) -> Speed:
    *growing, full = rounds
    images = statistics.median(full)
    return Speed(
        preset=recipe.preset,
        batch=recipe.batch,
        images_per_second=images,
        slowest_round=min(full),
        fastest_round=max(full),
        run_images_per_second=statistics.mean(map(statistics.median, growing)) if growing else images,
        ms_per_step=1000 * recipe.batch / images,
        peak_memory_mib=peak,
        gflop_per_image=gflop,
        matrix_share=images * gflop * GIGA / rate,
    )


def _paces(recipe: Recipe) -> Sequence[float]:
    """The shares of a run at which a recipe is measured; the last one is at full size."""
    return (*SHARES, 1.0) if recipe.growth else (1.0,)


def _trainer(recipe: Recipe, image_size: int, channels: int, device: torch.device) -> Trainer:
    icons = np.random.default_rng(0).integers(0, 256, (ICONS, image_size, image_size, channels), np.uint8)
    white: Color = (255,) if channels == 1 else (255, 255, 255)
    config = recipe.network(image_size, channels)
    return Trainer(recipe, config, icons, background=white, device=device, seed=0)


def _run_for(trainer: Trainer, progress: float, seconds: float, fewest: int = 1) -> float:
    """Train for so many seconds and at least so many steps: images/s."""
    _wait(trainer.device)
    start, steps = time.perf_counter(), 0
    while steps < fewest or time.perf_counter() - start < seconds:
        trainer.step(progress)
        steps += 1
    _wait(trainer.device)
    return steps * trainer.recipe.batch / (time.perf_counter() - start)


def matrix_rate(device: torch.device) -> float:
    """FLOP/s of a product of two square float32 matrices, the best of three."""
    edge = MATRIX_EDGES[device.type]
    left, right = torch.rand((2, edge, edge), device=device)
    times = []
    for _ in range(3):
        _wait(device)
        start = time.perf_counter()
        torch.mm(left, right)
        _wait(device)
        times.append(time.perf_counter() - start)
    return 2 * edge**3 / min(times)


def gflop_per_image(recipe: Recipe, image_size: int, channels: int = 3) -> float:
    """GFLOP of one step at full size per real icon, counted on the CPU; gradient penalties are left out."""
    trainer = _trainer(recipe, image_size, channels, torch.device("cpu"))
    trainer.step(1.0)
    # The counter knows no formula for the CPU's fused attention; the plain one consists of products that it knows.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        trainer.step(1.0)
    return float(counter.get_total_flops()) / recipe.batch / GIGA


def _peak_memory(recipe: Recipe, image_size: int, channels: int, device: torch.device) -> float | None:
    """MiB that training takes at full size, in a process of its own on the CPU; None where nothing tells it."""
    if device.type == "mps":
        return None
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        _run_for(_trainer(recipe, image_size, channels, device), 1.0, 0.0, MEMORY_STEPS)
        return (torch.cuda.max_memory_allocated(device) - before) / MEBI
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload([__name__])  # torch is imported once for all presets
    with ProcessPoolExecutor(1, server) as pool:
        return pool.submit(_own_peak_memory, recipe, image_size, channels, torch.get_num_threads()).result()


def _own_peak_memory(recipe: Recipe, image_size: int, channels: int, threads: int) -> float | None:
    torch.set_num_threads(threads)
    before = _highest_resident()
    _run_for(_trainer(recipe, image_size, channels, torch.device("cpu")), 1.0, 0.0, MEMORY_STEPS)
    after = _highest_resident()
    return None if before is None or after is None else (after - before) / MEBI


def _highest_resident() -> int | None:
    """The most bytes that this process ever had in memory, where the system tells it: on Linux."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "CPU")


def summarize_bench(result: Bench) -> RenderableType:
    """The result as a person reads it; the ratio is to the last preset."""
    machine, speeds, last = result.machine, result.speeds, result.speeds[-1]
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("")
    for speed in speeds:
        table.add_column(speed.preset, justify="right")

    def row(name: str, cell: Callable[[Speed], str]) -> None:
        table.add_row(name, *map(cell, speeds))

    row("batch", lambda one: f"{one.batch}")
    row("images/s", lambda one: f"{one.images_per_second:,.1f}")
    row("  slowest to fastest round", lambda one: f"{one.slowest_round:,.1f} to {one.fastest_round:,.1f}")
    if any(one.run_images_per_second != one.images_per_second for one in speeds):
        row("images/s over a whole run", lambda one: f"{one.run_images_per_second:,.1f}")
    row("ms per step", lambda one: f"{one.ms_per_step:,.1f}")
    row(
        "peak memory, MiB", lambda one: f"{one.peak_memory_mib:,.0f}" if one.peak_memory_mib is not None else "not told"
    )
    row("GFLOP per image", lambda one: f"{one.gflop_per_image:.3f}")
    row("share of the matrix rate", lambda one: f"{one.matrix_share:.1%}")
    if len(speeds) > 1:
        row("times the images/s", lambda one: f"{one.images_per_second / last.images_per_second:.2f}x")
        row("times those of a run", lambda one: f"{one.run_images_per_second / last.run_images_per_second:.2f}x")
    threads = f", {machine.threads} thread{'s' if machine.threads > 1 else ''}" if machine.device_type == "cpu" else ""
    kind = "gray icons" if result.channels == 1 else "icons"
    return Group(
        Text(f"{machine.device}{threads}, torch {machine.torch_version}, {kind} of {result.image_size} pixels"),
        Text(
            f"float32 matrix product {machine.matrix_gflops:,.0f} GFLOP/s; medians of {result.rounds} rounds in turns\n"
        ),
        table,
    )
