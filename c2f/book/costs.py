"""The page *What it costs*: its tables and its figure, made from the record of costs. No number on it is typed."""

import math
import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from c2f.common.files import write_text
from c2f.common.words import how_many
from c2f.plotting.colours import LINES
from c2f.runs.costs import PLAIN, Costs, Growth, Row, read

PAGE, RECORD, FIGURE = "what-it-costs.md", "costs.json", "what-it-costs.svg"
"""In the book's folder, the page with places to fill, the record, and the figure that is drawn beside them."""
PEAK = "matrix product, float32, all threads"
"""The row of the machine that is its peak."""
_PLACE = re.compile(r"^<!-- costs: (\w+) -->$", re.MULTILINE)


def fill(folder: Path) -> None:
    """Fill the page in the book's ``folder`` from the record there, and draw its figure.

    Raises:
        c2f.runs.record.RecordError: the record is missing, damaged, or lacks what the page shows.
    """
    costs, page = read(folder / RECORD), folder / PAGE
    words: dict[str, Callable[[], str]] = {
        "where": lambda: where(costs),
        "growth": lambda: growth_table(costs.growth),
        "figure": lambda: _figure(costs, folder),
    }
    text = page.read_text(encoding="utf-8")
    text = _PLACE.sub(lambda place: words.get(place[1], lambda: table(costs.of(place[1])))(), text)
    write_text(page, text)


def number(value: float) -> str:
    """Return a value with three digits, and all of those before the point."""
    if value == 0:
        return "0"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def table(rows: Sequence[Row]) -> str:
    """Return a subject's rows as a table in Markdown, a row a line.

    It has the median of each side, and of those beside the plain one, in brackets, how many times better: the median
    of the rounds, the least and the most. Where nothing is compared, the brackets hold the least and the most value.
    """
    sides = sorted({side: None for row in rows for side in row.sides}, key=lambda side: side != PLAIN)
    differing = any(row.differ is not None for row in rows)
    lines = [["", "in", *sides, *(["differ"] if differing else [])]]
    for row in rows:
        name = f"`{row.name}`" if " --" in row.name else row.name  # in words two hyphens would become a dash
        cells = [_cell(row, side) if side in row.sides else "" for side in sides]
        lines.append([name, row.unit, *cells, *(["" if row.differ is None else str(row.differ)] if differing else [])])
    return _markdown(lines)


def _cell(row: Row, side: str) -> str:
    median, values = number(row.median(side)), row.sides[side]
    if PLAIN not in row.sides:
        return median if len(set(values)) == 1 else f"{median} ({number(min(values))} to {number(max(values))})"
    if side == PLAIN:
        return median
    times = row.times(side)
    return f"{median} (**{times.median:.2f}**, {times.least:.2f} to {times.most:.2f})"


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *body = ["| " + " | ".join(cells) + " |" for cells in lines]
    return "\n".join([head, "|---|---" + "|---:" * (len(lines[0]) - 2) + "|", *body])


def growth_table(growth: Sequence[Growth]) -> str:
    """Return the fits as a table in Markdown."""
    lines = [["", "grows with", "measured at", "law", "exponent or seconds for one more (95 %)"]]
    for one in growth:
        law = "power" if one.fit.law == "power" else "straight line"
        interval = f"{one.fit.slope:.2f} ({one.fit.low:.2f} to {one.fit.high:.2f})"
        lines.append([one.name, one.axis, ", ".join(map(number_of_size, one.sizes)), law, interval])
    return _markdown(lines)


def number_of_size(size: float) -> str:
    """Return a size as it is written."""
    return f"{size:,.0f}"


def where(costs: Costs) -> str:
    """Return in a sentence where and when the record was made."""
    there, rounds = costs.environment, costs.rounds
    commit = f", of commit `{there['commit'][:10]}`" if there["commit"] else ""
    return (
        f"Measured on {there['finished'][:10]} on {there['cores']} cores ({there['device']}) with "
        f"{how_many(there['threads'], 'thread')}, PyTorch {there['versions']['torch']}{commit}, in {rounds} rounds or, "
        f"where one is long, fewer. The whole suite took {there['seconds'] / 60:.0f} minutes."
    )


def peak(costs: Costs) -> float:
    """Return the machine's peak in GFLOP/s."""
    return next(row for row in costs.of("machine") if row.name == PEAK).median("torch")


def draw(costs: Costs) -> Figure:
    """Return the figure: seconds against size, a panel a curve, beside what they would be at the machine's peak."""
    figure = Figure(figsize=(7, 5.4), layout="constrained")
    axes = figure.subplots(2, -(-len(costs.growth) // 2), squeeze=False).flat
    for ax, one in zip(axes, costs.growth, strict=False):
        _panel(ax, one, peak(costs))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _panel(ax: Axes, one: Growth, gflops: float) -> None:
    medians = [statistics.median(values) for values in one.seconds]
    down = [median - min(values) for median, values in zip(medians, one.seconds, strict=True)]
    up = [max(values) - median for median, values in zip(medians, one.seconds, strict=True)]
    fit = one.fit
    line = [
        math.exp(fit.intercept) * size**fit.slope if fit.law == "power" else fit.intercept + fit.slope * size
        for size in one.sizes
    ]
    ax.errorbar(one.sizes, medians, [down, up], fmt="o", color=LINES[0], capsize=3, label="measured, least to most")
    ax.plot(one.sizes, line, color=LINES[0], label="fit")
    ax.plot(one.sizes, [work / gflops for work in one.gflop], "--", color=LINES[1], label="at the machine's peak")
    ax.set(xscale="log", yscale="log", xlabel=one.axis, ylabel="seconds")
    ax.set_xticks(one.sizes, [number_of_size(size) for size in one.sizes])
    ax.minorticks_off()
    ax.set_title(one.name.replace(", ", ",\n", 1), fontsize="small")


def alt(costs: Costs) -> str:
    """Return the figure's alternative text, without a colon: it stands in an option of a directive."""
    parts = []
    for one in costs.growth:
        first, last = (statistics.median(one.seconds[place]) for place in (0, -1))
        sizes = f"{number_of_size(one.sizes[0])} to {number_of_size(one.sizes[-1])} ({one.axis})"
        parts.append(f"{one.name} takes {number(first)} to {number(last)} seconds for {sizes}")
    return (
        f"{len(parts)} panels of seconds against size. " + "; ".join(parts) + ". Dashed lines are the machine's peak."
    )


def _figure(costs: Costs, folder: Path) -> str:
    with rc_context({"svg.hashsalt": "c2f"}):  # the same bytes every time, as what has changed is built again
        draw(costs).savefig(folder / FIGURE, metadata={"Date": None})
    caption = (
        "Seconds against size, both on logarithmic axes: medians of interleaved rounds with the least and the most, "
        f"the fit, and what the multiply-adds alone would take at the {number(peak(costs))} billion operations "
        "a second that a product of matrices reaches here."
    )
    return f"```{{figure}} {FIGURE}\n:alt: {alt(costs)}\n\n{caption}\n```"
