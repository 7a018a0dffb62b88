"""What is taken from an icon: specks, smears and what is out of reach; what is not: anything that real icons have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generator.tidy import SOLID, Tidy, part_sizes, reach

Icons = NDArray[np.uint8]
SIZE = 32


def icons(count: int = 100) -> Icons:
    """Nothing at all on `count` icons."""
    return np.zeros((count, SIZE, SIZE, 4), np.uint8)


def put(icon: Icons, top: int, left: int, edge: int, opacity: int = 255) -> None:
    icon[top : top + edge, left : left + edge] = opacity


def tidied(training: Icons, icon: Icons) -> Icons:
    return Tidy(training)(torch.from_numpy(icon[None]))[0].numpy()


@pytest.fixture
def squares() -> Icons:
    """Icons of one solid square of 12 pixels, at places that reach everywhere; one of them has a second, of 3, too."""
    found = icons()
    for number, icon in enumerate(found):
        put(icon, number % 10 * 2 + 1, number // 10 * 2 + 1, 12)
    put(found[0], 28, 28, 3)
    return found


def flood(solid: NDArray[np.bool_]) -> Iterator[list[tuple[int, int]]]:
    """The parts of one icon, each with its places, one after the other."""
    left = {(int(y), int(x)) for y, x in np.argwhere(solid)}
    while left:
        part, waiting = [], [left.pop()]
        while waiting:
            y, x = waiting.pop()
            part.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            waiting += near
        yield part


def test_parts_are_what_a_flood_finds() -> None:
    rng = np.random.default_rng(3)
    alpha = rng.integers(0, 256, (40, SIZE, SIZE), np.uint8)
    alpha *= rng.random((40, SIZE, SIZE)) < np.linspace(0, 0.9, 40)[:, None, None]
    alpha[0], alpha[1] = 0, 255
    alpha[2] = 0
    for y in range(0, SIZE, 2):  # a snake, whose ends are far apart
        alpha[2, y] = 100
        alpha[2, min(y + 1, SIZE - 1), -1 if y % 4 == 0 else 0] = 200
    wanted = np.zeros(alpha.shape, np.int64)
    for icon, sizes in zip(alpha, wanted, strict=True):
        for part in flood(icon >= SOLID):
            places = tuple(np.array(part).T)
            sizes[places] = icon[places].astype(int).sum()
    assert len(set(wanted[2].flatten().tolist())) == 2
    assert (part_sizes(torch.from_numpy(alpha)).numpy() == wanted).all()


def test_specks_and_smears_go_and_soft_edges_stay(squares: Icons) -> None:
    icon = icons(1)[0]
    put(icon, 10, 10, 12)
    icon[9, 10:22], icon[8, 10:22] = 50, 20
    wanted = icon.copy()
    put(icon, 2, 2, 5, opacity=40)  # a smear around
    put(icon, 3, 3, 3)  # a speck
    put(icon, 24, 24, 5, opacity=SOLID - 1)
    assert (icon != wanted).any()
    assert (tidied(squares, icon) == wanted).all()


def test_as_large_as_the_parts_of_training_icons_is_no_speck(squares: Icons) -> None:
    icon = icons(1)[0]
    put(icon, 8, 14, 12)
    put(icon, 22, 2, 3)
    assert not tidied(squares, icon)[22:25, 2:5].any()
    for other in squares[:3]:
        put(other, 1, 29, 2)
        put(other, 28, 1, 2)
    assert (tidied(squares, icon) == icon).all()


def test_a_hundredth_of_the_square_is_no_speck(squares: Icons) -> None:
    icon = icons(1)[0]
    put(icon, 8, 14, 12)
    put(icon, 22, 2, 4)
    assert (tidied(squares, icon) == icon).all()


def test_the_largest_part_stays_however_small_and_so_does_an_icon_without_any(squares: Icons) -> None:
    small, faint = icons(2)
    put(small, 8, 8, 3)
    wanted = small.copy()
    put(small, 20, 20, 2)
    put(faint, 8, 8, 9, opacity=30)
    assert (tidied(squares, small) == wanted).all()
    assert (tidied(squares, faint) == faint).all()


def test_what_is_out_of_reach_goes_even_from_the_largest_part(squares: Icons) -> None:
    squares[:, :, 20:] = 0
    icon = icons(1)[0]
    put(icon, 8, 14, 12)
    wanted = icon.copy()
    wanted[:, 21:] = 0
    assert (tidied(squares, icon) == wanted).all()


@pytest.mark.cuda
def test_a_cuda_device_tidies_to_the_same_bits(squares: Icons) -> None:
    rng = np.random.default_rng(5)
    drawn = torch.from_numpy(
        rng.integers(0, 256, (300, SIZE, SIZE, 4), np.uint8) * (rng.random((300, SIZE, SIZE, 1)) < 0.3)
    )
    tidy = Tidy(squares)
    assert (tidy(drawn) != drawn).any()
    assert torch.equal(tidy(drawn.cuda()).cpu(), tidy(drawn))


def test_what_would_spoil_training_icons_is_not_done(squares: Icons) -> None:
    for icon in squares[:6]:  # they glow
        icon[..., :] = np.maximum(icon, 40)
    assert Tidy(squares).least == 0
    icon = icons(1)[0]
    put(icon, 8, 8, 12)
    put(icon, 25, 25, 2)
    assert (tidied(squares, icon) == icon).all()
    squares[5][squares[5] == 40] = 0
    assert Tidy(squares).least > 0


def test_training_icons_without_anything_do_not_count(squares: Icons) -> None:
    least = Tidy(squares).least
    assert least == SIZE * SIZE * 255 // 100
    assert Tidy(np.concatenate([squares, icons(50)])).least == least
    assert Tidy(icons(20)).least == 0


def test_opaque_icons_stay_as_they_are() -> None:
    rng = np.random.default_rng(0)
    for channels in (1, 3):
        drawn = rng.integers(0, 256, (5, SIZE, SIZE, channels), np.uint8)
        assert (Tidy(drawn)(torch.from_numpy(drawn)).numpy() == drawn).all()


def test_reach_is_what_icons_cover_and_one_pixel_more() -> None:
    found = np.zeros((2, 5, 6, 4), np.uint8)
    found[0, 2, 2], found[1, 0, 5], found[1, 4, 0] = 255, 3, 2
    wanted = np.zeros((5, 6), bool)
    wanted[1:4, 1:4] = wanted[:2, 4:] = True
    assert (reach(found) == wanted).all()
