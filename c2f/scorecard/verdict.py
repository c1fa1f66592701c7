"""Findings, the rules that they are judged by, and the verdict on a claim.

A claim is answered by findings: numbers with an interval, each about one pair of networks, data set or attack. A rule
judges one finding; the verdict counts the judgements. What is not known is never taken for a yes: an interval that
holds the bound decides nothing, and too few seeds do not reproduce a claim.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from c2f.common.words import how_many
from c2f.metrics.statistics import Interval
from c2f.runs.record import Record

FOR, AGAINST, OPEN = "for", "against", "cannot be told"
"""What a rule says of a finding."""

REPRODUCED, PARTLY, NOT, UNDECIDED, NOT_TRIED = "reproduced", "partly", "not", "cannot be told", "not tried"
"""The verdicts on a claim."""


def pointlike(value: float) -> Interval:
    """Return a number without an interval: it was counted, or no spread of it is known."""
    return Interval(value, math.nan, math.nan)


class Rule(Protocol):
    """Says of a finding's interval whether it speaks for the claim."""

    def judge(self, found: Interval) -> str:
        """Return ``FOR``, ``AGAINST`` or ``OPEN``."""

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Above:
    """The whole interval is above ``bound``; whole below, it speaks against."""

    bound: float = 0.0

    def judge(self, found: Interval) -> str:
        """See ``Rule``; an interval whose ends are not known decides nothing."""
        return FOR if found.low > self.bound else AGAINST if found.high < self.bound else OPEN

    def __str__(self) -> str:
        return f"above {self.bound:g}"


@dataclass(frozen=True)
class Below:
    """The whole interval is below ``bound``; whole above, it speaks against."""

    bound: float = 0.0

    def judge(self, found: Interval) -> str:
        """See ``Rule``."""
        return FOR if found.high < self.bound else AGAINST if found.low > self.bound else OPEN

    def __str__(self) -> str:
        return f"below {self.bound:g}"


@dataclass(frozen=True)
class Near:
    """The whole interval is within ``tolerance`` of ``centre``; where none of it is, it speaks against."""

    centre: float
    tolerance: float

    def judge(self, found: Interval) -> str:
        """See ``Rule``."""
        low, high = self.centre - self.tolerance, self.centre + self.tolerance
        if low <= found.low and found.high <= high:
            return FOR
        return AGAINST if found.high < low or found.low > high else OPEN

    def __str__(self) -> str:
        return f"within {self.tolerance:g} of {self.centre:g}"


@dataclass(frozen=True)
class Equal:
    """The number is ``value``, give or take ``within``: for what is counted and has no interval."""

    value: float
    within: float = 0.0

    def judge(self, found: Interval) -> str:
        """See ``Rule``."""
        return FOR if abs(found.value - self.value) <= self.within else AGAINST

    def __str__(self) -> str:
        return f"{self.value:,g}" + (f", give or take {self.within:g}" if self.within else ", to the last digit")


@dataclass(frozen=True)
class Finding:
    """A number that answers a claim or a part of it.

    Attributes:
        what: was compared, e.g. ``top-down less bottom-up, LeNetFC on mnist``.
        found: the number with its 95 % interval; ends that are NaN where it was counted, or no spread is known.
        spec: how it is written, e.g. ``+.1f``.
        unit: e.g. ``points``; empty for a pure number.
        over: what the interval is over, e.g. ``4 and 4 seeds``.
        seeds: the fewest of any network in it; None where nothing was trained.
        about: training length, protocol, pictures, precision.
        records: that it was made from.
        rule: its own, in the place of the claim's.
    """

    what: str
    found: Interval
    spec: str = ".2f"
    unit: str = ""
    over: str = ""
    seeds: int | None = None
    about: str = ""
    records: tuple[Record, ...] = ()
    rule: Rule | None = None

    @property
    def number(self) -> str:
        """The number as it is written, with its interval and unit."""
        return f"{self.found:{self.spec}} {self.unit}".rstrip()

    @property
    def where(self) -> str:
        """The devices and commits of the runs that it was made from."""
        about = [run.environment for record in self.records for run in record.runs]
        commits = {(one.get("commit") or "no commit")[:9] for one in about}
        return "; ".join([*sorted({one["device"] for one in about}), *sorted(commits)])


@dataclass(frozen=True)
class Verdict:
    """The ``word`` on a claim, how many findings are ``FOR``, ``AGAINST`` and ``OPEN``, and why it is not more."""

    word: str
    counts: dict[str, int]
    why: str = ""

    def __str__(self) -> str:
        return self.word + (f" ({self.why})" if self.why else "")


def judge(findings: Sequence[Finding], rule: Rule, least: int = 2) -> Verdict:
    """Return the verdict on a claim.

    All findings for it: reproduced. None for it and some against: not. None either way: it cannot be told. All else is
    partly so. Where what speaks for it rests on fewer seeds than ``least``, it is partly so at best.
    """
    if not findings:
        return Verdict(NOT_TRIED, {})
    said = [(one.rule or rule).judge(one.found) for one in findings]
    counts = {word: said.count(word) for word in (FOR, AGAINST, OPEN)}
    if not counts[FOR]:
        return Verdict(NOT if counts[AGAINST] else UNDECIDED, counts)
    if counts[FOR] < len(said):
        return Verdict(PARTLY, counts)
    fewest = min((one.seeds for one in findings if one.seeds is not None), default=least)
    if fewest < least:
        return Verdict(PARTLY, counts, f"all for it, but of {how_many(fewest, 'seed')}; {least} are asked for")
    return Verdict(REPRODUCED, counts)
