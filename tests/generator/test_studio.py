"""The studio: the same seed gives the same icon, alone or in company, blocking or not."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from generator import studio as studio_module
from generator.checkpoint import Bundle, read_bundle
from generator.networks import build_generator
from generator.networks.plain import PlainConfig
from generator.networks.sagan import SaganConfig
from generator.seeds import latents
from generator.studio import DeviceError, Studio, StudioBusyError, choose_device, fold, to_pixels


@pytest.fixture
def studio(tiny_bundle_path: Path) -> Studio:
    return Studio(read_bundle(tiny_bundle_path), "cpu")


def pixels(icon: Image.Image) -> bytes:
    return icon.tobytes()


def test_a_seed_gives_the_same_pixels_in_any_company(studio: Studio) -> None:
    alone = studio.draw([42])[0]
    together = studio.draw([7, 8, 42, *range(100, 120)])
    assert alone.size == (64, 64)
    assert alone.mode == "RGB"
    assert pixels(alone) == pixels(together[2])
    assert len({pixels(icon) for icon in together}) == len(together)
    assert studio.draw([]) == []


def test_a_second_studio_draws_the_same(studio: Studio, tiny_bundle_path: Path) -> None:
    again = Studio(read_bundle(tiny_bundle_path), "cpu")
    assert pixels(again.draw([42])[0]) == pixels(studio.draw([42])[0])


def test_drawing_is_the_network_of_the_bundle(studio: Studio) -> None:
    network = build_generator(studio.bundle.config)
    network.load_state_dict(studio.bundle.generator)
    with torch.inference_mode():
        expected = to_pixels(network.eval()(latents([42], 16)))[0].permute(1, 2, 0).numpy()
    difference = np.abs(np.asarray(studio.draw([42])[0]).astype(int) - expected.astype(int))
    assert difference.max() <= 1


@pytest.mark.parametrize("config", [SaganConfig(width=8), SaganConfig(image_size=32, width=8), PlainConfig(width=8)])
def test_folding_changes_rounding_only(config: SaganConfig | PlainConfig) -> None:
    torch.manual_seed(0)
    network = build_generator(config)
    with torch.no_grad():
        for _ in range(5):
            network(torch.randn(8, config.latent_size))
        for name, parameter in network.named_parameters():
            if name.endswith("gain"):
                parameter.fill_(0.5)
    sample = torch.randn(4, config.latent_size)
    with torch.inference_mode():
        expected, folded = network.eval()(sample), fold(network)(sample)
    assert float(expected.std()) > 0.001
    assert torch.allclose(expected, folded, atol=1e-5)


def test_truncation_tames(studio: Studio) -> None:
    wild = np.stack([np.asarray(icon) for icon in studio.draw(range(32), 1.0)]).astype(float)
    tame = np.stack([np.asarray(icon) for icon in studio.draw(range(32), 0.2)]).astype(float)
    assert tame.std(axis=0).mean() < wild.std(axis=0).mean()
    for wrong in (0.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match="truncation"):
            studio.draw([1], wrong)


async def test_requests_that_wait_are_drawn_together(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    started, go_on = threading.Event(), threading.Event()

    def block() -> None:
        started.set()
        go_on.wait()

    drawn: list[int] = []
    draw = Studio.draw_latents

    def record(self: Studio, points: torch.Tensor) -> list[Image.Image]:
        drawn.append(len(points))
        return draw(self, points)

    monkeypatch.setattr(Studio, "draw_latents", record)
    blocker = asyncio.create_task(studio.run(block))
    await asyncio.to_thread(started.wait)
    tasks = [asyncio.create_task(studio.icons([seed, seed + 100])) for seed in range(5)]
    await asyncio.sleep(0)
    go_on.set()
    results = await asyncio.gather(*tasks)
    await blocker
    assert drawn == [10]
    expected = studio.draw([3, 103])
    assert [pixels(icon) for icon in results[3]] == [pixels(icon) for icon in expected]


async def test_who_gives_up_takes_nobody_along(studio: Studio) -> None:
    go_on = threading.Event()
    blocker = asyncio.create_task(studio.run(go_on.wait))
    first, second = asyncio.create_task(studio.icons([1])), asyncio.create_task(studio.icons([2]))
    await asyncio.sleep(0)
    first.cancel()
    go_on.set()
    assert pixels((await second)[0]) == pixels(studio.draw([2])[0])
    assert first.cancelled()
    await blocker


async def test_an_error_reaches_everybody_and_the_studio_lives_on(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Studio, _points: torch.Tensor) -> list[Image.Image]:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(Studio, "draw_latents", fail)
        results = await asyncio.gather(studio.icons([1]), studio.icons([2]), return_exceptions=True)
    assert [str(result) for result in results] == ["broken", "broken"]
    assert len(await studio.icons([1])) == 1


async def test_too_many_waiting_icons_are_turned_away(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio_module, "MAX_WAITING", 4)
    with pytest.raises(StudioBusyError):
        await studio.icons(range(5))
    for _ in range(3):  # what is drawn waits no longer
        await studio.icons(range(4))


def test_devices() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    for wrong in ("gpu", "mps:1", "cuda:99", "cpu:7", "meta", ""):
        with pytest.raises(DeviceError, match="device"):
            choose_device(wrong)


@pytest.mark.parametrize("there", [True, False])
def test_an_apple_gpu_is_taken_by_its_name_alone(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    if there:
        assert choose_device("mps") == torch.device("mps")
    else:
        with pytest.raises(DeviceError, match=r"^The device 'mps' is not there: torch sees no Apple GPU\.$"):
            choose_device("mps")


@pytest.mark.cuda
def test_a_cuda_device_draws_the_same_within_rounding(tiny_bundle_path: Path) -> None:
    bundle = read_bundle(tiny_bundle_path)
    on_cpu, on_cuda = Studio(bundle, "cpu").draw(range(64)), Studio(bundle, "cuda").draw(range(64))
    for one, other in zip(on_cpu, on_cuda, strict=True):
        assert np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max() <= 2


async def test_a_walk_begins_and_ends_with_the_icons_of_its_seeds(tiny_bundle_path: Path) -> None:
    studio = Studio(read_bundle(tiny_bundle_path), "cpu")
    try:
        drawn = [icon.tobytes() for icon in await studio.walk(1, 2, 5, 0.8)]
        ends = [icon.tobytes() for icon in studio.draw([1, 2], 0.8)]
        assert [drawn[0], drawn[-1]] == ends
        assert len(set(drawn)) == 5
        assert drawn == [icon.tobytes() for icon in studio.draw_walk(1, 2, 5, 0.8)]
        together = await asyncio.gather(studio.icons([1, 2], 0.8), studio.walk(1, 2, 5, 0.8))
        assert [[icon.tobytes() for icon in each] for each in together] == [ends, drawn]
    finally:
        studio.close()


class Small(torch.nn.Module):
    """A network on a device whose memory takes so many icons at a time; on the CPU it draws all that it is given."""

    def __init__(self, network: torch.nn.Module, device: str, most: int) -> None:
        super().__init__()
        self.network, self.where, self.most = network, torch.device(device), most

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        if points.device == self.where and len(points) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        icons: torch.Tensor = self.network(points)
        return icons


def test_too_little_memory_draws_in_smaller_batches(studio: Studio, caplog: pytest.LogCaptureFixture) -> None:
    expected = np.stack([np.asarray(icon) for icon in studio.draw(range(9))])
    studio.network = Small(studio.network, "cpu", most=2)
    icons = np.stack([np.asarray(icon) for icon in studio.draw(range(9))])
    assert np.abs(icons.astype(int) - expected.astype(int)).max() <= 1
    studio.draw([1])
    assert [record.getMessage() for record in caplog.records] == [
        "the memory of cpu is too small: it draws 2 at a time from now on"
    ]
    studio.network = Small(studio.network, "cpu", most=0)
    with pytest.raises(torch.OutOfMemoryError):
        studio.draw([1])


def test_a_device_without_memory_leaves_it_to_the_cpu(studio: Studio, caplog: pytest.LogCaptureFixture) -> None:
    """No machine of ours has the device: "meta" stands for it, from which no picture could come."""
    expected = pixels(studio.draw([42])[0])
    studio.device = torch.device("meta")
    studio.network = Small(studio.network, "meta", most=0)
    assert pixels(studio.draw([42])[0]) == expected
    assert studio.device == torch.device("cpu")
    assert caplog.messages[-1] == "the memory of meta is too small: the CPU draws from now on, which takes longer"


def test_a_device_without_room_for_the_network_leaves_it_to_the_cpu(
    tiny_bundle_path: Path, monkeypatch: pytest.MonkeyPatch, studio: Studio
) -> None:
    prepare = studio_module._prepare

    def fail(bundle: Bundle, device: torch.device) -> torch.nn.Module:
        if device.type != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return prepare(bundle, device)

    monkeypatch.setattr(studio_module, "_prepare", fail)
    monkeypatch.setattr(studio_module, "choose_device", lambda _: torch.device("cuda"))
    small = Studio(read_bundle(tiny_bundle_path), "cuda")
    assert pixels(small.draw([42])[0]) == pixels(studio.draw([42])[0])
