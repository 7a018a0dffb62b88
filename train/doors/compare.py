"""`python -m train compare`: presets side by side, trained on the same icons for the same time or as many images.

python -m train compare --icons ./my-icons --minutes 10 --out ./compared      all presets, one after the other
python -m train compare --icons ./my-icons --preset sagan --preset sagan+guide --kimg 50 --out ./compared

Each is an ordinary run folder in the folder of the comparison, which also gets `compare.html`, `compare.png` and
`compare.json`. The same command again trains only what is missing, goes on with what was stopped or killed, and judges
all anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from generator.door import Device
from generator.files import BundleError
from generator.gray import in_words
from generator.sheets import thin
from generator.studio import choose_device
from generator.transparency import WHITE
from train.adversary.leader import processes
from train.adversary.recipes import PRESETS
from train.data.holdout import split
from train.data.icons import IconSet, write_report
from train.doors.measuring import Parted, anatomy, reached, sheet
from train.doors.options import (
    DEFAULT_PRESET,
    DEFAULT_SIZE,
    Background,
    EvaluateEvery,
    HoldOut,
    Icons,
    License,
    Name,
    Only,
    Seed,
    Size,
    draws_transparent,
    make_setting,
    penalized,
    read_goal,
    read_recipe,
    reopen,
    require_preset,
    usual_batch,
)
from train.doors.terminal import (
    Alpha,
    Gray,
    StopSignal,
    ThresholdText,
    UsageError,
    read_icons,
    read_look,
    sentences,
)
from train.metrics import Judge
from train.report.chronicle import write_run_report
from train.report.comparison import FACTORS, Anatomy, Comparison, Entry
from train.report.history import read_history
from train.report.lineup import PAGE, PICTURE, write_comparison
from train.run.folder import BEST, Run
from train.run.guard import NEVER, End
from train.run.outputs import SHEET_SEEDS
from train.run.progress import Bar
from train.run.setting import Setting
from train.run.siblings import find, record, settle
from train.run.sitting import TrainingError, fit

SAMPLES = 2048
"""Icons that each is judged by: figures are to differ by what was learned, not by what was drawn."""

GUIDED = "guide"
"""What may be added to a preset: `sagan+guide` is `--preset sagan --guide 1`."""

PRICE = 0.085
"""USD for an hour of PRICED."""
PRICED = "a small cloud machine of 2 virtual CPUs and 4 GiB (AWS c5.large, on demand, US East)"


@dataclass(frozen=True)
class Plan:
    """One preset of a comparison, before it is trained."""

    label: str
    setting: Setting | None = None
    anatomy: Anatomy | None = None
    said: str = ""
    """Why it cannot be trained."""


def compare_command(
    out: Annotated[Path, typer.Option(help="The comparison's folder: new, or one to go on with.", show_default=False)],
    icons: Icons = None,
    preset: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Of {', '.join(PRESETS)}; with +{GUIDED}, such as sagan+{GUIDED}, features of natural images help; "
            "may be given several times.",
            show_default="all",
        ),
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Train each for so long.")] = None,
    kimg: Annotated[float | None, typer.Option(min=0.001, help="Train each on so many thousand images.")] = None,
    only: Only = "",
    size: Size = None,
    background: Background = None,
    alpha: Alpha = False,
    gray: Gray = False,
    threshold: ThresholdText = None,
    name: Name = None,
    license_: License = None,
    hold_out: HoldOut = None,
    seed: Seed = None,
    evaluate_every: EvaluateEvery = None,
    device: Device = "auto",
    samples: Annotated[int, typer.Option(min=8, max=8192, help="Icons that each is judged by.")] = SAMPLES,
    price: Annotated[
        float | None,
        typer.Option(
            min=0,
            help=f"USD for an hour of this machine; {PRICE} is {PRICED}.",
            show_default=f"{PRICE}; with CUDA: none",
        ),
    ] = None,
) -> None:
    """Train presets on the same icons, for the same time or on as many images, and show them side by side.

    The same command again goes on where it stopped.
    """
    console = Console()
    with sentences():
        goal = read_goal(kimg, minutes)
        if goal is None:
            raise UsageError("Say how long each preset is trained: --minutes M or --kimg K.")
        if not math.isfinite(evaluate_every or 0) or not math.isfinite(price or 0):
            raise UsageError("--evaluate-every and --price take finite numbers.")
        if not icons:
            raise UsageError("Say what to train on with --icons SOURCE.")
        if processes() > 1:
            raise UsageError("A comparison trains in one process: start it without torchrun.")
        where = choose_device(device)
        look, cut = read_look(background, alpha=alpha, gray=gray, threshold=threshold)
        edge = DEFAULT_SIZE if size is None else size
        wanted = {label: _read_label(label) for label in preset or PRESETS}
        if look is None and not _all_draw_transparent(wanted, edge):
            look = WHITE  # what one of them cannot draw, none is shown
        icon_set = read_icons(icons, size=edge, background=look, only=only, threshold=cut)
        common = make_setting(icon_set, PRESETS[DEFAULT_PRESET], goal, seed or 0, name, license_, hold_out)
        common = replace(common, patience=NEVER, evaluate_every=evaluate_every)
        plans = [_plan(label, changes, common, icon_set, where) for label, changes in wanted.items()]
        settings = [plan.setting for plan in plans if plan.setting is not None]
        console.print(_summary(plans))
        if not settings:
            raise UsageError("None of these presets can be trained so.")
        same = settle(out, settings[0], where)
        failed: dict[str, str] = {}
        for plan in plans:
            try:
                if plan.setting and not _train(out, plan.label, plan.setting, icon_set, where, console):
                    console.print("Stopped. The same command goes on here.")
                    return
            except TrainingError as error:
                failed[plan.label] = str(error)
        training, held_out = split(icon_set.pixels, settings[0].hold_out)
        parted = icon_set.pixels[training], icon_set.pixels[held_out]
        with Console(stderr=True).status(f"comparing {samples:,} samples of each …"):
            entries = list(_judge(out, plans, failed, parted, Judge(*parted, where, samples)))
        if price is None and where.type == "cpu":
            price = PRICE
        comparison = Comparison(
            f"{len(plans)} presets on {settings[0].data.name}",
            [*_facts(settings[0], icon_set), f"{samples:,} samples of each", str(where)],
            entries,
            sheet(parted[0][list(thin(len(parted[0]), len(SHEET_SEEDS)))]),
            price,
            _price_note(price),
        )
        write_comparison(comparison, out)
        rows = [_document(entry, comparison) for entry in entries]
        record(out, {"settings": same, "samples": samples, "price": price, "presets": rows})
        console.print(Text(f"{out / PICTURE}\n{out / PAGE}"), soft_wrap=True)


def _read_label(label: str) -> tuple[str, dict[str, Any]]:
    """`sagan+guide` -> sagan and the changes to it. Raises UsageError."""
    preset, *added = label.split("+")
    require_preset(preset)
    if added not in ([], [GUIDED]):
        raise UsageError(f"--preset {label}: the one thing that can be added is +{GUIDED}.")
    return preset, {"guide": 1.0} if added else {}


def _all_draw_transparent(wanted: Mapping[str, tuple[str, dict[str, Any]]], size: int) -> bool:
    """Whether the presets that can draw icons of this size can draw them transparent."""
    able = []
    for preset, changes in wanted.values():
        try:
            read_recipe(preset, changes, size, len(WHITE))
        except UsageError:
            continue
        able.append(preset)
    return all(draws_transparent(preset, size) for preset in able)


def _plan(
    label: str, wanted: tuple[str, dict[str, Any]], common: Setting, icon_set: IconSet, device: torch.device
) -> Plan:
    """What is to be trained, or why it cannot be. `common`: what all have in common, with any recipe."""
    preset, changes = wanted
    try:
        recipe = read_recipe(preset, changes, common.image_size, icon_set.pixels.shape[-1])
        recipe = penalized(replace(recipe, batch=usual_batch(recipe, device)), icon_set.pixels, None)
        setting = replace(common, recipe=recipe)
        return Plan(label, setting, anatomy(setting, icon_set.pixels))
    except (UsageError, ValueError) as error:
        return Plan(label, said=str(error))


def _train(out: Path, label: str, setting: Setting, icon_set: IconSet, device: torch.device, console: Console) -> bool:
    """Train a preset unless that is done; False when somebody asked for a stop. Raises TrainingError, RunError."""
    found = find(out, setting)
    if found is not None and read_history(found).ended in set(End) - {End.STOPPED}:
        return True
    if found is None:
        run = Run.create(out, f"{label}-{setting.data.name}", setting.document(), icon_set.pixels)
        write_report(icon_set, run.path)
    else:
        run, setting = reopen(found, None, {}, {})
    console.print(Text(f"{label}: {run.path}"), soft_wrap=True)
    stop, bar = StopSignal(), Bar(console, f"{label}, {setting.goal.describe()}")
    with run, stop, bar:
        return fit(run, setting, device, bar, stop.asked, write_run_report).reason is not End.STOPPED


def _judge(
    out: Path, plans: Sequence[Plan], failed: Mapping[str, str], parted: Parted, judge: Judge
) -> Iterator[Entry]:
    """What each run has come to. `failed`: sentences of those that broke off; `parted`: as `reached` takes it."""
    for plan in plans:
        found = find(out, plan.setting) if plan.setting else None
        if found is None or not (found / BEST).exists():
            said = failed.get(plan.label) or plan.said or "It brought no model that could be judged."
            yield Entry(plan.label, plan.anatomy, said=said)
            continue
        try:
            yield Entry(plan.label, plan.anatomy, reached(found, judge, parted))
        except BundleError as error:
            yield Entry(plan.label, plan.anatomy, said=str(error))


def _facts(setting: Setting, icon_set: IconSet) -> list[str]:
    """What is the same for all, in short texts."""
    size, data = setting.image_size, setting.data
    colors = in_words(icon_set.pixels.shape[-1], setting.threshold)
    found = [f"{data.count:,} icons, {data.held_out:,} more held out", f"{size} x {size} pixels, {colors}"]
    return [*found, f"{setting.goal.describe()} each", f"seed {setting.seed}"]


def _price_note(price: float | None) -> str:
    if price is None:
        return "What it costs: with --price, USD for an hour of this machine."
    standing = f", that of {PRICED}, were it as fast as this one" if price == PRICE else ""
    return f"USD at {price:g} for an hour{standing}."


def _summary(plans: Sequence[Plan]) -> Table:
    """What is going to be trained, and what is not."""
    table = Table("preset", "generator", "beside it", "GFLOP an icon", "", box=None)
    for plan in plans:
        if plan.anatomy is None:
            table.add_row(plan.label, "", "", "", Text(plan.said, style="yellow"))
        else:
            sizes = (
                f"{count / 1e6:.2f} M" if count else "-" for count in (plan.anatomy.generator, plan.anatomy.helper)
            )
            table.add_row(plan.label, *sizes, f"{plan.anatomy.gflop:.3f}", "")
    return table


def _document(entry: Entry, comparison: Comparison) -> dict[str, Any]:
    """An entry for RECORD."""
    document: dict[str, Any] = {"preset": entry.label, "anatomy": entry.anatomy and asdict(entry.anatomy)}
    one = entry.reached
    if one is None:
        return document | {"said": entry.said}
    return document | {
        "kimg": one.kimg,
        "seconds": one.seconds,
        "images_per_second": one.images_per_second,
        "best_kimg": one.best_kimg,
        "usd": comparison.cost(one.seconds),
        "figures": {name: figure.model_dump() for name, figure in one.figures.items()}
        | ({"membership": asdict(one.told_apart)} if one.told_apart else {}),
        "seconds_until": {name: dict(zip(map(str, FACTORS), at, strict=True)) for name, at in one.sooner.items()},
        "note": one.note,
    }
