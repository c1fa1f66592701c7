"""Figures of localisation: outlines of masks and boxes over a map, and what the measures say, layer by layer.

Every function takes the axes to draw on and returns them. Axes of arrays: H rows, W columns, S seeds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from c2f import networks
from c2f.experiments.localization.measure import own_range
from c2f.plotting import heatmaps, plots
from c2f.plotting.heatmaps import REGION, mask_outline


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
    heatmaps.overlay(ax, picture, own, (0, 1), title)
    mask_outline(ax, own > threshold, REGION)
    return mask_outline(ax, mask)
