"""A small server in Discord's place, for what happens on the real network path: joining, leaving, being refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import discord
import pytest
from aiohttp import web


@asynccontextmanager
async def discord_that(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """A server in Discord's place."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    server = web.AppRunner(application)
    await server.setup()
    site = web.TCPSite(server, "127.0.0.1", 0)
    await site.start()
    host, port = server.addresses[0][:2]
    monkeypatch.setattr(discord.http.Route, "BASE", f"http://{host}:{port}/api")
    try:
        yield
    finally:
        await server.cleanup()


def reply(document: Any, status: int = 200) -> web.Response:
    """JSON as Discord sends it, without a charset."""
    return web.Response(body=json.dumps(document).encode(), status=status, content_type="application/json")


def refusing(status: int) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """An answer that is the same to each request."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return reply({"message": "no", "code": 0}, status=status)

    return answer


class Gateway:
    """A server in Discord's place with just what a bot needs to join, and a record of what it was asked."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.identified: dict[str, Any] = {}
        self.joined = asyncio.Event()
        self.left = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        user = {"id": "1", "username": "Mojigan", "discriminator": "0", "avatar": None, "bot": True}
        match request.path:
            case "/gateway":
                return await self.talk(request, user)
            case "/api/users/@me":
                return reply(user)
            case "/api/oauth2/applications/@me":
                owner = {**user, "id": "2", "username": "host"}
                more = {"description": "", "icon": None, "bot_public": True, "bot_require_code_grant": False}
                return reply({"id": "3", "name": "Mojigan", "verify_key": "", "owner": owner, **more})
            case "/api/gateway/bot":
                limit = {"total": 1, "remaining": 1, "reset_after": 1, "max_concurrency": 1}
                url = f"ws://{request.host}/gateway"
                return reply({"url": url, "shards": 1, "session_start_limit": limit})
            case "/api/applications/3/commands":
                sent = await request.json()
                more = {"application_id": "3", "version": "1", "description": ""}  # menu entries are sent without one
                known = [{"id": str(10 + i), **more, **each} for i, each in enumerate(sent)]
                return reply(known)
        return reply({"message": "unknown", "code": 0}, status=404)

    async def talk(self, request: web.Request, user: dict[str, Any]) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 45_000}})
        async for message in socket:
            received = message.json()
            if received["op"] == 2:
                self.identified = received["d"]
                ready = {
                    "v": 10,
                    "user": user,
                    "guilds": [],
                    "session_id": "s",
                    "shard": [0, 1],
                    "application": {"id": "3", "flags": 0},
                }
                url = f"ws://{request.host}/gateway"
                await socket.send_json({"op": 0, "t": "READY", "s": 1, "d": {**ready, "resume_gateway_url": url}})
                self.joined.set()
        self.left.set()
        return socket
