"""Seeds and latents: what a person types always means the same icon."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from generator.seeds import (
    LONGEST_PATH,
    MAX_SEED_TEXT,
    MAX_TYPED,
    NEAR_STRENGTH,
    SEED_LIMIT,
    Near,
    Seed,
    latents,
    walk,
)


def test_an_integer_stands_for_itself() -> None:
    assert Seed.parse(" 42 ") == Seed(text="42", number=42)
    assert Seed.parse("007") == Seed(text="7", number=7)
    assert Seed.parse(str(SEED_LIMIT - 1)).number == SEED_LIMIT - 1


def test_any_other_text_is_hashed_and_kept() -> None:
    # Fixed values: a change here would change what old seeds mean.
    assert Seed.parse("blue cat") == Seed(text="blue cat", number=6370763427707568267)
    assert Seed.parse("-1").number == Seed.parse(" -1").number != -1
    for text in (str(SEED_LIMIT), "٣", "cat +0", "cat +٣", "\udc80"):
        assert Seed.parse(text).text == text


@pytest.mark.parametrize("text", ["", "   ", "x" * (MAX_SEED_TEXT + 1), "1 ~1" + LONGEST_PATH * ".1"])
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
    assert Seed.of(SEED_LIMIT - 1).offset(1).number == Seed("cat", SEED_LIMIT - 1).offset(1).number == 0


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
    for index in (0, 55):
        with pytest.raises(ValueError, match=f"no {index}"):
            Seed.of(42).variation(index)


@pytest.mark.parametrize(
    ("typed", "path", "name"),
    [
        ("42 ~3", "3", "42 ~3"),
        ("42  ~ 3.1", "31", "42 ~3.1"),
        ("blue cat ~12.3", "c3", "blue cat ~12.3"),
        ("a ~54", "S", "a ~54"),
        ("x" * 100 + " ~9" + ".54" * 49, "9" + "S" * 49, "x" * 100 + " ~9" + ".54" * 49),
    ],
)
def test_what_a_variation_is_called_gives_it(typed: str, path: str, name: str) -> None:
    seed = Seed.parse(typed)
    assert seed.near == Near(path, NEAR_STRENGTH)
    assert seed.name == name
    assert Seed.parse(seed.name) == seed
    assert len(name) <= MAX_TYPED


@pytest.mark.parametrize("typed", ["42 ~0", "42 ~55", "42~3", "~3", "42 ~3.", "42 ~3 b", "42 ~٣"])
def test_other_texts_with_a_tilde_are_texts(typed: str) -> None:
    assert Seed.parse(typed).near is None


@given(st.text(max_size=MAX_SEED_TEXT).filter(str.strip), st.integers(0, 8), st.lists(st.integers(1, 54), max_size=4))
def test_what_a_card_calls_the_seed_gives_it_when_typed(text: str, steps: int, path: list[int]) -> None:
    seed = Seed.parse(text).offset(steps)
    for index in path:
        seed = seed.variation(index)
    read = Seed.parse(seed.name)
    assert (read.number, read.near) == (seed.number, seed.near)


def test_rows_of_before_are_called_by_their_number_where_their_text_means_something_else_now() -> None:
    """Before `~3` and `+2` were read, such texts were hashed; their rows keep the number."""
    old = Seed("42 ~3", 5_577_006_791_947_779_410)
    assert old.name == "5577006791947779410"
    assert Seed("cat +2", 7, Near("3", NEAR_STRENGTH)).name == "7 ~3"
    assert Seed("", 7).name == "7"


def test_seeds_that_follow_a_text_are_called_by_it() -> None:
    cat = Seed.parse("cat")
    assert cat.offset(2) == Seed("cat +2", cat.number + 2)
    assert cat.offset(2).offset(3) == cat.offset(5) == Seed.parse("cat +5")
    assert cat.offset(100) == Seed.of(cat.number + 100)
    assert Seed.parse("42 +1") == Seed.of(43)
    assert Seed.parse("x" * 99).offset(1).text.isdecimal()


def test_after_a_variation_comes_the_next_one() -> None:
    assert [Seed.parse("42 ~3").offset(i).name for i in range(3)] == ["42 ~3", "42 ~4", "42 ~5"]
    assert Seed.parse("42 ~7.54").offset(1).name == "42 ~7.1"


def test_a_fresh_seed_is_short_and_unambiguous() -> None:
    for _ in range(50):
        fresh = Seed.random()
        assert len(fresh.text) == 6
        assert not set(fresh.text) & set("01aeioul")
