"""What commands and buttons about icons begin with: who asks where, which seed was typed, which rows are meant."""

from __future__ import annotations

from bot.icons.rows import GenerationGoneError, GenerationView, Origin
from bot.icons.service import IconService
from bot.talk.acknowledging import acknowledge
from bot.talk.guard import Guard
from bot.talk.interaction import Interaction
from bot.talk.places import check_place, is_private
from bot.talk.refusals import Refusal
from bot.talk.words import code
from generator.points import names_point
from generator.seeds import MAX_SEED_TEXT, Seed


def origin(interaction: Interaction) -> Origin:
    """Where somebody asked for something, for the database."""
    return Origin(interaction.guild_id, interaction.channel_id, interaction.user.id)


def read_seed(text: str) -> Seed:
    """Read what a person typed. Raises Refusal for an empty text or one that is too long."""
    length = len(text.strip())
    if not length:
        raise Refusal("error.seed_empty")
    try:
        return Seed.parse(text)
    except ValueError as error:
        raise Refusal("error.seed_long", limit=MAX_SEED_TEXT, length=length) from error


async def find_seed(interaction: Interaction, text: str) -> Seed:
    """Read what a person typed, also the name of a point that was found or mixed here. Raises Refusal."""
    seed = read_seed(text)
    if not names_point(seed.text):
        return seed
    found = await interaction.client.service(IconService).find_point(seed)
    if found is None:
        raise Refusal("error.point_unknown", seed=code(seed.text))
    return found


async def load_row(interaction: Interaction, generation_id: int) -> GenerationView:
    """A row that an item names. Raises GenerationGoneError."""
    row = await interaction.client.service(IconService).load(generation_id)
    if row is None:
        raise GenerationGoneError(f"there is no generation {generation_id}")
    return row


async def find_rows(interaction: Interaction, message_id: int) -> list[GenerationView]:
    """The icons in a message of this server, or of this conversation; never of another one."""
    return await interaction.client.service(IconService).find(
        message_id, guild_id=interaction.guild_id, channel_id=interaction.channel_id
    )


async def begin(interaction: Interaction, icons: int = 1) -> bool:
    """Announce icons in answer to a button: for the person alone (True) where the button's message is so, too.

    Raises Refusal where the bot may not post, or for somebody who presses too fast or has used up the hour's icons.
    """
    private = is_private(interaction)
    await announce(interaction, icons, private=private)
    return private


async def announce(interaction: Interaction, icons: int = 1, *, private: bool) -> None:
    """Announce an answer that draws `icons` (0: it shows icons that exist), once they are counted.

    Raises Refusal and QuotaError.
    """
    if not private:
        check_place(interaction)
    await interaction.client.service(Guard).take(interaction, icons)
    await acknowledge(interaction)
