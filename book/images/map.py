"""Draws map.png, the chapters of the three papers and which of them needs which: ``python book/images/map.py``.

What needs what is read from ``book/cards.yml`` and the names from the chapters; only the places are set here.

Coordinates are inches of the drawing, x to the right, y up.
"""

from pathlib import Path
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from c2f.book.cards import read_cards
from c2f.book.chapters import BOOK, chapters
from c2f.plotting.colours import LINES, NETWORKS

WIDTH, HEIGHT = 7.0, 7.0
BOX = (1.6, 0.76)
"""Width and height of a chapter."""
PAPERS = {
    "shared": ("#5C5C5C", {"01": (2.62, 5.2), "12": (6.12, -0.3)}),
    "Top-Down Networks": (
        NETWORKS["td"],
        {
            "02": (2.62, 4.1),
            "08": (0.87, 3.0),
            "03": (2.62, 3.0),
            "04": (2.62, 1.9),
            "05": (4.37, 3.0),
            "06": (4.37, 1.9),
            "07": (2.62, 0.8),
        },
    ),
    "High-Resolution CAM": (LINES[2], {"09": (4.37, 0.8)}),
    "Multi-Glimpse Network": (NETWORKS["mgnet"], {"10": (6.12, 4.1), "11": (6.12, 1.9)}),
}
"""Paper -> its colour, and the middle of each of its chapters."""
LABELS = {"Top-Down Networks": (0.87, 4.1), "High-Resolution CAM": (4.37, -0.35), "Multi-Glimpse Network": (6.12, 5.2)}


def needed(after: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Return (earlier, later) chapters, without what follows from the others: who needs 3 needs what 3 needs."""

    def all_before(number: str) -> set[str]:
        return set(after[number]).union(*(all_before(other) for other in after[number]))

    return [
        (earlier, later)
        for later, others in after.items()
        for earlier in others
        if not any(earlier in all_before(other) for other in others)
    ]


def arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow from the lower edge of a box to the upper edge of another."""
    begin, stop = (start[0], start[1] - BOX[1] / 2), (end[0], end[1] + BOX[1] / 2)
    ax.add_patch(
        FancyArrowPatch(begin, stop, arrowstyle="-|>", mutation_scale=12, color="#444444", shrinkA=0, shrinkB=1)
    )


def draw() -> Figure:
    """Return the drawing."""
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=120, facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.axis("off")
    ax.set(xlim=(0, WIDTH), ylim=(-0.8, HEIGHT - 1.3))
    titles = {chapter.number: chapter.title for chapter in chapters()}
    after = {number: card["after"] for number, card in read_cards(BOOK, chapters()).items()}
    places = {number: middle for _, middles in PAPERS.values() for number, middle in middles.items()}
    for earlier, later in needed(after):
        arrow(ax, places[earlier], places[later])
    for colour, middles in PAPERS.values():
        for number, (x, y) in middles.items():
            corner = (x - BOX[0] / 2, y - BOX[1] / 2)
            style = "round,pad=0,rounding_size=0.08"
            ax.add_patch(FancyBboxPatch(corner, *BOX, boxstyle=style, facecolor="white", edgecolor=colour, linewidth=2))
            ax.text(x, y, fill(f"{int(number)}  {titles[number]}", 18), ha="center", va="center", fontsize=10.5)
    for paper, (x, y) in LABELS.items():
        ax.text(x, y, fill(paper, 16), ha="center", va="center", fontsize=11, weight="bold", color=PAPERS[paper][0])
    return figure


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), metadata={"Software": None})
