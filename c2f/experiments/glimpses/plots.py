"""Figures of the Multi-Glimpse Network: where it looked, what it saw there, and what that was good for.

Axes of arrays: C channels, H rows, W columns, N pictures, T glimpses, S seeds, Q points of a curve.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from c2f.experiments.glimpses.evaluation import GlimpseEvaluation
from c2f.experiments.glimpses.pgd_tables import Lines
from c2f.networks.glimpse.geometry import take_glimpse
from c2f.plotting.colours import MARKERS, NETWORKS, SHARE, glimpse_colour
from c2f.plotting.plots import called, picture, whiskers


def windows(ax: Axes, x: Any, locations: ArrayLike, title: str = "", first: int = 0, tags: bool = True) -> Axes:
    """Show a picture ``(C, H, W)`` with the window of each glimpse ``(T, 3)``, in its colour.

    ``first``: which glimpse the first of ``locations`` is, counted from 0. ``tags``: whether to number windows.
    A window is drawn where ``take_glimpse`` reads: from the centre of one border pixel to that of the other.
    """
    picture(ax, x, title)
    height, width = np.asarray(x).shape[-2:]
    for glimpse, (scale, across, down) in enumerate(np.asarray(locations, dtype=float), start=first):
        left, top = (across - scale + 1) / 2 * (width - 1), (down - scale + 1) / 2 * (height - 1)
        wide, high = scale * (width - 1), scale * (height - 1)
        for colour, line in (("white", 3.2), (glimpse_colour(glimpse), 1.8)):  # seen on any ground
            ax.add_patch(
                Rectangle((left, top), wide, high, fill=False, edgecolor=colour, linewidth=line, clip_on=False)
            )
        if not tags:
            continue
        tag = {"facecolor": glimpse_colour(glimpse), "edgecolor": "white", "boxstyle": "round,pad=0.15"}
        ax.text(left, top, str(glimpse + 1), color="white", fontsize=9, ha="center", va="center", bbox=tag)
    return ax


def reading_points(ax: Axes, x: Any, location: ArrayLike, side: int, glimpse: int = 1) -> Axes:
    """Mark with crosses where a glimpse of ``side`` pixels reads the picture ``x`` ``(C, H, W)``, in its colour.

    ``location``: ``(3,)``. ``glimpse``: which it is, counted from 0.
    """
    (scale, *centre), (height, width) = np.asarray(location, dtype=float), np.asarray(x).shape[-2:]
    t = np.linspace(-1, 1, side)
    across, down = ((c + scale * t + 1) / 2 * (n - 1) for c, n in zip(centre, (width, height), strict=True))
    for colour, edge in (("white", 5), (glimpse_colour(glimpse), 2)):
        ax.plot(np.tile(across, side), np.repeat(down, side), "x", color=colour, markersize=9, markeredgewidth=edge)
    return ax


def looks(axes: Sequence[Axes], x: Any, locations: ArrayLike, side: int, titles: Sequence[str], title: str = "") -> Any:
    """Show, in a column, a picture with its windows and below it what each glimpse saw; return ``axes``.

    Args:
        axes: 1 + T.
        x: ``(C, H, W)`` in [0, 1].
        locations: ``(T, 3)``.
        side: of a glimpse in pixels.
        titles: T, of the glimpses, e.g. the answer after each.
        title: of the picture.

    Raises:
        ValueError: another number of axes or titles than glimpses.
    """
    where = torch.as_tensor(np.asarray(locations, dtype=np.float32))
    if len(axes) != len(where) + 1 or len(titles) != len(where):
        raise ValueError(
            f"{len(where)} glimpses need {len(where) + 1} axes and {len(where)} titles, "
            f"not {len(axes)} and {len(titles)}"
        )
    whole = torch.as_tensor(np.asarray(x, dtype=np.float32))
    crops = take_glimpse(whole.expand(len(where), *whole.shape), where, side)
    windows(axes[0], x, locations, title)
    for glimpse, (ax, crop, text) in enumerate(zip(axes[1:], crops, titles, strict=True)):
        picture(ax, crop, text)
        for spine in ax.spines.values():
            spine.set(edgecolor=glimpse_colour(glimpse), linewidth=2)
    return axes


def look_columns(
    axes: np.ndarray, pictures: Any, truth: Sequence[int], classes: Sequence[str], seen: GlimpseEvaluation, side: int
) -> np.ndarray:
    """Show ``looks``, a column a picture, with the answer after each glimpse and whether it is right; return ``axes``.

    Args:
        axes: ``(1 + T, N)``.
        pictures: ``(N, C, H, W)`` in [0, 1].
        truth: their labels, ``(N,)``.
        classes: names, in label order.
        seen: the evaluation of just these pictures.
        side: of a glimpse in pixels.
    """
    for k, column in enumerate(axes.T):
        titles = [
            f"{'✓' if answer == truth[k] else '✗'} {called(classes[answer], 12)} {100 * sure:.0f} %"
            for answer, sure in zip(seen.predictions[:, k].tolist(), seen.confidences[:, k].tolist(), strict=True)
        ]
        looks(column, pictures[k], seen.locations[:, k], side, titles, f"a {called(classes[truth[k]], 16)}")
    for row, ax in enumerate(axes[:, 0]):
        ax.set_ylabel(f"glimpse {row}" if row else "picture", fontsize=9)
    return axes


def coverage(locations: ArrayLike, cells: int = 64) -> np.ndarray:
    """Return how often each part of the picture is looked at, in [0, 1]: windows ``(..., 3)`` to ``(cells, cells)``.

    A value is the share of the windows whose inside holds the middle of that cell.
    """
    flat = np.asarray(locations, dtype=float).reshape(-1, 3)
    middles = (np.arange(cells) + 0.5) / cells * 2 - 1
    inside = [np.abs(middles - centre[:, None]) <= flat[:, :1] for centre in (flat[:, 2], flat[:, 1])]  # rows, columns
    return np.einsum("nr,nc->rc", inside[0].astype(np.float64), inside[1].astype(np.float64)) / len(flat)


def heat_map(ax: Axes, locations: ArrayLike, title: str = "", limit: float = 1.0, cells: int = 64) -> AxesImage:
    """Draw ``coverage`` from 0 (dark) to ``limit`` (bright), in the picture's own units; return the image."""
    image = ax.imshow(
        coverage(locations, cells), extent=(-1, 1, 1, -1), cmap=SHARE, vmin=0, vmax=limit, interpolation="nearest"
    )
    ax.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1], xlabel="x")
    if title:
        ax.set_title(title, fontsize=10)
    return image


def centre_histograms(axes: Sequence[Axes], locations: ArrayLike, reach: float = 0.8) -> Any:
    """Draw histograms of the later glimpses' centres, x and y, a line a glimpse, on two axes; return ``axes``.

    Args:
        axes: two.
        locations: ``(T, N, 3)``; the first glimpse, the whole picture, is left out.
        reach: the farthest a centre can be from the middle.
    """
    found = np.asarray(locations, dtype=float)
    for ax, column, name in zip(axes, (1, 2), ("x (left to right)", "y (top to bottom)"), strict=True):
        for glimpse in range(1, len(found)):
            ax.hist(
                found[glimpse, :, column],
                bins=np.linspace(-reach, reach, 41).tolist(),
                histtype="step",
                linewidth=1.6,
                color=glimpse_colour(glimpse),
                label=f"glimpse {glimpse + 1}",
            )
        ax.set(xlabel=f"centre, {name}", xlim=(-reach, reach))
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    axes[0].set_ylabel("pictures")
    return axes


def accuracy_by_glimpse(ax: Axes, curves: Mapping[str, ArrayLike], titles: Mapping[str, str]) -> Axes:
    """Draw accuracy in percent after each glimpse: every seed a thin line, the mean a thick one.

    Args:
        ax: the axes.
        curves: by kind of network, accuracies in [0, 1], ``(S, T)``; one with a single glimpse is a level line with a
            band from the lowest to the highest seed.
        titles: what the legend calls each kind.
    """
    most = max(np.asarray(values).shape[1] for values in curves.values())
    for kind, values in curves.items():
        percent, colour = 100 * np.asarray(values, dtype=float), NETWORKS[kind]
        if percent.shape[1] == 1:
            ax.axhline(percent.mean(), color=colour, linestyle="--", label=titles[kind])
            ax.axhspan(percent.min(), percent.max(), color=colour, alpha=0.15, linewidth=0)
            continue
        x = range(1, percent.shape[1] + 1)
        ax.plot(x, percent.T, color=colour, alpha=0.45, linewidth=1)
        ax.plot(x, percent.mean(axis=0), "o-", color=colour, linewidth=2.2, label=titles[kind])
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set(xlabel="glimpses", ylabel="test accuracy (%)", xlim=(0.7, most + 0.3))
    ax.grid(axis="y", alpha=0.3)
    return ax


def cost_lines(ax: Axes, curves: Mapping[str, tuple[ArrayLike, ArrayLike]], titles: Mapping[str, str]) -> Axes:
    """Draw accuracy in percent against cost, which has a logarithmic axis.

    Args:
        ax: the axes.
        curves: by kind of network, cost ``(S, Q)`` in any unit and accuracy ``(S, Q)`` in [0, 1]: mean over seeds as a
            line through points; one with Q = 1 is a single point with its 95 % interval over seeds (Student's t) as
            whiskers and S in the legend.
        titles: what the legend calls each.
    """
    for name, (cost, accuracy) in curves.items():
        x, y = np.asarray(cost, dtype=float), 100 * np.asarray(accuracy, dtype=float)
        colour = NETWORKS[name.split()[0]]
        if x.shape[1] == 1:
            label = f"{titles[name]}, n = {len(y)}"
            ax.errorbar([x.mean()], [y.mean()], yerr=whiskers(y[:, 0]), fmt="s", color=colour, capsize=4, label=label)
            continue
        style = "o-" if name == name.split()[0] else ".:"
        ax.plot(x.mean(axis=0), y.mean(axis=0), style, color=colour, label=titles[name])
    ax.set(xscale="log", ylabel="test accuracy (%)")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(alpha=0.3)
    return ax


def glimpse_lines(ax: Axes, found: Lines) -> Axes:
    """Draw accuracy against the strength of an attack, a line for each number of glimpses: mean, and range of seeds."""
    for t in range(np.shape(found.clean)[1]):
        _strengths(ax, found, t, glimpse_colour(t), MARKERS[t % len(MARKERS)], f"after glimpse {t + 1}")
    return ax


def network_lines(ax: Axes, found: Mapping[str, Lines], titles: Mapping[str, str]) -> Axes:
    """Draw the accuracy of the last answer against the strength of an attack, a line a kind of network, likewise."""
    for mark, (kind, lines) in zip(MARKERS, found.items(), strict=False):
        _strengths(ax, lines, -1, NETWORKS[kind], mark, titles[kind])
    return ax


def _strengths(ax: Axes, found: Lines, answer: int, colour: str, mark: str, label: str) -> None:
    robust = np.asarray(found.robust, dtype=float)[:, :, answer]  # (S, E)
    y = 100 * np.concatenate([np.asarray(found.clean, dtype=float)[:, answer, None], robust], axis=1)
    x = [0, *(255 * epsilon for epsilon in found.epsilons)]
    ax.plot(x, y.mean(axis=0), f"{mark}-", color=colour, markersize=4, label=label)
    ax.fill_between(x, y.min(axis=0), y.max(axis=0), color=colour, alpha=0.15, linewidth=0)
    ax.set(xlabel="largest change (grey levels of 255)", ylim=(0, 100))
    ax.grid(alpha=0.3)
