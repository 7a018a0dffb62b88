"""Whether the bot is alive and ready, and its figures: `/livez`, `/readyz` and `/metrics` on a port of this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bot.daily.schedules import ScheduleService
from bot.db.errors import DatabaseError
from bot.metrics import Metrics
from bot.models.library import ModelLibrary
from bot.services import Services
from bot.talk.interaction import Bot

TICK = 0.5
"""Seconds between two looks at how late the event loop is."""

READY_LAG, ALIVE_LAG = 2.0, 30.0
"""Seconds that the event loop may be late: later, it is not ready; much later, it should be started anew."""

HEARTBEATS_MISSED = 2.0
"""Intervals between two heartbeats that may pass without an answer from Discord."""

DATABASE_PATIENCE = 3.0
"""Seconds that the database has to answer."""


@dataclass
class Health:
    """What the probes look at. It is there before everything else, and filled as the bot starts."""

    metrics: Metrics = field(default_factory=Metrics)
    services: Services | None = None
    client: Bot | None = None
    _lag: float = 0.0
    _next_tick: float | None = None

    @property
    def loop_lag(self) -> float:
        """Seconds that the event loop was late at the last look, or is since then."""
        overdue = 0.0 if self._next_tick is None else asyncio.get_running_loop().time() - self._next_tick
        return max(self._lag, overdue)

    async def watch_loop(self) -> None:
        """Measure the lag until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._next_tick = loop.time() + TICK
            await asyncio.sleep(TICK)
            self._lag = max(0.0, loop.time() - self._next_tick)

    async def not_ready(self) -> dict[str, str]:
        """What is not ready ("model", "gateway", "database", "event loop"), with a sentence each; empty when all is."""
        found = dict(self._starting())
        if self.services is not None:
            try:
                async with asyncio.timeout(DATABASE_PATIENCE):
                    await self.services.database.ping()
            except DatabaseError as error:
                found["database"] = str(error)
            except TimeoutError:
                found["database"] = f"The database has not answered for {DATABASE_PATIENCE:g} s."
        if self.loop_lag > READY_LAG:
            found["event loop"] = f"The event loop is {self.loop_lag:.1f} s late."
        return found

    def _starting(self) -> Iterator[tuple[str, str]]:
        if self.services is None:
            yield "database", "The database is not open yet."
        if self.services is None or not self.services.get(ModelLibrary).is_open:
            yield "model", "No model is loaded yet."
        problem = "The bot has not joined Discord yet." if self.client is None else gateway_problem(self.client)
        if problem is not None:
            yield "gateway", problem
        if self.client is not None and self.client.closing:
            yield "closing", "The bot has been told to stop: it finishes what it has in hand."

    async def page(self) -> bytes:
        """The figures, after a look at those that nobody feeds."""
        metrics, problems = self.metrics, await self.not_ready()
        metrics.ready.set(not problems)
        metrics.loop_lag.set(self.loop_lag)
        library = None if self.services is None else self.services.get(ModelLibrary)
        if self.services is not None and library is not None and library.is_open:
            metrics.set_model(library.active.version, str(library.active.studio.device))
            metrics.queue.set(library.waiting)
            if "database" not in problems:
                metrics.set_posts(await self.services.get(ScheduleService).post_counts())
        if self.client is not None:
            metrics.guilds.set(len(self.client.guilds))
            metrics.set_latencies(self.client.latencies)
        return metrics.page()


def gateway_problem(client: Bot) -> str | None:
    """Why Discord's events do not come in, None when they do: each shard is connected, and its heartbeat answered."""
    if not client.is_ready():
        return "The bot has not joined Discord yet."
    for number, shard in client.shards.items():
        # discord.py shows the latency of the last heartbeat, not how long ago it was: the handler knows that.
        beat = shard._parent.ws._keep_alive
        if shard.is_closed() or beat is None:
            return f"The connection of shard {number} to Discord is lost."
        age = time.perf_counter() - beat._last_ack
        if beat.interval is not None and age > HEARTBEATS_MISSED * beat.interval:
            return f"Discord has not answered the heartbeat of shard {number} for {age:.0f} s."
    return None


@asynccontextmanager
async def serve_health(health: Health, host: str, port: int | None) -> AsyncIterator[None]:
    """Serve the probes until the block ends; without a port only the event loop is watched.

    Raises OSError when the port cannot be opened.
    """
    watch = asyncio.create_task(health.watch_loop(), name="loop lag")
    runner = web.AppRunner(_routes(health), access_log=None, shutdown_timeout=1.0)
    try:
        if port is not None:
            await runner.setup()
            await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


def _routes(health: Health) -> web.Application:
    async def livez(_: web.Request) -> web.Response:
        alive = health.loop_lag <= ALIVE_LAG
        return web.json_response({"alive": alive, "loop_lag": round(health.loop_lag, 3)}, status=200 if alive else 503)

    async def readyz(_: web.Request) -> web.Response:
        problems = await health.not_ready()
        return web.json_response({"ready": not problems, "not_ready": problems}, status=503 if problems else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await health.page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return application
