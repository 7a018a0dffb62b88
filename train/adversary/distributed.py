"""What the processes of one training share, so that N of them compute what one would with a batch N times as large.

Every process draws the random numbers of the whole batch and takes its share; what looks across the batch is averaged
over all of them, forwards and backwards. Without `torchrun` there is one process, and nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import distributed, nn


class ProcessLostError(Exception):
    """Another process of the training is gone: one sentence."""


def size() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def is_first() -> bool:
    """Whether this is the process that keeps what only one needs; without others, it is."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def share(
    draw: Callable[..., torch.Tensor], shape: Sequence[int], generator: torch.Generator, dim: int = 0
) -> torch.Tensor:
    """Random numbers of a shape whose dimension `dim` is the batch: this process's part of those for all processes.

    `draw`: one of torch's random functions, whose generators stand at the same place in every process.
    """
    whole = [length * size() if place == dim else length for place, length in enumerate(shape)]
    numbers = draw(whole, generator=generator, device=generator.device)
    return numbers.chunk(size(), dim)[distributed.get_rank()] if size() > 1 else numbers


def average(values: torch.Tensor) -> torch.Tensor:
    """The mean over all processes, as often differentiable as one likes; the shape stays."""
    return values if size() == 1 else _Average.apply(values)  # type: ignore[no-untyped-call]  # torch


def average_gradients(gradients: Sequence[torch.Tensor]) -> None:
    """Replace gradients by their means over all processes, in one message."""
    if size() == 1:
        return
    means = _mean(torch.cat([gradient.reshape(-1) for gradient in gradients]))
    parts: Sequence[torch.Tensor] = torch.split(means, [gradient.numel() for gradient in gradients])
    for gradient, mean in zip(gradients, parts, strict=True):
        gradient.copy_(mean.view(gradient.shape))


def synchronize(network: nn.Module) -> nn.Module:
    """Let a network's batch norms see the batches of all processes, in place; torch's own way knows GPUs only."""
    for module in network.modules() if size() > 1 else ():
        if isinstance(module, nn.BatchNorm2d):
            module.__class__ = _SynchronizedBatchNorm  # the same parameters and buffers under another forward
    return network


def communicate(call: Callable[..., Any], *arguments: Any) -> None:
    """Make one call of torch.distributed. Raises ProcessLostError when there is nobody at the other end."""
    try:
        call(*arguments)
    except RuntimeError as error:
        raise ProcessLostError(
            "Another process of this training has ended; go on from the last saved state with --resume."
        ) from error


def _mean(values: torch.Tensor) -> torch.Tensor:
    total = values.clone(memory_format=torch.contiguous_format)
    communicate(distributed.all_reduce, total)
    return total.div_(size())


class _Average(torch.autograd.Function):
    """Each process adds its own loss, so the gradient is the mean of all processes' gradients, too."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return _mean(values)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return average(gradients[0])


class _SynchronizedBatchNorm(nn.BatchNorm2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize `(N, C, H, W)` by the statistics of all processes' batches."""
        if not self.training:
            return super().forward(x)
        values = x.float()
        mean = average(values.mean(dim=(0, 2, 3)))
        centered = values - mean[:, None, None]
        variance = average(centered.square().mean(dim=(0, 2, 3)))
        with torch.no_grad():
            count = size() * x.numel() / len(mean)
            for running, value in ((self.running_mean, mean), (self.running_var, variance * (count / (count - 1)))):
                if running is not None and self.momentum is not None:
                    running.lerp_(value, self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centered * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)
