"""The client on the real network path, where Discord limits it."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import discord
import pytest
from aiohttp import web

from bot.app import open_services
from bot.client import Mojigan
from tests.bot.gateway import Gateway, discord_that, reply
from tests.bot.world import SETTLE_LIMIT, settings_for, until


async def test_a_post_that_is_given_up_while_all_are_limited_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, tiny_bundle_path: Path
) -> None:
    monkeypatch.setattr("bot.client.LONGEST_RATE_LIMIT", 0.01)
    gateway, limited = Gateway(), 1

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal limited
        if not limited or not request.path.endswith("messages"):
            return await gateway.answer(request)
        limited -= 1
        refused = reply({"message": "You are being rate limited.", "retry_after": 25.0, "global": True}, status=429)
        refused.headers["Via"] = "1.1 google"
        return refused

    def post(client: Mojigan, nonce: str) -> asyncio.Task[discord.Message]:
        channel = client.get_partial_messageable(50)
        return asyncio.create_task(channel.send(file=discord.File(io.BytesIO(b""), "icon.png"), nonce=nonce))

    async with (
        discord_that(answer, monkeypatch),
        open_services(settings_for(tiny_bundle_path, tmp_path)) as services,
        Mojigan(services, serving=False) as client,
    ):
        await client.login("not.a.token")
        first = post(client, "first")
        await until(lambda: "Global rate limit has been hit" in caplog.text)
        first.cancel()
        async with asyncio.timeout(SETTLE_LIMIT):
            await post(client, "second")
    assert gateway.arrived == ["second"]
