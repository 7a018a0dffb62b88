"""What lives as long as the process: settings, database, clock, figures, and the services, each found by its class."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Self, TypeVar

from bot.db.session import Database
from bot.metrics import Metrics
from bot.settings import Settings

S = TypeVar("S")


class Services:
    """Built once, feature by feature: a service finds those that were built before it."""

    def __init__(
        self, settings: Settings, database: Database, clock: Callable[[], datetime], metrics: Metrics | None = None
    ) -> None:
        self.settings = settings
        self.database = database
        self.clock = clock
        self.metrics = metrics or Metrics()
        self._found: dict[type[object], object] = {}

    def add(self, service: S) -> S:
        """Keep a service under its class, in the place of an earlier one."""
        self._found[type(service)] = service
        return service

    def get(self, kind: type[S]) -> S:
        """The service of a class. Raises LookupError when no feature brings one."""
        found = self._found.get(kind)
        if not isinstance(found, kind):
            raise LookupError(f"No feature brings a {kind.__name__}; bot/features.py lists the features.")
        return found

    def fork(self) -> Self:
        """The same services, for a login that adds its own to them."""
        other = copy.copy(self)
        other._found = dict(self._found)
        return other


class Companion:
    """What goes along with a login to Discord, and hears of it. Here, nothing comes of that."""

    def start(self) -> None:
        """The login stands, the connection does not yet."""

    async def ready(self, guilds: Collection[int]) -> None:
        """Connected, maybe once more; `guilds` are the servers that the bot is a member of."""

    async def joined(self, guild_id: int) -> None:
        """The bot was added to a server, maybe once more."""

    async def left(self, guild_id: int) -> None:
        """The bot was removed from a server, or the server was deleted."""

    async def stop(self, seconds: float) -> None:
        """Begin nothing new, and give what is in hand that long. It may come twice."""
