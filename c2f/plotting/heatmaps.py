"""Figures of evidence maps, with one colour scale for the whole figure and the edges of the picture drawn on top.

A map that is scaled picture by picture cannot be compared with its neighbour, so the limits are shared and a bar shows
them; the values drawn are those given, in the bar's own colours: a map that a picture shines through has others.
Evidence speaks for and against, so its scale is as wide on both sides and white is none. Tensors and arrays are both
taken.

Axes: N pictures, C channels, H rows, W columns, h rows and w columns of a map, L columns of maps in a figure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from c2f.plotting import plots
from c2f.plotting.colours import AMOUNT, SIGNED

OBJECT, REGION = "#000000", "#0057C2"
"""The colours of the object's outline and of that of a region found, in every figure."""

_HALO = 3.4
"""Width in points of the white under an outline, which so is seen on any ground."""


def limits(maps: Iterable[Any]) -> tuple[float, float]:
    """Return the ends of a shared colour scale of the evidence ``maps``, of any shapes: as far from 0 on both sides.

    Raises:
        ValueError: no maps, or a value that is NaN or infinite.
    """
    values = [_array(x) for x in maps]
    if not sum(x.size for x in values):
        raise ValueError("there are no maps to draw")
    for number, x in enumerate(values):
        if not np.isfinite(x).all():
            raise ValueError(f"map {number} holds NaN or infinity and cannot be drawn")
    low, high = min(x.min() for x in values if x.size), max(x.max() for x in values if x.size)
    top = float(max(high, -low)) or 1.0
    return -top, top


def clipped_limits(maps: Iterable[Any], share: float = 0.995) -> tuple[float, float]:
    """Return ``limits`` that ``share`` of the values of each of ``maps`` lie within: a few peaks do not pale the rest.

    Raises:
        ValueError: as ``limits``, or ``share`` outside (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, not {share!r}")
    values = [_array(x) for x in maps]
    _, high = limits(values)
    top = max(float(np.quantile(np.abs(x), share)) for x in values if x.size) or high
    return -top, top


def numbers(ax: Axes, heat: Any, shared: tuple[float, float], digits: int = 2) -> Axes:
    """Show a small map ``(h, w)`` in the colours of ``shared``, with each value written on it."""
    values = _array(heat)
    ax.imshow(values, cmap=_colours(shared), norm=Normalize(*shared), interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for (row, column), value in np.ndenumerate(values):
        # The diverging colours are dark at both ends, the others at their low one.
        dark = abs(value) > 0.7 * shared[1] if shared[0] < 0 else value < 0.6 * shared[1]
        ax.text(column, row, f"{value:.{digits}f}", ha="center", va="center", color="white" if dark else "black")
    return ax


def overlay(ax: Axes, x: Any, heat: Any, shared: tuple[float, float], title: str = "") -> Axes:
    """Draw the map ``(h, w)``, and over it the edges of the picture ``(C, H, W)`` or ``(H, W)`` in [0, 1], grey or
    red-green-blue.

    A coarse map is stretched over the whole picture and every one of its values is a crisp rectangle: ``cam.upsample``
    it first for a smooth one. ``shared``: the colour scale of the figure, from ``limits``, or (0, top) of amounts that
    have no sign.

    Raises:
        ValueError: ``heat`` is no ``(h, w)``, or not finite.
    """
    values = _array(heat)
    if values.ndim != 2:
        raise ValueError(f"a map must be (h, w), not {values.shape}: draw them one by one, or use grid")
    limits([values])
    picture = _array(x)
    grey = picture if picture.ndim == 2 else picture.mean(axis=0)
    height, width = grey.shape
    frame = (-0.5, width - 0.5, height - 0.5, -0.5)
    ax.imshow(values, cmap=_colours(shared), norm=Normalize(*shared), interpolation="nearest", extent=frame)
    ax.imshow(_edges(grey, 0.0 if shared[0] < 0 else 1.0), interpolation="nearest", extent=frame)
    ax.set(xticks=[], yticks=[])
    if title:
        ax.set_title(title, fontsize=9)
    return ax


def _edges(grey: np.ndarray, shade: float) -> np.ndarray:
    """Return a layer ``(H, W, 4)`` of one ``shade`` in [0, 1], the less transparent the steeper the picture."""
    steps = [np.gradient(grey, axis=axis) for axis in (0, 1) if grey.shape[axis] > 1]
    steep = np.sqrt(sum((step**2 for step in steps), np.zeros_like(grey)))
    layer = np.full((*grey.shape, 4), shade)
    layer[..., 3] = 0.6 * np.clip(steep / (np.quantile(steep, 0.99) or 1.0), 0, 1) ** 2
    return layer


def colour_bar(
    axes: Any, shared: tuple[float, float], label: str = "evidence for the class", location: str = "right"
) -> Colorbar:
    """Put a bar of the colour scale ``shared`` at the right of ``axes``, one or an array of them, or at another
    ``location`` that matplotlib knows.
    """
    drawn = np.ravel(np.asarray(axes, dtype=object)).tolist()
    mappable = ScalarMappable(norm=Normalize(*shared), cmap=_colours(shared))
    aspect = 20 if location in ("left", "right") else 40
    return drawn[0].figure.colorbar(mappable, ax=drawn, label=label, shrink=0.8, location=location, aspect=aspect)


def grid(
    axes: Any,
    pictures: Any,
    maps: Mapping[str, Any],
    rows: Sequence[str] = (),
    label: str = "evidence for the class",
    shared: tuple[float, float] | None = None,
) -> np.ndarray:
    """Draw a row a picture: the picture itself, then each of its maps over it; with a colour bar for all of them.

    Args:
        axes: N rows and 1 + L columns of axes, e.g. ``plt.subplots(N, 1 + L, layout="constrained")[1]``.
        pictures: ``(N, C, H, W)`` in [0, 1].
        maps: the L columns: ``(N, h, w)`` by title, of any resolutions.
        rows: what to write at the left of each picture.
        label: of the colour bar.
        shared: the colour scale; None takes the ``limits`` of all maps of the figure. Raw maps of layers with
            different resolutions differ in size: one scale shows that too.

    Returns:
        The axes, an array ``(N, 1 + L)``.

    Raises:
        ValueError: another number of axes, maps or rows than pictures; maps that cannot be drawn.
    """
    count = len(pictures)
    if not maps:
        raise ValueError("there are no maps to draw")
    values = {name: _array(x) for name, x in maps.items()}
    for name, x in values.items():
        if x.ndim != 3 or len(x) != count:
            raise ValueError(f"the maps {name!r} must be ({count}, h, w), one for each picture, not {x.shape}")
    if rows and len(rows) != count:
        raise ValueError(f"{len(rows)} rows are named but there are {count} pictures")
    table = np.asarray(axes, dtype=object)
    shape = (count, 1 + len(maps))
    if table.size != shape[0] * shape[1]:
        raise ValueError(f"the figure needs {shape[0]} x {shape[1]} axes, not {table.size}: plt.subplots{shape}")
    table = table.reshape(shape)
    shared = limits(values.values()) if shared is None else shared
    for row in range(count):
        plots.picture(table[row, 0], _array(pictures[row]))
        if rows:
            table[row, 0].set_ylabel(rows[row], fontsize=9)
        for column, (name, x) in enumerate(values.items(), start=1):
            overlay(table[row, column], pictures[row], x[row], shared, name if row == 0 else "")
    colour_bar(table, shared, label)
    return table


def _array(x: Any) -> np.ndarray:
    return np.asarray(x.detach().cpu() if hasattr(x, "detach") else x, dtype=float)


def _colours(shared: tuple[float, float]) -> str:
    return SIGNED if shared[0] < 0 else AMOUNT


def mask_outline(ax: Axes, mask: Any, colour: str = OBJECT, label: str | None = None) -> Axes:
    """Draw the border of a mask, bool ``(H, W)``, along the edges of its pixels, on white."""
    inside = np.pad(np.asarray(mask, dtype=bool), 1)
    row, column = np.nonzero(inside[1:, 1:-1] != inside[:-1, 1:-1])  # an edge above pixel row, column
    flat = np.stack([np.stack([column - 0.5, row - 0.5], 1), np.stack([column + 0.5, row - 0.5], 1)], 1)
    row, column = np.nonzero(inside[1:-1, 1:] != inside[1:-1, :-1])  # an edge at its left
    upright = np.stack([np.stack([column - 0.5, row - 0.5], 1), np.stack([column - 0.5, row + 0.5], 1)], 1)
    lines = np.concatenate([flat, upright])
    # Two layers, for path effects would lay the halo of one edge over the edge before.
    for shade, wide, name in (("white", _HALO, None), (colour, 1.5, label)):
        border = LineCollection(list(lines), colors=shade, linewidths=wide, capstyle="projecting", label=name)
        ax.add_collection(border, autolim=False)
    return ax


def box_outline(ax: Axes, box: Any, colour: str, style: str = "-", label: str | None = None, room: float = 0) -> Axes:
    """Draw a box x0, y0, x1, y1 in pixels, both ends inside: round the outer edges of its pixels.

    ``room``: pixels between those edges and the line, so that boxes with a common edge can be told apart.
    """
    x0, y0, x1, y1 = (int(end) for end in box)
    corner = (x0 - 0.5 - room, y0 - 0.5 - room)
    width, height = x1 - x0 + 1 + 2 * room, y1 - y0 + 1 + 2 * room
    outline = Rectangle(corner, width, height, fill=False, edgecolor=colour, linestyle=style, linewidth=2, label=label)
    outline.set_path_effects([withStroke(linewidth=_HALO + 0.5, foreground="white")])
    ax.add_patch(outline)
    return ax
