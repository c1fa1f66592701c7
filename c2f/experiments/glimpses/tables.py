"""What the records of Multi-Glimpse Networks say, ready for tables and figures.

Axes: S seeds, T glimpses, Q confidences.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from c2f.metrics.statistics import describe, difference, seeds_interval
from c2f.networks.glimpse.names import GLIMPSE_KINDS as KINDS
from c2f.runs.folder import record_path, run_name
from c2f.runs.record import Record, read, statistic


def recorded(data: str, folder: Path | None = None, backbone: str = "small_cnn") -> dict[str, Record]:
    """Return the records on ``data`` that are there, by kind (see ``c2f.networks.glimpse.names.GLIMPSE_KINDS``), in its
    order.

    Args:
        data: the data set that the networks were trained on.
        folder: what ``c2f train`` wrote; by default the runs that come with the book.
        backbone: its name.
    """
    paths = {kind: record_path(folder, run_name(f"{kind}_{backbone}", data)) for kind in KINDS}
    return {kind: read(path) for kind, path in paths.items() if path.exists()}


def accuracies(record: Record) -> np.ndarray:
    """Return the test accuracy of each seed after each glimpse, in [0, 1]: ``(S, T)``."""
    glimpses = record.parameters["look"]["glimpses"]
    return np.array([record.values(f"test_accuracy {count}") for count in range(1, glimpses + 1)]).T


@dataclass(frozen=True)
class Gain:
    """How much more the last answer of a network is right than its first, in [0, 1].

    ``each``: of every seed, ``(S,)``. ``mean`` over them, and ``sd``, their sample standard deviation. ``low`` and
    ``high``: a 95 % t interval of the mean over seeds. NaN where no spread is known.
    """

    each: list[float]
    mean: float
    sd: float
    low: float
    high: float

    @property
    def beyond_spread(self) -> bool:
        """Whether the mean is larger than the spread over seeds, and its interval above zero."""
        return self.mean > self.sd and self.low > 0

    def __str__(self) -> str:
        points = ", ".join(f"{100 * value:+.1f}" for value in self.each)
        seeds = f"{len(self.each)} seed{'s' if len(self.each) > 1 else ''}"
        text = f"From the first glimpse to the last: {points} points (n = {seeds})."
        if math.isnan(self.low):
            return text
        verdict = "more than the spread over seeds" if self.beyond_spread else "these seeds cannot tell it from luck"
        ends = f"95 % interval {100 * self.low:.1f} to {100 * self.high:.1f}"
        return f"{text} Mean {100 * self.mean:.1f}, sd {100 * self.sd:.1f}, {ends}: {verdict}."


def gain(accuracy: np.ndarray) -> Gain:
    """Return the gain from the first to the last of accuracies ``(S, T)``, seed by seed."""
    each = accuracy[:, -1] - accuracy[:, 0]
    found = seeds_interval(each.tolist())
    sd = float(each.std(ddof=1)) if len(each) > 1 else float("nan")
    return Gain(each.tolist(), found.value, sd, found.low, found.high)


def compared(records: Mapping[str, Record]) -> list[str]:
    """Say in a sentence each how the last answer of ``mgnet`` compares with the baselines that are there."""
    if "mgnet" not in records or len(records["mgnet"].runs) < 2:
        return []
    ours = accuracies(records["mgnet"])[:, -1].tolist()
    others = {kind: accuracies(record)[:, -1].tolist() for kind, record in records.items() if kind != "mgnet"}
    return [
        describe(difference(ours, theirs), "The last glimpse", KINDS[kind])
        for kind, theirs in others.items()
        if len(theirs) > 1
    ]


def accuracy_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return accuracy in percent (mean and sd over seeds) and multiply-adds after each glimpse, a row a glimpse."""
    rows = []
    for kind, record in records.items():
        found = 100 * accuracies(record)
        for count, (cost, values) in enumerate(
            zip(record.parameters["multiply_adds_by_glimpse"], found.T, strict=True), start=1
        ):
            right = f"{statistic(values.tolist()):.1f}"
            rows.append((KINDS[kind], count, right, len(values), f"{cost / 1e6:.2f}"))
    columns = ["network", "glimpses", "test accuracy (%)", "seeds", "million multiply-adds"]
    return pd.DataFrame(rows, columns=columns).set_index(["network", "glimpses"])


def cost_points(records: Mapping[str, Record]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return multiply-adds and accuracy, ``(S, T)`` each, by kind; as ``mgnet exit`` those of early exit ``(S, Q)``.

    What ``c2f.experiments.glimpses.plots.cost_lines`` takes.
    """
    points = {}
    for kind, record in records.items():
        cost, accuracy = np.array(record.parameters["multiply_adds_by_glimpse"], dtype=float), accuracies(record)
        points[kind] = (np.broadcast_to(cost, accuracy.shape), accuracy)
        if kind == "mgnet":
            exits = [run.details["exits"] for run in record.runs]
            points["mgnet exit"] = (
                np.array([np.array(each["shares"]) @ cost for each in exits]),
                np.array([each["accuracy"] for each in exits]),
            )
    return points
