"""Pages of HTML: self-contained, without scripts, for light and dark screens; the first is the report on a run."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape

from PIL import Image

from generator.pictures import png
from generator.quality import DISTANCE
from train.report.charts import COLORS, Chart, number, thousands, to_svg
from train.report.history import FIGURES, History, Moment, Pair, Pictures, Wording, duration

DARK = {
    "first": "#7aa2ff",
    "second": "#f0a742",
    "real": "#a3a9b3",
    "best": "#4ade80",
    "alarm": "#f87171",
    "rollback": "#c084fc",
    "grid": "#34373d",
    "faint": "#a3a9b3",
    "paper": "#1c1e22",
}
"""The roles of `train.report.charts.COLORS` on a dark screen."""

STYLE = """
body { margin: 0 auto; max-width: 1320px; padding: 2rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.9rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .8rem; padding-top: 1rem; border-top: 1px solid var(--grid); }
p, .faint, figcaption small, td small { color: var(--faint); }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem 1.4rem .3rem 0; text-align: right; border-bottom: 1px solid var(--grid); white-space: nowrap; }
th:first-child, td:first-child, td:last-child { text-align: left; }
th, h2 small { color: var(--faint); font-weight: 400; }
td.best { color: var(--best); font-weight: 600; }
.numbers { width: 100%; font-size: .92rem; }
.numbers th, .numbers td { padding-right: 0; text-align: right; }
.numbers td + td, .numbers th + th { padding-left: .7rem; }
.numbers td:first-child { text-align: left; }
.numbers td.said { white-space: normal; text-align: left; color: var(--faint); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(330px, 100%), 1fr)); gap: 1.6rem 2rem; }
figure { margin: 0; }
figcaption small { margin-left: .4em; }
.legend { display: flex; flex-wrap: wrap; gap: 0 1.2em; font-size: .85rem; }
.legend i { display: inline-block; width: 20px; margin-right: .4em; vertical-align: middle; border-top: 3px solid; }
.legend i.real { border-top-style: dashed; }
svg { display: block; width: 100%; }
svg text { fill: var(--faint); font-size: 11.5px; }
polyline { fill: none; stroke-linejoin: round; stroke-linecap: round; }
polyline.dashed { stroke-dasharray: 5 4; stroke-linecap: butt; }
polygon { stroke: none; }
.pale { opacity: .25; }
img { display: block; max-width: 100%; border-radius: 6px; }
.sheet { width: 100%; }
.moment { display: grid; grid-template-columns: 7.5rem 1fr; align-items: center; margin-bottom: 2px; }
.moment.best b, .moment.best span { color: var(--best); }
.moment b { display: block; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 1.2rem; }
.pairs div { display: flex; gap: 4px; }
.pairs img { width: 50%; min-width: 0; image-rendering: auto; }
.events { list-style: none; padding: 0; }
.events i { display: inline-block; width: 12px; height: 12px; border-radius: 50%; margin-right: .6em; background:
  currentColor; }
"""


def to_page(history: History, pictures: Pictures) -> str:
    """The report as HTML."""
    parts = [
        f"<h1>{escape(history.path.name)}</h1><p>{escape(' · '.join(history.facts()))}</p>",
        *_figures(history),
        '<h2>Over time</h2><div class="charts">',
        *(_chart(chart) for chart in history.charts()),
        "</div>",
        *_events(history),
        *_moments(pictures.moments),
    ]
    for title, sheet in history.sheet_titles(pictures):
        parts.append(f"<h2>{escape(title)}</h2>{image(sheet, title, 'sheet')}")
    parts += _pairs(pictures.pairs)
    return document(history.path.name, parts)


def document(name: str, parts: Sequence[str]) -> str:
    """A page of these parts of HTML, under a name that is plain text."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}</title><style>{_colors()}{STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _colors() -> str:
    light = "".join(f"--{role}: {color}; " for role, color in COLORS.items())
    dark = "".join(f"--{role}: {color}; " for role, color in DARK.items())
    roles = "".join(
        f"polyline.{role} {{ stroke: var(--{role}) }} polygon.{role}, circle.{role} {{ fill: var(--{role}) }} "
        f"i.{role} {{ color: var(--{role}) }}\n"
        for role in COLORS
    )
    return (
        f":root {{ color-scheme: light dark; --ink: #2b2d31; {light}}}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6e8eb; {dark}}} }}\n{roles}"
    )


def _figures(history: History) -> Iterator[str]:
    """The table of figures, each beside the same one between real icons."""
    best, latest = history.best, history.latest
    if latest is None:
        return
    yield '<h2>Figures</h2><div class="table"><table><tr><th>Figure</th>'
    yield f"<th>Best{f', {thousands(best.kimg)}' if best else ''}</th><th>Latest, {thousands(latest.kimg)}</th>"
    yield "<th>Real against real</th><th></th></tr>"
    for name in history.figure_names():
        wording = FIGURES.get(name, Wording(name, ""))
        kept = best.figures.get(name) if best else None
        last = latest.figures.get(name)
        either = last or kept
        cells = [number(pair[0]) if pair else "" for pair in (kept, last)] + [number(either[1]) if either else ""]
        yield (
            f"<tr><td>{escape(wording.title)} <small>{escape(name)}</small></td>"
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + f"<td><small>{escape(wording.hint)}</small></td></tr>"
        )
    yield "</table></div>"


def _chart(chart: Chart) -> str:
    legend = "".join(f'<span><i class="{role}"></i>{escape(text)}</span>' for role, text in chart.legend)
    caption = f"<b>{escape(chart.title)}</b><small>{escape(chart.hint)}</small>"
    return f'<figure><figcaption>{caption}<div class="legend">{legend}</div></figcaption>{to_svg(chart)}</figure>'


def _events(history: History) -> Iterator[str]:
    if not history.events:
        return
    yield '<h2>What happened</h2><ul class="events">'
    for event in history.events:
        when = f"{thousands(event.kimg)} · {duration(event.seconds)}"
        yield f'<li><i class="{event.role}"></i>{escape(event.text)} <span class="faint">{when}</span></li>'
    yield "</ul>"


def _moments(moments: Sequence[Moment]) -> Iterator[str]:
    if moments:
        yield "<h2>The same seeds over time</h2>"
    for moment in moments:
        note = f"{duration(moment.seconds)}{', best' if moment.best else ''}"
        label = f'<b>{thousands(moment.kimg)}</b><span class="faint">{note}</span>'
        strip = image(moment.strip, f"Icons at {thousands(moment.kimg)}", "sheet")
        yield f'<div class="moment{" best" if moment.best else ""}"><div>{label}</div>{strip}</div>'


def _pairs(pairs: Sequence[Pair]) -> Iterator[str]:
    if not pairs:
        return
    yield "<h2>Nearest to a training icon</h2><p>Left the generated icon, right that training icon."
    yield f' Distance {DISTANCE}</p><div class="pairs">'
    for pair in pairs:
        both = image(pair.generated, f"Generated from seed {pair.seed}") + image(pair.training, "Training icon")
        yield (
            f"<figure><div>{both}</div><figcaption>seed {pair.seed}"
            f"<small>distance {pair.distance:.2f}</small></figcaption></figure>"
        )
    yield "</div>"


def image(picture: Image.Image, text: str, kind: str = "") -> str:
    """A picture in the page; `text` is what those hear who do not see it."""
    data = b64encode(png(picture)).decode()
    return f'<img class="{kind}" alt="{escape(text, quote=True)}" src="data:image/png;base64,{data}">'
