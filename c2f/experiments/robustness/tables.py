"""What the recorded attacks say together: beside the published numbers, and one protocol beside the other.

Axes: N pictures.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from c2f import attacks, networks
from c2f.attacks.gradient import EpsilonCurve
from c2f.common.words import how_many
from c2f.experiments.robustness import records as attack_records
from c2f.metrics.robustness import Results, median_l2, medians_l2, success_rate
from c2f.metrics.statistics import Interval, interval
from c2f.runs.folder import SHIPPED, records_of
from c2f.runs.record import Record
from c2f.training.recipes import training_length

# (data, network, attack) -> the results picture by picture, one entry a seed
Recorded = dict[tuple[str, str, str], list[Results]]


def recorded(protocol: str = "minimal", output: Path | None = None) -> Recorded:
    """Return every recorded attack of ``protocol`` in ``output``, or of those that come with the book.

    They are keyed by (data, network, attack), the network a classifier by name; an entry holds the results picture by
    picture, one a seed. Where an attack is recorded both on a subset and on the whole test set, the whole test set
    counts. The order is that of data set, of the table of networks, and of the paper's attacks.

    Raises:
        ValueError: an unknown protocol.
        c2f.runs.record.RecordError: a record or its results are missing or damaged.
    """
    return {key: _results_of(record, output) for key, record in _records(protocol, output).items()}


def _records(protocol: str, output: Path | None) -> dict[tuple[str, str, str], Record]:
    """Return the records behind ``recorded``."""
    attacks.build(attacks.names()[0], protocol)  # refuses an unknown protocol
    found: dict[tuple[str, str, str], Record] = {}
    order = (networks.names("classifier"), attacks.names())
    for record in records_of("attack", output):
        about = record.parameters
        key = (about["data"], about["network"], about["attack"])
        if about["protocol"] != protocol or about["network"] not in order[0]:
            continue
        if key not in found or about["pictures"] > found[key].parameters["pictures"]:
            found[key] = record
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
    trained, as ``training_length`` says it. ``records``: (network, attack) -> the record of these runs.
    """

    data: str
    family: str
    protocol: str
    runs: dict[tuple[str, str], list[Results]]
    epochs: dict[str, str]
    records: dict[tuple[str, str], Record] = field(default_factory=dict)

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
        return f"{family_title(self.family)} on {self.data}"

    @property
    def about(self) -> str:
        """Pictures, protocol, and of each network the seeds and how long it was trained."""
        pictures = sorted({len(runs[0]) for runs in self.runs.values()})
        each = []
        for name in self.networks:
            seeds = max(len(runs) for (network, _), runs in self.runs.items() if network == name)
            each.append(f"{variant(name)} {how_many(seeds, 'seed')}, {self.epochs[name]}")
        return f"{' or '.join(f'{n:,}' for n in pictures)} pictures, protocol {self.protocol}; {'; '.join(each)}"

    def records_of(self, attack: str, *names: str) -> tuple[Record, ...]:
        """Return the records of ``attack`` on the networks ``names``, as far as there are any."""
        return tuple(self.records[name, attack] for name in names if (name, attack) in self.records)

    def medians(self, resamples: int = 300) -> dict[tuple[str, str], Interval]:
        """Return the median L2 of each (network, attack), with its 95 % interval over seeds and pictures; over pictures
        where there is one seed.
        """
        found = {key: [run.distances for run in runs] for key, runs in self.runs.items()}
        return {key: interval(runs, medians_l2, resamples, at_once=True) for key, runs in found.items()}


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
                task.records[network, attack] = record
                task.epochs[network] = training_length(network, data, record.parameters["recipe"])
    return sorted(found.values(), key=lambda task: (task.data, networks.names("classifier").index(task.family)))


def attacks_table(task: Task) -> pd.DataFrame:
    """Return, a row an attack, how many of the pictures that were right at first each network loses, in percent, and
    its median L2 over all pictures; the head of a network says how many were right. Several seeds: the means.
    """
    columns: dict[tuple[str, str], dict[str, str]] = {}
    medians = task.medians()
    for name in task.networks:
        here = {attack: task.runs[name, attack] for attack in task.attacks if (name, attack) in task.runs}
        right = sorted({int(run.correct.sum()) for runs in here.values() for run in runs})
        total = len(next(iter(here.values()))[0])
        range_of = " to ".join(f"{n:,}" for n in dict.fromkeys((right[0], right[-1])))
        head = f"{networks.title(name)}: {range_of} of {total:,} right"
        turned = {attacks.title(attack): np.mean([success_rate(run) for run in runs]) for attack, runs in here.items()}
        columns[head, "of these turned (%)"] = {title: f"{share:.0f}" for title, share in turned.items()}
        columns[head, "median L2"] = {attacks.title(attack): f"{medians[name, attack]:.2f}" for attack in here}
    return pd.DataFrame(columns).rename_axis("attack").fillna("not attacked")


def medians_in_words(found: Sequence[Task]) -> str:
    """Say task by task under how many attacks the median L2 of the top-down network is the larger one."""
    lines = []
    for task in found:
        more, pairs = larger_medians([task])
        if pairs:
            lines.append(f"{task.title}: the top-down network's median distance is the larger in {more} of {pairs}")
    return "; ".join(lines) or "No pair of a bottom-up and a top-down network is there to be compared"


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


def family_title(name: str) -> str:
    """Return what a family is called, e.g. ``LeNetFC``."""
    return networks.title(name).removesuffix(" bottom-up")


@dataclass(frozen=True)
class ProtocolGap:
    """The median L2 of one network under one attack, by the minimal search and by the paper's; mean over the seeds that
    both have, ``seeds`` of them.
    """

    data: str
    network: str
    attack: str
    minimal: float
    paper: float
    seeds: int = 1

    @property
    def ratio(self) -> float:
        """How many times further the paper's search had to go; NaN where one leaves the median picture standing."""
        both = math.isfinite(self.minimal) and math.isfinite(self.paper) and self.minimal > 0
        return self.paper / self.minimal if both else math.nan


def protocol_gaps(minimal: Recorded, paper: Recorded) -> list[ProtocolGap]:
    """Return the median L2 of both protocols for what is recorded in both, in the order of ``minimal``. Runs are paired
    in their order, as many as both have: another seed would be another network.
    """
    found = []
    for key, runs in minimal.items():
        if seeds := min(len(runs), len(paper.get(key, []))):
            ours, theirs = (float(np.mean([median_l2(run) for run in one[:seeds]])) for one in (runs, paper[key]))
            found.append(ProtocolGap(*key, ours, theirs, seeds))
    return found


def gaps_table(gaps: Sequence[ProtocolGap]) -> pd.DataFrame:
    """Return the medians of both protocols, a row an attack, a column a network."""
    cells = pd.DataFrame(
        [
            (
                attacks.title(g.attack),
                f"{networks.title(g.network)}, {g.data}, {how_many(g.seeds, 'seed')}",
                f"{g.minimal:.2f} / {g.paper:.2f}",
            )
            for g in gaps
        ],
        columns=["attack", "network", "minimal / paper"],
    )
    table = cells.pivot(index="attack", columns="network", values="minimal / paper").replace("inf", "∞", regex=True)
    order = [title for title in map(attacks.title, attacks.names()) if title in table.index]
    return table.loc[order].fillna("not recorded")


def gradients_in_words(curves: Mapping[tuple[str, str], EpsilonCurve], task: Task) -> str:
    """Say network by network how far the best gradient attack in L2 has to go until half of the pictures are wrong, and
    how far the best attack of ``task``, which saw the same pictures.

    ``curves``: (attack, network) -> what is left at each size.
    """
    medians = task.medians(resamples=1)
    lines = []
    for name in task.networks:
        l2 = [c for (_, network), c in curves.items() if network == name and c.norm == "l2"]
        half = [next((e for e, left in zip(c.epsilons, c.accuracy, strict=True) if left <= 0.5), math.inf) for c in l2]
        blind = min((medians[key].value, attacks.title(key[1])) for key in medians if key[0] == name)
        if half and math.isfinite(near := min(half)) and math.isfinite(blind[0]):
            pictures = len(task.runs[name, task.attacks[0]][0])
            lines.append(
                f"half of {pictures:,} pictures are wrong for {networks.title(name)} within L2 {near:.2g} by gradient, "
                f"{blind[0]:.2f} by the nearest other attack ({blind[1]})"
            )
    return "; ".join(lines) or "no gradient attack in L2 of these sizes turned half of the pictures"


FURTHER = 1.1
"""A search whose median is so many times another's goes clearly further."""


def gaps_in_words(gaps: Sequence[ProtocolGap]) -> str:
    """Say under which attacks the published search goes further than it has to, how many times, and under how many not;
    mean of the ratio over what is recorded.
    """
    ratios: dict[str, list[float]] = {}
    for gap in gaps:
        if not math.isnan(gap.ratio):
            ratios.setdefault(attacks.title(gap.attack), []).append(gap.ratio)
    mean = {attack: float(np.mean(several)) for attack, several in ratios.items()}
    further = sorted(((ratio, attack) for attack, ratio in mean.items() if ratio > FURTHER), reverse=True)
    if not mean:
        return "No attack is recorded by both protocols"
    worst = ", ".join(f"{attack} ({ratio:.1f} times)" for ratio, attack in further) or "none of the attacks"
    return (
        f"The published search ends further out than the minimal one, by more than {100 * (FURTHER - 1):.0f} % of the "
        f"median L2, under {worst}; under the other {len(mean) - len(further)} of {len(mean)} it does not"
    )
