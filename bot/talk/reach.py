"""What it means that Discord cannot be reached: everything that a request raises which was no success."""

from __future__ import annotations

import aiohttp
import discord

UNREACHABLE = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError)
"""It refused, it wants less of us, the connection broke, or it did not answer in time (TimeoutError is an OSError)."""
