"""The Multi-Glimpse experiment: one network trained and tested for one seed, recorded, and loaded again.

::

    run = glimpse_run("mgnet_small_cnn", "scenes-fashion-mnist-sample", seed=0, output=Path("output"))
    network = zoo.load("mgnet_small_cnn", "scenes-fashion-mnist-sample", 0, Path("output")).network
    network(pictures).logits  # pictures (N, 3, 64, 64) in [0, 1], to (4, N, 10)

The output folder is laid out as in ``c2f.experiments.classification.run``; a run's name is ``KIND_BACKBONE--DATA``. All
networks take pictures in [0, 1]; mean and standard deviation of the training pictures are part of them
(``Standardise``).

Axes: N pictures, C channels, H rows, W = H columns, T glimpses, K classes.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Unpack

from c2f.common.checks import choose, positive_int
from c2f.datasets.data_name import DataName
from c2f.experiments.glimpses.cost import equal_compute, multiply_adds, multiply_adds_by_glimpse, one_pass
from c2f.experiments.glimpses.data import GlimpseData, load_data
from c2f.experiments.glimpses.evaluation import GlimpseEvaluation, evaluate_glimpses
from c2f.experiments.glimpses.recipes import SETUPS, Setup, setup_name
from c2f.experiments.glimpses.training import fit_glimpses, glimpse_trial
from c2f.networks.glimpse.losses import LossSettings
from c2f.networks.glimpse.names import GLIMPSE_KINDS, split_glimpse_name
from c2f.networks.glimpse.network import GlimpseSettings, MultiGlimpse, build
from c2f.runs.execution import Sitting, TrainingExecution, check_options
from c2f.runs.experiment import Plan, Trained, record_training
from c2f.runs.folder import run_name
from c2f.runs.record import Run
from c2f.training.engine import settle
from c2f.training.parallel import share_out

EXITS = tuple(round(0.05 * k, 2) for k in range(21))
"""Confidences at which a record holds what early exit would give."""


def check_kind(kind: str, setup: Setup) -> None:
    """Raise ``ValueError`` for an unknown kind, or a single glimpse for ``mgnet``, which would be the baseline."""
    choose(kind, GLIMPSE_KINDS, "kind of network")
    if kind == "mgnet" and setup.look.glimpses < 2:
        raise ValueError("a Multi-Glimpse Network has at least 2 glimpses, not 1: take kind 'full' for a single pass")


def settings_of(kind: str, setup: Setup, in_channels: int, image_size: int) -> Setup:
    """Return ``setup`` as it is for ``kind``: the baselines look once and have no glimpse classifier.

    Raises:
        ValueError: as ``check_kind``.
    """
    check_kind(kind, setup)
    if kind == "mgnet":
        return setup
    if kind == "full":
        look = one_pass(setup.look)
    else:
        look = equal_compute(setup.backbone, in_channels, image_size, setup.look)
    return replace(setup, look=look, losses=LossSettings(alpha=0.0))


def _build(described: dict[str, Any], seed: int) -> MultiGlimpse:
    shape = {key: described[key] for key in ("in_channels", "num_classes", "image_size")}
    standard = (described["mean"], described["std"])
    return build(
        described["backbone"], **shape, settings=GlimpseSettings(**described["look"]), seed=seed, standard=standard
    )


def _parameters(kind: str, data: str, noise: float, setup: Setup, found: GlimpseData) -> dict[str, Any]:
    """Return what defines the experiment, as it stands in its record."""
    described: dict[str, Any] = {
        "network": f"{kind}_{setup.backbone}",
        "kind": kind,
        "backbone": setup.backbone,
        "data": DataName.parse(data).text,
        "noise": noise,
        "recipe": asdict(setup.recipe),
        "look": asdict(setup.look),
        "losses": asdict(setup.losses),
        "in_channels": found.in_channels,
        "num_classes": len(found.classes),
        "image_size": found.image_size,
        "mean": found.mean,
        "std": found.std,
    }
    network = _build(described, 0)
    shape = (found.in_channels, found.image_size)
    content = {
        **described,
        "trained_parameters": sum(p.numel() for p in network.parameters()),
        "multiply_adds": multiply_adds(network, *shape),
        "multiply_adds_by_glimpse": multiply_adds_by_glimpse(network, *shape, setup.look.glimpses),
    }
    return json.loads(json.dumps(content))  # as it is read again: a record knows lists and no tuples


def _values(result: GlimpseEvaluation) -> dict[str, float]:
    by_glimpse = enumerate(result.accuracy, start=1)
    return {
        "test_accuracy": result.accuracy[-1],
        "test_loss": result.loss[-1],
        **{f"test_accuracy {count}": accuracy for count, accuracy in by_glimpse},
    }


def glimpse_run(
    network: str,
    data: str,
    seed: int,
    output: Path,
    *,
    setup: Setup | None = None,
    streamed: bool = False,
    noise: float = 0.0,
    workers: int = 4,
    **how: Unpack[TrainingExecution],
) -> Run:
    """Train a network for one seed, test it, write weights and record, and return the run.

    A run that ``output`` holds is returned as it is; one that was interrupted is resumed from its checkpoint. The seed
    fixes the weights, the validation draw, the order and the places on a canvas.

    Args:
        network: a network of glimpses in ``c2f.networks.names()``, such as ``mgnet_small_cnn``.
        data: a name in ``c2f.datasets.names()`` or ``c2f.datasets.canvas.canvas_names()``, or ``folder:PATH``.
        seed: at least 0.
        output: the folder, see the module's text.
        setup: of the Multi-Glimpse Network, from which a baseline's follows, its backbone the network's; by default the
            data's in ``SETUPS``.
        streamed: read pictures from disk when they are needed, with the paper's augmentation (``folder:PATH`` only).
        noise: of pictures on a canvas.
        workers: processes that read pictures, where streamed.
        **how: see ``c2f.runs.execution.TrainingExecution``.

    Returns:
        The run. Its values hold ``test_accuracy`` and ``test_loss`` of the last answer, ``test_accuracy T`` after each
        glimpse, and times. Its details hold the history, ``exits`` (early exit at ``EXITS``), mean and spread of the
        locations by glimpse, the classes and the counts of pictures.

    Raises:
        ValueError: an unknown name, a value out of range, or pictures that are not square.
        RecordError: ``output`` holds runs of this name with other parameters.
        OutOfTime: the deadline came first; run again to go on.
    """
    check_options(how, TrainingExecution)
    positive_int(workers, "workers", minimum=0, maximum=1024)
    device = how.get("device", "cpu")
    positive_int(seed, "seed", minimum=0)
    kind, backbone = split_glimpse_name(network)
    setup = replace(setup or SETUPS[setup_name(data, streamed)], backbone=backbone)
    name = run_name(network, data)
    check_kind(kind, setup)
    found = load_data(data, setup.image_size, streamed=streamed, noise=noise)
    setup = settings_of(kind, setup, found.in_channels, found.image_size)
    described = _parameters(kind, data, noise, setup, found)
    parts = found.loaders(setup.recipe.batch_size, setup.recipe.validation, seed, device, workers)
    share_out(how, parts.train, parts.validation, parts.test)
    counts = {
        "train": parts.train.num_pictures,
        "val": 0 if parts.validation is None else parts.validation.num_pictures,
        "test": parts.test.num_pictures,
    }
    facts = {"classes": list(found.classes), "pictures": counts}
    plan = Plan(name, "glimpse", seed, described, output, how=how, facts=facts)

    def train(sitting: Sitting) -> Trained:
        looker = _build(described, seed).to(device)
        tried = glimpse_trial(looker, parts.train, setup.recipe, setup.losses, described["network"])
        engine = settle(tried, how, sitting["checkpoint"])
        history = fit_glimpses(
            looker,
            parts.train,
            setup.recipe,
            setup.losses,
            validation=parts.validation,
            seed=seed,
            identity={key: described[key] for key in ("network", "data", "noise")},
            engine=engine,
            **sitting,
        )
        result = evaluate_glimpses(looker, parts.test)
        train_seconds = sum(history.seconds)  # earlier, interrupted sittings included
        locations = result.locations.double()
        values = {
            **_values(result),
            **({} if parts.validation is None else {"val_accuracy": history.val_accuracy[history.best]}),
            "train_seconds": train_seconds,
            "inference_seconds_per_1000": result.seconds * 1000 / len(result.labels),
        }
        details = {
            "history": vars(history),
            "best_epoch": history.best + 1,
            "exits": vars(result.exits(EXITS)),
            # Records made before glimpse locations were called so have this key; it stays, so that all have one.
            "places": {"mean": locations.mean(dim=1).tolist(), "sd": locations.std(dim=1).tolist()},
            **facts,
            **engine.facts(),
        }
        return Trained(looker, values, details, train_seconds)

    return record_training(plan, train)
