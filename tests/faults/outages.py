"""Discord in trouble: it refuses, breaks, does not answer, answers too late; the gateway drops; two bots at once.

    python -m tests.faults.outages --times 3

The real client speaks over a real socket to a server in Discord's place, which keeps nonces for three minutes. Each
answer of the list comes in the place of the first, or of the first six, answers to a daily post; then time goes by,
until the run is over. The book must say what stands in the channel, and nothing may stand there twice. `times`: rounds.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import discord
import pytest
from aiohttp import web
from yarl import URL

from bot.app import open_services
from bot.client import Mojigan
from bot.daily import posting
from bot.daily.alarm import DailyAlarm
from bot.daily.schedules import Plan, ScheduleService
from bot.talk.brakes import Burst
from tests.bot.daily.posts import Clock, statuses
from tests.bot.gateway import Gateway, discord_that, message, reply
from tests.bot.world import follow, settings_for, until
from tests.faults.findings import Finding, alone, among
from tests.faults.ground import tiny_bundle

ANSWERS: Sequence[int | str] = (
    *(400, 401, 403, 404, 500, 502, 503, 504),
    *("429", "429 global", "429 for an hour", "429 of another", "never", "taken, and lost", "taken, and 500", "lost"),
)
TRUE = ("sent, posted 1", "failed, posted 0", "unknown, posted 0", "unknown, posted 1", "missed, posted 0")
"""What the book may say of what stands in the channel."""

NONCES_LIVE = timedelta(minutes=3)
DAYS = 12
"""Of two bots, in a round."""

EARSHOT = 10.0
"""Seconds until who has heard nothing is believed to hear nothing: many times what an icon takes."""

FASTER = 100
"""The pauses that discord.py makes between two attempts are shorter by that here."""

MANAGED = Plan(40, 50, 7, datetime(2026, 1, 1, 8, tzinfo=UTC).time(), "Etc/UTC", frozenset(range(7)), 1, 23)


class Quick:
    """asyncio as discord.py's requests see it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(seconds: float) -> None:
        """As long as it takes to try again, or what is left of it."""
        await asyncio.sleep(seconds / FASTER)


class Troubled(Gateway):
    """A server in Discord's place that answers as it is told, and else as it should."""

    def __init__(self, clock: Clock, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.clock, self._patch = clock, patch
        self.script: list[int | str] = []
        """The next answers to posts, edits and acknowledgements."""
        self.heard: dict[str, str] = {}
        """What those who typed a command see at last, by their token."""
        self.messages: list[tuple[str, datetime]] = []
        """What stands in the channel: nonces, and when they came."""
        self.over = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        parts = request.path.removeprefix("/api/").split("/")
        if request.content_type == "application/json" and parts[-1] == "messages":
            return reply({"message": "Missing Access", "code": 50001}, status=403)  # that a schedule rests
        posts = parts[0] == "channels" and parts[-1] == "messages"
        first = parts[-1] == "callback" or "@original" in parts
        told = self.script.pop(0) if self.script and (posts or first) else "taken"
        if isinstance(told, int):
            return reply({"message": "no", "code": 0}, status=told)
        if told.startswith("429"):
            seconds = 3_600.0 if "hour" in told else 0.2
            document = {"message": "You are being rate limited.", "retry_after": seconds, "global": "global" in told}
            limited = reply(document, status=429)
            if "another" not in told:
                limited.headers["Via"] = "1.1 google"
            return limited
        if told == "never":
            await self.over.wait()
        elif told.startswith("taken"):
            answer = await (self._take if posts else self._hear if parts[0] == "webhooks" else super().answer)(request)
            if told == "taken":
                return answer
        if told.endswith("500"):
            return reply({"message": "no", "code": 0}, status=500)
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        answer = await super().answer(request)
        nonce = self.arrived[-1]
        if not any(nonce == known and self.clock() - at < NONCES_LIVE for known, at in self.messages):
            self.messages.append((nonce, self.clock()))
        return answer

    async def _hear(self, request: web.Request) -> web.StreamResponse:
        """An answer in the place of an announcement, or a word beside it."""
        token, sentence = request.path.split("/")[4], request.content_type == "application/json"
        if sentence and request.method == "PATCH" and self.heard.get(token) == "too":
            return reply({"message": "a layout has no content", "code": 50035}, status=400)
        if sentence or request.method == "PATCH":
            self.heard[token] = "is told why" if sentence else "too"
        answer = await super().answer(request)
        return reply(message(3_000, {})) if answer.status == 404 else answer

    async def talk(self, request: web.Request, user: dict[str, Any]) -> web.WebSocketResponse:
        here = URL(f"ws://{request.host}/gateway")  # where a client begins anew that does not resume
        self._patch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", here)
        return await super().talk(request, user)


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """Posts, commands, the gateway, and two bots."""
    chance = random.Random(seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(discord.http, "asyncio", Quick())
        patch.setattr("discord.webhook.async_.asyncio", Quick())
        patch.setattr("discord.client.ExponentialBackoff.delay", lambda _: 0.01)
        patch.setattr("discord.shard.ExponentialBackoff.delay", lambda _: 0.01)
        patch.setattr(posting, "SEND_LIMIT", 1.0)
        bundle = tiny_bundle(Path(name) / "tiny")
        tried = asyncio.run(_all(Path(name), bundle, patch, times, chance))
        yield among("an answer of Discord to a daily post, 1 or 6 times", tried[0], TRUE)
        yield among("the same to an acknowledgement or an answer of /icon", tried[1], ("the next one is answered",))
        yield among("the gateway drops in the middle of a post", tried[2], ("sent, posted 1",))
        yield among("a day of two bots on one database, each with some trouble", tried[3], TRUE)


async def _all(
    folder: Path, bundle: Path, patch: pytest.MonkeyPatch, times: int, chance: random.Random
) -> tuple[Counter[str], Counter[str], Counter[str], Counter[str]]:
    posts, asked, drops, days = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    # One place each, as after 30 days a server without the bot is forgotten.
    places = (folder / str(number) for number in itertools.count())
    ways: Sequence[int | str] = (1000, 4000, 4009, "reconnect", "invalid")
    for _ in range(times):
        for many in (1, 6):
            async with _bots(next(places), bundle, patch, 1) as (server, clients, clock):
                for answer in ANSWERS:
                    posts[await _day(server, clients, clock, [answer] * many)] += 1
        async with _bots(next(places), bundle, patch, 1) as (server, clients, clock):
            for number, (answer, before) in enumerate(itertools.product(ANSWERS, ([], ["taken"]))):
                asked[await _asked(server, 2 * number, [*before, answer])] += 1
            for way in ways:
                drops[await _dropped(server, clients, clock, way)] += 1
        async with _bots(next(places), bundle, patch, 2) as (server, clients, clock):
            for _ in range(DAYS):
                trouble = [chance.choice(ANSWERS) for _ in range(chance.randrange(4))]
                days[await _day(server, clients, clock, trouble)] += 1
    return posts, asked, drops, days


@asynccontextmanager
async def _bots(
    folder: Path, bundle: Path, patch: pytest.MonkeyPatch, many: int
) -> AsyncIterator[tuple[Troubled, list[Mojigan], Clock]]:
    """So many bots on one database, logged in at one server; the first has a daily post set."""
    clock = Clock()
    server = Troubled(clock, patch)
    url, clients, tasks = f"sqlite:///{folder / 'data' / 'mojigan.db'}", list[Mojigan](), list[asyncio.Task[None]]()
    async with AsyncExitStack() as stack:
        stack.enter_context(follow(clock))  # by the machine's clock, all that comes next here is long over
        await stack.enter_async_context(discord_that(server.answer, patch))
        settings = [settings_for(bundle, folder / str(number), database_url=url) for number in range(many)]
        services = [await stack.enter_async_context(open_services(each, clock)) for each in settings]
        try:
            await services[0].get(ScheduleService).set(MANAGED)
            for each in services:
                client = Mojigan(each)
                client.service(DailyAlarm).look_every = None
                client.services.add(Burst(limit=1_000))  # one person asks for all of it
                tasks.append(asyncio.create_task(client.start("not.a.token")))
                await until(client.is_ready)
                clients.append(client)
            yield server, clients, clock
        finally:
            server.over.set()
            for client in clients:
                await client.close()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _look(clients: list[Mojigan]) -> None:
    """Let each bot look at what is due, at the same time, to the end."""
    alarms = [client.service(DailyAlarm) for client in clients]

    def at_rest() -> bool:
        return all(alarm._running is None or alarm._running.done() for alarm in alarms)

    await until(at_rest)
    for alarm in alarms:
        alarm.wake()
    await until(at_rest)


async def _next_day(clients: list[Mojigan], clock: Clock) -> str:
    """The date of the next post, which is due now; a schedule that rests goes on."""
    service = clients[0].service(ScheduleService)
    clock.now = clock.now.replace(hour=7, minute=0, second=0) + timedelta(days=1)
    (schedule,) = await service.of_guild(MANAGED.guild_id)
    if schedule.paused is not None:
        await service.resume(schedule.id)
    clock.move(hours=1, minutes=1)
    return clock.now.date().isoformat()


async def _day(server: Troubled, clients: list[Mojigan], clock: Clock, trouble: list[int | str]) -> str:
    """One post with such answers, and what came of it once it is over."""
    day, before = await _next_day(clients, clock), len(server.messages)
    server.script[:] = trouble
    for seconds in (0, 31, 31, 200, 300):
        clock.move(seconds=seconds)
        await _look(clients)
    server.script.clear()
    return await _book(server, clients, day, before)


async def _book(server: Troubled, clients: list[Mojigan], day: str, before: int) -> str:
    book = dict(await statuses(clients[0].services.database))
    status = book[day].value if day in book else "not in the book"
    return f"{status}, posted {len(server.messages) - before}"


async def _asked(server: Troubled, number: int, trouble: list[int | str]) -> str:
    """Somebody types /icon, and Discord is in trouble; then somebody else does, and all is well."""
    server.script[:] = trouble
    await server.ask(1_000 + number, "icon", seed="1")
    await until(lambda: not server.script)
    await server.ask(1_001 + number, "icon", seed="2")
    await until(lambda: server.heard.get(f"token-{1_001 + number}") == "too")

    def heard() -> str | None:
        said = server.callbacks.get(str(1_000 + number), {}).get("data", {}).get("content")
        return server.heard.get(f"token-{1_000 + number}", "is told why" if said else None)

    with suppress(TimeoutError):  # Discord says nothing, or asks to wait for long
        async with asyncio.timeout(EARSHOT):
            await until(lambda: heard() is not None)
    return f"the next one is answered, this one {heard() or 'hears nothing'}"


async def _dropped(server: Troubled, clients: list[Mojigan], clock: Clock, way: int | str) -> str:
    """The connection ends while Discord has a post in hand; the bot comes back, and the post stands there once."""
    day, before, arrived = await _next_day(clients, clock), len(server.messages), len(server.arrived)
    server.taking.clear()
    clients[0].service(DailyAlarm).wake()
    await until(lambda: len(server.arrived) > arrived)
    socket, server.identified = server._socket, {}
    assert socket is not None
    if way == "reconnect":
        await socket.send_json({"op": 7, "d": None})
    elif way == "invalid":
        await socket.send_json({"op": 9, "d": False})
    else:
        await socket.close(code=int(way))
    await until(lambda: server._socket is not socket)
    await until(lambda: bool(server.identified))
    server.taking.set()
    await _look(clients)
    for seconds in (31, 300):
        clock.move(seconds=seconds)
        await _look(clients)
    return await _book(server, clients, day, before)


if __name__ == "__main__":
    alone("outages", experiment, 1)
