"""The one wall clock of the bot. Whatever needs the time is handed this function; nothing else asks the machine."""

from __future__ import annotations

from datetime import datetime

import discord


def clock() -> datetime:
    """The present instant, UTC with zone.

    Taken from discord.py, so that under a simulated Discord the bot and its messages live in the same time.
    """
    return discord.utils.utcnow()
