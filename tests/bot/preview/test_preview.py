"""The preview: the real bot in a simulated server, served as a page."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
import simcord
from discord import app_commands

from bot.app import StartError
from bot.client import Mojigan
from bot.daily.schedules import ScheduleService
from bot.preview.page import machine_time, open_preview
from bot.preview.screenshot import take_screenshots
from bot.preview.stage import BOT, CHANNEL, WELCOME, Typist, read_command
from bot.settings import Settings
from tests.bot.world import labels, private, public, settings_for, words


@pytest.fixture
def settings(tiny_bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return settings_for(tiny_bundle_path, tmp_path)


def typists(preview: simcord.Preview) -> tuple[Typist, Typist]:
    """The two people of the page."""
    admin, guest = preview.viewers
    assert isinstance(admin, Typist)
    assert isinstance(guest, Typist)
    return admin, guest


async def test_it_serves_a_page_and_keeps_nothing(settings: Settings, tmp_path: Path) -> None:
    async with open_preview(settings) as preview, aiohttp.ClientSession() as session:
        (folder,) = (tmp_path / "tmp").iterdir()
        assert (folder / "mojigan.db").is_file()
        async with session.get(preview.url) as response:
            assert response.status == 200
            assert "<html" in await response.text()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not settings.data.exists()


async def test_the_page_shows_a_server_with_an_admin_and_a_guest(settings: Settings) -> None:
    async with open_preview(settings) as preview:
        admin, guest = typists(preview)
        assert admin.guild.name == "Icon lovers"
        assert preview.channel.name == CHANNEL
        assert (admin.user.global_name, guest.user.global_name) == ("Ada", "Gil")
        (welcome,) = preview.channel.history()
        assert welcome.content == WELCOME
        assert preview.env.bot.user is not None
        assert preview.env.bot.user.name == BOT
        commands = guest.available_commands(preview.channel)
        assert {"icon", "neighbors", "morph"} <= set(commands)
        assert not any(command.startswith("daily") for command in commands)
        assert {*commands, "daily set", "daily show"} <= set(admin.available_commands(preview.channel))


async def test_what_is_typed_into_the_page_gives_icons_and_the_buttons_work(settings: Settings) -> None:
    async with open_preview(settings) as preview:
        admin, guest = typists(preview)
        message = await guest.send(preview.channel, "/icon seed:42")
        card = simcord.ResponseMessage(preview.env, preview.env.backend.get_message(message.channel.id, message.id))
        assert words(card).startswith("Seed `42` · Model `m1-")
        snapshot = await preview.snapshot()
        assert str(message.id) in snapshot["messages"]
        assert all(not message.content.startswith("/") for message in preview.channel.history())
        assert labels(public(await admin.click(card, label="Another"))) == [
            "Another",
            "Vary",
            "Is it a copy?",
            "Favorite",
            "Use it",
            "Delete",
        ]
        await admin.click(card, label="Delete")  # the guest asked for it: an admin may
        assert card.id not in {each.id for each in preview.channel.history()}
        other = public(await admin.slash(preview.channel, "icon"))
        assert private(await guest.click(other, label="Delete")).startswith("Only the person who asked")


async def test_a_daily_post_is_set_in_the_page_and_comes(settings: Settings) -> None:
    async with open_preview(settings) as preview:
        admin, guest = typists(preview)
        await admin.send(preview.channel, "/daily set channel:#icons time:9:00 zone:berlin count:4")
        answer = preview.channel.history(viewer=admin)[-1]
        assert answer.content.startswith(f"Done. <#{preview.channel.id}> · 09:00 Europe/Berlin · every day")
        client = preview.env.bot
        assert isinstance(client, Mojigan)
        (schedule,) = await client.service(ScheduleService).of_guild(admin.guild.id)
        assert schedule.next_run_at is not None
        assert schedule.next_run_at > machine_time()
        await admin.send(preview.channel, "/daily test")
        posted = preview.channel.history(viewer=guest)[-1]
        card = simcord.ResponseMessage(preview.env, preview.env.backend.get_message(preview.channel.id, posted.id))
        assert words(card).startswith("### Icons of the day · ")
        message = await guest.send(preview.channel, "/daily show")
        assert message.author.id == guest.id  # not offered to the guest: it stays words


@pytest.mark.parametrize(
    "words_",
    ["hello", "/hello", "/icon what", "/icon seed:", "/icon count:3", "/icon count:x", "/daily", "/daily what"],
)
async def test_what_is_no_command_is_posted_as_words(settings: Settings, words_: str) -> None:
    async with open_preview(settings) as preview:
        admin, _ = typists(preview)
        message = await admin.send(preview.channel, words_)
        assert (message.author.id, message.content) == (admin.id, words_)


async def test_a_port_that_is_taken_is_one_sentence(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            StartError,
            match=rf"^Port {port} cannot be used \(address already in use\): choose another one with --port\.$",
        ):
            async with open_preview(settings, port):
                pass


async def test_without_simcord_it_says_what_to_install(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bot.preview.stage")
    monkeypatch.setitem(sys.modules, "simcord", None)
    with pytest.raises(StartError, match=r"python -m pip install 'mojigan\[preview\]'"):
        async with open_preview(settings):
            pass


async def test_without_playwright_screenshots_say_what_to_install(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "playwright.async_api", None)
    with pytest.raises(StartError, match=r"python -m pip install 'mojigan\[screenshot\]'"):
        await take_screenshots(settings, tmp_path)


@pytest.fixture
def tree() -> app_commands.CommandTree[Any]:
    """A command with an option of each kind that can be typed."""
    client = discord.Client(intents=discord.Intents.none())
    commands = app_commands.CommandTree(client)

    @commands.command(description="Draw")
    async def draw(_: discord.Interaction, what: str = "", often: int = 1, most: float = 1.0) -> None:
        raise NotImplementedError

    group = app_commands.Group(name="many", description="Group")

    @group.command(description="Put")
    async def put(_: discord.Interaction, channel: discord.TextChannel) -> None:
        raise NotImplementedError

    commands.add_command(group)
    return commands


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("/draw", ("draw", {})),
        (" /draw what:blue cat often:3 ", ("draw", {"what": "blue cat", "often": 3})),
        ("/draw what:a:b", ("draw", {"what": "a:b"})),
        ("/draw what:why whatever:x", ("draw", {"what": "why whatever:x"})),
        ("/draw often:many", ("draw", {"often": "many"})),
        ("/draw most:2", ("draw", {"most": 2.0})),
        ("/draw most:0.5", ("draw", {"most": 0.5})),
        ("/draw most:2.", ("draw", {"most": "2."})),
        ("/many put channel:#icons", ("many put", {"channel": 7})),
        ("/many put channel:#other", ("many put", {"channel": "#other"})),
        ("/many", None),
        ("/many take", None),
        ("/draw a cat", None),
        ("/paint", None),
        ("draw", None),
        ("", None),
    ],
)
def test_typed_commands_are_read(tree: app_commands.CommandTree[Any], text: str, read: Any) -> None:
    assert read_command(text, tree, {"icons": 7}) == read
