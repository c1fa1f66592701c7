"""Figures of a benchmark of several networks: what one gains is what the other costs."""

from textwrap import fill

import numpy as np
from matplotlib.axes import Axes

from c2f import networks
from c2f.benchmark.competition import Stops, TradeOff, fewer_is_better
from c2f.benchmark.tables import called
from c2f.plotting.colours import MARKERS, NETWORKS
from c2f.plotting.plots import colour, whiskers

_OVER = 30
"""A value whose largest is more than so many times its smallest is drawn on a logarithmic axis."""
_LABEL = 32
"""Letters in a line of an axis's name: a longer name would be longer than the axis of a small panel."""


def colour_of(network: str) -> str:
    """Return the colour of a network of any of the three systems."""
    kind = networks.kind_of(network)
    return colour(network) if kind == "classifier" else NETWORKS[network.replace("densenet_", "").split("_")[0]]


def trade_off_dots(ax: Axes, found: TradeOff, labels: bool = False) -> Axes:
    """Draw each network as a dot with 95 % intervals over seeds, and the front as a line through those on it.

    ``labels``: whether dots have a place in the legend.
    """
    factors = [called(value)[1] for value in (found.x, found.y)]
    for place, (name, table) in enumerate(found.found.items()):
        x, y = (factor * column for factor, column in zip(factors, table.T, strict=True))
        ax.errorbar(
            x.mean(), y.mean(), xerr=whiskers(x), yerr=whiskers(y), fmt=MARKERS[place % len(MARKERS)],
            color=colour_of(name), markersize=6, capsize=2, label=networks.title(name) if labels else None,
        )  # fmt: skip
    means = np.array([factors * found.found[name].mean(axis=0) for name in found.front])
    ax.plot(*means.T, color="0.45", linewidth=1, zorder=0)
    every = np.concatenate(list(found.found.values()))
    for side, value, axis, column in (("x", found.x, ax.xaxis, every[:, 0]), ("y", found.y, ax.yaxis, every[:, 1])):
        name, low, high = fill(called(value)[0], _LABEL), column.min(), column.max()
        axis.set_label_text(f"{name}\nless is better" if fewer_is_better(value) else name, fontsize=9)
        if low > 0 and high > _OVER * low:
            ax.set(**{f"{side}scale": "log"})
    return ax


def early_stops(ax: Axes, stops: Stops) -> Axes:
    """Add the glimpse network stopped after 1, 2, ... glimpses, hollow and numbered, and where it is sure, a star."""
    means = np.array([table.mean(axis=0) for table in stops.glimpses]) * (1, 100)
    shade = NETWORKS["mgnet"]
    ax.plot(*means.T, ":", color=shade, linewidth=1, marker="o", markerfacecolor="white", zorder=1)
    for count, (x, y) in enumerate(means, start=1):
        ax.annotate(str(count), (x, y), xytext=(4, -9), textcoords="offset points", fontsize=9, color=shade)
    x, y = stops.sure.mean(axis=0) * (1, 100)
    ax.plot(x, y, "*", color=shade, markersize=9, label="a few glimpses, stopped when sure")
    return ax
