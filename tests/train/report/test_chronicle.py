"""The report on a run: what is in its folder is on the page and in the picture, whatever the run went through."""

from __future__ import annotations

import io
import json
import re
import shutil
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from generator.checkpoint import read_bundle
from generator.pictures import grid, png
from generator.quality import DISTANCE
from generator.writing import Description, write_bundle
from train.__main__ import app
from train.report.charts import Chart, Series, lay_out, number, part_ways, to_picture, to_svg
from train.report.chronicle import PAGE, PICTURE, write_run_report
from train.report.history import nearest_pairs, read_history, spread
from train.run.folder import BEST, LATEST, STATS, Run, RunError


def evaluation(kimg: float, swd: float, *, best: bool, **more: Any) -> dict[str, Any]:
    figures = {"swd": {"value": swd, "real": 20.0}, "odd": {"value": 0.5, "real": 0.25}}
    sheet = f"sheets/{kimg}.png"
    return {
        "event": "evaluation",
        "seconds": 60 * kimg,
        "kimg": kimg,
        "metrics": figures,
        "sheet": sheet,
        "best": best,
        "encoder": "e5" * 32,
    } | more


def tick(kimg: float) -> dict[str, Any]:
    losses = {"loss_generator": 0.5, "loss_discriminator": 1.0}
    return {"event": "tick", "seconds": 60 * kimg, "kimg": kimg, "images_per_second": 16.0, **losses}


STORMY = [
    *(tick(kimg) for kimg in np.linspace(0.1, 3.0, 400).tolist()),
    evaluation(1.0, 160.0, best=True),
    evaluation(2.0, 40.0, best=True),
    evaluation(3.0, 90.0, best=False, alarm="coverage fell to <0.1> & less"),
    {"event": "rollback", "seconds": 180, "kimg": 3.0, "to_kimg": 2.0},
    tick(2.1),
    evaluation(2.5, 30.0, best=True),
]


@pytest.fixture(scope="module")
def bundle_path(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle_path: Path, drawn_icons: NDArray[np.uint8]
) -> Path:
    """A bundle whose samples are its training icons, in reverse order."""
    tiny = read_bundle(tiny_bundle_path)
    card = tiny.card
    path = tmp_path_factory.mktemp("bundles") / "copier"
    write_bundle(
        path,
        Description(**{name: getattr(card, name) for name in Description.__dataclass_fields__}),
        config=tiny.config,
        weights=tiny.generator,
        descriptors=tiny.descriptors,
        sheet=tiny.sheet,
        samples=png(sheet_of(drawn_icons[::-1])),
    )
    return path


@pytest.fixture
def run(tmp_path: Path, drawn_icons: NDArray[np.uint8], bundle_path: Path) -> Path:
    """A run folder with two bundles and sheets, without statistics."""
    options = {
        "recipe": {"preset": "sagan", "batch": 4},
        "data": {"name": "<b>drawn</b>", "count": 40, "license": "MIT"},
        "image_size": 64,
    }
    with Run.create(tmp_path, "sagan-drawn", options, drawn_icons) as run:
        for record in STORMY:
            run.append_stats(record)
            if "sheet" in record:
                (run.path / record["sheet"]).write_bytes(png(sheet_of(drawn_icons)))
        for name in (BEST, LATEST):
            shutil.copytree(bundle_path, run.path / name)
        return run.path


def sheet_of(icons: NDArray[np.uint8]) -> Image.Image:
    return grid([Image.fromarray(icon) for icon in icons], columns=16)


class Page(HTMLParser):
    """Collects tags, pictures and text, and sees that every element is closed."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.pictures: list[Image.Image] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(content)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "img":
            kind, _, data = str(dict(attrs)["src"]).partition(",")
            assert kind == "data:image/png;base64"
            self.pictures.append(Image.open(io.BytesIO(b64decode(data))))
        if tag not in ("img", "meta"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("there", [True, False])
def test_the_page_is_opened_where_there_is_a_browser(run: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    opened: list[str] = []

    def note(address: str) -> bool:
        opened.append(address)
        return there

    monkeypatch.setattr("webbrowser.open", note)
    result = CliRunner().invoke(app, ["report", str(run), "--open"])
    assert result.exit_code == 0, result.output
    assert opened == [(run / PAGE).as_uri()]
    assert ("open the page by hand" in result.stderr) is not there


def test_the_report_shows_the_run(run: Path) -> None:
    with (run / STATS).open("a") as file:
        file.write('{"event": "ti')  # as a kill leaves it
    result = CliRunner().invoke(app, ["report", str(run)])
    assert result.exit_code == 0, result.output
    content = (run / PAGE).read_text()
    page = Page(content)
    assert not {"script", "link", "b>drawn<"} & page.tags
    assert not re.search(r"https?:|url\(|@import", content)
    for text in (
        "40 icons of <b>drawn</b>",
        "coverage fell to <0.1> & less",
        "Rollback: to_kimg 2",
        "SWD x 1000",
        "encoder e5e5e5e5e5e5",
        "odd",
        f"Distance {DISTANCE}",
    ):
        assert text in page.text
    assert "best 30" in page.text
    assert "real 20" in page.text
    assert len(page.pictures) == 4 + 1 + 2 * 8  # moments, the best sheet (the latest is the same), pairs
    with Image.open(run / PICTURE) as poster:
        assert min(poster.size) > 1200


def test_a_run_that_has_just_begun_has_a_report(run: Path) -> None:
    (run / STATS).unlink()
    shutil.rmtree(run / BEST)
    shutil.rmtree(run / LATEST)
    write_run_report(run)
    assert Page((run / PAGE).read_text()).pictures == []
    with Image.open(run / PICTURE) as poster:
        assert poster.width > 1200


def test_a_bundle_of_another_version_does_not_hinder(run: Path) -> None:
    card = json.loads((run / BEST / "card.json").read_text())
    (run / BEST / "card.json").write_text(json.dumps(card | {"format_version": 99}))
    write_run_report(run)
    assert "Nearest to a training icon" not in Page((run / PAGE).read_text()).text


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        read_history(tmp_path)
    result = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_moments_hold_first_last_and_best(run: Path) -> None:
    with (run / STATS).open("w") as file:
        for kimg in range(1, 41):
            file.write(json.dumps(evaluation(float(kimg), 50.0, best=kimg in (1, 17))) + "\n")
    chosen = [one.kimg for one in spread(read_history(run).evaluations, 6)]
    assert len(chosen) == 6
    assert {1, 17, 40} <= set(chosen)
    assert chosen == sorted(chosen)


def test_copies_are_the_nearest_pairs(bundle_path: Path, drawn_icons: NDArray[np.uint8]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, drawn_icons.shape, np.uint8)
    shown = np.concatenate([noise[:20], drawn_icons[7:9]])
    pairs = nearest_pairs(read_bundle(bundle_path), sheet_of(shown), count=3)
    assert {pair.seed for pair in pairs[:2]} == {21, 22}
    assert all(pair.distance < 1e-3 for pair in pairs[:2])
    assert all((np.asarray(pair.training) == np.asarray(pair.generated)).all() for pair in pairs[:2])
    assert pairs[2].distance > 1  # farther than a fresh icon usually is


def test_ways_that_were_given_up_are_told_apart() -> None:
    live, left = part_ways([(1, 9), (2, 8), (3, 7), (4, 6), (2, 5), (3, 4)])
    assert live == [(1, 9), (2, 5), (3, 4)]
    assert left == [[(1, 9), (2, 8), (3, 7), (4, 6)]]
    assert part_ways([(1, 9), (2, 8), (2, 7)]) == ([(1, 9), (2, 7)], [])


@pytest.mark.parametrize("values", [[], [5.0], [0.0, 0.0], [-1.0, 2.0], [1e-4, 30.0], [float("nan"), 2.0]])
def test_a_chart_stays_in_its_frame(values: list[float]) -> None:
    chart = Chart("x", "", [Series([*enumerate(values)])], real=1.0, logarithmic=True)
    for x, y in re.findall(r'c?x="([-\d.]+)" c?y="([-\d.]+)"', to_svg(chart)):
        assert 0 <= float(x) <= 420
        assert 0 <= float(y) <= 190
    assert lay_out(chart)
    assert to_picture(chart).size == (420, 190)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.06814, "0.0681"), (44.82, "44.8"), (1230.4, "1,230"), (-0.5, "-0.5"), (100, "100")]
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text
