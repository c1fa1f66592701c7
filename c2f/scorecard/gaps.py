"""Differences of accuracies between two recorded trainings, with the interval that the records allow."""

import math
from collections.abc import Sequence

from torch import nn

from c2f.common.words import how_many_each
from c2f.metrics.statistics import Interval, difference, share_interval
from c2f.runs.record import Record


def accuracy_gap(a: Record, b: Record, value: str = "test_accuracy") -> tuple[Interval, str]:
    """Return the mean accuracy of ``a`` less that of ``b`` in points, with its 95 % interval, and what that is over:
    the seeds (Welch) where each has two or more that differ, else the test pictures (Newcombe).

    ``value``: the name of the accuracy in both records, in [0, 1].
    """
    ours, theirs = a.values(value), b.values(value)
    if min(len(ours), len(theirs)) > 1:
        found = difference(ours, theirs)
        if not math.isnan(found.low):
            over = how_many_each(len(ours), len(theirs), "seed")
            return Interval(100 * found.mean, 100 * found.low, 100 * found.high), over
    pictures = a.runs[0].details["pictures"]["test"]
    gap = newcombe(sum(ours) / len(ours), sum(theirs) / len(theirs), pictures)
    return Interval(
        100 * gap.value, 100 * gap.low, 100 * gap.high
    ), f"{pictures:,} test pictures; {how_many_each(len(ours), len(theirs), 'seed')}"


def newcombe(a: float, b: float, pictures: int) -> Interval:
    """Return ``a - b`` of two shares of as many pictures, with Newcombe's interval from those of Wilson. That both saw
    the same pictures is not made use of: it is a little too wide.
    """
    one, other = share_interval(a, pictures), share_interval(b, pictures)
    down, up = math.hypot(a - one.low, other.high - b), math.hypot(one.high - a, b - other.low)
    return Interval(a - b, a - b - down, a - b + up)


def numbers_in(network: nn.Module) -> int:
    """Return how many numbers a network is made of, as Keras counts: the batch norms' running statistics too."""
    statistics = [b for name, b in network.named_buffers() if name.split(".")[-1].startswith("running")]
    return sum(x.numel() for x in [*network.parameters(), *statistics])


def fewest(records: Sequence[Record]) -> int:
    """Return the smallest number of seeds of any of ``records``."""
    return min(len(record.runs) for record in records)
