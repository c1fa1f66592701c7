"""Figures: every function takes the axes to draw on and returns them; tensors and arrays are both taken.

Axes of arrays: C channels, H rows, W columns, K classes, E epochs, S seeds. Colours are told apart with any common
colour blindness.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from c2f.checks import choose
from c2f.figures import OKABE_ITO
from c2f.robustness import Results, curve

COLOURS = {"": OKABE_ITO[1], "_td": OKABE_ITO[0], "_td_uni": OKABE_ITO[2], "_td_rev": OKABE_ITO[3]}
"""The colour of each variant of a network, the same in every figure of the book."""


def colour(network: str) -> str:
    """Return the colour of a network of the table, by its variant."""
    from c2f import networks

    return COLOURS[network.removeprefix(networks.family_name(network))]


def picture(ax: Axes, x: Any, title: str = "", limits: tuple[float, float] = (0, 1)) -> Axes:
    """Show a picture ``(C, H, W)`` or ``(H, W)``, every pixel a crisp square, grey or red-green-blue.

    ``limits``: the values shown black and white, shared by pictures that are to be compared.
    """
    array = np.asarray(x, dtype=float)
    if array.ndim == 3:
        array = array[0] if array.shape[0] == 1 else np.moveaxis(array, 0, -1)
    if array.ndim == 3:
        array = np.clip((array - limits[0]) / (limits[1] - limits[0]), 0, 1)
    ax.imshow(array, cmap="gray", vmin=limits[0], vmax=limits[1], interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def numbers(ax: Axes, x: Any, limits: tuple[float, float] = (0, 1), digits: int = 2) -> Axes:
    """Show a small picture ``(H, W)`` with the value of each pixel written on it."""
    array = np.asarray(x, dtype=float)
    picture(ax, array, limits=limits)
    for (row, column), value in np.ndenumerate(array):
        dark = (value - limits[0]) / (limits[1] - limits[0]) < 0.5
        shade = "white" if dark else "black"
        ax.text(column, row, f"{value:.{digits}f}", ha="center", va="center", color=shade, fontsize=9)
    return ax


def band(ax: Axes, x: ArrayLike, curves: ArrayLike, label: str, colour: str, style: str = "-") -> Axes:
    """Draw the mean of ``curves`` ``(S, E)`` over ``x`` ``(E,)``, with a band from the lowest to the highest of
    them."""
    x, y = np.asarray(x), np.asarray(curves, dtype=float)
    ax.plot(x, y.mean(axis=0), style, marker="." if len(x) < 10 else "", color=colour, label=label)
    ax.fill_between(x, y.min(axis=0), y.max(axis=0), color=colour, alpha=0.2, linewidth=0)
    return ax


def learning_curves(ax: Axes, histories: Sequence[Mapping[str, Sequence[float]]], what: str, **line: str) -> Axes:
    """Draw the value ``what`` of a ``History`` over epochs, counted from 1: mean and range over the seeds.

    ``line``: ``label``, ``colour`` and ``style`` as for ``band``.
    """
    curves = [history[what] for history in histories]
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return band(ax, range(1, len(curves[0]) + 1), curves, **line)


def log_percent(ax: Axes, ticks: Sequence[float] = (0.5, 1, 2, 5, 10, 20, 50)) -> Axes:
    """Give the vertical axis a logarithmic scale with plain numbers in percent at those of ``ticks`` that it covers."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.set_yticks([tick for tick in ticks if low <= tick <= high])
    ax.yaxis.set_major_formatter("{x:g} %")
    ax.minorticks_off()
    ax.set_ylim(low, high)
    return ax


def confusion(ax: Axes, shares: Any, classes: Sequence[str]) -> Axes:
    """Draw a confusion matrix ``(K, K)`` of shares of the true class in [0, 1], rows true, columns predicted, in
    percent."""
    percent = 100 * np.asarray(shares, dtype=float)
    sns.heatmap(
        percent,
        ax=ax,
        annot=True,
        fmt=".0f",
        vmin=0,
        vmax=100,
        cmap="Blues",
        cbar=False,
        square=True,
        linewidths=0.5,
        annot_kws={"fontsize": 7},
        xticklabels=classes,
        yticklabels=classes,
    )
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.tick_params(labelsize=8)
    return ax


def seed_dots(ax: Axes, groups: Mapping[str, Sequence[float]], colours: Sequence[str]) -> Axes:
    """Draw every seed's value as a dot, one row a group, and the mean of each group as a bar."""
    for row, ((label, values), shade) in enumerate(zip(groups.items(), colours, strict=True)):
        ax.plot(values, [row] * len(values), "o", color=shade, alpha=0.75, label=label)
        ax.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color=shade, linewidth=2)
    ax.set_yticks(range(len(groups)), list(groups))
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ax.grid(axis="x", alpha=0.3)
    return ax


def radial_mean(spectrum: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Average a centred two-dimensional spectrum ``(H, H)`` over rings of equal frequency.

    Returns (frequencies in cycles per pixel up to 0.5, means), ``(H // 2 + 1,)`` each.
    """
    values = np.asarray(spectrum, dtype=float)
    size = values.shape[0]
    along = np.fft.fftshift(np.fft.fftfreq(size))
    ring = np.rint(np.hypot(along[:, None], along[None, :]) * size).astype(int)
    sums = np.bincount(ring.ravel(), values.ravel())
    counts = np.bincount(ring.ravel())
    rings = np.arange(size // 2 + 1)
    return rings / size, sums[rings] / counts[rings]


ACCURACY_SCALES = {
    "accuracy": "accuracy (%)",
    "lost": "points of accuracy lost",
    "relative": "share of the clean accuracy (%)",
}
"""What ``robustness_curve`` can show upwards, and what the axis is called: all pictures, the paper's way, relative."""


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
    from c2f import networks

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
        ax.images[0].set_cmap("RdBu_r")
    return ax


def ablation_bars(ax: Axes, scores: Mapping[str, Mapping[str, ArrayLike]], shown: Sequence[str]) -> Axes:
    """Draw the accuracy that is left when only some scales see the perturbed pictures, a group of bars an attack.

    Args:
        ax: the axes.
        scores: by attack (as it is to be called) and combination of scales (see ``c2f.scales.combinations``), the
            accuracies in [0, 1], one a seed: bars are means, whiskers the range over seeds. ``clean`` and ``all``
            are drawn as lines across each group.
        shown: the combinations that get a bar, e.g. ``("high", "medium", "low")``.
    """
    width = 0.8 / len(shown)
    for group, by_scale in enumerate(scores.values()):
        for place, name in enumerate(shown):
            values = 100 * np.atleast_1d(np.asarray(by_scale[name], dtype=float))
            mean = values.mean()
            whiskers = [[mean - values.min()], [values.max() - mean]] if len(values) > 1 else None
            ax.bar(
                group + (place - (len(shown) - 1) / 2) * width,
                mean,
                0.95 * width,
                yerr=whiskers,
                color=OKABE_ITO[place % len(OKABE_ITO)],
                hatch="//" if place >= len(OKABE_ITO) else None,
                label=name if group == 0 else None,
            )
        for name, style in (("clean", "-"), ("all", ":")):
            ends = [group - 0.45, group + 0.45]
            level = 100 * np.asarray(by_scale[name], dtype=float).mean()
            ax.plot(ends, [level] * 2, style, color="black", linewidth=1, label=name if group == 0 else None)
    ax.set_xticks(range(len(scores)), list(scores), rotation=30, ha="right")
    ax.set(ylim=(0, 103), ylabel="accuracy (%)")
    ax.grid(axis="y", alpha=0.3)
    return ax
