"""Spectral normalization (Miyato et al. 2018) that leaves weights where they lie in memory."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

FIRST_ITERATIONS = 15
"""Power iterations for a fresh weight; afterwards, each pass in training adds one."""
EPSILON = 1e-12


class SpectralNorm(nn.Module):
    """Divides the weight of a convolution, transposed or not, by its largest singular value.

    The weight counts as a matrix of outputs by everything else. PyTorch's own parametrization orders "everything else"
    by channel and copies a weight with channels last three times in a pass, which took 6 % of a training step on a CPU.
    """

    left: torch.Tensor
    right: torch.Tensor

    def __init__(self, weight: torch.Tensor, *, transposed: bool) -> None:
        super().__init__()
        self.transposed = transposed
        matrix = self._matrix(weight.detach())
        self.register_buffer("left", functional.normalize(torch.randn(matrix.shape[0]), dim=0, eps=EPSILON))
        self.register_buffer("right", functional.normalize(torch.randn(matrix.shape[1]), dim=0, eps=EPSILON))
        for _ in range(FIRST_ITERATIONS):
            self._iterate(matrix)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The normalized weight, in the shape and the layout of the weight; in float32, also under autocast."""
        with torch.autocast(weight.device.type, enabled=False):
            matrix = self._matrix(weight)
            if self.training:
                self._iterate(matrix.detach())
            # Cloned: the next pass writes into the vectors that this one's gradients need.
            norm = torch.dot(self.left.clone(), torch.mv(matrix, self.right.clone()))
            return weight / norm

    @torch.no_grad()
    def _iterate(self, matrix: torch.Tensor) -> None:
        self.left.copy_(functional.normalize(torch.mv(matrix, self.right), dim=0, eps=EPSILON))
        self.right.copy_(functional.normalize(torch.mv(matrix.t(), self.left), dim=0, eps=EPSILON))

    def _matrix(self, weight: torch.Tensor) -> torch.Tensor:
        """`(A, B, h, w)` -> `(A, h w B)`, or `(A h w, B)` of a transposed one: with channels last, it is a view."""
        last = weight.permute(0, 2, 3, 1)
        return last.flatten(0, 2) if self.transposed else last.flatten(1)


def normalize(layer: nn.Module) -> nn.Module:
    """Put spectral normalization on a convolution's weight, in place."""
    if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        raise TypeError(f"{type(layer).__name__} is not a convolution")
    norm = SpectralNorm(layer.weight, transposed=isinstance(layer, nn.ConvTranspose2d))
    parametrize.register_parametrization(layer, "weight", norm, unsafe=True)  # shape and type stay, it need not look
    return layer
