"""`/gallery mine | server | top`: favorites, and the icons with the most votes."""

from __future__ import annotations

from typing import Any

from discord import app_commands

from bot.gallery.card import show_page
from bot.gallery.service import Hall
from bot.icons.asking import announce
from bot.talk.answering import answering
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction, home
from bot.talk.refusals import Refusal
from bot.talk.texts import Texts


def gallery_group(texts: Texts) -> app_commands.Group:
    """Build the commands with their texts."""
    say = texts.say
    group = app_commands.Group(
        name="gallery",
        description=say("command.gallery.description"),
        extras=Audience("gallery").extras,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
    )
    private = say("command.gallery.private")
    app_commands.describe(private=private)(show_server)
    app_commands.describe(time=say("command.gallery.time"), private=private)(show_top)
    app_commands.choices(
        time=[
            app_commands.Choice(name=say("choice.week"), value=Hall.WEEK.value),
            app_commands.Choice(name=say("choice.ever"), value=Hall.EVER.value),
        ]
    )(show_top)
    for callback, name, description in (
        (show_mine, "mine", say("command.gallery.mine")),
        (show_server, "server", say("command.gallery.server")),
        (show_top, "top", say("command.gallery.top")),
    ):
        command: Any = app_commands.Command(name=name, description=description, callback=callback)
        group.add_command(command)
    return group


async def show_mine(interaction: Interaction) -> None:
    """`/gallery mine`."""
    async with answering(interaction):
        await announce(interaction, 0, private=True)
        await show_page(interaction, Hall.MINE, private=True)


async def show_server(interaction: Interaction, private: bool = False) -> None:
    """`/gallery server`."""
    await _show_server(interaction, Hall.SERVER, private)


async def show_top(interaction: Interaction, time: str = Hall.WEEK.value, private: bool = False) -> None:
    """`/gallery top`."""
    await _show_server(interaction, Hall(time), private)


async def _show_server(interaction: Interaction, hall: Hall, private: bool) -> None:
    async with answering(interaction):
        if home(interaction) is None:
            raise Refusal("error.gallery_server")
        await announce(interaction, 0, private=private)
        await show_page(interaction, hall, private=private)
