"""Experiments: data, a network and a recipe put together, run for one seed, and recorded.

An output folder holds ``runs/NAME.json`` (records), ``weights/NAME--seedS.safetensors`` and, while a run is under way,
``checkpoints/NAME--seedS.pt``. The folder ``data`` of this project is such a folder: the reference runs.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

from torch import Tensor

from c2f import networks
from c2f.common.checks import positive_int
from c2f.datasets.augment import augmentation
from c2f.datasets.batches import Batches
from c2f.datasets.data_name import DataName
from c2f.datasets.pictures import DataSet, Pictures, mean_image, split_validation
from c2f.metrics.classification import evaluate, inference_time
from c2f.runs.execution import Sitting, TrainingExecution, check_options
from c2f.runs.experiment import Plan, Trained, record_training
from c2f.runs.folder import check_folder, run_name
from c2f.runs.record import Run
from c2f.training.data import EVALUATION_BATCH, load_for
from c2f.training.engine import settle
from c2f.training.loop import fit, trial
from c2f.training.parallel import share_out
from c2f.training.recipes import Recipe


def parameters(network: str, data: str, recipe: Recipe, merge: str, scaler: str, pictures: Pictures) -> dict[str, Any]:
    """Return what defines a training experiment, as it stands in its record."""
    shape = (pictures.in_channels, len(pictures.classes), pictures.image_size)
    built = networks.build(network, *shape, merge=merge, scaler=scaler, seed=0)
    size = networks.summary(built, pictures.in_channels, pictures.image_size)
    return {
        "network": network,
        "data": DataName.parse(data).text,
        "recipe": asdict(recipe),
        "merge": merge,
        "scaler": scaler,
        "in_channels": pictures.in_channels,
        "image_size": pictures.image_size,
        "num_classes": len(pictures.classes),
        "trained_parameters": size.parameters,
        "multiply_adds": size.multiply_adds,
    }


def train_run(
    network: str,
    data: str,
    recipe: Recipe,
    seed: int,
    output: Path,
    *,
    merge: str = "sum_concat",
    scaler: str = "gaussian_resize",
    **how: Unpack[TrainingExecution],
) -> Run:
    """Train ``network`` on ``data`` for one seed, test it, write weights and record, and return the run.

    A run that ``output`` holds is returned as it is; one that was interrupted is resumed from its checkpoint. The seed
    fixes the weights, the validation draw, the order, the augmentation and the dropout.

    Args:
        network: a name in ``c2f.networks.names()``.
        data: a name in ``c2f.datasets.names()`` or ``folder:PATH``.
        seed: at least 0.
        output: the folder, see the module's text.
        merge, scaler: as for ``c2f.networks.build``.
        **how: see ``c2f.runs.execution.TrainingExecution``.

    Raises:
        ValueError: a bad name or value.
        PermissionError: ``output`` cannot be written to.
        c2f.runs.record.RecordError: the folder holds runs of another recipe.
        c2f.runs.parts.OutOfTime: the deadline is near.
    """
    check_options(how, TrainingExecution)
    device = how.get("device", "cpu")
    positive_int(seed, "seed", minimum=0)
    enlarged, tested = load_for(data, recipe)
    described = parameters(network, data, recipe, merge, scaler, tested.test)
    name = run_name(network, data)
    check_folder(output, name, described)
    parts = _loaders(enlarged, tested, recipe, seed, device)
    share_out(how, parts.train, parts.validation, parts.test)
    facts = {"classes": list(tested.test.classes), "pictures": parts.counts}
    plan = Plan(name, "training", seed, described, output, how=how, facts=facts)

    def train(sitting: Sitting) -> Trained:
        shape = {key: described[key] for key in ("in_channels", "num_classes", "image_size")}
        model = networks.build(network, **shape, merge=merge, scaler=scaler, seed=seed).to(device)
        engine = settle(trial(model, parts.train, recipe, network), how, sitting["checkpoint"])
        history = fit(
            model,
            parts.train,
            recipe,
            num_classes=shape["num_classes"],
            validation=parts.validation,
            seed=seed,
            # Runs of other data, merges or scalers may have the same file name, recipe and shapes.
            identity={key: described[key] for key in ("network", "data", "merge", "scaler")},
            engine=engine,
            **sitting,
        )
        result = evaluate(model, parts.test, shape["num_classes"])
        first, _ = next(parts.test.epoch(0))
        train_seconds = sum(history.seconds)  # earlier, interrupted sittings included
        values = {
            "test_accuracy": result.accuracy,
            "test_loss": result.loss,
            "train_accuracy": history.train_accuracy[-1],
            "train_seconds": train_seconds,
            "inference_seconds_per_1000": inference_time(model, first) * 1000 / len(first),
            **({"val_accuracy": history.val_accuracy[-1]} if parts.validation is not None else {}),
        }
        details = {
            "history": vars(history),
            "confusion": result.confusion.tolist(),
            **facts,
            **engine.facts(),
        }
        extra = {} if parts.mean is None else {"means": {"mean": parts.mean}}
        return Trained(model, values, details, train_seconds, extra)

    return record_training(plan, train)


@dataclass(frozen=True)
class _Loaders:
    """The three parts, ``validation`` None where none are held out; how many pictures each has; and the mean picture
    ``(C, H, W)`` that is subtracted at the tested size, or None.
    """

    train: Batches
    validation: Batches | None
    test: Batches
    counts: dict[str, int]
    mean: Tensor | None


def _loaders(enlarged: Pictures, tested: DataSet, recipe: Recipe, seed: int, device: str) -> _Loaders:
    train_pictures, _ = split_validation(enlarged, recipe.validation, seed)
    # The validation part is watched as the test part is: at the tested size, without augmentation.
    _, val_pictures = split_validation(tested.train, recipe.validation, seed)
    train_mean = mean_image(enlarged) if recipe.pixel_mean else None
    test_mean = mean_image(tested.train) if recipe.pixel_mean else None
    augment = augmentation(recipe.augmentation, tested.test.image_size, train_mean)
    return _Loaders(
        Batches(
            train_pictures.to(device), recipe.batch_size, shuffle=True, mean=train_mean, augment=augment, seed=seed
        ),
        Batches(val_pictures.to(device), EVALUATION_BATCH["classifier"], mean=test_mean) if len(val_pictures) else None,
        Batches(tested.test.to(device), EVALUATION_BATCH["classifier"], mean=test_mean),
        {"train": len(train_pictures), "val": len(val_pictures), "test": len(tested.test)},
        test_mean,
    )
