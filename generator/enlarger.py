"""The enlarger: a small network that draws an icon eight times as large, its edges clean and its specks gone.

`python -m train enlarger` trains it; the weights ship with the project. Features at the icon's own size, then sub-pixel
convolutions (Shi et al. 2016), added to bilinear interpolation. What is of one color around a pixel stays exactly so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import nn
from torch.nn import functional

from generator.transparency import RINGING, as_pixels, in_color

SHIPPED_ENLARGER = Path(__file__).parent / "enlarger.safetensors"

SCALE = 8
"""Pixels of the large icon for each of the small one, along an edge."""
CHANNELS, BLOCKS, FINE_CHANNELS = 64, 4, 16
"""Features at the icon's size, residual blocks there, and features at twice that size."""
SLOPE = 0.1
"""Of the leaky ReLU: of features that are only ever below zero, half of the network can die in its first steps."""
PLAIN = 20
"""Edge of an icon of one color, in pixels: for smaller ones, torch takes another way on one thread than on two."""
LARGEST = 128
"""Pixels along the edge of an icon that is worth the work: larger ones are sharp enough."""


class EnlargerError(Exception):
    """An enlarger file that cannot be used: one sentence."""


class EnlargerNetwork(nn.Module):
    """Premultiplied RGBA `(N, 4, H, W)` in [0, 1] -> `(N, 4, 8 H, 8 W)`, which may leave the range a little."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(4, CHANNELS, 5)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LeakyReLU(SLOPE),
                _convolution(CHANNELS, CHANNELS),
                nn.LeakyReLU(SLOPE),
                _convolution(CHANNELS, CHANNELS),
            )
            for _ in range(BLOCKS)
        )
        self.coarse = _convolution(CHANNELS, 4 * FINE_CHANNELS)
        self.fine = nn.Conv2d(FINE_CHANNELS, 4 * (SCALE // 2) ** 2, 3, bias=False)
        nn.init.normal_(self.fine.weight, std=0.003)

    def forward(self, icons: torch.Tensor, phase: tuple[int, int] | None = None) -> torch.Tensor:
        """What is added to bilinear interpolation is 0 where the network sees one color only.

        `phase`: every second row and column only, from these on, 0 or 1: `(N, 4, 4 H, 4 W)`. Training takes one a step.
        """
        rows, columns = (slice(None),) * 2 if phase is None else (slice(start, None, 2) for start in phase)
        details = self._details(icons, rows, columns)
        height, width = icons.shape[-2:]
        tile = details.shape[-1] // width
        nothing = self._details(icons.new_zeros(1, 4, PLAIN, PLAIN), rows, columns)[..., :tile, :tile]
        tiles = details.view(-1, 4, height, tile, width, tile) - nothing[:, :, None, :, None]
        return interpolated(icons)[..., rows, columns] + tiles.view_as(details)

    def _details(self, icons: torch.Tensor, rows: slice, columns: slice) -> torch.Tensor:
        # Filters that sum to zero see differences only: of one color, all of them see the same nothing.
        kernel = self.stem.weight - self.stem.weight.mean(dim=(2, 3), keepdim=True)
        features = functional.conv2d(functional.pad(icons, (2, 2, 2, 2), mode="replicate"), kernel, self.stem.bias)
        for block in self.blocks:
            features = features + block(features)
        # The border is repeated before the shuffle: behind it, the pattern of one color has a period of two pixels.
        coarse = functional.pad(self.coarse(functional.leaky_relu(features, SLOPE)), (1, 1, 1, 1), mode="replicate")
        weight = self.fine.weight.view(4, SCALE // 2, SCALE // 2, *self.fine.weight.shape[1:])[:, rows, columns]
        fine = functional.conv2d(
            functional.leaky_relu(functional.pixel_shuffle(coarse, 2), SLOPE), weight.flatten(0, 2)
        )
        return functional.pixel_shuffle(fine[..., 1:-1, 1:-1], weight.shape[1])


def interpolated(icons: torch.Tensor) -> torch.Tensor:
    """Icons `(N, 4, H, W)` eight times as large, bilinear: as products with two matrices, a tenth of torch's time."""
    down, across = (
        functional.interpolate(torch.eye(edge, device=icons.device)[None], scale_factor=SCALE, mode="linear")[0]
        for edge in icons.shape[-2:]
    )
    with torch.autocast(icons.device.type, enabled=False):
        return down.T @ icons @ across


def _convolution(channels: int, out: int, kernel: int = 3) -> nn.Conv2d:
    """The size stays; beyond the border, the border's pixels go on."""
    return nn.Conv2d(channels, out, kernel, padding=kernel // 2, padding_mode="replicate")


@dataclass(frozen=True)
class Enlarger:
    """A trained enlarger, on the CPU."""

    network: EnlargerNetwork

    @torch.inference_mode()
    def draw(self, icon: Image.Image) -> Image.Image:
        """An icon eight times as large: RGB, RGBA where it is transparent, or L where it is gray.

        The same icon gives the same bytes; within 1/255 on other machines.
        """
        given = as_pixels(icon)
        pixels, gray = in_color(given), given.shape[-1] == 1
        alpha = pixels.shape[-1] == 4
        opaque = pixels if alpha else np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=-1)
        values = torch.from_numpy(opaque).permute(2, 0, 1)[None].float() / 255  # (1, 4, H, W), channels last
        large = self.network(values)[0].clamp_(0, 1)
        colors, opacity = large[:3], large[3:]
        if alpha:
            around = interpolated(values)[0]
            opacity *= (opacity * 255 > RINGING + 0.5) & (around[3:] > 0)
            # Straight colors, as pictures have them. The fainter a pixel is, the less its own color is known: there it
            # is that of its surroundings, so that no edge gets a line in another color.
            colors = torch.lerp(around[:3] / around[3:], colors.minimum(opacity) / opacity, opacity).nan_to_num_(0)
            colors = torch.cat([colors, opacity])
        elif gray:  # the network may have colored it a little
            colors = colors.mean(dim=0, keepdim=True)
        drawn = colors.mul_(255).round_().byte().permute(1, 2, 0).contiguous().numpy()
        return Image.fromarray(drawn[..., 0] if gray else drawn)


def read_enlarger(path: Path) -> Enlarger:
    """Read an enlarger file. Raises EnlargerError when it is not there or is not one."""
    try:
        tensors = load_tensors(path.read_bytes())
        network = EnlargerNetwork()
        network.load_state_dict(tensors)
    except OSError as error:
        raise EnlargerError(f"{path}: the enlarger cannot be read ({error.strerror}).") from error
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise EnlargerError(f"{path}: this is not an enlarger of this version.") from error
    if not all(bool(torch.isfinite(value).all()) for value in network.state_dict().values()):
        raise EnlargerError(f"{path}: the enlarger's weights are not finite.")
    for value in network.parameters():
        if value.ndim == 4:  # convolutions run faster with channels last
            value.data = value.data.contiguous(memory_format=torch.channels_last)
    network.eval().requires_grad_(requires_grad=False)
    return Enlarger(network)


@cache
def load_enlarger() -> Enlarger:
    """The enlarger that ships with the project; read once. Raises EnlargerError."""
    return read_enlarger(SHIPPED_ENLARGER)
