"""What the buttons and selects of all cards share: the row of `generations` that they name, and where errors end.

They keep nothing in memory: each is made anew from its custom_id, so it works after a restart, on messages of any age.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar

import discord

from bot.talk.answering import admitted, answer_error, answering
from bot.talk.refusals import GenerationGoneError
from bot.talk.words import base36

if TYPE_CHECKING:
    from bot.icons.service import GenerationView
    from bot.talk.answering import Interaction

Button: TypeAlias = discord.ui.Button[discord.ui.LayoutView]
Select: TypeAlias = discord.ui.Select[discord.ui.LayoutView]
ItemT = TypeVar("ItemT", bound=discord.ui.Item[Any])

ROW = "(?P<row>[0-9a-z]{1,12})"
"""A row's id in base 36; twelve digits stay below the 2**63 of a database."""

NOTHING = "(?!)"
"""The template of a class that has no items of its own."""


class Pressed(discord.ui.DynamicItem[ItemT], Generic[ItemT], template=NOTHING):
    """An item that somebody pressed or chose from."""

    async def act(self, interaction: Interaction) -> None:
        """Do what the item says."""
        raise NotImplementedError

    async def interaction_check(self, interaction: Any, /) -> bool:
        """Called by discord.py before `callback`."""
        return await admitted(interaction)

    async def callback(self, interaction: Any) -> None:
        """Called by discord.py, which would only log what is raised here."""
        try:
            async with answering(interaction):
                await self.act(interaction)
        except Exception as error:  # here they end: the person and the log are told
            await answer_error(interaction, error)


class RowItem(Pressed[ItemT], Generic[ItemT], template=NOTHING):
    """An item that names a row of `generations`."""

    def __init__(self, item: ItemT, generation_id: int) -> None:
        super().__init__(item)
        self.generation_id = generation_id

    @classmethod
    async def from_custom_id(cls, _: Any, item: Any, match: re.Match[str], /) -> Self:
        """The item that somebody used."""
        return cls(item, int(match["row"], 36))

    async def load(self, interaction: Interaction) -> GenerationView:
        """The row that the item names. Raises GenerationGoneError."""
        return await load_row(interaction, self.generation_id)


class RowButton(RowItem[Button], template=NOTHING):
    """A button that names a row and nothing else. A subclass has a `name`, which begins its custom_id."""

    name: str
    style = discord.ButtonStyle.secondary

    def __init_subclass__(cls, *, template: str | None = None) -> None:
        super().__init_subclass__(template=template or rf"mj:{cls.name}:{ROW}")

    @classmethod
    def of(cls, generation_id: int, label: str) -> Self:
        """The button for a card."""
        custom_id = f"mj:{cls.name}:{base36(generation_id)}"
        return cls(discord.ui.Button(label=label, style=cls.style, custom_id=custom_id), generation_id)


async def load_row(interaction: Interaction, generation_id: int) -> GenerationView:
    """A row that an item names. Raises GenerationGoneError."""
    row = await interaction.client.icons.load(generation_id)
    if row is None:
        raise GenerationGoneError(f"there is no generation {generation_id}")
    return row
