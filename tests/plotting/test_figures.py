import io
import re

import IPython.display
import matplotlib
import matplotlib.pyplot as plt
import pytest
from PIL import Image

from c2f.book.chapters import ROOT
from c2f.plotting.figures import CAPTION, show


@pytest.fixture
def shown(monkeypatch):
    matplotlib.use("agg")
    calls = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **more: calls.append((data, more)))
    return calls


def test_a_figure_is_shown_with_its_text_on_white_and_closed(shown):
    figure, _ = plt.subplots(figsize=(2, 1), facecolor="none")
    show(figure, "A line that\n  rises from 0 to 1", "It rises.")
    data, more = shown[0]
    assert more["metadata"] == {"image/png": {"alt": "A line that rises from 0 to 1", "chart": True}}
    assert data["text/plain"] == "A line that rises from 0 to 1"
    assert Image.open(io.BytesIO(data["image/png"])).convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
    assert not plt.fignum_exists(figure.number)


def test_a_coloured_field_keeps_its_colours_at_night(shown):
    figure, ax = plt.subplots(figsize=(2, 1))
    ax.pcolormesh([[0, 1], [2, 3]])
    show(figure, "Four fields that get lighter", "Lighter to the right.")
    assert shown[0][1]["metadata"]["image/png"]["chart"] is False


def test_a_caption_is_shown_below_and_pictures_are_no_charts(shown):
    figure, ax = plt.subplots(figsize=(2, 1))
    ax.imshow([[0, 1]])
    show(figure, "**A dark pixel** beside a light one", "**Dark**,\n then light.")
    (_, picture), (data, below) = shown
    assert picture["metadata"]["image/png"]["chart"] is False
    assert picture["metadata"]["image/png"]["alt"] == "A dark pixel beside a light one"
    assert data["text/markdown"] == "**Dark**, then light."
    assert below["metadata"] == {CAPTION: True}


@pytest.mark.parametrize("alt", ["", "  a plot  ", "the-learning-curves-of-all-networks.png"])
def test_a_text_that_says_nothing_is_refused(shown, alt):
    with pytest.raises(ValueError, match=r"say (in a sentence )?what the figure shows"):
        show(plt.figure(), alt, "It rises.")
    assert shown == []


def test_no_text_of_a_figure_is_too_small_for_a_phone():
    """A figure is 7 inches wide, a phone 390 pixels: what is written in 9 points is 7 pixels high there."""
    sources = [*(ROOT / "c2f").rglob("*.py"), *(ROOT / "book").glob("*.ipynb"), *(ROOT / "book/images").glob("*.py")]
    size = re.compile(r"(?:fontsize\W*|labelsize=|\bsize=)([\d.]+)")
    found = {str(path.relative_to(ROOT)): size.findall(path.read_text(encoding="utf-8")) for path in sources}
    assert sum(map(len, found.values())) > 50
    assert {name: small for name, sizes in found.items() if (small := [x for x in sizes if float(x) < 9])} == {}
