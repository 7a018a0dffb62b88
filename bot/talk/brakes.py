"""Brakes on what a person asks for within seconds. They are kept in memory; quotas stand in the database."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from bot.talk.refusals import Refusal


class Burst:
    """At most `limit` answers per person in any `seconds`.

    Seconds that pass: whatever the machine's clock is set to, and under a simulated Discord, whose clock stands still.
    """

    def __init__(self, limit: int = 8, seconds: float = 20, now: Callable[[], float] = time.perf_counter) -> None:
        self.limit = limit
        self.seconds = seconds
        self._now = now
        self._taken: dict[int, deque[float]] = {}

    def take(self, user_id: int) -> None:
        """Count an answer for a person. Raises Refusal, with the seconds to wait, when there were too many."""
        now = self._now()
        self._forget(now - self.seconds)
        taken = self._taken.setdefault(user_id, deque())
        if len(taken) >= self.limit:
            raise Refusal("error.cooldown", seconds=max(1, math.ceil(taken[0] + self.seconds - now)))
        taken.append(now)

    def _forget(self, before: float) -> None:
        for user_id, taken in list(self._taken.items()):
            while taken and taken[0] <= before:
                taken.popleft()
            if not taken:
                del self._taken[user_id]


class Cooldown:
    """The pause between two answers to a person in a server, as the server wants it."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._free_at: dict[tuple[int, int], float] = {}

    def take(self, key: tuple[int, int], seconds: float) -> None:
        """Begin a pause for a (server, person). Raises Refusal, with the seconds to wait, while another one lasts."""
        now = self._now()
        self._free_at = {each: free_at for each, free_at in self._free_at.items() if free_at > now}
        if seconds <= 0:
            return
        if key in self._free_at:
            raise Refusal("error.cooldown", seconds=max(1, math.ceil(self._free_at[key] - now)))
        self._free_at[key] = now + seconds

    def forgive(self, key: tuple[int, int]) -> None:
        """End the pause: there was no answer."""
        self._free_at.pop(key, None)
