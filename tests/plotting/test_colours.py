"""One colour for one thing, and each of them seen on the page."""

import pytest

from c2f.plotting import colours

ALL = [*colours.NETWORKS.values(), *colours.SCALES.values(), *colours.GLIMPSES, *colours.LINES]


def contrast_with_white(colour):
    """By WCAG 2.2, of relative luminance."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def test_contrast_is_measured_as_wcag_does():
    assert contrast_with_white("#000000") == pytest.approx(21)
    assert contrast_with_white("#767676") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("colour", sorted(set(ALL)))
def test_what_is_drawn_is_seen_on_the_page(colour):
    assert contrast_with_white(colour) >= 3


def test_no_two_things_share_a_colour():
    names = ("", "_td", "_td_uni", "_td_rev", "unet", "mgnet", "full", "equal", "half")
    variants = [colours.NETWORKS[name] for name in names]
    for group in (variants, colours.SCALES.values(), colours.GLIMPSES, colours.LINES):
        assert len(set(group)) == len(list(group))
