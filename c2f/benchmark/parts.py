"""What a benchmark consists of, a row a part: what it measures, and of which networks it can be measured.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from c2f import attacks, corruptions, networks
from c2f.attacks import gradient, masking
from c2f.common.checks import positive_int
from c2f.experiments.corruptions.run import Origin, corruption_name, corruption_run
from c2f.experiments.evaluation.run import evaluation_run
from c2f.experiments.glimpses.cost import peak_bytes
from c2f.experiments.localization.run import locate_run
from c2f.experiments.robustness.records import attack_name
from c2f.experiments.robustness.run import RESTARTS, attack_run
from c2f.metrics.classification import inference_time
from c2f.metrics.localization.objects import find_objects
from c2f.networks.own import is_own
from c2f.networks.summary import multiply_adds
from c2f.runs.execution import Execution
from c2f.runs.folder import SHIPPED, record_path, run_name
from c2f.runs.record import Run, read
from c2f.zoo.samples import PICTURES, TestSample, load_sample, test_pictures

EPSILONS = {"1/255": 1 / 255, "2/255": 2 / 255, "4/255": 4 / 255, "8/255": 8 / 255}
"""Largest changes of a channel value under projected gradient descent, where white is 1."""
MASKING_AT = 2 / 255
"""The change at which the gradients are checked."""
MASKING_PICTURES = 100
THRESHOLD_PICTURES, SCORED = 100, 500
"""Pictures on which thresholds of maps are chosen, and others that are scored, at the most."""
BATCHES = (1, 100)
"""How many pictures a network is timed on at once."""


@dataclass(frozen=True)
class Subject:
    """A trained network, the data it is measured on, and how thoroughly.

    Attributes:
        network: a name in ``c2f.networks.names()``, or ``FILE.py:FUNCTION``.
        data: of its training, whose test pictures are taken.
        seed: of the training.
        output: the folder of the records of all parts.
        pictures: how many test pictures are attacked and corrupted.
        restarts: searches of an attack with other random numbers, of which the best counts.
        weights: the folder of the training; None takes those that come with the book.
        how: the runs are carried out.
        test_data: a data set of the same classes whose test pictures are taken; None takes those of ``data``.
    """

    network: str
    data: str
    seed: int
    output: Path
    pictures: int = PICTURES
    restarts: int = RESTARTS
    weights: Path | None = None
    how: Execution | None = None
    test_data: str | None = None

    def __post_init__(self) -> None:
        positive_int(self.pictures, "pictures")
        positive_int(self.restarts, "restarts", maximum=1000)
        positive_int(self.seed, "seed", minimum=0)

    @property
    def device(self) -> str:
        """As torch names it."""
        return (self.how or {}).get("device", "cpu")

    @cached_property
    def sample(self) -> TestSample:
        """The network and the pictures."""
        return load_sample(self.network, self.data, self.seed, self.pictures, self.weights, self.test_data)

    @property
    def title(self) -> str:
        """What a table calls the network."""
        return Path(self.network).name if is_own(self.network) else networks.title(self.network)

    def recorded(self, name: str, parameters: Mapping[str, Any]) -> Run | None:
        """Return the book's own run called ``name`` of the same weights and ``parameters``, or None."""
        path = record_path(SHIPPED, name)
        if self.weights is not None or self.test_data or is_own(self.network) or not path.exists():
            return None
        there = read(path)
        run = there.run(self.seed)
        same = all(there.parameters.get(key) == value for key, value in parameters.items())
        return run if same and run is not None and run.details["weights"] == self.sample.model.weights else None


def accuracy(subject: Subject) -> dict[str, float]:
    """Return ``accuracy``, ``top5`` and ``loss`` on the whole test set. What is said of each picture is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        run = evaluation_run(
            subject.network, subject.test_data or subject.data, subject.seed, output=Path(folder),
            trained_on=subject.data, weights=subject.weights, **(subject.how or {}),
        )  # fmt: skip
    return {name: run.values[name] for name in ("accuracy", "top5", "loss") if name in run.values}


def cost(subject: Subject) -> dict[str, float]:
    """Return ``parameters``, ``multiply_adds``, ``ms at batch B`` (median, a picture) and ``peak_mib`` (of tensors, at
    the largest batch).
    """
    model = subject.sample.model
    network, side, channels = model.classifier.to(subject.device), model.image_size, model.in_channels
    timed = {}
    for batch in BATCHES:
        pictures = torch.zeros(batch, channels, side, side, device=subject.device)
        timed[f"ms at batch {batch}"] = 1000 * inference_time(network, pictures) / batch
    return {
        "parameters": float(sum(p.numel() for p in model.network.parameters())),
        "multiply_adds": float(multiply_adds(network, channels, side)),
        **timed,
        "peak_mib": peak_bytes(network, channels, side, max(BATCHES)) / 2**20,
    }


def attacked(names: tuple[str, ...], subject: Subject) -> dict[str, float]:
    """Return of each attack the ``l2_at_50`` and ``points_lost`` that are defined, protocol ``minimal``."""
    values: dict[str, float] = {}
    for name in names:
        same = {"pictures": subject.pictures, "repetitions": subject.restarts, "protocol": "minimal"}
        run = subject.recorded(attack_name(subject.network, subject.data, name, "minimal"), same)
        if run is None:
            run = attack_run(
                subject.network, subject.data, subject.seed, name, output=subject.output, restarts=subject.restarts,
                pictures=subject.pictures, weights=subject.weights, test_data=subject.test_data, **(subject.how or {}),
            )  # fmt: skip
        wanted = ("l2_at_50", "points_lost")
        values |= {f"{name} {what}": run.values[what] for what in wanted if what in run.values}
    return values


def gradients(subject: Subject) -> dict[str, float]:
    """Return the accuracy that projected gradient descent leaves at each of ``EPSILONS`` (``pgd E``), and how many
    tests of the check for masked gradients are ``suspicious``.
    """
    sample = subject.sample
    network, mean = sample.model.classifier.to(subject.device), sample.model.mean
    model = attacks.victim(network, mean=mean, device=subject.device)
    x, y = sample.images.to(subject.device), sample.labels.to(subject.device)
    curve = gradient.accuracy_against_epsilon("pgd_linf", model, x, y, list(EPSILONS.values()))
    values = {f"pgd {name}": share for name, share in zip(EPSILONS, curve.accuracy, strict=True)}
    few = slice(MASKING_PICTURES)
    report = masking.check(
        network, x[few], y[few], MASKING_AT, mean=mean, device=subject.device, auto=_auto(), seed=subject.seed
    )
    suspicious = sum(test.verdict == masking.SUSPICIOUS for test in report.tests)
    return {**values, "suspicious": float(suspicious)}


def _auto() -> str:
    try:
        masking.check_installed()
    except ModuleNotFoundError:
        return "none"
    return "quick"


def corrupted(subject: Subject) -> dict[str, float]:
    """Return the accuracy on corrupted pictures: mean over severities of each type, and ``corrupted`` over all that can
    be made here (frost needs its photographs: ``c2f fetch frost``).
    """
    types = corruptions.available()
    name = corruption_name(run_name(subject.network, subject.data))
    run = subject.recorded(name, {"pictures": subject.pictures, "stored_as": None, "kinds": types})
    if run is None:
        run = corruption_run(
            subject.network, subject.data, subject.seed, output=subject.output, types=types,
            pictures=subject.pictures, weights=subject.weights, origin=Origin(subject.test_data), **(subject.how or {}),
        )  # fmt: skip
    kinds = {f"corrupted {kind}": run.values[kind] for kind in run.details["correct"]}
    return {"corrupted": run.values["mean"], **kinds}


def located(subject: Subject) -> dict[str, float]:
    """Return of the last layer's Grad-CAM maps ``pointing``, ``energy`` and ``px_ap``, and what a box in the middle and
    a random map reach.
    """
    few = subject.pictures // 6 + 1  # small runs choose thresholds on few pictures too
    run = locate_run(
        subject.network, subject.data, subject.seed, output=subject.output, faithful=0,
        threshold_pictures=min(few, THRESHOLD_PICTURES), pictures=min(subject.pictures - few, SCORED),
        weights=subject.weights, test_data=subject.test_data, **(subject.how or {}),
    )  # fmt: skip
    measures, last = ("pointing", "energy", "px_ap"), list(run.details["layers"])[-1]
    values = {what: run.values[f"{last} {what}"] for what in measures}
    for baseline in ("centre box", "random map"):
        values |= {f"{what} of a {baseline}": run.details["baselines"][baseline][what] for what in measures}
    return values


def _anything(subject: Subject) -> str:
    return ""


def _with_objects(subject: Subject) -> str:
    if not (is_own(subject.network) or subject.network in networks.names("classifier")):
        return "its maps are measured in chapters 9 and 10: Grad-CAM needs a layer that a classifier of the book names"
    tested_on = subject.test_data or subject.data
    some = test_pictures(subject.sample.model, tested_on).select(subject.sample.indices[:1])
    try:
        find_objects(some, tested_on)
    except ValueError as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class Part:
    """A part of the benchmark.

    ``title``: of its rows. ``measure``: returns values by name. ``why_not``: returns why it cannot be measured of a
    subject, or an empty text.
    """

    title: str
    measure: Callable[[Subject], dict[str, float]]
    why_not: Callable[[Subject], str] = _anything


NOISE = ("additive_gaussian", "additive_uniform", "blended_uniform", "salt_and_pepper")
PARTS: dict[str, Part] = {
    "accuracy": Part("accuracy", accuracy),
    "cost": Part("size and cost", cost),
    "noise": Part("noise that turns the answer", partial(attacked, NOISE)),
    "blur": Part("blurring that turns the answer", partial(attacked, ("gaussian_blur", "contrast"))),
    "spatial": Part("shifts and rotations that turn the answer", partial(attacked, ("shifts", "spatial"))),
    "gradients": Part("projected gradient descent, with the check for masked gradients", gradients),
    "corruptions": Part("fifteen common corruptions in five severities", corrupted),
    "localization": Part("whether its maps lie on the object", located, _with_objects),
}
"""Name -> part, in the order of the table."""
