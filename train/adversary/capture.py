"""A training step as one CUDA graph: recorded once, then replayed, so that the device waits for no launch."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import NamedTuple, Protocol

import torch

from train.adversary.distributed import size

WARM_UP_STEPS = 2
"""Steps that a way takes before it is recorded: optimizers make their moments, libraries their plans."""

_log = logging.getLogger(__name__)


class Way(NamedTuple):
    """What decides which operations a step consists of; everything else lies in tensors."""

    resolution: int
    fades_in: bool
    is_penalized: bool
    """Whether the gradient penalty is due."""


class Graph(Protocol):
    """A recorded step."""

    def replay(self) -> None:
        """Do it again, on whatever the tensors hold now."""


class Steps:
    """Takes steps: recorded on a CUDA device, as they are elsewhere and in several processes."""

    def __init__(self, work: Callable[[Way], None], device: torch.device, rng: torch.Generator) -> None:
        """`work` does one step on tensors that stay where they are; `rng` is where it draws."""
        self._work, self._device, self._rng = work, device, rng
        self.records = device.type == "cuda" and size() == 1
        self.graphs: dict[Way, Graph] = {}
        self._taken: Counter[Way] = Counter()
        self._pool = torch.cuda.graph_pool_handle() if self.records else None

    def take(self, way: Way) -> None:
        """Take one step."""
        if not self.records:
            self._work(way)
        elif way in self.graphs:
            self.graphs[way].replay()
        elif self._taken[way] < WARM_UP_STEPS:
            self._taken[way] += 1
            with self._aside():
                self._work(way)
        elif self._try_to_record(way):
            self.graphs[way].replay()  # recording did nothing yet
        else:
            self._work(way)

    def forget(self) -> None:
        """Forget what was recorded: tensors have moved."""
        self.graphs.clear()
        self._taken.clear()

    def _try_to_record(self, way: Way) -> bool:
        before = self._rng.get_state()
        try:
            self.graphs[way] = self._record(way)
        except RuntimeError as error:
            self.forget()
            self.records = False
            with suppress(RuntimeError):  # if it still counts as recorded, the random numbers are other ones
                self._rng.set_state(before)
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            _log.warning("The step cannot be a CUDA graph here (%s); training goes on without, more slowly.", reason)
        return self.records

    def _record(self, way: Way) -> Graph:
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._rng)
        with torch.cuda.device(self._device), torch.cuda.graph(graph, pool=self._pool):
            self._work(way)
        return graph

    def _aside(self) -> AbstractContextManager[object]:
        """A stream beside the present one: what is recorded later must not have run on the default stream."""
        return _stream_aside(self._device) if self._device.type == "cuda" else nullcontext()


@contextmanager
def _stream_aside(device: torch.device) -> Iterator[None]:
    present, aside = torch.cuda.current_stream(device), torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    aside.wait_stream(present)
    with torch.cuda.stream(aside):
        yield
    present.wait_stream(aside)
