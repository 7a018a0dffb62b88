"""What each ingredient of the recipe is worth: one run for each variant of it, of equal time, judged alike.

python -m train ablate --icons NotoColorEmoji.ttf --only faces --out ablation/faces

The time is the processor's (with one thread on an idle core: the wall clock), so that waiting for it costs no variant
anything. Work on a core's other hardware thread still does, up to a fifth: with --kimg each run gets equally many icons
instead, and the table shows the time it took. The output folder keeps each run's weights, sheet and record: what is
there is not trained again, and all is judged anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table
from safetensors.torch import load_file, save_file
from torch import nn

from generator.card import Figure
from generator.decode import Color
from generator.networks import build_generator
from train.adversary.recipes import Recipe
from train.adversary.trainer import Trainer
from train.data.holdout import split
from train.doors.options import VARIED_R1, read_recipe
from train.doors.terminal import UsageError, read_icons, sentences
from train.metrics import Judge
from train.run.outputs import draw_seeds, sheet_of
from train.run.setting import Goal

AS_IT_IS = "as it is"
VARIANTS: dict[str, dict[str, Any]] = {
    AS_IT_IS: {},
    "no translation": {"translation": 0.0},
    "half the translation": {"translation": 0.05},
    "with cutout": {"cutout": 0.25},
    "with color": {"color": True},
    "adaptive augmentation": {"adaptive": True},
    "with mirror": {"mirror": True},
    "no EMA": {"ema": 0.0},
    "no rate decay": {"decay_share": 0.0},
    "with LeCam": {"lecam": 0.1},
    "no minibatch stddev": {"minibatch_stddev": False},
    "no coarse discriminator": {"coarse_discriminator": False},
    "with instance noise": {"noise": 0.1},
    "with R1": {"r1": 1.0},
    "with R1 of 10": {"r1": VARIED_R1},
    "rates of 5e-4": {"generator_rate": 5e-4, "discriminator_rate": 5e-4},
    "rates of 1e-3": {"generator_rate": 1e-3, "discriminator_rate": 1e-3},
    "D rate of 1.5e-3": {"discriminator_rate": 1.5e-3},
    "rates of SAGAN": {"generator_rate": 1e-4, "discriminator_rate": 4e-4},
    "Adam's betas 0 and .99": {"betas": (0.0, 0.99)},
    "batch 16": {"batch": 16},
    "growing": {"growth": 0.3},
    "G attends at 32, too": {"attention_limit": 32},
    "D attends at 16": {"discriminator_attention": (16,)},
}
"""Changes to the preset `sagan`, by name."""

SAMPLES = 2048
"""Icons that a run is judged by: its figures are to differ by what it learned, not by what was drawn."""


@dataclass(frozen=True)
class Result:
    """One run and its figures."""

    name: str
    seed: int
    kimg: float
    seconds: float
    """Processor time."""
    metrics: dict[str, Figure]


@dataclass(frozen=True)
class Ablation:
    """A set of icons, and what each run gets; the minutes of its goal are those of the processor."""

    training: NDArray[np.uint8]
    held_out: NDArray[np.uint8]
    base: str
    """The variant that the others change, too."""
    digest: str
    """Of the set of icons."""
    background: Color
    out: Path
    goal: Goal

    def train(self, name: str, seed: int, report: Callable[[float], None]) -> None:
        """Train a variant unless its record is there; `report` is told of the share that is done.

        Raises UsageError when the record is that of another recipe or of other icons.
        """
        recipe, size = self.recipe(name), self.training.shape[1]
        document: dict[str, Any] = {"name": name, "seed": seed, "size": size, "icons": self.digest}
        document |= {"recipe": asdict(recipe)}
        record = self._record(name, seed)
        if record.exists():
            known = json.loads(record.read_text())
            if any(known.get(key) != value for key, value in json.loads(json.dumps(document)).items()):
                raise UsageError(f"{record}: this run had another recipe or other icons; choose another --out.")
            return
        network = recipe.network(size, self.training.shape[-1])
        trainer = Trainer(
            recipe, network, self.training, background=self.background, device=torch.device("cpu"), seed=seed
        )
        start = time.process_time()
        while (share := self.goal.share(trainer.kimg, time.process_time() - start)) < 1:
            trainer.step(share)
            report(share)
        seconds = time.process_time() - start
        snapshot = trainer.snapshot()
        weights = {key: value.contiguous() for key, value in snapshot.state_dict().items()}
        save_file(weights, record.with_suffix(".safetensors"))
        record.with_suffix(".png").write_bytes(sheet_of(draw_seeds(snapshot, network, trainer.device)))
        document |= {"kimg": round(trainer.kimg, 2), "seconds": round(seconds, 1)}
        record.write_text(json.dumps(document, indent=2) + "\n")

    def judge(self, runs: list[tuple[str, int]]) -> Iterator[Result]:
        """The figures of runs that are there, by name and seed."""
        judge = Judge(self.training, self.held_out, torch.device("cpu"), SAMPLES)
        for name, seed in runs:
            record = self._record(name, seed)
            document = json.loads(record.read_text())
            recipe = Recipe.read(document["recipe"])
            network: nn.Module = build_generator(recipe.network(document["size"], self.training.shape[-1]))
            network.load_state_dict(load_file(record.with_suffix(".safetensors")))
            yield Result(
                name, seed, document["kimg"], document["seconds"], judge.evaluate(network.eval(), recipe.latent_size)
            )

    def recipe(self, name: str) -> Recipe:
        """The recipe of a variant. Raises UsageError when its network cannot draw icons of this size."""
        _, size, _, channels = self.training.shape
        return read_recipe("sagan", {**VARIANTS[self.base], **VARIANTS[name]}, size, channels)

    def _record(self, name: str, seed: int) -> Path:
        base = "" if self.base == AS_IT_IS else f"{self.base}, "
        label = f"{base}{name}, {self.goal.describe()}, seed {seed}"
        return self.out / f"{label.replace(',', '').replace(' ', '-')}.json"


def _advance(bar: Progress, task: TaskID, share: float) -> None:
    bar.update(task, completed=share)


def results_table(results: list[Result]) -> Table:
    """The results, a line each, under the same figures between real icons."""
    table = Table("variant", "seed", "kimg", "seconds", *results[0].metrics, box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("real", "", "", "", *(f"{figure.real:.3g}" for figure in results[0].metrics.values()), style="dim")
    for result in results:
        values = (f"{figure.value:.3g}" for figure in result.metrics.values())
        table.add_row(result.name, str(result.seed), f"{result.kimg:.1f}", f"{result.seconds:.0f}", *values)
    return table


def results_document(results: list[Result]) -> list[dict[str, Any]]:
    """The results for `--json`."""
    return [
        {**asdict(result), "metrics": {name: figure.model_dump() for name, figure in result.metrics.items()}}
        for result in results
    ]


def ablate_command(
    icons: Annotated[
        list[Path], typer.Option("--icons", help="Sources of one set of icons, as for fit.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Where the runs are kept; those that are there are not repeated.")],
    only: Annotated[str, typer.Option(help="Only icons of these names or groups; see `inspect --help`.")] = "",
    seconds: Annotated[float, typer.Option(min=0.1, help="Processor time of a run.")] = 120.0,
    kimg: Annotated[float | None, typer.Option(min=0.1, help="Thousands of icons of a run, instead of a time.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each variant, with the seeds 0, 1, 2 …")] = 1,
    variant: Annotated[
        list[str] | None, typer.Option(help="Only this variant; may be given several times.", show_default="all")
    ] = None,
    base: Annotated[str, typer.Option(help="The variant that all others change, instead of the recipe.")] = AS_IT_IS,
    size: Annotated[int, typer.Option(help="Edge of an icon in pixels; each network has its own sizes.")] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Train the recipe with each ingredient changed, for equal time (or --kimg), and compare what comes out."""
    console = Console(stderr=True)
    names = variant or list(VARIANTS)
    with sentences():
        unknown = sorted({*names, base} - set(VARIANTS))
        if unknown:
            raise UsageError(f"No variant is called {unknown[0]}; there are: {'; '.join(VARIANTS)}.")
        icon_set = read_icons(icons, size=size, background=None, only=only)
        training, held_out = split(icon_set.pixels)
        ablation = Ablation(
            icon_set.pixels[training],
            icon_set.pixels[held_out],
            base,
            icon_set.digest,
            icon_set.background,
            out,
            Goal(kimg) if kimg else Goal(minutes=seconds / 60),
        )
        for name in names:
            ablation.recipe(name)  # what cannot be trained is said before anything is
        runs = [(name, seed) for name in names for seed in range(seeds)]
        out.mkdir(parents=True, exist_ok=True)
        with Progress(console=console) as bar:
            for name, seed in runs:
                task = bar.add_task(f"{name}, seed {seed}", total=1.0)
                ablation.train(name, seed, partial(_advance, bar, task))
                bar.update(task, completed=1.0)
        results = list(ablation.judge(runs))
    if as_json:
        typer.echo(json.dumps(results_document(results), indent=2))
    else:
        Console().print(results_table(results))
