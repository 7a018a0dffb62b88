"""The card of /privacy: what is stored, and the buttons to see one's own rows and to be forgotten."""

from __future__ import annotations

import io
import re

import discord

from bot.privacy.service import PrivacyService
from bot.talk.acknowledging import Reply, acknowledge
from bot.talk.answering import mark_answered, show
from bot.talk.buttons import Button, Pressed, button, layout
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction

_STYLES = {"forget": discord.ButtonStyle.danger, "yes": discord.ButtonStyle.danger}
_LABELS = {
    "show": "button.privacy_show",
    "forget": "button.privacy_forget",
    "yes": "button.privacy_yes",
    "no": "button.privacy_no",
}


class PrivacyButton(Pressed[Button], template=r"mj:mine:(?P<what>show|forget|yes|no)"):
    """A button of the card; it acts for the person who presses it, never for another one."""

    audience = Audience(blocked_too=True)

    def __init__(self, item: Button, match: re.Match[str]) -> None:
        super().__init__(item, match)
        self.reply = Reply.PRIVATE if match["what"] == "show" else Reply.UPDATE

    async def act(self, interaction: Interaction) -> None:
        """Hand the rows out, ask once more, or forget."""
        what, user_id = self.match["what"], interaction.user.id
        privacy = interaction.client.service(PrivacyService)
        if what == "show":
            await acknowledge(interaction)
            name, content = await privacy.file(user_id, interaction.filesize_limit)
            await interaction.edit_original_response(attachments=[discord.File(io.BytesIO(content), name)])
            mark_answered(interaction)
        else:
            if what == "yes":
                await privacy.forget(user_id)
            await show(interaction, privacy_card(interaction, what))


def privacy_card(interaction: Interaction, step: str = "no") -> discord.ui.LayoutView:
    """The card after a step: what is stored (no), the question (forget), or the end (yes)."""
    key, buttons = {
        "no": ("privacy.stored", ("show", "forget")),
        "forget": ("privacy.sure", ("yes", "no")),
        "yes": ("privacy.forgotten", ("show",)),
    }[step]
    say, locale = interaction.client.texts.say, str(interaction.locale)
    row: discord.ui.ActionRow[discord.ui.LayoutView] = discord.ui.ActionRow()
    for what in buttons:
        style = _STYLES.get(what, discord.ButtonStyle.secondary)
        row.add_item(button(say(_LABELS[what], locale), "mine", what, style=style))
    return layout(discord.ui.Container(discord.ui.TextDisplay(say(key, locale)), row))
