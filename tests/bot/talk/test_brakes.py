"""The brakes on what a person asks for within seconds."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bot.talk.brakes import Burst, Cooldown
from bot.talk.refusals import Refusal


@pytest.mark.parametrize("brake", [Burst(), Cooldown()])
def test_a_clock_that_is_set_back_shuts_nobody_out(brake: Burst | Cooldown) -> None:
    name: Any = brake._now.__name__
    assert time.get_clock_info(name).monotonic


def test_a_burst_is_eight_answers_in_any_twenty_seconds() -> None:
    now = 0.0
    burst = Burst(now=lambda: now)
    for _ in range(4):
        burst.take(1)
    now = 7.5
    for _ in range(4):
        burst.take(1)
    with pytest.raises(Refusal) as refusal:
        burst.take(1)
    assert refusal.value.parameters == {"seconds": 13}
    now = 20
    for _ in range(4):  # as many as were given at once, twenty seconds ago
        burst.take(1)
    with pytest.raises(Refusal) as refusal:
        burst.take(1)
    assert refusal.value.parameters == {"seconds": 8}


def test_a_pause_ends() -> None:
    now = 0.0
    pause = Cooldown(lambda: now)
    pause.take((1, 2), 10)
    pause.take((1, 3), 10)
    now = 7.5
    with pytest.raises(Refusal) as refusal:
        pause.take((1, 2), 10)
    assert refusal.value.parameters == {"seconds": 3}
    now = 9.5
    with pytest.raises(Refusal) as refusal:
        pause.take((1, 2), 10)
    assert refusal.value.parameters == {"seconds": 1}
    now = 10
    pause.take((1, 2), 10)
    pause.take((1, 3), 10)
    pause.forgive((1, 2))
    pause.take((1, 2), 10)
    pause.take((1, 2), 0)
    with pytest.raises(Refusal):  # only one of them was forgiven
        pause.take((1, 3), 10)


def test_who_has_waited_is_forgotten() -> None:
    """Else the memory grows by everybody who was ever there."""
    now = 0.0
    burst, pause = Burst(1, 20, lambda: now), Cooldown(lambda: now)
    for person in (1, 2):
        burst.take(person)
        pause.take((9, person), 20)
        now += 20
    assert (set(burst._taken), set(pause._free_at)) == ({2}, {(9, 2)})
