"""Trains the encoder on icons alone, to find copies: two changed versions of an icon have to find each other.

As SSCD does it (Pizzi et al. 2022): InfoNCE between the versions, and a term that spreads the features (KoLeo,
Sablayrolles et al. 2019).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save as save_tensors
from torch.nn import functional

from generator.encoder import EncoderNetwork, to_input
from generator.folders import write_file

BATCH = 96
RATE, WEIGHT_DECAY, WARM_UP = 2e-3, 1e-4, 0.05
TEMPERATURE, SPREAD = 0.1, 0.5
SMALL_EDGE, SMALL_UNTIL = 40, 0.55
"""Pixels along the edge of the pictures, and the share of the training, that the first, cheaper part takes."""
COMPOSED = 0.5
"""Share of a batch that is composed of two icons: there are more pictures in the world than icons in a set."""
MIRRORED, CUT, BLURRED = 0.3, 0.3, 0.3
ZOOM, SHIFT, TURN = 0.3, 0.16, 0.15
"""Bounds of the changes in shape: zoom as a logarithm, shift as a share of the edge, angle in radians."""


def train_encoder(
    icons: NDArray[np.uint8],
    *,
    minutes: float,
    seed: int = 0,
    steps: int | None = None,
    tell: Callable[[int, float, float], None] = lambda step, share, loss: None,
) -> EncoderNetwork:
    """Train on icons `(N, size, size, 3)` uint8 for so many minutes, or for so many steps: then it repeats exactly.

    `tell` hears of the step, the share of the training that is done, and the loss.
    """
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    images = to_input(torch.from_numpy(icons))
    smaller = functional.interpolate(images, (SMALL_EDGE, SMALL_EDGE), mode="bilinear", antialias=True)
    network = EncoderNetwork().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY, fused=True)
    started, step, share = time.monotonic(), 0, 0.0
    while share < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(share / WARM_UP, (1 + math.cos(math.pi * share)) / 2) + 1e-6
        pictures = _pictures(smaller if share < SMALL_UNTIL else images, rng)
        features = network(torch.cat([change(pictures, rng), change(pictures, rng)]))
        loss = _loss(features)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
        share = step / steps if steps else (time.monotonic() - started) / (60 * minutes)
        tell(step, min(share, 1.0), float(loss.detach()))
    return network.eval()


def write_encoder(network: EncoderNetwork, path: Path) -> None:
    """Write the weights as a safetensors file."""
    tensors = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    write_file(path, save_tensors(tensors))


def _loss(features: torch.Tensor) -> torch.Tensor:
    """InfoNCE over both versions `(2 N, D)`, and the spread of each to its nearest other picture."""
    count = len(features) // 2
    similarity = features @ features.T
    myself = torch.eye(2 * count, dtype=torch.bool)
    partner = torch.arange(2 * count).roll(count)
    contrast = functional.cross_entropy((similarity / TEMPERATURE).masked_fill(myself, -torch.inf), partner)
    others = similarity.masked_fill(myself | myself.roll(count, dims=1), -1)
    nearest = (2 - 2 * others.amax(dim=1)).clamp_min(1e-8).sqrt()
    return contrast - SPREAD * nearest.log().mean()


def _pictures(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """A batch of different icons, a part of them with another icon drawn into them: `(BATCH, 3, 64, 64)`."""
    chosen = images[torch.randperm(len(images), generator=rng)[:BATCH]]
    drawn = round(COMPOSED * len(chosen))
    smaller = images[torch.randint(len(images), (drawn,), generator=rng)]
    inverse = _between(1.3, 2.5, drawn, rng)  # 1 / scale
    matrix = torch.zeros(drawn, 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = inverse
    matrix[:, :, 2] = _between(-1, 1, 2 * drawn, rng).view(drawn, 2) * (inverse[:, None] - 1)
    grid = functional.affine_grid(matrix, list(smaller.shape), align_corners=False)
    inside = (grid.abs() <= 1).all(dim=3)[:, None]
    inset = functional.grid_sample(smaller, grid, padding_mode="border", align_corners=False)
    dark = torch.rand((drawn, 1, 1, 1), generator=rng) < 0.5  # drawn over it as with a pen, or cut in
    over = torch.where(dark, (chosen[:drawn] + 1) * (inset + 1) / 2 - 1, inset)
    return torch.cat([torch.where(inside, over, chosen[:drawn]), chosen[drawn:]])


def change(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Change images `(N, 3, 64, 64)` in [-1, 1] in ways that leave a copy a copy, each in its own way."""
    moved = _move(images, rng)
    colored = _recolor(moved, rng)
    soft = functional.avg_pool2d(functional.pad(colored, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    blurred = torch.where(_chance(BLURRED, len(images), rng), soft, colored)
    noise = torch.randn(images.shape, generator=rng) * _between(0, 0.08, len(images), rng).view(-1, 1, 1, 1)
    return _cut(blurred + noise, rng).clamp(-1, 1)


def _move(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Zoom, turn, mirror and shift; edge pixels fill what this uncovers."""
    n = len(images)
    scale = torch.exp(_between(-ZOOM, ZOOM, n, rng))
    angle = _between(-TURN, TURN, n, rng)
    mirror = 1 - 2 * _chance(MIRRORED, n, rng).view(n).float()
    squeeze = torch.exp(_between(-0.1, 0.1, n, rng))
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    shift = _between(-2 * SHIFT, 2 * SHIFT, 2 * n, rng).view(n, 2)
    rows = [mirror * cosine * squeeze, -sine, shift[:, 0], mirror * sine * squeeze, cosine, shift[:, 1]]
    grid = functional.affine_grid(torch.stack(rows, dim=1).view(n, 2, 3), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _recolor(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Hue, saturation, order of the channels, gamma, contrast and brightness; half of the images keep their hue."""
    n = len(images)
    turned = _chance(0.7, n, rng).view(n).float()
    angle = _between(-math.pi, math.pi, n, rng) * turned
    saturation = torch.exp(_between(-0.7, 0.4, n, rng))
    # A turn around the grey axis (Rodrigues' formula), times the saturation; grey stays grey.
    axis = torch.full((3, 3), 1 / 3)
    skew = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    turn = (torch.eye(3) - axis) * angle.cos().view(n, 1, 1) + skew * angle.sin().view(n, 1, 1)
    colored = torch.einsum("nij,njhw->nihw", turn * saturation.view(n, 1, 1) + axis, images).clamp(-1, 1)
    order = torch.rand((n, 3), generator=rng).argsort(dim=1)
    swapped = colored.gather(1, order.view(n, 3, 1, 1).expand_as(colored))
    colored = torch.where(_chance(0.3, n, rng), swapped, colored)
    gamma = torch.exp(_between(-0.6, 0.6, n, rng)).view(n, 1, 1, 1)
    curved = ((colored + 1) / 2).clamp_min(1e-4).pow(gamma) * 2 - 1
    contrast = _between(0.6, 1.1, n, rng).view(n, 1, 1, 1)
    lifted = curved * contrast + _between(-1, 1, n, rng).view(n, 1, 1, 1) * (1 - contrast).clamp_min(0.05)
    return torch.where(_chance(0.5, n, rng), lifted, curved).clamp(-1, 1)


def _cut(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Put a box of one color on some images: up to 40 % of the edge."""
    n, size = len(images), images.shape[-1]
    color = _between(-1, 1, 3 * n, rng).view(n, 3, 1, 1)
    center = _between(0, size, 2 * n, rng).view(n, 2, 1)
    reach = _between(0.05 * size, 0.2 * size, 2 * n, rng).view(n, 2, 1)
    inside = (torch.arange(size) - center).abs() <= reach  # (N, 2, size)
    box = inside[:, 0, :, None] & inside[:, 1, None, :]
    return torch.where(box[:, None] & _chance(CUT, n, rng), color, images)


def _between(low: float, high: float, count: int, rng: torch.Generator) -> torch.Tensor:
    return low + (high - low) * torch.rand(count, generator=rng)


def _chance(share: float, count: int, rng: torch.Generator) -> torch.Tensor:
    """True with this probability: `(N, 1, 1, 1)`."""
    return torch.rand((count, 1, 1, 1), generator=rng) < share
