import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from c2f import networks, plots


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_every_network_has_its_variants_colour():
    assert plots.colour("lenetfc_td") == plots.colour("resnet18_td") != plots.colour("lenetfc")
    assert len({plots.colour(name) for name in networks.names()}) == 4


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 4), (3, 4, 4)])
def test_pictures_share_their_limits(ax, shape):
    assert plots.picture(ax, torch.full(shape, 0.5), limits=(0, 2)) is ax
    shown = ax.images[0]
    assert shown.get_array().shape[:2] == (4, 4)
    if len(shape) == 3 and shape[0] == 3:
        assert float(shown.get_array().max()) == 0.25
    else:
        assert shown.get_clim() == (0, 2)


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
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1 %", "2 %", "5 %", "10 %", "20 %"]


def test_the_ring_of_a_wave_is_where_its_frequency_is():
    size, cycles = 32, 6
    wave = np.cos(2 * np.pi * cycles * np.arange(size) / size)[None, :].repeat(size, axis=0)
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(wave)))
    frequency, mean = plots.radial_mean(spectrum)
    assert frequency[mean.argmax()] == cycles / size
    assert frequency[-1] == 0.5
