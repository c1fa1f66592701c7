"""What the recorded attacks say together: beside the published numbers, and one protocol beside the other.

Axes: N pictures.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from c2f import attacks, networks
from c2f.experiments.robustness import records as attack_records
from c2f.experiments.robustness.published import L2_AT_50, L2_TOLERANCE, POINTS_LOST, POINTS_TOLERANCE, STANDS_FOR, Pair
from c2f.metrics.robustness import Results, l2_at_loss, median_l2, points_lost
from c2f.metrics.statistics import Interval, interval, paired_difference
from c2f.runs.folder import records_of

# (data, network, attack) -> the results picture by picture, one entry a seed
Recorded = dict[tuple[str, str, str], list[Results]]


def recorded(protocol: str = "minimal", output: Path | None = None) -> Recorded:
    """Return every recorded attack of ``protocol`` in ``output``, or of those that come with the book.

    They are keyed by (data, network, attack); an entry holds the results picture by picture, one a seed. Where an
    attack is recorded both on a subset and on the whole test set, the whole test set counts. The order is that of data
    set, of the table of networks, and of the paper's attacks.

    Raises:
        ValueError: an unknown protocol.
        c2f.runs.record.RecordError: a record or its results are missing or damaged.
    """
    attacks.build(attacks.names()[0], protocol)  # refuses an unknown protocol
    found: dict[tuple[str, str, str], tuple[int, list[Results]]] = {}
    for record in records_of("attack", output):
        about = record.parameters
        if about["protocol"] != protocol:
            continue
        key = (about["data"], about["network"], about["attack"])
        if key not in found or about["pictures"] > found[key][0]:
            whole_test_set = record.name == attack_records.attack_name(
                key[1], key[0], key[2], protocol, whole_test_set=True
            )
            runs = [
                attack_records.results(key[1], key[0], key[2], protocol, s, output, whole_test_set)
                for s in record.seeds
            ]
            found[key] = (about["pictures"], runs)
    order = (networks.names("classifier"), attacks.names())
    keys = sorted(found, key=lambda key: (key[0], order[0].index(key[1]), order[1].index(key[2])))
    return {key: found[key][1] for key in keys}


@dataclass(frozen=True)
class Quantity:
    """A number that the paper gives: what it is called, how it is measured, how far a published one may be off.

    ``higher_is_robust``: whether more of it means a network that is harder to fool.
    """

    title: str
    measure: Callable[[Results], float | None]
    tolerance: float
    higher_is_robust: bool


AT_50 = Quantity("L2 at 50 points lost", l2_at_loss, L2_TOLERANCE, higher_is_robust=True)
LOST = Quantity("points lost in the end", points_lost, POINTS_TOLERANCE, higher_is_robust=False)


@dataclass(frozen=True)
class Beside:
    """A published pair beside ours, each of ours with its 95 % interval; infinite where it was never reached.

    ``data``: ours, which may stand for the paper's (``STANDS_FOR``). ``difference``: top-down less bottom-up, on the
    same pictures, with its 95 % interval.
    """

    data: str
    family: str
    attack: str
    quantity: Quantity
    published: Pair
    bottom_up: Interval
    top_down: Interval
    difference: Interval

    @property
    def data_noted(self) -> str:
        """The data, with a note where the published pair is of others."""
        theirs = STANDS_FOR.get(self.data)
        return self.data if theirs is None else f"{self.data} (the paper: {theirs}, not from JPEG files)"

    @property
    def paper_says(self) -> str:
        """Which network the published pair calls harder to fool, ``top-down``, ``bottom-up`` or ``alike``.

        Both numbers of a pair may be off by the tolerance, so a difference may be off by twice as much.
        """
        gap = self.published.top_down - self.published.bottom_up
        return "alike" if abs(gap) <= 2 * self.quantity.tolerance + 1e-9 else self._robuster(gap)

    @property
    def we_find(self) -> str:
        """Which network ours calls harder to fool, ``alike`` where the interval of the difference holds 0."""
        gap = self.difference
        return "alike" if gap.low <= 0 <= gap.high else self._robuster(gap.value)

    def _robuster(self, gap: float) -> str:
        return "top-down" if (gap > 0) == self.quantity.higher_is_robust else "bottom-up"


def beside_published(found: Recorded) -> list[Beside]:
    """Return the published numbers for which ``found`` holds both the bottom-up and the top-down network."""
    rows = []
    for table, quantity in ((L2_AT_50, AT_50), (POINTS_LOST, LOST)):
        for (published, family, attack), pair in table.items():
            for data in (published, *(ours for ours, theirs in STANDS_FOR.items() if theirs == published)):
                ours = [found.get((data, network, attack)) for network in (family, f"{family}_td")]
                if ours[0] and ours[1]:
                    a, b = (interval(runs, quantity.measure) for runs in (ours[0], ours[1]))
                    gap = paired_difference(ours[1], ours[0], _bounded(quantity.measure, [*ours[0], *ours[1]]))
                    rows.append(Beside(data, family, attack, quantity, pair, a, b, gap))
    return rows


def _bounded(measure: Callable[[Results], float | None], runs: list[Results]) -> Callable[[Results], float]:
    """Return ``measure`` with "never" counted as the farthest that any of ``runs`` went: a distance that is at least as
    large, so that two of them can be compared.
    """
    farthest = max(float(run.l2[np.isfinite(run.l2)].max(initial=0)) for run in runs)

    def bounded(run: Results) -> float:
        value = measure(run)
        return farthest if value is None else value

    return bounded


@dataclass(frozen=True)
class ProtocolGap:
    """The median L2 of one network under one attack, by the minimal search and by the paper's; mean over seeds."""

    data: str
    network: str
    attack: str
    minimal: float
    paper: float

    @property
    def ratio(self) -> float:
        """How many times further the paper's search had to go; NaN where one leaves the median picture standing."""
        both = math.isfinite(self.minimal) and math.isfinite(self.paper) and self.minimal > 0
        return self.paper / self.minimal if both else math.nan


def protocol_gaps(minimal: Recorded, paper: Recorded) -> list[ProtocolGap]:
    """Return the median L2 of both protocols for what is recorded in both, in the order of ``minimal``."""

    def mean(runs: list[Results]) -> float:
        return sum(median_l2(run) for run in runs) / len(runs)

    return [ProtocolGap(*key, mean(minimal[key]), mean(paper[key])) for key in minimal if key in paper]


@dataclass(frozen=True)
class Ablation:
    """A recorded ablation of the scales: for each combination that saw the perturbed pictures, the accuracy in [0, 1],
    one a seed."""

    data: str
    network: str
    attack: str
    accuracy: dict[str, list[float]]


def ablations(protocol: str = "minimal", output: Path | None = None) -> list[Ablation]:
    """Return the recorded ablations of ``protocol``, in the order of ``recorded``."""
    found = []
    for record in records_of("ablation", output):
        about = record.parameters
        if about["protocol"] == protocol:
            accuracy = {c: record.values(f"accuracy {c}") for c in record.runs[0].details["combinations"]}
            found.append(Ablation(about["data"], about["network"], about["attack"], accuracy))
    order = attacks.names()
    return sorted(found, key=lambda a: (a.data, a.network, order.index(a.attack)))
