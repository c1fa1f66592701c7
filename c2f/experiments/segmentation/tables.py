"""What recorded segmentation runs say: class by class, definition by definition, and where against what.

Axes: K classes, background the last but one and ignore the last.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isnan
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from c2f import networks
from c2f.common.checks import choose
from c2f.experiments.segmentation.scores import DEFINITIONS, pixel_scores
from c2f.metrics.statistics import Difference, Interval, difference, seeds_interval
from c2f.networks.segmentation import SEGMENTATION_NETWORKS, build_segmentation
from c2f.plotting.colours import SCALES
from c2f.runs.folder import folder_of, records_of
from c2f.runs.record import Record, RecordError, Run, statistic

Recorded = Mapping[str, Mapping[str, Record]]
"""Data set -> network -> record, see ``recorded_segmentations``."""


def recorded_segmentations(output: Path | None = None) -> dict[str, dict[str, Record]]:
    """Return every recorded segmentation of ``output``, or of those that come with the book.

    Returns:
        Data set -> network -> record; data sets by name, networks in the order of ``SEGMENTATION_NETWORKS``.

    Raises:
        RecordError: a record is damaged, or there is none (with the command that makes them).
    """
    found = records_of("segmentation", output)
    if not found:
        raise RecordError(
            f"there are no segmentation runs in {folder_of(output)}; make some, e.g. with "
            "`c2f train segmentation_td fashion-mnist-sample --seeds 0 1`, and give output='output'"
        )
    by_data: dict[str, dict[str, Record]] = {record.parameters["data"]: {} for record in found}
    order = list(SEGMENTATION_NETWORKS)
    for record in sorted(found, key=lambda record: order.index(record.parameters["network"])):
        by_data[record.parameters["data"]][record.parameters["network"]] = record
    return by_data


def class_values(record: Record, definition: str = "correct") -> dict[str, list[float]]:
    """Return the intersection over union of each class, in [0, 1], one value a seed.

    A class that some run could not score is left out; the last entry, ``mean``, is the mean over classes of each run.

    Raises:
        ValueError: a definition other than ``correct`` and ``published``.
    """
    choose(definition, DEFINITIONS, "definition")
    before = "" if definition == "correct" else "published "
    names = {name: f"{before}iou {name}" for name in record.runs[0].details["classes"]}
    names["mean"] = f"{before}test_mean_iou"
    return {
        name: record.values(value) for name, value in names.items() if all(value in run.values for run in record.runs)
    }


def definition_ladder(run: Run) -> dict[str, float]:
    """Return the mean intersection over union, in [0, 1], on the way from the correct definition to the published one.

    Each step adds one of the three things in which the two differ; see ``c2f.experiments.segmentation.scores``.
    """
    correct, published = (torch.tensor(run.details["confusions"][name]) for name in DEFINITIONS)
    unseen = published.clone()
    unseen[-1] = 0  # what is answered on ignored pixels
    return {
        "correct": pixel_scores(correct).mean_iou,
        'the answer "ignore" is open': pixel_scores(unseen).iou[:-1].nanmean().item(),
        "ignored pixels enter the unions": pixel_scores(published).iou[:-1].nanmean().item(),
        '"ignore" is a class of the mean': pixel_scores(published, "published").mean_iou,
    }


def where_and_what(confusion: Tensor) -> tuple[float, float]:
    """Return (where, what), in [0, 1]: how well objects are told from background, and how well from one another.

    *Where* is the intersection over union of all objects taken as one class. *What* is, of the pixels that truly are
    and are called an object's, the share that is called by the right class.

    Args:
        confusion: pixel counts by the correct definition, ``(K - 1, K - 1)``, background last; see
            ``c2f.experiments.segmentation.scores.pixel_confusion``.
    """
    counts = confusion.double()
    objects = counts[:-1, :-1]
    return (objects.sum() / (counts.sum() - counts[-1, -1])).item(), (objects.trace() / objects.sum()).item()


def where_and_what_over_seeds(record: Record) -> tuple[list[float], list[float]]:
    """Return ``where_and_what`` of a record's runs: all of *where*, one value a seed, and all of *what*."""
    both = [where_and_what(torch.tensor(run.details["confusions"]["correct"])) for run in record.runs]
    return [where for where, _ in both], [what for _, what in both]


def _percent(values: Sequence[float]) -> str:
    """Return mean and sd of ``values`` in [0, 1], one a seed, as text in percent."""
    return f"{statistic(values).percent:.1f}"


def _each(recorded: Recorded) -> Iterator[tuple[tuple[str, str], Record]]:
    """Yield each record with what a table calls it: its data set, and its network's title."""
    for data, records in recorded.items():
        for network, record in records.items():
            yield (data, SEGMENTATION_NETWORKS[network][0]), record


def size_table(widths: Sequence[int], in_channels: int, num_classes: int, image_size: int) -> pd.DataFrame:
    """Return, as text, parameters and multiply-adds of each network at each of ``widths``."""
    rows = {}
    for width in widths:
        for name, (title, _) in SEGMENTATION_NETWORKS.items():
            network = build_segmentation(name, num_classes, image_size, in_channels, width=width, seed=0)
            size = networks.summary(network, in_channels, image_size)
            row = {"parameters": f"{size.parameters:,}", "multiply-adds (M)": f"{size.multiply_adds / 1e6:,.0f}"}
            rows[f"width {width}", title] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def runs_table(recorded: Recorded) -> pd.DataFrame:
    """Return, as text, how each recorded network was trained and how well it does, mean and sd over seeds."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for who, record in _each(recorded):
        seconds = [s for run in record.runs for s in run.details["history"]["seconds"]]
        rows[who] = {
            "seeds": len(record.runs),
            "test meshes": record.runs[0].details["meshes"]["test"],
            "width": record.parameters["width"],
            "epochs": record.parameters["recipe"]["epochs"],
            "mean IoU (%)": _percent(record.values("test_mean_iou")),
            "right pixels (%)": _percent(record.values("test_accuracy")),
            "seconds an epoch": f"{median(seconds):.0f}",
            "device": record.runs[0].environment["device"],
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def classes_table(recorded: Recorded) -> pd.DataFrame:
    """Return, as text, ``class_values`` in percent, mean and sd over seeds, a column a data set and network."""
    columns = {
        who: {name: _percent(values) for name, values in class_values(record).items()}
        for who, record in _each(recorded)
    }
    return pd.DataFrame(columns).rename_axis("IoU (%)")


def classes_finding(recorded: Recorded) -> str:
    """Say which class each data set's networks find hardest and which easiest, the background left out."""
    lines = []
    for data, records in recorded.items():
        means = pd.DataFrame({SEGMENTATION_NETWORKS[n][0]: class_values(r) for n, r in records.items()})
        means = 100 * means.drop(["background", "mean"]).map(lambda values: sum(values) / len(values))
        order = means.mean(axis=1).sort_values().index
        each = [
            f"{name} ({', '.join(f'{network} {value:.0f} %' for network, value in means.loc[name].items())})"
            for name in (order[0], order[-1])
        ]
        lines.append(f"Of {data} the hardest class is {each[0]}, the easiest {each[1]}.")
    return " ".join(lines)


def right_pixels(predictions: Mapping[str, Tensor], labels: Tensor, ignore: int) -> str:
    """Say how many of the pixels that count each of ``predictions``, title -> integers ``(N, H, W)``, has right."""
    counts = labels != ignore
    right = {title: 100 * (said == labels)[counts].float().mean() for title, said in predictions.items()}
    return ", ".join(f"{title} {share:.0f} %" for title, share in right.items())


def where_and_what_table(found: Mapping[Any, tuple[Sequence[float], Sequence[float]]]) -> pd.DataFrame:
    """Return, as text, *where* and *what* in percent, mean and sd over seeds.

    ``found`` maps the name of a row to both in [0, 1], one value a seed each, as ``where_and_what_over_seeds`` gives
    them.
    """
    rows = {who: {"where (%)": _percent(where), "what (%)": _percent(what)} for who, (where, what) in found.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def recorded_where_and_what(recorded: Recorded) -> pd.DataFrame:
    """Return ``where_and_what_table`` of the records, a row a data set and network."""
    return where_and_what_table({who: where_and_what_over_seeds(record) for who, record in _each(recorded)})


def ladder_table(recorded: Recorded) -> pd.DataFrame:
    """Return, as text, ``definition_ladder`` in percent, mean over seeds, a column a data set and network.

    The last row says of how many pixels, all seeds together, the answer is "ignore" where it may be.
    """
    columns = {}
    for who, record in _each(recorded):
        steps = 100 * pd.DataFrame([definition_ladder(run) for run in record.runs]).mean()
        counts = torch.tensor([run.details["confusions"]["published"] for run in record.runs])  # (seeds, K, K)
        columns[who] = steps.map("{:.1f}".format)
        columns[who]['pixels that are answered "ignore"'] = f"{int(counts[..., -1].sum()):,} of {int(counts.sum()):,}"
    return pd.DataFrame(columns).rename_axis("mean IoU (%)")


def definition_findings(recorded: Recorded) -> list[str]:
    """Say in a sentence a data set how many points the published definition takes off the mean of each network."""
    lines = []
    for data, records in recorded.items():
        lost = []
        for network, record in records.items():
            first, *_, last = pd.DataFrame([definition_ladder(run) for run in record.runs]).mean()
            lost.append(f"{100 * (first - last):.1f} ({SEGMENTATION_NETWORKS[network][0]})")
        lines.append(
            f"**The published definition** takes {', '.join(lost)} points off the mean IoU of the very same answers "
            f"({data})."
        )
    return lines


@dataclass(frozen=True)
class Gap:
    """The top-down network less another one of the same data, over seeds.

    ``other``: its title. ``measure``: ``mean IoU``, ``where`` or ``what``. ``difference``: of values in [0, 1].
    """

    data: str
    other: str
    measure: str
    difference: Difference

    @property
    def finds(self) -> str:
        """``better than`` or ``worse than`` where the interval leaves out zero, else ``not told apart from``."""
        if not self.difference.significant:
            return "not told apart from"
        return "better than" if self.difference.mean > 0 else "worse than"

    def __str__(self) -> str:
        """In points, with the interval over seeds where a spread is known."""
        found = self.difference
        return f"{Interval(100 * found.mean, 100 * found.low, 100 * found.high):+.1f}"


def gaps(recorded: Recorded) -> list[Gap]:
    """Return what can be compared, measure by measure; both networks need two seeds or more."""
    found = []
    for data, records in recorded.items():
        values: dict[str, dict[str, list[float]]] = {}
        for network, record in records.items():
            if len(record.runs) > 1:
                where, what = where_and_what_over_seeds(record)
                mean = record.values("test_mean_iou")
                values[network] = {"mean IoU": mean, "where": where, "what": what}
        top_down = values.pop("td", {})
        for measure, ours in top_down.items():
            for network, theirs in values.items():
                gap = difference(ours, theirs[measure])
                found.append(Gap(data, SEGMENTATION_NETWORKS[network][0], measure, gap))
    return found


def gaps_table(found: Sequence[Gap]) -> pd.DataFrame:
    """Return, as text, the gaps in points with their 95 % intervals over seeds, a column a measure."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for gap in found:
        n = "n = {} and {}".format(*gap.difference.n)
        rows.setdefault((gap.data, f"Top-down less {gap.other}, {n}"), {})[f"{gap.measure} (points)"] = str(gap)
    return pd.DataFrame.from_dict(rows, orient="index")


def gap_findings(found: Sequence[Gap]) -> list[str]:
    """Say in a sentence a data set and measure how the top-down network compares, and in the last one what so many
    comparisons are worth (Bonferroni: each p times their number).
    """
    if not found:
        return ["Too few runs are recorded to compare: it takes two seeds of the top-down network and of another."]
    lines = []
    for (data, measure), group in groupby(found, key=lambda gap: (gap.data, gap.measure)):
        each = [f"{gap.finds} the {gap.other}, {gap}" for gap in group]
        lines.append(f"**{measure[0].upper()}{measure[1:]}** ({data}): the top-down network is {'; '.join(each)}.")
    alone = sum(gap.difference.significant for gap in found)
    seeds = min(min(gap.difference.n) for gap in found)
    kept = sum(gap.difference.p * len(found) < 0.05 for gap in found)
    lines[-1] += (
        f" (All differences in points, with 95 % intervals over at least {seeds} seeds. Of {len(found)} intervals "
        f"{alone} leave out zero by themselves, and {kept or 'none'} when corrected for so many comparisons, by "
        "Bonferroni.)"
    )
    return lines


def lies_findings(found: Mapping[str, Sequence[Sequence[float]]]) -> list[str]:
    """Say which scale *where* comes from and which *what*: a lie to that one costs most.

    ``found`` maps a lie to (*where*, *what*) in [0, 1], a pair a seed; the lie ``none`` is what those to one scale are
    held against, seed by seed. A scale is named if the interval over seeds of what it costs leaves out zero.
    """
    lines = []
    for part, name in enumerate(("Where", "What")):
        cost = {
            lie: seeds_interval([100 * (a[part] - b[part]) for a, b in zip(found["none"], found[lie], strict=True)])
            for lie in SCALES
            if lie in found
        }
        worst = max((one.value, lie) for lie, one in cost.items())[1]
        others = ", ".join(f"{lie} {less.value:.1f}" for lie, less in cost.items() if lie != worst)
        most = cost[worst]
        n = len(found["none"])
        spread = f"95 % interval over {n} seeds: {most.low:.1f} to {most.high:.1f}"
        begin = f"the {worst} scale" if most.low > 0 else "no scale that could be told"
        lines.append(
            f"**{name} comes from {begin}:** a lie to the {worst} one costs {most.value:.1f} points "
            f"({f'n = {n}, no interval' if isnan(most.low) else spread}), {others}."
        )
    return lines
