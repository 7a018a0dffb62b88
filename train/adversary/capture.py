"""A training step as one CUDA graph: recorded once, then replayed, so that the device waits for no launch."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple, Protocol

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
        """`work` does one step on tensors that stay where they are; it draws from this object's `rng`."""
        self._work, self._device, self.rng = work, device, rng
        self.records = device.type == "cuda" and size() == 1
        self.graphs: dict[Way, Graph] = {}
        self._taken: Counter[Way] = Counter()
        self._pool: Any = None

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
        """Forget what was recorded: tensors have moved.

        The pool of memory went with the last graph, and the random numbers belong to what was recorded: both are new.
        """
        self.graphs.clear()
        self._taken.clear()
        self._pool = None
        self.rng = torch.Generator(self._device).set_state(self.rng.get_state())

    def _try_to_record(self, way: Way) -> bool:
        before = self.rng.get_state()
        try:
            self.graphs[way] = self._record(way)
        except RuntimeError as error:
            self.rng = torch.Generator(self._device).set_state(before)  # the old one may count as recorded for ever
            self.forget()
            self.records = False
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            _log.warning("The step cannot be a CUDA graph here (%s); training goes on without, more slowly.", reason)
        return self.records

    def _record(self, way: Way) -> Graph:
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.rng)
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
