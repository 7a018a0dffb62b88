"""A small server in Discord's place, for what happens on the real network path: joining, leaving, being refused,
answering and posting.
"""

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
        self.login, self.taking, self.editing = _open(), _open(), _open()
        """While one of them is cleared: nobody comes in, no post is taken, no answer is put in its place."""
        self.heartbeat = 45_000
        """Milliseconds between two heartbeats; they are not answered."""
        self.posts: dict[str, dict[str, Any]] = {}
        """The messages that stand in channels, by their nonce: a nonce that is known gives back its first message."""
        self.arrived: list[str] = []
        """The nonces of all that was sent to a channel, also what was never taken."""
        self.callbacks: dict[str, dict[str, Any]] = {}
        """The first responses to interactions, by the interaction's id."""
        self.answered: list[str] = []
        """The tokens of the interactions whose answer stands."""
        self._socket: web.WebSocketResponse | None = None

    async def ask(self, number: int, command: str, **options: str) -> None:
        """Somebody types a command in a direct message."""
        assert self._socket is not None
        data = {
            "id": "10",
            "name": command,
            "type": 1,
            "options": [{"name": name, "type": 3, "value": value} for name, value in options.items()],
        }
        event = {
            "id": str(number),
            "application_id": "3",
            "type": 2,
            "token": f"token-{number}",
            "version": 1,
            "channel_id": "50",
            "channel": {"id": "50", "type": 1},
            "user": {"id": "7", "username": "asker", "discriminator": "0", "avatar": None},
            "app_permissions": "0",
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {},
            "attachment_size_limit": 10 * 2**20,
            "data": data,
        }
        await self._socket.send_json({"op": 0, "t": "INTERACTION_CREATE", "s": 2, "d": event})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        user = {"id": "1", "username": "Mojigan", "discriminator": "0", "avatar": None, "bot": True}
        match request.path.removeprefix("/api/").split("/"):
            case ["interactions", number, _, "callback"]:
                if number in self.callbacks:
                    return reply({"message": "already acknowledged", "code": 40060}, status=400)
                self.callbacks[number] = await request.json()
                return reply({"interaction": {"id": number, "type": 2}, "resource": {"type": 5}})
            case ["webhooks", _, token, "messages", "@original"]:
                await self.editing.wait()
                self.answered.append(token)
                return reply(message(1_000 + len(self.answered), user))
            case ["channels", _, "messages"]:
                sent = json.loads(str((await request.post())["payload_json"]))
                self.arrived.append(sent["nonce"])
                await self.taking.wait()
                return reply(self.posts.setdefault(sent["nonce"], message(2_000 + len(self.posts), user)))
        match request.path:
            case "/gateway":
                return await self.talk(request, user)
            case "/api/users/@me":
                await self.login.wait()
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
        self._socket = socket
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": self.heartbeat}})
        async for message in socket:
            received = message.json()
            if received["op"] == 6:  # what it wants to resume is gone
                await socket.send_json({"op": 9, "d": False})
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


def _open() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


def message(number: int, author: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(number),
        "channel_id": "50",
        "author": author,
        "content": "",
        "timestamp": "2026-01-01T00:00:00+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "components": [],
        "pinned": False,
        "type": 0,
        "flags": 1 << 15,
    }
