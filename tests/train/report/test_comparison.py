"""A comparison's tables: what was first below a bound and when, and what stands where there is no figure."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from generator.card import Figure
from train.metrics.membership import Membership
from train.report.comparison import Anatomy, Comparison, Entry, Reached, seconds_until, sheets, tables, trained_seconds
from train.report.history import Evaluation, History
from train.report.lineup import to_page, to_poster

SHEET = Image.new("RGB", (64, 32), "white")


def reached(swd: float, told_apart: Membership | None = None, note: str = "", **others: float) -> Reached:
    figures = {name: Figure(value=value, real=1.0) for name, value in {"swd": swd, **others}.items()}
    sooner = {"swd": [5.0, 90.0, None]}
    return Reached(12.0, 3600.0, 300.0, 10.0, figures, told_apart, sooner, SHEET, note)


def comparison(*entries: Entry, price: float | None = 0.5) -> Comparison:
    return Comparison("All <presets>", ["7 icons"], entries, SHEET, price, "As dear as a machine.")


def evaluation(kimg: float, **figures: tuple[float, float]) -> Evaluation:
    return Evaluation(kimg, 100 * kimg + 50, figures, Path("sheet.png"), best=True, encoder="")


def test_the_first_state_below_a_bound_counts() -> None:
    history = History(Path("run"), {})
    history.evaluations = [
        evaluation(1, swd=(50.0, 10.0), kid=(3.9, -2.0), form=(90.0, 5.0)),
        evaluation(2, swd=(19.0, 10.0), kid=(1.9, -2.0), form=(29.0, 5.0)),
        evaluation(3, swd=(21.0, 10.0), kid=(9.0, -2.0), form=(20.0, 5.0)),
    ]
    history.clock = [(kimg, 100 * kimg + 50) for kimg in (1, 2, 3)]
    # Real KID and form can be low by chance: they count as 1 and 20 at least, as in the score.
    assert seconds_until(history) == {"swd": [250, 250, None], "kid": [150, 250, None], "form": [250, 250, 250]}
    # What is told about once a second knows when the state was there; measuring it takes until the evaluation's line.
    history.ticks = [{"kimg": kimg, "seconds": 100 * kimg} for kimg in (0.5, 0.99, 1.5, 1.98, 2.5, 2.9)]
    assert seconds_until(history) == {"swd": [198, 198, None], "kid": [99, 198, None], "form": [198, 198, 198]}
    assert trained_seconds(history) == 290
    history.evaluations = [evaluation(1, reconstruction=(2.0, 1.0))]
    assert seconds_until(history) == {}


def test_the_tables_hold_what_there_is() -> None:
    told_apart = Membership(0.7, 0.5, 0.1, 90, 10)
    figures, costs, sooner = tables(
        comparison(
            Entry("good", Anatomy(2_000_000, 1_500_000, 0.25), reached(2.0, told_apart, odd=0.5, chosen_odd=0.1)),
            Entry("refused", said="Not so small."),
            Entry("alone", Anatomy(1_000, 0, 0.001), reached(4.0, note="ended by alarms")),
            Entry("diverged", Anatomy(3_000_000, 10, 0.5), said="It diverged."),
        )
    )
    assert figures.head == ["x real", "SWD", "odd", "membership"]
    assert [(line.label, *line.cells, line.said) for line in figures.lines] == [
        ("real icons", "1", "1", "1", "0.5 ± 0.1", ""),
        ("good", "2", "2", "0.5", "0.7", ""),
        ("refused", "Not so small."),
        ("alone", "4", "4", "-", "-", ""),
        ("diverged", "It diverged."),
    ]
    assert [line.label for line in figures.lines if line.is_best] == ["good"]
    assert "0.30 to 0.70 is chance" in figures.note
    assert [(line.label, *line.cells, line.said) for line in costs.lines] == [
        ("good", "2 M", "1.5 M", "0.25", "300", "12.0 kimg", "1 h 0 min", "0.5", ""),
        ("refused", "Not so small."),
        ("alone", "0.001 M", "-", "0.001", "300", "12.0 kimg", "1 h 0 min", "0.5", ""),
        ("diverged", "3 M", "0.00001 M", "0.5", "-", "-", "-", "-", ""),
    ]
    assert sooner.head[:3] == ["SWD < 4x", "SWD < 2x", "SWD < 1.5x"]
    assert [line.cells for line in sooner.lines] == [["5 s", "2 min", "-", *["-"] * 6]] * 2


def test_page_and_poster_stand_without_a_single_model() -> None:
    nothing = comparison(Entry("diverged", Anatomy(3_000_000, 0, 0.5), said="It <diverged>."), price=None)
    assert [table.title for table in tables(nothing)] == ["What it takes"]
    page = to_page(nothing)
    assert "<title>All &lt;presets&gt;</title>" in page
    assert "As dear as a machine." in page
    assert to_poster(nothing).height > 200


def test_each_model_has_its_sheet_and_how_it_ended() -> None:
    one = comparison(Entry("short", Anatomy(1, 1, 1.0), reached(1.0, note="ended by alarms at 12.0 kimg")))
    assert [title for title, _, _ in sheets(one)] == ["Training icons", "short"]
    page = to_page(one)
    assert "ended by alarms" in page
    assert len(re.findall(r'src="data:image/png', page)) == 2
    assert to_poster(one).height > to_poster(comparison()).height
