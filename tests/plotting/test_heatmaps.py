import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from c2f.plotting import heatmaps


@pytest.fixture
def figure():
    figure = plt.figure(layout="constrained")
    yield figure
    plt.close(figure)


def test_a_scale_of_evidence_holds_every_map_and_is_symmetric():
    assert heatmaps.limits([torch.tensor([[0.5, 2.0]]), np.array([[1.0]])]) == (-2, 2)
    assert heatmaps.limits([torch.tensor([[0.5, 2.0]]), torch.tensor([[-3.0]])]) == (-3, 3)
    assert heatmaps.limits([torch.zeros(2, 2)]) == (-1, 1)


@pytest.mark.parametrize("shape", [(8, 6), (1, 8, 6), (3, 8, 6)])
def test_an_overlay_keeps_the_raw_values_and_covers_the_picture(figure, shape):
    heat = torch.tensor([[-1.5, 0.0], [0.25, 7.0]], requires_grad=True)
    ax = figure.subplots()
    assert heatmaps.overlay(ax, torch.rand(shape), heat, (-7, 7), "shoe") is ax
    drawn, edges = ax.images
    assert drawn.get_array().tolist() == heat.tolist()
    assert drawn.get_clim() == (-7, 7)
    assert drawn.get_alpha() is None, "the colours must be those of the bar"
    assert list(drawn.get_extent()) == list(edges.get_extent()) == [-0.5, 5.5, 7.5, -0.5]
    assert ax.get_title() == "shoe"


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_shares_one_scale_and_has_one_bar(figure, channels):
    maps = {"act_1": torch.rand(2, 3, 3), "act_2": 5 * torch.rand(2, 6, 6)}
    axes = figure.subplots(2, 3)
    table = heatmaps.grid(axes, torch.rand(2, channels, 12, 12), maps, rows=["coat", "bag"])
    assert table.shape == (2, 3)
    top = float(maps["act_2"].max())
    assert {ax.images[0].get_clim() for ax in table[:, 1:].ravel()} == {(-top, top)}
    assert [len(ax.images) for ax in table[:, 0]] == [1, 1]
    np.testing.assert_array_equal(table[1, 2].images[0].get_array(), maps["act_2"][1].double())
    assert [ax.get_title() for ax in table.ravel()] == ["", "act_1", "act_2", "", "", ""]
    assert [ax.get_ylabel() for ax in table[:, 0]] == ["coat", "bag"]
    bars = [ax for ax in figure.axes if ax not in set(axes.ravel())]
    assert len(bars) == 1
    assert bars[0].get_ylim() == (-top, top)
    figure.canvas.draw()


def test_one_row_of_axes_is_a_grid_and_the_scale_can_be_given(figure):
    table = heatmaps.grid(figure.subplots(1, 2), torch.rand(1, 1, 4, 4), {"a": torch.rand(1, 2, 2)}, shared=(-9, 9))
    assert table[0, 1].images[0].get_clim() == (-9, 9)


def test_bad_figures_are_refused(figure):
    pictures, maps = torch.rand(2, 1, 4, 4), {"a": torch.rand(2, 2, 2)}
    axes = figure.subplots(2, 2)
    with pytest.raises(ValueError, match=r"needs 2 x 2 axes, not 2: plt.subplots\(2, 2\)"):
        heatmaps.grid(axes[0], pictures, maps)
    with pytest.raises(ValueError, match=r"maps 'a' must be \(2, h, w\), one for each picture, not \(3, 2, 2\)"):
        heatmaps.grid(axes, pictures, {"a": torch.rand(3, 2, 2)})
    with pytest.raises(ValueError, match="1 rows are named but there are 2 pictures"):
        heatmaps.grid(axes, pictures, maps, rows=["coat"])
    with pytest.raises(ValueError, match="no maps"):
        heatmaps.grid(axes, pictures, {})
    with pytest.raises(ValueError, match="map 1 holds NaN"):
        heatmaps.limits([torch.zeros(1), torch.tensor(float("nan"))])
    with pytest.raises(ValueError, match="no maps"):
        heatmaps.limits([])
    with pytest.raises(ValueError, match=r"must be \(h, w\), not \(2, 2, 2\)"):
        heatmaps.overlay(axes[0, 0], pictures[0], maps["a"], (0, 1))


def test_a_clipped_scale_leaves_a_few_peaks_out():
    values = torch.ones(1000)
    values[0] = 50
    assert heatmaps.clipped_limits([values.view(10, 100)]) == (-1, 1)
    assert heatmaps.clipped_limits([-values, torch.zeros(3)]) == (-1, 1)
    assert heatmaps.clipped_limits([values], share=1) == (-50, 50)
    assert heatmaps.clipped_limits([torch.zeros(4)]) == (-1, 1)
    with pytest.raises(ValueError, match="share must be above 0 and at most 1, not 99"):
        heatmaps.clipped_limits([values], share=99)


def test_numbers_are_written_in_a_colour_that_is_seen(figure):
    ax = heatmaps.numbers(figure.subplots(), torch.tensor([[-2.0, 0], [0.5, 2]]), (-2, 2), digits=1)
    assert [text.get_text() for text in ax.texts] == ["-2.0", "0.0", "0.5", "2.0"]
    assert [text.get_color() for text in ax.texts] == ["white", "black", "black", "white"]
    ax = heatmaps.numbers(figure.add_subplot(), torch.tensor([[0.0, 2]]), (0, 2))
    assert [text.get_color() for text in ax.texts] == ["white", "black"]


def test_signed_evidence_and_amounts_have_a_colour_map_each(figure):
    ax, other = figure.subplots(1, 2)
    heatmaps.overlay(ax, torch.zeros(2, 2), torch.ones(2, 2), heatmaps.limits([torch.ones(2, 2)]))
    heatmaps.overlay(other, torch.zeros(2, 2), torch.ones(2, 2), (0, 1))
    assert [a.images[0].get_cmap().name for a in (ax, other)] == ["RdBu_r", "inferno"]


def test_the_edges_of_the_picture_lie_over_the_map_and_nothing_else(figure):
    picture = torch.zeros(6, 6)
    picture[:, 3:] = 1
    layer = heatmaps.overlay(figure.subplots(), picture, torch.ones(6, 6), (-1, 1)).images[1].get_array()
    np.testing.assert_allclose(layer[..., 3], [[0, 0, 0.6, 0.6, 0, 0]] * 6)
    assert (layer[..., :3] == 0).all()


def test_an_outline_is_dark_on_white(figure):
    ax = heatmaps.mask_outline(figure.subplots(), torch.ones(2, 2, dtype=torch.bool))
    heatmaps.box_outline(ax, [0, 0, 1, 1], "black")
    below, above = ax.collections
    assert [tuple(lines.get_colors()[0]) for lines in (below, above)] == [(1, 1, 1, 1), (0, 0, 0, 1)]
    assert below.get_linewidths()[0] > above.get_linewidths()[0]
    np.testing.assert_array_equal(below.get_segments(), above.get_segments())
    (box,) = ax.patches
    (stroke,) = box.get_path_effects()
    assert stroke._gc == {"linewidth": 3.9, "foreground": "white"}
