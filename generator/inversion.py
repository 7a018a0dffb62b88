"""Inversion: which latent of a bundle draws a picture most nearly. Best effort, deterministic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from generator.seeds import latents
from generator.studio import Studio
from generator.transparency import as_pixels

CANDIDATES = 512
"""Latents that are tried before any of them is improved."""

RESTARTS = 8
"""The best of those, improved side by side in one batch: each ends in a valley of its own."""

STEPS, RATE, DECAY_SHARE = 150, 0.05, 0.4
"""Steps of Adam, its rate, and the share of the steps, at the end, over which the rate falls."""

LONGEST = 1.2
"""Largest length of a latent, in that of a typical one: one much longer is nothing that the network has seen."""

COARSEST = 4
"""Edge of the smallest level of the loss, in pixels."""


@dataclass(frozen=True)
class Inversion:
    """The latent that was found, and how well it fits."""

    latent: torch.Tensor
    """`(D,)` float32 on the CPU, to be drawn without truncation."""
    icon: Image.Image
    distance: float
    """Root mean square difference between the pixels of the picture and of the icon: 0, the same, to 1."""
    start: float
    """That of the best latent before it was improved."""


def invert(
    studio: Studio, pixels: NDArray[np.uint8], steps: int = STEPS, progress: Callable[[int], None] = lambda _: None
) -> Inversion:
    """Find the latent whose icon is nearest to a picture, `(size, size, C)` uint8 as the bundle's icons are.

    The loss is the squared error summed over a pyramid of halved pictures: the coarse levels tell Adam where to go,
    the fine ones are the likeness itself. `progress` is told of each step; STEPS of them take 10 seconds on a core.
    """
    target = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].to(studio.device).float() / 127.5 - 1
    pyramid = _pyramid(target)
    points = latents(range(CANDIDATES), studio.bundle.config.latent_size).to(studio.device)
    with torch.no_grad():
        losses = torch.cat([_loss(studio.network(chunk), pyramid) for chunk in torch.split(points, RESTARTS)])
    points = points[losses.argsort(stable=True)[:RESTARTS]]
    first = points[0].cpu().clone()
    points.requires_grad_()
    adam = torch.optim.Adam([points], lr=RATE)
    for step in range(steps):
        adam.param_groups[0]["lr"] = RATE * min((steps - step) / (DECAY_SHARE * steps), 1.0)
        adam.zero_grad()
        _loss(studio.network(points), pyramid).sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        adam.step()
        with torch.no_grad():
            points.renorm_(2, 0, LONGEST * points.shape[1] ** 0.5)
        progress(step + 1)
    with torch.no_grad():
        best = points[_loss(studio.network(points), pyramid).argmin()].cpu()
    before, after = studio.draw_latents(torch.stack([first, best]))
    return Inversion(best, after, _distance(after, pixels), _distance(before, pixels))


def _pyramid(images: torch.Tensor) -> list[torch.Tensor]:
    """`(N, C, H, W)` at full size, half, and so on down to COARSEST."""
    levels = [images]
    while levels[-1].shape[-1] > COARSEST:
        levels.append(functional.avg_pool2d(levels[-1], 2))
    return levels


def _loss(images: torch.Tensor, target: list[torch.Tensor]) -> torch.Tensor:
    """`(N, C, H, W)` against a pyramid of one picture: `(N,)`."""
    levels = zip(_pyramid(images), target, strict=True)
    return torch.stack([(level - goal).square().mean(dim=(1, 2, 3)) for level, goal in levels]).sum(dim=0)


def _distance(icon: Image.Image, pixels: NDArray[np.uint8]) -> float:
    difference = as_pixels(icon).astype(np.float64) - pixels
    return float(np.sqrt(np.square(difference).mean())) / 255
