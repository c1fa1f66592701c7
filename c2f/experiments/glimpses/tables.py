"""What Multi-Glimpse Networks and their records say, ready for tables and figures.

Axes: S seeds, T glimpses, Q confidences, N pictures, C channels, H rows, W = H columns.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from c2f.common.words import how_many, how_many_each
from c2f.experiments.glimpses.cost import costs
from c2f.metrics.statistics import Interval, describe, difference, seeds_interval
from c2f.networks.glimpse.names import GLIMPSE_KINDS as KINDS
from c2f.networks.glimpse.network import MultiGlimpse
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
        seeds = how_many(len(self.each), "seed")
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


def looking_again(accuracy: np.ndarray, where: str) -> str:
    """Say in a sentence whether the last answer is better than the first, and what the second glimpse adds.

    ``accuracy``: ``(S, T)`` in [0, 1]. ``where``: the pictures, e.g. ``on scenes``.
    """
    found = gain(accuracy)
    points = Interval(100 * found.mean, 100 * found.low, 100 * found.high)
    second = 100 * float((accuracy[:, 1] - accuracy[:, 0]).mean())
    if math.isnan(found.low):
        begin = f"One run {where} does not tell whether looking again helps"
    elif found.beyond_spread:
        begin = f"Looking again helps {where}"
    else:
        begin = f"Looking again {'harms' if found.high < 0 else 'does not help as far as these seeds can tell'} {where}"
    n = len(found.each)
    return (
        f"{begin}: from the first glimpse to the last of {accuracy.shape[1]} accuracy changes by {points:+.1f} points "
        f"(in brackets, as below, the 95 % interval over seeds; n = {n}), {second:+.1f} of them with the second look."
    )


def at_equal_cost(records: Mapping[str, Record], where: str) -> str:
    """Say in a sentence whether several glimpses or one pass over a larger picture of equal cost is better.

    An empty text where fewer than two seeds of either are recorded.
    """
    if min((len(records[kind].runs) if kind in records else 0) for kind in ("mgnet", "equal")) < 2:
        return ""
    ours, theirs = (accuracies(records[kind])[:, -1] for kind in ("mgnet", "equal"))
    found = difference(ours.tolist(), theirs.tolist())
    if not found.significant:
        begin = "At equal cost neither several looks nor one is better, as far as these seeds can tell"
    else:
        begin = f"At equal cost {'several looks are better than one' if found.mean > 0 else 'one look is better'}"
    points = Interval(100 * found.mean, 100 * found.low, 100 * found.high)
    return (
        f"{begin} {where}: after the last glimpse {100 * ours.mean():.1f} %, in one pass {100 * theirs.mean():.1f} %, "
        f"{points:+.1f} points (n = {how_many_each(*found.n, 'seed')})."
    )


def accuracy_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return accuracy in percent (mean and sd over seeds) and multiply-adds after each glimpse, a row a glimpse."""
    rows = []
    for kind, record in records.items():
        found = 100 * accuracies(record)
        pictures = f"{record.runs[0].details['pictures']['test']:,}"
        for count, (cost, values) in enumerate(
            zip(record.parameters["multiply_adds_by_glimpse"], found.T, strict=True), start=1
        ):
            right = f"{statistic(values.tolist()):.1f}"
            rows.append((KINDS[kind], count, right, len(values), pictures, f"{cost / 1e6:.2f}"))
    columns = ["network", "glimpses", "accuracy (%)", "seeds", "test pictures", "million multiply-adds"]
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


def early_exit_gains(
    points: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> list[tuple[float, float, Interval]]:
    """Return, for each number of glimpses, the accuracy where all pictures get as many, that of early exit at the same
    mean cost, and the gain of early exit, all in percent, the gain with its 95 % interval over seeds.

    ``points``: of ``cost_points``. Between two thresholds accuracy is taken to be linear in the cost.
    """
    (level, fixed), (spent, early) = points["mgnet"], points["mgnet exit"]
    at_level = np.array([np.interp(*each) for each in zip(level, spent, early, strict=True)])  # (S, T)
    gained = 100 * (at_level - fixed)
    means = zip(100 * fixed.mean(axis=0), 100 * at_level.mean(axis=0), gained.T, strict=True)
    return [(float(a), float(b), seeds_interval(each.tolist())) for a, b, each in means]


def early_exit_table(gains: list[tuple[float, float, Interval]], seeds: int) -> pd.DataFrame:
    """Return ``early_exit_gains`` over so many ``seeds``, a row a number of glimpses."""
    rows = [(f"{a:.1f}", f"{b:.1f}", f"{gained:+.1f}") for a, b, gained in gains]
    heads = ["as many for all (%)", "early exit (%)", "gain (points)"]
    table = pd.DataFrame(rows, columns=heads, index=range(1, len(gains) + 1))
    return table.rename_axis(columns=f"glimpses; n = {seeds}")


def early_exit_verdict(gains: list[tuple[float, float, Interval]]) -> str:
    """Say in a sentence whether early exit pays, from ``early_exit_gains``; of the ends it can only be equal."""
    between = dict(enumerate(gains[1:-1], start=2))
    pays = [count for count, (*_, gained) in between.items() if gained.low > 0]
    costs_ = [count for count, (*_, gained) in between.items() if gained.high < 0]
    begin = {
        (True, False): "Early exit pays",
        (False, True): "Early exit does not pay",
        (True, True): "Early exit pays at some costs and not at others",
    }.get((bool(pays), bool(costs_)), "Whether early exit pays cannot be told from these seeds")
    said = "; ".join(
        f"at the cost of {count} glimpses it is right for {b:.1f} %, where all pictures get {count} for {a:.1f} %, "
        f"{gained:+.1f} points"
        for count, (a, b, gained) in between.items()
    )
    return f"{begin}: {said}." if said else f"{begin}."


def costs_table(networks: Mapping[str, MultiGlimpse], pictures: Tensor, repeats: int = 3) -> pd.DataFrame:
    """Return what each number of glimpses of each network costs, as ``c2f.experiments.glimpses.cost.costs`` measures
    it now.

    Args:
        networks: by the name of their rows, on the pictures' device.
        pictures: in [0, 1], ``(N, C, H, H)``.
        repeats: of the time, of which the median counts.
    """
    rows = [
        (name, each.glimpses, each.multiply_adds / 1e6, each.milliseconds, each.peak_bytes / 2**20)
        for name, network in networks.items()
        for each in costs(network, pictures, repeats=repeats)
    ]
    columns = ["network", "glimpses", "million multiply-adds", "ms a picture", f"MiB, batch of {len(pictures)}"]
    return pd.DataFrame(rows, columns=columns).set_index(["network", "glimpses"])
