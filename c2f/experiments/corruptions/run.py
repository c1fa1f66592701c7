"""A trained network in bad weather: evaluated on corrupted pictures, resumable, and recorded.

What is written is read by ``c2f.experiments.corruptions.tables``. An output folder holds the record ``runs/NAME.json``
and, while a run is under way, ``checkpoints/NAME--seedS.json``.

Axes: N pictures, B pictures of one batch, C channels, H = W rows and columns, T answers, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from c2f import networks, zoo
from c2f.common.checks import positive_int
from c2f.corruptions import SEVERITIES, table_for
from c2f.corruptions.arrays import Arrays, is_arrays
from c2f.datasets import class_folders_of
from c2f.datasets.data_name import DataName
from c2f.datasets.selection import SUBSET_SEED
from c2f.experiments.corruptions.evaluation import OnTheFly, Scores, Source, Tree, check_kinds, evaluate
from c2f.runs.execution import Execution, check_options
from c2f.runs.experiment import Measured, Plan, record_measurement
from c2f.runs.folder import run_name
from c2f.runs.parts import PartialResults
from c2f.runs.record import RecordError, Run
from c2f.zoo.models import TrainedModel
from c2f.zoo.predict import predict_fn_of
from c2f.zoo.samples import PICTURES, draw, test_pictures

SEED = 0
"""Of the corruptions' random numbers, the same for every network, so that all see the same pictures."""


@dataclass(frozen=True)
class Origin:
    """Where corrupted pictures come from, other than from the data set's own test pictures.

    ``test_data``: another data set of the same classes. ``tree``: a folder ``TYPE/SEVERITY/CLASS`` instead of
    corrupting on the fly, with ``clean``, a folder ``CLASS`` of the pictures as they were, or None; ``workers`` read
    it. Classes are matched by their folders' names, WordNet numbers where the training's data set has them. A tree may
    also be one of files ``TYPE.npy``, as CIFAR-10-C is. ``stored_as``: as for ``c2f.corruptions.corrupt``.
    """

    test_data: str | None = None
    tree: Path | None = None
    clean: Path | None = None
    workers: int = 4
    stored_as: str | None = None

    def __post_init__(self) -> None:
        positive_int(self.workers, "workers", minimum=0, maximum=1024)
        if self.tree is None and self.clean is not None:
            raise ValueError(f"clean {str(self.clean)!r} goes with a tree of corrupted pictures: give the tree too")
        if self.tree is not None and (self.test_data is not None or self.stored_as is not None):
            raise ValueError("a tree holds its pictures as they are: leave test_data and stored_as out")


def corruption_name(trained: str, whole: bool = False, tree: Path | None = None) -> str:
    """Return the name of the record of corruptions of the training record ``trained``; of a tree by its folder's."""
    return f"{run_name(trained, f'folder:{tree}') if tree else trained}--corruptions{'--all' if whole else ''}"


def corruption_run(
    network: str,
    data: str,
    seed: int,
    *,
    output: Path,
    types: Sequence[str] = (),
    pictures: int | None = PICTURES,
    origin: Origin | None = None,
    weights: Path | None = None,
    **how: Unpack[Execution],
) -> Run:
    """Classify corrupted pictures, every type at every severity, and record how many answers are right.

    A run that ``output`` already holds is returned as it is; one that was interrupted goes on with the type and
    severity at which it stopped. Every network sees the same pictures.

    Args:
        network: the name of one that classifies pictures in ``c2f.networks.names()``.
        data, seed: of the training.
        output: the folder, see the module's text.
        types: names in ``c2f.corruptions.names()``; all fifteen where there are none.
        pictures: how many test pictures, drawn by ``c2f.datasets.selection.stratified_subset``; None takes all. A tree
            is always taken whole.
        origin: of the pictures; by default the test pictures of ``data``, corrupted on the fly.
        weights: the folder with the training's record and weights; None takes those that come with the book.
        **how: see ``c2f.runs.execution.Execution``.

    Returns:
        The run; its values are in [0, 1] and hold ``mean`` over types and severities, ``clean``, each type's mean over
        severities, all of the last answer, and ``mean T`` and ``clean T`` of each. Its details hold the counts, see
        ``scores``.

    Raises:
        ValueError: a bad name or number, or pictures that cannot be corrupted.
        FileNotFoundError: a data set, the photographs of frost, or a folder or file of a tree is not here; the remedy.
        c2f.runs.record.RecordError: no such weights, or ``output`` holds this with other parameters.
        c2f.runs.parts.OutOfTime: the deadline is near.
    """
    chosen, origin = check_kinds(types), origin or Origin()
    check_options(how, Execution)
    device = how.get("device", "cpu")
    model = _load(network, data, seed, weights)
    source, described = _source(model, data, chosen, pictures, origin, device)
    name = corruption_name(model.record.name, pictures is None and not origin.tree, origin.tree)
    plan = Plan(name, "corruptions", seed, described, output, model.weights, how)

    def measure(parts: PartialResults) -> Measured:
        found = evaluate(predict_fn_of(model, device), source, parts, device)
        details = {"correct": found.correct, "clean": found.clean, "pictures": found.pictures}
        return Measured(_values(found), details)

    return record_measurement(plan, measure)


def _load(network: str, data: str, seed: int, weights: Path | None) -> TrainedModel:
    if networks.kind_of(network) == "segmentation":
        raise ValueError(f"{network} does not classify pictures, but their pixels: take another kind of network")
    return zoo.load(network, data, seed, weights)


def _source(
    model: TrainedModel, data: str, kinds: tuple[str, ...], count: int | None, origin: Origin, device: str
) -> tuple[Source, dict[str, Any]]:
    """Return the corrupted pictures, and what defines the evaluation as it stands in its record."""
    about = model.record.parameters
    keys = [key for key in ("network", "data", "recipe", "look", "losses", "merge", "scaler") if key in about]
    size = about["image_size"]
    described: dict[str, Any] = {key: about[key] for key in keys} | {"image_size": size, "kinds": list(kinds)}
    if origin.tree is not None:
        facts = {"tree": origin.tree.name, "has_clean": origin.clean is not None}
        return _tree(model, kinds, origin, origin.tree, device), described | facts
    found = test_pictures(model, origin.test_data or data)
    places = draw(found, count, origin.test_data or data)
    source: Source = OnTheFly(
        found.select(places).to(device), kinds, seed=SEED, picture_ids=places.tolist(), stored_as=origin.stored_as
    )
    return source, described | {
        "test_data": DataName.parse(origin.test_data or data).text,
        "pictures": len(places),
        "subset_seed": SUBSET_SEED,
        "corruption_seed": SEED,
        "table": table_for(size),
        "stored_as": origin.stored_as,
    }


def _tree(model: TrainedModel, kinds: tuple[str, ...], origin: Origin, tree: Path, device: str) -> Source:
    """Return what reads the ``tree`` of ``origin``: class folders or numpy files."""
    about = model.record.parameters
    if is_arrays(tree):
        if about["in_channels"] != 3 or origin.clean is not None:
            raise ValueError(
                f"{tree} holds numpy files as CIFAR-10-C does, of coloured pictures and without a folder of those "
                "as they were: take a network of 3 channels, and leave clean out"
            )
        return Arrays(tree, kinds, classes=model.classes, image_size=about["image_size"], device=device)
    return Tree(
        tree,
        origin.clean,
        kinds,
        classes=class_folders_of(about["data"], model.classes),
        image_size=about["image_size"],
        channels=about["in_channels"],
        workers=origin.workers,
        device=device,
    )


def _values(found: Scores) -> dict[str, float]:
    values = {"mean": found.mean()}
    values |= {kind: sum(found.accuracy(kind)) / len(SEVERITIES) for kind in found.correct}
    values |= {f"mean {t}": found.mean(t - 1) for t in range(1, found.answers + 1)}
    if found.clean is not None:
        values["clean"] = found.clean[-1] / found.pictures
        values |= {f"clean {t}": right / found.pictures for t, right in enumerate(found.clean, start=1)}
    return values


def scores(run: Run) -> Scores:
    """Return the counts of a recorded run.

    Raises:
        c2f.runs.record.RecordError: a run of something else.
    """
    if "correct" not in run.details:
        raise RecordError("the run is none of corruptions: take a record that `c2f corrupt` wrote")
    return Scores(run.details["correct"], run.details["pictures"], run.details["clean"])
