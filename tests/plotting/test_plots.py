import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from scipy import stats

from c2f import networks
from c2f.experiments.robustness.plots import (
    ACCURACY_SCALES,
    ablation_bars,
    perturbation_row,
    robustness_curve,
    robustness_panel,
)
from c2f.plotting import plots
from c2f.plotting.colours import SCALES
from tests.metrics.test_robustness import FIVE, INF, results


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_every_network_has_its_variants_colour():
    assert plots.colour("lenetfc_td") == plots.colour("resnet18_td") != plots.colour("lenetfc")
    assert len({plots.colour(name) for name in networks.names("classifier")}) == 4


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 4), (3, 4, 4)])
def test_pictures_share_their_limits(ax, shape):
    assert plots.picture(ax, torch.full(shape, 0.5), limits=(0, 2)) is ax
    shown = ax.images[0]
    assert shown.get_array().shape[:2] == (4, 4)
    if len(shape) == 3 and shape[0] == 3:
        assert float(shown.get_array().max()) == 0.25
    else:
        assert shown.get_clim() == (0, 2)


@pytest.mark.parametrize(
    ("name", "most", "said"),
    [("Ankle boot", 10, "Ankle boot"), ("Ankle boots", 10, "Ankle…oots"), ("a long name of a class", 9, "a lo…lass")],
)
def test_long_class_names_keep_both_ends(name, most, said):
    assert plots.called(name, most) == said
    assert len(said) == min(most, len(name))


def test_numbers_are_written_where_they_belong(ax):
    plots.numbers(ax, [[0.1, 0.2], [0.3, 1.0]])
    written = {(text.get_position(), text.get_text()) for text in ax.texts}
    assert written == {((0, 0), "0.10"), ((1, 0), "0.20"), ((0, 1), "0.30"), ((1, 1), "1.00")}


def test_a_band_runs_from_the_lowest_to_the_highest_seed(ax):
    histories = [{"loss": [1.0, 3.0]}, {"loss": [2.0, 5.0]}]
    plots.learning_curves(ax, histories, "loss", label="a", colour="k")
    assert ax.lines[0].get_xydata().tolist() == [[1, 1.5], [2, 4]]
    corners = {tuple(corner) for corner in ax.collections[0].get_paths()[0].vertices}
    assert {(1, 1), (2, 3), (1, 2), (2, 5)} <= corners


def test_a_confusion_matrix_is_shown_in_percent(ax):
    plots.confusion(ax, torch.tensor([[0.75, 0.25], [0.0, 1.0]]), ["cat", "dog"])
    assert [text.get_text() for text in ax.texts] == ["75", "25", "0", "100"]
    assert ax.get_ylabel() == "true class"


def test_seed_dots_have_a_row_each(ax):
    plots.seed_dots(ax, {"a": [1.0, 3.0], "b": [2.0]}, ["r", "b"])
    assert ax.lines[0].get_xydata().tolist() == [[1, 0], [3, 0]]
    assert set(ax.lines[1].get_xdata()) == {2}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_log_percent_has_plain_ticks(ax):
    ax.plot([0, 1], [0.8, 30])
    plots.log_percent(ax)
    assert ax.get_yscale() == "log"
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        f"{tick} %" for tick in (0.7, 1, 2, 3, 5, 7, 10, 20, 30)
    ]


def test_the_ring_of_a_wave_is_where_its_frequency_is():
    size, cycles = 32, 6
    wave = np.cos(2 * np.pi * cycles * np.arange(size) / size)[None, :].repeat(size, axis=0)
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(wave)))
    frequency, mean = plots.radial_mean(spectrum)
    assert frequency[mean.argmax()] == cycles / size
    assert frequency[-1] == 0.5


def staircase(line):
    return [pytest.approx(point) for point in line.get_xydata().tolist()]


def test_the_curve_of_five_pictures_three_ways(ax):
    for scale, heights in (
        ("accuracy", [80, 60, 20, 20]),
        ("lost", [0, 20, 60, 60]),
        ("relative", [100, 75, 25, 25]),
    ):
        robustness_curve(ax, [FIVE], "five", "k", scale=scale, limit=3)
        assert staircase(ax.lines[-1]) == [list(p) for p in zip([0, 0.5, 2, 3], heights, strict=True)]
        assert ax.lines[-1].get_drawstyle() == "steps-post"
    with pytest.raises(ValueError, match="unknown scale 'relativ'; did you mean 'relative'"):
        robustness_curve(ax, [FIVE], "five", "k", scale="relativ")


def test_the_curve_of_several_seeds_is_their_mean_with_their_range(ax):
    robustness_curve(ax, [results([1.0, 2.0]), results([1.0, INF])], "two", "k")
    assert staircase(ax.lines[0]) == [[0, 100], [1, 50], [2, 25]]
    corners = {tuple(corner) for corner in ax.collections[0].get_paths()[0].vertices}
    assert {(2, 0), (2, 50)} <= corners


@pytest.mark.parametrize("l2", [[0.0, 0.0], [INF, INF], [INF, 0.0], [2.0, 2.0]])
@pytest.mark.parametrize("scale", ACCURACY_SCALES)
def test_a_panel_stands_whatever_was_found(ax, l2, scale):
    runs = {"lenetfc": [results(l2)], "lenetfc_td": [FIVE, FIVE]}
    robustness_panel(ax, runs, "Contrast reduction", scale=scale)
    assert ax.get_xlim() == (0, 2)
    assert [line.get_label() for line in ax.lines] == ["LeNetFC bottom-up", "LeNetFC top-down"]
    assert ax.lines[1].get_color() == plots.colour("lenetfc_td")
    ax.figure.canvas.draw()


def test_a_panel_without_any_success_has_an_axis(ax):
    robustness_panel(ax, {"lenetfc": [results([INF, 0.0])]})
    assert ax.get_xlim() == (0, 1)
    assert staircase(ax.lines[0]) == [[0, 50], [1, 50]]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_perturbation_is_shown_with_its_size_on_a_symmetric_scale(channels):
    figure, axes = plt.subplots(1, 3)
    clean = torch.full((channels, 2, 2), 0.5)
    perturbed = clean.clone()
    perturbed[0, 0, 0], perturbed[0, 1, 1] = 0.8, 0.1
    perturbation_row(axes, clean, perturbed, 0.5, "to shirt")
    assert axes[1].get_title() == "to shirt"
    assert axes[2].get_title() == "L2 0.50"
    shown = axes[2].images[0]
    if channels == 1:
        assert shown.get_clim() == (-0.5, 0.5)
        assert shown.get_cmap().name == "RdBu_r"
    else:
        assert shown.get_array()[..., 0].tolist() == [[pytest.approx(0.8), 0.5], [0.5, pytest.approx(0.1)]]
    perturbation_row(axes, clean, None, 0.5, "none")
    assert axes[2].texts[0].get_text() == "none found"
    with pytest.raises(ValueError, match="limit must be above 0, not 0: give the largest difference of all rows"):
        perturbation_row(axes, clean, perturbed, 0)
    plt.close(figure)


def test_ablation_bars_stand_in_groups_with_an_interval_over_seeds(ax):
    scores = {
        "Contrast": {"clean": 0.9, "fine": 0.5, "coarse": 0.8, "all": 0.1},
        "Shifts": {"clean": [0.9, 0.9], "fine": [0.4, 0.6], "coarse": [0.7, 0.9], "all": [0.0, 0.2]},
    }
    ablation_bars(ax, scores, ("fine", "coarse"))
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([50, 80, 50, 80])
    assert [round(bar.get_x() + bar.get_width() / 2) for bar in ax.patches] == [0, 0, 1, 1]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["Contrast", "Shifts"]
    assert set(ax.get_legend_handles_labels()[1]) == {"fine", "coarse", "clean", "all"}
    whiskers = [collection.get_segments() for collection in ax.collections]
    half = 10 * stats.t.ppf(0.975, df=1)  # of 40 and 60: their standard error times Student's t
    assert whiskers[0][0][:, 1].tolist() == pytest.approx([50 - half, 50 + half])


def test_whiskers_of_one_seed_or_of_equal_ones_are_not_made_up():
    assert plots.whiskers([0.5]) is plots.whiskers([0.5, 0.5]) is None
    (down,), (up,) = plots.whiskers([1, 2, 3, 6])
    assert down == pytest.approx(up) == pytest.approx(stats.t.ppf(0.975, 3) * np.std([1, 2, 3, 6], ddof=1) / 2)


def test_ten_pairs_of_scales_can_be_told_apart(ax):
    names = [f"1/{a}+1/{b}" for a, b in itertools.combinations((1, 2, 4, 8, 16), 2)]
    ablation_bars(ax, {"Contrast": dict.fromkeys([*names, "clean", "all"], 0.5)}, names)
    assert len({(bar.get_facecolor(), bar.get_edgecolor(), bar.get_hatch()) for bar in ax.patches}) == 10


def test_a_scale_has_the_book_s_colour_alone_and_in_a_pair(ax):
    names = ("fine", "fine+coarse")
    ablation_bars(ax, {"Contrast": dict.fromkeys([*names, "clean", "all"], 0.5)}, names)
    alone, pair = ax.patches
    assert to_hex(alone.get_facecolor()) == to_hex(pair.get_facecolor()) == SCALES["fine"].lower()
    assert to_hex(pair.get_edgecolor()) == SCALES["coarse"].lower()
    assert (alone.get_hatch(), pair.get_hatch()) == (None, "///")
