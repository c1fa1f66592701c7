"""What trainings say together: of a chapter's own runs, of all recorded ones, and of the three ways to merge.

Axes: K classes, S seeds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from c2f import networks
from c2f.common.words import how_many
from c2f.datasets.registry import stand_in_note
from c2f.experiments.classification import published
from c2f.metrics.classification import class_scores
from c2f.metrics.statistics import Difference, Interval, describe, difference, seeds_interval, share_interval
from c2f.networks import Summary
from c2f.runs.folder import SHIPPED, records_of
from c2f.runs.record import Record, Run, statistic
from c2f.training.recipes import training_length

BOTH = "sum_concat"
"""The paper's third merge, the sum followed by a concatenation."""
MERGES = {"sum": "the sum", "concat": "the concatenation", BOTH: "both"}


def percent(values: Sequence[float]) -> str:
    """Return the mean of ``values`` in [0, 1], one a seed, in percent, with their sd and how many there are."""
    found = statistic(values).percent
    return f"{found:.2f} (n = {found.n})"


def runs_table(runs: Mapping[str, Sequence[Run]], sizes: Mapping[str, Summary]) -> pd.DataFrame:
    """Return accuracy (mean and sd over seeds), size and seconds of training, a row a network."""
    rows = [
        {
            "network": networks.title(name),
            "accuracy (%), mean ± sd": percent([run.values["test_accuracy"] for run in done]),
            "parameters": f"{sizes[name].parameters:,}",
            "multiply-adds (M)": f"{sizes[name].multiply_adds / 1e6:.2f}",
            "training (s)": f"{np.mean([run.values['train_seconds'] for run in done]):.0f}",
        }
        for name, done in runs.items()
    ]
    return pd.DataFrame(rows).set_index("network")


def class_table(runs: Mapping[str, Sequence[Run]], classes: Sequence[str]) -> pd.DataFrame:
    """Return precision, recall and F1 of each class in percent, over the confusions of all seeds, a row a class."""
    columns = {}
    for name, done in runs.items():
        score = class_scores(confusion(done))
        for what in ("precision", "recall", "F1"):
            columns[networks.title(name), f"{what} (%)"] = [f"{100 * x:.1f}" for x in getattr(score, what.lower())]
    return pd.DataFrame(columns, index=pd.Index(classes, name="class"))


def confusion(runs: Sequence[Run]) -> torch.Tensor:
    """Return the confusion matrix ``(K, K)`` of all ``runs`` together, in test pictures, rows true."""
    return torch.stack([torch.tensor(run.details["confusion"]) for run in runs]).sum(dim=0)


def recorded(folders: Sequence[Path | None] = (SHIPPED,)) -> list[Record]:
    """Return every recorded training of a classifier, each from the first of ``folders`` that has it: so runs at full
    length take the place of short ones in a later folder. In order of data and of the table of networks.

    Raises:
        c2f.runs.record.RecordError: a damaged record.
    """
    found: dict[str, Record] = {}
    for folder in folders:
        for record in records_of("training", folder):
            found.setdefault(record.name, record)
    order = networks.names("classifier").index
    return sorted(found.values(), key=lambda r: (r.parameters["data"], order(r.parameters["network"])))


def by_data(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return the records of each data set, by its name."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.parameters["data"], []).append(record)
    return found


def length(record: Record) -> str:
    """Say how long the networks of a record were trained: ``40 epochs``, or ``5 of 50 epochs (short)``."""
    about = record.parameters
    epochs = training_length(about["network"], about["data"], about["recipe"])
    return f"{epochs} (short)" if " of " in epochs else epochs


def accuracy(record: Record) -> tuple[Interval, str]:
    """Return the mean test accuracy of a record with its 95 % interval, in [0, 1], and what the interval is over: the
    seeds, or the test pictures where a spread over seeds is not known.
    """
    values = record.values("test_accuracy")
    over_seeds = seeds_interval(values)
    if not math.isnan(over_seeds.low):
        return over_seeds, how_many(len(values), "seed")
    pictures = record.runs[0].details["pictures"]["test"]
    return share_interval(over_seeds.value, pictures), f"{pictures:,} pictures"


def in_percent(found: Interval, spec: str = ".2f") -> str:
    """Return an interval of shares in percent."""
    return format(Interval(100 * found.value, 100 * found.low, 100 * found.high), spec)


def precision(record: Record) -> str:
    """Return the precision that a record's networks were trained in."""
    return " and ".join(sorted({run.details.get("precision", "float32") for run in record.runs}))


def recorded_table(records: Sequence[Record]) -> pd.DataFrame:
    """Return what is recorded, a row a network and data set, with the paper's accuracy where one is known."""
    rows = []
    for record in records:
        about = record.parameters
        found, over = accuracy(record)
        seconds = np.median([second for run in record.runs for second in run.details["history"]["seconds"]])
        rows.append(
            {
                "data": stand_in_note(about["data"]),
                "network": networks.title(about["network"]),
                "parameters": f"{about['trained_parameters']:,}",
                "trained for": length(record),
                "seeds": len(record.runs),
                "accuracy (%)": in_percent(found),
                "interval over": over,
                "paper (%)": published.accuracy(about["network"], about["data"]),
                "precision": precision(record),
                "seconds an epoch": f"{seconds:.1f}",
            }
        )
    return pd.DataFrame(rows).set_index(["data", "network"])


@dataclass(frozen=True)
class Twins:
    """Records of a top-down network and of its bottom-up twin on the same data, both trained in full.

    ``difference``: of their accuracies in [0, 1], top-down less bottom-up; None where one of them has a single run.
    """

    top_down: Record
    bottom_up: Record
    difference: Difference | None

    @property
    def titles(self) -> tuple[str, str]:
        """What the two are called, the top-down one first."""
        return networks.title(self.top_down.parameters["network"]), networks.title(self.bottom_up.parameters["network"])


def twins(records: Sequence[Record]) -> list[Twins]:
    """Return the pairs of networks among ``records``; those that were trained for a shorter time than their recipe says
    are left out.
    """
    full = {(r.parameters["data"], r.parameters["network"]): r for r in records if "short" not in length(r)}
    found = []
    for (data, network), ours in full.items():
        twin = full.get((data, networks.family_name(network)))
        if twin is not None and twin is not ours:
            several = min(len(ours.runs), len(twin.runs)) > 1
            gap = difference(ours.values("test_accuracy"), twin.values("test_accuracy")) if several else None
            found.append(Twins(ours, twin, gap))
    return found


def compared(records: Sequence[Record]) -> list[str]:
    """Say in a sentence each how the top-down networks of ``records`` compare with their twins (``twins``)."""
    lines = []
    for pair in twins(records):
        data, (ours, twin) = pair.top_down.parameters["data"], pair.titles
        if pair.difference is None:
            n = f"{len(pair.top_down.runs)} and {len(pair.bottom_up.runs)} runs"
            lines.append(f"On {data}, {ours} and {twin} have {n}: too few to compare.")
        else:
            lines.append(f"On {data}, {describe(pair.difference, ours, twin)}")
    return lines


@dataclass(frozen=True)
class Less:
    """How a merge compares with the paper's own, ``BOTH``: its accuracy less that of the same seeds, in [0, 1], with a
    95 % t interval over them; the ends NaN where no spread is known.
    """

    merge: str
    seeds: list[int]
    difference: Interval

    @property
    def finds(self) -> str:
        """Which of the two is the more accurate, as far as these seeds can tell."""
        gap = self.difference
        if math.isnan(gap.low) or gap.low <= 0 <= gap.high:
            return "cannot be told from both"
        return "better than both" if gap.value > 0 else "worse than both"


def compare_merges(records: Mapping[str, Record]) -> list[Less]:
    """Return every merge of ``records`` (merge -> trainings of one network on the same data) beside ``BOTH``, in pairs
    of equal seeds, which also hold out the same pictures; nothing without ``BOTH``.
    """
    found = []
    both = records.get(BOTH)
    for merge, record in records.items():
        seeds = [] if both is None or merge == BOTH else sorted(set(record.seeds) & set(both.seeds))
        if both is not None and seeds:
            each = [
                round(one.values["test_accuracy"] - other.values["test_accuracy"], 9)  # equal ones are equal
                for one, other in ((record.run(seed), both.run(seed)) for seed in seeds)
                if one is not None and other is not None
            ]
            found.append(Less(merge, seeds, seeds_interval(each)))
    return found


def merges_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return size and accuracy of each merge, and its paired difference from ``BOTH`` in points, a row a merge."""
    less = {one.merge: one for one in compare_merges(records)}
    rows = []
    for merge, record in records.items():
        found, over = accuracy(record)
        gap = less.get(merge)
        rows.append(
            {
                "merge": MERGES[merge],
                "parameters": f"{record.parameters['trained_parameters']:,}",
                "trained for": length(record),
                "seeds": len(record.runs),
                "accuracy (%)": in_percent(found),
                "interval over": over,
                "less both (points, 95 % over pairs of seeds)": ""
                if gap is None
                else in_percent(gap.difference, "+.2f"),
                "pairs": "" if gap is None else str(len(gap.seeds)),
                "precision": precision(record),
            }
        )
    return pd.DataFrame(rows).set_index("merge")


def merges_verdict(records: Mapping[str, Record]) -> str:
    """Say whether the paper's merge is better than the two that it is made of, as far as recorded.

    That holds where both are worse, does not where one is better and none is worse, and is in part where one is worse.
    An empty text where nothing can be compared.
    """
    found = compare_merges(records)
    if not found:
        return ""
    finds = [one.finds for one in found]
    if finds.count("worse than both") == len(MERGES) - 1:
        begin = "holds"
    elif "worse than both" in finds:
        begin = "holds in part"
    else:
        begin = "does not hold" if "better than both" in finds else "cannot be told"
    about = records[BOTH].parameters
    parts = [
        f"{MERGES[one.merge]} alone {'is ' * ('than' in one.finds)}{one.finds}: "
        f"{in_percent(one.difference, '+.2f')} points over {how_many(len(one.seeds), 'pair')} of seeds"
        for one in found
    ]
    where = f"{networks.title(about['network'])} on {about['data']}, {length(records[BOTH])}"
    return f"That both together are best **{begin}** for {where}: {'; '.join(parts)}."
