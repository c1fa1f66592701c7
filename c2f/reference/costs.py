"""What pieces of the reference runs cost, in core-minutes: by what was recorded or measured, never by a guess.

One function a kind of piece; each returns None where nothing is known. A core-minute is a minute of one thread.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from c2f import networks
from c2f.datasets import INFO
from c2f.datasets.canvas import CANVAS
from c2f.datasets.data_name import DataName
from c2f.experiments.glimpses.recipes import GlimpseRecipe
from c2f.experiments.highres.recipes import DenseRecipe
from c2f.experiments.segmentation.training import MeshRecipe
from c2f.metrics.classification import inference_time
from c2f.runs.folder import SHIPPED
from c2f.runs.record import Record, Run, read_folder
from c2f.training.engine import Trial, core_seconds, measure_step
from c2f.training.loop import classifying
from c2f.training.recipes import Recipe, recipe_name
from c2f.training.speed import remember, remembered

SMALL = 16
"""Pictures of the batch on which a network is measured that nothing is known of."""
_SHAPES = {
    "mnist": (1, 28),
    "fashion-mnist": (1, 28),
    "cifar10": (3, 32),
    "cifar10-aug": (3, 32),
    "scenes": (3, 64),
    "tiny-imagenet": (3, 64),
}
"""Channels and side of the pictures of each recipe's data."""
_CLASSES = 10


@dataclass(frozen=True)
class Known:
    """What past runs tell: the records of ``output`` and of the book, short runs and others that lie apart among them.

    Runs on a GPU tell nothing of core-minutes and are left out.
    """

    output: Path

    @cached_property
    def runs(self) -> list[tuple[Record, Run]]:
        """All of them, read once."""
        records = [record for folder in _folders(self.output) for record in read_folder(folder).values()]
        return [(r, run) for r in records for run in r.runs if not run.environment.get("peak_device_memory_bytes")]

    def of(self, kind: str, **same: Any) -> Iterator[tuple[Record, Run]]:
        """Yield the runs of each record of ``kind`` that has the parameters ``same``."""
        for record, run in self.runs:
            if record.kind == kind and all(record.parameters.get(key) == value for key, value in same.items()):
                yield record, run

    @cached_property
    def inference(self) -> dict[tuple[str, str], float]:
        """Core-minutes that a network takes for a picture, by network and data, as its trainings recorded them."""
        found: dict[tuple[str, str], list[float]] = {}
        for record, run in self.runs:
            if "inference_seconds_per_1000" in run.values:
                minutes = run.values["inference_seconds_per_1000"] * run.environment["threads"] / 60_000
                found.setdefault((record.parameters["network"], record.parameters["data"]), []).append(minutes)
        return {key: median(values) for key, values in found.items()}


def known_of(output: Path) -> Known:
    """Return what past runs tell, read again only where a record has come or gone since."""
    return _known(output, tuple(folder.stat().st_mtime_ns for folder in _folders(output)))


@lru_cache(maxsize=2)
def _known(output: Path, changed: tuple[int, ...]) -> Known:
    return Known(output)


def _folders(output: Path) -> list[Path]:
    """Return the folders of records below ``output`` and of the book."""
    roots = dict.fromkeys(root.resolve() for root in (output, SHIPPED))
    return sorted(folder for root in roots for level in ("", "*/", "*/*/") for folder in root.glob(f"{level}runs"))


def minutes_of(run: Run) -> float:
    """Return the core-minutes that a run took."""
    return float(run.environment["seconds"]) * float(run.environment["threads"]) / 60


def _middle(values: Iterable[float]) -> float | None:
    every = list(values)
    return median(every) if every else None


def _shape(data: str) -> tuple[int, int] | None:
    """Return channels and side of a data set's pictures; None of a folder's."""
    name = DataName.parse(data)
    if name.on_canvas:
        return _SHAPES[recipe_name(data.removeprefix("canvas-"))][0], CANVAS
    return _SHAPES.get(recipe_name(data)) if data in INFO else None


def _shown(data: str, epochs: int, validation: float) -> float | None:
    """Return how many pictures a training is shown, each epoch's counted."""
    row = INFO.get(data.removeprefix("canvas-"))
    return None if row is None else row.train * (1 - validation) * epochs


def _trained(
    known: Known,
    kind: str,
    network: str,
    data: str,
    recipe: Recipe | GlimpseRecipe | DenseRecipe | MeshRecipe,
    alike: Callable[[Record, Run], bool] = lambda record, run: True,
) -> float | None:
    """Return what a training costs by recorded ones of the network on pictures of the same shape, picture by picture;
    those of the same data alone where there are any.
    """
    shown = _shown(data, recipe.epochs, recipe.validation)
    a_picture: dict[bool, list[float]] = {True: [], False: []}
    for record, run in known.of(kind, network=network):
        there = record.parameters["data"]
        theirs = record.parameters["recipe"]
        before = _shown(there, theirs["epochs"], theirs["validation"])
        if before and _shape(there) == _shape(data) and alike(record, run):
            a_picture[there == data].append(minutes_of(run) / before)
    each = _middle(a_picture[True] or a_picture[False])
    return None if each is None or shown is None else each * shown


def training(network: str, data: str, recipe: Recipe, merge: str, precision: str, known: Known) -> float | None:
    """Return what a classifier's training costs: by the quickest step that is remembered here, else by recorded
    trainings, else by a step of a few pictures that is measured now and remembered.

    A step is forward and backward; what an epoch takes besides, some hundredths, is not counted.
    """
    shown = _shown(data, recipe.epochs, recipe.validation)
    if shown is None or _shape(data) is None:
        return None

    def by_step(seconds: float | None, pictures: int) -> float | None:
        return None if seconds is None else seconds / pictures * shown / 60

    def alike(record: Record, run: Run) -> bool:
        return record.parameters["merge"] == merge and run.details.get("precision", "float32") == precision

    full, few = (_trial(network, data, merge, pictures) for pictures in (recipe.batch_size, SMALL))
    found = by_step(core_seconds(full, precision), recipe.batch_size)
    found = _trained(known, "training", network, data, recipe, alike) if found is None else found
    found = by_step(core_seconds(few, precision), SMALL) if found is None else found
    found = by_step(measure_step(few, precision), SMALL) if found is None else found
    return found if found is not None and math.isfinite(found) else None  # infinite: it cannot be carried out here


def _trial(network: str, data: str, merge: str, pictures: int) -> Trial:
    """Return the trial of one step on so many pictures of nothing, of the shape of the data's."""
    channels, side = _shape(data) or (1, 1)
    built = _network(network, channels, side, merge)
    batch = torch.zeros(pictures, channels, side, side), torch.zeros(pictures, dtype=torch.int64)
    return Trial(built, partial(classifying, batch_size=pictures), lambda: batch, 1, name=network)


@cache
def _network(network: str, channels: int, side: int, merge: str) -> nn.Module:
    return networks.build(network, channels, _CLASSES, side, merge=merge, seed=0)


def _inference(network: str, data: str, known: Known) -> float | None:
    """Return the core-minutes a picture: as trainings recorded it, else measured on a few pictures and remembered."""
    recorded = known.inference.get((network, data))
    shape = _shape(data)
    if recorded is not None or shape is None or network not in networks.names("classifier"):
        return recorded
    what = f"{network}, answers to {SMALL}x{shape[0]}x{shape[1]}x{shape[1]}, 1 threads, torch {torch.__version__}"
    seconds = remembered().get(what, {}).get("plain float32")
    if seconds is None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            pictures = _trial(network, data, "sum_concat", SMALL)
            seconds = inference_time(pictures.network, pictures.batch()[0])
        finally:
            torch.set_num_threads(threads)
        remember(what, {"plain float32": seconds})
    return seconds / SMALL / 60


def _measured(
    known: Known, kind: str, network: str, data: str, pictures: Callable[[dict[str, Any]], float], **same: Any
) -> float | None:
    """Return what a measurement costs a picture by recorded ones: of the same network and data, else of any, scaled by
    how long the networks take to answer.

    Args:
        known: see ``Known``.
        kind: of the records.
        network, data: of what is measured.
        pictures: maps the parameters of a record to how many it measured.
        **same: parameters that the records must have.
    """
    own = [minutes_of(run) / pictures(r.parameters) for r, run in known.of(kind, network=network, data=data, **same)]
    if own:
        return median(own)
    answers = _middle(
        minutes_of(run) / pictures(record.parameters) / known.inference[key]
        for record, run in known.of(kind, **same)
        if (key := (record.parameters["network"], record.parameters["data"])) in known.inference
    )
    answer = None if answers is None else _inference(network, data, known)
    return None if answers is None or answer is None else answers * answer


def attack(
    network: str, data: str, protocol: str, attacks: tuple[str, ...], pictures: int | None, known: Known
) -> float | None:
    """Return what attacks cost, and the ablation of scales that follows those of a top-down network; ``pictures`` None
    for the whole test set.
    """
    kinds = ("attack", "ablation") if networks.family_name(network) != network else ("attack",)
    each = [one_attack(network, data, protocol, name, pictures, known, kind=kind) for name in attacks for kind in kinds]
    told = [minutes for minutes in each if minutes is not None]
    return sum(told) if len(told) == len(each) else None


def one_attack(
    network: str, data: str, protocol: str, attack: str, pictures: int | None, known: Known, kind: str = "attack"
) -> float | None:
    """Return what one attack costs, or with another ``kind`` of record its ablation of scales; see ``attack``."""
    if pictures is None:
        row = INFO.get(data)
        pictures = None if row is None else row.test
    same = {"attack": attack, "protocol": protocol}
    each = _measured(known, kind, network, data, lambda parameters: parameters["pictures"], **same)
    return None if each is None or pictures is None else each * pictures


def localization(network: str, data: str, maps: str, faithful: int, pictures: int, known: Known) -> float | None:
    """Return what measuring one kind of maps costs; ``pictures`` counts those that the threshold is chosen on too."""

    def all_of(parameters: dict[str, Any]) -> float:
        return float(parameters["chosen"] + parameters["pictures"])

    each = _measured(known, "localization", network, data, all_of, maps=maps, faithful=faithful)
    return None if each is None else each * pictures


def benchmark(network: str, data: str, known: Known) -> float | None:
    """Return what a benchmark costs, as others of the same network and data did."""
    took = [
        minutes_of(run)
        for record, run in known.runs
        if record.kind == "benchmark" and (record.parameters["network"], record.parameters["data"]) == (network, data)
    ]
    return median(took) if took else None


def evaluation(kind: str, network: str, data: str, known: Known) -> float | None:
    """Return what corruptions or PGD (``kind`` of the record) cost by those of other seeds."""
    return _middle(minutes_of(run) for _, run in known.of(kind, network=network, data=data))


def maps(kind: str, data: str, config: str, known: Known) -> float | None:
    """Return what maps or decoders (``kind`` of the record) cost by those of models of the same configuration on
    pictures of the same shape; those of the same data alone where there are any.
    """
    found: dict[bool, list[float]] = {True: [], False: []}
    for record, run in known.of(kind):
        there = record.parameters["data"]
        if record.parameters["recipe"]["config"] == config and _shape(there) == _shape(data):
            found[there == data].append(minutes_of(run))
    return _middle(found[True] or found[False])


def glimpses(network: str, data: str, recipe: GlimpseRecipe, known: Known) -> float | None:
    """Return what training a glimpse network costs by recorded ones."""
    return _trained(known, "glimpse", network, data, recipe)


def densenet(model: str, data: str, recipe: DenseRecipe, known: Known) -> float | None:
    """Return what training a model for maps costs by recorded ones of its configuration."""

    def alike(record: Record, run: Run) -> bool:
        return bool(record.parameters["recipe"]["config"] == recipe.config)

    return _trained(known, "densenet", model, data, recipe, alike)


def segmentation(network: str, data: str, recipe: MeshRecipe, width: int, known: Known) -> float | None:
    """Return what training a segmentation network costs by recorded ones of its width."""
    return _trained(
        known, "segmentation", network, data, recipe, lambda record, run: record.parameters["width"] == width
    )
