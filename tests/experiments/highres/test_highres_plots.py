from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
import torch

from c2f.cam.refine import refine
from c2f.experiments.highres import plots as highres_plots
from c2f.networks.densenet_fcn import FULL, HALF
from c2f.plotting.colours import AMOUNT, SIGNED
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
    axes = highres_plots.pipeline(plt.subplots(5, 3)[1], x[1], refined, 1)
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
    assert [len(ax.images) for ax in axes.flat] == [1] * 6  # no picture under a map: its colours are the bar's
    assert [axes[0, column].images[0].get_cmap().name for column in (1, 2)] == [SIGNED, AMOUNT]
    bars = [ax.child_axes[0] for ax in axes[-1, 1:]]
    assert [bar.get_xlim() for bar in bars] == [column[0] for column in scales]
    assert axes[0, 1].images[0].get_extent() == [-0.5, 7.5, 7.5, -0.5]
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
    assert [list(line.get_xdata()) for line in ax.lines] == [[20, 30], [25], [50]]  # percent
    run = Run(0, {"iou a": 0.25, "iou b": 0.5, "f1 a": 0.1, "f1 b": 0.2}, {"intervals": {"iou a": [0.2, 0.3]}}, {})
    axes = highres_plots.measured(plt.subplots(1, 2)[1], run, {"a": "A", "b": "B"}, {"iou": "IoU", "f1": "F1"})
    assert [ax.get_xlabel() for ax in axes] == ["IoU (%)", "F1 (%)"]
    assert [len(ax.lines) for ax in axes] == [3, 2]  # a dot a map, and the one interval
    ax = highres_plots.orders(plt.subplots()[1], torch.rand(50), 0.7)
    assert sum(bar.get_height() for bar in ax.patches) == 50
    assert ax.lines[0].get_xdata()[0] == 0.7


@pytest.mark.usefixtures("closing")
def test_the_trainings_say_which_epoch_was_kept():
    past = {f"{part}_{what}": [0.5, 0.6, 0.7] for part in ("train", "val") for what in ("accuracy", "loss")}
    runs = [Run(seed, {}, {"history": {**past, "seconds": [1, 1, 1]}, "best_epoch": 2 + seed}, {}) for seed in (0, 1)]
    axes = plt.subplots(1, 2)[1]
    alt, caption = highres_plots.trainings(axes, {name: SimpleNamespace(runs=runs) for name in (HALF, FULL)})
    assert alt.endswith("densenet_half epoch 2 and 3 of 3, densenet_full epoch 2 and 3 of 3.")
    assert "n = 2" in caption
    assert [len(ax.lines) for ax in axes] == [2, 2]


def test_texts_of_figures_hold_what_was_found():
    alt, caption = highres_plots.columns_texts({"low,\nenlarged": None, "high": None}, 3, 4, "Alike.")
    assert alt == (
        "Alike. 4 scenes, 3 of them classified rightly, and maps of the class each is called: low, enlarged; high."
    )
    assert caption.startswith("Alike. 4 scenes, 3 classified rightly. Black:")
    alt, _ = highres_plots.orders_texts("Shirt", torch.tensor([0.91, -0.91]), [0.28, -0.44])
    assert "(Shirt), and the maps of 3 models" in alt
    assert alt.endswith("by 0.91, -0.91, unblurred by 0.28, -0.44.")
