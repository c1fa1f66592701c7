"""Who is on the front, by eye and by chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from c2f.metrics.pareto import front_shares, on_front

TABLES = arrays.arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 3)), elements=st.floats(-5, 5))


def test_the_front_of_four_points():
    points = [[1, 5], [3, 3], [2, 2], [5, 1]]
    assert on_front(points).tolist() == [True, True, False, True]


def test_equal_points_do_not_beat_each_other():
    assert on_front([[1, 1], [1, 1], [1, 0]]).tolist() == [True, True, False]


@given(TABLES)
def test_somebody_is_on_the_front_and_the_best_of_a_measure_is(points):
    front = on_front(points)
    assert front.any()
    first = points[:, 0]
    best = np.flatnonzero(first == first.max())
    assert front[best].any()


@given(TABLES)
def test_order_and_scale_do_not_matter(points):
    assert (on_front(points[::-1])[::-1] == on_front(points)).all()
    assert (on_front(4 * points) == on_front(points)).all()


def test_far_apart_is_sure_and_alike_is_a_toss():
    far = front_shares([[[0.0], [0.1], [0.2]], [[9.0], [9.1], [9.2]]])
    assert far[1] > 0.99
    alike = front_shares([[[0.0], [1.0], [2.0], [3.0]], [[0.1], [1.1], [1.9], [2.9]]])
    assert alike[0] == pytest.approx(0.5, abs=0.03)
    assert alike.sum() == pytest.approx(1)


def test_the_draws_are_students_t():
    # One network stands still at the end of the other's 95 % interval: it is beaten in 2.5 % of the draws.
    from c2f.metrics.statistics import seeds_interval

    values = [0.2, 0.5, 0.9, 1.4]
    high = seeds_interval(values).high
    shares = front_shares([[[value] for value in values], [[high]]], draws=200_000)
    assert shares[0] == pytest.approx(0.025, abs=0.002)


def test_one_seed_stays_where_it_is():
    assert front_shares([[[1.0]], [[2.0]]]).tolist() == [0, 1]


@pytest.mark.parametrize("networks", [[], [[[np.nan]]], [[[np.inf, 1]]], [[[1.0, 2.0]], [[1.0]]]])
def test_what_cannot_be_compared_is_refused(networks):
    with pytest.raises(ValueError, match=r"front|same measures"):
        front_shares(networks)
