import matplotlib
import numpy as np
import pytest
import torch
from scipy import stats

from c2f.experiments.glimpses import plots as glimpse_plots
from c2f.experiments.glimpses.evaluation import GlimpseEvaluation
from c2f.experiments.glimpses.pgd_tables import Lines
from c2f.networks.glimpse.geometry import take_glimpse

matplotlib.use("agg")
import matplotlib.pyplot as plt

LOCATIONS = np.array([[1.0, 0, 0], [0.25, 0.5, -0.25], [0.5, -0.5, 0.5]])


@pytest.fixture
def axes():
    figure, found = plt.subplots(1, 4)
    yield found
    plt.close(figure)


def test_windows_are_where_glimpses_read(axes):
    ax = glimpse_plots.windows(axes[0], np.zeros((3, 21, 41)), LOCATIONS, "title")
    boxes = ax.patches[1::2]  # every other one is the white line below
    assert boxes[0].get_bbox().bounds == (0, 0, 40, 20)
    # x from 0.25 to 0.75 of [-1, 1] on pixels 0 to 40, y from -0.5 to 0 on 0 to 20
    assert boxes[1].get_bbox().bounds == pytest.approx((25, 5, 10, 5))
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3"]
    assert len({box.get_edgecolor() for box in boxes}) == 3


def test_looks_show_the_crops(axes):
    x = torch.rand(3, 20, 20)
    glimpse_plots.looks(axes, x, LOCATIONS, 8, ["a", "b", "c"], "whole")
    crop = take_glimpse(x[None], torch.tensor(LOCATIONS[1:2], dtype=torch.float32), 8)[0]
    shown = np.asarray(axes[2].images[0].get_array())
    assert np.allclose(shown, crop.permute(1, 2, 0).numpy(), atol=1e-6)
    assert axes[0].get_title() == "whole"
    assert axes[3].get_title() == "c"
    with pytest.raises(ValueError, match="3 glimpses need 4 axes and 3 titles, not 4 and 2"):
        glimpse_plots.looks(axes, x, LOCATIONS, 8, ["a", "b"])


def test_coverage_counts_windows():
    found = glimpse_plots.coverage(LOCATIONS, cells=8)
    inside = np.zeros((3, 8, 8))
    inside[0] = 1
    inside[1, 2:4, 5:7] = 1  # y from -0.5 to 0: rows 2 and 3; x from 0.25 to 0.75: columns 5 and 6
    inside[2, 4:8, 0:4] = 1
    assert np.allclose(found, inside.mean(axis=0))
    assert np.allclose(glimpse_plots.coverage(LOCATIONS[:, None], cells=8), found)


def test_heat_map_is_in_the_pictures_units(axes):
    image = glimpse_plots.heat_map(axes[0], LOCATIONS[1:], "later", limit=0.5)
    assert list(image.get_extent()) == [-1, 1, 1, -1]
    assert image.get_clim() == (0, 0.5)


def test_histograms_of_centres_leave_out_the_whole_picture(axes):
    locations = np.broadcast_to(LOCATIONS[:, None], (3, 7, 3))
    glimpse_plots.centre_histograms(axes[:2], locations)
    assert [ax.get_xlabel() for ax in axes[:2]] == ["centre, x (left to right)", "centre, y (top to bottom)"]
    labels = axes[0].get_legend_handles_labels()[1]
    assert labels == ["glimpse 2", "glimpse 3"]
    tops = [patch.get_path().vertices[:, 1].max() for patch in axes[0].patches]
    assert tops == [7, 7]


def test_crosses_are_where_a_glimpse_reads(axes):
    glimpse_plots.reading_points(axes[0], np.zeros((1, 5, 5)), [0.5, 0.5, -0.5], 2)
    (_, crosses) = axes[0].lines  # white ones below
    points = {tuple(point) for point in np.stack(crosses.get_data(), axis=1).tolist()}
    assert points == {(2, 0), (4, 0), (2, 2), (4, 2)}  # columns and rows of 0 to 4


def test_columns_say_which_answers_are_right():
    figure, grid = plt.subplots(4, 2, squeeze=False)
    answers = torch.tensor([[0, 0], [1, 0], [1, 1]])
    where = torch.tensor(LOCATIONS[:, None], dtype=torch.float32).expand(3, 2, 3)
    sure = torch.tensor([[0.3, 0.4], [0.5, 0.6], [0.7, 0.85]])
    seen = GlimpseEvaluation(torch.tensor([1, 0]), answers, sure, sure, where, 0.0)
    glimpse_plots.look_columns(grid, torch.rand(2, 3, 8, 8), [1, 0], ["cap", "hat"], seen, 4)
    assert [ax.get_title() for ax in grid[:, 0]] == ["a hat", "✗ cap 30 %", "✓ hat 50 %", "✓ hat 70 %"]
    assert [ax.get_title() for ax in grid[1:, 1]] == ["✓ cap 40 %", "✓ cap 60 %", "✗ hat 85 %"]
    assert [ax.get_ylabel() for ax in grid[:, 0]] == ["picture", "glimpse 1", "glimpse 2", "glimpse 3"]
    second = seen.select([1])
    assert (second.labels.tolist(), second.predictions.tolist()) == ([0], [[0], [0], [1]])
    plt.close(figure)


def test_lines_of_networks_under_attack(axes):
    one = Lines([0.1, 0.2], [[0.6, 0.8], [0.6, 0.9]], [[[0.5, 0.6], [0.1, 0.2]], [[0.5, 0.7], [0.1, 0.2]]])
    ax = glimpse_plots.network_lines(axes[0], {"mgnet": one}, {"mgnet": "looks"})
    (line,) = ax.lines
    assert line.get_ydata().tolist() == pytest.approx([85, 65, 20])  # the last answer
    assert line.get_xdata().tolist() == pytest.approx([0, 25.5, 51])
    assert line.get_label() == "looks"
    first, _ = glimpse_plots.glimpse_lines(axes[1], one).lines
    assert first.get_ydata().tolist() == pytest.approx([60, 50, 10])


def test_accuracy_by_glimpse(axes):
    titles = {"mgnet": "looks", "full": "whole"}
    glimpse_plots.accuracy_by_glimpse(axes[0], {"mgnet": [[0.5, 0.6], [0.7, 0.8]], "full": [[0.9], [0.8]]}, titles)
    lines = {line.get_label(): line for line in axes[0].lines}
    assert lines["looks"].get_ydata().tolist() == pytest.approx([60, 70])
    assert lines["whole"].get_ydata()[0] == pytest.approx(85)
    assert len([line for line in axes[0].lines if line.get_linewidth() == 1]) == 2


def test_cost_lines(axes):
    curves = {
        "mgnet": ([[1, 2], [1, 4]], [[0.5, 0.6], [0.5, 0.8]]),
        "mgnet exit": ([[1, 2]], [[0.5, 0.6]]),
        "equal": ([[3], [3]], [[0.4], [0.6]]),
    }
    ax = glimpse_plots.cost_lines(axes[0], curves, {"mgnet": "looks", "mgnet exit": "early", "equal": "once"})
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["looks"].get_xdata().tolist() == [1, 3]
    assert lines["looks"].get_ydata().tolist() == pytest.approx([50, 70])
    assert ax.get_xscale() == "log"
    assert "once, n = 2" in ax.get_legend_handles_labels()[1]
    half = 10 * stats.t.ppf(0.975, df=1)
    assert ax.collections[0].get_segments()[0][:, 1].tolist() == pytest.approx([50 - half, 50 + half])
