"""Trains the enlarger: parts of small icons, with a generator's faults, are to become parts of clean large ones."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save as save_tensors

from generator.enlarger import EnlargerNetwork
from generator.folders import write_file
from train.enlarger.faults import with_faults
from train.enlarger.pairs import Pairs
from train.precision import favors_bfloat16

BATCH = 8
RATE, WARM_UP = 1e-3, 0.03
"""Adam's rate at its height, and the share of the training until then; after it, half a cosine."""
EDGES = 0.5
"""Weight of the differences between neighboring pixels: they make edges sharp and planes even."""
CLIP = 0.5
"""Largest norm of the gradient."""


def train_enlarger(
    pairs: Pairs,
    *,
    minutes: float,
    device: torch.device,
    steps: int | None = None,
    seed: int = 0,
    tell: Callable[[int, float, float], None] = lambda step, share, loss: None,
) -> EnlargerNetwork:
    """Train on icons for so many minutes, or for so many steps: then it repeats exactly on one machine.

    `tell` hears of the step, the share of the training that is done, and the loss.
    """
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    network = EnlargerNetwork().to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.9, 0.99))
    started, step, share = time.monotonic(), 0, 0.0
    while share < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(share / WARM_UP, (1 + math.cos(math.pi * share)) / 2) + 1e-6
        row, column = torch.randint(2, (2,), generator=rng).tolist()
        phase = (row, column)  # a quarter of the large pixels teaches nearly as much, in half the time
        small, large = pairs.parts(BATCH, phase, rng)
        given = with_faults(small, rng).to(device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=favors_bfloat16(device)):
            drawn = network(given, phase)
        loss = distance(drawn.float(), large.to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        step += 1
        share = step / steps if steps else (time.monotonic() - started) / (60 * minutes)
        tell(step, min(share, 1.0), float(loss.detach()))
    network.cpu().eval()
    return network


def distance(drawn: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """How far `(N, 4, H, W)`, premultiplied, are from each other: as they are, which is on black, and on white.

    On black alone, an edge whose opacity reaches beyond its color costs little, and is a dark line on white.
    """
    both = (torch.cat([icons, icons[:, :3] - icons[:, 3:]], dim=1) for icons in (drawn, wanted))
    return cast("torch.Tensor", Distance.apply(*both))  # type: ignore[no-untyped-call]


class Distance(torch.autograd.Function):
    """Mean absolute difference of pixels, and of the steps between neighboring pixels, of `(N, C, H, W)`.

    The slope is computed at once: the pictures are large, and autograd would go over them three times as often.
    """

    @staticmethod
    def forward(ctx: Any, drawn: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """The distance, a scalar."""
        error = drawn - wanted
        loss, slope = error.abs().mean(), error.sign().div_(error.numel())
        for axis in (2, 3):
            step = error.diff(dim=axis)
            loss += EDGES * step.abs().mean()
            push = step.sign_().mul_(EDGES / step.numel())
            slope.narrow(axis, 1, push.shape[axis]).add_(push)
            slope.narrow(axis, 0, push.shape[axis]).sub_(push)
        ctx.save_for_backward(slope)
        return loss

    @staticmethod
    def backward(ctx: Any, weight: torch.Tensor) -> tuple[torch.Tensor, None]:
        """The slope by what was drawn."""
        return ctx.saved_tensors[0] * weight, None


def write_enlarger(network: EnlargerNetwork, path: Path) -> None:
    """Write the weights, in half precision, as a safetensors file."""
    write_file(path, save_tensors({name: value.half().contiguous() for name, value in network.state_dict().items()}))
