import matplotlib.pyplot as plt
import pytest
import torch

from c2f.cam.refine import refine
from c2f.experiments.highres import plots as highres_plots
from c2f.runs.record import Run


@pytest.fixture
def closing():
    yield
    plt.close("all")


@pytest.mark.usefixtures("closing")
def test_each_step_of_the_refined_map_has_a_panel_that_bears_its_name():
    generator = torch.Generator().manual_seed(0)
    x, low, high = (torch.rand(2, *s, generator=generator) for s in ((3, 32, 32), (4, 4), (32, 32)))
    refined = refine(x, low, high)
    axes = highres_plots.pipeline(plt.subplots(3, 5)[1], x[1], refined, 1)
    titles = [ax.get_title() for ax in axes.flat]
    names = list(vars(refined))
    assert set(names) == set(highres_plots.STEPS)
    assert all(any(name in title for title in titles) for name in names)
    dots = axes.flat[7].lines[0]
    assert sorted(zip(*dots.get_data(), strict=True)) == sorted(map(tuple, refined.focal_points[1].tolist()))
    with pytest.raises(ValueError, match="needs 15 axes, not 4"):
        highres_plots.pipeline(plt.subplots(2, 2)[1], x[1], refined, 1)


@pytest.mark.usefixtures("closing")
def test_columns_share_a_scale_with_themselves_alone():
    x, maps = torch.rand(2, 3, 8, 8), {"small": 0.01 * torch.randn(2, 2, 2), "large": 100 * torch.rand(2, 8, 8)}
    axes = highres_plots.columns(plt.subplots(2, 3)[1], x, maps, torch.rand(2, 8, 8) > 0.5, ["one", "two"])
    scales = [[ax.images[-1].get_clim() for ax in column] for column in axes.T[1:]]
    assert scales[0][0] == scales[0][1]
    assert scales[0][0][1] < 0.1 < 10 < scales[1][0][1]
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["one", "two"]
    with pytest.raises(ValueError, match=r"axes must be \(2, 3\)"):
        highres_plots.columns(plt.subplots(2, 2)[1], x, maps)


@pytest.mark.usefixtures("closing")
def test_found_and_orders_draw_what_they_are_given():
    ax = highres_plots.found(plt.subplots()[1], {"a": 0.25, "b": 0.5}, {"a": [0.2, 0.3]}, "pointing game")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert [line.get_fillstyle() for line in ax.lines if line.get_marker() == "o"] == ["full", "none"]
    run = Run(0, {"iou a": 0.25, "iou b": 0.5, "f1 a": 0.1, "f1 b": 0.2}, {"intervals": {"iou a": [0.2, 0.3]}}, {})
    axes = highres_plots.measured(plt.subplots(1, 2)[1], run, {"a": "A", "b": "B"}, {"iou": "IoU", "f1": "F1"})
    assert [ax.get_xlabel() for ax in axes] == ["IoU", "F1"]
    assert [len(ax.lines) for ax in axes] == [3, 2]  # a dot a map, and the one interval
    ax = highres_plots.orders(plt.subplots()[1], torch.rand(50), 0.7)
    assert sum(bar.get_height() for bar in ax.patches) == 50
    assert ax.lines[0].get_xdata()[0] == 0.7
