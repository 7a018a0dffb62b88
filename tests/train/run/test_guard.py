"""The guard's decisions, figure by figure."""

from __future__ import annotations

import pytest

from generator.card import Figure
from generator.quality import score
from train.run.guard import NEVER, Alarm, Guard, Limits, Verdict, Watch

ARMED = Limits(warm_up=0)


def figures(swd: float = 40.0, /, **others: tuple[float, float]) -> dict[str, Figure]:
    """Figures of a healthy model, and others as (value, real)."""
    healthy = {
        "swd": (swd, 20.0),
        "ms_ssim": (0.3, 0.25),
        "coverage": (0.8, 0.95),
        "nearest": (1.2, 1.0),
        "copies": (0.0, 0.01),
    }
    return {name: Figure(value=value, real=real) for name, (value, real) in (healthy | others).items()}


def judged(guard: Guard, metrics: dict[str, Figure], share: float = 0.0) -> Verdict:
    return guard.judge(metrics, share=share, kimg=share * 100)


def test_the_best_is_the_nearest_to_real_icons() -> None:
    guard = Guard()
    assert [judged(guard, figures(swd)).best for swd in (40, 50, 39.9, 41)] == [True, False, True, False]
    assert guard.watch.since_best == 1


def test_of_equals_the_later_one_is_kept_but_nothing_got_better() -> None:
    guard = Guard(patience=2)
    assert [judged(guard, figures(swd), share=swd / 100).best for swd in (19, 18, 17)] == [True, True, True]
    assert guard.watch.best_kimg == 17
    assert guard.watch.since_best == 2


def test_a_best_score_by_other_figures_is_none() -> None:
    """As in the state of a run that a version before this one began."""
    begun = Guard(patience=1, watch=Watch(evaluations=9, best_score=0.1, best_share=0.9))
    assert judged(begun, figures(form=(900, 20))).best
    assert not judged(begun, figures(form=(901, 20))).best
    assert judged(begun, figures(form=(899, 20))).best


def test_form_decides_where_it_was_taken() -> None:
    """On broad sets SWD and KID prefer what eyes like least."""
    base = score(figures(40, kid=(40, 2), form=(900, 20)))
    assert score(figures(90, kid=(400, 2), form=(800, 20))) < base == score(figures(20, kid=(2, 2), form=(900, 20)))
    assert score(figures(90, form=(19, 2))) == score(figures(90, form=(-3, -8))) == 0  # what real icons have by chance


def test_without_it_both_figures_count_in_ratios_and_not_below_the_real_ones() -> None:
    base = score(figures(40, kid=(40, 2)))
    assert score(figures(20, kid=(40, 2))) == pytest.approx(score(figures(40, kid=(20, 2))))
    assert score(figures(20, kid=(40, 2))) < base
    assert score(figures(5, kid=(-3, 2))) == score(figures(20, kid=(2, 2))) == 0
    assert score(figures(40, kid=(0.1, -0.2))) == score(figures(40, kid=(-9, -0.2))) < base


@pytest.mark.parametrize(
    ("seen", "alarm"),
    [
        ({"ms_ssim": (0.65, 0.25)}, Alarm.COLLAPSE),
        ({"ms_ssim": (0.6, 0.25)}, None),
        ({"ms_ssim": (0.65, 0.52)}, None),
        ({"coverage": (0.05, 0.95)}, Alarm.COLLAPSE),
        ({"coverage": (0.2, 0.95)}, None),
        ({"copies": (0.3, 0.01)}, Alarm.COPYING),
        ({"copies": (0.3, 0.1)}, None),
        ({"nearest": (0.2, 1.0)}, Alarm.COPYING),
        ({"nearest": (0.4, 1.0)}, None),
    ],
)
def test_alarms_are_relative_to_real_icons(seen: dict[str, tuple[float, float]], alarm: Alarm | None) -> None:
    guard = Guard(ARMED)
    judged(guard, figures())
    verdict = judged(guard, figures(1, **seen))
    assert verdict.alarm == alarm
    assert bool(verdict.sentence) == (alarm is not None)
    assert verdict.best == (alarm is None)


def test_a_beginning_without_diversity_is_no_collapse() -> None:
    guard = Guard(ARMED)
    blank = {"ms_ssim": (0.99, 0.25), "coverage": (0.0, 0.95)}
    assert [judged(guard, figures(90 - i, **blank)).alarm for i in range(3)] == [None] * 3
    judged(guard, figures(30))
    assert judged(guard, figures(30, **blank)).alarm is Alarm.COLLAPSE


def test_the_first_evaluations_raise_no_alarm() -> None:
    guard = Guard(Limits(warm_up=2))
    copying = {"copies": (0.9, 0.01)}
    assert [judged(guard, figures(**copying)).alarm for _ in range(3)] == [None, None, Alarm.COPYING]


def test_three_rollbacks_each_with_half_the_rate() -> None:
    guard = Guard()
    assert guard.rate_scale == 1
    scales = []
    while guard.roll_back():
        scales.append(guard.rate_scale)
    assert scales == [0.5, 0.25, 0.125]


def test_patience_counts_evaluations() -> None:
    guard = Guard(patience=2)
    assert [judged(guard, figures(swd)).out_of_patience for swd in (40, 41, 39, 40, 40)] == [False] * 4 + [True]


def test_patience_without_an_option_lasts_half_the_run() -> None:
    guard = Guard()
    judged(guard, figures(30), 0.1)
    assert not any(judged(guard, figures(), 0.1 + i / 25).out_of_patience for i in range(1, 12))
    assert judged(guard, figures(), 0.65).out_of_patience
    short = Guard()
    judged(short, figures(30), 0.1)
    assert not any(judged(short, figures(), share).out_of_patience for share in (0.4, 0.7, 1.0))


def test_patience_that_never_ends() -> None:
    guard = Guard(patience=NEVER)
    assert not any(judged(guard, figures(30 + i), i / 30).out_of_patience for i in range(30))


def test_after_a_rollback_patience_begins_anew() -> None:
    guard = Guard(patience=2)
    for swd in (30, 40):
        judged(guard, figures(swd))
    guard.roll_back()
    assert not judged(guard, figures()).out_of_patience
    assert judged(guard, figures()).out_of_patience
