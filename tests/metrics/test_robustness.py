import math
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from c2f.metrics import robustness
from c2f.metrics.robustness import Results, curve, l2_at_loss, load, measure, save
from c2f.metrics.statistics import interval

INF = math.inf


def results(l2, label=None, adversarial_prediction=None, entries=4, **others):
    """Results with the distances ``l2``: 0 for pictures misclassified as they are, infinite for those not turned."""
    l2 = np.array(l2, dtype=float)
    label = np.zeros(len(l2), int) if label is None else np.array(label)
    before = np.where(l2 > 0, label, label + 1)
    after = np.where(l2 == 0, label + 1, np.where(np.isinf(l2), -1, label + 2))
    after = after if adversarial_prediction is None else adversarial_prediction
    same = {name: others.get(name, l2) for name in ("l0", "l1", "linf")}
    return Results(np.arange(len(l2)), label, before, after, l2=l2, entries=entries, **same)


# Five pictures: one misclassified as it is, one that is never turned, three that are turned, two of them equally far.
FIVE = results([2.0, INF, 0.0, 0.5, 2.0], l0=[4, INF, 0, 1, 2], l1=[3.0, INF, 0, 0.5, 2.5], linf=[1, INF, 0, 0.5, 1])


def test_five_pictures_by_hand():
    assert FIVE.correct.tolist() == [True, True, False, True, True]
    assert FIVE.success.tolist() == [True, False, False, True, True]
    assert robustness.clean_accuracy(FIVE) == 0.8
    assert robustness.success_rate(FIVE) == 75  # three of the four that were right
    assert robustness.ptb(FIVE) == pytest.approx((3.0 + 0.5 + 2.5) / 3 / 4)  # mean over pictures and four values each
    assert robustness.ptbr(FIVE) == pytest.approx(100 * (4 + 1 + 2) / 3 / 4)
    assert robustness.points_lost(FIVE) == pytest.approx(60)  # three of all five
    assert robustness.median_l2(FIVE) == 2.0  # of 0, 0.5, 2, 2, infinite
    assert robustness.median_l2(FIVE[np.array([0, 1, 2, 2])]) == pytest.approx(1.0)  # of 0, 0, 2, infinite
    assert robustness.median_l2(FIVE.distances) == 2.0
    assert l2_at_loss(FIVE, 20) == 0.5
    assert l2_at_loss(FIVE, 21) == 2.0
    assert l2_at_loss(FIVE) == 2.0
    assert l2_at_loss(FIVE, 60) == 2.0
    assert l2_at_loss(FIVE, 61) is None
    assert robustness.summary(FIVE) == {
        "clean_accuracy": 0.8,
        "success_rate": 75,
        "ptb": pytest.approx(0.5),
        "ptbr": pytest.approx(175 / 3),
        "l2_at_50": 2.0,
        "points_lost": pytest.approx(60),
    }


def test_the_curve_of_five_pictures():
    found = curve(FIVE)
    assert found.l2.tolist() == [0, 0, 0.5, 2, 2, INF]
    assert found.accuracy.tolist() == pytest.approx([0.8, 0.8, 0.6, 0.4, 0.2, 0.2])
    assert found.at([0, 0.4999, 0.5, 1.9, 2, 1e9]).tolist() == pytest.approx([0.8, 0.8, 0.6, 0.6, 0.2, 0.2])


def papers_curve(l2):
    """The authors' way, picture by picture (description 8.3): sorted distances and the accuracy at each."""
    accuracy = sum(value > 0 for value in l2) / len(l2)
    curve = [accuracy]
    for value in sorted(l2):
        if 0 < value < INF:
            accuracy -= 1 / len(l2)
        curve.append(accuracy)
    return curve


DISTANCES = st.lists(st.sampled_from([0.0, INF, 1.0, 1.5]) | st.floats(0.125, 30, width=32), min_size=1, max_size=40)


@settings(max_examples=50)
@given(DISTANCES)
def test_the_curve_is_the_papers(l2):
    found = curve(results(l2))
    assert found.accuracy.tolist() == pytest.approx(papers_curve(l2), abs=1e-9)
    assert (np.diff(found.accuracy) <= 0).all()
    assert (found.l2[1:] >= found.l2[:-1]).all()  # of two infinite ones the difference is not a number
    assert 100 * (found.accuracy[0] - found.accuracy[-1]) == pytest.approx(robustness.points_lost(results(l2)))
    half = l2_at_loss(results(l2))
    lost = found.accuracy[0] - found.accuracy > 0.5 - 1e-9
    assert half == (found.l2[lost].min() if lost.any() else None)


@settings(max_examples=20)
@given(DISTANCES, st.randoms(use_true_random=False))
def test_the_order_of_the_pictures_does_not_matter(l2, random):
    order = np.array(random.sample(range(len(l2)), len(l2)))
    whole, shuffled = results(l2), results(l2)[order]
    assert robustness.summary(shuffled) == pytest.approx(robustness.summary(whole))
    assert np.array_equal(curve(shuffled).accuracy, curve(whole).accuracy)


@settings(max_examples=20)
@given(st.lists(st.tuples(*[st.sampled_from([INF, 1.0, 2.0]) | st.floats(0.125, 30, width=32)] * 2), min_size=1))
def test_the_better_of_two_searches_is_never_worse_than_one(pairs):
    one = np.array([pair[0] for pair in pairs])
    both = results(np.minimum(one, [pair[1] for pair in pairs]))
    grid = np.linspace(0, 31, 50)
    assert (curve(both).at(grid) <= curve(results(one)).at(grid)).all()
    assert robustness.median_l2(both) <= robustness.median_l2(results(one))


def test_where_nothing_is_right_or_nothing_is_found_the_numbers_say_so():
    nothing_right = results([0.0, 0.0])
    assert robustness.summary(nothing_right) == {"clean_accuracy": 0, "points_lost": 0}
    assert math.isnan(robustness.success_rate(nothing_right))
    assert curve(nothing_right).accuracy.tolist() == [0, 0, 0]
    nothing_found = results([INF, INF, 0.0])
    assert robustness.summary(nothing_found) == {
        "clean_accuracy": pytest.approx(2 / 3),
        "success_rate": 0,
        "points_lost": 0,
    }
    assert robustness.median_l2(nothing_found) == INF
    assert curve(nothing_found).accuracy.tolist() == pytest.approx([2 / 3] * 4)


def test_distances_of_pictures_by_hand():
    clean = torch.tensor([[[[0.0, 0.5], [1.0, 0.25]]]]).repeat(3, 1, 1, 1)
    perturbed = clean.clone()
    perturbed[0, 0, 0] = torch.tensor([0.75, 0.5 - 1.0 / 4])
    perturbed[2, 0, 1, 1] = 0.25 + 2**-20
    found = robustness.distances(clean, perturbed)
    assert {name: value.tolist() for name, value in found.items()} == {
        "l0": [2, 0, 1],
        "l1": [1, 0, 2**-20],
        "l2": [pytest.approx(math.hypot(0.75, 0.25)), 0, 2**-20],
        "linf": [0.75, 0, 2**-20],
    }
    # 0 was turned, 1 was wrong as it is, 2 was not turned, whatever is in its place
    found = measure(clean, perturbed, *map(torch.tensor, ([1, 1, 1], [1, 2, 1], [0, 2, -1], [5, 7, 9])))
    assert found.l1.tolist() == [1, 0, INF]
    assert found.l0.tolist() == [2, 0, INF]
    assert found.picture.tolist() == [5, 7, 9]
    assert found.entries == 4
    assert found.success.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"l2": [1.0, 0.0]}, "l2 has shape"),
        ({"l2": [2.0, INF, 1.0, 0.5, 2.0]}, "l2 must be 0 for misclassified pictures and above 0 for all others.* 2$"),
        ({"l0": [0, INF, 0, 1, 2]}, "l0 must be 0 .* 0$"),
        ({"linf": [1, math.nan, 0, 1, 2]}, "linf must be 0 .* 1$"),
        ({"adversarial_prediction": [0, -1, 1, 2, 2]}, "adversarial_prediction must be another class"),
        ({"adversarial_prediction": [2, 2, 1, 2, 2]}, "adversarial_prediction must be another class"),
        ({"adversarial_prediction": [-1, -1, 1, 2, 2]}, "adversarial_prediction must be another class"),
    ],
)
def test_results_that_contradict_themselves_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Results(**{**vars(FIVE), **{name: np.array(value) for name, value in changes.items()}})


@pytest.mark.parametrize("points", [0, -1, 101, math.nan])
def test_points_out_of_range_are_refused(points):
    with pytest.raises(ValueError, match=r"points must be in \(0, 100\]"):
        l2_at_loss(FIVE, points)


def test_what_is_saved_is_loaded_again_and_equal_results_are_equal_files(tmp_path):
    many = results(np.tile(FIVE.l2, 200), label=np.tile(np.arange(5) * 40, 200))
    for name in "ab":
        save(many, tmp_path / name, {"seed": 0})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").stat().st_size < 27_000  # a thousand pictures
    found = load(tmp_path / "a")
    for name, value in vars(many).items():
        assert np.array_equal(getattr(found, name), value), name
    whole = (tmp_path / "a").read_bytes()
    for broken in (whole[:2000], b"", b"x" * 100):
        (tmp_path / "a").write_bytes(broken)
        with pytest.raises(ValueError, match=r"holds no results of an attack .* restore it or attack again"):
            load(tmp_path / "a")


def test_an_interval_holds_the_value_and_narrows_with_more_pictures():
    generator = np.random.default_rng(0)
    l2 = generator.gamma(4.0, size=400)
    few, many = (interval([results(l2[:n])], robustness.median_l2, resamples=150) for n in (50, 400))
    for found in (few, many):
        assert found.low < found.value < found.high
    assert many.high - many.low < 0.6 * (few.high - few.low)
    assert interval([results(l2)], robustness.median_l2, resamples=50, seed=1) == interval(
        [results(l2)], robustness.median_l2, resamples=50, seed=1
    )


def test_the_interval_of_a_share_is_the_binomials():
    l2 = np.where(np.arange(400) < 100, 1.0, INF)
    found = interval([results(l2)], robustness.success_rate, resamples=400)
    assert found.value == 25
    assert (found.low, found.high) == pytest.approx((25 - 1.96 * 2.165, 25 + 1.96 * 2.165), abs=0.9)


def test_several_seeds_widen_the_interval():
    generator = np.random.default_rng(0)
    l2 = generator.gamma(4.0, size=200)
    alike = interval([results(l2)] * 3, robustness.median_l2, resamples=100)
    apart = interval([results(l2 + shift) for shift in (0, 2, 4)], robustness.median_l2, resamples=100)
    assert apart.value == pytest.approx(alike.value + 2, rel=1e-5)
    assert apart.high - apart.low > 2 * (alike.high - alike.low)


def test_an_interval_may_be_infinite():
    l2 = [1.0] * 21 + [INF] * 20
    found = interval([results(l2)], l2_at_loss, resamples=200)
    assert (found.value, found.low, found.high) == (1.0, 1.0, INF)
    never = interval([results([INF] * 10)], l2_at_loss, resamples=20)
    assert (never.value, never.low, never.high) == (INF, INF, INF)


def test_intervals_over_different_pictures_are_refused():
    with pytest.raises(ValueError, match="given are 2 that do not share them"):
        interval([FIVE, FIVE[np.array([0, 1, 2, 4, 3])]], robustness.median_l2)


def test_distances_are_of_pairs():
    x = torch.rand(3, 1, 2, 2)
    with pytest.raises(ValueError, match=r"\(3, 1, 2, 2\) but perturbed ones \(1, 1, 2, 2\): give one of each"):
        robustness.distances(x, x[:1])


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, INF]), min_size=1, max_size=12), st.data())
def test_distances_alone_measure_as_all_of_the_results_do(l2, data):
    full = results(l2)
    places = data.draw(st.lists(st.integers(0, len(l2) - 1), min_size=1, max_size=12))
    drawn, alone = full[np.array(places)], full.distances[np.array(places)]
    for measured in (robustness.median_l2, robustness.points_lost, lambda r: l2_at_loss(r, 25)):
        assert measured(drawn) == pytest.approx(measured(alone), abs=0, nan_ok=True)


AT_ONCE = {
    robustness.median_l2: robustness.medians_l2,
    robustness.points_lost: robustness.all_points_lost,
    lambda drawn: l2_at_loss(drawn, 25): lambda drawn: robustness.all_l2_at_loss(drawn, 25),
}
"""Measure of one draw -> of many."""


@pytest.mark.parametrize("measured", AT_ONCE)
@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, INF]), min_size=9, max_size=9), min_size=1, max_size=3),
    st.integers(1, 40),
)
def test_draws_measured_at_once_give_the_same_interval(measured, runs, at_once):
    found = [results(l2).distances for l2 in runs]
    with patch("c2f.metrics.statistics._AT_ONCE", 9 * at_once):  # pictures: 1 to 40 draws
        together = interval(found, AT_ONCE[measured], resamples=40, at_once=True)
    assert together == interval(found, measured, resamples=40)


def test_distances_of_other_pictures_are_refused():
    parts = [FIVE.distances[np.array(places)] for places in ([0, 1, 2], [1, 2, 3])]
    with pytest.raises(ValueError, match="runs of the same pictures"):
        interval(parts, robustness.median_l2)
