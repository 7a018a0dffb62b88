"""What this room brings: `/help` and `/about`."""

from __future__ import annotations

from bot.guide.command import about_command, help_command
from bot.talk.feature import Feature

GUIDE = Feature(commands=[help_command, about_command])
