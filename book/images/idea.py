"""Draws idea.png, the book's idea in one picture: ``python book/images/idea.py``.

Above, a bottom-up network: the whole picture first, feature planes that shrink. Below, a top-down network: the most
blurred level of the picture's pyramid first, planes that grow, and a finer level joining at every step. The pictures
are real (a bag of the shipped sample, and its levels as ``c2f.networks.pyramid`` makes them); the planes show the edges
in them.

Coordinates are pixels of the drawing, x to the right, y up.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from torch import Tensor

from c2f.datasets import load
from c2f.networks.pyramid import Pyramid
from c2f.plotting.colours import SCALES

WIDTH, HEIGHT = 1600, 1080
MARGIN = 60
INK, GREY = "#222222", "#5a5a5a"
COLOURS = {7: SCALES["coarse"], 14: SCALES["middle"], 28: SCALES["fine"]}
"""A colour for every resolution, by the side in pixels."""
SHOWN = {7: 76, 14: 120, 28: 180}
"""How large the planes of every resolution are drawn."""
PICTURE = 180
ANSWER = 118
"""Width of the box with the answer."""
ABOVE, BELOW, JOINING = 830, 453, 175
"""Heights of the middle of the two networks, and of the levels that join the lower one."""
PLANES, STEP = 4, 13
"""How many planes a stack has, and how far each lies behind the one before it."""
BAG = 4
"""Which test picture."""


def square(ax: Axes, image: Tensor, centre: tuple[float, float], side: float, cmap: object, colour: str) -> None:
    """Draw ``image`` ``(H, W)`` in [0, 1] with crisp pixels and a frame."""
    x, y = centre[0] - side / 2, centre[1] - side / 2
    box = (x, x + side, y, y + side)
    ax.imshow(image, cmap=cmap, vmin=0, vmax=1, extent=box, interpolation="nearest", zorder=3)
    ax.add_patch(Rectangle((x, y), side, side, fill=False, edgecolor=colour, linewidth=4.5, zorder=4))


def planes(ax: Axes, level: Tensor, centre: tuple[float, float]) -> None:
    """Draw a stack of feature planes of the resolution of ``level`` ``(H, H)``: in front, the edges in it."""
    size = level.shape[0]
    side, colour = SHOWN[size], COLOURS[size]
    middle = STEP * (PLANES - 1) / 2
    front = (centre[0] - middle, centre[1] - middle)
    for k in reversed(range(1, PLANES)):
        corner = (front[0] - side / 2 + k * STEP, front[1] - side / 2 + k * STEP)
        tint = [1 - (1 - c) * (0.62 - 0.1 * k) for c in to_rgb(colour)]
        ax.add_patch(Rectangle(corner, side, side, facecolor=tint, edgecolor=colour, linewidth=2.5, zorder=2))
    kernel = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])[None, None]
    padded = F.pad(level[None, None], (1, 1, 1, 1), mode="replicate")
    edges = (F.conv2d(padded, kernel) ** 2 + F.conv2d(padded, kernel.mT) ** 2).sqrt()[0, 0]
    shades = LinearSegmentedColormap.from_list("shades", ["white", colour])
    square(ax, (edges / edges.max()).sqrt(), front, side, shades, colour)


def reach(size: int) -> float:
    """Return how far a stack of planes reaches to every side of its centre."""
    return (SHOWN[size] + (PLANES - 1) * STEP) / 2


def arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK) -> None:
    """Draw an arrow."""
    style = "Simple,tail_width=7,head_width=26,head_length=22"
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle=style, color=colour, linewidth=0, shrinkA=0, shrinkB=0))


def label(ax: Axes, x: float, y: float, size: int) -> None:
    """Write how many pixels the picture or plane has whose lower edge is at ``y``."""
    ax.text(x, y - 12, f"{size} × {size}", color=COLOURS[size], fontsize=19, weight="bold", ha="center", va="top")


def network(ax: Axes, levels: dict[int, Tensor], y: float, title: str, told: str) -> dict[int, float]:
    """Draw one network in a row: its first picture, its stages in the order of ``levels``, its answer.

    Returns:
        The middle of every stage, by its resolution.
    """
    ax.text(MARGIN - 3, y + 153, title, color=INK, fontsize=30, weight="bold")
    ax.text(MARGIN + 275, y + 153, told, color=GREY, fontsize=24)
    first = next(iter(levels))
    square(ax, levels[first], (MARGIN + PICTURE / 2, y), PICTURE, "gray", COLOURS[first])
    label(ax, MARGIN + PICTURE / 2, y - PICTURE / 2, first)
    taken = PICTURE + sum(2 * reach(size) for size in levels) + ANSWER
    gap = (WIDTH - 2 * MARGIN - taken) / (len(levels) + 1)
    left, middles = MARGIN + PICTURE, {}
    for size, level in levels.items():
        arrow(ax, (left + 22, y), (left + gap - 18, y))
        middles[size] = left + gap + reach(size)
        planes(ax, level, (middles[size], y))
        left = middles[size] + reach(size)
    arrow(ax, (left + 22, y), (left + gap - 18, y))
    ax.add_patch(
        FancyBboxPatch(
            (left + gap, y - 36), ANSWER, 72, boxstyle="round,pad=0,rounding_size=16", color=INK, linewidth=0
        )
    )
    ax.text(
        left + gap + ANSWER / 2, y, "bag", color="white", fontsize=28, weight="bold", ha="center", va="center_baseline"
    )
    return middles


def draw() -> Figure:
    """Return the drawing."""
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.axis("off")
    picture = load("fashion-mnist-sample").test.images[BAG : BAG + 1].float() / 255
    fine_to_coarse = {level.shape[-1]: level[0, 0] for level in Pyramid(28, (1, 2, 4))(picture)}
    coarse_to_fine = dict(reversed(fine_to_coarse.items()))

    network(ax, fine_to_coarse, ABOVE, "Bottom-up", "detail first, then smaller and smaller")
    middles = network(ax, coarse_to_fine, BELOW, "Top-down", "the blurred whole first, then finer and finer")
    for size in list(coarse_to_fine)[1:]:
        x = middles[size]
        square(ax, coarse_to_fine[size], (x, JOINING), PICTURE, "gray", COLOURS[size])
        label(ax, x, JOINING - PICTURE / 2, size)
        arrow(ax, (x, JOINING + PICTURE / 2 + 12), (x, BELOW - reach(size) - 12), COLOURS[size])
    told = "the pyramid:\nthe same picture\nat three scales"
    ax.text(MARGIN - 3, JOINING, told, color=GREY, fontsize=24, va="center", linespacing=1.35)
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT), aspect="auto")
    return figure


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), metadata={"Software": None})
