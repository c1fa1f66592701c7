"""Figures that say in words what they show.

An alternative text is for readers who do not see the picture, so it must hold what the picture holds: it is
made from the data, with the numbers in it. Jupyter and the built book both put it behind the picture.
"""

import io
import re

from matplotlib.figure import Figure

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
"""The colours of Okabe and Ito (2008), which people with any common colour blindness tell apart."""
MARKERS = "osD^vPX"
"""Columns differ in shape too, not in colour alone."""
GLIMPSES = (OKABE_ITO[7], OKABE_ITO[1], OKABE_ITO[5], OKABE_ITO[3], OKABE_ITO[2], OKABE_ITO[4])
"""The colour of the first, second, ... glimpse, the same in every figure; they begin anew after the sixth."""
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


def show(figure: Figure, alt: str, caption: str = "", dpi: int = 120) -> None:
    """Show ``figure`` as a PNG on white, with the alternative text ``alt`` and a caption, and close it.

    One figure a cell: the book takes the texts of a cell, not of a picture, and puts the figure's number before the
    caption. Figures without pictures in them are marked as charts, which the book shows on a dark ground at night.

    Args:
        figure: of matplotlib or seaborn.
        alt: a sentence or two, made from the data: ``f"Accuracy rises from {first:.1%} to {last:.1%}"``.
        caption: what the figure says, then what its bands, ticks and lines mean, and n; Markdown. A sentence that
            holds for all readers need not be said twice: the caption may repeat ``alt``.
        dpi: pixels per inch.

    Raises:
        ValueError: ``alt`` says nothing.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    problem = alt_problem(alt)
    if problem:
        raise ValueError(problem)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", facecolor="white", metadata={"Software": None})
    plt.close(figure)
    alt, caption = " ".join(alt.split()), " ".join(caption.split())
    chart = not any(ax.images for ax in figure.axes)
    picture = {"image/png": buffer.getvalue(), "text/plain": alt}
    display(picture, raw=True, metadata={"image/png": {"alt": alt, "chart": chart}})
    if caption:
        display({"text/markdown": caption, "text/plain": caption}, raw=True, metadata={CAPTION: True})


def glimpse_colour(glimpse: int) -> str:
    """Return the colour of a glimpse, counted from 0."""
    return GLIMPSES[glimpse % len(GLIMPSES)]
