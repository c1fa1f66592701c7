"""The segmentation experiment: one network trained and tested on meshes for one seed, recorded, and loaded again.

The output folder is laid out as in ``c2f.experiments.classification.run``; a run's name is
``segmentation_NETWORK--DATA``.

Axes: N meshes, K classes.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Unpack

from c2f import networks
from c2f.common.checks import choose, positive_int
from c2f.datasets.batches import Batches
from c2f.datasets.data_name import DataName
from c2f.datasets.pictures import split_validation
from c2f.experiments.segmentation import meshes
from c2f.experiments.segmentation.scores import DEFINITIONS, MeshEvaluation, evaluate_meshes
from c2f.experiments.segmentation.training import MeshRecipe, fit_meshes, mesh_trial
from c2f.networks.segmentation import SEGMENTATION_NETWORKS, build_segmentation
from c2f.runs.execution import Sitting, TrainingExecution, check_options
from c2f.runs.experiment import Plan, Trained, record_training
from c2f.runs.folder import run_name
from c2f.runs.record import Run
from c2f.training.data import EVALUATION_BATCH
from c2f.training.engine import settle
from c2f.training.parallel import share_out


def _parameters(network: str, data: str, recipe: MeshRecipe, width: int, mesh_seed: int, found: meshes.Meshes) -> dict:
    """Return what defines the experiment, as it stands in its record."""
    shape = {"num_classes": len(found.classes), "image_size": found.image_size, "in_channels": found.in_channels}
    size = networks.summary(
        build_segmentation(network, **shape, width=width, seed=0), found.in_channels, found.image_size
    )
    return {
        "network": network,
        "data": DataName.parse(data).text,
        "recipe": asdict(recipe),
        "width": width,
        "mesh_seed": mesh_seed,
        "merge": "sum_concat",
        "scaler": "gaussian_resize",
        **shape,
        "trained_parameters": size.parameters,
        "multiply_adds": size.multiply_adds,
    }


def _values(result: MeshEvaluation, classes: tuple[str, ...]) -> dict[str, float]:
    """Return loss, and scores by both definitions; a class that cannot be scored is left out."""
    values = {"test_loss": result.loss}
    for definition in DEFINITIONS:
        before = "" if definition == "correct" else "published "
        scores = result.scores(definition)
        values |= {f"{before}test_mean_iou": scores.mean_iou, f"{before}test_accuracy": scores.accuracy}
        by_class = zip(classes, scores.iou.tolist(), strict=False)  # by the correct definition, "ignore" has none
        values |= {f"{before}iou {name}": iou for name, iou in by_class if iou == iou}
    return values


def segmentation_run(
    network: str,
    data: str,
    seed: int,
    output: Path,
    *,
    recipe: MeshRecipe | None = None,
    width: int = 64,
    mesh_seed: int = 0,
    **how: Unpack[TrainingExecution],
) -> Run:
    """Train ``network`` on meshes of ``data`` for one seed, test it, write weights and record, and return the run.

    A run that ``output`` holds is returned as it is; one that was interrupted is resumed from its checkpoint. The seed
    fixes the weights, the validation draw and the order; ``mesh_seed`` which pictures share a mesh.

    Args:
        network: ``td``, ``unet`` or ``fcn``.
        data: a name in ``c2f.datasets.names()`` of grey pictures.
        seed: at least 0.
        output: the folder, see the module's text.
        recipe: by default the paper's.
        width: as for ``build_segmentation``.
        mesh_seed: as for ``load_meshes``.
        **how: see ``c2f.runs.execution.TrainingExecution``.

    Returns:
        The run. Its values hold ``test_loss``, ``test_mean_iou``, ``test_accuracy`` and ``iou CLASS`` for each class
        by the correct definition, the last three again with ``published`` before them, and the times. Its details
        hold the history, the classes, the counts of meshes, and the pixel counts ``confusions`` by definition.

    Raises:
        ValueError: an unknown network or data set, pictures in colour, a size or number out of range.
        RecordError: ``output`` holds runs of this name with other parameters.
        OutOfTime: the deadline came first; run again to go on.
    """
    choose(network, SEGMENTATION_NETWORKS, "segmentation network")
    name, recipe = run_name(f"segmentation_{network}", data), recipe or MeshRecipe()
    check_options(how, TrainingExecution)
    device = how.get("device", "cpu")
    positive_int(seed, "seed", minimum=0)
    train_part, test_part = meshes.load_meshes(data, mesh_seed)
    described = _parameters(network, data, recipe, width, mesh_seed, train_part)
    train_meshes, val_meshes = split_validation(train_part, recipe.validation, seed)
    counts = {"train": len(train_meshes), "val": len(val_meshes), "test": len(test_part)}
    facts = {"classes": list(test_part.classes), "meshes": counts}
    plan = Plan(name, "segmentation", seed, described, output, how=how, facts=facts)

    def train(sitting: Sitting) -> Trained:
        weights = meshes.class_weights(train_part).to(device)
        shape = {key: described[key] for key in ("num_classes", "image_size", "in_channels", "width")}
        model = build_segmentation(network, **shape, seed=seed).to(device)
        loader = Batches(train_meshes.to(device), recipe.batch_size, shuffle=True, seed=seed)
        validation, test = (
            Batches(part.to(device), EVALUATION_BATCH["segmentation"]) for part in (val_meshes, test_part)
        )
        share_out(how, loader, validation, test)
        tried = mesh_trial(model, loader, recipe, weights, described["network"])
        engine = settle(tried, how, sitting["checkpoint"])
        history = fit_meshes(
            model,
            loader,
            validation,
            recipe,
            weights,
            seed=seed,
            identity={key: described[key] for key in ("network", "data", "mesh_seed")},
            engine=engine,
            **sitting,
        )
        result = evaluate_meshes(model, test, weights)
        train_seconds = sum(history.seconds)  # earlier, interrupted sittings included
        values = {
            **_values(result, test_part.classes),
            "train_seconds": train_seconds,
            "inference_seconds_per_1000": result.seconds * 1000 / len(test_part),
        }
        details = {
            "history": vars(history),
            "confusions": {definition: counts.tolist() for definition, counts in result.confusions.items()},
            "class_weights": weights.tolist(),
            **facts,
            **engine.facts(),
        }
        return Trained(model, values, details, train_seconds)

    return record_training(plan, train)
