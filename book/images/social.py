"""Draws ../_static/social.png, the picture that a link to the book is shown with: ``python book/images/social.py``.

1200 by 630 pixels, as previews are cut: the title, and the three levels of a picture's pyramid from coarse to fine.
"""

from pathlib import Path

from idea import BAG, COLOURS, GREY, INK
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from c2f.datasets import load
from c2f.networks.pyramid import Pyramid

WIDTH, HEIGHT = 1200, 630
SIDE, GAP, MARGIN = 320, 50, 70


def draw() -> Figure:
    """Return the drawing."""
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, HEIGHT))
    ax.text(MARGIN, 545, "Coarse to Fine", color=INK, fontsize=50, weight="bold", va="center")
    told = "an executable book on networks that look at the whole first"
    ax.text(MARGIN, 465, told, color=GREY, fontsize=25, va="center")
    picture = load("fashion-mnist-sample").test.images[BAG : BAG + 1].float() / 255
    levels = sorted((level[0, 0] for level in Pyramid(28, (1, 2, 4))(picture)), key=len)
    for k, level in enumerate(levels):
        x, y = MARGIN + k * (SIDE + GAP), MARGIN
        ax.imshow(level, cmap="gray", vmin=0, vmax=1, extent=(x, x + SIDE, y, y + SIDE), interpolation="nearest")
        ax.add_patch(Rectangle((x, y), SIDE, SIDE, fill=False, edgecolor=COLOURS[len(level)], linewidth=9))
    ax.axis("off")
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT), aspect="auto")
    return figure


if __name__ == "__main__":
    draw().savefig(Path(__file__).parents[1] / "_static" / "social.png", metadata={"Software": None})
