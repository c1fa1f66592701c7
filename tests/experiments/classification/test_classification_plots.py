import matplotlib.pyplot as plt
import pytest

from c2f.experiments.classification.plots import accuracy_panels, error_curves, kept_panel
from c2f.runs.record import Record, Run
from tests.experiments.classification.test_classification_tables import record
from tests.experiments.classification.test_scale_accuracies import kept


def test_curves_of_errors_begin_and_end_where_the_words_say():
    runs = [Run(seed, {}, {"history": {"val_accuracy": [0.5, 0.8 + 0.1 * seed]}}, {}) for seed in range(2)]
    record = Record("x", "training", {"network": "lenetfc_td", "data": "mnist"}, runs)
    figure, ax = plt.subplots()
    assert error_curves(ax, [record]) == ["LeNetFC top-down on mnist 50.0 to 15.0 %"]
    assert list(ax.lines[0].get_ydata()) == pytest.approx([50, 15])  # the mean of the seeds
    assert ax.get_yscale() == "log"
    plt.close(figure)


def test_accuracies_are_drawn_in_points_above_the_twin_s_mean():
    by_data = {
        "mnist": [record([0.991, 0.993], "lenetfc", "mnist"), record([0.99, 0.992], data="mnist")],
        "fashion-mnist": [record([0.80, 0.90])],  # no twin: round its own mean
    }
    figure, axes = plt.subplots(2)
    accuracy_panels(axes, by_data)
    dots = [line.get_xdata().tolist() for ax in axes for line in ax.lines if line.get_marker() == "o"]
    assert dots == [pytest.approx([-0.1, 0.1]), pytest.approx([-0.2, 0.0], abs=1e-9), pytest.approx([-5, 5])]
    assert axes[0].get_title() == "mnist, 40 epochs"
    plt.close(figure)


def test_what_a_scale_keeps_is_drawn_in_percent():
    figure, ax = plt.subplots()
    kept_panel(ax, [kept("fine", 1.0, [1, 1, 1, 0]), kept("coarse", 0.5, [1, 0, 1, 0])])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["fine\n100 %", "coarse\n6.25 %"]
    assert list(ax.lines[0].get_ydata()) == [100, 50]
    assert list(ax.lines[1].get_ydata()) == [75, 50]
    plt.close(figure)
