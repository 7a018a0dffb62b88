"""`python -m train fit`: from icons to a run folder and its bundles."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from generator.checkpoint import BROAD_BUNDLE, Bundle, read_bundle
from generator.decode import TRANSPARENT, color_code
from generator.door import Device
from generator.gray import in_words
from generator.networks import build_generator
from generator.transparency import WHITE
from train.adversary.leader import follow_command, is_follower, processes, together
from train.adversary.recipes import PRESETS
from train.data.icons import write_report
from train.data.summary import summarize
from train.doors.options import (
    CUDA_BATCH,
    DEFAULT_PRESET,
    DEFAULT_SIZE,
    VARIED_R1,
    Background,
    EvaluateEvery,
    HoldOut,
    Icons,
    License,
    Name,
    Only,
    Seed,
    Size,
    beginning,
    draws_transparent,
    like,
    make_setting,
    penalized,
    read_goal,
    read_recipe,
    read_start,
    reopen,
    require_fit,
    usual_batch,
    usual_start,
)
from train.doors.terminal import Alpha, Gray, StopSignal, ThresholdText, UsageError, read_icons, read_look, sentences
from train.precision import Precision
from train.report.chronicle import write_run_report
from train.run.folder import BEST, LATEST
from train.run.guard import End
from train.run.progress import Bar, JsonLines
from train.run.setting import Goal, Setting
from train.run.sitting import fit, start_run

DEFAULT_KIMG = 300.0

SHOWN_DEFAULTS = {
    name: f"{value:g}" if isinstance(value, float) else str(value).lower()
    for name, value in asdict(PRESETS[DEFAULT_PRESET]).items()
    if name != "preset"
} | {
    "batch": f"{PRESETS[DEFAULT_PRESET].batch}; on CUDA {CUDA_BATCH}",
    "r1": f"0; {VARIED_R1:g} on varied icons without a guide",
}
"""What the help shows as the recipe's defaults."""

RECIPE = "The recipe, for who knows what they change"
"""The panel of the help in which these options stand."""

MORE_MINUTES = 30
"""What a run that is done is offered to train on for."""


class ProgressStyle(StrEnum):
    """How `fit` shows its progress."""

    BAR = "bar"
    JSONL = "jsonl"


def fit_command(
    icons: Icons = None,
    only: Only = "",
    kimg: Annotated[float | None, typer.Option(min=0.001, help="Train on so many thousand images.")] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, help="Train for so long instead; with --resume: in all, with what is done."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help=f"One of: {', '.join(PRESETS)}.", show_default="sagan")] = None,
    runs: Annotated[Path, typer.Option(help="Where the numbered run folders stand.")] = Path("runs"),
    resume: Annotated[Path | None, typer.Option(help="Go on with this run folder, its icons and its recipe.")] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Start from this bundle or run, at its size and width; broad: from the one that ships for this; "
            "none: from nothing.",
            show_default="broad for a varied set on the CPU",
        ),
    ] = None,
    hold_out: HoldOut = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="End after so many evaluations without a better one; 0: never. Without --kimg and --minutes: train "
            "until then.",
            show_default="half of the run",
        ),
    ] = None,
    evaluate_every: EvaluateEvery = None,
    device: Device = "auto",
    seed: Seed = None,
    size: Size = None,
    background: Background = None,
    alpha: Alpha = False,
    gray: Gray = False,
    threshold: ThresholdText = None,
    name: Name = None,
    license_: License = None,
    batch: Annotated[
        int | None, typer.Option(min=2, help="Icons in a step, for each process.", rich_help_panel=RECIPE)
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="Channels of the finest layers: a multiple of 8.", rich_help_panel=RECIPE)
    ] = None,
    generator_rate: Annotated[
        float | None, typer.Option(min=0, help="Adam's rate of the generator.", rich_help_panel=RECIPE)
    ] = None,
    discriminator_rate: Annotated[
        float | None, typer.Option(min=0, help="Adam's rate of the discriminator.", rich_help_panel=RECIPE)
    ] = None,
    ema: Annotated[
        float | None, typer.Option(min=0, max=0.99999, help="Decay of the average; 0: none.", rich_help_panel=RECIPE)
    ] = None,
    translation: Annotated[
        float | None, typer.Option(min=0, max=0.5, help="Augmentation: shift, share of edge.", rich_help_panel=RECIPE)
    ] = None,
    cutout: Annotated[
        float | None, typer.Option(min=0, max=0.75, help="Augmentation: hole, share of edge.", rich_help_panel=RECIPE)
    ] = None,
    color: Annotated[
        bool | None, typer.Option(help="Augmentation: brightness, saturation, contrast.", rich_help_panel=RECIPE)
    ] = None,
    mirror: Annotated[bool | None, typer.Option(help="Mirror half of the icons.", rich_help_panel=RECIPE)] = None,
    minibatch_stddev: Annotated[
        bool | None, typer.Option(help="Show the discriminator how a batch varies.", rich_help_panel=RECIPE)
    ] = None,
    growth: Annotated[
        float | None,
        typer.Option(
            min=0, max=0.9, help="Share of the run below full size, from 16x16 on; 0: none.", rich_help_panel=RECIPE
        ),
    ] = None,
    adaptive: Annotated[
        bool | None, typer.Option(help="Augment only as often as the discriminator needs it.", rich_help_panel=RECIPE)
    ] = None,
    lecam: Annotated[
        float | None, typer.Option(min=0, help="Weight of the LeCam regularizer; 0: none.", rich_help_panel=RECIPE)
    ] = None,
    r1: Annotated[
        float | None, typer.Option(min=0, help="Weight of the R1 gradient penalty; 0: none.", rich_help_panel=RECIPE)
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Instance noise at the beginning; it fades to 0 at the end.", rich_help_panel=RECIPE
        ),
    ] = None,
    guide: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Weight of frozen natural features; 1: they pull as hard as the discriminator; 0: none.",
            rich_help_panel=RECIPE,
        ),
    ] = None,
    guide_end: Annotated[
        float | None, typer.Option(min=0, help="What that weight has become at the end.", rich_help_panel=RECIPE)
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(
            help="Of convolutions and products; auto: bfloat16 where the device is made for it.", rich_help_panel=RECIPE
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    progress: Annotated[ProgressStyle, typer.Option(help="A bar, or JSON lines on stdout.")] = ProgressStyle.BAR,
) -> None:
    """Train a generator on icons; the run folder holds its log, its sheets and the bundles `best/` and `latest/`.

    Ctrl-C or SIGTERM stops after the current step and saves; `--resume RUN` goes on, also after a crash.
    """
    console = Console(stderr=progress is ProgressStyle.JSONL)
    stop = StopSignal()
    if is_follower():
        with stop:  # the leader stops for all
            raise typer.Exit(follow_command(device))
    changes = {
        "batch": None if batch is None else batch * processes(),
        "width": width,
        "generator_rate": generator_rate,
        "discriminator_rate": discriminator_rate,
        "ema": ema,
        "translation": translation,
        "cutout": cutout,
        "color": color,
        "mirror": mirror,
        "minibatch_stddev": minibatch_stddev,
        "growth": growth,
        "adaptive": adaptive,
        "lecam": lecam,
        "r1": r1,
        "noise": noise,
        "guide": guide,
        "guide_end": guide_end,
        "precision": precision,
    }
    judging: dict[str, Any] = {"patience": patience, "evaluate_every": evaluate_every}
    with sentences(), together(device) as where:
        goal = read_goal(kimg, minutes)
        color_behind, cut = read_look(background, alpha=alpha, gray=gray, threshold=threshold)
        if not math.isfinite(evaluate_every or 0):
            raise UsageError("--evaluate-every takes a finite number.")
        if resume is not None:
            if dry_run or start is not None:
                raise UsageError(f"--{'dry-run' if dry_run else 'from'} and --resume do not go together.")
            if icons or only:
                raise UsageError("--resume goes on with the run's own icons; for others, --from RUN begins a new run.")
            fixed: dict[str, Any] = {"preset": preset, "size": size, "seed": seed, "gray": gray or None}
            if color_behind is not None and (alpha or background is not None):
                fixed["background"] = color_code(color_behind)
            fixed |= {"threshold": cut, "name": name, "license": license_, "hold_out": hold_out, **changes}
            run, setting = reopen(resume, goal, judging, fixed)
        else:
            if not icons:
                raise UsageError("Say what to train on with --icons SOURCE, or go on with --resume RUN.")
            if goal is None:
                goal = Goal() if patience else Goal(kimg=DEFAULT_KIMG)
            bundle = read_start(start)
            if bundle is not None:
                size, changes = size or bundle.image_size, like(bundle, changes)
                color_behind, cut = color_behind or bundle.background, cut or bundle.threshold
            size = DEFAULT_SIZE if size is None else size
            if color_behind is None and not draws_transparent(preset or DEFAULT_PRESET, size):
                color_behind = WHITE
            channels = len(color_behind or TRANSPARENT)
            recipe = read_recipe(preset or DEFAULT_PRESET, changes, size, channels)
            if batch is None:
                recipe = replace(recipe, batch=usual_batch(recipe, where) * processes())
            if bundle is not None:
                require_fit(bundle, recipe, recipe.network(size, channels))
            icon_set = read_icons(icons, size=size, background=color_behind, only=only, threshold=cut)
            recipe = penalized(recipe, icon_set.pixels, r1)
            setting = replace(make_setting(icon_set, recipe, goal, seed or 0, name, license_, hold_out), **judging)
            if start is None:
                bundle = usual_start(setting, icon_set.pixels, where)
            if bundle is not None:
                setting = replace(setting, start=bundle.digest)
            console.print(summarize(icon_set.report))
            console.print(_summary(setting, where, bundle))
            if dry_run:
                return
            run = start_run(runs, setting, icon_set.pixels, None if bundle is None else beginning(bundle))
            write_report(icon_set, run.path)
        console.print(Text(f"Run folder: {run.path}"), soft_wrap=True)
        reporter = JsonLines() if progress is ProgressStyle.JSONL else Bar(console, setting.goal.describe())
        if isinstance(reporter, JsonLines):
            said = {"run": str(run.path), **asdict(setting.goal), "held_out": setting.data.held_out}
            reporter.write("start", said)
        with run, stop, reporter:
            outcome = fit(run, setting, where, reporter, stop.asked, write_run_report)
        stopped, done = outcome.reason is End.STOPPED, outcome.progress
        if isinstance(reporter, JsonLines):
            said = {"run": str(run.path), "reason": outcome.reason, "rollbacks": done.watch.rollbacks}
            said |= {"steps": done.steps, "kimg": done.kimg, "seconds": done.seconds}
            reporter.write("stopped" if stopped else "done", said)
        bundles = f"Best bundle: {run.path / BEST}, latest: {run.path / LATEST}"
        further = f"To go on: {_command('train', 'fit', '--resume', run.path)}"
        console.print(Text(f"{outcome.sentence} {further if stopped else bundles}"), soft_wrap=True)
        if not stopped:
            for line in _next_steps(run.path, done.seconds):
                console.print(Text(line), soft_wrap=True)


def _command(*words: str | Path) -> str:
    """A command of ours, as it is typed into a shell."""
    return shlex.join(["python", "-m", *map(str, words)])


def _next_steps(run: Path, seconds: float) -> Iterator[str]:
    """What to do with a run that took `seconds` so far: lines, each with a command to paste."""
    more = math.ceil(seconds / 60) + MORE_MINUTES
    yield f"Look at it:  {_command('train', 'report', run, '--open')}"
    yield f"Draw a grid: {_command('generator', 'grid', '--bundle', run)}"
    yield f"Try the bot: MOJIGAN_BUNDLE={shlex.quote(str(run))} {_command('bot', 'preview')}"
    yield f"Train on:    {_command('train', 'fit', '--resume', run, '--minutes', str(more))}"


def _summary(setting: Setting, device: torch.device, start: Bundle | None) -> Table:
    parameters = sum(one.numel() for one in build_generator(setting.network).parameters())
    table = Table(box=None, show_header=False)
    table.add_row("preset", f"{setting.recipe.preset}, batch {setting.recipe.batch}, {setting.goal.describe()}")
    table.add_row("generator", f"{parameters / 1e6:.2f} M parameters, icons of {setting.image_size} pixels")
    table.add_row("colors", in_words(setting.network.channels, setting.threshold))
    table.add_row("icons", f"{setting.data.count:,} to train on, {setting.data.held_out:,} held out")
    if start is not None:
        own = " (--from none: from nothing)" if start.digest == read_bundle(BROAD_BUNDLE).digest else ""
        table.add_row("starts from", f"{start.path}{own}")
    precision = "bfloat16" if Precision(setting.recipe.precision).is_short_on(device) else "float32"
    table.add_row("device", f"{device}, {precision}")
    return table
