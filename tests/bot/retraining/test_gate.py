"""The gate between training and serving."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from bot.retraining.gate import Verdict, judge, read_evaluation
from generator.card import Figure
from generator.checkpoint import DEFAULT_BUNDLE
from train.__main__ import app as train


def figures(**values: tuple[float, float]) -> dict[str, Figure]:
    return {name: Figure(value=value, real=real) for name, (value, real) in values.items()}


GOOD = figures(kid=(3.0, 1.0), swd=(9.0, 1.0), ms_ssim=(0.3, 0.25), coverage=(0.8, 0.9), nearest=(0.1, 0.12))


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({"kid": (2.9, 1.0)}, Verdict.BETTER),
        ({"kid": (3.0, 1.0)}, Verdict.NOT_WORSE),
        ({"kid": (3.0, 1.0), "swd": (9.0, 1.0)}, Verdict.NOT_WORSE),
        ({"kid": (3.6, 1.0)}, Verdict.NOT_WORSE),  # a fifth more in one of two figures
        ({"kid": (3.7, 1.0)}, Verdict.WORSE),
        ({"kid": (3.4, 1.0), "swd": (7.0, 1.0)}, Verdict.BETTER),  # in ratios, both count alike
        ({"kid": (2.9, 1.0), "form": (999.0, 20.0)}, Verdict.BETTER),  # the running model has no such figure
        ({"kid": (1.0, 1.0), "ms_ssim": (0.63, 0.25)}, Verdict.COLLAPSED),  # over half the way from real to equal
        ({"kid": (1.0, 1.0), "ms_ssim": (0.62, 0.25)}, Verdict.BETTER),
        ({"kid": (1.0, 1.0), "coverage": (0.4, 0.9)}, Verdict.COLLAPSED),
        ({"kid": (1.0, 1.0), "nearest": (0.05, 0.12)}, Verdict.COPIES),
        ({"kid": (1.0, 1.0), "nearest": (0.06, 0.12)}, Verdict.BETTER),
    ],
)
def test_the_gate(changed: dict[str, tuple[float, float]], verdict: Verdict) -> None:
    assert judge({**GOOD, **figures(**changed)}, GOOD) is verdict
    assert verdict.passes is (verdict in {Verdict.BETTER, Verdict.NOT_WORSE})


def test_form_counts_where_both_have_it() -> None:
    """On broad sets SWD and KID call blobs excellent."""
    old, new = {**GOOD, **figures(form=(300.0, 1.0))}, {**GOOD, **figures(kid=(2.9, 1.0), form=(2300.0, 1.0))}
    assert judge(new, old) is Verdict.WORSE
    assert judge(old, new) is Verdict.BETTER
    for form, verdict in ((329.0, Verdict.NOT_WORSE), (331.0, Verdict.WORSE)):  # a tenth lies in the choice of samples
        assert judge({**GOOD, **figures(form=(form, 1.0))}, old) is verdict


def test_a_running_model_that_stands_no_better_is_no_measure() -> None:
    old = {**GOOD, **figures(ms_ssim=(0.9, 0.25))}
    assert judge({**GOOD, **figures(ms_ssim=(0.88, 0.25), kid=(2.0, 1.0))}, old) is Verdict.BETTER
    assert judge({**GOOD, **figures(ms_ssim=(0.92, 0.25), kid=(2.0, 1.0))}, old) is Verdict.COLLAPSED
    assert judge({**old, **figures(kid=(2.0, 1.0))}, old) is Verdict.BETTER


def test_a_set_with_twins_is_no_measure_of_copies() -> None:
    """The nearest of two real icons is as near as can be: there is no half of that."""
    assert judge({**GOOD, **figures(nearest=(0.0, 0.0), kid=(2.0, 1.0))}, GOOD) is Verdict.BETTER


def test_without_a_common_figure_nothing_is_known() -> None:
    assert judge(figures(swd=(1.0, 1.0)), figures(kid=(1.0, 1.0))) is Verdict.UNKNOWN
    assert judge({}, {}) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "document", ["", "[]", "{}", '{"figures": {}}', '{"figures": {"swd": {"value": NaN, "real": 1}}}']
)
def test_an_evaluation_that_cannot_be_read(document: str) -> None:
    with pytest.raises(ValueError, match="the evaluation"):
        read_evaluation(document)


def test_what_the_evaluation_prints_is_read() -> None:
    options = ["evaluate", str(DEFAULT_BUNDLE), "--icons", str(DEFAULT_BUNDLE), "--samples", "8", "--json"]
    read = read_evaluation(CliRunner().invoke(train, options).stdout)
    assert {"swd", "kid", "coverage", "nearest", "membership"} <= read.keys()
