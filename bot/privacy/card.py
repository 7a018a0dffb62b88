"""The card of /privacy: what is stored, and the buttons to see one's own rows and to be forgotten."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot.talk.answering import mark_answered
from bot.talk.buttons import Button, Pressed

if TYPE_CHECKING:
    from bot.talk.answering import Interaction

FILENAME = "mojigan-my-data.json"

_STYLES = {"forget": discord.ButtonStyle.danger, "yes": discord.ButtonStyle.danger}
_LABELS = {
    "show": "button.privacy_show",
    "forget": "button.privacy_forget",
    "yes": "button.privacy_yes",
    "no": "button.privacy_no",
}


class PrivacyButton(Pressed[Button], template=r"mj:mine:(?P<what>show|forget|yes|no)"):
    """A button of the card; it acts for the person who presses it, never for another one."""

    def __init__(self, button: Button, what: str) -> None:
        super().__init__(button)
        self.what = what

    @classmethod
    def of(cls, interaction: Interaction, what: str) -> Self:
        """The button for a card."""
        label = interaction.client.texts.say(_LABELS[what], str(interaction.locale))
        style = _STYLES.get(what, discord.ButtonStyle.secondary)
        return cls(discord.ui.Button(label=label, style=style, custom_id=f"mj:mine:{what}"), what)

    @classmethod
    async def from_custom_id(cls, _: Any, item: Any, match: re.Match[str], /) -> Self:
        """The button that somebody pressed."""
        return cls(item, match["what"])

    async def act(self, interaction: Interaction) -> None:
        """Hand the rows out, ask once more, or forget."""
        privacy, user_id = interaction.client.privacy, interaction.user.id
        if self.what == "show":
            await interaction.response.defer(ephemeral=True, thinking=True)
            document = json.dumps(await privacy.mine(user_id), ensure_ascii=False, indent=1)
            file = discord.File(io.BytesIO(document.encode()), FILENAME)
            await interaction.edit_original_response(attachments=[file])
        else:
            if self.what == "yes":
                await privacy.forget(user_id)
            await interaction.response.edit_message(view=privacy_card(interaction, self.what))
        mark_answered(interaction)


def privacy_card(interaction: Interaction, step: str = "no") -> discord.ui.LayoutView:
    """The card after a step: what is stored (no), the question (forget), or the end (yes)."""
    key, buttons = {
        "no": ("privacy.stored", ("show", "forget")),
        "forget": ("privacy.sure", ("yes", "no")),
        "yes": ("privacy.forgotten", ("show",)),
    }[step]
    text = interaction.client.texts.say(key, str(interaction.locale))
    row: discord.ui.ActionRow[discord.ui.LayoutView] = discord.ui.ActionRow()
    for what in buttons:
        row.add_item(PrivacyButton.of(interaction, what))
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.Container(discord.ui.TextDisplay(text), row))
    return view
