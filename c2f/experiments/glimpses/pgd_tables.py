"""What the recorded attacks on Multi-Glimpse Networks say, beside their baselines.

Axes: S seeds, E strengths, T glimpses, N pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import Tensor

from c2f.experiments.glimpses.pgd import RobustAccuracy
from c2f.experiments.glimpses.pgd_run import pgd_name, strength_text
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


def _suspicious(record: Record, what: str) -> str:
    reports = [report for run in record.runs if (report := run.details[what])]
    caught = sum(any(test["verdict"] == "suspicious" for test in report["tests"]) for report in reports)
    return f"{caught} of {len(reports)} seeds" if reports else "not run"


def table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return the last answer's accuracy in percent as text, mean ± sd over seeds: a row an attack, a column a kind.

    The last two rows say for how many seeds the check of the gradients was suspicious, with re-scaling off and on.
    """
    rows: dict[str, dict[str, str]] = {}
    for kind, record in records.items():
        last, found = glimpses(record), record.summary
        named = {"no attack": "clean", "as published": "published", "with the right gradient": "published straight"}
        named |= {f"{s} in pixels": f"robust {s}" for s in map(strength_text, record.parameters["epsilons"])}
        for title, name in named.items():
            if f"{name} {last}" in found:
                rows.setdefault(title, {})[kind] = f"{found[f'{name} {last}'].percent:.1f}"
        for title, what in (("suspicious", "masking"), ("suspicious, re-scaled", "masking_rescaled")):
            rows.setdefault(title, {})[kind] = _suspicious(record, what)
    # not every record has every row, and the first record need not have them all
    first = {"no attack": 0, "as published": 1, "with the right gradient": 2}
    ordered = sorted(rows, key=lambda title: first.get(title, 3 + title.startswith("suspicious")))
    return pd.DataFrame([rows[title] for title in ordered], index=ordered, columns=list(records)).fillna("")


def answers_table(answers: Mapping[str, Tensor], each_by_itself: RobustAccuracy) -> pd.DataFrame:
    """Return the accuracy of each answer in percent, a row an attack, a column a number of glimpses.

    Args:
        answers: which pictures are right after each glimpse, bool ``(T, N)``, by the attack that they were left by.
        each_by_itself: what ``robust_accuracy`` found at one strength, the last row.
    """
    rows = {name: (100 * right.double().mean(dim=1)).tolist() for name, right in answers.items()}
    rows["each answer attacked by itself"] = [100 * accuracy for accuracy in each_by_itself.accuracy[0]]
    columns = [f"glimpse {t}" for t in range(1, len(each_by_itself.clean) + 1)]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)
