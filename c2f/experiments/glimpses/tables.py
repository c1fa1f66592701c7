"""What Multi-Glimpse Networks and their records say, ready for tables and figures.

Axes: S seeds, T glimpses, Q confidences, N pictures, C channels, H rows, W = H columns.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor

from c2f.experiments.glimpses.cost import costs
from c2f.metrics.statistics import describe, difference, seeds_interval
from c2f.networks.glimpse.geometry import glimpse_side, share_inside
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


def windows_table(locations: Tensor, masks: Tensor, generator: Generator) -> pd.DataFrame:
    """Return, as text, which share of its object a window holds, mean over pictures, a row a glimpse but the first.

    Beside the windows that were chosen for the picture stand those chosen for another one, dealt out anew, and windows
    of the same size at random places.

    Args:
        locations: of all glimpses, ``(T, N, 3)``.
        masks: bool ``(N, H, W)``, the objects.
        generator: deals and draws.
    """
    rows = {}
    for t, chosen in enumerate(locations[1:], start=2):
        scale, u = chosen[:, :1], 2 * torch.rand(len(chosen), 2, generator=generator) - 1
        dealt = chosen[torch.randperm(len(chosen), generator=generator)]
        other = {"chosen": chosen, "of another picture": dealt, "random": torch.cat([scale, u * (1 - scale)], dim=1)}
        rows[f"glimpse {t}"] = {name: f"{share_inside(p, masks).mean():.1%}" for name, p in other.items()}
    return pd.DataFrame(rows).T


def rows_table(records: Mapping[str, Record], locations: Tensor, image_size: int, object_size: int) -> pd.DataFrame:
    """Return into how many rows of pixels each look of ``mgnet`` brings an object, mean over pictures, and each
    baseline that is there.

    Args:
        records: by kind, ``mgnet`` among them.
        locations: of its glimpses, ``(T, N, 3)``.
        image_size: H of the pictures.
        object_size: rows of the object in them.
    """

    def side(kind: str) -> int:
        return glimpse_side(image_size, records[kind].parameters["look"]["downsampling"])

    rows = {}
    for t, scale in enumerate(locations[:, :, 0].mean(dim=1).tolist(), start=1):
        rows[f"glimpse {t}"] = object_size / image_size * side("mgnet") / scale
    for kind in [kind for kind in KINDS if kind in records and kind != "mgnet"]:
        rows[KINDS[kind]] = object_size / image_size * side(kind)
    return pd.DataFrame({"rows of pixels": rows})


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
    columns = ["network", "glimpses", "million multiply-adds", "ms a picture", "MiB"]
    return pd.DataFrame(rows, columns=columns).set_index(["network", "glimpses"])
