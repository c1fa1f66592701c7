"""What a few seeds and some pictures say about a number, and about the difference between two networks.

One seed is no ranking: a network trained twice gives two accuracies. And a number measured on some pictures would be
another one on others. Axes: S runs of one network, one a seed; N pictures, the same for every run.

``difference`` and ``share_interval`` import scipy.stats, which takes half a second and 45 MiB.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from c2f.metrics.robustness import Distances, Results


@dataclass(frozen=True)
class Interval:
    """A ``value`` and its confidence interval from ``low`` to ``high``.

    Any of them may be infinite ("never"); the ends are NaN where no spread is known. ``f"{found:+.2f}"`` gives
    ``+0.03 (-0.01 to +0.07)``, and the value alone where the ends are NaN.
    """

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        value, low, high = (format(x, spec).replace("inf", "∞") for x in (self.value, self.low, self.high))
        return value if math.isnan(self.low) else f"{value} ({low} to {high})"


@dataclass(frozen=True)
class Difference:
    """The difference of two means, ``a - b``, in the unit of the values.

    ``low``, ``high``: its confidence interval over seeds. ``p``: probability of so large a difference between equal
    networks. All three are NaN where no spread is known. ``n``: runs of a and of b.
    """

    mean: float
    low: float
    high: float
    p: float
    n: tuple[int, int]

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def difference(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Difference:
    """Compare the values of two networks, one a seed, by Welch's t-test, which lets each have its own spread.

    Where the runs of one of them are all equal, as two of them easily are, no spread of it is known, and none is made
    up. The interval is over seeds alone: it is about the pictures that the values were measured on.

    Raises:
        ValueError: fewer than two values on a side, a value that is not finite, or ``confidence`` outside (0, 1).
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"a comparison needs at least two runs of each network, not {len(a)} and {len(b)}")
    _check([*a, *b], confidence)
    mean, n = sum(a) / len(a) - sum(b) / len(b), (len(a), len(b))
    if 1 in (len(set(a)), len(set(b))):
        return Difference(mean, math.nan, math.nan, math.nan, n)
    from scipy import stats

    test = stats.ttest_ind(a, b, equal_var=False)
    ends = test.confidence_interval(confidence)
    return Difference(mean, float(ends.low), float(ends.high), float(test.pvalue), n)


def describe(found: Difference, a: str, b: str) -> str:
    """Say in a sentence how network ``a`` compares with ``b``, their accuracies given in [0, 1]."""
    n = f"n = {found.n[0]} and {found.n[1]}"
    points = f"{a} is {100 * abs(found.mean):.2f} points {'above' if found.mean >= 0 else 'below'} {b}"
    if math.isnan(found.p):
        return f"{points} ({n}): the runs of one of them are all equal, so no spread is known and nothing can be told."
    verdict = "a difference that the seeds can tell" if found.significant else "no difference that these seeds can tell"
    return (
        f"{points} (95 % interval over seeds {100 * found.low:+.2f} to {100 * found.high:+.2f} points, "
        f"p = {found.p:.2g}, {n}): {verdict}."
    )


def share_interval(share: float, pictures: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's interval of a ``share`` of ``pictures``, such as an accuracy, over the choice of the pictures.

    Raises:
        ValueError: ``share`` outside [0, 1], no pictures, or ``confidence`` outside (0, 1).
    """
    if not 0 <= share <= 1 or pictures < 1:
        raise ValueError(f"a share must be in [0, 1] and of at least one picture, not {share!r} of {pictures!r}")
    _check([], confidence)
    from scipy import stats

    ends = stats.binomtest(round(share * pictures), pictures).proportion_ci(confidence, method="wilson")
    return Interval(share, float(ends.low), float(ends.high))


def seeds_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the mean of ``values``, one a seed, with Student's t interval over seeds.

    It is about the pictures that the values were measured on; ``interval`` covers their choice too. Of one value, or of
    equal ones, no spread is known: the ends are NaN.

    Raises:
        ValueError: no values, one that is not finite, or ``confidence`` outside (0, 1).
    """
    if not len(values):
        raise ValueError("an interval over seeds needs the value of at least one seed, not none")
    _check(values, confidence)
    mean, freedom = float(np.mean(values)), len(values) - 1
    if len(set(values)) == 1:
        return Interval(mean, math.nan, math.nan)
    error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    low, high = (mean + error * _student(freedom, tail) for tail in ((1 - confidence) / 2, (1 + confidence) / 2))
    return Interval(mean, low, high)


def _student(freedom: float, share: float) -> float:
    """Return the quantile of Student's t (``scipy.stats.t.ppf``, without what importing that brings)."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))


class Redrawable(Protocol):
    """The scores of N pictures, by which pictures can be drawn anew: a tensor or array ``(N, ...)``, or ``Results``."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: Any, /) -> Any: ...


R = TypeVar("R", bound=Redrawable)

_AT_ONCE = 2**20
"""Of how many pictures the draws are that a statistic takes at once."""


def interval(
    runs: Sequence[R],
    statistic: Callable[[R], Any] | None = None,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    at_once: bool = False,
) -> Interval:
    """Return the mean of ``statistic`` over ``runs`` (one a seed), with its interval over seeds and pictures.

    Every run saw the same pictures: a crossed design, in which a score is a mean plus what its seed, its picture and
    the two together (the interaction) add, of variances a, b and c. The mean of all scores has the variance
    a/S + b/N + c/SN. It is estimated as v + p:

    - p = b/N, what the runs share: the covariance of two runs' values when the pictures are drawn anew, mean over the
      pairs of runs, at least 0. It is the variance of the pictures' means / N less the interaction's c/SN, so that the
      pictures' noise in the runs' values is not counted twice. Of means it is known, the covariance of their scores
      / N; for any other statistic it is that of bootstrap draws, the same pictures in every run.
    - v = a/S + c/SN, the variance of the runs' values / S; at least c/SN, which is known from many pictures, so that
      runs that happen to be equal do not look as if there were no seeds.

    The half width is Student's t at Satterthwaite's degrees of freedom, (v + p)² / (v² / (S - 1) + p² / (N - 1)),
    times the root of v + p. In simulations with the variances of the book's records, 95 % intervals hold 92 to 97 % at
    three seeds and more and 87 to 97 % at two. (A percentile bootstrap that draws seeds and pictures holds as little as
    66 % at two and 80 % at four.) Of a single run's seed nothing is known: its interval, a percentile bootstrap, is
    over the pictures alone.

    None counts as infinite ("never"). ``high`` is infinite where the value is, or more than ``(1 - confidence) / 2`` of
    the draws; ``low`` is then that of values cut off at the largest finite one, whose mean lies below.

    Args:
        runs: scores ``(N, ...)``, or ``Results``, of the same pictures in the same order.
        statistic: of such a run, e.g. ``success_rate``, or ``lambda ious: oracle_accuracy(ious).value``; by default the
            mean of scores ``(N,)``.
        resamples: bootstrap draws, at least 1; not used for means of several runs.
        confidence: in (0, 1).
        seed: of the drawing.
        at_once: whether ``statistic``, which else gives a number or None, takes D draws at once, ``run[pictures]`` with
            ``pictures`` ``(D, N)``, and gives an array ``(D,)``, e.g. ``lambda run: np.median(run, axis=-1)``: the same
            numbers, several times as fast.

    Raises:
        ValueError: no runs, runs of different pictures or without any, several runs of a single picture, or a number
            out of range.
    """
    _check_runs(runs)
    _check([], confidence)
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, not {resamples!r}")
    pictures, of = len(runs[0]), statistic or _means
    values = np.array([_number(of(run)) for run in runs])
    if statistic is None and len(runs) > 1:
        scores = torch.stack([torch.as_tensor(run).double().cpu() for run in runs]).numpy()  # (S, N)
        return _two_levels(values, np.cov(scores) / pictures, pictures, confidence)
    drawn = _redrawn(runs, of, resamples, seed, at_once or statistic is None)
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn.mean(axis=1), [tail, 1 - tail], method="inverted_cdf")
    value, finite = float(values.mean()), drawn[np.isfinite(drawn)]
    if len(runs) == 1 or not len(finite):
        return Interval(value, float(low), float(high))
    top = finite.max()
    found = _two_levels(values.clip(max=top), np.cov(drawn.clip(max=top).T), pictures, confidence)
    return Interval(value, found.low, math.inf if math.inf in (value, high) else found.high)


@dataclass(frozen=True)
class _Pair:
    """A run of each of two networks on the same N pictures, drawn anew together."""

    a: Any
    b: Any

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, index: Any) -> "_Pair":
        return _Pair(self.a[index], self.b[index])


def paired_difference(
    a: Sequence[R],
    b: Sequence[R],
    statistic: Callable[[R], Any],
    resamples: int = 1000,
    confidence: float = 0.95,
    at_once: bool = False,
) -> Interval:
    """Return the mean of ``statistic`` over the runs ``a`` less that over ``b``, with its interval as by ``interval``.

    Both networks saw the same pictures. What a hard picture does to both of them cancels, which the two intervals side
    by side do not show. Runs are paired in their order, as many as both have. ``at_once`` as for ``interval``.

    Raises:
        ValueError: a statistic that is not finite, and what ``interval`` refuses.
    """
    _check_runs([*a, *b])

    def difference(pair: _Pair) -> Any:
        one, other = statistic(pair.a), statistic(pair.b)
        _check([*np.ravel(one), *np.ravel(other)], confidence)
        return one - other

    pairs = [_Pair(*each) for each in zip(a, b, strict=False)]
    return interval(pairs, difference, resamples, confidence, at_once=at_once)


def unpaired_difference(
    a: Sequence[Interval], b: Sequence[Interval], pictures: int, confidence: float = 0.95
) -> Interval:
    """Return the mean of ``a`` less that of ``b``, runs of which the interval over pictures alone is known.

    For statistics of a whole set of pictures whose scores are not kept. The runs are paired by their order; what the
    pictures leave open is taken for independent in the two networks and the same in all runs. Both make it larger than
    it is where a hard picture is hard for all, so the interval is wider than that of ``paired_difference``.

    Args:
        a, b: a run each, with its interval of that ``confidence``.
        pictures: that they were measured on.
        confidence: in (0, 1).

    Raises:
        ValueError: no runs, as many of one as of the other network not, or a number out of range.
    """
    if not a or len(a) != len(b) or pictures < 2:
        raise ValueError(
            f"needed are as many runs of each, of two pictures or more, not {len(a)}, {len(b)}, {pictures}"
        )
    _check([end for run in (*a, *b) for end in (run.value, run.low, run.high)], confidence)
    gaps = np.array([one.value - other.value for one, other in zip(a, b, strict=True)])
    spread = np.array([run.high - run.low for run in (*a, *b)]) / 2 / _student(pictures - 1, (1 + confidence) / 2)
    shared = float((spread**2).sum() / len(a))  # variance over pictures of a run's difference, mean over the runs
    if len(a) == 1:
        half = _student(pictures - 1, (1 + confidence) / 2) * shared**0.5
        return Interval(float(gaps[0]), float(gaps[0]) - half, float(gaps[0]) + half)
    return _two_levels(gaps, np.full((len(a), len(a)), shared), pictures, confidence)


def _check(values: Sequence[float], confidence: float) -> None:
    if wrong := [value for value in values if not math.isfinite(value)]:
        raise ValueError(f"{wrong[0]} has no mean to compare: take a measure that is finite in every run")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence!r}")


def _check_runs(runs: Sequence[Redrawable]) -> None:
    sizes = [len(run) for run in runs]
    if len(set(sizes)) != 1 or not sizes[0]:
        raise ValueError(f"an interval needs runs of the same pictures, one at least; theirs are {sizes or 'no runs'}")
    if len(runs) > 1 and sizes[0] == 1:
        raise ValueError("an interval over seeds and pictures needs at least two pictures, not one")
    places = [run.picture for run in runs if isinstance(run, Results | Distances)]
    if any(not np.array_equal(place, places[0]) for place in places):
        raise ValueError(f"an interval needs runs of the same pictures; given are {len(runs)} that do not share them")


def _means(scores: Any) -> Any:
    """Return the mean of scores ``(..., N)`` of tensors, arrays or lists: ``(...)``."""
    return torch.as_tensor(scores).double().mean(dim=-1).numpy(force=True)


def _number(value: float | None) -> float:
    return math.inf if value is None else value


def _redrawn(runs: Sequence[R], statistic: Callable[[R], Any], resamples: int, seed: int, at_once: bool) -> np.ndarray:
    """Return the statistic of every run on pictures drawn with replacement, the same in each: ``(resamples, S)``.

    (``scipy.stats.bootstrap`` draws from arrays alone, and interpolates between values, which two infinite ones do not
    bear.)
    """
    generator, size = np.random.default_rng(seed), len(runs[0])
    some = max(1, _AT_ONCE // size) if at_once else 1
    drawn = []
    for done in range(0, resamples, some):
        pictures = generator.integers(size, size=(min(some, resamples - done), size))  # the same numbers as one by one
        if at_once:
            drawn.append(np.stack([statistic(run[pictures]) for run in runs], axis=1))
        else:
            drawn.append(np.array([[_number(statistic(run[pictures[0]])) for run in runs]]))
    return np.concatenate(drawn)


def _two_levels(values: np.ndarray, covariance: np.ndarray, pictures: int, confidence: float) -> Interval:
    """Return the interval of the mean of ``values`` ``(S,)``; their ``covariance`` ``(S, S)`` is over pictures."""
    seeds, mean = len(values), float(values.mean())
    p = max(float(covariance.sum() - covariance.trace()) / (seeds * (seeds - 1)), 0.0)
    interaction = (float(covariance.trace()) / seeds - p) / seeds
    v, freedom = max(
        (float(values.var(ddof=1)) / seeds, seeds - 1), (interaction, (seeds - 1) * (pictures - 1))
    )  # the larger, and how many numbers it comes from
    if v + p == 0:  # every picture scores the same in every run
        return Interval(mean, mean, mean)
    both = (v + p) ** 2 / (v**2 / freedom + p**2 / (pictures - 1))
    half = _student(both, (1 + confidence) / 2) * (v + p) ** 0.5
    return Interval(mean, mean - half, mean + half)
