"""Discord as the board of retrainings: a card in a channel, edited as the job goes on, also long after the command."""

from __future__ import annotations

import logging

import discord

from bot.retraining.card import retrain_card
from bot.retraining.desk import JobStatus, NoPlaceError
from bot.retraining.service import RetrainService
from bot.services import Companion
from bot.talk.answering import UNKNOWN_MESSAGE
from bot.talk.interaction import Bot
from bot.talk.reach import UNREACHABLE

log = logging.getLogger(__name__)

TOO_MANY_EDITS = 30046
"""Discord's code for one more edit of a message that is older than an hour."""


class DiscordBoard(Companion):
    """Edits by the ids of channel and message: an interaction's token would be void after 15 minutes."""

    def __init__(self, client: Bot) -> None:
        self._client = client

    def start(self) -> None:
        """Show the jobs from now on."""
        self._client.service(RetrainService).attach(self)

    async def show(self, status: JobStatus) -> int | None:
        """Edit the card; post it again where Discord takes no more edits, or it was deleted. See `Board`."""
        job, client = status.job, self._client
        view, files = retrain_card(status, client.texts, job.order.locale, client.services.clock())
        channel = client.get_partial_messageable(job.order.channel_id, guild_id=job.order.guild_id)
        try:
            if job.message_id is not None:
                try:
                    await channel.get_partial_message(job.message_id).edit(view=view, attachments=files)
                except discord.HTTPException as error:
                    if error.code not in (UNKNOWN_MESSAGE, TOO_MANY_EDITS):
                        raise
                    log.info("the card of retraining %d is posted again: %s", job.id, error)
                    view, files = retrain_card(status, client.texts, job.order.locale, client.services.clock())
                else:
                    return job.message_id
            message: discord.Message = await channel.send(view=view, files=files)
        except (discord.Forbidden, discord.NotFound) as error:
            log.warning("the card of retraining %d has no place any more: %s", job.id, error)
            raise NoPlaceError from error
        except UNREACHABLE as error:
            log.warning("the card of retraining %d cannot be shown: %s", job.id, error)
            return None
        return message.id
