"""What the recorded attacks say together: beside the published numbers, and one protocol beside the other.

Axes: N pictures.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from c2f import attacks, networks
from c2f.datasets.registry import STANDS_FOR, stand_in_note
from c2f.experiments.robustness import records as attack_records
from c2f.experiments.robustness.published import L2_AT_50, L2_TOLERANCE, POINTS_LOST, POINTS_TOLERANCE, Pair
from c2f.metrics.robustness import Distances, Results, l2_at_loss, median_l2, points_lost
from c2f.metrics.statistics import Interval, interval, paired_difference
from c2f.runs.folder import SHIPPED, records_of
from c2f.runs.record import Record
from c2f.training.recipes import training_length

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
    return {key: _results_of(record, output) for key, record in _records(protocol, output).items()}


def _records(protocol: str, output: Path | None) -> dict[tuple[str, str, str], Record]:
    """Return the records behind ``recorded``."""
    attacks.build(attacks.names()[0], protocol)  # refuses an unknown protocol
    found: dict[tuple[str, str, str], Record] = {}
    for record in records_of("attack", output):
        about = record.parameters
        key = (about["data"], about["network"], about["attack"])
        if about["protocol"] == protocol and (
            key not in found or about["pictures"] > found[key].parameters["pictures"]
        ):
            found[key] = record
    order = (networks.names("classifier"), attacks.names())
    keys = sorted(found, key=lambda key: (key[0], order[0].index(key[1]), order[1].index(key[2])))
    return {key: found[key] for key in keys}


def _results_of(record: Record, output: Path | None) -> list[Results]:
    about = record.parameters
    what = about["network"], about["data"], about["attack"], about["protocol"]
    whole = record.name == attack_records.attack_name(*what, whole_test_set=True)
    return [attack_records.results(*what, seed, output, whole) for seed in record.seeds]


@dataclass(frozen=True)
class Task:
    """What is recorded, by one protocol, of the attacks on a family of networks that were trained on one data set.

    ``runs``: (network, attack) -> results picture by picture, one entry a seed. ``epochs``: network -> how long it was
    trained, as ``training_length`` says it.
    """

    data: str
    family: str
    protocol: str
    runs: dict[tuple[str, str], list[Results]]
    epochs: dict[str, str]

    @property
    def networks(self) -> list[str]:
        """In the order of the table of networks."""
        return [name for name in networks.names("classifier") if name in self.epochs]

    @property
    def attacks(self) -> list[str]:
        """Of any of the networks, in the paper's order."""
        return [name for name in attacks.names() if any((network, name) in self.runs for network in self.epochs)]

    @property
    def title(self) -> str:
        """The family and the data."""
        return f"{_family(self.family)} on {self.data}"

    @property
    def about(self) -> str:
        """Pictures, protocol, and of each network the seeds and how long it was trained."""
        pictures = sorted({len(runs[0]) for runs in self.runs.values()})
        each = []
        for name in self.networks:
            seeds = max(len(runs) for (network, _), runs in self.runs.items() if network == name)
            each.append(f"{variant(name)} {seeds} seed{'s' * (seeds > 1)}, {self.epochs[name]}")
        return f"{' or '.join(f'{n:,}' for n in pictures)} pictures, protocol {self.protocol}; {'; '.join(each)}"

    def medians(self, resamples: int = 300) -> dict[tuple[str, str], Interval]:
        """Return the median L2 of each (network, attack), with its 95 % interval over seeds and pictures; over pictures
        where there is one seed.
        """
        found = {key: [run.distances for run in runs] for key, runs in self.runs.items()}
        return {key: interval(runs, median_l2, resamples) for key, runs in found.items()}


def variant(network: str) -> str:
    """Return which variant of its family a network is: ``bottom-up``, ``top-down``, ``uniform`` or ``reversed``."""
    return networks.title(network).split()[-1]


def tasks(protocol: str = "minimal", folders: Sequence[Path | None] = (SHIPPED,)) -> list[Task]:
    """Return every recorded task, from the first of ``folders`` that has one of its attacks: so runs at full length
    take the place of short ones in a later folder, and the two are never laid side by side.

    Raises:
        ValueError: an unknown protocol.
        c2f.runs.record.RecordError: a record or its results are missing or damaged.
    """
    found: dict[tuple[str, str], Task] = {}
    for folder in folders:
        earlier = set(found)
        for (data, network, attack), record in _records(protocol, folder).items():
            key = (data, networks.family_name(network))
            if key not in earlier:
                task = found.setdefault(key, Task(*key, protocol, {}, {}))
                task.runs[network, attack] = _results_of(record, folder)
                task.epochs[network] = training_length(network, data, record.parameters["recipe"])
    return sorted(found.values(), key=lambda task: (task.data, networks.names("classifier").index(task.family)))


def larger_medians(found: Sequence[Task]) -> tuple[int, int]:
    """Return in how many pairs of a bottom-up and a top-down network under one attack the median L2 of the top-down one
    is larger (mean over the seeds), and how many pairs there are.
    """
    far = {
        (task.data, *key): float(np.mean([median_l2(run) for run in runs]))
        for task in found
        for key, runs in task.runs.items()
    }
    pairs = [
        (l2, far[data, f"{name}_td", attack])
        for (data, name, attack), l2 in far.items()
        if (data, f"{name}_td", attack) in far
    ]
    return sum(top_down > bottom_up for bottom_up, top_down in pairs), len(pairs)


@dataclass(frozen=True)
class Quantity:
    """A number that the paper gives: what it is called, how it is measured, how far a published one may be off.

    ``higher_is_robust``: whether more of it means a network that is harder to fool.
    """

    title: str
    measure: Callable[[Results | Distances], float | None]
    tolerance: float
    higher_is_robust: bool

    def more_robust(self, gap: float) -> bool:
        """Whether the network that has ``gap`` more of it than another is the harder to fool."""
        return (gap > 0) == self.higher_is_robust

    def gap(self, a: Sequence[Results], b: Sequence[Results], resamples: int = 1000) -> Interval:
        """Return what the runs ``a`` have more of it than ``b``, on the same pictures, with its 95 % interval."""
        both = [run.distances for run in a], [run.distances for run in b]
        return paired_difference(*both, _bounded(self.measure, [*both[0], *both[1]]), resamples)


AT_50 = Quantity("L2 at 50 points lost", l2_at_loss, L2_TOLERANCE, higher_is_robust=True)
LOST = Quantity("points lost in the end", points_lost, POINTS_TOLERANCE, higher_is_robust=False)
PUBLISHED = {AT_50: L2_AT_50, LOST: POINTS_LOST}
"""Quantity -> (data, family, attack) -> the paper's pair."""


def quantity_of(attack: str) -> Quantity:
    """Return the number that the paper gives of an attack."""
    return LOST if any(name == attack for _, _, name in POINTS_LOST) else AT_50


@dataclass(frozen=True)
class Beside:
    """A published pair beside ours, each of ours with its 95 % interval; infinite where it was never reached.

    ``data``: ours, which may stand for the paper's, see ``c2f.datasets.registry``. ``difference``: top-down less
    bottom-up, on the same pictures, with its 95 % interval. ``pictures``, ``seeds``: of ours, the seeds of either
    network.
    """

    data: str
    family: str
    attack: str
    quantity: Quantity
    published: Pair
    bottom_up: Interval
    top_down: Interval
    difference: Interval
    protocol: str = "paper"
    pictures: int = 0
    seeds: tuple[int, int] = (0, 0)

    @property
    def data_noted(self) -> str:
        """The data, with a note where the published pair is of others."""
        return stand_in_note(self.data)

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
        return "top-down" if self.quantity.more_robust(gap) else "bottom-up"


def beside_published(found: Recorded, protocol: str = "paper", resamples: int = 1000) -> list[Beside]:
    """Return the published numbers for which ``found``, of ``protocol``, holds both the bottom-up and the top-down
    network. ``resamples``: of their intervals.
    """
    rows = []
    for quantity, table in PUBLISHED.items():
        for (theirs, family, attack), pair in table.items():
            for data in (theirs, *(ours for ours, stands_for in STANDS_FOR.items() if stands_for == theirs)):
                ours = [found.get((data, network, attack)) for network in (family, f"{family}_td")]
                if ours[0] and ours[1]:
                    each = ([run.distances for run in runs] for runs in (ours[0], ours[1]))
                    a, b = (interval(runs, quantity.measure, resamples) for runs in each)
                    gap, seeds = quantity.gap(ours[1], ours[0], resamples), (len(ours[0]), len(ours[1]))
                    rows.append(
                        Beside(data, family, attack, quantity, pair, a, b, gap, protocol, len(ours[0][0]), seeds)
                    )
    return rows


def beside_tasks(found: Sequence[Task], resamples: int = 1000) -> list[Beside]:
    """Return ``beside_published`` of all ``found``; where a pair is there by both protocols, by that of the paper."""
    rows: dict[tuple[str, str, str], Beside] = {}
    for task in sorted(found, key=lambda task: task.protocol != "paper"):
        here = {(task.data, *key): runs for key, runs in task.runs.items()}
        for row in beside_published(here, task.protocol, resamples):
            rows.setdefault((row.data, row.family, row.attack), row)
    return list(rows.values())


def published_table(rows: Sequence[Beside]) -> pd.DataFrame:
    """Return the published pairs beside ours, a row an attack."""
    columns = ["networks and data", "quantity", "attack", "paper: bottom-up / top-down", "our bottom-up"]
    columns += ["our top-down", "top-down less bottom-up", "harder to fool: paper", "ours"]
    columns += ["ours: protocol, pictures, seeds"]
    lines = [
        (
            *(f"{_family(row.family)} on {row.data_noted}", row.quantity.title, attacks.title(row.attack)),
            f"{row.published.bottom_up:g} / {row.published.top_down:g}",
            *(f"{row.bottom_up:.2f}", f"{row.top_down:.2f}", f"{row.difference:+.2f}", row.paper_says, row.we_find),
            f"{row.protocol}, {row.pictures:,}, {' / '.join(map(str, row.seeds))}",
        )
        for row in rows
    ]
    return pd.DataFrame(lines, columns=columns).set_index(columns[:3]).sort_index()


def counted_table(rows: Sequence[Beside]) -> pd.DataFrame:
    """Return how many of the paper's pairs have ours beside them and who is harder to fool there, a row a task of the
    paper, the last row all of them.
    """
    columns = ["recorded", "top-down harder to fool", "bottom-up harder", "cannot be told", "the paper agrees"]
    columns += ["the paper says the opposite"]
    theirs: dict[tuple[str, str], int] = {}
    for data, family, _ in [key for table in PUBLISHED.values() for key in table]:
        theirs[data, family] = theirs.get((data, family), 0) + 1
    lines, every = {}, []
    for (data, family), pairs in theirs.items():
        # Pictures that stand for the paper's take their place only where there are none of the paper's own.
        here = [row for row in rows if row.family == family and data in (row.data, STANDS_FOR.get(row.data))]
        here = [row for row in here if row.data == data] or here
        lines[f"{_family(family)} on {data}"] = _counts(here, pairs)
        every += here
    lines["all"] = _counts(every, sum(theirs.values()))
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns).rename_axis("networks")


def _counts(rows: Sequence[Beside], pairs: int) -> list[str | int]:
    better = [sum(row.we_find == who for row in rows) for who in ("top-down", "bottom-up", "alike")]
    against = sum({row.paper_says, row.we_find} == {"top-down", "bottom-up"} for row in rows)
    return [f"{len(rows)} of {pairs}", *better, sum(row.paper_says == row.we_find for row in rows), against]


def published_verdicts(rows: Sequence[Beside]) -> list[str]:
    """Say in a sentence a data set which network is harder to fool, in how many attacks, and if the paper agrees."""
    lines = []
    for data in sorted({row.data for row in rows}):
        here = [row for row in rows if row.data == data]
        same = sum(row.paper_says == row.we_find for row in here)
        against = [
            attacks.title(row.attack) for row in here if {row.paper_says, row.we_find} == {"top-down", "bottom-up"}
        ]
        better = {who: sum(row.we_find == who for row in here) for who in ("top-down", "bottom-up", "alike")}
        lines.append(
            f"{data}: of {len(here)} attacks the top-down network is harder to fool in {better['top-down']}, the "
            f"bottom-up one in {better['bottom-up']}; {better['alike']} cannot be told apart. In {same} the paper says "
            f"the same; the opposite in: {', '.join(against) or 'none'}."
        )
    return lines


def _family(name: str) -> str:
    return networks.title(name).removesuffix(" bottom-up")


def _bounded(
    measure: Callable[[Results | Distances], float | None], runs: Sequence[Results | Distances]
) -> Callable[[Results | Distances], float]:
    """Return ``measure`` with "never" counted as the farthest that any of ``runs`` went: a distance that is at least as
    large, so that two of them can be compared.
    """
    farthest = max(float(run.l2[np.isfinite(run.l2)].max(initial=0)) for run in runs)

    def bounded(run: Results | Distances) -> float:
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


def gaps_table(gaps: Sequence[ProtocolGap]) -> pd.DataFrame:
    """Return the medians of both protocols, a row an attack, a column a network."""
    cells = pd.DataFrame(
        [
            (attacks.title(g.attack), f"{networks.title(g.network)}, {g.data}", f"{g.minimal:.2f} / {g.paper:.2f}")
            for g in gaps
        ],
        columns=["attack", "network", "minimal / paper"],
    )
    table = cells.pivot(index="attack", columns="network", values="minimal / paper").replace("inf", "∞", regex=True)
    return table.loc[[title for title in map(attacks.title, attacks.names()) if title in table.index]]
