"""Neighbors: exact, tolerant to small shifts, in a fixed order."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from generator import neighbors as neighbors_module
from generator.neighbors import NeighborIndex, describe
from tests.conftest import draw_icon


@pytest.fixture
def index(drawn_icons: NDArray[np.uint8]) -> NeighborIndex:
    return NeighborIndex(describe(drawn_icons))


def shifted(icon: Image.Image, x: int, y: int) -> Image.Image:
    moved = Image.new("RGB", icon.size, "white")
    moved.paste(icon, (x, y))
    return moved


def test_descriptors_are_small_and_in_range(drawn_icons: NDArray[np.uint8]) -> None:
    points = describe(drawn_icons)
    assert points.shape == (40, 768)
    assert points.dtype == torch.float16
    assert 0 <= float(points.min()) < float(points.max()) <= 1
    assert torch.allclose(describe(np.full((1, 64, 64, 3), 51, np.uint8)).float(), torch.tensor(0.2), atol=1e-3)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (2, -2), (-1, 2)])
def test_a_copy_is_found_under_a_shift(index: NeighborIndex, x: int, y: int) -> None:
    found = index.search(shifted(draw_icon(17), x, y))
    assert found[0].index == 17
    assert found[0].distance < 0.002
    assert found[0].distance < found[1].distance <= found[2].distance


def test_a_larger_shift_is_no_copy(index: NeighborIndex) -> None:
    assert index.search(shifted(draw_icon(17), 7, 0))[0].distance > 0.02


def test_search_is_exact(index: NeighborIndex, drawn_icons: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the definition, computed in float64 without the preselection; also when the index is read in chunks."""
    stranger = draw_icon(1000)
    wide = np.pad(np.asarray(stranger, dtype=np.float64) / 255, ((2, 2), (2, 2), (0, 0)), mode="edge")
    points = describe(drawn_icons).double().numpy()
    best = np.full(40, np.inf)
    for dy in range(5):
        for dx in range(5):
            cells = wide[dy : dy + 64, dx : dx + 64].reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
            view = cells.transpose(2, 0, 1).reshape(-1)
            best = np.minimum(best, np.sqrt(((points - view) ** 2).mean(axis=1)))
    expected = np.argsort(best, kind="stable")[:5]
    monkeypatch.setattr(neighbors_module, "CHUNK", 7)
    found = index.search(stranger, 5)
    assert [one.index for one in found] == expected.tolist()
    assert [one.distance for one in found] == pytest.approx(best[expected].tolist(), abs=1e-6)


def test_equal_icons_come_in_their_order(drawn_icons: NDArray[np.uint8]) -> None:
    index = NeighborIndex(describe(np.concatenate([drawn_icons[:5], drawn_icons[:5]])))
    assert [one.index for one in index.search(draw_icon(2), 2)] == [2, 7]


def test_no_more_neighbors_than_icons(drawn_icons: NDArray[np.uint8]) -> None:
    assert len(NeighborIndex(describe(drawn_icons[:2])).search(draw_icon(0), 5)) == 2


@pytest.mark.parametrize("size", [32, 128])
def test_other_sizes_have_descriptors_too(size: int) -> None:
    icons = np.stack([np.asarray(draw_icon(number, size)) for number in range(6)])
    found = NeighborIndex(describe(icons)).search(draw_icon(4, size), 1)[0]
    assert found.index == 4
    assert found.distance < 0.001


def test_a_crowd_of_equal_icons_keeps_its_order(drawn_icons: NDArray[np.uint8]) -> None:
    """More equal icons than any fixed number of candidates, and the query is none of them."""
    index = NeighborIndex(describe(np.repeat(drawn_icons[:1], 200, axis=0)))
    assert [one.index for one in index.search(draw_icon(2), 3)] == [0, 1, 2]


@pytest.mark.parametrize(("size", "reach"), [(32, 1), (64, 2), (128, 4)])
def test_the_shift_is_measured_in_pixels_of_a_64_pixel_icon(size: int, reach: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    noise[:, : 2 * reach + 1] = noise[:, -2 * reach - 1 :] = noise[:, :, : 2 * reach + 1] = 255
    noise[:, :, -2 * reach - 1 :] = 255
    index, icon = NeighborIndex(describe(noise)), Image.fromarray(noise[0])
    assert index.search(shifted(icon, reach, -reach), 1)[0].distance < 0.001
    assert index.search(shifted(icon, 2 * reach, 0), 1)[0].distance > 0.005


def test_many_icons_are_measured_as_one_is(index: NeighborIndex, drawn_icons: NDArray[np.uint8]) -> None:
    fresh = np.stack([np.asarray(draw_icon(number)) for number in range(1000, 1020)])
    one_by_one = [index.search(Image.fromarray(icon), 1)[0].distance for icon in fresh]
    assert index.nearest(fresh).tolist() == pytest.approx(one_by_one, abs=1e-6)
    itself = index.nearest(drawn_icons[:20], leaving_out=range(20))
    second = [index.search(Image.fromarray(icon), 2)[1].distance for icon in drawn_icons[:20]]
    assert itself.tolist() == pytest.approx(second, abs=1e-6)
    assert index.nearest(drawn_icons[:0]).shape == (0,)
