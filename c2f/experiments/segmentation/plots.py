"""Figures of the segmentation experiment: meshes beside their pixel labels and what a network made of them.

Axes: N meshes, H rows, W columns, K classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from c2f.plotting.colours import AMOUNT, LINES, NETWORKS, SCALES
from c2f.plotting.heatmaps import REGION, box_outline
from c2f.plotting.plots import picture, seed_dots

OBJECTS = (
    "#CBD24B",
    "#A9C2C9",
    "#664193",
    "#D7770E",
    "#137D66",
    "#B166B1",
    "#C09BFB",
    "#0AB571",
    "#95EEBB",
    "#BC261D",
)
"""Ten colours as far apart as a search could bring them, with any common colour blindness, on black and beside white.
No two are equally light; those of garments that are often taken for each other are far apart in lightness too."""
BACKGROUND, IGNORE = "#000000", "#ffffff"
SHOWN = {name: (NETWORKS[name], marker) for name, marker in (("td", "o"), ("unet", "s"), ("fcn", "^"))}
"""Network -> colour and marker, the same in every figure of the experiment."""


def class_colours(num_classes: int) -> list[str]:
    """Return the colours of K classes, the last two being background (black) and ignore (white).

    Raises:
        ValueError: fewer than one or more than ten classes besides these two: no palette tells more of them apart.
    """
    if not 3 <= num_classes <= len(OBJECTS) + 2:
        raise ValueError(f"there are colours for 3 to {len(OBJECTS) + 2} classes, not for {num_classes}")
    return [*OBJECTS[: num_classes - 2], BACKGROUND, IGNORE]


def class_map(ax: Axes, labels: Any, num_classes: int, title: str = "") -> Axes:
    """Show a class for every pixel, integers ``(H, W)`` from 0 to K - 1, in the classes' colours."""
    colours = ListedColormap(class_colours(num_classes))
    bounds = BoundaryNorm(np.arange(num_classes + 1) - 0.5, num_classes)
    ax.imshow(np.asarray(labels), cmap=colours, norm=bounds, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def class_legend(figure: Figure, classes: Sequence[str], columns: int = 4) -> Figure:
    """Put the K ``classes`` with their colours below everything in ``figure``."""
    colours = class_colours(len(classes))
    patches = [Patch(facecolor=c, edgecolor="0.5", label=name) for c, name in zip(colours, classes, strict=True)]
    figure.legend(
        handles=patches, ncols=columns, fontsize=9, columnspacing=1, handletextpad=0.5,
        loc="upper center", bbox_to_anchor=(0.5, 0),
    )  # fmt: skip
    return figure


def segmented(axes: Any, images: Any, labels: Any, predictions: Mapping[str, Any], classes: Sequence[str]) -> Any:
    """Show meshes, their labels and the predictions of one network or several: one row a mesh; return ``axes``.

    Args:
        axes: ``(N, 2 + number of predictions)`` as ``plt.subplots(..., squeeze=False)`` gives them.
        images: ``(N, 1, H, W)``, grey levels 0 to 255.
        labels: integers ``(N, H, W)``.
        predictions: title -> integers ``(N, H, W)``.
        classes: K names, background and ignore the last two.

    Raises:
        ValueError: axes of another shape.
    """
    wanted = (len(images), 2 + len(predictions))
    if np.shape(axes) != wanted:
        raise ValueError(f"axes must be {wanted}, one row a mesh and one column a map, not {np.shape(axes)}")
    maps = {"labels": labels, **predictions}
    for row, row_axes in enumerate(axes):
        picture(row_axes[0], images[row], "" if row else "mesh", limits=(0, 255))
        for ax, (title, found) in zip(row_axes[1:], maps.items(), strict=True):
            class_map(ax, found[row], len(classes), "" if row else title)
    class_legend(axes[0, 0].figure, classes)
    return axes


def class_dots(ax: Axes, scores: Mapping[str, Mapping[str, Sequence[float]]], titles: Mapping[str, str]) -> Axes:
    """Draw the score of every class, network and seed: a row a class, a dot a seed, a bar at each network's mean.

    Args:
        ax: the axes.
        scores: network -> class -> values in [0, 1], one a seed; all networks with the same classes.
        titles: network -> what the legend calls it.
    """
    classes = list(next(iter(scores.values())))
    for place, (network, by_class) in enumerate(scores.items()):
        shade, marker = SHOWN[network]
        offset = 0.24 * (place - (len(scores) - 1) / 2)
        for row, name in enumerate(classes):
            values = 100 * np.asarray(by_class[name], dtype=float)
            label = None if row else titles[network]
            ax.plot(values, [row + offset] * len(values), marker, color=shade, alpha=0.7, markersize=4, label=label)
            ax.plot([values.mean()] * 2, [row + offset - 0.1, row + offset + 0.1], color=shade, linewidth=2)
    ax.set_yticks(range(len(classes)), classes)
    ax.set_ylim(len(classes) - 0.5, -0.5)
    ax.set_yticks(np.arange(1, len(classes)) - 0.5, minor=True)
    ax.grid(axis="x", alpha=0.3)
    ax.grid(axis="y", which="minor", alpha=0.3)
    ax.tick_params(which="minor", length=0)
    return ax


def influence_map(
    ax: Axes, influence: Any, pixel: tuple[int, int], box: tuple[int, int, int, int], limit: float, title: str = ""
) -> Axes:
    """Show what moves the answer at one pixel, ``(H, W)``, in percent of all that does; a cross marks the pixel (row,
    column), a dashed ``box`` (x0, y0, x1, y1, both ends inside) what can be seen at all.

    The colours follow the square root, so that faint influences are seen too; ``limit``, in percent, is the value shown
    brightest, the same for all maps that are to be compared. Lines part the mesh into its four pictures.
    """
    values = 100 * np.asarray(influence)
    height, width = values.shape
    ax.imshow(values, cmap=AMOUNT, norm=PowerNorm(0.5, 0, limit), interpolation="nearest")
    ax.axhline(height / 2 - 0.5, color="0.45", linewidth=0.8)
    ax.axvline(width / 2 - 0.5, color="0.45", linewidth=0.8)
    box_outline(ax, box, "white", "--")
    ax.plot(pixel[1], pixel[0], "+", color=REGION, markersize=9, markeredgewidth=1.5)
    ax.set(xticks=[], yticks=[])
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def lies(axes: Any, found: Mapping[str, Sequence[Sequence[float]]]) -> Any:
    """Draw *where* and *what*, a panel each, after a lie to a scale or several: a row a lie, a dot a seed, a bar at the
    mean; return ``axes``.

    Args:
        axes: two.
        found: lie -> (*where*, *what*) in [0, 1], a pair a seed.
    """
    shades = [SCALES.get(lie, LINES[0]) for lie in found]
    for ax, part, title in zip(axes, (0, 1), ("where (%)", "what (%)"), strict=True):
        seed_dots(ax, {lie: [100 * pair[part] for pair in pairs] for lie, pairs in found.items()}, shades)
        ax.set(xlabel=title, xlim=(0, 102))  # room for a dot at 100
    axes[1].tick_params(labelleft=False)
    return axes
