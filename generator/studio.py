"""The studio owns a bundle's network and its device: seeds in, pictures out, in micro-batches, off the loop."""

from __future__ import annotations

import asyncio
import copy
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import ParamSpec, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from generator.checkpoint import Bundle
from generator.files import BundleError
from generator.networks import build_generator
from generator.networks.layers import UpsamplingConv
from generator.seeds import Seed, latents, walk
from generator.tidy import Tidy
from generator.transparency import FAINT, as_image
from generator.wildness import require_truncation, tame

CPU_BATCH, CUDA_BATCH = 8, 256
"""Icons in a micro-batch, always filled up: with fixed shapes a seed gives the same bits in any company."""

MAX_WAITING = 512
"""Icons that may wait for the network before further ones are turned away."""

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

DEVICES = "auto, cpu, cuda or mps"
"""What `choose_device` takes, in words; besides, cuda:N."""


class DeviceError(Exception):
    """A device that is asked for and not there: one sentence."""


class StudioBusyError(Exception):
    """Too many icons are waiting already: one sentence."""


@dataclass(frozen=True)
class _Order:
    count: int
    points: Callable[[], torch.Tensor]
    """Makes the latents, `(count, D)`, on the studio's thread."""
    pictures: asyncio.Future[list[Image.Image]]


class Studio:
    """Draws icons from a bundle. `draw` blocks; `icons` and `run` work on the studio's own thread."""

    def __init__(self, bundle: Bundle, device: str = "auto", observe: Callable[[float], None] | None = None) -> None:
        """Put the bundle's network on `device` ("auto", "cpu", "cuda", "cuda:1", "mps"). Raises DeviceError.

        `observe` is told, on the event loop, the seconds that each order took from asking to having its pictures.
        """
        self.bundle = bundle
        self._observe = observe
        self.device = choose_device(device)
        self._batch = CUDA_BATCH if self.device.type == "cuda" else CPU_BATCH
        try:
            self.network = _prepare(bundle, self.device)
        except RuntimeError as error:
            if self.device.type == "cpu" or not is_out_of_memory(error):
                raise
            self._go_to_cpu()
            self.network = _prepare(bundle, self.device)
        """Latents `(N, D)` -> icons `(N, C, size, size)` in [-1, 1], folded; its weights take no gradients."""
        config = bundle.config
        self._shape = config.image_size, config.image_size, config.channels
        plainest = bundle.card.plainest
        self._plainest = None if plainest is None else latents([plainest], config.latent_size)[0]
        self._tidy = Tidy(bundle.all_icons())
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="studio")
        self._orders: SimpleQueue[_Order] = SimpleQueue()
        self._waiting = 0  # icons ordered and not yet drawn; changed on the event loop only

    @property
    def waiting(self) -> int:
        """Icons that were ordered and are not drawn yet."""
        return self._waiting

    def draw(self, seeds: Sequence[int | Seed], truncation: float | None = None) -> list[Image.Image]:
        """Draw one icon per seed, blocking: pictures of the native size, L, RGB or RGBA.

        `truncation` in (0, MOST] is a wildness (1: as in training; lower: plainer); None is the bundle's default.
        Raises ValueError for a truncation out of range.
        """
        return self.draw_latents(self._latents(seeds, self._scale(truncation)))

    async def icons(self, seeds: Sequence[int | Seed], truncation: float | None = None) -> list[Image.Image]:
        """Draw one icon per seed off the event loop; whatever waits at the same time is drawn together.

        Raises StudioBusyError when too much is waiting.
        """
        return await self._order(len(seeds), partial(self._latents, seeds, self._scale(truncation)))

    async def walk(
        self, start: int | Seed, end: int | Seed, steps: int, truncation: float | None = None
    ) -> list[Image.Image]:
        """Draw `steps` icons on the way from one seed to another, its ends among them, as `icons` does."""
        return await self._order(steps, partial(self._way, start, end, steps, self._scale(truncation)))

    def draw_walk(
        self, start: int | Seed, end: int | Seed, steps: int, truncation: float | None = None
    ) -> list[Image.Image]:
        """The same, blocking."""
        return self.draw_latents(self._way(start, end, steps, self._scale(truncation)))

    async def _order(self, count: int, points: Callable[[], torch.Tensor]) -> list[Image.Image]:
        if self._waiting + count > MAX_WAITING:
            raise StudioBusyError(f"{self._waiting} icons are waiting to be drawn; try again in a moment.")
        loop, start = asyncio.get_running_loop(), time.perf_counter()
        order = _Order(count, points, loop.create_future())
        self._waiting += count
        self._orders.put(order)
        try:
            # The first to reach the thread draws for everybody who waits by then. The thread keeps the order, so
            # that the pictures are there when our own turn is over, whoever drew them.
            await self.run(self._draw_orders, loop)
            pictures = await order.pictures
        finally:
            order.pictures.cancel()
            self._waiting -= count
        if self._observe is not None:
            self._observe(time.perf_counter() - start)
        return pictures

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work (Pillow, torch) on the studio's thread and await its result."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(function, *args, **kwargs))

    def close(self) -> None:
        """Let the work in hand finish and end the thread. Blocks until then."""
        self._thread.shutdown(wait=True)

    def _draw_orders(self, loop: asyncio.AbstractEventLoop) -> None:
        orders: list[_Order] = []
        with suppress(Empty):
            while True:
                orders.append(self._orders.get_nowait())
        orders = [order for order in orders if not order.pictures.cancelled()]
        if not orders:
            return
        try:
            points = torch.cat([order.points() for order in orders])
            pictures = self.draw_latents(points)
        except Exception as error:  # handed to everybody who waits for it
            for order in orders:
                loop.call_soon_threadsafe(_settle, order, error)
            return
        for order in orders:
            loop.call_soon_threadsafe(_settle, order, pictures[: order.count])
            pictures = pictures[order.count :]

    def _scale(self, truncation: float | None) -> float:
        scale = self.bundle.card.truncation if truncation is None else truncation
        require_truncation(scale)
        return scale

    def _latents(self, seeds: Sequence[int | Seed], scale: float) -> torch.Tensor:
        return tame(latents(seeds, self.bundle.config.latent_size), self._plainest, scale)

    def _way(self, start: int | Seed, end: int | Seed, steps: int, scale: float) -> torch.Tensor:
        return tame(walk(start, end, self.bundle.config.latent_size, steps), self._plainest, scale)

    def draw_latents(self, points: torch.Tensor) -> list[Image.Image]:
        """Draw latents, `(N, D)` on the CPU, as they are, blocking."""
        return [as_image(icon) for icon in self.draw_pixels(points)]

    def draw_pixels(self, points: torch.Tensor) -> NDArray[np.uint8]:
        """The same as an array: `(N, size, size, C)`, opacity premultiplied.

        Where the device has too little memory, in smaller batches from then on, at last on the CPU; the log says so.
        """
        while True:
            try:
                return self._draw_pixels(points)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or not self._make_do():
                    raise

    def _make_do(self) -> bool:
        """Ask for less memory from now on; False: there is no less."""
        if self._batch > 1:
            self._batch = max(self._batch // 4, 1)
            log.warning("the memory of %s is too small: it draws %d at a time from now on", self.device, self._batch)
        elif self.device.type != "cpu":
            self._go_to_cpu()
            self.network = self.network.to(self.device)
        else:
            return False
        return True

    def _go_to_cpu(self) -> None:
        log.warning("the memory of %s is too small: the CPU draws from now on, which takes longer", self.device)
        self.device, self._batch = torch.device("cpu"), CPU_BATCH

    @torch.inference_mode()
    # TF32, cuDNN's default, would move pixels by more than the promised rounding; it knows nothing of the CPU.
    @torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    def _draw_pixels(self, points: torch.Tensor) -> NDArray[np.uint8]:
        is_cuda = self.device.type == "cuda"
        # Into memory that the device writes by itself, while the next batch is drawn already: twice as fast.
        drawn = torch.empty((len(points), *self._shape), dtype=torch.uint8, pin_memory=is_cuda)
        for start in range(0, len(points), self._batch):
            chunk = points[start : start + self._batch]
            filled = torch.zeros(self._batch, points.shape[1])
            filled[: len(chunk)] = chunk
            icons = cast("torch.Tensor", self.network(filled.to(self.device)))[: len(chunk)]
            pixels = self._tidy(to_pixels(icons).permute(0, 2, 3, 1))
            drawn[start : start + len(chunk)].copy_(pixels, non_blocking=is_cuda)
        if is_cuda:
            torch.cuda.synchronize(self.device)
        result: NDArray[np.uint8] = drawn.numpy()
        return result


def _settle(order: _Order, result: list[Image.Image] | Exception) -> None:
    if order.pictures.done():  # cancelled meanwhile
        return
    if isinstance(result, Exception):
        order.pictures.set_exception(result)
    else:
        order.pictures.set_result(result)


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory was too small: torch tells its own CPU allocator's failure by the words alone."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error) for words in ("out of memory", "not enough memory", "allocate memory")
    )


def choose_device(name: str) -> torch.device:
    """Turn "auto", "cpu", "cuda", "cuda:N" or "mps" into a device. Raises DeviceError for one that is not there.

    "auto" takes no Apple GPU ("mps"), as nothing was ever tried on one.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"The device {name!r} is unknown; use {DEVICES}.") from error
    if device.type not in ("cpu", "cuda", "mps") or (device.type != "cuda" and device.index):
        raise DeviceError(f"The device {name!r} is not supported; use {DEVICES}.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"The device {name!r} is not there: torch sees {torch.cuda.device_count()} CUDA devices.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(f"The device {name!r} is not there: torch sees no Apple GPU.")
    return device


def to_pixels(icons: torch.Tensor) -> torch.Tensor:
    """Network values in [-1, 1], `(N, C, H, W)`, to uint8, rounded to nearest.

    Of four channels the last is the opacity, which no premultiplied color may exceed; up to FAINT it becomes 0.
    """
    pixels = ((icons.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    if pixels.shape[1] < 4:
        return pixels
    colors, opacity = pixels[:, :3], pixels[:, 3:] * (pixels[:, 3:] > FAINT)
    return torch.cat([colors.minimum(opacity), opacity], dim=1)


def fold(network: nn.Module) -> nn.Module:
    """A copy in eval mode whose batch norms are folded into the convolutions before them."""
    folded = copy.deepcopy(network).eval()
    for parent in [module for module in folded.modules() if isinstance(module, nn.Sequential)]:
        names = list(parent._modules)
        for name, following in itertools.pairwise(names):
            convolution, norm = parent._modules[name], parent._modules[following]
            if isinstance(convolution, UpsamplingConv):
                convolution = _as_transposed(convolution)
            if isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
                transposed = isinstance(convolution, nn.ConvTranspose2d)
                parent._modules[name] = fuse_conv_bn_eval(convolution, norm, transpose=transposed)
                parent._modules[following] = nn.Identity()
    for parameter in folded.parameters():
        if parameter.ndim == 4:  # convolutions run faster with channels last
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return folded.requires_grad_(requires_grad=False)


def _as_transposed(layer: UpsamplingConv) -> nn.ConvTranspose2d:
    kernel = layer.kernel().detach()
    plain = nn.ConvTranspose2d(kernel.shape[0], kernel.shape[1], 4, stride=2, padding=1, bias=False)
    plain.weight = nn.Parameter(kernel)
    return plain.eval()


def _prepare(bundle: Bundle, device: torch.device) -> nn.Module:
    with torch.device("meta"):
        network = build_generator(bundle.config)
    network = network.to_empty(device="cpu")
    network.load_state_dict(bundle.generator)
    folded = fold(network).to(device)
    with torch.inference_mode():
        if not bool(torch.isfinite(folded(latents([0], bundle.config.latent_size).to(device))).all()):
            raise BundleError(f"{bundle.path}: the network draws no picture: its weights are out of bounds.")
    return folded
