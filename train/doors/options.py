"""What `fit` and `compare` take, and from there to the setting of a run: a new one's, or that of one that goes on."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from pydantic import ValidationError

from generator.card import DataSet
from generator.checkpoint import BROAD_BUNDLE, Bundle, read_bundle
from generator.decode import TRANSPARENT, color_code
from generator.files import BundleError
from generator.networks import GeneratorConfig
from generator.networks.pgan import PganConfig
from generator.networks.sagan import SaganConfig
from generator.sheets import thin
from generator.transparency import WHITE, over
from generator.version import own_version
from train.adversary.recipes import PRESETS, Recipe
from train.data.holdout import HELD_OUT_SHARE, split
from train.data.icons import IconSet
from train.doors.terminal import UsageError
from train.metrics.similarity import PAIRS, mean_ms_ssim
from train.run.folder import Run, RunError
from train.run.setting import Goal, Setting

DEFAULT_PRESET = "sagan"
CUDA_BATCH = 128
"""Icons in a step of the default preset on CUDA, which a smaller batch leaves idle: 2.9 times the images/s of 32."""

GROWING = ("growth", "minibatch_stddev")
"""Options that only networks know which are built by resolutions."""

OF_GAMES = (
    *("discriminator_rate", "ema", "translation", "cutout", "color", "mirror", "adaptive", "lecam", "r1", "noise"),
    *("guide", "guide_end", "precision"),
)
"""Options that mean nothing to an autoencoder."""

Icons = Annotated[
    list[Path] | None,
    typer.Option(
        "--icons", help="A folder, archive, Iconify collection, bundle or emoji font; may be given several times."
    ),
]
Only = Annotated[str, typer.Option(help="Only icons of these names or groups: 'cat*,faces'; see `inspect --help`.")]
Size = Annotated[
    int | None, typer.Option(help="Edge of an icon in pixels; each network has its own sizes.", show_default="64")
]
Background = Annotated[str | None, typer.Option(help="What stands behind transparent icons.", show_default="nothing")]
Name = Annotated[str | None, typer.Option(help="The set's name on the card.", show_default="from the sources")]
License = Annotated[str | None, typer.Option("--license", help="The set's license.", show_default="from the sources")]
HoldOut = Annotated[
    float | None,
    typer.Option(min=0, max=0.5, help="Share of the icons that is only for judging.", show_default="0.1"),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, max=2**63 - 1, help="The seed of weights, order and augmentation.", show_default="0"),
]
EvaluateEvery = Annotated[
    float | None, typer.Option(min=0.001, help="kimg between evaluations.", show_default="5 % of the time")
]
"""What `fit` and `compare` take alike; --alpha, --gray and --threshold stand in terminal.py, for `inspect`, too."""

DEFAULT_SIZE = 64

BROAD, NONE = Path("broad"), Path("none")
"""What --from takes for the broad bundle that ships, and for a start from nothing."""

VARIED_R1 = 10.0
"""R1 on a varied set. Without, the discriminator wins, in long runs and soon after a start from a bundle: icons grow
alike and get seams. On a narrow set it is in the way (docs/performance.md).
"""

ALIKE = 0.35
"""MS-SSIM of pairs of icons from which on a set is narrow (faces .46, varied sets .12 to .28): the broad bundle knows
nothing that such a set would not teach as soon."""


def read_goal(kimg: float | None, minutes: float | None) -> Goal | None:
    """The goal that was given, or None. Raises UsageError."""
    if kimg is not None and minutes is not None:
        raise UsageError("Give --kimg or --minutes, not both.")
    if not math.isfinite(kimg or minutes or 0):
        raise UsageError("A run needs an end: give a number of kimg or minutes.")
    return None if kimg is None and minutes is None else Goal(kimg=kimg, minutes=minutes)


def require_preset(preset: str) -> None:
    """Raise UsageError when there is no preset of this name."""
    if preset not in PRESETS:
        raise UsageError(f"The preset {preset!r} is unknown; choose one of: {', '.join(PRESETS)}.")


def read_recipe(preset: str, changes: dict[str, Any], size: int, channels: int = 3) -> Recipe:
    """A preset with changed values. Raises UsageError when it is unknown or cannot draw this size or the channels."""
    require_preset(preset)
    recipe = replace(PRESETS[preset], **{name: value for name, value in changes.items() if value is not None})
    try:
        network = recipe.network(size, channels)
    except ValueError as error:
        raise UsageError(f"The preset {preset} cannot be trained so: {error} (others: --preset).") from error
    known = GROWING if isinstance(network, SaganConfig | PganConfig) else ()
    unknown = [name for name in GROWING if getattr(recipe, name) and name not in known]
    if recipe.is_autoencoder:
        unknown += [name for name in OF_GAMES if getattr(recipe, name) != getattr(PRESETS[preset], name)]
    if unknown:
        raise UsageError(f"The preset {preset} cannot be trained so: its networks do not know {', '.join(unknown)}.")
    return recipe


def draws_transparent(preset: str, size: int) -> bool:
    """Whether the network of a preset can draw transparent icons of a size."""
    try:
        PRESETS[preset].network(size, len(TRANSPARENT))
    except (KeyError, ValueError):
        return False
    return True


def read_start(path: Path | None) -> Bundle | None:
    """The bundle to start from, the best one of a run, or the broad one that ships. Raises UsageError."""
    if path in (None, NONE):
        return None
    try:
        return read_bundle(BROAD_BUNDLE if path == BROAD else path)
    except BundleError as error:
        raise UsageError(f"--from: {error}") from error


def usual_batch(recipe: Recipe, device: torch.device) -> int:
    """Icons in a step of each process where nobody said how many."""
    return CUDA_BATCH if device.type == "cuda" and recipe.preset == DEFAULT_PRESET else recipe.batch


def like(bundle: Bundle, changes: dict[str, Any]) -> dict[str, Any]:
    """The options, with those that were not given as the bundle's generator has them; it is grown up already."""
    own = ("width", "latent_size", "attention_limit")
    sizes = {name: value for name, value in asdict(bundle.config).items() if name in own}
    given = {name: value for name, value in changes.items() if value is not None}
    return {"growth": 0.0, **sizes, **given}


def beginning(bundle: Bundle) -> dict[str, torch.Tensor]:
    """What a run takes over from a bundle: its generator, and what judged it."""
    return {**bundle.generator, **{name: value.float() for name, value in bundle.discriminator.items()}}


def is_varied(icons: NDArray[np.uint8]) -> bool:
    """Whether icons `(N, size, size, C)` uint8 differ so much that R1 and what other icons taught help."""
    some = icons[list(thin(len(icons), 2 * PAIRS))]  # of thousands, as many as are compared
    return mean_ms_ssim(over(some, WHITE), torch.device("cpu")) < ALIKE  # of all processes, each finds the same


def penalized(recipe: Recipe, icons: NDArray[np.uint8], r1: float | None) -> Recipe:
    """The recipe with the R1 that icons `(N, size, size, C)` uint8 need where nobody gave one; with a guide, none."""
    needs_it = r1 is None and recipe.preset == DEFAULT_PRESET and not recipe.guide and is_varied(icons)
    return replace(recipe, r1=VARIED_R1) if needs_it else recipe


def require_fit(bundle: Bundle, recipe: Recipe, config: GeneratorConfig) -> None:
    """Raise UsageError unless a run can start from the bundle's generator."""
    if not recipe.starts_from_bundles:
        why = "a bundle has no encoder" if recipe.is_autoencoder else "its weights are trained in another form"
        raise UsageError(f"The preset {recipe.preset} cannot start from a bundle: {why}.")
    theirs, ours = asdict(bundle.config), asdict(config)
    differing = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    if differing or bundle.config.architecture != config.architecture:
        what = ", ".join(f"{name} {theirs.get(name)}" for name in differing) or bundle.config.architecture
        raise UsageError(f"--from: the generator of {bundle.path} has another form ({what}) than this run's.")


def usual_start(setting: Setting, icons: NDArray[np.uint8], device: torch.device) -> Bundle | None:
    """What a run starts from where nobody said: on the CPU, on varied icons of its form, from the broad bundle.

    `icons`: `(N, size, size, C)` uint8.
    """
    if device.type != "cpu" or setting.recipe.growth:
        return None
    bundle = read_bundle(BROAD_BUNDLE)
    try:
        require_fit(bundle, setting.recipe, setting.network)
    except UsageError:
        return None
    return bundle if is_varied(icons) else None


def make_setting(
    icon_set: IconSet,
    recipe: Recipe,
    goal: Goal,
    seed: int,
    name: str | None,
    license_: str | None,
    hold_out: float | None,
) -> Setting:
    """The setting of a new run. Raises UsageError when the set's name or license cannot stand on a card."""
    share = HELD_OUT_SHARE if hold_out is None else hold_out
    training, held_out = split(icon_set.pixels, share)
    try:
        data = DataSet(
            name=name or icon_set.name,
            count=len(training),
            held_out=len(held_out),
            digest=icon_set.digest,
            license=license_ or icon_set.license,
            author=icon_set.author,
        )
    except ValidationError as error:
        problem = error.errors()[0]
        raise UsageError(f"The set's {problem['loc'][0]} cannot stand on a card: {problem['msg']}.") from error
    return Setting(
        recipe=recipe,
        goal=goal,
        data=data,
        image_size=icon_set.report.size,
        background=icon_set.background,
        threshold=icon_set.threshold,
        seed=seed,
        code_version=own_version(),
        hold_out=share,
    )


def reopen(path: Path, goal: Goal | None, judging: dict[str, Any], options: dict[str, Any]) -> tuple[Run, Setting]:
    """Open a run; its goal and what judges it may change."""
    run = Run.open(path)
    try:
        given = {name: value for name, value in judging.items() if value is not None}
        setting = replace(_same_setting(run, options), **given)
        setting = replace(setting, goal=goal or setting.goal)
        run.change_options(given | {"goal": asdict(setting.goal)})
    except BaseException:
        run.close()
        raise
    return run, setting


def _same_setting(run: Run, options: dict[str, Any]) -> Setting:
    """The setting of a run. Raises UsageError for options that were given and differ from it."""
    try:
        setting = Setting.read(run.options)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{run.path}: the run's options cannot be read.") from error
    known = asdict(setting.recipe) | {
        "size": setting.image_size,
        "seed": setting.seed,
        "background": color_code(setting.background),
        "gray": len(setting.background) == 1,
        "threshold": setting.threshold,
        "name": setting.data.name,
        "license": setting.data.license,
        "hold_out": setting.hold_out,
    }
    given = {name: value for name, value in options.items() if value is not None}
    differing = [name for name, value in given.items() if value != known[name]]
    if differing:
        raise UsageError(f"{run.path}: a run keeps its recipe; these options differ from it: {', '.join(differing)}.")
    return setting
