"""How long people wait who ask at the same time, through the simulated Discord, and what it does to loop and memory."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic  # before SimCord takes its place
from typing import Any
from unittest.mock import patch

from bot.app import open_services
from bot.icons.rows import Origin
from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from bot.talk.interaction import PATIENCE
from generator.checkpoint import DEFAULT_BUNDLE
from generator.seeds import Seed
from tests.bench.figures import Figure, spread
from tests.bot.world import World, in_discord, settings_for
from tests.memory import resident

CROWDS = (1, 10, 100)
SLOWEST_ACKNOWLEDGEMENT, LONGEST_LAG, LEAST_RATE = 1.0, 0.05, 0.6
TICK = 0.005
MOST_MEMORY = 50
"""MiB that may come on top while icons are drawn."""


def measure(icons: int) -> list[Figure]:
    """Latencies of crowds, then the memory over so many icons."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder), icons))


async def _measure(folder: Path, icons: int) -> list[Figure]:
    figures: list[Figure] = []
    loop = asyncio.get_running_loop()
    call_at = loop.call_at

    def call_later(seconds: float, callback: Callable[..., object], *arguments: Any) -> asyncio.TimerHandle:
        return call_at(monotonic() + seconds, callback, *arguments)

    async with open_services(settings_for(DEFAULT_BUNDLE, folder)) as services, in_discord(services) as world:
        world.client.patience = PATIENCE
        with patch.object(loop, "call_later", call_later):  # SimCord's waits until the bot has nothing to do
            await _ask(world, 1, "first")
            for crowd in CROWDS:
                figures += await _crowd(world, crowd, await _alone(world, crowd))
        figures += await _memory(world, icons)
    return figures


async def _crowd(world: World, crowd: int, alone: float) -> list[Figure]:
    lags: list[float] = []
    watching = asyncio.create_task(_watch(lags))
    begin = time.perf_counter()
    acknowledged, answered = await _ask(world, crowd, f"crowd {crowd}")
    rate = crowd / (time.perf_counter() - begin)
    watching.cancel()
    name = "1 person" if crowd == 1 else f"{crowd} at once"
    largest = crowd == CROWDS[-1]
    return [
        *spread(f"{name}: acknowledged", acknowledged, slowest=SLOWEST_ACKNOWLEDGEMENT if largest else None),
        *spread(f"{name}: answered", answered),
        *spread(f"{name}: the loop is late by", lags, slowest=LONGEST_LAG if largest else None)[-1:],
        Figure(f"{name}: answers", rate, "icons/s"),
        Figure(
            f"{name}: against the same pictures without Discord",
            rate / alone,
            "x",
            least=LEAST_RATE if largest else None,
        ),
    ]


async def _ask(world: World, crowd: int, seed: str) -> tuple[list[float], list[float]]:
    """Let so many people type /icon in the same moment: seconds to the acknowledgement and to the picture, of each."""
    people = [
        world.guild.add_member(world.env.create_user(f"{seed} {number}".replace(" ", "-"))) for number in range(crowd)
    ]
    began: dict[str, float] = {}
    acknowledged: dict[str, float] = {}
    answered: dict[str, float] = {}
    done = asyncio.Event()

    class Log(list[Any]):
        def append(self, entry: Any) -> None:
            super().append(entry)
            for token in began:
                if token in entry.path:
                    now = time.perf_counter()
                    acknowledged.setdefault(token, now)
                    if entry.method == "PATCH" or (entry.json or {}).get("type") == 4:
                        answered.setdefault(token, now)
            if len(answered) == crowd:
                done.set()

    with patch.object(world.env.backend, "http_requests", Log()), _emitted(world, began):
        for number, person in enumerate(people):
            await person.slash(world.channel, "icon", seed=f"{seed} {number}")
        await done.wait()
    await world.env.settle()
    return (
        [acknowledged[token] - at for token, at in began.items()],
        [answered[token] - at for token, at in began.items()],
    )


@contextmanager
def _emitted(world: World, began: dict[str, float]) -> Iterator[None]:
    """Nobody waits for an answer before the next one asks; each is noted by its token with the time."""
    emit = world.env.backend.emit

    def note(event: str, payload: Any) -> None:
        if event == "INTERACTION_CREATE":
            began[payload["token"]] = time.perf_counter()
        emit(event, payload)

    async def at_once(**_: object) -> None:
        pass

    with patch.object(world.env.backend, "emit", note), patch.object(world.env, "_settle_internal", at_once):
        yield


async def _watch(lags: list[float]) -> None:
    while True:
        begin = time.perf_counter()
        await asyncio.sleep(TICK)
        lags.append(time.perf_counter() - begin - TICK)


async def _alone(world: World, count: int) -> float:
    """Icons/s that the same service draws, enlarges, packs and writes down for as many, without Discord."""
    service, begin = world.client.service(IconService), time.perf_counter()
    where = Origin(None, 1, 1)
    await asyncio.gather(*(service.draw(Seed.parse(f"alone {count} {i}"), where=where) for i in range(count)))
    return count / (time.perf_counter() - begin)


async def _memory(world: World, icons: int) -> list[Figure]:
    studio = world.client.service(ModelLibrary).active.studio
    numbers = itertools.count()
    levels: list[float] = []
    for _ in range(10):
        for _ in range(max(icons // 640, 1)):
            await studio.icons([next(numbers) for _ in range(64)])
        levels.append(resident())
    return [Figure(f"memory over {next(numbers):,} icons", levels[-1] - levels[0], "MiB more", most=MOST_MEMORY)]
