"""EfficientNet-Lite0 (Tan and Le 2019) without its classifier, frozen: what it sees at strides 4, 8, 16 and 32.

Its weights lie beside this file (see LICENSE there), with the batch norms folded into the convolutions.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

WEIGHTS = Path(__file__).with_name("efficientnet-lite0.safetensors")
CHANNELS = (24, 40, 112, 320)
"""Feature channels of the levels, at strides 4, 8, 16 and 32."""
SHIFT, SCALE = 0.5 / 128, 127.5 / 128
"""From [-1, 1] to what the network was trained on: (value of a byte - 127) / 128."""


class _Block(NamedTuple):
    """An inverted bottleneck (Sandler et al. 2018); one without skip changes its stride or its channels."""

    kernel: int
    stride: int
    skip: bool


_STAGES = (
    # kernel, stride of the first block, blocks: the levels end with the stages of these numbers
    (3, 1, 1),
    (3, 2, 2),
    (5, 2, 2),
    (3, 2, 3),
    (5, 1, 3),
    (5, 2, 4),
    (3, 1, 1),
)
_LEVEL_ENDS = (1, 2, 4, 6)
"""The stage with which each level ends."""


class NaturalFeatures(nn.Module):
    """Pictures `(N, 3, H, W)` in [-1, 1], edges multiples of 32 -> features of each level, finest first."""

    def __init__(self, levels: int = len(CHANNELS)) -> None:
        """`levels`: how many are computed, from the finest on. The weights are no part of the state dict."""
        super().__init__()
        self._blocks: list[list[_Block]] = [[]]
        for stage, (kernel, stride, count) in enumerate(_STAGES[: _LEVEL_ENDS[levels - 1] + 1]):
            self._blocks[-1] += [_Block(kernel, 1 if number else stride, number > 0) for number in range(count)]
            if stage in _LEVEL_ENDS[: levels - 1]:
                self._blocks.append([])
        needed = sum(len(blocks) for blocks in self._blocks)
        for name, value in _weights().items():
            number = int(name.split(".")[1]) if name.startswith("blocks.") else -1
            if number < needed:
                self.register_buffer(name.replace(".", "_"), _laid_out(value), persistent=False)

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """Features `(N, CHANNELS[level], H / stride, W / stride)` in float32, one tensor a level."""
        x = functional.relu6(self._conv(pictures * SCALE + SHIFT, "stem", stride=2))
        levels, number = [], 0
        for blocks in self._blocks:
            for block in blocks:
                x = self._bottleneck(x, block, f"blocks_{number}")
                number += 1
            levels.append(x)
        return levels

    def _bottleneck(self, x: torch.Tensor, block: _Block, name: str) -> torch.Tensor:
        hidden = functional.relu6(self._conv(x, f"{name}_expand")) if f"{name}_expand_weight" in self._buffers else x
        hidden = functional.relu6(self._conv(hidden, f"{name}_depthwise", block.stride, groups=hidden.shape[1]))
        projected = self._conv(hidden, f"{name}_project")
        return projected + x if block.skip else projected

    def _conv(self, x: torch.Tensor, name: str, stride: int = 1, groups: int = 1) -> torch.Tensor:
        weight, bias = self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")
        padding = (weight.shape[-1] - 1) // 2
        if stride == 2:  # TensorFlow's "same" leaves the odd pixel on the right and below
            before = (weight.shape[-1] - 2) // 2
            x, padding = functional.pad(x, (before, before + 1, before, before + 1)), 0
        return functional.conv2d(x, weight, bias, stride, padding, groups=groups)


@cache
def _weights() -> dict[str, torch.Tensor]:
    return {name: value.float() for name, value in load_file(WEIGHTS).items()}


def _laid_out(value: torch.Tensor) -> torch.Tensor:
    return value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value
