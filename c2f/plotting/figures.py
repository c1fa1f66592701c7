"""Figures that say in words what they show.

An alternative text is for readers who do not see the picture, so it must hold what the picture holds: it is
made from the data, with the numbers in it. Jupyter and the built book both put it behind the picture.
"""

import io
import re
from typing import Any

from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

CAPTION = "c2f_caption"
"""Marks, in its metadata, the output of a cell that is the caption of the cell's figure."""
_MINIMUM = 20
_FILE_NAME = re.compile(r"\S+\.(png|svg|jpe?g|gif|webp)", re.IGNORECASE)


def alt_problem(alt: str) -> str | None:
    """Return what is wrong with an alternative text, or None: too short to say anything, or a file's name."""
    alt = alt.strip()
    if len(alt) < _MINIMUM:
        return f"the alternative text {alt!r} is too short: say in a sentence what the figure shows"
    if _FILE_NAME.fullmatch(alt):
        return f"the alternative text {alt!r} is the name of a file: say what the figure shows"
    return None


def show(figure: Figure, alt: str, caption: str, dpi: int = 120) -> None:
    """Show ``figure`` as a PNG on white, with the alternative text ``alt`` and a caption, and close it.

    One figure a cell: the book takes the texts of a cell, not of a picture, and puts the figure's number before the
    caption. Figures without pictures or coloured fields in them are marked as charts, which the book shows on a dark
    ground at night.

    Args:
        figure: of matplotlib or seaborn.
        alt: a sentence or two, made from the data: ``f"Accuracy rises from {first:.1%} to {last:.1%}"``; what is bold
            in Markdown is plain here.
        caption: what the figure says, then what its bands, ticks and lines mean, and n; Markdown. A sentence that
            holds for all readers need not be said twice: the caption may repeat ``alt``.
        dpi: pixels per inch.

    Raises:
        ValueError: ``alt`` says nothing, or there is no caption.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    problem = alt_problem(alt)
    if problem:
        raise ValueError(problem)
    if not caption.strip():
        raise ValueError("a figure has a caption: what it says, what its bands, ticks and lines mean, and n")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", facecolor="white", metadata={"Software": None})
    plt.close(figure)
    alt, caption = " ".join(alt.replace("**", "").split()), " ".join(caption.split())
    chart = not any(ax.images or any(isinstance(c, QuadMesh) for c in ax.collections) for ax in figure.axes)
    picture = {"image/png": buffer.getvalue(), "text/plain": alt}
    display(picture, raw=True, metadata={"image/png": {"alt": alt, "chart": chart}})
    display({"text/markdown": caption, "text/plain": caption}, raw=True, metadata={CAPTION: True})


def came_out(*findings: str) -> Any:
    """Return the box *What came out*, to be shown by a chapter's cell with the tag ``came-out``.

    Args:
        findings: a sentence each, made from the run or the records: the verdict, the effect, its interval, n; Markdown.

    Raises:
        ValueError: nothing came out.
    """
    from IPython.display import Markdown

    if not findings:
        raise ValueError("say at least in one sentence what came out; where nothing is recorded, say that")
    return Markdown("**What came out**\n\n" + "\n".join(f"- {finding}" for finding in findings))
