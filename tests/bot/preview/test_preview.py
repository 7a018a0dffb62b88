"""The preview: the real bot in a simulated server, served as a page."""

from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime, timedelta
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
from bot.daily.zones import read_zone
from bot.preview.page import machine_time, open_preview
from bot.preview.screenshot import take_screenshots
from bot.preview.stage import BOT, CHANNEL, WELCOME, Typed, Typist, UnsendableError, read_command
from bot.settings import Settings
from tests.bot.neighbors.test_neighbors import saved
from tests.bot.world import labels, private, public, settings_for, words
from tests.conftest import draw_icon


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
            "Download",
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
        message = await guest.send(preview.channel, "/daily show")  # not offered to the guest
        assert message.content.startswith("This is not sent. ")
        assert message.id not in {each.id for each in preview.channel.history(viewer=admin)}


async def test_what_is_no_command_is_posted_as_words(settings: Settings) -> None:
    async with open_preview(settings) as preview:
        admin, _ = typists(preview)
        for words_ in ("hello", "and/or", "/ hello"):
            message = await admin.send(preview.channel, words_)
            assert (message.author.id, message.content) == (admin.id, words_)


async def test_what_discord_would_not_send_is_answered_and_never_becomes_chat(settings: Settings) -> None:
    async with open_preview(settings) as preview:
        admin, guest = typists(preview)
        for typed, said in {
            "/hello": "There is no command /hello here; /help lists them.",
            "/icon what": "/icon does not take 'what'. Its options are seed, count,",
            "/icon colour:red": "/icon does not take 'colour:red'.",
            "/icon seed:": "seed: This option is required. Specify a value.",
            "/icon count:3": "count: Invalid choice '3'. Select one of 1, 4, 9.",
            "/icon count:x": "count: Invalid choice 'x'.",
            "/icon wildness:900": "wildness: The value must lie between 0 and",
            "/icon wildness:wild": "wildness: 'wild' is no number.",
            "/icon private:maybe": "private: Select True or False, not 'maybe'.",
            "/daily": "Choose one of /daily set,",
            "/daily set channel:#nowhere time:9 zone:Berlin": "channel: There is no channel '#nowhere' here.",
            "/daily set channel:#icons time:9": "zone: This option is required.",
            "/about x": "/about does not take 'x'. It has no options.",
        }.items():
            message = await admin.send(preview.channel, typed)
            assert message.content.startswith(f"This is not sent. {said}"), typed
        assert len(preview.channel.history(viewer=guest)) == 1  # the welcome
        message = await guest.send(preview.channel, "/settings")
        assert message.content == "This is not sent. You may not use /settings here; /help lists what you may."


async def test_booleans_choices_and_files_can_be_typed(settings: Settings) -> None:
    async with open_preview(settings) as preview:
        admin, guest = typists(preview)
        await admin.send(preview.channel, "/icon seed:42 private:True")
        assert len(preview.channel.history(viewer=guest)) == 1
        told = await admin.send(
            preview.channel, "/daily set channel:#icons time:9:00 zone:Berlin what:the top of the week"
        )
        assert "the top of the week" in told.content
        picture = ("one.png", saved(draw_icon(1)))
        compared = await guest.send(preview.channel, "/neighbors", attachments=[picture])
        card = simcord.ResponseMessage(preview.env, preview.env.backend.get_message(preview.channel.id, compared.id))
        assert words(card).startswith("`one.png` beside the training icons")


async def test_the_menus_of_a_message_can_be_reached(settings: Settings) -> None:
    async with open_preview(settings) as preview:
        admin, guest = typists(preview)
        first = await admin.send(preview.channel, "/icon seed:42")
        await admin.send(preview.channel, "/icon seed:43")
        assert (await guest.send(preview.channel, "/Icon info")).content.startswith("Seed `43`")
        assert (await guest.send(preview.channel, "/icon info", reply_to=first)).content.startswith("Seed `42`")
        message = await guest.send(preview.channel, "/is it a copy?", reply_to=first)
        card = simcord.ResponseMessage(preview.env, preview.env.backend.get_message(preview.channel.id, message.id))
        assert words(card).startswith("Seed `42` · Model")


async def test_its_clock_moves_with_the_machines(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2030, 5, 6, 7, 8, tzinfo=UTC)
    monkeypatch.setattr("bot.preview.page.machine_time", lambda: now)
    async with open_preview(settings) as preview:
        admin, _ = typists(preview)
        assert preview.channel.history()[0].created_at == now
        now += timedelta(hours=3)
        assert (await admin.send(preview.channel, "hello")).created_at == now


async def test_what_takes_long_is_answered_all_the_same(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2030, 5, 6, 7, 8, tzinfo=UTC)

    def read_slowly(typed: str) -> str:
        nonlocal now
        now += timedelta(seconds=10)  # three are Discord's patience
        return read_zone(typed)

    monkeypatch.setattr("bot.preview.page.machine_time", lambda: now)
    monkeypatch.setattr("bot.daily.command.read_zone", read_slowly)
    async with open_preview(settings) as preview:
        admin, _ = typists(preview)
        told = await admin.send(preview.channel, "/daily set channel:#icons time:9:00 zone:Berlin")
        assert told.content.startswith("Done. ")


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
    ("text", "name", "options"),
    [
        ("/draw", "draw", {}),
        (" /draw what:blue cat often:3 ", "draw", {"what": "blue cat", "often": 3}),
        ("/draw what:a:b", "draw", {"what": "a:b"}),
        ("/draw what:why whatever:x", "draw", {"what": "why whatever:x"}),
        ("/draw often:-2", "draw", {"often": -2}),
        ("/draw most:2", "draw", {"most": 2.0}),
        ("/draw most:0.5", "draw", {"most": 0.5}),
        ("/many put channel:#icons", "many put", {"channel": 7}),
    ],
)
def test_typed_commands_are_read(tree: app_commands.CommandTree[Any], text: str, name: str, options: Any) -> None:
    assert read_command(text, tree, {"#icons": 7}) == Typed(name, options)


@pytest.mark.parametrize(
    "text", ["/draw often:many", "/draw most:x", "/many", "/many take", "/many put", "/draw a cat", "/paint"]
)
def test_what_cannot_be_read_is_refused(tree: app_commands.CommandTree[Any], text: str) -> None:
    with pytest.raises(UnsendableError):
        read_command(text, tree, {"#icons": 7})
