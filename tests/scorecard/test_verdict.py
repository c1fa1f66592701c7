"""Verdicts by hand: what an interval says, and what several of them come to."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c2f.metrics.statistics import Interval
from c2f.scorecard.gaps import newcombe
from c2f.scorecard.verdict import (
    AGAINST,
    FOR,
    NOT,
    NOT_TRIED,
    OPEN,
    PARTLY,
    REPRODUCED,
    UNDECIDED,
    Above,
    Below,
    Equal,
    Finding,
    Near,
    judge,
)

NAN = math.nan
YES, NO, MAYBE = Interval(2, 1, 3), Interval(-2, -3, -1), Interval(1, -1, 3)
numbers = st.floats(-100, 100)


@pytest.mark.parametrize(
    ("rule", "found", "says"),
    [
        (Above(), YES, FOR),
        (Above(), NO, AGAINST),
        (Above(), MAYBE, OPEN),
        (Above(1.5), YES, OPEN),
        (Above(), Interval(2, NAN, NAN), OPEN),
        (Below(5), YES, FOR),
        (Below(0.5), YES, AGAINST),
        (Below(2), YES, OPEN),
        (Near(2, 1), YES, FOR),
        (Near(2, 0.5), YES, OPEN),
        (Near(-2, 0.5), YES, AGAINST),
        (Near(2, 1), Interval(2, NAN, NAN), OPEN),
        (Equal(7798), Interval(7798, NAN, NAN), FOR),
        (Equal(7798), Interval(7799, NAN, NAN), AGAINST),
        (Equal(36.9, 0.4), Interval(36.6, NAN, NAN), FOR),
        (Equal(36.9, 0.4), Interval(36.4, NAN, NAN), AGAINST),
    ],
)
def test_a_rule_goes_by_the_whole_interval(rule, found, says):
    assert rule.judge(found) == says


@given(numbers, numbers, numbers, st.floats(0.01, 10))
def test_no_interval_is_both_near_and_beyond(value, low, high, tolerance):
    low, high = sorted((low, high))
    found, near = Interval(value, low, high), Near(0, tolerance)
    beyond = Above(tolerance).judge(found) == FOR or Below(-tolerance).judge(found) == FOR
    assert not (near.judge(found) == FOR and beyond)
    assert (near.judge(found) == AGAINST) == beyond


def findings(*found, seeds=4):
    return [Finding("x", each, seeds=seeds) for each in found]


@pytest.mark.parametrize(
    ("found", "word"),
    [
        ([], NOT_TRIED),
        ([YES, YES], REPRODUCED),
        ([YES, NO], PARTLY),
        ([YES, MAYBE], PARTLY),
        ([NO, MAYBE], NOT),
        ([NO], NOT),
        ([MAYBE, MAYBE], UNDECIDED),
    ],
)
def test_several_findings_make_a_verdict(found, word):
    assert judge(findings(*found), Above()).word == word


def test_one_seed_reproduces_nothing():
    verdict = judge(findings(YES, seeds=1), Above(), least=2)
    assert verdict.word == PARTLY
    assert str(verdict) == "partly (all for it, but of 1 seed; 2 are asked for)"
    assert judge(findings(YES, seeds=1), Above(), least=1).word == REPRODUCED
    assert judge(findings(NO, seeds=1), Above(), least=2).word == NOT
    assert judge(findings(YES, seeds=None), Above(), least=2).word == REPRODUCED  # counted, not trained


def test_a_finding_may_bring_its_own_rule():
    own = [Finding("x", YES), Finding("y", Interval(0.1, -0.1, 0.2), rule=Near(0, 0.5))]
    assert judge(own, Above()).counts == {FOR: 2, AGAINST: 0, OPEN: 0}


def test_a_number_is_written_with_its_interval_and_unit():
    assert Finding("x", YES, "+.1f", "points").number == "+2.0 (+1.0 to +3.0) points"
    assert Finding("x", Interval(7798, NAN, NAN), ",.0f", "parameters").number == "7,798 parameters"


def test_newcombe_s_interval_is_his():
    """Method 10 of Newcombe (1998), written out from the ends of Wilson's intervals."""

    def wilson(share, n, z=1.959964):
        half = z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
        return [(share + z**2 / (2 * n) + sign * half) / (1 + z**2 / n) for sign in (-1, 1)]

    (low_a, high_a), (low_b, high_b) = wilson(0.8, 70), wilson(0.6, 70)
    low = 0.2 - ((0.8 - low_a) ** 2 + (high_b - 0.6) ** 2) ** 0.5
    high = 0.2 + ((high_a - 0.8) ** 2 + (0.6 - low_b) ** 2) ** 0.5
    found = newcombe(0.8, 0.6, 70)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, low, high), abs=1e-6)
