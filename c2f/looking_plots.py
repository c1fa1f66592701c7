"""Figures of localisation: outlines of masks and boxes over a map, and what the measures say, layer by layer.

Every function takes the axes to draw on and returns them. Axes of arrays: H rows, W columns, S seeds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from c2f import cam_plots, networks, plots
from c2f.figures import OKABE_ITO
from c2f.looking import own_range

OBJECT, REGION = OKABE_ITO[2], OKABE_ITO[5]
"""The colours of the object's outline and of that of a region found, in every figure."""


def mask_outline(ax: Axes, mask: Any, colour: str = OBJECT, label: str | None = None) -> Axes:
    """Draw the border of a mask, bool ``(H, W)``, along the edges of its pixels."""
    inside = np.pad(np.asarray(mask, dtype=bool), 1)
    row, column = np.nonzero(inside[1:, 1:-1] != inside[:-1, 1:-1])  # an edge above pixel row, column
    flat = np.stack([np.stack([column - 0.5, row - 0.5], 1), np.stack([column + 0.5, row - 0.5], 1)], 1)
    row, column = np.nonzero(inside[1:-1, 1:] != inside[1:-1, :-1])  # an edge at its left
    upright = np.stack([np.stack([column - 0.5, row - 0.5], 1), np.stack([column - 0.5, row + 0.5], 1)], 1)
    lines = np.concatenate([flat, upright])
    ax.add_collection(
        LineCollection(list(lines), colors=colour, linewidths=1.5, capstyle="projecting", label=label), autolim=False
    )
    return ax


def box_outline(ax: Axes, box: Any, colour: str, style: str = "-", label: str | None = None, room: float = 0) -> Axes:
    """Draw a box x0, y0, x1, y1 in pixels, both ends inside: round the outer edges of its pixels.

    ``room``: pixels between those edges and the line, so that boxes with a common edge can be told apart.
    """
    x0, y0, x1, y1 = (int(end) for end in box)
    corner = (x0 - 0.5 - room, y0 - 0.5 - room)
    width, height = x1 - x0 + 1 + 2 * room, y1 - y0 + 1 + 2 * room
    outline = Rectangle(corner, width, height, fill=False, edgecolor=colour, linestyle=style, linewidth=2, label=label)
    ax.add_patch(outline)
    return ax


def layer_dots(
    ax: Axes, values: Mapping[str, Mapping[str, Sequence[float]]], baselines: Mapping[str, float], title: str = ""
) -> Axes:
    """Draw a measure at each layer: a dot a seed and a line through the means, a colour a network.

    Args:
        ax: the axes.
        values: network -> layer -> S values in [0, 1].
        baselines: label -> value, a broken line each.
        title: of the axes.
    """
    layers = list(next(iter(values.values())))
    for place, (network, by_layer) in enumerate(values.items()):
        x = np.arange(len(by_layer)) + 0.16 * (place - (len(values) - 1) / 2)
        shade = plots.colour(network)
        ax.plot(x, [np.mean(v) for v in by_layer.values()], "-", color=shade, label=networks.title(network))
        for at, of_layer in zip(x, by_layer.values(), strict=True):
            ax.plot([at] * len(of_layer), of_layer, "o", color=shade, alpha=0.6, markersize=4)
    for (label, value), style in zip(baselines.items(), ("--", ":", "-."), strict=False):
        ax.axhline(value, color="black", linestyle=style, linewidth=1, label=label)
    ax.set_xticks(range(len(layers)), layers)
    ax.set_ylim(0, 1)
    ax.grid(axis="y", alpha=0.3)
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def map_panel(ax: Axes, picture: Any, heat: Any, mask: Any, threshold: float, title: str = "") -> Axes:
    """Draw a map over its picture, with the object's outline and that of the region above ``threshold``.

    Args:
        ax: the axes.
        picture: ``(C, H, W)`` in [0, 1].
        heat: the map, ``(H, W)``; it is scaled by its own range, as regions and boxes are measured.
        mask: of the object, bool ``(H, W)``.
        threshold: in [0, 1] of that range.
        title: of the axes.
    """
    own = own_range(heat[None])[0]
    cam_plots.overlay(ax, picture, own, (0, 1), title)
    mask_outline(ax, own > threshold, REGION)
    return mask_outline(ax, mask)
