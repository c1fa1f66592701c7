"""Figures of attacks: curves of accuracy against distance, pairs of pictures, scales."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from c2f import attacks, networks
from c2f.attacks.gradient import EpsilonCurve
from c2f.common.checks import choose
from c2f.experiments.robustness.tables import Task, medians_in_words, variant
from c2f.metrics.robustness import Results, curve
from c2f.metrics.statistics import Interval
from c2f.plotting.colours import SCALES, SIGNED
from c2f.plotting.plots import colour, picture, whiskers

ACCURACY_SCALES = {
    "accuracy": "accuracy (%)",
    "lost": "points of accuracy lost",
    "relative": "share of the clean accuracy (%)",
}
"""What ``robustness_curve`` can show upwards, and what the axis is called (all pictures, the paper's way, relative)."""


def robustness_curve(
    ax: Axes,
    runs: Sequence[Results],
    label: str,
    colour: str,
    style: str = "-",
    scale: str = "accuracy",
    limit: float | None = None,
) -> Axes:
    """Draw accuracy against the L2 of the perturbations: the mean of the runs' staircases, and their range as a band.

    Args:
        ax: the axes.
        runs: the results of one network, one a seed.
        label, colour, style: of the line.
        scale: a name in ``ACCURACY_SCALES``; of the clean accuracy nothing is drawn where it is 0.
        limit: L2 at which the line ends; None takes the largest that turned a picture. Small multiples share it.
    """
    choose(scale, ACCURACY_SCALES, "scale")
    curves = [curve(run) for run in runs]
    steps = np.concatenate([c.l2[np.isfinite(c.l2)] for c in curves])
    end = float(steps.max()) or 1.0 if limit is None else limit
    x = np.append(np.unique(steps[steps < end]), end)
    y = []
    for c in curves:
        clean = c.accuracy[0]
        if scale == "relative":
            y.append(100 * c.at(x) / clean if clean else np.full(len(x), np.nan))
        else:
            y.append(100 * (c.at(x) if scale == "accuracy" else clean - c.at(x)))
    ax.step(x, np.mean(y, axis=0), style, where="post", color=colour, label=label)
    ax.fill_between(x, np.min(y, axis=0), np.max(y, axis=0), step="post", color=colour, alpha=0.2, linewidth=0)
    return ax


def robustness_panel(
    ax: Axes,
    runs: Mapping[str, Sequence[Results]],
    title: str = "",
    scale: str = "accuracy",
    limit: float | None = None,
) -> Axes:
    """Draw the curves of several networks, by name, on the axes of one attack: a panel of small multiples.

    ``scale``, ``limit``: as for ``robustness_curve``; without a limit all lines end where the longest does.
    """

    if limit is None:
        finite = [run.l2[np.isfinite(run.l2)] for several in runs.values() for run in several]
        limit = float(max((l2.max() for l2 in finite if len(l2)), default=0)) or 1.0
    for network, several in runs.items():
        robustness_curve(ax, several, networks.title(network), colour(network), scale=scale, limit=limit)
    ax.set(xlim=(0, limit), ylim=(-3, 103))
    ax.grid(alpha=0.3)
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def task_panels(axes: Sequence[Axes], task: Task, medians: Mapping[tuple[str, str], Interval]) -> None:
    """Draw a panel an attack of ``task``: the curves of its networks, and on each where the median picture is turned.

    The median, ``medians`` by (network, attack), is a dot at 50 %, its interval a bar; one that is never reached has
    none. ``axes``: at least one an attack; those left over are taken away.
    """
    for ax, attack in zip(axes, task.attacks, strict=False):
        here = {name: task.runs[name, attack] for name in task.networks if (name, attack) in task.runs}
        robustness_panel(ax, here, attacks.title(attack))
        for name in here:
            found = medians[name, attack]
            if np.isfinite(found.value):
                ends = [max(found.value - found.low, 0)], [min(found.high, ax.get_xlim()[1]) - found.value]
                ax.errorbar(found.value, 50, xerr=ends, fmt="o", ms=3, lw=1, capsize=2, color=colour(name))
        ax.title.set_fontsize(10)
        ax.tick_params(labelsize=9)
    for ax in axes[len(task.attacks) :]:
        ax.remove()


def task_multiples(tasks: Sequence[Task], columns: int = 3) -> tuple[Figure, str, str]:
    """Return a figure 7 inches wide with the panels of every task, its alternative text and its caption."""
    rows = [-(-len(task.attacks) // columns) for task in tasks]
    heights = [1.5 * n + 0.6 for n in rows]
    figure = Figure(figsize=(7, sum(heights) + 0.35), layout="constrained")
    *parts, last = np.atleast_1d(np.asarray(figure.subfigures(len(tasks) + 1, 1, height_ratios=[*heights, 0.35])))
    shades: dict[str, str] = {}
    notes = []
    for part, task, n in zip(parts, tasks, rows, strict=True):
        medians = task.medians()
        task_panels(list(part.subplots(n, columns, sharey=True, squeeze=False).flat), task, medians)
        part.suptitle(f"{task.title}\n{task.about}", fontsize=9)
        part.supylabel("accuracy (%)", fontsize=10)
        part.supxlabel("L2 of the change (pixel values from 0 to 1)", fontsize=10)
        shades |= {variant(name): colour(name) for name in task.networks}
        notes.append(f"{task.title} ({task.about}), median L2: {'; '.join(_medians_in_words(task, medians))}")
    lines = [Line2D([], [], color=shade) for shade in shades.values()]
    last.legend(lines, list(shades), fontsize=9, loc="center", ncols=4, frameon=False)
    caption = (
        f"{medians_in_words(tasks)}. Line: mean over the trainings; band: their range; dot: median L2, where half of "
        "the pictures are wrong (none: never reached); its bar: 95 % interval over trainings and pictures. Numbers of "
        "both stand above the panels."
    )
    return figure, f"Accuracy against L2, a panel an attack. {'. '.join(notes)}.", caption


def _medians_in_words(task: Task, medians: Mapping[tuple[str, str], Interval]) -> list[str]:
    def of(attack: str) -> str:
        there = [name for name in task.networks if (name, attack) in medians]
        return ", ".join(f"{variant(name)} {medians[name, attack].value:.2f}".replace("inf", "never") for name in there)

    return [f"{attacks.title(attack)} {of(attack)}" for attack in task.attacks]


def perturbation_row(axes: Sequence[Axes], clean: Any, perturbed: Any, limit: float, title: str = "") -> Sequence[Axes]:
    """Show a picture, the picture perturbed, and the difference with its L2, on three axes.

    Args:
        axes: three.
        clean: ``(C, H, W)`` in [0, 1].
        perturbed: the same, or None where the attack found nothing.
        limit: the difference shown in full colour, above 0, the same for all rows to be compared; see ``change``.
        title: of the perturbed picture, e.g. the attack and the class that is now predicted.
    """
    if limit <= 0:
        raise ValueError(f"limit must be above 0, not {limit!r}: give the largest difference of all rows")
    picture(axes[0], clean)
    if perturbed is None:
        for ax in axes[1:]:
            ax.text(0.5, 0.5, "none found", ha="center", va="center", transform=ax.transAxes)
            ax.set(xticks=[], yticks=[])
        axes[1].set_title(title, fontsize=10)
        return axes
    picture(axes[1], perturbed, title)
    difference = np.asarray(perturbed, dtype=float) - np.asarray(clean, dtype=float)
    change(axes[2], difference, limit, f"L2 {np.sqrt((difference**2).sum()):.2f}")
    return axes


def change(ax: Axes, difference: Any, limit: float, title: str = "") -> Axes:
    """Show what was changed in a picture, ``(C, H, W)``: no change is white in grey pictures (blue: darker, red:
    brighter) and grey in coloured ones.

    ``limit``: the change shown in full colour, above 0, the same for all that are to be compared.
    """
    array = np.asarray(difference, dtype=float)
    picture(ax, array, title, limits=(-limit, limit))
    if array.shape[0] == 1:
        ax.images[0].set_cmap(SIGNED)
    return ax


def ablation_bars(ax: Axes, scores: Mapping[str, Mapping[str, ArrayLike]], shown: Sequence[str]) -> Axes:
    """Draw the accuracy that is left when only some scales see the perturbed pictures, a group of bars an attack.

    Args:
        ax: the axes.
        scores: by attack (as it is to be called) and combination of scales (see
            ``c2f.experiments.robustness.scales.combinations``), the accuracies in [0, 1], one a seed: bars are means,
            whiskers their 95 % interval over seeds (Student's t), none where all seeds are equal. ``clean`` and ``all``
            are drawn as lines across each group.
        shown: the combinations that get a bar, e.g. ``("fine", "middle", "coarse")``. A pair has the colour of its
            first scale, with stripes in that of its second.
    """
    shades = scale_colours([scale for name in shown for scale in name.split("+")])
    width = 0.8 / len(shown)
    for group, by_scale in enumerate(scores.values()):
        for place, name in enumerate(shown):
            values = 100 * np.atleast_1d(np.asarray(by_scale[name], dtype=float))
            with rc_context({"hatch.linewidth": 2.5}):
                ax.bar(
                    group + (place - (len(shown) - 1) / 2) * width,
                    values.mean(),
                    0.95 * width,
                    yerr=whiskers(values),
                    color=shades[name.split("+")[0]],
                    edgecolor=shades[name.split("+")[-1]],
                    linewidth=0,
                    hatch="///" if "+" in name else None,
                    label=name if group == 0 else None,
                )
        for name, style in (("clean", "-"), ("all", ":")):
            ends = [group - 0.45, group + 0.45]
            level = 100 * np.asarray(by_scale[name], dtype=float).mean()
            ax.plot(ends, [level] * 2, style, color="black", linewidth=1, label=name if group == 0 else None)
    ax.set_xticks(range(len(scores)), list(scores), rotation=30, ha="right", fontsize=9)
    ax.set(ylim=(0, 103), ylabel="accuracy (%)")
    ax.grid(axis="y", alpha=0.3)
    return ax


def scale_colours(scales: Iterable[str]) -> dict[str, str]:
    """Return the colour of each of ``scales``: that of the book, or steps of the same colour map where a pyramid has
    other than three, in their order from fine to coarse.
    """
    names = list(dict.fromkeys(scales))
    if set(names) <= set(SCALES):
        return {name: SCALES[name] for name in names}
    steps = colormaps["magma"](np.linspace(0.62, 0.1, len(names)))
    return {name: to_hex(step) for name, step in zip(names, steps, strict=True)}


def scale_panels(panels: Mapping[str, Mapping[str, Mapping[str, ArrayLike]]], shown: Sequence[str]) -> Figure:
    """Return a figure 7 inches wide with the bars of ``ablation_bars``, a panel an entry of ``panels`` (title ->
    scores), one above the other under one legend.
    """
    figure = Figure(figsize=(7, 1.9 * len(panels) + 1.2), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (title, scores) in zip(axes, panels.items(), strict=True):
        ablation_bars(ax, scores, shown).set_title(title, fontsize=9)
        ax.yaxis.label.set_fontsize(9)
        ax.tick_params(labelsize=9)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=9, ncols=5, loc="outside upper center", frameon=False)
    return figure


SCALE_BARS = "Bar: accuracy with these scales attacked; line: with none; dotted: with all."
"""What the marks of ``ablation_bars`` mean, for captions; its whiskers are left to those who have several seeds."""


def change_grid(clean: Any, found: Mapping[str, tuple[Any, str]], columns: int = 4) -> Figure:
    """Return a figure 7 inches wide with a picture after several attacks, and below each what it changed.

    Args:
        clean: ``(C, H, W)`` in [0, 1].
        found: the attack, as it is to be called -> the perturbed picture, and what is said of it.
        columns: of the grid.
    """
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(7, 4 * rows), layout="constrained")
    axes = figure.subplots(2 * rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for place, (name, (changed, said)) in enumerate(found.items()):
        row, column = 2 * (place // columns), place % columns
        title = f"{textwrap.fill(name, 20)}\n{said}"
        picture(axes[row, column], changed, title).title.set_fontsize(9)
        axes[row, column].axis("on")
        change(axes[row + 1, column], np.asarray(changed) - np.asarray(clean), limit=1).axis("on")
    return figure


def level_grid(changes: Mapping[str, Sequence[Any]], scales: Sequence[str]) -> Figure:
    """Return a figure with what each attack changes at every scale, all in one colour scale: a row an attack.

    Args:
        changes: the attack, as it is to be called -> its change ``(C, H, W)`` at every scale.
        scales: their names, one a column. Above each square stands its ``typical`` change.
    """
    limit = max(float(np.abs(np.asarray(level)).max()) for levels in changes.values() for level in levels) or 1.0
    figure = Figure(figsize=(1.5 * len(scales) + 0.5, 1.65 * len(changes) + 0.1), layout="constrained")
    axes = figure.subplots(len(changes), len(scales), squeeze=False)
    for row, (name, levels) in enumerate(changes.items()):
        for column, (scale, level) in enumerate(zip(scales, levels, strict=True)):
            title = f"{scale}\n" if row == 0 else ""
            change(axes[row, column], level, limit, f"{title}{typical(level):.3f}").title.set_fontsize(9)
        axes[row, 0].set_ylabel(textwrap.fill(name, 14), fontsize=9)
    return figure


def typical(level: Any) -> float:
    """Return the root of the mean square of a change."""
    return float(np.sqrt(np.mean(np.asarray(level, dtype=float) ** 2)))


def epsilon_panels(curves: Mapping[tuple[str, str], EpsilonCurve], titles: Mapping[str, str]) -> Figure:
    """Return a figure 7 inches wide with the accuracy against the size of gradient attacks, a panel an attack.

    Args:
        curves: (attack, network) -> what is left at each size.
        titles: the attack -> what it is to be called.
    """
    attacked = list(dict.fromkeys(attack for attack, _ in curves))
    figure = Figure(figsize=(7, 2.5 * -(-len(attacked) // 2) + 0.4), layout="constrained")
    axes = figure.subplots(-(-len(attacked) // 2), 2, sharey=True, squeeze=False)
    for ax, attack in zip(axes.flat, attacked, strict=False):
        here = {network: line for (name, network), line in curves.items() if name == attack}
        for network, line in here.items():
            shares = 100 * np.array([line.clean, *line.accuracy])
            ax.plot([0, *line.epsilons], shares, ".-", color=colour(network), label=networks.title(network))
        norm = next(iter(here.values())).norm.capitalize()
        ax.set_title(titles[attack], fontsize=10)
        ax.set_xlabel(f"{norm} of the change (pixel values from 0 to 1)", fontsize=9)
        ax.set_ylim(-3, 103)
        ax.tick_params(labelsize=9)
        ax.locator_params(axis="x", nbins=5)
        ax.grid(alpha=0.3)
    figure.supylabel("accuracy (%)", fontsize=9)
    lines = axes[0, 0].get_legend_handles_labels()
    figure.legend(*lines, fontsize=9, ncols=2, loc="outside lower center", frameon=False)
    return figure
