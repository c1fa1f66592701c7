"""What the recorded attacks on Multi-Glimpse Networks say, beside their baselines.

Axes: S seeds, E strengths, T glimpses, N pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd
from torch import Tensor

from c2f.common.words import how_many_each
from c2f.experiments.glimpses.pgd import PUBLISHED_EPSILON, RobustAccuracy
from c2f.experiments.glimpses.pgd_run import pgd_name, strength_text
from c2f.metrics.statistics import Interval, difference, seeds_interval
from c2f.networks.glimpse.names import GLIMPSE_KINDS as KINDS
from c2f.runs.folder import record_path
from c2f.runs.record import Record, read


def recorded(data: str, output: Path | None = None, backbone: str = "small_cnn") -> dict[str, Record]:
    """Return by kind of network what is recorded of attacks on ``data``, in ``output`` or of the book's runs.

    Raises:
        RecordError: a damaged record.
    """
    paths = {kind: record_path(output, pgd_name(f"{kind}_{backbone}", data)) for kind in KINDS}
    return {kind: read(path) for kind, path in paths.items() if path.exists()}


@dataclass(frozen=True)
class Lines:
    """Accuracy in [0, 1] against the strength of an attack. ``epsilons``: ``(E,)``, where white is 1. ``clean``:
    ``(S, T)``. ``robust``: ``(S, E, T)``.
    """

    epsilons: list[float]
    clean: list[list[float]]
    robust: list[list[list[float]]]


def glimpses(record: Record) -> int:
    """Return T, how often the network looks."""
    return record.parameters["look"]["glimpses"]


def lines(record: Record) -> Lines:
    """Return the accuracies of all answers of a record, each attacked by itself."""
    looks, sizes = range(1, glimpses(record) + 1), record.parameters["epsilons"]
    names = [strength_text(epsilon) for epsilon in sizes]
    return Lines(
        sizes,
        [[run.values[f"clean {t}"] for t in looks] for run in record.runs],
        [[[run.values[f"robust {name} {t}"] for t in looks] for name in names] for run in record.runs],
    )


def table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return the last answer's accuracy in percent as text, mean ± sd over seeds: a row an attack, a column a kind."""
    rows: dict[str, dict[str, str]] = {}
    for kind, record in records.items():
        last, found = glimpses(record), record.summary
        named = {"no attack": "clean", "as published": "published", "with the right gradient": "published straight"}
        named |= {f"{s} in pixels": f"robust {s}" for s in map(strength_text, record.parameters["epsilons"])}
        for title, name in named.items():
            if f"{name} {last}" in found:
                rows.setdefault(title, {})[kind] = f"{found[f'{name} {last}'].percent:.1f}"
    # not every record has every row, and the first record need not have them all
    first = {"no attack": 0, "as published": 1, "with the right gradient": 2}
    ordered = sorted(rows, key=lambda title: first.get(title, 3))
    shown = pd.DataFrame([rows[title] for title in ordered], index=ordered, columns=list(records)).fillna("")
    return shown.rename_axis(columns=f"accuracy (%), {_counted(records)}")


def _counted(records: Mapping[str, Record]) -> str:
    """Return how many pictures and seeds the records have."""
    pictures, seeds = ({f(record) for record in records.values()} for f in (_pictures, lambda r: len(r.runs)))
    return f"n = {max(pictures):,} pictures, seeds: {'/'.join(map(str, sorted(seeds)))}"


def _pictures(record: Record) -> int:
    return int(record.parameters["pictures"])


def checks_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return for how many seeds the check of the gradients was suspicious, a row a kind, with re-scaling off and on."""
    rows = {
        kind: [_suspicious(record, what) for what in ("masking", "masking_rescaled")]
        for kind, record in records.items()
    }
    heads = ["suspicious, factor switched off", "suspicious, factor in place"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=heads)


def _suspicious(record: Record, what: str) -> str:
    reports = [report for run in record.runs if (report := run.details[what])]
    caught = sum(any(test["verdict"] == "suspicious" for test in report["tests"]) for report in reports)
    return f"{caught} of {len(reports)} seeds" if reports else "not run"


def _points(record: Record, name: str, less: str) -> Interval:
    """Return the last answer's ``name`` less its ``less``, in points, with a 95 % interval over seeds."""
    t = glimpses(record)
    pairs = zip(record.values(f"{name} {t}"), record.values(f"{less} {t}"), strict=True)
    return seeds_interval([100 * (a - b) for a, b in pairs])


def what_matters(record: Record) -> str:
    """Say in a sentence which oddity of the published attack on a network of glimpses matters more: its units or its
    gradient; an empty text where the record has not both.
    """
    name = f"robust {strength_text(PUBLISHED_EPSILON)}"
    if not {f"{name} 1", "published straight 1"} <= set(record.summary):
        return ""
    units, gradient = _points(record, name, "published"), _points(record, "published straight", "published")
    more = "units matter" if abs(units.value) > abs(gradient.value) else "gradient matters"
    t = glimpses(record)
    small = f"robust {strength_text(record.parameters['epsilons'][0])}"
    named = ("published", name, small, "published straight")
    left = [record.summary[f"{what} {t}"].percent.mean for what in named]
    return (
        f"Of what is odd about the published attack its {more} more: it leaves {left[0]:.1f} %. Attacked as one "
        f"should, 4/255 in pixel values leaves {left[1]:.1f} %, {units:+.1f} points, and {small.split()[1]} "
        f"{left[2]:.1f} %; the right gradient alone leaves {left[3]:.1f} %, {gradient:+.1f} points."
    )


def published_claim(records: Mapping[str, Record]) -> str:
    """Say in a sentence whether the network of glimpses keeps more than the full pass under the published attack, as
    the paper has it (44.2 against 7.6 %, with other networks and pictures); an empty text where either is missing.
    """
    if not {"mgnet", "full"} <= set(records):
        return ""
    return _beside(
        records, "full", "published", "Under the published attack", "as the paper has it", "not as in the paper"
    )


def under_attack(records: Mapping[str, Record], kind: str) -> str:
    """Say in a sentence whether the network of glimpses keeps more than the baseline ``kind``, at the smallest strength
    attacked as one should; an empty text where either is missing.
    """
    if not {"mgnet", kind} <= set(records):
        return ""
    strength = strength_text(records["mgnet"].parameters["epsilons"][0])
    return _beside(records, kind, f"robust {strength}", f"Attacked as one should, at {strength}")


def _beside(records: Mapping[str, Record], kind: str, name: str, begin: str, same: str = "", other: str = "") -> str:
    ours, theirs = (
        [100 * value for value in record.values(f"{name} {glimpses(record)}")]
        for record in (records["mgnet"], records[kind])
    )
    clean = [_points(records[k], name, "clean").value for k in ("mgnet", kind)]
    kept = [records[k].summary[f"{name} {glimpses(records[k])}"].percent.mean for k in ("mgnet", kind)]
    verdict, gap = "cannot be told from", ""
    if min(len(ours), len(theirs)) > 1:
        found = difference(ours, theirs)
        gap = f" ({Interval(found.mean, found.low, found.high):+.1f} points, n = {how_many_each(*found.n, 'seed')})"
        if found.significant:
            verdict = "keeps more than" if found.mean > 0 else "keeps less than"
    noted = {"keeps more than": same, "keeps less than": other}.get(verdict, "")
    return (
        f"{begin} the network of glimpses {verdict} {KINDS[kind]}{', ' + noted if noted else ''}: "
        f"{kept[0]:.1f} against {kept[1]:.1f} %{gap}. It loses {-clean[0]:.1f} points "
        f"of its clean accuracy, the other {-clean[1]:.1f}."
    )


def masked(records: Mapping[str, Record]) -> str:
    """Say in a sentence for which networks another attack finds what the plain one missed."""
    checks = {KINDS[kind]: _suspicious(record, "masking") for kind, record in records.items()}
    checks = {title: said for title, said in checks.items() if said != "not run"}
    caught = {title: said for title, said in checks.items() if not said.startswith("0 ")}
    if not checks:
        return "Whether the gradients can be trusted was not checked."
    if not caught:
        return f"The check of gradients finds nothing suspicious ({', '.join(checks)})."
    return (
        f"The check of gradients is suspicious of {', '.join(f'{title} ({said})' for title, said in caught.items())}: "
        "there another attack finds what the plain one missed, and the accuracy under attack is too kind."
    )


def answers_table(answers: Mapping[str, Tensor], each_by_itself: RobustAccuracy) -> pd.DataFrame:
    """Return the accuracy of each answer in percent, a row an attack, a column a number of glimpses.

    Args:
        answers: which pictures are right after each glimpse, bool ``(T, N)``, by the attack that they were left by.
        each_by_itself: what ``robust_accuracy`` found at one strength, the last row.
    """
    rows = {name: (100 * right.double().mean(dim=1)).tolist() for name, right in answers.items()}
    rows["each answer attacked by itself"] = [100 * accuracy for accuracy in each_by_itself.accuracy[0]]
    columns = [f"glimpse {t}" for t in range(1, len(each_by_itself.clean) + 1)]
    found = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return found.rename_axis(columns=f"accuracy (%), {next(iter(answers.values())).shape[1]} pictures")


def steps_in_pictures(answers: Mapping[str, Tensor], each_by_itself: RobustAccuracy) -> str:
    """Say in a sentence by how many pictures each row of ``answers_table`` differs from the one above, at the last
    answer.
    """
    right = {name: int(each[-1].sum()) for name, each in answers.items()}
    pictures = next(iter(answers.values())).shape[1]
    right["each answer attacked by itself"] = round(each_by_itself.accuracy[0][-1] * pictures)
    steps = [f"from *{a}* to *{b}* {right[b] - right[a]:+d}" for a, b in pairwise(right)]
    return f"After the last glimpse the rows differ, of {pictures} pictures, {', '.join(steps)}."
