"""From what a person typed to a seed, and from seeds to latents: the same on every machine and torch version."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SEED_LIMIT = 2**63
"""Seeds are below this, so that they fit a signed 64-bit database column."""

MAX_SEED_TEXT = 100
"""Characters that a seed's text may have."""

LONGEST_PATH = 50
"""Steps that a seed's neighborhood can be walked into."""

NEAR_STRENGTH = 0.25
"""How far one step leads from a latent: 0 is the same one, 1 another one that has nothing to do with it."""

_PARALLEL = 1e-6
"""Below this sine of their angle, two latents count as one direction."""

_FRESH_SEED_LIMIT = 2**31


@dataclass(frozen=True)
class Near:
    """A way from a seed's latent to one near it: a digit 1 to 9 for each step, and how far each step leads."""

    path: str
    strength: float
    """0 < strength <= 1; the same for all steps."""


@dataclass(frozen=True)
class Seed:
    """What a person typed (`text`) and the number that it stands for (`0 <= number < 2**63`).

    `near` leads from there to a variation; None is the seed itself.
    """

    text: str
    number: int
    near: Near | None = None

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

    def variation(self, index: int) -> Seed:
        """One of the nine seeds nearby (1 <= index <= 9). Raises ValueError for another index, or at the path's end."""
        path, strength = (self.near.path, self.near.strength) if self.near else ("", NEAR_STRENGTH)
        if not 1 <= index <= 9:
            raise ValueError(f"There are variations 1 to 9, and no {index}.")
        if len(path) >= LONGEST_PATH:
            raise ValueError(f"A variation has at most {LONGEST_PATH} steps.")
        return replace(self, near=Near(f"{path}{index}", strength))

    @property
    def parent(self) -> Seed:
        """The seed that a variation is one of; the seed itself where it is none."""
        path = self.near.path[:-1] if self.near else ""
        return replace(self, near=Near(path, self.near.strength) if self.near and path else None)

    @property
    def name(self) -> str:
        """What the seed is called: its text, and for a variation the steps that lead to it ("blue cat ~3.1")."""
        return f"{self.text} ~{'.'.join(self.near.path)}" if self.near else self.text


def latents(seeds: Sequence[int | Seed], size: int) -> torch.Tensor:
    """Draw one standard-normal latent per seed, or per number of one: `(N, size)` float32 on the CPU.

    The bits come from SHAKE-256 and pass through the inverse normal distribution, because neither torch nor
    NumPy promises that its random stream stays the same across versions.

    A step to a variation turns the latent by `strength` quarter turns towards a latent of its own, drawn from the
    seed's number and the steps so far: the cosine and sine keep the result standard normal, however many steps follow.
    """
    import torch  # here, as who only reads and stores seeds starts without it

    rows = [_latent(each, size) if isinstance(each, int) else _latent_near(each, size) for each in seeds]
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, size)


def walk(start: int, end: int, size: int, steps: int) -> torch.Tensor:
    """Latents on the way from one seed to another, both ends among them: `(steps, size)` float32 on the CPU.

    Spherical interpolation (Shoemake 1985; White, "Sampling Generative Networks", section 2.1): a straight line would
    lead through latents that are too short to be like those of training. The steps are short near the ends, so that a
    walk there and back does not bounce. Raises ValueError for fewer than two steps.
    """
    import torch

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


def _latent_near(seed: Seed, size: int) -> list[float]:
    latent = _latent(seed.number, size)
    if seed.near is None:
        return latent
    turn = seed.near.strength * math.pi / 2
    kept, added = math.cos(turn), math.sin(turn)
    for end in range(1, len(seed.near.path) + 1):
        step = _normals(b"mojigan variation 1:%d:%s" % (seed.number, seed.near.path[:end].encode()), size)
        latent = [kept * old + added * new for old, new in zip(latent, step, strict=True)]
    return latent


def _latent(number: int, size: int) -> list[float]:
    return _normals(b"mojigan latent 1:%d" % number, size)


def _normals(source: bytes, size: int) -> list[float]:
    stream = hashlib.shake_256(source).digest(8 * size)
    words = (int.from_bytes(stream[i : i + 8], "big") >> 11 for i in range(0, len(stream), 8))
    inverse = NormalDist().inv_cdf
    return [inverse((word + 0.5) / 2**53) for word in words]
