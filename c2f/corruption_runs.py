"""A trained network in bad weather: evaluated on corrupted pictures, resumable, and recorded.

What is written is read by ``c2f.corruption_tables``. An output folder holds the record ``runs/NAME.json`` and, while a
run is under way, ``checkpoints/NAME--seedS.json``.

Axes: N pictures, B pictures of one batch, C channels, H = W rows and columns, T answers, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from c2f import datasets, networks, zoo
from c2f.checks import choose, positive_int
from c2f.corruptions import SEVERITIES, table_for
from c2f.corruptions.evaluation import Answers, OnTheFly, Scores, Source, Tree, check_kinds, evaluate
from c2f.datasets import canvas
from c2f.datasets.pictures import Pictures
from c2f.files import check_writable
from c2f.glimpse.experiment import KINDS, glimpse_record, load_glimpse
from c2f.glimpse.network import MultiGlimpse
from c2f.records import Record, RecordError, Run, add_run, environment
from c2f.resumable import Parts
from c2f.targets import PICTURES, SUBSET_SEED, load_target, subset

SEED = 0
"""Of the corruptions' random numbers, the same for every network, so that all see the same pictures."""


@dataclass(frozen=True)
class Origin:
    """Where corrupted pictures come from, other than from the data set's own test pictures.

    ``test_data``: another data set of the same classes. ``tree``: a folder ``TYPE/SEVERITY/CLASS`` instead of
    corrupting on the fly, with ``clean``, a folder ``CLASS`` of the pictures as they were, or None; ``workers`` read
    it. ``stored_as``: as for ``c2f.corruptions.corrupt``.
    """

    test_data: str | None = None
    tree: Path | None = None
    clean: Path | None = None
    workers: int = 4
    stored_as: str | None = None

    def __post_init__(self) -> None:
        if self.tree is None and self.clean is not None:
            raise ValueError(f"clean {str(self.clean)!r} goes with a tree of corrupted pictures: give the tree too")
        if self.tree is not None and (self.test_data is not None or self.stored_as is not None):
            raise ValueError("a tree holds its pictures as they are: leave test_data and stored_as out")


@dataclass(frozen=True)
class Trained:
    """A trained network as corruptions meet it.

    ``answers``: see ``c2f.corruptions.evaluation``. ``record``: of the training. ``weights``: their file name and
    sha256. ``classes``: the class names, in label order.
    """

    answers: Answers
    record: Record
    weights: dict[str, str]
    classes: list[str]


def answers_of(network: MultiGlimpse, device: str = "cpu") -> Answers:
    """Return a Multi-Glimpse Network as a function from pictures ``(B, C, H, H)`` in [0, 1] to logits ``(T, B, K)``.

    The network is moved and brought into inference mode.
    """
    # half again as fast on a CPU
    network = network.to(device).eval().to(memory_format=torch.channels_last)
    return lambda x: network(x.contiguous(memory_format=torch.channels_last)).logits


def load_trained(
    network: str,
    data: str,
    seed: int,
    weights: Path | None,
    backbone: str = "small_cnn",
    device: str = "cpu",
    test_data: str | None = None,
) -> Trained:
    """Load a network of the table, or one of ``c2f.glimpse.experiment.KINDS`` with ``backbone``.

    Raises:
        ValueError: an unknown name.
        c2f.records.RecordError: no such run, or weights that are missing or damaged; the remedy.
    """
    choose(network, [*KINDS, *networks.names()], "network")
    if network in KINDS:
        record = glimpse_record(data, network, weights, backbone)
        answers = answers_of(load_glimpse(data, seed, weights, network, backbone), device)
    else:
        target = load_target(network, data, seed, None, weights, test_data)
        model, mean = target.network.to(device).eval(), 0 if target.mean is None else target.mean.to(device)
        record = target.trained

        def answers(x: Tensor) -> Tensor:
            return model(x - mean)[None]

    run = record.run(seed)
    assert run is not None  # its weights have just been read
    return Trained(answers, record, record.file(seed), run.details["classes"])


def test_pictures(data: str, trained: Record) -> Pictures:
    """Return the test pictures of ``data`` at the size that the network of the record ``trained`` takes.

    Raises:
        ValueError: an unknown name, or other classes than the network's.
        FileNotFoundError: the data set is not on this machine.
    """
    size = trained.parameters["image_size"]
    if data.startswith("canvas-"):
        found = canvas.load_canvas(data, size, trained.parameters.get("noise", 0.0)).test
    else:
        found = datasets.load(data, image_size=size).test
    if len(found.classes) != trained.parameters["num_classes"]:
        raise ValueError(
            f"the network knows {trained.parameters['num_classes']} classes but {data} has {len(found.classes)}: "
            "give test_data of the same classes"
        )
    return found


def corruption_name(trained: str, whole: bool = False, tree: Path | None = None) -> str:
    """Return the name of the record of corruptions of the training record ``trained``; of a tree by its folder's."""
    return f"{zoo.run_name(trained, f'folder:{tree}') if tree else trained}--corruptions{'--all' if whole else ''}"


def corruption_run(
    network: str,
    data: str,
    seed: int,
    *,
    output: Path,
    kinds: Sequence[str] = (),
    pictures: int | None = PICTURES,
    origin: Origin | None = None,
    backbone: str = "small_cnn",
    weights: Path | None = None,
    device: str = "cpu",
    deadline: float | None = None,
    again: bool = False,
) -> Run:
    """Classify corrupted pictures, every type at every severity, and record how many answers are right.

    A run that ``output`` already holds is returned as it is; one that was interrupted goes on with the type and
    severity at which it stopped. Every network sees the same pictures.

    Args:
        network: a name in ``c2f.glimpse.experiment.KINDS`` or ``c2f.networks.names()``.
        data, seed: of the training.
        output: the folder, see the module's text.
        kinds: names in ``c2f.corruptions.names()``; all fifteen where there are none.
        pictures: how many test pictures, drawn by ``c2f.targets.subset``; None takes all. A tree is always taken whole.
        origin: of the pictures; by default the test pictures of ``data``, corrupted on the fly.
        backbone: of a network of glimpses.
        weights: the folder of the training's record and weights; None takes those that come with the book.
        device: as torch names it.
        deadline: in ``time.monotonic()``; a type and severity that would not end before it is not begun.
        again: evaluate anew what is already there.

    Returns:
        The run; its values are in [0, 1] and hold ``mean`` over types and severities, ``clean``, each type's mean over
        severities, all of the last answer, and ``mean T`` and ``clean T`` of each. Its details hold the counts, see
        ``scores``.

    Raises:
        ValueError: a bad name or number, or pictures that cannot be corrupted.
        FileNotFoundError: a data set, the photographs of frost, or a folder of a tree is not here; the remedy.
        c2f.records.RecordError: no such weights, or ``output`` holds this with other parameters.
        c2f.training.OutOfTime: the deadline is near.
    """
    chosen, origin = check_kinds(kinds), origin or Origin()
    trained = load_trained(network, data, seed, weights, backbone, device, origin.test_data)
    source, described = _source(trained, data, chosen, pictures, origin, device)
    name = corruption_name(trained.record.name, pictures is None and not origin.tree, origin.tree)
    there = zoo.find_run(output, name, seed, described)
    if there is not None and there.details["weights"] == trained.weights and not again:
        return there
    check_writable(output)
    identity = {"name": name, "seed": seed, "weights": trained.weights["sha256"], "parameters": described}
    parts = Parts(output / "checkpoints" / f"{name}--seed{seed}.json", identity, deadline)
    found = evaluate(trained.answers, source, parts, device)
    run = Run(
        seed=seed,
        values=_values(found),
        details={
            "correct": found.correct,
            "clean": found.clean,
            "pictures": found.pictures,
            "weights": trained.weights,
        },
        weights=None,
        environment=environment(device, parts.seconds),
    )
    add_run(output / "runs", name, "corruptions", described, run)
    parts.remove()
    return run


def _source(
    trained: Trained, data: str, kinds: tuple[str, ...], count: int | None, origin: Origin, device: str
) -> tuple[Source, dict[str, Any]]:
    """Return the corrupted pictures, and what defines the evaluation as it stands in its record."""
    about = trained.record.parameters
    keys = [key for key in ("network", "data", "recipe", "look", "losses", "merge", "scaler") if key in about]
    size = about["image_size"]
    described: dict[str, Any] = {key: about[key] for key in keys} | {"image_size": size, "kinds": list(kinds)}
    if origin.tree is not None:
        source: Source = Tree(
            origin.tree,
            origin.clean,
            kinds,
            classes=trained.classes,
            image_size=size,
            workers=origin.workers,
            device=device,
        )
        return source, described | {"tree": origin.tree.name, "has_clean": origin.clean is not None}
    if count is not None:
        positive_int(count, "pictures")
    found = test_pictures(origin.test_data or data, trained.record)
    if count is not None and count > len(found):
        raise ValueError(f"pictures is {count} but the test set has {len(found)}: give at most that, or all")
    places = torch.arange(len(found)) if count is None else subset(found.labels, count)
    source = OnTheFly(
        found.select(places).to(device), kinds, seed=SEED, picture_ids=places.tolist(), stored_as=origin.stored_as
    )
    return source, described | {
        "test_data": origin.test_data or data,
        "pictures": len(places),
        "subset_seed": SUBSET_SEED,
        "corruption_seed": SEED,
        "table": table_for(size),
        "stored_as": origin.stored_as,
    }


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
        c2f.records.RecordError: a run of something else.
    """
    if "correct" not in run.details:
        raise RecordError("the run is none of corruptions: take a record that `c2f corrupt` wrote")
    return Scores(run.details["correct"], run.details["pictures"], run.details["clean"])
