"""What several seeds say about the difference between two networks.

One seed is no ranking: a network trained twice gives two accuracies. The comparison is Welch's, which lets each
network have its own spread.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from c2f.common.checks import positive_int
from c2f.metrics.robustness import Results


@dataclass(frozen=True)
class Difference:
    """The difference of two means, ``a - b``, in the unit of the values.

    ``low``, ``high``: its confidence interval. ``p``: probability of so large a difference between equal networks.
    ``n``: runs of a and of b.
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
    """Compare the values of two networks, one a seed, by Welch's t-test.

    Raises:
        ValueError: fewer than two values on a side (no spread is known), or ``confidence`` outside (0, 1).
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"a comparison needs at least two runs of each network, not {len(a)} and {len(b)}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence!r}")
    mean = sum(a) / len(a) - sum(b) / len(b)
    if len(set(a)) == len(set(b)) == 1:  # no spread at all: the test would divide by zero
        return Difference(mean, mean, mean, float(mean == 0), (len(a), len(b)))
    test = stats.ttest_ind(a, b, equal_var=False)
    interval = test.confidence_interval(confidence)
    return Difference(mean, float(interval.low), float(interval.high), float(test.pvalue), (len(a), len(b)))


def describe(found: Difference, a: str, b: str) -> str:
    """Say in a sentence how network ``a`` compares with ``b``, their accuracies given in [0, 1]."""
    word = "above" if found.mean >= 0 else "below"
    verdict = "a difference that the seeds can tell" if found.significant else "no difference that these seeds can tell"
    return (
        f"{a} is {100 * abs(found.mean):.2f} points {word} {b} (95 % interval {100 * found.low:+.2f} to "
        f"{100 * found.high:+.2f} points, p = {found.p:.2g}, n = {found.n[0]} and {found.n[1]}): {verdict}."
    )


def sampling_error(accuracy: float, pictures: int) -> float:
    """Return the standard error of an accuracy in [0, 1] that comes from the choice of ``pictures`` test pictures.

    Raises:
        ValueError: an accuracy outside [0, 1], or no pictures.
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must be a share in [0, 1], not {accuracy!r}: divide percent by 100")
    positive_int(pictures, "pictures")
    return (accuracy * (1 - accuracy) / pictures) ** 0.5


@dataclass(frozen=True)
class Interval:
    """A ``value`` and its bootstrap interval from ``low`` to ``high``; any of them may be infinite."""

    value: float
    low: float
    high: float


def interval(
    runs: Sequence[Results],
    statistic: Callable[[Results], float | None],
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the mean of ``statistic`` over ``runs`` (one a seed), with a percentile bootstrap interval.

    Each resample draws pictures with replacement, the same ones in every run, and where there are several runs draws
    those too: the interval then covers the choice of pictures and the seeds. None counts as infinite ("never").
    ``seed`` is that of the drawing. (``scipy.stats.bootstrap`` draws on one level, and interpolates between values,
    which two infinite ones do not bear.)

    Raises:
        ValueError: no runs, runs of different pictures, or a number out of range.
    """
    if not runs or any(not np.array_equal(run.picture, runs[0].picture) for run in runs):
        raise ValueError(f"an interval needs runs on the same pictures; given are {len(runs)} that do not share them")
    if resamples < 1 or not 0 < confidence < 1:
        raise ValueError(f"resamples must be at least 1 and confidence in (0, 1), not {resamples!r} and {confidence!r}")
    generator = np.random.default_rng(seed)

    def mean(chosen: Sequence[Results]) -> float:
        values = [statistic(run) for run in chosen]
        return float(np.mean([math.inf if value is None else value for value in values]))

    drawn = []
    for _ in range(resamples):
        pictures = generator.integers(len(runs[0]), size=len(runs[0]))
        seeds = generator.integers(len(runs), size=len(runs))
        drawn.append(mean([runs[s].take(pictures) for s in seeds]))
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf")
    return Interval(mean(runs), float(low), float(high))
