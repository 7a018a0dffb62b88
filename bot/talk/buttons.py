"""What the buttons and selects of all cards share: whom they are for, and where errors end.

They keep nothing in memory: each is made anew from its custom_id, so it works after a restart, on messages of any age.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar

import discord

from bot.talk.acknowledging import Reply
from bot.talk.answering import admitted, answer_error, answering
from bot.talk.fitting import BUTTON, LABEL, fit, shares
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction

Button: TypeAlias = discord.ui.Button[discord.ui.LayoutView]
Select: TypeAlias = discord.ui.Select[discord.ui.LayoutView]
ItemT = TypeVar("ItemT", bound=discord.ui.Item[Any])

ROW = "(?P<row>[0-9a-z]{1,12})"
"""A row's id in base 36; twelve digits stay below the 2**63 of a database."""

NOTHING = "(?!)"
"""The template of a class that has no items of its own."""


class Pressed(discord.ui.DynamicItem[ItemT], Generic[ItemT], template=NOTHING):
    """An item that somebody pressed or chose from."""

    audience: ClassVar[Audience] = Audience()
    reply: Reply = Reply.LIKE_ITS_MESSAGE

    def __init__(self, item: ItemT, match: re.Match[str]) -> None:
        super().__init__(item)
        self.match = match
        """What the template has read from the custom_id."""

    @classmethod
    async def from_custom_id(cls, _: Any, item: Any, match: re.Match[str], /) -> Self:
        """Called by discord.py for an item that somebody used."""
        return cls(item, match)

    async def act(self, interaction: Interaction) -> None:
        """Do what the item says."""
        raise NotImplementedError

    async def interaction_check(self, interaction: Any, /) -> bool:
        """Called by discord.py before `callback`."""
        return await admitted(interaction, self.audience, self.reply)

    async def callback(self, interaction: Any) -> None:
        """Called by discord.py, which would only log what is raised here."""
        try:
            async with answering(interaction):
                await self.act(interaction)
        except Exception as error:  # here they end: the person and the log are told
            await answer_error(interaction, error)


def button(label: str, *address: object, style: discord.ButtonStyle = discord.ButtonStyle.secondary) -> Button:
    """A button that leads to the `Pressed` of that address: its name, and what it reads from there."""
    return discord.ui.Button(label=fit(label, BUTTON), style=style, custom_id=":".join(["mj", *map(str, address)]))


def option(label: str, value: str, description: str | None = None) -> discord.SelectOption:
    """An option of a select."""
    described = None if description is None else fit(description, LABEL)
    return discord.SelectOption(label=fit(label, LABEL), value=value, description=described)


def layout(*items: discord.ui.Item[discord.ui.LayoutView]) -> discord.ui.LayoutView:
    """What a message shows, its texts cut where they are too long together.

    discord.py keeps nothing of it: presses find their way by the custom_id alone.
    """
    view = discord.ui.LayoutView(timeout=None)
    for item in items:
        view.add_item(item)
    texts = [item for item in view.walk_children() if isinstance(item, discord.ui.TextDisplay)]
    for item, content in zip(texts, shares(item.content for item in texts), strict=True):
        item.content = content
    view.stop()
    return view
