"""The colours of the book: one for one thing in every figure.

Every colour of a line, a dot or a bar has a contrast of at least 3:1 with the white page (WCAG 2.2, 1.4.11); on the
dark page charts are shown with lightness turned about, which keeps their contrast. What differs in colour differs in
place, marker, dash or label too.
"""

TOP_DOWN, BOTTOM_UP, UNIFORM, REVERSED = "#0072B2", "#D55E00", "#009E73", "#BF6699"
"""The four variants of a network, after Okabe and Ito (2008), whose pink is darkened for contrast."""

NETWORKS = {
    "": BOTTOM_UP,
    "_td": TOP_DOWN,
    "_td_uni": UNIFORM,
    "_td_rev": REVERSED,
    "td": TOP_DOWN,
    "fcn": BOTTOM_UP,
    "unet": "#5C5C5C",
    "mgnet": "#6A3D9A",
    "full": "#8C6D00",
    "equal": "#00808A",
    "half": "#A3123F",
}
"""Variant of a classifier (what its name ends in), network of segmentation, kind of glimpses or DenseNet -> colour."""

SCALES = {"coarse": "#2D1160", "middle": "#9C2E7F", "fine": "#D8576B"}
"""Scale of the pyramid -> colour, the darker the smaller the picture (of matplotlib's *magma*)."""

GLIMPSES = ("#000000", "#5E2B97", "#B0308A", "#D1495B", "#A66F00", "#00807A")
"""The colour of the first, second, ... glimpse; they begin anew after the sixth."""

LINES = ("#30505C", "#B5651D", "#4C7A34", "#8A4B8F")
"""For lines that stand for no network, scale or glimpse."""

MARKERS = "osD^vPXp"
"""Columns differ in shape too, not in colour alone."""

SIGNED, AMOUNT, SHARE = "RdBu_r", "inferno", "viridis"
"""Three colour maps, of evidence that speaks for (red) and against (blue) with 0 in white, of what has no sign with 0
in black, and of shares of pictures or of attention.
"""


def glimpse_colour(glimpse: int) -> str:
    """Return the colour of a glimpse, counted from 0."""
    return GLIMPSES[glimpse % len(GLIMPSES)]
