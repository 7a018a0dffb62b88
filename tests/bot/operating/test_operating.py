"""The bot as its host sees it: probes, figures, log lines, the end on a signal, several bots on one database."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import discord
import pytest

from bot import app
from bot.app import StartError, run_bot
from bot.clock import clock
from bot.daily.schedules import Plan, ScheduleService
from bot.db.schedules import PostStatus
from bot.db.session import Database
from bot.db.upgrade import upgrade
from bot.features import furnish
from bot.operating.health import Health
from bot.operating.machine import check_health
from bot.services import Services
from bot.settings import Settings
from tests.bot.daily.posts import statuses
from tests.bot.gateway import Gateway, discord_that
from tests.bot.world import SETTLE_LIMIT, settings_for, until

UNKNOWN_TOKEN = "not.a.token"  # noqa: S105 - it opens nothing
RUN = """
import sys, discord, bot.app, bot.__main__
discord.http.Route.BASE, bot.app.FINISHING_TIME = sys.argv.pop(1), 60.0
bot.__main__.app()
"""
"""`python -m bot`, with another address for Discord, and time for a busy machine."""


@pytest.fixture
def port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def settings(tiny_bundle_path: Path, tmp_path: Path, port: int) -> Settings:
    return settings_for(tiny_bundle_path, tmp_path, token=UNKNOWN_TOKEN, health_port=port)


@pytest.fixture
async def gateway(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    server = Gateway()
    async with discord_that(server.answer, monkeypatch):
        yield server
        for event in (server.login, server.taking, server.editing):
            event.set()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[None]:
    """A bot in this process, from its start to its orderly end."""
    task = asyncio.create_task(run_bot(settings))
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


async def get(port: int, page: str) -> tuple[int, str]:
    """A page of the probes; status 0 while nobody listens."""
    try:
        async with aiohttp.request("GET", f"http://127.0.0.1:{port}/{page}") as answer:
            return answer.status, await answer.text()
    except aiohttp.ClientConnectorError:
        return 0, ""


async def status_is(port: int, page: str, status: int, words: str = "") -> str:
    """Wait until a page answers so."""
    async with asyncio.timeout(SETTLE_LIMIT):
        while (found := await get(port, page))[0] != status or words not in found[1]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found[1]


async def due_schedule(database_url: str) -> Database:
    """A database with a daily post that was due a minute ago."""
    await asyncio.to_thread(upgrade, database_url)
    database, now = Database(database_url), datetime.now(UTC)
    due = now - timedelta(minutes=1)
    service = ScheduleService(database, lambda: due - timedelta(seconds=5))
    await service.set(Plan(40, 50, 7, due.time().replace(microsecond=0), "Etc/UTC", frozenset(range(7)), 1, 23))
    return database


async def _start(settings: Settings, port: int, out: Path) -> asyncio.subprocess.Process:
    """A real process of the bot, which logs into a file."""
    variables = {
        "DISCORD_TOKEN": UNKNOWN_TOKEN,
        "MOJIGAN_DATA": str(settings.data),
        "MOJIGAN_BUNDLE": str(settings.bundle),
        "MOJIGAN_DEVICE": "cpu",
        "MOJIGAN_LOG_FORMAT": "json",
        "MOJIGAN_LOG_LEVEL": "debug",
        "MOJIGAN_HEALTH_PORT": str(port),
        "PYTHONPATH": str(Path(app.__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
    }
    with out.open("w") as stderr:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", RUN, discord.http.Route.BASE, "run", cwd=out.parent, env=variables, stderr=stderr
        )


async def test_a_process_from_its_start_to_a_signal(
    gateway: Gateway, settings: Settings, port: int, tmp_path: Path
) -> None:
    gateway.login.clear()
    gateway.editing.clear()
    out = tmp_path / "log.jsonl"
    process = await _start(settings, port, out)
    try:
        # It is alive before it has logged in, and says what it waits for.
        assert json.loads(await status_is(port, "livez", 200))["alive"]
        assert json.loads((await get(port, "readyz"))[1])["not_ready"]["gateway"].startswith("The bot has not joined")
        gateway.login.set()
        assert json.loads(await status_is(port, "readyz", 200)) == {"ready": True, "not_ready": {}}

        await gateway.ask(901, "icon", seed="42")
        await until(lambda: "PATCH /api/webhooks/3/token-901/messages/@original" in gateway.requests)
        process.terminate()
        await status_is(port, "readyz", 503)
        await gateway.ask(902, "icon", seed="43")
        await until(lambda: "902" in gateway.callbacks)
        assert gateway.callbacks["901"]["type"] == 5  # announced
        assert gateway.callbacks["902"]["data"]["content"].startswith("I am restarting.")
        page = (await get(port, "metrics"))[1]
        assert process.returncode is None
        gateway.editing.set()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    log = [json.loads(line) for line in out.read_text().splitlines()]
    assert gateway.answered == ["token-901"]
    assert 'mojigan_interactions_total{command="icon",result="refused"} 1.0' in page
    assert "mojigan_generation_seconds_count 1.0" in page
    assert re.search(r'mojigan_model_info\{device="cpu",version="m1-\w{4}"\} 1.0', page)
    assert [line["message"] for line in log if line["logger"] == "bot.app"] == [
        "SIGTERM: finishing the answers in hand, then closing"
    ]
    (refusal,) = [line for line in log if line["logger"] == "bot.talk.answering"]
    facts = {"interaction": 902, "command": "icon", "guild": None, "user": 7}
    assert {name: refusal[name] for name in facts} == facts
    assert re.match(rf"error {refusal['id']}, 'icon' by 7 in a direct message: ", refusal["message"])


@pytest.mark.usefixtures("gateway")
async def test_the_check_asks_the_bot_that_runs(settings: Settings, port: int) -> None:
    async with running(settings):
        await status_is(port, "readyz", 503)
        result = await asyncio.to_thread(check_health, settings)
        assert not result.ok
        await status_is(port, "readyz", 200)
        result = await asyncio.to_thread(check_health, settings)
        assert (result.ok, result.sentence.endswith("a bot runs, and is ready.")) == (True, True)
    result = await asyncio.to_thread(check_health, settings)
    assert (result.ok, result.sentence.endswith("no bot runs there now.")) == (True, True)


async def test_two_bots_on_one_database_post_once(gateway: Gateway, settings: Settings, tmp_path: Path) -> None:
    database = await due_schedule(settings.database_url)
    gateway.taking.clear()
    second = settings.model_copy(update={"health_port": None, "data": tmp_path / "second"})
    async with running(settings), running(second):
        await until(lambda: gateway.requests.count("GET /gateway") == 2 and bool(gateway.arrived))
        gateway.taking.set()
        await _ended(database)
    assert len(gateway.arrived) == len(gateway.posts) == 1
    await database.close()


async def _ended(database: Database) -> None:
    async with asyncio.timeout(SETTLE_LIMIT):
        while [status for _, status in await statuses(database)] != [PostStatus.SENT]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_post_in_hand_at_the_end_goes_back_and_the_next_start_sends_it(
    gateway: Gateway, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "FINISHING_TIME", 0.05)
    database = await due_schedule(settings.database_url)
    gateway.taking.clear()
    async with running(settings):
        await until(lambda: len(gateway.arrived) == 1)  # Discord has it in hand, and does not answer
    assert [status for _, status in await statuses(database)] == [PostStatus.CLAIMED]
    gateway.taking.set()
    async with running(settings):
        await _ended(database)
    assert len(gateway.arrived) == 2
    assert len(set(gateway.arrived)) == len(gateway.posts) == 1
    await database.close()


async def test_a_port_that_is_taken_is_one_sentence(settings: Settings, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(StartError, match=r"MOJIGAN_HEALTH_PORT: 127\.0\.0\.1:.* cannot be opened"):
            await run_bot(settings)


async def test_the_event_loop_is_watched() -> None:
    health = Health()
    watch = asyncio.create_task(health.watch_loop())
    await asyncio.sleep(0)
    assert health.loop_lag == 0
    assert health._next_tick is not None
    health._next_tick -= 60  # as if the loop had stood still since then
    assert health.loop_lag > 30
    assert (await health.not_ready())["event loop"].startswith("The event loop is ")
    watch.cancel()


async def test_a_database_that_does_not_answer_is_named(settings: Settings, port: int) -> None:
    url = f"postgresql://mojigan@127.0.0.1:{port}/mojigan"
    database = Database(url)
    health = Health(services=furnish(Services(settings, database, clock)))
    assert "the server cannot be reached" in (await health.not_ready())["database"]
    assert b"mojigan_ready 0.0" in await health.page()
    await database.close()


async def test_a_gateway_that_answers_no_heartbeat_is_named(gateway: Gateway, settings: Settings, port: int) -> None:
    gateway.heartbeat = 50
    async with running(settings):
        await gateway.joined.wait()
        answer = await status_is(port, "readyz", 503, "has not answered the heartbeat of shard 0")
        assert list(json.loads(answer)["not_ready"]) == ["gateway"]
