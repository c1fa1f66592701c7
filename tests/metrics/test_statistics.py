import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from c2f.experiments.localization.run import scores
from c2f.experiments.robustness import records as attack_records
from c2f.metrics.statistics import (
    Interval,
    describe,
    difference,
    interval,
    paired_difference,
    seeds_interval,
    share_interval,
    unpaired_difference,
)

INF, NAN = math.inf, math.nan


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
    assert text.startswith("A is 10.00 points above B (95 % interval over seeds +9.")
    assert text.endswith("a difference that the seeds can tell.")
    assert "10.00 points below" in describe(difference([0.8, 0.801, 0.802], [0.9, 0.901, 0.902]), "B", "A")


@pytest.mark.parametrize("a", [[0.6, 0.6], [0.5, 0.5], [0.6, 0.6, 0.6]])
@pytest.mark.parametrize("b", [[0.5, 0.5], [0.5, 0.51, 0.52]])
def test_seeds_that_tie_tell_nothing(a, b):
    found = difference(a, b)
    assert found.mean == pytest.approx(np.mean(a) - np.mean(b))
    assert np.isnan([found.p, found.low, found.high]).all()
    assert not found.significant
    assert describe(found, "A", "B").endswith("all equal, so no spread is known and nothing can be told.")


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="at least two runs of each network, not 1 and 3"):
        difference([1.0], [1.0, 2.0, 3.0])
    for wrong in (NAN, INF):
        with pytest.raises(ValueError, match=f"{wrong} has no mean to compare: take a measure that is finite in every"):
            difference([1.0, 2.0], [1.0, wrong])
        with pytest.raises(ValueError, match=f"{wrong} has no mean to compare"):
            seeds_interval([1.0, wrong])
    for compare in (lambda **how: difference([1.0, 2.0], [1.0, 2.0], **how), lambda **how: interval([[1.0]], **how)):
        with pytest.raises(ValueError, match=r"between 0 and 1, not 95"):
            compare(confidence=95)
    with pytest.raises(ValueError, match="the value of at least one seed, not none"):
        seeds_interval([])


def test_the_share_of_a_coin():
    found = share_interval(0.5, 100)
    assert (found.low, found.high) == pytest.approx((0.4038, 0.5962), abs=1e-4)  # Wilson's, from tables
    assert share_interval(1.0, 25).low == pytest.approx(1 / (1 + stats.norm.ppf(0.975) ** 2 / 25))  # not of width 0
    for wrong in ((2, 5), (NAN, 5), (0.5, 0)):
        with pytest.raises(ValueError, match=r"a share must be in \[0, 1\] and of at least one picture"):
            share_interval(*wrong)


def test_over_seeds_is_students_t():
    found = seeds_interval([1.0, 2.0, 3.0])
    half = 4.3027 / 3**0.5
    assert (found.value, found.low, found.high) == pytest.approx((2, 2 - half, 2 + half), abs=1e-4)
    for alike in ([2.0], [2.0, 2.0]):
        found = seeds_interval(alike)
        assert found.value == 2
        assert np.isnan([found.low, found.high]).all()


def test_an_interval_as_text():
    assert f"{Interval(0.03, -0.012, 0.07):+.2f}" == "+0.03 (-0.01 to +0.07)"
    assert f"{Interval(INF, 2, INF):.1f}" == "∞ (2.0 to ∞)"
    assert f"{Interval(0.5, NAN, NAN):.1f}" == "0.5"


def anova(runs):
    """The variances of seeds, pictures and interaction of scores ``(S, N)``, from mean squares as textbooks have it."""
    count, pictures = runs.shape
    seeds, each, mean = runs.mean(axis=1), runs.mean(axis=0), runs.mean()
    of_seeds = pictures * ((seeds - mean) ** 2).sum() / (count - 1)
    of_pictures = count * ((each - mean) ** 2).sum() / (pictures - 1)
    rest = ((runs - seeds[:, None] - each + mean) ** 2).sum() / ((count - 1) * (pictures - 1))
    return (of_seeds - rest) / pictures, (of_pictures - rest) / count, rest


def test_both_levels_are_those_of_an_analysis_of_variance():
    draw = np.random.default_rng(0).standard_normal
    runs = 2 * draw((4, 1)) + draw((1, 50)) + draw((4, 50))
    a, b, c = anova(runs)
    v, p = a / 4 + c / 200, b / 50
    half = stats.t.ppf(0.975, (v + p) ** 2 / (v**2 / 3 + p**2 / 49)) * (v + p) ** 0.5
    found = interval(runs)
    assert (found.value, found.low, found.high) == pytest.approx((runs.mean(), runs.mean() - half, runs.mean() + half))
    assert interval(list(torch.from_numpy(runs))) == found
    drawn = interval(list(runs), lambda run: run.mean(), resamples=4000)  # the same by drawing pictures
    assert drawn.high - drawn.low == pytest.approx(2 * half, rel=0.03)


@settings(max_examples=50)
@given(hnp.arrays(float, st.tuples(st.integers(2, 5), st.integers(5, 30)), elements=st.sampled_from([0.0, 1.0])))
def test_seeds_never_narrow_what_the_pictures_leave_open(runs):
    """Above all not where runs tie: two of equal accuracy are no proof that seeds do not matter."""
    found, error = interval(list(runs)), runs.mean(axis=0).std(ddof=1) / runs.shape[1] ** 0.5
    assert found.low - 1e-9 <= found.value - 1.95 * error <= found.value + 1.95 * error <= found.high + 1e-9


def test_one_run_is_over_pictures_alone_and_pictures_of_others_are_refused():
    run = np.arange(100.0)
    found = interval([run], resamples=400)
    assert found.high - found.low == pytest.approx(2 * 1.96 * run.std() / 10, rel=0.15)
    for wrong in ([], [[]], [run, run[1:]]):
        with pytest.raises(ValueError, match="an interval needs runs of the same pictures, one at least; theirs are"):
            interval(wrong)
    with pytest.raises(ValueError, match="at least two pictures"):
        interval([run[:1], run[:1]])
    with pytest.raises(ValueError, match="resamples must be at least 1, not 0"):
        interval([run], resamples=0)


def test_seeds_of_which_one_never_gets_there():
    run = np.linspace(1, 2, 101)
    several = [run, run + 0.1, np.full(101, INF)]
    found = interval(several, np.median, resamples=50)
    assert (found.value, found.high) == (INF, INF)
    assert found.low < 1.5  # the mean of what is finite, and a width of its own
    found = interval([np.full(5, INF)] * 3, np.median, resamples=50)
    assert (found.value, found.low, found.high) == (INF, INF, INF)
    some = np.where(np.arange(101) < 51, run, INF)  # the median is finite, those of about half of the draws are not
    found = interval([some] * 3, np.median, resamples=50)
    assert found.low < found.value == some[50] < found.high == INF


def recorded_variances(measure):
    """The variances of top-down minus bottom-up, from the book's records of scenes at the last layer."""
    a, b = (scores(name, "scenes-fashion-mnist", "act_4", measure) for name in ("lenetfc", "lenetfc_td"))
    return anova(np.stack([(b[seed].double() - a[seed].double()).numpy() for seed in a]))


def covered(found, truth):
    return float(np.mean([x.low <= truth <= x.high for x in found]))


@pytest.mark.parametrize("measure", ["pointing", "recall", "f1", "insertion"])
def test_the_interval_of_a_mean_holds_the_truth_as_often_as_it_says(measure):
    draw = np.random.default_rng(0).standard_normal
    a, b, c = (max(x, 0) ** 0.5 for x in recorded_variances(measure))
    pictures, few = 500, 100  # fewer pictures, each as much less noisy: quicker, and the same
    b, c = (x * (few / pictures) ** 0.5 for x in (b, c))
    for seeds, least in ((2, 0.86), (3, 0.915), (4, 0.92)):
        made = [a * draw((seeds, 1)) + b * draw((1, few)) + c * draw((seeds, few)) for _ in range(1000)]
        assert least < covered([interval(runs) for runs in made], 0) < 0.975, seeds


def test_the_interval_of_a_median_holds_the_truth_as_often_as_it_says():
    """Distances of an attack: lognormal, with the variances of the recorded ones' logarithms."""
    runs = np.stack([attack_records.results("lenetfc", "fashion-mnist", "contrast", "minimal", s).l2 for s in range(4)])
    a, b, c = (x**0.5 for x in anova(np.log(runs[:, ((runs > 0) & np.isfinite(runs)).all(axis=0)])))
    draw = np.random.default_rng(0).standard_normal
    made = [np.exp(a * draw((4, 1)) + b * draw((1, 100)) + c * draw((4, 100))) for _ in range(300)]
    truth = math.exp(a**2 / 2)  # a seed's median is the exponential of what the seed adds
    assert 0.9 < covered([interval(x, np.median, resamples=60) for x in made], truth) < 0.99


def test_an_unpaired_difference_by_hand_and_wider_than_a_paired_one():
    # The standard errors 3 and 4 of one run each make 5.
    t = stats.t.ppf(0.975, 99)
    one, other = Interval(10, 10 - 3 * t, 10 + 3 * t), Interval(7, 7 - 4 * t, 7 + 4 * t)
    for runs in (1, 2):  # a second seed that is just like the first leaves open what the pictures do
        found = unpaired_difference([one] * runs, [other] * runs, 100)
        assert [found.value, found.low, found.high] == pytest.approx([3, 3 - 5 * t, 3 + 5 * t])
    # Of means, of networks that a hard picture is hard for alike, it holds the paired one.
    generator = torch.Generator().manual_seed(1)
    hard = torch.rand(300, generator=generator).double()
    runs = [hard + shift + 0.1 * torch.rand(300, generator=generator).double() for shift in (0.2, 0.21, 0, 0.01)]
    known = interval([runs[0] - runs[2], runs[1] - runs[3]])
    alone = [interval([run]) for run in runs]
    found = unpaired_difference(alone[:2], alone[2:], 300)
    assert found.value == pytest.approx(known.value)
    assert found.low < known.low < known.high < found.high
    with pytest.raises(ValueError, match="as many runs of each, of two pictures or more, not 1, 2, 300"):
        unpaired_difference(alone[:1], alone[2:], 300)
    with pytest.raises(ValueError, match="nan has no mean"):
        unpaired_difference(alone[:1], [Interval(0, NAN, NAN)], 300)


def test_a_paired_difference_leaves_out_what_the_pictures_do_to_both():
    generator = torch.Generator().manual_seed(0)
    hard = torch.rand(500, generator=generator)  # of each picture
    a = [hard + 0.02 + 0.01 * torch.rand(500, generator=generator)]
    b = [hard + 0.01 * torch.rand(500, generator=generator)]
    mean = lambda run: run.mean().item()  # noqa: E731
    alone = [interval(runs, mean) for runs in (a, b)]
    assert alone[0].low < alone[1].high  # the two of them overlap by far
    found = paired_difference(a, b, mean)
    assert found.value == pytest.approx(mean(a[0]) - mean(b[0]), abs=1e-9)
    assert 0.019 < found.low < found.high < 0.021
    assert paired_difference(a, b, lambda drawn: drawn.mean(dim=-1).numpy(), at_once=True).low == pytest.approx(
        found.low
    )
    turned = paired_difference(b, a, mean)
    assert [-turned.low, -turned.high] == pytest.approx([found.high, found.low], abs=1e-4)
    # Of means, over seeds too, it is the interval of the differences, with the seeds that both have.
    runs = [torch.rand(400, generator=generator).double() for _ in range(5)]
    known = interval([runs[0] - runs[2], runs[1] - runs[3]])
    found = paired_difference(runs[:2], runs[2:], mean, resamples=4000)
    assert [found.value, found.low, found.high] == pytest.approx([known.value, known.low, known.high], abs=0.05)
    with pytest.raises(ValueError, match="inf has no mean to compare"):
        paired_difference(a, b, lambda run: math.inf)
    with pytest.raises(ValueError, match="an interval needs runs of the same pictures"):
        paired_difference(a, [b[0][:499]], mean)
