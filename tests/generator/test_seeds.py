"""Seeds and latents: what a person types always means the same icon."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from generator.seeds import LONGEST_PATH, MAX_SEED_TEXT, NEAR_STRENGTH, SEED_LIMIT, Near, Seed, latents, walk


def test_an_integer_stands_for_itself() -> None:
    assert Seed.parse(" 42 ") == Seed(text="42", number=42)
    assert Seed.parse("007") == Seed(text="7", number=7)
    assert Seed.parse(str(SEED_LIMIT - 1)).number == SEED_LIMIT - 1


def test_any_other_text_is_hashed_and_kept() -> None:
    # Fixed values: a change here would change what old seeds mean.
    assert Seed.parse("blue cat") == Seed(text="blue cat", number=6370763427707568267)
    assert Seed.parse("-1").number == Seed.parse(" -1").number != -1
    assert Seed.parse(str(SEED_LIMIT)).number < SEED_LIMIT
    assert Seed.parse("٣").text == "٣"


@pytest.mark.parametrize("text", ["", "   ", "x" * (MAX_SEED_TEXT + 1)])
def test_an_impossible_seed_is_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"^A seed .*\.$"):
        Seed.parse(text)


@given(st.text(min_size=1, max_size=MAX_SEED_TEXT).filter(lambda text: text.strip()))
def test_every_text_is_a_seed(text: str) -> None:
    assert 0 <= Seed.parse(text).number < SEED_LIMIT


def test_a_fresh_seed_can_be_typed_again() -> None:
    fresh = Seed.random()
    assert Seed.parse(fresh.text) == fresh
    assert len({Seed.random().number for _ in range(20)}) > 1


def test_offsets_wrap_and_keep_the_first_text() -> None:
    assert Seed.parse("cat").offset(0).text == "cat"
    assert Seed.of(SEED_LIMIT - 1).offset(1).number == 0


def test_latents_are_the_same_for_ever() -> None:
    drawn = latents([42, 0], 3)
    expected = torch.tensor([[2.1948488, 0.3542525, -2.1085532], [-1.2920893, 0.7451912, 0.5619537]])
    assert torch.allclose(drawn, expected, atol=1e-6)


def test_latents_do_not_depend_on_their_company() -> None:
    assert torch.equal(latents([1, 2, 3], 16)[1], latents([2], 16)[0])
    assert latents([], 16).shape == (0, 16)


def test_latents_are_standard_normal() -> None:
    drawn = latents(range(2000), 64)
    assert abs(float(drawn.mean())) < 0.01
    assert abs(float(drawn.std()) - 1) < 0.01
    assert float((drawn[:, 0] * drawn[:, 1]).mean().abs()) < 0.1


def test_a_walk_keeps_the_length_of_latents_and_ends_at_the_seeds() -> None:
    way = walk(1, 2, 64, 9)
    assert way.dtype == torch.float32
    assert torch.equal(way[[0, -1]], latents([1, 2], 64))
    lengths, ends = way.norm(dim=1), way[[0, -1]].norm(dim=1)
    assert float(lengths.min()) > 0.97 * float(ends.min())
    assert float(lengths.max()) < 1.03 * float(ends.max())
    steps = (way[1:] - way[:-1]).norm(dim=1)
    assert float(steps[0]) < float(steps[4])


def test_a_walk_on_the_spot_stays_there() -> None:
    assert torch.allclose(walk(5, 5, 64, 4), latents([5] * 4, 64))
    with pytest.raises(ValueError, match="at least two steps"):
        walk(1, 2, 64, 1)


def test_a_variation_is_as_far_from_its_seed_as_its_strength_says() -> None:
    seed = Seed.parse("blue cat")
    base, *near = latents([seed, *(seed.variation(index) for index in range(1, 10))], 4096)
    turn = NEAR_STRENGTH * math.pi / 2
    for each in near:
        cosine = float(torch.dot(base, each) / base.norm() / each.norm())
        assert cosine == pytest.approx(math.cos(turn), abs=0.05)
        assert float(each.std()) == pytest.approx(1, abs=0.05)
    assert len({tuple(each.tolist()) for each in near}) == 9


def test_a_variation_depends_on_nothing_but_seed_path_and_strength() -> None:
    way = Seed.of(42).variation(3).variation(7)
    assert way == Seed("42", 42, Near("37", NEAR_STRENGTH))
    assert (way.name, way.parent.name, way.parent.parent.name, Seed.of(42).parent) == (
        "42 ~3.7",
        "42 ~3",
        "42",
        Seed.of(42),
    )
    assert torch.equal(latents([way], 8), latents([Seed("any", 42, Near("37", NEAR_STRENGTH))], 8))
    # Fixed values: a change here would change what old rows mean.
    assert latents([way], 3)[0].tolist() == pytest.approx([1.6500119, 0.3612291, -1.1894238])
    other = latents([Seed("42", 42, Near("37", 0.5))], 8)
    assert not torch.equal(latents([way], 8), other)


def test_variations_keep_the_strength_that_they_began_with() -> None:
    assert Seed("42", 42, Near("3", 0.5)).variation(7).near == Near("37", 0.5)


def test_variations_end() -> None:
    deep = Seed("42", 42, Near("1" * LONGEST_PATH, 0.25))
    with pytest.raises(ValueError, match="at most 50 steps"):
        deep.variation(1)
    with pytest.raises(ValueError, match="no 10"):
        Seed.of(42).variation(10)
