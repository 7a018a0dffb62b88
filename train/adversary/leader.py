"""Training in several processes: the first one runs the run and tells the others, who only take steps.

torchrun --nproc-per-node 2 -m train fit --icons ./my-icons
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from enum import IntEnum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import distributed

from generator.decode import Color
from generator.networks import GeneratorConfig, read_config
from generator.studio import DeviceError, choose_device, is_out_of_memory
from train.adversary.distributed import ProcessLostError, communicate, size
from train.adversary.recipes import Recipe
from train.adversary.trainer import Trainer

TIMEOUT = timedelta(hours=1)
"""How long a process waits for the others: through evaluations. One that dies is noticed at once."""


class _Order(IntEnum):
    BEGIN = 0
    STEP = 1
    STATE = 2
    END = 3


def processes() -> int:
    """How many processes were started together; 1 without `torchrun`."""
    return int(os.environ["WORLD_SIZE"]) if {"RANK", "WORLD_SIZE"} <= os.environ.keys() else 1


def is_follower() -> bool:
    """Whether this is one of the processes that only take steps."""
    return processes() > 1 and os.environ.get("RANK") != "0"


@contextmanager
def together(name: str) -> Iterator[torch.device]:
    """Join the processes that were started together, if there are several; yields this one's device.

    `name` is the option --device. When the block ends well, so do the followers; when it does not, they notice.
    Raises DeviceError and ProcessLostError.
    """
    device = choose_device(name)
    if processes() == 1:
        yield device
        return
    if device.type == "cuda":
        if int(os.environ["LOCAL_WORLD_SIZE"]) > torch.cuda.device_count():
            raise DeviceError(f"There are {torch.cuda.device_count()} CUDA devices, too few for a process on each.")
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"  # orders go between processors: no GPU waits
    # Its functions keep, as a default, the group that there is when they are imported. Optimizers import them: if that
    # came after the next line, the group would outlive its end, with threads that find no interpreter and abort.
    importlib.import_module("torch.distributed.nn.functional")
    communicate(lambda: distributed.init_process_group(backend, timeout=TIMEOUT))
    try:
        yield device
        if not is_follower():
            _give(_Order.END)
    finally:
        distributed.destroy_process_group()


def follow_command(name: str) -> int:
    """The work of a process that is not the first; returns its exit code. What went wrong elsewhere, others say."""
    try:
        _follow(name)
    except (DeviceError, ProcessLostError):  # the leader met the same, or is gone
        return 1
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        message = "the memory of its device is too small; lower --batch or --width."
        sys.stderr.write(f"Process {os.environ['RANK']} of {processes()}: {message}\n")
        return 1
    return 0


def _follow(name: str) -> None:
    """Take the steps that the leader orders, until it ends."""
    with together(name) as device:
        trainer: Trainer | None = None
        while (received := _receive())[0] != _Order.END:
            order, progress, rate_scale, steps = received
            if order == _Order.BEGIN:
                trainer = _begin(device)
            elif trainer is not None and order == _Order.STATE:
                trainer.load_state(load_tensors(_pass_on(b"")))
            elif trainer is not None:
                trainer.rate_scale, trainer.steps = rate_scale, int(steps)
                trainer.step(progress)


class Leader(Trainer):
    """The trainer of the first process: whatever it does, the others do, too."""

    def __init__(
        self,
        recipe: Recipe,
        config: GeneratorConfig,
        icons: NDArray[np.uint8],
        *,
        background: Color,
        device: torch.device,
        seed: int,
    ) -> None:
        """As the trainer; the recipe's batch is that of all processes. Raises DeviceError if it cannot be shared."""
        if recipe.batch % size():
            raise DeviceError(f"A batch of {recipe.batch} icons cannot be divided among {size()} processes.")
        super().__init__(recipe, config, icons, background=background, device=device, seed=seed)
        document = {"recipe": asdict(recipe), "architecture": config.architecture, "config": asdict(config)}
        _give(_Order.BEGIN)
        _pass_on(json.dumps({**document, "background": background, "seed": seed}).encode())
        _pass_on(save_tensors({"icons": torch.from_numpy(np.ascontiguousarray(icons))}))

    def step(self, progress: float) -> None:
        """One step in all processes."""
        _give(_Order.STEP, progress, self.rate_scale, self.steps)
        super().step(progress)

    def start_from(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Begin with the generator of a bundle, in all processes."""
        super().start_from(weights)
        self._spread()

    def load_state(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a state, in all processes."""
        super().load_state(tensors)
        self._spread()

    def _spread(self) -> None:
        _give(_Order.STATE)
        _pass_on(save_tensors(self.state()))


def new_trainer(*arguments: Any, **options: Any) -> Trainer:
    """The trainer of this process, for the arguments of one: a leader when there are others."""
    return (Leader if size() > 1 else Trainer)(*arguments, **options)


def _begin(device: torch.device) -> Trainer:
    document = json.loads(_pass_on(b""))
    return Trainer(
        Recipe.read(document["recipe"]),
        read_config(document["architecture"], document["config"]),
        load_tensors(_pass_on(b""))["icons"].numpy(),
        background=tuple(document["background"]),
        device=device,
        seed=document["seed"],
    )


def _give(order: _Order, progress: float = 0.0, rate_scale: float = 1.0, steps: int = 0) -> None:
    communicate(distributed.broadcast, torch.tensor([order, progress, rate_scale, steps], dtype=torch.float64), 0)


def _receive() -> list[float]:
    order = torch.zeros(4, dtype=torch.float64)
    communicate(distributed.broadcast, order, 0)
    return order.tolist()


def _pass_on(content: bytes) -> bytes:
    """The leader's bytes in every process."""
    length = torch.tensor(len(content))
    communicate(distributed.broadcast, length, 0)
    message = torch.zeros(int(length), dtype=torch.uint8)
    if content:
        message.numpy()[:] = np.frombuffer(content, np.uint8)
    communicate(distributed.broadcast, message, 0)
    return message.numpy().tobytes()
