"""Figures of networks in bad weather and under attack; every function takes the axes to draw on and returns them.

Axes of arrays: S seeds, T glimpses, E strengths.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from c2f import corruptions
from c2f.corruptions.table import CORRUPTIONS, SEVERITIES
from c2f.experiments.corruptions.tables import Column, by_severity
from c2f.plotting.colours import MARKERS


def types_chart(ax: Axes, columns: Sequence[Column], colours: Sequence[str]) -> Axes:
    """Draw the accuracy under each type, mean over severities: a row a type, a mark a column, a bar over the seeds.

    A line parts the groups noise, blur, weather and digital; dotted is the accuracy on clean pictures.
    """
    kinds = list(columns[0].scores[0].correct)
    for place, (column, colour) in enumerate(zip(columns, colours, strict=True)):
        offset = 0.6 * ((place + 0.5) / len(columns) - 0.5)
        for row, kind in enumerate(kinds):
            seeds = [np.mean(values) for values in by_severity(column, kind)]
            ax.plot([min(seeds), max(seeds)], [row + offset] * 2, color=colour, linewidth=1.5)
            mark = MARKERS[place % len(MARKERS)]
            label = column.title if row == 0 else None
            ax.plot(np.mean(seeds), row + offset, mark, color=colour, markersize=5, label=label)
        clean = [100 * s.clean[column.glimpse - 1] / s.pictures for s in column.scores if s.clean is not None]
        if clean:
            ax.axvline(float(np.mean(clean)), color=colour, linewidth=1, linestyle=":")
    groups = [CORRUPTIONS[kind].group for kind in kinds]
    for row in range(1, len(kinds)):
        if groups[row] != groups[row - 1]:
            ax.axhline(row - 0.5, color="grey", linewidth=0.7)
    ax.set_yticks(range(len(kinds)), [corruptions.title(kind) for kind in kinds])
    ax.set(ylim=(len(kinds) - 0.5, -0.5), xlabel="accuracy (%), mean over severities")
    ax.grid(axis="x", alpha=0.3)
    return ax


def severity_panel(ax: Axes, columns: Sequence[Column], kind: str, colours: Sequence[str]) -> Axes:
    """Draw the accuracy over severities of the type ``kind``, 0 being no corruption: mean and range over seeds.

    Raises:
        ValueError: a type that was not evaluated.
    """
    for place, (column, colour) in enumerate(zip(columns, colours, strict=True)):
        curves = []
        for scores, values in zip(column.scores, by_severity(column, kind), strict=True):
            clean = np.nan if scores.clean is None else 100 * scores.clean[column.glimpse - 1] / scores.pictures
            curves.append([clean, *values])
        y = np.array(curves)
        x = [0, *SEVERITIES]
        mark = MARKERS[place % len(MARKERS)]
        ax.plot(x, y.mean(axis=0), f"{mark}-", color=colour, markersize=3.5, linewidth=1.2, label=column.title)
        ax.fill_between(x, y.min(axis=0), y.max(axis=0), color=colour, alpha=0.2, linewidth=0)
    ax.set_title(corruptions.title(kind), fontsize=9)
    ax.set_xticks([0, *SEVERITIES])
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.3)
    return ax
