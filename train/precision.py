"""Whether a device multiplies in bfloat16: twice as fast where it has instructions for that, else ten times slower."""

from __future__ import annotations

from enum import StrEnum

import torch


class Precision(StrEnum):
    """What convolutions and products are computed in; losses, statistics and weights are float32 always."""

    AUTO = "auto"
    """bfloat16 where the device has instructions for it."""
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"

    def is_short_on(self, device: torch.device) -> bool:
        """Whether it is bfloat16 on this device."""
        return has_bfloat16(device) if self is Precision.AUTO else self is Precision.BFLOAT16


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16: CUDA from compute capability 8 on, CPUs with AVX512-BF16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())
