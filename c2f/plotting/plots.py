"""Figures: every function takes the axes to draw on and returns them; tensors and arrays are both taken.

Axes of arrays: C channels, H rows, W columns, K classes, E epochs, S seeds. Colours are told apart with any common
colour blindness.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from c2f.metrics.statistics import seeds_interval
from c2f.plotting.colours import NETWORKS, SHARE


def colour(network: str) -> str:
    """Return the colour of a network of the table, by its variant."""
    from c2f import networks

    return NETWORKS[network.removeprefix(networks.family_name(network))]


def called(name: str, most: int = 20) -> str:
    """Return a class's name for a figure: of a longer one the beginning and the end, ``most`` characters in all."""
    return name if len(name) <= most else f"{name[: most // 2]}\N{HORIZONTAL ELLIPSIS}{name[most // 2 + 1 - most :]}"


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


def whiskers(values: ArrayLike) -> list[list[float]] | None:
    """Return how far the 95 % interval over seeds of the mean of ``values`` ``(S,)`` reaches down and up: a bar's
    ``yerr``, or None where no spread is known.
    """
    found = seeds_interval(np.asarray(values, dtype=float).tolist())
    return None if np.isnan(found.low) else [[found.value - found.low], [found.high - found.value]]


def learning_curves(ax: Axes, histories: Sequence[Mapping[str, Sequence[float]]], what: str, **line: str) -> Axes:
    """Draw the value ``what`` of a ``History`` over epochs, counted from 1: mean and range over the seeds.

    ``line``: ``label``, ``colour`` and ``style`` as for ``band``.
    """
    curves = [history[what] for history in histories]
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))  # one epoch is one tick
    return band(ax, range(1, len(curves[0]) + 1), curves, **line)


def log_percent(ax: Axes, ticks: Sequence[float] = (0.5, 0.7, 1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100)) -> Axes:
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
    import seaborn  # brings scipy.stats: a second and 60 MiB, which only this figure needs

    percent = 100 * np.asarray(shares, dtype=float)
    seaborn.heatmap(
        percent,
        ax=ax,
        annot=True,
        fmt=".0f",
        vmin=0,
        vmax=100,
        cmap=SHARE,
        cbar=False,
        square=True,
        linewidths=0.5,
        annot_kws={"fontsize": 9},
        xticklabels=classes,
        yticklabels=classes,
    )
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.tick_params(labelsize=9)
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
