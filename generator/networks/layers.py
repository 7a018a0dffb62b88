"""Layers that the architectures share."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn
from torch.nn import functional

MIN_ATTENTION_WIDTH = 8


def colored(values: torch.Tensor) -> torch.Tensor:
    """What a last layer gives -> icons in [-1, 1], by tanh: `(N, channels, H, W)`, both.

    Of four channels the layer gives straight colors and the opacity, and the icon is their product, premultiplied:
    across an edge the color can stay while the opacity falls, and where nothing is, no color has to be unlearned.
    """
    icons = torch.tanh(values)
    if icons.shape[1] != 4:
        return icons
    colors, opacity = icons[:, :3], icons[:, 3:]
    return torch.cat([(colors + 1) * (opacity + 1) / 2 - 1, opacity], dim=1)


class UpsamplingConv(nn.Module):
    """Nearest upsampling by two and a 3x3 convolution, as one: `(N, C, H, W) -> (N, D, 2H, 2W)`.

    The nine weights are spread over a 4x4 transposed convolution of stride 2, which costs half; unlike sixteen
    free ones, they give the four pixels of a cell the same mean weight, so that no checkerboard appears.
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        nn.init.kaiming_uniform_(self.weight.transpose(0, 1), a=5**0.5)  # as torch does for its own convolutions

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Double the resolution."""
        return functional.conv_transpose2d(x, self.kernel(), self.bias, stride=2, padding=1)

    def kernel(self) -> torch.Tensor:
        """The equivalent kernel of a transposed convolution: `(C, D, 4, 4)`."""
        taps = self.weight.permute(0, 2, 3, 1).flatten(1, 2)  # (C, 9, D): with channels last, a view
        kernel = torch.matmul(_spread(taps.device, taps.dtype), taps)
        return kernel.view(len(taps), 4, 4, -1).permute(0, 3, 1, 2)


@cache
def _spread(device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Which of the nine weights each of the sixteen is the sum of, as zeros and ones: `(16, 9)`."""
    with torch.inference_mode(mode=False):  # whoever asks first, training needs it, too
        taps = functional.pad(torch.eye(9, device=device, dtype=dtype).view(9, 3, 3), (1, 1, 1, 1))
        sums = taps[:, 1:, 1:] + taps[:, 1:, :-1] + taps[:, :-1, 1:] + taps[:, :-1, :-1]
        return sums.flatten(1).t().contiguous()


class SelfAttention(nn.Module):
    """Self-attention over positions, as in the released SAGAN code (Zhang et al. 2019, section 3).

    Queries and keys have C/8 channels (at least 8) and values C/2; keys and values are max-pooled 2x2; the
    softmax runs over the keys; the result enters through a gain that starts at zero.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = max(channels // 8, MIN_ATTENTION_WIDTH)
        value_width = max(channels // 2, width)
        self.query = nn.Conv2d(channels, width, 1, bias=False)
        self.key = nn.Conv2d(channels, width, 1, bias=False)
        self.value = nn.Conv2d(channels, value_width, 1, bias=False)
        self.out = nn.Conv2d(value_width, channels, 1, bias=False)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mix positions: `(N, C, H, W) -> (N, C, H, W)`."""
        query, key = self._query_and_key(x)
        value = _positions_first(functional.max_pool2d(self.value(x), 2))  # (N, 1, HW/4, V)
        # The fused kernel wants keys and values of one width, and never writes the (HW, HW/4) map to memory: 2.5 times
        # faster on a CPU, forwards and backwards. Zeros change no product; the released code does not scale.
        padding = (0, value.shape[-1] - query.shape[-1])
        query, key = functional.pad(query, padding), functional.pad(key, padding)
        mixed = functional.scaled_dot_product_attention(query, key, value, scale=1.0)  # (N, 1, HW, V)
        attended: torch.Tensor = self.out(mixed[:, 0].transpose(1, 2).view(x.shape[0], -1, *x.shape[2:]))
        return x + self.gain * attended

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        """How much each position takes from each pooled one: `(N, C, H, W) -> (N, H, W, H/2, W/2)`, sums of 1."""
        query, key = self._query_and_key(x)
        shares = torch.softmax(query @ key.transpose(-1, -2), dim=-1)  # (N, 1, HW, HW/4)
        height, width = x.shape[2:]
        return shares.view(len(x), height, width, height // 2, width // 2)

    def _query_and_key(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`(N, 1, HW, K)` and `(N, 1, HW/4, K)`."""
        return _positions_first(self.query(x)), _positions_first(functional.max_pool2d(self.key(x), 2))


def _positions_first(x: torch.Tensor) -> torch.Tensor:
    """`(N, C, H, W) -> (N, 1, HW, C)`: with channels last, that is how it lies in memory."""
    return x.flatten(2).transpose(1, 2)[:, None]


class QuerySoftmaxAttention(nn.Module):
    """The attention of the original mel-icon generator, kept for comparison: unpooled, softmax over queries.

    The map has (HW)^2 entries an image, which is what makes it slow at 32x32.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 8, 1)
        self.key = nn.Conv2d(channels, channels // 8, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mix positions: `(N, C, H, W) -> (N, C, H, W)`."""
        query = self.query(x).flatten(2).transpose(1, 2)
        scores = query @ self.key(x).flatten(2)
        mixed: torch.Tensor = self.value(x).flatten(2) @ scores.softmax(dim=-2).transpose(1, 2)
        return x + self.gain * mixed.reshape(x.shape)


class SkipExcitation(nn.Module):
    """Skip-layer excitation (Liu et al. 2021, section 3.1): a coarse map gates the channels of a finer one."""

    def __init__(self, low_channels: int, high_channels: int, low_resolution: int = 4) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(low_channels, high_channels, low_resolution)
        self.excite = nn.Conv2d(high_channels, high_channels, 1)

    def forward(self, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        """Gate `high` `(N, C, H, W)` by `low`, a map of the low resolution: `(N, C, H, W)`."""
        gate = functional.leaky_relu(self.squeeze(low), 0.1)
        return high * torch.sigmoid(self.excite(gate))
