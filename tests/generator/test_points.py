"""Points of their own: what names them, and how a database keeps them."""

from __future__ import annotations

import pytest

from generator.points import CHILDREN, PointKind, at, mix, names_point, pack, unpack
from generator.seeds import Seed, latents


def test_a_point_is_kept_as_it_always_was() -> None:
    """Fixed values: a change here would change what old rows mean."""
    assert pack((1.0, -2.5)) == bytes.fromhex("0000803f000020c0")
    assert unpack(pack((1.0, -2.5))) == (1.0, -2.5)


def test_the_name_of_a_point_is_all_of_a_text() -> None:
    seed = at(PointKind.MIX, latents([1], 4)[0])
    assert names_point(seed.text)
    assert not any(names_point(each) for each in (f"{seed.text}x", f"a {seed.text}", "mix-2345", "42"))


def test_each_child_has_a_direction_of_its_own() -> None:
    """Also where the parents are one and the same."""
    children = mix(Seed.of(1), Seed.of(1), 8)
    assert len({child.point for child in children}) == len(children) == CHILDREN


def test_a_point_of_another_size_is_refused() -> None:
    seed = at(PointKind.MIX, latents([1], 4)[0])
    assert latents([seed], 4).tolist() == latents([1], 4).tolist()
    with pytest.raises(ValueError, match="a point of 4 dimensions, not 8"):
        latents([Seed.of(1), seed], 8)


def test_after_a_point_come_its_variations() -> None:
    seed = at(PointKind.MIX, latents([1], 4)[0])
    assert [seed.offset(steps).name for steps in (0, 1, 2)] == [seed.text, f"{seed.text} ~1", f"{seed.text} ~2"]
