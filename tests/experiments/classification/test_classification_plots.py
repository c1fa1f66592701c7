import matplotlib.pyplot as plt
import pytest

from c2f.experiments.classification.plots import error_curves
from c2f.runs.record import Record, Run


def test_curves_of_errors_begin_and_end_where_the_words_say():
    runs = [Run(seed, {}, {"history": {"val_accuracy": [0.5, 0.8 + 0.1 * seed]}}, {}) for seed in range(2)]
    record = Record("x", "training", {"network": "lenetfc_td", "data": "mnist"}, runs)
    figure, ax = plt.subplots()
    assert error_curves(ax, [record]) == ["LeNetFC top-down on mnist 50.0 to 20.0 %"]
    assert list(ax.lines[0].get_ydata()) == pytest.approx([50, 15])  # the mean of the seeds
    assert ax.get_yscale() == "log"
    plt.close(figure)
