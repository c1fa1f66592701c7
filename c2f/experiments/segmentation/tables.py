"""What recorded segmentation runs say: class by class, definition by definition, and where against what.

Axes: K classes, background the last but one and ignore the last.
"""

from pathlib import Path

import torch
from torch import Tensor

from c2f.common.checks import choose
from c2f.experiments.segmentation.scores import DEFINITIONS, pixel_scores
from c2f.networks.segmentation import SEGMENTATION_NETWORKS
from c2f.runs.folder import folder_of, records_of
from c2f.runs.record import Record, RecordError, Run


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
