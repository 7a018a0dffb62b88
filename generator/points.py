"""Seeds that stand for a point of their own: found for a picture, or between two others. Their names say so."""

from __future__ import annotations

import math
import re
import secrets
import struct
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from generator.seeds import FRESH_LENGTH, FRESH_LETTERS, SEED_LIMIT, Seed, arc, latents

if TYPE_CHECKING:
    import torch

CHILDREN = 4
"""Of two seeds, at once."""

FIRST_SHARE, LAST_SHARE = 0.3, 0.7
"""Between which shares of the way from the first parent to the second children lie."""

OWN_STRENGTH = 0.25
"""How far each child turns into a direction of its own; see NEAR_STRENGTH. With less, those of one mix share their
flaws, and there is nothing to choose."""


class PointKind(StrEnum):
    """Where a point comes from: the beginning of its name."""

    MIX = "mix"
    LIKE = "like"
    MORPH = "morph"


_NAME = re.compile(f"({'|'.join(PointKind)})-[{FRESH_LETTERS}]{{{FRESH_LENGTH}}}")


def names_point(text: str) -> bool:
    """Whether a seed's text is the name of a point, which only who has made it knows."""
    return _NAME.fullmatch(text) is not None


def at(kind: PointKind, point: torch.Tensor) -> Seed:
    """A seed with a fresh name for a latent, `(D,)`."""
    name = "".join(secrets.choice(FRESH_LETTERS) for _ in range(FRESH_LENGTH))
    return replace(Seed.parse(f"{kind}-{name}"), point=tuple(point.tolist()))


def mix(first: Seed, second: Seed, size: int, count: int = CHILDREN) -> list[Seed]:
    """So many children of two seeds, from the first to the second.

    They are points between their latents, each turned a little into a direction of its own.
    """
    import torch  # here, as who only reads and stores seeds starts without it

    start, end = latents([first, second], size).double()
    own = latents([secrets.randbelow(SEED_LIMIT) for _ in range(count)], size).double()
    shares = FIRST_SHARE + (LAST_SHARE - FIRST_SHARE) * (torch.arange(count, dtype=torch.float64) + 0.5) / count
    turn = OWN_STRENGTH * math.pi / 2
    children = math.cos(turn) * arc(start, end, shares) + math.sin(turn) * own
    return [at(PointKind.MIX, child) for child in children.float()]


def between(first: Seed, second: Seed, size: int, count: int) -> list[Seed]:
    """So many points at equal distances on the way from one seed to another, without its ends."""
    import torch

    start, end = latents([first, second], size).double()
    shares = torch.arange(1, count + 1, dtype=torch.float64) / (count + 1)
    return [at(PointKind.MORPH, point) for point in arc(start, end, shares).float()]


def pack(point: tuple[float, ...]) -> bytes:
    """A point as a database keeps it: float32, little-endian."""
    return struct.pack(f"<{len(point)}f", *point)


def unpack(data: bytes) -> tuple[float, ...]:
    """The point that `pack` has packed."""
    return struct.unpack(f"<{len(data) // 4}f", data)
