"""Whether a device multiplies in bfloat16: twice as fast where it has instructions for that, else ten times slower."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import torch


class Precision(StrEnum):
    """What convolutions and products are computed in; losses, statistics and weights are float32 always."""

    AUTO = "auto"
    """bfloat16 where the device is faster in it."""
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"

    def is_short_on(self, device: torch.device) -> bool:
        """Whether it is bfloat16 on this device."""
        return favors_bfloat16(device) if self is Precision.AUTO else self is Precision.BFLOAT16


def favors_bfloat16(device: torch.device) -> bool:
    """Whether a device is faster in bfloat16: CUDA from compute capability 8 on, CPUs with AMX or AMD's AVX512-BF16.

    Intel's AVX512-BF16 alone multiplies no faster than float32, and converting comes on top: a step of `sagan` took
    1.44 times as long on a Xeon that hides its AMX (docs/training.md). It is asked, not timed, so that a run goes on
    as it began.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # A PyTorch that is too old to say what a CPU has takes float32.
    return device.type == "cpu" and processor_favors_bfloat16(getattr(torch.cpu, "get_capabilities", dict)())


def processor_favors_bfloat16(processor: Mapping[str, object]) -> bool:
    """Whether a CPU is faster in bfloat16, from what `torch.cpu.get_capabilities` says of it."""
    if processor.get("amx_bf16"):
        return True
    return bool(processor.get("avx512_bf16")) and not str(processor.get("cpu_name", "")).startswith("Intel")
