"""Figures of localisation: maps of several networks, outlines over a map, and what the measures say, layer by layer.

All but ``map_rows``, which makes its figure, take the axes to draw on and return them. Axes of arrays: N pictures, C
channels, H rows, W columns, h rows and w columns of a map, L columns of maps in a figure, S seeds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
        values: network -> layer -> S values in [0, 1]; drawn in percent.
        baselines: label -> value in [0, 1], a broken line each.
        title: of the axes.
    """
    layers = list(next(iter(values.values())))
    for place, (network, by_layer) in enumerate(values.items()):
        x = np.arange(len(by_layer)) + 0.16 * (place - (len(values) - 1) / 2)
        shade = plots.colour(network)
        ax.plot(x, [100 * np.mean(v) for v in by_layer.values()], "-", color=shade, label=networks.title(network))
        for at, of_layer in zip(x, by_layer.values(), strict=True):
            ax.plot([at] * len(of_layer), [100 * v for v in of_layer], "o", color=shade, alpha=0.6, markersize=4)
    for (label, value), style in zip(baselines.items(), ("--", ":", "-."), strict=False):
        ax.axhline(100 * value, color="black", linestyle=style, linewidth=1, label=label)
    ax.set_xticks(range(len(layers)), layers)
    ax.set_ylim(0, 100)
    ax.grid(axis="y", alpha=0.3)
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def layer_panels(
    axes: Any,
    values: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]],
    baselines: Mapping[str, Mapping[str, float]],
    titles: Mapping[str, str],
) -> Any:
    """Draw a panel of ``layer_dots`` for each measure, with one legend below; return ``axes``.

    Args:
        axes: as many as measures, of one figure.
        values: measure -> network -> layer -> S values in [0, 1].
        baselines: label -> measure -> value in [0, 1].
        titles: measure -> its title.
    """
    places = np.ravel(np.asarray(axes, dtype=object))
    for ax, (measure, by_network) in zip(places, values.items(), strict=True):
        floor = {label: of_measure[measure] for label, of_measure in baselines.items()}
        layer_dots(ax, by_network, floor, titles[measure]).set_ylabel("%")
        ax.label_outer()
    handles = places[0].get_legend_handles_labels()
    places[0].figure.legend(*handles, loc="outside lower center", ncols=len(handles[0]), fontsize=9)
    return axes


def map_rows(
    pictures: Any,
    maps: Mapping[str, Mapping[str, Any]],
    names: Sequence[str],
    masks: Any = None,
) -> Figure:
    """Draw a row for each picture and network: the picture, then a map a column, all on one scale with a bar below.

    A map keeps the resolution of its layer, which stands in its column's title: those of two networks may differ. The
    scale ends where ``c2f.plotting.heatmaps.clipped_limits`` has it.

    Args:
        pictures: ``(N, C, H, W)`` in [0, 1].
        maps: network -> title of its column -> ``(N, h, w)``, L of them.
        names: what to write at the left of each picture, N of them.
        masks: bool ``(N, H, W)`` whose outlines are drawn, or None.
    """
    rows, columns = len(pictures) * len(maps), 1 + max(map(len, maps.values()))
    shared = heatmaps.clipped_limits(heat for of_network in maps.values() for heat in of_network.values())
    figure = Figure(figsize=(7, 6.4 / columns * rows + 1.1), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for place, row in enumerate(axes):
        picture, (network, of_network) = place // len(maps), list(maps.items())[place % len(maps)]
        plots.picture(row[0], pictures[picture])
        row[0].set_ylabel(f"{plots.called(names[picture], 16)}\n{networks.title(network).split()[-1]}", fontsize=9)
        for ax, (title, heat) in zip(row[1:], of_network.items(), strict=True):
            above = f"{title}\n{heat.shape[1]}x{heat.shape[2]}" if picture == 0 else ""
            heatmaps.overlay(ax, pictures[picture], heat[picture], shared, above)
            if masks is not None:
                mask_outline(ax, masks[picture])
    heatmaps.colour_bar(axes, shared, "evidence x places", "bottom")
    return figure


def map_panel(
    ax: Axes, picture: Any, heat: Any, mask: Any = None, threshold: float | None = None, title: str = ""
) -> Axes:
    """Draw a map with the object's outline and that of the region above ``threshold``.

    Args:
        ax: the axes.
        picture: ``(C, H, W)`` in [0, 1].
        heat: the map, ``(H, W)``; it is scaled by its own range, as regions and boxes are measured.
        mask: of the object, bool ``(H, W)``; None where nobody knows it.
        threshold: in [0, 1] of that range; None for no region.
        title: of the axes.
    """
    own = own_range(heat[None])[0]
    heatmaps.overlay(ax, picture, own, (0, 1), title)
    if threshold is not None:
        mask_outline(ax, own > threshold, REGION)
    return ax if mask is None else mask_outline(ax, mask)
