"""Neighborhoods: two ways to be near, distances in units of a fresh icon's, and what they mean in words."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from generator import neighborhood as module
from generator.checkpoint import Bundle, read_bundle
from generator.decode import decode
from generator.encoder import load_encoder
from generator.neighborhood import (
    REFERENCES,
    Calibration,
    Closeness,
    Neighbor,
    Neighborhood,
    Verdict,
    measure,
    references,
)
from generator.neighbors import NeighborIndex, describe
from tests.conftest import draw_icon


@pytest.fixture(scope="module")
def bundle(tiny_bundle_path: Path) -> Bundle:
    return read_bundle(tiny_bundle_path)


@pytest.fixture(scope="module")
def around(bundle: Bundle) -> Neighborhood:
    return Neighborhood(bundle)


def photographed(icon: Image.Image) -> Image.Image:
    """As somebody sends it: larger, as a JPEG, read back."""
    buffer = io.BytesIO()
    icon.resize((200, 200), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=70)
    return Image.fromarray(decode(buffer.getvalue()).pixels)


def near(distance: float, pixels: float = 0.3, features: float = 0.5) -> list[Neighbor]:
    return [Neighbor(0, distance, pixels, features)]


def spaced(*distances: float) -> Calibration:
    """A calibration whose fresh icons are so far by pixels, and twice as far by features."""
    return Calibration(np.array([(distance, 2 * distance) for distance in distances], np.float32))


def test_search_ranks_by_the_smaller_distance_and_misses_none(around: Neighborhood, bundle: Bundle) -> None:
    icon = draw_icon(1006)
    pixels = np.array(NeighborIndex(bundle.descriptors).distances(icon, range(40)))
    encoder = load_encoder()
    features = 1 - (encoder.features(np.asarray(icon)[None]) @ encoder.features(bundle.icons()).T)[0].numpy()
    expected = np.minimum(pixels / around.calibration.unit[0], features / around.calibration.unit[1])
    found = around.search(icon, 12)
    assert [one.index for one in found] == np.argsort(expected)[:12].tolist()
    assert [one.distance for one in found] == pytest.approx(np.sort(expected)[:12], rel=1e-3)
    assert len({one.pixels / around.calibration.unit[0] == one.distance for one in found}) == 2  # both have a say


def test_a_recolored_icon_is_found_by_its_features(around: Neighborhood) -> None:
    recolored = Image.merge("RGB", draw_icon(4).split()[::-1])
    found = around.search(recolored)[0]
    assert found.index == 4
    assert found.distance == pytest.approx(found.features / around.calibration.unit[1])


def test_what_is_saved_as_a_photo_is_still_a_copy(around: Neighborhood) -> None:
    judge = around.calibration.judge
    assert judge(around.search(photographed(draw_icon(7)))) == Verdict(Closeness.COPY)
    assert judge(around.search(draw_icon(1000))).closeness is not Closeness.COPY


def test_features_of_the_bundle_are_used(bundle: Bundle, around: Neighborhood) -> None:
    encoder, icons = load_encoder(), bundle.icons()
    features = encoder.features(icons).half()
    fresh = torch.tensor([[0.5, 1.0]] * REFERENCES)
    card = bundle.card.model_copy(update={"encoder": encoder.digest})
    held = Neighborhood(replace(bundle, card=card, features=features, fresh=fresh))
    assert held.calibration.unit.tolist() == [0.5, 1.0]
    assert held.calibration.spacing == [1.0] * REFERENCES
    assert held.search(draw_icon(7))[0].index == 7
    card = card.model_copy(update={"encoder": "0" * 64})
    other = Neighborhood(replace(bundle, card=card, features=features, fresh=fresh))
    assert other.calibration.spacing == around.calibration.spacing  # measured anew, as without any


def test_fresh_icons_come_first_and_training_icons_fill_up(
    drawn_icons: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFERENCES", 20)
    index, features = NeighborIndex(describe(drawn_icons)), load_encoder().features(drawn_icons)
    others = np.stack([np.asarray(draw_icon(number)) for number in range(1000, 1005)])
    fresh = measure(index, features, others, load_encoder().features(others))
    assert fresh[:, 0].tolist() == pytest.approx([index.search(draw_icon(1000 + i), 1)[0].distance for i in range(5)])
    found = references(index, features, drawn_icons, fresh)
    assert found.shape == (20, 2)
    assert (found[:5] == fresh).all()
    assert (found > 0).all()  # none of the others was compared with itself
    assert measure(index, features, others[:0], features[:0]).shape == (0, 2)


def test_icons_that_stand_in_the_set_twice_are_no_measure_of_a_copy(drawn_icons: NDArray[np.uint8]) -> None:
    crowd = np.concatenate([np.repeat(drawn_icons[:1], 5, axis=0), drawn_icons])
    nothing = np.empty((0, 2), np.float32)
    encoder = load_encoder()
    twice, once = (
        Calibration(references(NeighborIndex(describe(icons)), encoder.features(icons), icons, nothing))
        for icons in (crowd, drawn_icons)
    )
    assert max(twice.spacing[:6]) < 0.01  # each of the six is nearest to another one, and never to itself
    assert len(twice.spacing) == 45
    assert twice.copy == pytest.approx(once.copy, rel=0.05)


@pytest.mark.parametrize(
    ("distance", "verdict"),
    [
        (0.1, Verdict(Closeness.CLOSEST)),
        (0.2, Verdict(Closeness.SHARE, 75)),
        (0.3, Verdict(Closeness.SHARE, 75)),
        (1.7, Verdict(Closeness.SHARE, 25)),
        (2.0, Verdict(Closeness.FARTHEST)),
    ],
)
def test_a_distance_is_put_into_words(distance: float, verdict: Verdict) -> None:
    assert spaced(0.08, 0.3, 0.5, 0.8).judge(near(distance)) == verdict  # the middle is 0.4


@pytest.mark.parametrize(
    ("pixels", "features", "is_copy"), [(0.0199, 0.5, True), (0.3, 0.0399, True), (0.021, 0.041, False)]
)
def test_either_distance_can_make_a_copy(pixels: float, features: float, *, is_copy: bool) -> None:
    verdict = spaced(0.04, 0.04).judge([*near(0.9), Neighbor(3, 0.95, pixels, features)])
    assert (verdict.closeness is Closeness.COPY) == is_copy


def test_a_share_is_never_all_or_nothing() -> None:
    many = spaced(*(0.1 + i / 1000 for i in range(300)))
    assert many.judge(near(many.spacing[0])) == Verdict(Closeness.SHARE, 99)
    assert many.judge(near(many.spacing[-2])) == Verdict(Closeness.SHARE, 1)


@pytest.mark.parametrize(("distances", "copy"), [((), 0.004), ((0.0, 0.0), 0.004), ((0.005,), 0.004), ((0.3,), 0.05)])
def test_the_threshold_of_a_copy_has_bounds(distances: tuple[float, ...], copy: float) -> None:
    fresh = np.array([(distance, 1) for distance in distances], np.float32).reshape(-1, 2)
    assert Calibration(fresh).copy[0] == pytest.approx(copy)


def test_a_single_training_icon_gives_no_measure(bundle: Bundle, drawn_icons: NDArray[np.uint8]) -> None:
    index, features = NeighborIndex(describe(drawn_icons[:1])), load_encoder().features(drawn_icons[:1])
    alone = Calibration(references(index, features, drawn_icons[:1], np.empty((0, 2), np.float32)))
    assert alone.judge(near(0.3)) == Verdict(Closeness.ALONE)
    assert alone.judge(near(0.0, 0.0, 0.0)) == Verdict(Closeness.COPY)
