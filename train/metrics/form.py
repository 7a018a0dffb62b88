"""Form: whether icons have the shapes of real ones, as a network sees it that knows natural images.

On broad sets, patches and colors can be right where nothing can be recognized: after eight minutes on 1,680 icons SWD
was near that of real ones, and the icons were blobs. What guides training are finer levels of the same network.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from generator.vision.efficientnet import CHANNELS, NaturalFeatures
from train.metrics.features import unbiased_mmd

EDGE = 128
"""Pixels at which the network looks."""
REFERENCES = 1024
"""Real icons that are compared with, at most."""
BATCH = 32
FORM_SCALE = 1000


class Form:
    """Compares icons with real ones by the coarsest features, averaged over the icon and scaled by the reals' own."""

    def __init__(self, icons: NDArray[np.uint8], device: torch.device) -> None:
        """`icons`: `(N, size, size, 3)` uint8, N at least 4."""
        self._network = NaturalFeatures().to(device)
        self._device = device
        chosen = np.random.default_rng(0).permutation(len(icons))[:REFERENCES]
        features = self._features(icons[chosen])
        self._deviation = features.std(dim=0).clamp_min(1e-6)
        self._reals = features / self._deviation
        first, second = self._reals.tensor_split(2)
        self.real = _distance(first, second)

    def figure(self, icons: NDArray[np.uint8]) -> float:
        """Kernel distance x 1000 of icons `(N, size, size, 3)` uint8, N at least 2, to the real ones."""
        return _distance(self._features(icons) / self._deviation, self._reals)

    @torch.inference_mode()
    def _features(self, icons: NDArray[np.uint8]) -> torch.Tensor:
        found = []
        for start in range(0, len(icons), BATCH):
            pixels = torch.from_numpy(icons[start : start + BATCH]).to(self._device).permute(0, 3, 1, 2)
            views = functional.interpolate(pixels.float() / 127.5 - 1, (EDGE, EDGE), mode="bilinear")
            found.append(self._network(views.contiguous(memory_format=torch.channels_last))[-1].mean(dim=(2, 3)).cpu())
        return torch.cat(found)


def _distance(first: torch.Tensor, second: torch.Tensor) -> float:
    return FORM_SCALE * unbiased_mmd(first / CHANNELS[-1] ** 0.5, second / CHANNELS[-1] ** 0.5)
