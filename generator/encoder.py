"""The encoder: icons to features in which copies are near, also recolored, shifted or cropped ones, and others far.

`python -m train encoder` trains it by itself, from icons alone; the weights ship with the project.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import nn
from torch.nn import functional

SHIPPED_ENCODER = Path(__file__).parent / "encoder.safetensors"

EDGE = 64
"""Pixels along the edge of what the network sees; icons of other sizes are scaled."""

FEATURES = 96

_BATCH = 16  # icons at a time: always so many, so that an icon has the same features in any company


class EncoderError(Exception):
    """An encoder file that cannot be used: one sentence."""


class EncoderNetwork(nn.Module):
    """A plain convolutional network; two of its levels, pooled, give the features."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_convolution(3, 32, 4), _convolution(32, 64, 3))  # 32x32, 16x16
        self.middle = _convolution(64, 96, 3)  # 8x8
        self.top = _convolution(96, 160, 3)  # 4x4
        self.head = nn.Sequential(nn.Linear(256, 320), nn.ReLU(), nn.Linear(320, FEATURES))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """`images`: `(N, 3, 64, 64)` in [-1, 1] -> features `(N, 96)` of length 1."""
        middle = self.middle(self.stem(images))
        pooled = torch.cat([_pool(middle), _pool(self.top(middle))], dim=1)
        return functional.normalize(self.head(pooled), dim=1)


def _convolution(channels: int, out: int, kernel: int) -> nn.Sequential:
    """A convolution of stride 2, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride=2, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()
    )


def _pool(maps: torch.Tensor) -> torch.Tensor:
    """Generalized mean with the exponent 3 (Radenović et al. 2018): `(N, C, H, W) -> (N, C)`."""
    return maps.clamp_min(1e-4).pow(3).mean(dim=(2, 3)).pow(1 / 3)


@dataclass(frozen=True)
class Encoder:
    """A trained encoder."""

    network: EncoderNetwork
    digest: str
    """SHA-256 of its file: features and figures can be compared when they were taken with the same one."""

    def on(self, device: torch.device) -> Encoder:
        """The same encoder on a device."""
        if next(self.network.parameters()).device == device:
            return self
        return Encoder(copy.deepcopy(self.network).to(device), self.digest)

    def features(self, icons: NDArray[np.uint8]) -> torch.Tensor:
        """Features of icons: `(N, H, W, 3)` uint8 -> `(N, 96)` float32 of length 1, on the CPU."""
        return torch.cat([torch.empty((0, FEATURES)), *self._looks(icons)])

    @torch.inference_mode()
    def _looks(self, icons: NDArray[np.uint8]) -> Iterator[torch.Tensor]:
        device = next(self.network.parameters()).device
        for start in range(0, len(icons), _BATCH):
            chunk = torch.from_numpy(icons[start : start + _BATCH].copy())  # also of a read-only array
            images = torch.full((_BATCH, 3, EDGE, EDGE), 1.0)
            images[: len(chunk)] = to_input(chunk)
            yield self.network(images.to(device))[: len(chunk)].cpu()


def to_input(icons: torch.Tensor) -> torch.Tensor:
    """Icons `(N, H, W, 3)` uint8 as the network takes them: `(N, 3, 64, 64)` in [-1, 1]."""
    images = icons.permute(0, 3, 1, 2).float() / 127.5 - 1
    if images.shape[-2:] != (EDGE, EDGE):
        images = functional.interpolate(images, (EDGE, EDGE), mode="bilinear", antialias=True, align_corners=False)
    return images


def read_encoder(path: Path) -> Encoder:
    """Read an encoder file. Raises EncoderError when it is not there or is not one."""
    try:
        content = path.read_bytes()
        network = EncoderNetwork()
        network.load_state_dict(load_tensors(content))
    except OSError as error:
        raise EncoderError(f"{path}: the encoder cannot be read ({error.strerror}).") from error
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{path}: this is not an encoder of this version.") from error
    network.eval().requires_grad_(requires_grad=False)
    return Encoder(network, hashlib.sha256(content).hexdigest())


@cache
def load_encoder() -> Encoder:
    """The encoder that ships with the project, on the CPU; read once. Raises EncoderError."""
    return read_encoder(SHIPPED_ENCODER)
