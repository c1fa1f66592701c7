"""Figures of networks in bad weather and under attack; every function takes the axes to draw on and returns them, but
for ``gallery``, which makes its own.

Axes of arrays: S seeds, T glimpses, E strengths.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from c2f import corruptions
from c2f.corruptions.table import CORRUPTIONS, SEVERITIES
from c2f.experiments.corruptions.tables import Column, by_severity
from c2f.plotting import plots
from c2f.plotting.colours import MARKERS


def types_chart(ax: Axes, columns: Sequence[Column], colours: Sequence[str]) -> Axes:
    """Draw the accuracy under each type, mean over severities: a row a type, a mark a column, a bar over the seeds.

    A line parts the groups noise, blur, weather and digital, named at the right; dotted is the accuracy on clean
    pictures.
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
            label = f"{column.title}, clean"
            ax.axvline(float(np.mean(clean)), color=colour, linewidth=1.2, linestyle=":", label=label)
    for name, members in groups(kinds).items():
        rows = [kinds.index(kind) for kind in members]
        ax.text(1.01, sum(rows) / len(rows), name, transform=ax.get_yaxis_transform(), rotation=270, va="center")
        if rows[0]:
            ax.axhline(rows[0] - 0.5, color="grey", linewidth=0.7)
    ax.set_yticks(range(len(kinds)), [corruptions.title(kind) for kind in kinds])
    ax.set(ylim=(len(kinds) - 0.5, -0.5), xlabel="accuracy (%), mean over severities")
    ax.grid(axis="x", alpha=0.3)
    return ax


def groups(kinds: Sequence[str]) -> dict[str, list[str]]:
    """Return the groups of types, noise, blur, weather and digital, with theirs of ``kinds``."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        found.setdefault(CORRUPTIONS[kind].group, []).append(kind)
    return found


def severity_panel(
    ax: Axes, columns: Sequence[Column], kinds: Sequence[str], colours: Sequence[str], title: str
) -> Axes:
    """Draw the accuracy over severities, mean of the types ``kinds``, 0 being no corruption: mean and range over seeds.

    Raises:
        ValueError: a type that was not evaluated.
    """
    x = [0, *SEVERITIES]
    for place, (column, colour) in enumerate(zip(columns, colours, strict=True)):
        spoiled = np.mean([by_severity(column, kind) for kind in kinds], axis=0)  # (S, 5)
        clean = [np.nan if s.clean is None else 100 * s.clean[column.glimpse - 1] / s.pictures for s in column.scores]
        y = np.column_stack([clean, spoiled])
        mark = MARKERS[place % len(MARKERS)]
        ax.plot(x, y.mean(axis=0), f"{mark}-", color=colour, markersize=4, linewidth=1.4, label=column.title)
        ax.fill_between(x, y.min(axis=0), y.max(axis=0), color=colour, alpha=0.2, linewidth=0)
    ax.set_title(title, fontsize=10)
    ax.set_xticks(x)
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.3)
    return ax


def severity_panels(
    axes: np.ndarray, columns: Sequence[Column], parts: Mapping[str, Sequence[str]], colours: Sequence[str]
) -> np.ndarray:
    """Draw a ``severity_panel`` for each of ``parts``, types by title, on a grid of axes, with one legend above all."""
    for ax in axes.flat[len(parts) :]:
        ax.axis("off")
    for ax, (title, kinds) in zip(axes.flat, parts.items(), strict=False):
        severity_panel(ax, columns, kinds, colours, title)
    figure = axes.flat[0].figure
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=9)
    figure.supxlabel("severity", fontsize=10)
    figure.supylabel("accuracy (%)", fontsize=10)
    return axes


def changes(clean: Tensor, spoiled: Mapping[str, Tensor]) -> dict[str, float]:
    """Return by title how many grey levels each type changes a picture, uint8 ``(1, C, H, W)``, on average."""
    return {
        corruptions.title(kind): (found.float() - clean.float()).abs().mean().item() for kind, found in spoiled.items()
    }


def gallery(figure: Figure, clean: Tensor, spoiled: Mapping[str, Tensor]) -> np.ndarray:
    """Show a picture, uint8 ``(1, C, H, W)``, clean and by each type; give the figure the height that they need, and
    return its axes, four a row.
    """
    pictures = {"clean": clean, **{corruptions.title(kind): found for kind, found in spoiled.items()}}
    rows = -(-len(pictures) // 4)
    figure.set_size_inches(7, 1.8 * rows + 0.1)
    axes: np.ndarray = figure.subplots(rows, 4, squeeze=False)
    for ax in axes.flat[len(pictures) :]:
        ax.axis("off")
    for ax, (title, picture) in zip(axes.flat, pictures.items(), strict=False):
        plots.picture(ax, picture[0] / 255, title)
    return axes


def gallery_caption(found: Mapping[str, float]) -> str:
    """Say which type ``changes`` a picture most, and which least."""
    most, least = max(found, key=lambda title: found[title]), min(found, key=lambda title: found[title])
    return (
        f"{most} changes this scene most, by {found[most]:.0f} grey levels on average, {least} least, by "
        f"{found[least]:.0f}: what a network minds is not the same as what changes most. Severity 3 of 5."
    )


def types_caption(columns: Sequence[Column]) -> str:
    """Say what ``types_chart`` shows."""
    last, kinds = columns[-1], list(columns[-1].scores[0].correct)
    means = {kind: np.mean(by_severity(last, kind)) for kind in kinds}
    low, high = min(means, key=lambda k: means[k]), max(means, key=lambda k: means[k])
    return (
        f"Lowest under {corruptions.title(low)} ({means[low]:.0f} %), highest under {corruptions.title(high)} "
        f"({means[high]:.0f} %): {last.title}. Dotted: on clean pictures. Grey lines part the groups "
        f"named at the right. {last.scores[0].pictures:,} pictures at each severity, seeds: {len(last.scores)}."
    )


def ladder_caption(columns: Sequence[Column], kinds: Sequence[str]) -> str:
    """Say how far apart the networks of ``columns`` are at the first and the last severity of each of ``kinds``."""
    said = []
    for kind in kinds:
        ends = np.array([np.mean(by_severity(column, kind), axis=0)[[0, -1]] for column in columns])  # first, last
        said.append(
            f"{corruptions.title(kind)}: from {ends[:, 0].min():.0f} to {ends[:, 0].max():.0f} % at severity 1, from "
            f"{ends[:, 1].min():.0f} to {ends[:, 1].max():.0f} % at severity 5, lowest and highest network"
        )
    return f"{'; '.join(said)}. Lines and bands as above."


def severity_caption(columns: Sequence[Column], kinds: Sequence[str]) -> str:
    """Say what panels of ``severity_panel`` show of the types ``kinds``."""
    ends = []
    for column in columns:
        values = np.mean([by_severity(column, kind) for kind in kinds], axis=(0, 1))
        ends.append(f"{column.title} {values[0]:.0f} to {values[-1]:.0f} %")
    return (
        f"From severity 1 to 5, mean of the types drawn: {'; '.join(ends)}. 0 is the clean picture. Lines are means, "
        f"bands reach from the lowest to the highest seed (n = {len(columns[0].scores)}; "
        f"{columns[0].scores[0].pictures:,} pictures)."
    )
