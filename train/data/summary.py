"""The data report as a person sees it in the terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from train.data.inspection import Report
from train.data.reading import Why

LIST_LIMIT = 12  # lines of a list; report.json has them all
HISTOGRAM_LIMIT = 10
BAR_WIDTH = 24  # characters


def summarize(report: Report) -> RenderableType:
    """The report as tables: sources, what the set is, what was left out, and warnings."""
    parts: list[RenderableType] = [
        Text.assemble((report.name, "bold cyan"), f"  {report.count:,} icons of {report.size} x {report.size} pixels"),
        _sources(report),
        _facts(report),
        *_lists(report),
    ]
    parts += [Text(f"! {warning}", style="yellow") for warning in report.warnings]
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts[:-1]), parts[-1])


def _sources(report: Report) -> Table:
    """One line for each source; columns of zeros are left out."""
    table = _table("Source", "Kind")
    columns = {
        "Icons": [source.icons for source in report.sources],
        "Broken": [source.broken for source in report.sources],
        "Left out": [sum(source.left_out.values()) for source in report.sources],
    }
    shown = {heading: counts for heading, counts in columns.items() if heading == "Icons" or any(counts)}
    for heading in shown:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("License", overflow="fold")
    for source, *counts in zip(report.sources, *shown.values(), strict=True):
        numbers = (Text(f"{count:,}", style="" if count else "dim") for count in counts)
        table.add_row(Text(source.source), Text(source.kind), *numbers, Text(source.license))
    return table


def _facts(report: Report) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    table.add_row("File sizes", _histogram(report.sizes))
    table.add_row("File modes", _histogram(report.modes))
    table.add_row("Mean color", _color(report.mean, report.deviation))
    table.add_row("Gray icons", f"{report.gray_share:.1%}")
    table.add_row("Read as", Text(report.colors))
    table.add_row("Background", _swatch(report.background))
    others = {
        "animated": len(report.animated),
        "not square": report.padded,
        "enlarged": report.enlarged,
        "blank": len(report.blank),
    }
    table.add_row("Among them", _phrase(others) or "nothing animated, blank, enlarged or not square")
    left_out = {
        "broken": len(report.broken),
        "exact duplicates": len(report.duplicates),
    } | {str(why): left_out.count for why, left_out in report.left_out.items()}
    table.add_row("Left out", _phrase(left_out) or "nothing")
    table.add_row("License", Text(report.license))
    if report.author:
        table.add_row("Author", Text(report.author))
    table.add_row("Digest", Text(report.digest[:16], style="dim"))
    return table


def _lists(report: Report) -> Iterator[Table]:
    if report.broken:
        rows = ((Text(broken.name), Text(broken.reason)) for broken in report.broken)
        yield _list("Broken files, skipped", ("File", "Reason"), rows, len(report.broken))
    if report.noted:
        rows = ((Text(noted.name), Text(noted.reason)) for noted in report.noted)
        yield _list("Read, but for this", ("File", "What"), rows, len(report.noted))
    for why, left_out in report.left_out.items():
        if why is not Why.UNCHOSEN:
            names = ((Text(name),) for name in left_out.names)
            yield _list("Left out", (why[0].upper() + why[1:],), names, left_out.count)
    if report.duplicates:
        rows = ((Text(duplicate.name), Text(duplicate.kept)) for duplicate in report.duplicates)
        yield _list("Exact duplicates, left out", ("Icon", "Same as"), rows, len(report.duplicates))
    if report.near_duplicates:
        pairs = ((Text(near.first), Text(f"{near.second}  ({near.distance:.3f})")) for near in report.near_duplicates)
        yield _list("Nearly the same, kept", ("Icon", "Like (distance)"), pairs, report.near_duplicate_count)


def _list(title: str, headings: Sequence[str], rows: Iterable[tuple[Text, ...]], count: int) -> Table:
    table = _table(*headings)
    table.title = title
    for _, row in zip(range(LIST_LIMIT), rows, strict=False):
        table.add_row(*row)
    if count > LIST_LIMIT:
        table.add_row(Text(f"and {count - LIST_LIMIT:,} more; --json or --out gives them", style="dim"))
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", title_justify="left", title_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _histogram(counts: Mapping[str, int]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    largest = max(counts.values())
    for label, count in list(counts.items())[:HISTOGRAM_LIMIT]:
        table.add_row(label, f"{count:,}", Text("█" * max(1, round(BAR_WIDTH * count / largest)), style="cyan"))
    rest = list(counts.values())[HISTOGRAM_LIMIT:]
    if rest:
        table.add_row(Text(f"{len(rest):,} others", style="dim"), Text(f"{sum(rest):,}", style="dim"))
    return table


def _color(mean: Sequence[float], deviation: Sequence[float]) -> Text:
    text = _swatch("#{:02x}{:02x}{:02x}".format(*(round(value) for value in mean)))
    names = ("red", "green", "blue") if len(set(mean)) > 1 or len(set(deviation)) > 1 else ("gray",)
    channels = zip(names, mean, deviation, strict=False)
    text.append("  " + ", ".join(f"{name} {value:.0f} ± {spread:.0f}" for name, value, spread in channels), style="dim")
    return text


def _swatch(color: str) -> Text:
    return Text.assemble(("██", color), f" {color}") if color.startswith("#") else Text(color)


def _phrase(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {label}" for label, count in counts.items() if count)
