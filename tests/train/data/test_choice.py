"""`--only`: which names its terms fit, and the sentence when one fits nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data.choice import Choice

NAMES = ["cat", "Cat Face", "concatenate", "grinning-face", "Red Apple", "0007-dog"]


def taken(*terms: str) -> list[str]:
    choice = Choice(terms)
    return [name for name in NAMES if choice.takes(name)]


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        ((), NAMES),
        (("cat",), ["cat"]),
        (("CAT*",), ["cat", "Cat Face"]),
        (("cat-face",), ["Cat Face"]),
        (("cat face",), ["Cat Face"]),
        (("*cat*", "*-dog"), ["cat", "Cat Face", "concatenate", "0007-dog"]),
        (("[cg]*",), ["cat", "Cat Face", "concatenate", "grinning-face"]),
        (("faces",), ["grinning-face"]),
        (("food", "animals"), ["cat", "Cat Face", "Red Apple"]),
        (("objects",), []),
    ],
)
def test_terms_are_patterns_or_groups_of_emoji(terms: tuple[str, ...], names: list[str]) -> None:
    assert taken(*terms) == names


def test_categories_are_taken_by_their_whole_name() -> None:
    assert Choice(["animals-nature"]).takes("x", ["Animals & Nature"])
    assert not Choice(["animals*"]).takes("x", ["Animals & Nature"])


def test_a_term_that_fits_nothing_is_one_sentence() -> None:
    choice = Choice(["cat*", "catz"])
    for name in NAMES:
        choice.takes(name, ["Pets"] if name == "0007-dog" else [])
    choice.takes("a last one")
    assert choice.complaint() == (
        "--only: no icon is called 'catz'; there are cat, cat-face, concatenate, grinning-face, red-apple, 0007-dog "
        "and 1 others; groups: animals, faces, food, pets"
    )


def test_there_is_no_complaint_without_names_or_reasons() -> None:
    assert Choice(["cat"]).complaint() == ""
    choice = Choice(["cat", "CAT"])
    assert choice.terms == ("cat",)
    assert choice.takes("Cat")
    assert choice.complaint() == ""


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_name_and_any_term_can_be_asked(name: str, term: str) -> None:
    choice = Choice([term])
    assert choice.takes(name) or choice.complaint()
    assert Choice(["*"]).takes(name)
