"""From what a person typed to a seed, and from seeds to latents: the same on every machine and torch version."""

from __future__ import annotations

import hashlib
import math
import re
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

MOST_VARIATIONS = 54
"""Variations of a seed, and of each of them."""

MAX_TYPED = MAX_SEED_TEXT + len(" ~") + 3 * LONGEST_PATH
"""Characters that a seed's name may have: its text, and the steps to a variation."""

NEAR_STRENGTH = 0.25
"""How far one step leads from a latent: 0 is the same one, 1 another one that has nothing to do with it."""

_PARALLEL = 1e-6
"""Below this sine of their angle, two latents count as one direction."""

FRESH_LETTERS, FRESH_LENGTH = "23456789bcdfghjkmnpqrstvwxz", 6
"""Of what a fresh seed is made: nothing that is taken for something else, and no vowels, which would make words."""

_STEPS = "123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""How the number of a variation stands in a path: one character for each step."""

_VARIATION = re.compile(r"(?P<base>.*\S)\s+~\s*(?P<steps>\d{1,2}(?:\.\d{1,2})*)", re.DOTALL | re.ASCII)
_LATER = re.compile(r"(?P<base>.*\S)\s+\+(?P<steps>[1-9]\d?)", re.DOTALL | re.ASCII)


@dataclass(frozen=True)
class Near:
    """A way from a seed's latent to one near it: a character for each step (1 to 9, then a, b, ...), and its length."""

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
    point: tuple[float, ...] | None = None
    """The latent itself, where it is not drawn from the number (generator/points.py)."""

    @classmethod
    def parse(cls, text: str) -> Seed:
        """Read what a seed is called. A decimal integer in range is itself, any other text is 63 bits of its SHA-256.

        "42 ~3" is the third variation of 42, "42 ~3.1" the first one of that; "cat +2" is the second seed after "cat".
        Raises ValueError, with a sentence, for an empty text or one of more than 100 characters.
        """
        text = text.strip()
        match = _VARIATION.fullmatch(text)
        path = _read_steps(match["steps"]) if match else None
        if match and path:
            return replace(cls._read(match["base"]), near=Near(path, NEAR_STRENGTH))
        return cls._read(text)

    @classmethod
    def _read(cls, text: str) -> Seed:
        if not text:
            raise ValueError("A seed needs at least one character.")
        if len(text) > MAX_SEED_TEXT:
            raise ValueError(f"A seed has at most {MAX_SEED_TEXT} characters, this one has {len(text)}.")
        if text.isascii() and text.isdigit() and int(text) < SEED_LIMIT:
            return cls.of(int(text))
        match = _LATER.fullmatch(text)
        if match:
            return cls._read(match["base"]).offset(int(match["steps"]))
        # A lone surrogate can come from a command line's bytes; it is hashed as it is.
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        return cls(text=text, number=int.from_bytes(digest[:8], "big") % SEED_LIMIT)

    @classmethod
    def random(cls) -> Seed:
        """A fresh seed, short enough to be typed again."""
        return cls.parse("".join(secrets.choice(FRESH_LETTERS) for _ in range(FRESH_LENGTH)))

    @classmethod
    def of(cls, number: int) -> Seed:
        """The seed of a number, taken modulo 2**63."""
        number %= SEED_LIMIT
        return cls(text=str(number), number=number)

    def offset(self, steps: int) -> Seed:
        """The seed that many numbers further on, of a variation the one further on; `offset(0)` is this seed itself.

        It is called by its number where that was typed, otherwise by the text ("cat +2").
        """
        if steps == 0:
            return self
        if self.point is not None and self.near is None:
            return self.variation(steps)
        if self.near is not None:
            last = _STEPS.index(self.near.path[-1])
            return self.parent.variation((last + steps) % MOST_VARIATIONS + 1)
        number = (self.number + steps) % SEED_LIMIT
        match = _LATER.fullmatch(self.text)
        base, before = (match["base"], int(match["steps"])) if match else (self.text, 0)
        text = f"{base} +{before + steps}"
        if self.text == str(self.number) or len(text) > MAX_SEED_TEXT or before + steps > 99:
            return Seed.of(number)
        return Seed(text, number)

    def variation(self, index: int) -> Seed:
        """One of the seeds nearby (1 <= index <= MOST_VARIATIONS).

        Raises ValueError for another index, or at the path's end.
        """
        path, strength = (self.near.path, self.near.strength) if self.near else ("", NEAR_STRENGTH)
        if not 1 <= index <= MOST_VARIATIONS:
            raise ValueError(f"There are variations 1 to {MOST_VARIATIONS}, and no {index}.")
        if len(path) >= LONGEST_PATH:
            raise ValueError(f"A variation has at most {LONGEST_PATH} steps.")
        return replace(self, near=Near(f"{path}{_STEPS[index - 1]}", strength))

    @property
    def index(self) -> int:
        """Which variation of its parent it is, from 1 on; 0 for none."""
        return _STEPS.index(self.near.path[-1]) + 1 if self.near else 0

    @property
    def parent(self) -> Seed:
        """The seed that a variation is one of; the seed itself where it is none."""
        path = self.near.path[:-1] if self.near else ""
        return replace(self, near=Near(path, self.near.strength) if self.near and path else None)

    @property
    def name(self) -> str:
        """What the seed is called; typed, it gives this seed ("blue cat ~3.1").

        That is its text, or its number where the text is read as something else by now.
        """
        base = self.text if self._is_read_back() else str(self.number)
        return f"{base} ~{self._steps}" if self.near else base

    @property
    def stem(self) -> str:
        """The same by its number, for the name of a file ("42-v3.1")."""
        return f"{self.number}-v{self._steps}" if self.near else str(self.number)

    @property
    def _steps(self) -> str:
        return ".".join(str(_STEPS.index(step) + 1) for step in self.near.path) if self.near else ""

    def _is_read_back(self) -> bool:
        try:
            return replace(Seed.parse(self.text), text=self.text) == replace(self, near=None, point=None)
        except ValueError:
            return False


def _read_steps(steps: str) -> str | None:
    """The path of "12.3"; None where it is none."""
    numbers = [int(step) for step in steps.split(".")]
    if len(numbers) > LONGEST_PATH or not all(1 <= number <= MOST_VARIATIONS for number in numbers):
        return None
    return "".join(_STEPS[number - 1] for number in numbers)


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


def walk(start: int | Seed, end: int | Seed, size: int, steps: int) -> torch.Tensor:
    """Latents on the way from one seed to another, both ends among them: `(steps, size)` float32 on the CPU.

    Spherical interpolation (Shoemake 1985; White, "Sampling Generative Networks", section 2.1): a straight line would
    lead through latents that are too short to be like those of training. The steps are short near the ends, so that a
    walk there and back does not bounce. Raises ValueError for fewer than two steps.
    """
    import torch

    if steps < 2:
        raise ValueError("A walk has at least two steps.")
    first, last = latents([start, end], size).double()
    share = (1 - torch.cos(torch.linspace(0, torch.pi, steps, dtype=torch.float64))) / 2
    points = arc(first, last, share)
    points[0], points[-1] = first, last  # exactly the icons of the seeds
    return points.float()


def arc(first: torch.Tensor, last: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Points `(N, D)` at these shares `(N,)` of the way from one latent `(D,)` to another, all of them float64."""
    angle = (first / first.norm()).dot(last / last.norm()).clamp(-1, 1).arccos()
    near, far = 1 - share, share
    if float(angle.sin()) >= _PARALLEL:
        near, far = (near * angle).sin() / angle.sin(), (far * angle).sin() / angle.sin()
    return near[:, None] * first + far[:, None] * last


def _latent_near(seed: Seed, size: int) -> list[float]:
    latent = _latent(seed.number, size) if seed.point is None else list(seed.point)
    if len(latent) != size:
        raise ValueError(f"{seed.name} is a point of {len(latent)} dimensions, not {size}.")
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
