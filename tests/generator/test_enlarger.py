"""The enlarger: sizes, exact repetition, what has to stay as it is, and damaged weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file

from generator.enlarger import (
    SHIPPED_ENLARGER,
    EnlargerError,
    EnlargerNetwork,
    load_enlarger,
    read_enlarger,
)
from generator.pictures import comparison, enlarge, grid
from generator.transparency import RINGING, premultiplied
from tests.conftest import draw_icon, draw_transparent


@pytest.mark.parametrize("edge", [16, 32, 64, 72])
def test_an_icon_becomes_eight_times_as_large(edge: int) -> None:
    assert load_enlarger().draw(draw_icon(1).resize((edge, edge))).size == (8 * edge, 8 * edge)


@pytest.mark.parametrize("size", [128, 200, 320, 512, 700])
def test_any_size_is_drawn_in_the_icons_mode(size: int) -> None:
    for icon in (draw_icon(2), draw_transparent(2)):
        large = enlarge(icon, size)
        assert large.size == (size, size)
        assert large.mode == icon.mode


def test_it_is_not_plain_and_stays_near_it() -> None:
    for icon in (draw_icon(4), draw_transparent(4)):
        drawn, plain = (premultiplied(np.array(enlarge(icon, 512, plain=plain))).astype(int) for plain in (False, True))
        assert 0 < np.abs(drawn - plain).mean() < 8


def test_the_same_icon_gives_the_same_bytes_whatever_else_happens() -> None:
    icons = [draw_transparent(number) for number in range(2)]
    alone = enlarge(icons[1]).tobytes()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert [enlarge(icon).tobytes() for icon in icons][1] == alone
        assert read_enlarger(SHIPPED_ENLARGER).draw(icons[1]).tobytes() == alone
    finally:
        torch.set_num_threads(threads)
    assert enlarge(icons[1]).tobytes() == alone


@pytest.mark.parametrize("color", [(255, 255, 255), (255, 205, 51), (1, 2, 3), (0, 0, 0)])
def test_a_plain_color_stays(color: tuple[int, int, int]) -> None:
    assert enlarge(Image.new("RGB", (64, 64), color)).getcolors() == [(512 * 512, color)]
    opaque = (*color, 255)
    assert enlarge(Image.new("RGBA", (64, 64), opaque)).getcolors() == [(512 * 512, opaque)]


def test_nothing_stays_nothing() -> None:
    assert enlarge(Image.new("RGBA", (64, 64), (255, 0, 0, 0))).getbbox() is None


def test_opacity_stays_within_and_without_a_shape() -> None:
    icon = Image.new("RGBA", (64, 64), (0, 255, 0, 0))
    ImageDraw.Draw(icon).ellipse((20, 20, 43, 43), (200, 30, 30, 255))
    large = np.array(enlarge(icon))
    rows, columns = np.mgrid[:512, :512] - 255.5
    distance = np.hypot(rows, columns) / 8
    assert not large[distance > 14].any()
    assert (large[distance < 10][:, 3] == 255).all()
    seen = large[large[..., 3] > 0]
    assert seen[:, 3].min() > RINGING
    assert seen[seen[:, 3] > 32][:, 1].max() < 90, "hidden green is in the edge"


def test_an_edge_is_sharper_than_by_lanczos() -> None:
    large_shape = Image.new("RGB", (512, 512), "white")
    ImageDraw.Draw(large_shape).ellipse((100, 100, 412, 412), (30, 60, 200))
    icon = large_shape.resize((64, 64), Image.Resampling.LANCZOS)
    wanted = np.asarray(large_shape).astype(int)
    errors = [np.abs(np.asarray(enlarge(icon, plain=plain)).astype(int) - wanted) for plain in (False, True)]
    assert errors[0].mean() < 0.7 * errors[1].mean()


def test_cells_of_a_sheet_are_enlarged_where_one_sees_it() -> None:
    icon = draw_transparent(5)
    for cell, plain in ((128, True), (192, False)):
        assert grid([icon], 1, cell=cell, gap=0).tobytes() == enlarge(icon, cell, plain=plain).tobytes()


def test_large_icons_and_real_ones_are_scaled_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.pictures.load_enlarger", lambda: pytest.fail("the enlarger was asked"))
    assert enlarge(draw_icon(1, size=160), 512).size == (512, 512)
    assert enlarge(draw_icon(1), 32).size == (32, 32)
    comparison(draw_icon(1, size=384), [(draw_icon(2), 0.5)])


def test_the_weights_that_ship_are_small_and_finite() -> None:
    assert SHIPPED_ENLARGER.stat().st_size < 2 * 2**20
    assert load_enlarger() is load_enlarger()


def test_every_phase_is_a_part_of_the_whole() -> None:
    network = load_enlarger().network
    icons = torch.rand(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = network(icons)
        for row in (0, 1):
            for column in (0, 1):
                assert torch.allclose(network(icons, (row, column)), whole[..., row::2, column::2], atol=1e-5)


def test_damaged_weights_get_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "enlarger.safetensors"
    content = SHIPPED_ENLARGER.read_bytes()
    tensors = load_file(SHIPPED_ENLARGER)
    name = next(iter(tensors))
    for damage in (b"", content[: len(content) // 2], b"no weights at all"):
        file.write_bytes(damage)
        with pytest.raises(EnlargerError, match=r"this is not an enlarger of this version\.$"):
            read_enlarger(file)
    save_file({"other": torch.zeros(3)}, file)
    with pytest.raises(EnlargerError, match="not an enlarger of this version"):
        read_enlarger(file)
    save_file(tensors | {name: torch.full_like(tensors[name], float("nan"))}, file)
    with pytest.raises(EnlargerError, match="not finite"):
        read_enlarger(file)
    with pytest.raises(EnlargerError, match="cannot be read"):
        read_enlarger(tmp_path / "missing.safetensors")


def test_an_untrained_network_nearly_interpolates() -> None:
    icons = torch.rand(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        drawn = EnlargerNetwork()(icons)
    wanted = torch.nn.functional.interpolate(icons, scale_factor=8.0, mode="bilinear")
    assert (drawn - wanted).abs().max() < 0.05
