"""How fast the studio draws, in turns with the same weights in plain PyTorch and with the network it began with.

And how long a whole picture takes, as `/icon` shows it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch

from generator.checkpoint import DEFAULT_BUNDLE, read_bundle
from generator.choice import CANDIDATES, Choice
from generator.neighborhood import Neighborhood
from generator.networks import build_generator
from generator.networks.plain import PlainConfig
from generator.pictures import enlarge, png
from generator.seeds import latents
from generator.studio import Studio
from tests.bench.figures import Figure

ROUNDS = 9
BATCHES = (1, 64)


def measure() -> list[Figure]:
    """Milliseconds for one icon, for 64 and for whole pictures: medians of rounds in turns, in one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [*(figure for count in BATCHES for figure in _of(count)), *_pictures()]
    finally:
        torch.set_num_threads(threads)


@torch.inference_mode()
def _of(count: int) -> list[Figure]:
    bundle = read_bundle(DEFAULT_BUNDLE)
    studio, eager, seed = Studio(bundle, "cpu"), build_generator(bundle.config), build_generator(PlainConfig())
    eager.load_state_dict(bundle.generator)
    points = latents(range(1, count + 1), bundle.config.latent_size)
    first = torch.randn(count, PlainConfig().latent_size)
    ways: dict[str, Callable[[], object]] = {
        "the studio, pictures and all": lambda: studio.draw_latents(points),
        "the network, folded": lambda: studio.network(points),
        "the same weights, plain PyTorch": lambda: eager.eval()(points),
        "sagan-seed, plain PyTorch": lambda: seed.eval()(first),
    }
    medians = _medians(ways)
    studio.close()
    icons = "one icon" if count == 1 else f"{count} icons"
    return [
        *(Figure(f"{icons}: {name}", 1000 * seconds, "ms") for name, seconds in medians.items()),
        Figure(f"{icons}: folded against plain", *_ratio(medians, "the same weights, plain PyTorch")),
        Figure(f"{icons}: folded against sagan-seed", *_ratio(medians, "sagan-seed, plain PyTorch")),
    ]


def _pictures() -> list[Figure]:
    bundle = read_bundle(DEFAULT_BUNDLE)
    studio, choice = Studio(bundle, "cpu"), Choice(bundle, Neighborhood(bundle))

    def fresh() -> bytes:
        icons = studio.draw(range(1, CANDIDATES + 1))
        return png(enlarge(icons[choice.choose(icons, 1)[0]]))

    medians = _medians({"fresh": fresh, "typed": lambda: png(enlarge(studio.draw([42])[0]))})
    studio.close()
    return [
        Figure(f"a fresh icon: the best of {CANDIDATES}, 512 pixels, PNG", 1000 * medians["fresh"], "ms", most=250),
        Figure("the icon of a seed, 512 pixels, PNG", 1000 * medians["typed"], "ms", most=150),
    ]


def _medians(ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of each, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, draw in ways.items():
            begin = time.perf_counter()
            draw()
            if turn:  # the first one warms up
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(found) for name, found in times.items()}


def _ratio(medians: dict[str, float], other: str) -> tuple[float, str]:
    return medians[other] / medians["the network, folded"], "times as fast"
