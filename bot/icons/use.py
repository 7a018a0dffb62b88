"""The button that puts an icon to use in a server: as an emoji, as a sticker, or as the bot's own picture there.

Pressing it opens a form. Discord hands back what was filled in with the row in its custom_id, so that the form works
after a restart too.
"""

from __future__ import annotations

import asyncio
import io
import logging
import math
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import discord

from bot.icons.asking import load_row
from bot.icons.buttons import RowButton
from bot.icons.rows import GenerationView
from bot.icons.sheets import export
from bot.models.library import ModelLibrary
from bot.talk.acknowledging import Reply, acknowledge, open_form
from bot.talk.answering import admitted, answer_error, answering, tell
from bot.talk.brakes import Burst
from bot.talk.buttons import ROW
from bot.talk.fitting import AUDIT_REASON, STICKER_DESCRIPTION, fit
from bot.talk.interaction import Interaction, home
from bot.talk.places import answer_locale
from bot.talk.refusals import Refusal
from bot.talk.texts import Texts
from bot.talk.words import base36, code, plain
from generator.seeds import Seed

log = logging.getLogger(__name__)

EMOJI_SIZE, STICKER_SIZE, AVATAR_SIZE = 128, 320, 512
"""Pixels along an edge. As PNG, even noise of these sizes stays below Discord's limits (256 KiB, 512 KiB, 10 MiB)."""

EMOJI_NAME = re.compile(r"\w{2,32}", re.ASCII)
STICKER_NAME = (2, 30)
"""Characters, at least and at most."""

STICKER_TAG = "\N{ARTIST PALETTE}"
"""The emoji that leads to a sticker when somebody types it."""

PATIENCE = 45.0
"""Seconds for Discord; it holds requests for new emojis back for up to an hour."""

NO_EMOJI_LEFT, NO_STICKER_LEFT, BAD_REQUEST = 30008, 30039, 400

AS, NAME = "as", "name"
"""The fields of the form."""

_FORM = re.compile(rf"mj:use:{ROW}")


class Use(StrEnum):
    """What becomes of the icon."""

    EMOJI = "emoji"
    STICKER = "sticker"
    AVATAR = "avatar"
    USUAL_AVATAR = "usual"
    """Not this icon: the bot's picture everywhere else."""


_LABELS = {
    Use.EMOJI: "use.as_emoji",
    Use.STICKER: "use.as_sticker",
    Use.AVATAR: "use.as_avatar",
    Use.USUAL_AVATAR: "use.usual_avatar",
}
_NEEDED = {
    Use.EMOJI: "create_expressions",
    Use.STICKER: "create_expressions",
    Use.AVATAR: "manage_guild",
    Use.USUAL_AVATAR: "manage_guild",
}
"""What a person needs. Discord asks for nothing where a bot changes its own picture, which is the server's matter."""


class UseButton(RowButton):
    """Asks what the icon shall become, and how it is called."""

    name = "use"
    reply = Reply.UPDATE

    async def act(self, interaction: Interaction) -> None:
        """Show the form, with what this person may choose."""
        _server(interaction)
        uses = [use for use, needed in _NEEDED.items() if getattr(interaction.permissions, needed)]
        if not uses:
            raise Refusal("error.user_permissions", permissions=("create_expressions",))
        interaction.client.service(Burst).take(interaction.user.id)
        row = await self.load(interaction)
        await open_form(interaction, _form(row, uses, interaction.client.texts, str(interaction.locale)))


async def answer_form(interaction: Interaction) -> None:
    """Do what a filled-in form says, and tell the person what became of it. Forms of others are left alone."""
    data: Any = interaction.data or {}
    match = _FORM.fullmatch(str(data.get("custom_id", "")))
    if match is None:
        return
    try:
        if await admitted(interaction, reply=Reply.PRIVATE):
            async with answering(interaction):
                fields = {each["component"]["custom_id"]: each["component"].get("value") for each in data["components"]}
                await _use(interaction, int(match["row"], 36), fields)
    except Exception as error:  # here they end, as those of buttons do
        await answer_error(interaction, error)


async def _use(interaction: Interaction, generation_id: int, fields: Mapping[str, str | None]) -> None:
    use = Use(fields[AS] or "")
    if not getattr(interaction.permissions, _NEEDED[use]):
        raise Refusal("error.user_permissions", permissions=(_NEEDED[use],))
    guild = _server(interaction)
    making = use in (Use.EMOJI, Use.STICKER)
    if making and not interaction.app_permissions.create_expressions:
        raise Refusal("error.use_permissions", permissions=("create_expressions",))
    await acknowledge(interaction)
    row = await load_row(interaction, generation_id)
    name = (fields.get(NAME) or "").strip() or suggest_name(row.seed)
    with _refusals():
        async with asyncio.timeout(PATIENCE):
            answer = await _ACTIONS[use](interaction, guild, row, name)
    log.info("icon %d became %s of server %d, for %d", row.id, use.value, guild.id, interaction.user.id)
    await tell(interaction, answer)


async def _make_emoji(interaction: Interaction, guild: discord.Guild, row: GenerationView, name: str) -> str:
    if not EMOJI_NAME.fullmatch(name):
        raise Refusal("error.use_emoji_name", name=code(name))
    if sum(not each.animated and not each.managed for each in await guild.fetch_emojis()) >= guild.emoji_limit:
        raise Refusal("error.use_no_emoji_left")
    ((_, picture),) = await export(interaction.client.service(ModelLibrary), row, EMOJI_SIZE)
    emoji = await guild.create_custom_emoji(name=name, image=picture, reason=_reason(interaction, row))
    return _say(interaction, "use.emoji_done", emoji=str(emoji), name=code(f":{name}:"))


async def _make_sticker(interaction: Interaction, guild: discord.Guild, row: GenerationView, name: str) -> str:
    least, most = STICKER_NAME
    if not least <= len(name) <= most:
        raise Refusal("error.use_sticker_name", name=code(name))
    if len(await guild.fetch_stickers()) >= guild.sticker_limit:
        raise Refusal("error.use_no_sticker_left")
    ((_, picture),) = await export(interaction.client.service(ModelLibrary), row, STICKER_SIZE)
    texts, locale = interaction.client.texts, answer_locale(interaction)
    about = texts.say("icon.alt", locale, seed=plain(row.seed.name), version=row.model_version)
    await guild.create_sticker(
        name=name,
        description=fit(about, STICKER_DESCRIPTION),
        emoji=STICKER_TAG,
        file=discord.File(io.BytesIO(picture), "sticker.png"),
        reason=_reason(interaction, row),
    )
    return _say(interaction, "use.sticker_done", name=code(name))


async def _wear(interaction: Interaction, guild: discord.Guild, row: GenerationView, __: str) -> str:
    ((_, picture),) = await export(interaction.client.service(ModelLibrary), row, AVATAR_SIZE)
    await guild.me.edit(avatar=picture, reason=_reason(interaction, row))
    return _say(interaction, "use.avatar_done")


async def _wear_usual(interaction: Interaction, guild: discord.Guild, row: GenerationView, _: str) -> str:
    await guild.me.edit(avatar=None, reason=_reason(interaction, row))
    return _say(interaction, "use.usual_done")


_ACTIONS: Mapping[Use, Callable[[Interaction, discord.Guild, GenerationView, str], Awaitable[str]]] = {
    Use.EMOJI: _make_emoji,
    Use.STICKER: _make_sticker,
    Use.AVATAR: _wear,
    Use.USUAL_AVATAR: _wear_usual,
}


@contextmanager
def _refusals() -> Iterator[None]:
    """Say in words what Discord says in codes, or does not say in time."""
    try:
        yield
    except TimeoutError as error:
        raise Refusal("error.use_slow") from error
    except discord.RateLimited as error:
        raise Refusal("error.use_limited", minutes=math.ceil(error.retry_after / 60)) from error
    except discord.HTTPException as error:
        if error.code == NO_EMOJI_LEFT:
            raise Refusal("error.use_no_emoji_left") from error
        if error.code == NO_STICKER_LEFT:
            raise Refusal("error.use_no_sticker_left") from error
        if error.status == BAD_REQUEST:
            raise Refusal("error.use_refused", reason=code(fit(error.text.splitlines()[-1], 200))) from error
        raise


def suggest_name(seed: Seed) -> str:
    """A name that fits emojis and stickers: the seed's letters and digits, or its number."""
    letters = (letter for letter in unicodedata.normalize("NFKD", seed.text) if not unicodedata.combining(letter))
    name = re.sub(r"[^A-Za-z0-9]+", "_", "".join(letters))[: STICKER_NAME[1]].strip("_")
    return f"icon_{seed.number}" if len(name) < STICKER_NAME[0] or name.isdecimal() else name


def _form(row: GenerationView, uses: list[Use], texts: Texts, locale: str) -> discord.ui.Modal:
    say = texts.say
    kinds = [
        discord.RadioGroupOption(label=say(_LABELS[use], locale), value=use.value, default=use is uses[0])
        for use in uses
    ]
    form = discord.ui.Modal(title=say("modal.use", locale), custom_id=f"mj:use:{base36(row.id)}")
    choice = discord.ui.RadioGroup[discord.ui.Modal](custom_id=AS, options=kinds)
    form.add_item(discord.ui.Label(text=say("modal.use_as", locale), component=choice))
    if Use.EMOJI in uses:
        typed = discord.ui.TextInput[discord.ui.Modal](
            custom_id=NAME, default=suggest_name(row.seed), required=False, max_length=32
        )
        hint = say("option.use_name", locale)
        form.add_item(discord.ui.Label(text=say("modal.use_name", locale), description=hint, component=typed))
    form.stop()  # discord.py keeps nothing of it: `answer_form` needs only what comes back
    return form


def _server(interaction: Interaction) -> discord.Guild:
    """The server, which the bot must be a member of. Raises Refusal."""
    guild = home(interaction)
    if guild is None:
        raise Refusal("error.use_server")
    return guild


def _reason(interaction: Interaction, row: GenerationView) -> str:
    """What the server's audit log says of it."""
    texts, user = interaction.client.texts, interaction.user
    reason = texts.say(
        "use.reason",
        answer_locale(interaction),
        user=f"{user} ({user.id})",
        seed=plain(row.seed.name),
        version=row.model_version,
    )
    return fit(reason, AUDIT_REASON)


def _say(interaction: Interaction, key: str, **parameters: str) -> str:
    return interaction.client.texts.say(key, str(interaction.locale), **parameters)
