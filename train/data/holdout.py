"""Which icons training never sees: a share of every set, chosen by the icons' own content, on which it is judged."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

HELD_OUT_SHARE = 0.1
HELD_OUT_MINIMUM, FROM_ICONS = 20, 200
"""A set of FROM_ICONS icons or more holds out at least so many."""
HELD_OUT_FEWEST = 2
"""What the smallest set holds out: one icon alone has no distances."""


def split(icons: NDArray[np.uint8], share: float = HELD_OUT_SHARE) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Part icons `(N, size, size, C)` uint8 in those to train on and those held out: two ascending arrays of indices.

    Held out are the icons whose SHA-256 is smallest: the same ones in any order of the set, and few others when icons
    are added. `share`, 0 to 0.5, is of N; 0 holds out nothing.
    """
    count = _count(len(icons), share)
    order = sorted(range(len(icons)), key=digests(icons).__getitem__)
    held_out = np.array(sorted(order[:count]), np.intp)
    training = np.array(sorted(order[count:]), np.intp)
    return training, held_out


def digests(icons: NDArray[np.uint8]) -> list[bytes]:
    """The SHA-256 of each icon's pixels."""
    return [hashlib.sha256(np.ascontiguousarray(icon).data).digest() for icon in icons]


def _count(icons: int, share: float) -> int:
    if not share:
        return 0
    fewest = HELD_OUT_MINIMUM if icons >= FROM_ICONS else HELD_OUT_FEWEST
    return max(round(icons * share), fewest)
