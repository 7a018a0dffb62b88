"""Whatever a person uses: Discord hears of the bot before the database has said a word."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

import aiohttp
import discord
import pytest
import simcord
from sqlalchemy.exc import OperationalError

from bot.db.session import Database
from bot.features import FEATURES
from bot.gallery.card import PageButton, PageVoteSelect, PickSelect
from bot.icons.buttons import AnotherButton, DeleteButton, FavoriteButton, OpenSelect, VaryButton, VoteSelect
from bot.icons.download import DownloadButton
from bot.icons.use import UseButton
from bot.models.command import FiguresButton
from bot.morph.card import FramesButton
from bot.neighbors.card import NeighborsButton
from bot.privacy.card import PrivacyButton
from bot.retraining.card import JobButton
from bot.rules.card import SettingControl
from bot.talk.access import AccessService
from bot.talk.buttons import button, layout, option
from bot.talk.words import base36
from tests.bot.neighbors.test_neighbors import saved
from tests.bot.world import World, name_servers, private, words
from tests.conftest import draw_icon
from tests.house import ROOT

COMMANDS: dict[str, dict[str, Any]] = {
    "about": {},
    "daily log": {},
    "daily pause": {},
    "daily remove": {},
    "daily resume": {},
    "daily set": {"time": "9:00", "zone": "Europe/Berlin"},
    "daily show": {},
    "daily test": {},
    "gallery mine": {},
    "gallery server": {},
    "gallery top": {},
    "help": {},
    "icon": {"seed": "42", "model": "m1"},
    "mix": {"first": "1", "second": "2"},
    "model default": {"version": "m1"},
    "model info": {},
    "model list": {},
    "model rollback": {},
    "model theme": {"version": "m1", "theme": "faces"},
    "model use": {"version": "m1"},
    "morph": {"from": "1", "to": "2"},
    "neighbors": {"picture": ("a.png", saved(draw_icon(1)))},
    "privacy": {},
    "retrain": {"icons": "server"},
    "settings": {},
}
"""Each command with options that lead as far as its work."""

MENUS = ("Is it a copy?", "Icon info")

ITEMS: dict[type[Any], tuple[tuple[str, ...], ...]] = {
    AnotherButton: (("another", "ROW", "1"),),
    VaryButton: (("vary", "ROW"),),
    OpenSelect: (("open", "ROW", "?", "ROW"),),
    DeleteButton: (("delete", "ROW"),),
    FavoriteButton: (("favorite", "ROW"),),
    VoteSelect: (("vote", "ROW", "?", "ROW"),),
    UseButton: (("use", "ROW"),),
    DownloadButton: (("download", "ROW"),),
    PageButton: (("page", "m", "0"),),
    PickSelect: (("pick", "m", "?", "ROW"),),
    PageVoteSelect: (("mark", "m", "0", "?", "ROW"),),
    FiguresButton: (("figures", "ROW"),),
    NeighborsButton: (("near", "ROW"),),
    FramesButton: (("frames", "ROW"),),
    PrivacyButton: (("mine", "show"), ("mine", "yes"), ("mine", "forget")),
    JobButton: (
        ("job", "cancel", "ROW"),
        ("job", "adopt", "ROW"),
        ("job", "discard", "ROW"),
        ("job", "resume", "ROW"),
        ("job", "figures", "ROW"),
    ),
    SettingControl: (("set", "page", "?", "quota"), ("set", "quota", "?", "10")),
}
"""Each kind of button and select, with addresses; what stands after the ? is chosen."""


class Silence:
    """A database that says nothing until Discord was answered. How: the response's method, `defer` or another."""

    def __init__(self) -> None:
        self.answered: str | None = None
        self.asked_before = False
        self._over = asyncio.Event()

    @contextmanager
    def kept(self) -> Iterator[Silence]:
        """Keep it while entered."""
        with (
            patch.object(Database, "read", self._waiting(Database.read)),
            patch.object(Database, "write", self._waiting(Database.write)),
        ):
            names = ("defer", "send_message", "edit_message", "send_modal")
            stack = [patch.object(discord.InteractionResponse, each, self._noting(each)) for each in names]
            for each in stack:
                each.start()
            try:
                yield self
            finally:
                for each in stack:
                    each.stop()
                self._over.set()

    def _waiting(self, real: Callable[[Database], Any]) -> Callable[[Database], Any]:
        @asynccontextmanager
        async def session(database: Database) -> AsyncIterator[Any]:
            self.asked_before |= not self._over.is_set()
            await self._over.wait()
            async with real(database) as found:
                yield found

        return session

    def _noting(self, name: str) -> Callable[..., Awaitable[None]]:
        real: Any = getattr(discord.InteractionResponse, name)

        async def respond(response: discord.InteractionResponse[Any], *given: Any, **more: Any) -> Any:
            done = await real(response, *given, **more)
            self.answered = self.answered or name
            self._over.set()
            return done

        return respond


@pytest.fixture
async def boss(world: World) -> simcord.MemberActor:
    """Somebody who may do everything, in a server that has icons, a schedule and a quota."""
    role = world.guild.create_role("Boss", permissions=discord.Permissions(administrator=True))
    name_servers(world, frozenset({world.guild.id}))
    world.client.patience = 0
    return world.guild.add_member(world.env.create_user("boss"), roles=[role])


def channel_of(world: World) -> discord.TextChannel:
    found = world.client.get_channel(world.channel.id)
    assert isinstance(found, discord.TextChannel)
    return found


async def test_every_command_is_acknowledged_before_the_database_answers(
    world: World, boss: simcord.MemberActor
) -> None:
    tree = world.client.tree
    known = {each.qualified_name for each in tree.walk_commands() if isinstance(each, discord.app_commands.Command)}
    assert known == set(COMMANDS), "a command is missing in this test, or gone"
    assert {each.name for each in tree.get_commands(type=discord.AppCommandType.message)} == set(MENUS)
    card = await world.icon(seed="1")
    for name, options in COMMANDS.items():
        more = {"channel": world.channel} if name == "daily set" else {}
        with Silence().kept() as silence:
            await boss.slash(world.channel, name, **{**options, **more})
        assert silence.answered == "defer", name
        assert silence.asked_before, name
    for name in MENUS:
        with Silence().kept() as silence:
            await boss.context_menu(world.channel, name, card)
        assert silence.answered == "defer", name


async def test_every_button_is_acknowledged_before_the_database_answers(
    world: World, boss: simcord.MemberActor
) -> None:
    assert {kind for feature in FEATURES for kind in feature.buttons} == set(ITEMS), "a kind of button is missing here"
    await world.icon(seed="1")
    row = base36((await world.rows())[0].id)
    for address in (address for addresses in ITEMS.values() for address in addresses):
        named = [row if part == "ROW" else part for part in address]
        name, _, chosen = ":".join(named).partition(":?:")
        action: discord.ui.ActionRow[discord.ui.LayoutView] = discord.ui.ActionRow()
        if chosen:
            action.add_item(discord.ui.Select(custom_id=f"mj:{name}", options=[option("x", chosen)]))
        else:
            action.add_item(button("x", name))
        message: Any = await channel_of(world).send(view=layout(action))
        with Silence().kept() as silence:
            if chosen:
                await boss.select(message, [chosen])
            else:
                await boss.click(message, label="x")
        assert silence.answered == "defer", address
        assert silence.asked_before, address


async def test_a_form_is_acknowledged_before_the_database_answers(world: World, boss: simcord.MemberActor) -> None:
    world.client.patience = 1_000
    shown = await boss.click(await world.icon(seed="Red fox!"), label="Use it")
    world.client.patience = 0
    with Silence().kept() as silence:
        await boss.submit_modal(shown, {"as": "emoji", "name": "fox"})
    assert silence.answered == "defer"


async def test_a_form_that_comes_too_late_is_not_opened(world: World, boss: simcord.MemberActor) -> None:
    card = await world.icon(seed="42")
    with Silence().kept():
        result = await boss.click(card, label="Use it")
    assert result.modal is None
    assert private(result) == "That took me too long to open the form. Please press the button once more."


async def test_after_a_long_wait_all_is_as_usual(world: World, boss: simcord.MemberActor) -> None:
    """The icon comes, also under a quota; who is refused then is told in the place of the answer."""
    await world.service(AccessService).change(world.guild.id, quota=1)
    with Silence().kept():
        result = await world.asker.slash(world.channel, "icon", seed="42")
    assert result.response is not None
    assert words(result.response).startswith("Seed `42`")
    for alone in (True, False):
        with Silence().kept():
            result = await world.asker.slash(world.channel, "icon", seed="42", private=alone)
        assert private(result).startswith("This takes 1 of your 1 icons per hour, and 0 are left.")
    assert len(list(world.channel.history(viewer=world.other))) == 1, "nobody else sees a refusal"


async def test_an_acknowledgement_that_arrives_while_the_connection_breaks_is_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, defer = list[object](), discord.InteractionResponse.defer

    async def broken(response: Any, **options: Any) -> None:
        begun.append(response)
        await defer(response, **options)
        if len(begun) == 1:
            response._response_type = None  # discord.py does not hear that Discord has taken it
            raise aiohttp.ServerDisconnectedError

    monkeypatch.setattr(discord.InteractionResponse, "defer", broken)
    assert "Ada" in words(await world.icon(seed="Ada"))
    assert len(begun) == 2


async def test_a_database_that_is_gone_is_named(world: World) -> None:
    def gone(_: Database) -> Any:
        raise OperationalError("SELECT 1", {}, Exception("database is locked"))

    with patch.object(Database, "write", gone):
        result = await world.asker.slash(world.channel, "icon", seed="42", private=True)
    said = r"My database does not answer right now \(error \w+\)\. Please try again in a moment\."
    assert re.fullmatch(said, private(result))
    assert world.errors()


def test_nothing_else_acknowledges() -> None:
    """By construction: whoever adds a command can only acknowledge it in the one place."""
    ways = re.compile(r"\.response\.(defer|send_message|edit_message|send_modal)\(|\.followup\.|_response\(content")
    places = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "bot").rglob("*.py")
        if ways.search(file.read_text()) and "preview" not in file.parts
    }
    assert places == {"bot/talk/acknowledging.py", "bot/talk/answering.py"}
