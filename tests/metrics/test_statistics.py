import math

import numpy as np
import pytest
from scipy import stats

from c2f.metrics.statistics import describe, difference, sampling_error


def test_welch_by_hand():
    # a: mean 2, variance 1; b: mean 5, variance 4; standard error sqrt(1/3 + 4/3)
    found = difference([1.0, 2.0, 3.0], [3.0, 5.0, 7.0])
    error = np.sqrt(1 / 3 + 4 / 3)
    freedom = (1 / 3 + 4 / 3) ** 2 / ((1 / 3) ** 2 / 2 + (4 / 3) ** 2 / 2)
    half = stats.t.ppf(0.975, freedom) * error
    assert found.mean == -3
    assert found.low == pytest.approx(-3 - half)
    assert found.high == pytest.approx(-3 + half)
    assert found.n == (3, 3)
    assert not found.significant


def test_a_clear_difference_is_told_and_named():
    found = difference([0.9, 0.901, 0.902], [0.8, 0.801, 0.802])
    assert found.significant
    text = describe(found, "A", "B")
    assert text.startswith("A is 10.00 points above B")
    assert text.endswith("a difference that the seeds can tell.")
    assert "10.00 points below" in describe(difference([0.8, 0.801, 0.802], [0.9, 0.901, 0.902]), "B", "A")


def test_equal_values_without_spread():
    assert not difference([0.5, 0.5], [0.5, 0.5]).significant
    assert difference([0.6, 0.6], [0.5, 0.5]).significant


def test_one_run_is_no_comparison():
    with pytest.raises(ValueError, match="at least two runs of each network, not 1 and 3"):
        difference([1.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"between 0 and 1, not 95"):
        difference([1.0, 2.0], [1.0, 2.0], confidence=95)


def test_sampling_error_of_a_coin():
    assert sampling_error(0.5, 100) == pytest.approx(0.05)


@pytest.mark.parametrize(("accuracy", "pictures"), [(2, 5), (-0.1, 5), (math.nan, 5), (0.5, 0), (0.5, -5)])
def test_sampling_error_refuses_what_is_no_share_of_pictures(accuracy, pictures):
    with pytest.raises(ValueError, match=r"accuracy must be a share in \[0, 1\]|pictures must be a whole number"):
        sampling_error(accuracy, pictures)
