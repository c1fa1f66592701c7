"""Figures of the segmentation experiment: meshes beside their pixel labels and what a network made of them.

Axes: N meshes, H rows, W columns, K classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from c2f.plots import picture

OBJECTS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
"""Ten colours of Petroff (2021), which people with any common colour blindness tell apart."""
BACKGROUND, IGNORE = "#000000", "#ffffff"


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
    figure.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=columns, fontsize=9)
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
