import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgb

from c2f.experiments.segmentation import plots

CLOTHES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]
CLASSES = [*"abcdefghij", "background", "ignore"]
# Machado, Oliveira and Fernandes (2009), full severity, on linear red, green and blue.
BLINDNESS = {
    "none": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour, blindness):
    """CIELAB of a colour as somebody with that colour blindness sees it."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = RGB_TO_XYZ @ np.clip(np.array(BLINDNESS[blindness]) @ linear, 0, 1) / (0.9505, 1, 1.089)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_the_twelve_colours_are_told_apart(blindness):
    seen = [lab(colour, blindness) for colour in plots.class_colours(12)]
    # Okabe and Ito's eight colours keep 16.1 for tritanopes.
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 18


def test_no_two_colours_are_equally_light():
    light = sorted(lab(colour, "none")[0] for colour in plots.class_colours(12))
    assert min(b - a for a, b in itertools.pairwise(light)) > 4
    of = dict(zip(CLOTHES, (lab(colour, "none")[0] for colour in plots.OBJECTS), strict=True))
    for a, b in [("Dress", "Bag"), ("Pullover", "Shirt"), ("Sandal", "Sneaker"), ("Pullover", "Coat")]:
        assert abs(of[a] - of[b]) > 10, (a, b)


def test_every_class_has_its_own_colour_in_map_and_legend():
    figure, ax = plt.subplots()
    assert plots.class_map(ax, torch.arange(12).reshape(3, 4), 12, "labels") is ax
    shown = ax.images[0]
    drawn = [to_hex(colour) for colour in shown.to_rgba(shown.get_array()).reshape(12, 4)]
    assert drawn == [colour.lower() for colour in plots.class_colours(12)]
    assert drawn[10:] == ["#000000", "#ffffff"]
    assert plots.class_legend(figure, CLASSES) is figure
    legend = figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == CLASSES
    assert [to_hex(patch.get_facecolor()) for patch in legend.get_patches()] == drawn
    plt.close(figure)


def test_background_and_ignore_keep_their_colours_with_fewer_classes():
    assert plots.class_colours(4) == [*plots.OBJECTS[:2], plots.BACKGROUND, plots.IGNORE]
    for count in (2, 13):
        with pytest.raises(ValueError, match=f"for 3 to 12 classes, not for {count}"):
            plots.class_colours(count)


def test_a_row_holds_a_mesh_its_labels_and_each_prediction():
    figure, axes = plt.subplots(2, 4, squeeze=False)
    images = torch.randint(256, (2, 1, 4, 4), generator=torch.Generator().manual_seed(0)).byte()
    labels = torch.arange(32).reshape(2, 4, 4) % 12
    predictions = {"Top-down": labels.flip(0), "FCN": labels}
    assert plots.segmented(axes, images, labels, predictions, CLASSES) is axes
    assert [ax.get_title() for ax in axes[0]] == ["mesh", "labels", "Top-down", "FCN"]
    assert np.array_equal(axes[1, 0].images[0].get_array(), images[1, 0])
    assert np.array_equal(axes[0, 2].images[0].get_array(), labels[1])
    assert len(figure.legends) == 1
    with pytest.raises(ValueError, match=r"axes must be \(2, 3\), .* not \(2, 4\)"):
        plots.segmented(axes, images, labels, {"FCN": labels}, CLASSES)
    plt.close(figure)


def test_every_seed_is_a_dot_and_every_network_has_its_line():
    figure, ax = plt.subplots()
    scores = {"td": {"a": [0.5, 0.7], "b": [0.9, 0.9]}, "fcn": {"a": [0.1, 0.2], "b": [0.3, 0.5]}}
    assert plots.class_dots(ax, scores, {"td": "Top-down", "fcn": "FCN"}) is ax
    dots = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert [list(line.get_xdata()) for line in dots] == [[50, 70], [90, 90], [10, 20], [30, 50]]
    assert [float(line.get_ydata()[0]) for line in dots] == pytest.approx([-0.12, 0.88, 0.12, 1.12])
    means = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() != "None"]
    assert means == pytest.approx([60, 90, 15, 40])
    assert [text.get_text() for text in ax.get_yticklabels()][:2] == ["a", "b"]
    assert ax.get_legend_handles_labels()[1] == ["Top-down", "FCN"]
    plt.close(figure)


def test_an_influence_map_shares_its_limit_and_marks_the_pixel_and_what_is_seen():
    figure, ax = plt.subplots()
    assert plots.influence_map(ax, torch.eye(8) / 8, (2, 5), (0, 1, 7, 3), limit=50, title="FCN") is ax
    image = ax.images[0]
    assert (image.norm.vmin, image.norm.vmax) == (0, 50)
    assert image.norm(12.5) == pytest.approx(0.5)  # the square root of a quarter
    assert image.get_array().max() == 12.5  # percent
    cross = ax.lines[-1]
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (5, 2)
    box = ax.patches[0]
    assert (*box.get_xy(), box.get_width(), box.get_height()) == (-0.5, 0.5, 8, 3)
    assert ax.get_title() == "FCN"
    plt.close(figure)


def test_lies_are_drawn_seed_by_seed_in_the_colours_of_their_scales():
    figure, axes = plt.subplots(1, 2)
    found = {"none": [(0.9, 0.7), (0.8, 0.7)], "coarse": [(0.9, 0.2), (0.8, 0.3)]}
    assert plots.lies(axes, found) is axes
    dots = [[line for line in ax.lines if line.get_linestyle() == "None"] for ax in axes]
    assert [list(line.get_xdata()) for line in dots[1]] == [[70, 70], [20, 30]]
    assert list(dots[0][1].get_xdata()) == [90, 80]
    assert [line.get_color() for line in dots[0]] == [plots.LINES[0], plots.SCALES["coarse"]]
    plt.close(figure)
