"""A simulated Discord server with the real bot in it, for tests that do what people do."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import discord
import simcord
from sqlalchemy import select

from bot.app import open_services
from bot.client import Mojigan
from bot.daily.alarm import DailyAlarm
from bot.db.models import Generation
from bot.services import Services
from bot.settings import Settings
from bot.talk.brakes import Burst
from generator.checkpoint import read_bundle
from generator.studio import Studio
from generator.writing import Description, write_bundle

S = TypeVar("S")

SETTLE_LIMIT = 60.0
"""Seconds that a busy machine may take for one action."""

MEDIA_GALLERY, TEXT, BUTTON, SELECT = 12, 10, 2, 3


def settings_for(bundle: Path, folder: Path, **more: Any) -> Settings:
    """Settings for a bot that keeps everything in `folder`, and looks at no environment file."""
    data = folder / "data"
    given = {"token": None, "database_url": f"sqlite:///{data / 'mojigan.db'}", "development_guild": None, **more}
    return Settings(_env_file=None, data=data, bundle=bundle, device="cpu", **given)  # type: ignore[call-arg]  # pydantic-settings adds it


@dataclass
class World:
    """The bot, and a server with a person who asks, another one, and a moderator."""

    services: Services
    env: simcord.Env
    channel: simcord.ChannelHandle
    asker: simcord.MemberActor
    other: simcord.MemberActor
    moderator: simcord.MemberActor
    look_every: timedelta
    _errors_seen: int = 0

    def errors(self) -> tuple[BaseException, ...]:
        """What the bot has raised since the last look; what nobody looks at fails the test."""
        raised = self.env.errors_since(self._errors_seen)
        self._errors_seen = self.env.error_cursor
        return raised

    @property
    def client(self) -> Mojigan:
        """The client that is logged in."""
        client = self.env.bot
        assert isinstance(client, Mojigan)
        return client

    def service(self, kind: type[S]) -> S:
        """One of the services of that client."""
        return self.client.service(kind)

    @property
    def guild(self) -> simcord.GuildHandle:
        """The server."""
        return self.asker.guild

    async def icon(self, **options: Any) -> simcord.ResponseMessage:
        """The asker types /icon; the answer must be a card that all can see."""
        return public(await self.asker.slash(self.channel, "icon", **options))

    async def restart(self) -> None:
        """The process starts anew: another client, which knows nothing of the messages so far."""
        await self.env.restart_bot(_patient(self.services, self.look_every))

    async def rows(self) -> list[Generation]:
        """All generations, in order."""
        async with self.services.database.read() as session:
            return list(await session.scalars(select(Generation).order_by(Generation.id)))

    async def picture(self, message: simcord.ResponseMessage) -> bytes:
        """The PNG in a card, as Discord's CDN has it."""
        (item,) = gallery(message)
        return await self.client.http.get_from_cdn(item["media"]["url"])


@asynccontextmanager
async def open_world(bundle: Path, folder: Path, **more: Any) -> AsyncIterator[World]:
    """Open the bot's parts on a fresh database and let it join a simulated server. `more` goes into the settings."""
    async with open_services(settings_for(bundle, folder, **more)) as services, in_discord(services) as world:
        yield world


class PatientEnv(simcord.Env):
    """Waits for a bot that starts as long as for one that works: simcord's 5 seconds are too few on a busy machine."""

    async def _settle_internal(self, **given: Any) -> None:
        await super()._settle_internal(**{**given, "timeout": None})


@asynccontextmanager
async def in_discord(
    services: Services, begin: datetime | None = None, look_every: timedelta = timedelta(hours=1)
) -> AsyncIterator[World]:
    """A simulated server with the bot in it. What the bot raises and nobody looked at fails the test.

    Its time stands still unless it is moved; it begins with the year 2026, or at `begin`. The bot looks for what
    other processes have set each hour, not each minute: days go by in these tests.
    """
    env = PatientEnv(_patient(services, look_every), shard_count=1, settle_timeout=SETTLE_LIMIT)
    if begin is not None:
        env.backend.clock.advance((begin - env.now()).total_seconds())
    with follow(env.now):
        async with _server(services, env, look_every) as world:
            yield world
    assert not world.errors(), "the bot raised what the test does not know of"


@contextmanager
def follow(clock: Callable[[], datetime]) -> Iterator[None]:
    """Let APScheduler, which asks the machine for the time, live in the simulated time."""

    class Virtual(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return clock().astimezone(tz)

    with (
        patch("apscheduler.schedulers.base.datetime", Virtual),
        patch("apscheduler.executors.base.datetime", Virtual),
    ):
        yield


@asynccontextmanager
async def _server(services: Services, env: simcord.Env, look_every: timedelta) -> AsyncIterator[World]:
    await env.start()
    try:
        guild = env.create_guild("Test server")
        channel = guild.create_text_channel("icons")
        role = guild.create_role("Moderator", permissions=discord.Permissions(manage_messages=True))
        world = World(
            services=services,
            env=env,
            channel=channel,
            asker=guild.add_member(env.create_user("asker")),
            other=guild.add_member(env.create_user("other")),
            moderator=guild.add_member(env.create_user("moderator"), roles=[role]),
            look_every=look_every,
        )
        yield world
    finally:
        await env.shutdown()


def _patient(services: Services, look_every: timedelta) -> Mojigan:
    """A client for tests, which press buttons faster than people, and on slower machines."""
    client = Mojigan(services)
    client.services.add(Burst(limit=1_000))
    client.patience = 1_000  # also on a machine that is busy, answers acknowledge by themselves
    client.service(DailyAlarm).look_every = look_every
    return client


def name_servers(world: World, guilds: frozenset[int]) -> None:
    """Name the servers in the settings whose administrators may retrain; also for the next client."""
    for services in (world.services, world.client.services):
        services.settings = services.settings.model_copy(update={"retrain_guilds": guilds})


def another_bundle(source: Path, folder: Path) -> Path:
    """A bundle like the source, whose network draws otherwise."""
    bundle = read_bundle(source)
    fields = {field.name: getattr(bundle.card, field.name) for field in dataclasses.fields(Description)}
    weights = {name: value * 0.9 if value.is_floating_point() else value for name, value in bundle.generator.items()}
    write_bundle(
        folder,
        Description(**fields),
        config=bundle.config,
        weights=weights,
        descriptors=bundle.descriptors,
        sheet=bundle.sheet,
        samples=(source / "samples.png").read_bytes(),
    )
    return folder


def private(result: simcord.InteractionResult) -> str:
    """The sentence that the person alone is told."""
    message = result.followups[0] if result.followups else result.response
    assert message is not None
    assert message.ephemeral
    return message.content


def public(result: simcord.InteractionResult) -> simcord.ResponseMessage:
    """The answer that all can see."""
    assert result.response is not None
    assert not result.response.ephemeral
    return result.response


@asynccontextmanager
async def busy(studio: Studio) -> AsyncIterator[threading.Event]:
    """Keep the studio's thread busy until the event is set, or the block ends."""
    release = threading.Event()
    work = asyncio.create_task(studio.run(release.wait))
    try:
        yield release
    finally:
        release.set()
        await work


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop turn until the condition holds. A loop that is blocked never gets there."""
    async with asyncio.timeout(SETTLE_LIMIT):
        while not condition():  # noqa: ASYNC110 - the bot under test sets no event for us
            await asyncio.sleep(0.005)


def walk(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All components of a message, also those inside others."""
    for component in components:
        yield component
        yield from walk(component.get("components") or [])


def gallery(message: simcord.ResponseMessage) -> list[Mapping[str, Any]]:
    """The pictures of a card."""
    return [item for each in walk(message.components) if each["type"] == MEDIA_GALLERY for item in each["items"]]


def alt_text(message: simcord.ResponseMessage) -> str:
    """What a screen reader says of a card's picture."""
    (item,) = gallery(message)
    return str(item["description"])


def words(message: simcord.ResponseMessage) -> str:
    """All text of a card."""
    return "\n".join(each["content"] for each in walk(message.components) if each["type"] == TEXT)


def labels(message: simcord.ResponseMessage) -> list[str]:
    """What stands on a card's buttons."""
    return [each["label"] for each in walk(message.components) if each["type"] == BUTTON]


def menus(message: simcord.ResponseMessage) -> list[dict[str, Any]]:
    """A card's selects."""
    return [each for each in walk(message.components) if each["type"] == SELECT]


def options(message: simcord.ResponseMessage) -> list[dict[str, Any]]:
    """What a card's first select offers."""
    return list(menus(message)[0]["options"])


async def choose(person: Any, message: simcord.ResponseMessage, *values: str) -> simcord.InteractionResult:
    """Choose in a card's first select, which opens an icon."""
    result: simcord.InteractionResult = await person.select(message, values, custom_id=menus(message)[0]["custom_id"])
    return result


async def mark(person: Any, message: simcord.ResponseMessage, *places: int) -> str:
    """Vote in a card's second select for the icons in these places, counted from 1: what the person is told."""
    menu = menus(message)[1]
    values = [menu["options"][place - 1]["value"] for place in places]
    result = await person.select(message, values, custom_id=menu["custom_id"])
    return private(result)


def for_one(result: simcord.InteractionResult) -> simcord.ResponseMessage:
    """The card that the person alone can see."""
    assert result.response is not None
    assert result.response.ephemeral
    return result.response
