"""From what a person typed to a seed, and from seeds to latents: the same on every machine and torch version."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import torch

SEED_LIMIT = 2**63
"""Seeds are below this, so that they fit a signed 64-bit database column."""

MAX_SEED_TEXT = 100
"""Characters that a seed's text may have."""

_PARALLEL = 1e-6
"""Below this sine of their angle, two latents count as one direction."""

_FRESH_SEED_LIMIT = 2**31


@dataclass(frozen=True)
class Seed:
    """What a person typed (`text`) and the number that it stands for (`0 <= number < 2**63`)."""

    text: str
    number: int

    @classmethod
    def parse(cls, text: str) -> Seed:
        """Read a seed: a decimal integer in range is itself, any other text is 63 bits of its SHA-256.

        Raises ValueError, with a sentence, for an empty text or one of more than 100 characters.
        """
        text = text.strip()
        if not text:
            raise ValueError("A seed needs at least one character.")
        if len(text) > MAX_SEED_TEXT:
            raise ValueError(f"A seed has at most {MAX_SEED_TEXT} characters, this one has {len(text)}.")
        if text.isascii() and text.isdigit() and int(text) < SEED_LIMIT:
            return cls(text=str(int(text)), number=int(text))
        # A lone surrogate can come from a command line's bytes; it is hashed as it is.
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        return cls(text=text, number=int.from_bytes(digest[:8], "big") % SEED_LIMIT)

    @classmethod
    def random(cls) -> Seed:
        """A fresh seed, short enough to be typed again."""
        return cls.of(secrets.randbelow(_FRESH_SEED_LIMIT))

    @classmethod
    def of(cls, number: int) -> Seed:
        """The seed of a number, taken modulo 2**63."""
        number %= SEED_LIMIT
        return cls(text=str(number), number=number)

    def offset(self, steps: int) -> Seed:
        """The seed that many numbers further on; `offset(0)` is this seed with its own text."""
        return self if steps == 0 else Seed.of(self.number + steps)


def latents(numbers: Sequence[int], size: int) -> torch.Tensor:
    """Draw one standard-normal latent per seed: `(N, size)` float32 on the CPU.

    The bits come from SHAKE-256 and pass through the inverse normal distribution, because neither torch nor
    NumPy promises that its random stream stays the same across versions.
    """
    return torch.tensor([_latent(number, size) for number in numbers], dtype=torch.float32).reshape(-1, size)


def walk(start: int, end: int, size: int, steps: int) -> torch.Tensor:
    """Latents on the way from one seed to another, both ends among them: `(steps, size)` float32 on the CPU.

    Spherical interpolation (Shoemake 1985; White, "Sampling Generative Networks", section 2.1): a straight line would
    lead through latents that are too short to be like those of training. The steps are short near the ends, so that a
    walk there and back does not bounce. Raises ValueError for fewer than two steps.
    """
    if steps < 2:
        raise ValueError("A walk has at least two steps.")
    first, last = latents([start, end], size).double()
    angle = torch.arccos(torch.dot(first / first.norm(), last / last.norm()).clamp(-1, 1))
    share = (1 - torch.cos(torch.linspace(0, torch.pi, steps, dtype=torch.float64))[:, None]) / 2
    if float(torch.sin(angle)) < _PARALLEL:
        near, far = 1 - share, share
    else:
        near, far = torch.sin((1 - share) * angle) / torch.sin(angle), torch.sin(share * angle) / torch.sin(angle)
    points = torch.add(near * first, far * last)
    points[0], points[-1] = first, last  # exactly the icons of the seeds
    return points.float()


def _latent(number: int, size: int) -> list[float]:
    stream = hashlib.shake_256(b"mojigan latent 1:%d" % number).digest(8 * size)
    words = (int.from_bytes(stream[i : i + 8], "big") >> 11 for i in range(0, len(stream), 8))
    inverse = NormalDist().inv_cdf
    return [inverse((word + 0.5) / 2**53) for word in words]
