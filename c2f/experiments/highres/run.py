"""The half or the full model trained and tested on a data set for one seed, recorded, and loaded again.

The output folder is laid out as in ``c2f.experiments.classification.run``; a run's name is ``densenet_half--DATA`` or
``densenet_full--DATA``.

Axes: N pictures, K classes.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

import torch

from c2f import networks, zoo
from c2f.common.checks import choose, positive_int
from c2f.common.share import share_of
from c2f.datasets.data_name import DataName
from c2f.experiments.highres.data import Parts, load_parts
from c2f.experiments.highres.recipes import DenseRecipe
from c2f.experiments.highres.training import best_epoch, dense_trial, fit_dense, losses
from c2f.metrics.report import report
from c2f.networks.densenet_fcn import (
    DENSENET_TITLES,
    HALF,
    FullDenseNet,
    HalfDenseNet,
    build_densenet,
    check_same_scores,
    transfer,
)
from c2f.networks.summary import multiply_adds
from c2f.runs.execution import Sitting, TrainingExecution, check_options
from c2f.runs.experiment import Plan, Trained, record_training
from c2f.runs.folder import folder_with, run_name
from c2f.runs.record import Run
from c2f.training.engine import settle
from c2f.training.parallel import share_out


def _parameters(model: str, data: str, recipe: DenseRecipe, parts: Parts) -> dict[str, Any]:
    """Return what defines the experiment, as it stands in its record."""
    shape = {"num_classes": len(parts.classes), "image_size": parts.image_size, "in_channels": parts.in_channels}
    network: Any = networks.build(choose(model, DENSENET_TITLES, "model"), **shape, config=recipe.config, seed=0)
    trained = [parameter.numel() for parameter in network.parameters() if parameter.requires_grad]
    return {
        "network": model,
        "data": DataName.parse(data).text,
        "recipe": asdict(recipe),
        **shape,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "trained_parameters": sum(trained),
        # With the expanding path, which the class scores do not need.
        "multiply_adds": multiply_adds(network, parts.in_channels, parts.image_size, lambda n, x: n.outputs(x)),
    }


def half_folder(data: str, seed: int, output: Path, given: Path | None = None) -> Path:
    """Return the folder with the half model's weights: ``given``, or the book's own if it alone has them."""
    return folder_with(output, run_name(HALF, data), seed) if given is None else given


def _trained_half(data: str, seed: int, folder: Path) -> tuple[HalfDenseNet, dict[str, str]]:
    """Return the half model that a full one takes over, and the file name and sha256 of its weights."""
    half = zoo.load(HALF, data, seed, folder)
    return half.network_of(HalfDenseNet), half.weights


def _values(
    network: HalfDenseNet | FullDenseNet, parts: Parts, half: HalfDenseNet | None
) -> tuple[dict[str, float], list]:
    """Return the test scores, and the confusion counts."""
    result = report(network, parts.test, len(parts.classes))
    share, values = share_of(parts.test), {"test_loss": result.loss, "test_accuracy": result.accuracy}
    if len(parts.classes) > 5:
        values["test_top5"] = result.top(5)
    for how, average in result.averages.items():
        values |= {f"test_{how}_{name}": value for name, value in asdict(average).items() if how != "micro"}
    if half is not None:
        squared = []
        with torch.no_grad():
            for x, y in parts.test.epoch(0):
                check_same_scores(half, network, x, len(x))
                squared.append(losses(network, x, y)[0])
        each = share.gather(torch.cat(squared)).double()
        values["test_rebuilt_error"] = float(each.mean().sqrt())
    return values, result.confusion.tolist()


def densenet_run(
    model: str,
    data: str,
    seed: int,
    output: Path,
    *,
    recipe: DenseRecipe,
    half_weights: Path | None = None,
    workers: int | None = None,
    **how: Unpack[TrainingExecution],
) -> Run:
    """Train a model on ``data`` for one seed, test it, write weights and record, and return the run.

    A run that ``output`` holds is returned as it is; one that was interrupted is resumed from its checkpoint. The seed
    fixes the weights, the held-out draw, the order and the augmentation. The full model takes over the half model of
    the same data and seed, and every test picture is checked: both must give it the same class scores, bit for bit.

    Args:
        model: ``densenet_half`` or ``densenet_full``.
        data: a data set's name or ``folder:PATH``.
        seed: at least 0.
        output: the folder, see the module's text.
        recipe: from ``dense_recipe``.
        half_weights: the folder with the half model's weights; None takes ``output`` if it has them, else those that
            come with the book. Only the full model asks.
        workers: as for ``load_parts``.
        **how: see ``c2f.runs.execution.TrainingExecution``.

    Returns:
        The run. Its values hold ``test_loss``, ``test_accuracy``, ``test_top5`` (with more than five classes), the
        macro and weighted averages of precision, recall and F1, of a full model ``test_rebuilt_error`` (root mean
        square, in grey levels), and the times. Its details hold the history, the best epoch (from 1), the classes, the
        counts of pictures and the confusion counts.

    Raises:
        ValueError: an unknown model or data set, a number out of range, a size that the configuration cannot halve, or
            class scores that differ.
        RecordError: there is no half model, or ``output`` holds runs of this name with other parameters.
        OutOfTime: the deadline came first; run again to go on.
    """
    name = run_name(choose(model, DENSENET_TITLES, "model"), data)
    check_options(how, TrainingExecution)
    device = how.get("device", "cpu")
    positive_int(seed, "seed", minimum=0)
    parts = load_parts(data, recipe, seed, device, workers)
    share_out(how, parts.train, parts.validation, parts.test)
    described = _parameters(model, data, recipe, parts)
    facts = {"classes": list(parts.classes), "pictures": parts.counts}
    plan = Plan(name, "densenet", seed, described, output, how=how, facts=facts)

    def train(sitting: Sitting) -> Trained:
        shape = {key: described[key] for key in ("num_classes", "image_size", "in_channels")}
        network = build_densenet(model.removeprefix("densenet_"), **shape, config=recipe.config, seed=seed)
        half, identity = None, dict[str, Any](network=model, data=described["data"])
        if isinstance(network, FullDenseNet):
            half, identity["half"] = _trained_half(data, seed, half_folder(data, seed, output, half_weights))
            transfer(half, network)
            half.to(device)
        network.to(device)
        engine = settle(dense_trial(network, parts.train, recipe, model), how, sitting["checkpoint"])
        history = fit_dense(
            network,
            parts.train,
            parts.validation,
            recipe,
            seed=seed,
            identity=identity,
            engine=engine,
            **sitting,
        )
        values, confusion = _values(network, parts, half)
        train_seconds = sum(history.seconds)  # earlier, interrupted sittings included
        details = {
            "history": vars(history),
            "best_epoch": best_epoch(history, full=half is not None) + 1,
            "confusion": confusion,
            **facts,
            **engine.facts(),
            **({"half": identity["half"], "same_scores": parts.counts["test"]} if half is not None else {}),
        }
        return Trained(network, {**values, "train_seconds": train_seconds}, details, train_seconds)

    return record_training(plan, train)
