"""What recorded segmentation runs say: class by class, definition by definition, and where against what.

Axes: K classes, background the last but one and ignore the last.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from c2f import networks
from c2f.common.checks import choose
from c2f.experiments.segmentation.scores import DEFINITIONS, pixel_scores
from c2f.networks.segmentation import SEGMENTATION_NETWORKS, build_segmentation
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
    return pd.DataFrame(
        {
            who: {name: _percent(values) for name, values in class_values(record).items()}
            for who, record in _each(recorded)
        }
    )


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
    return pd.DataFrame(columns)
