"""Experiments: data, a network and a recipe put together, run for one seed, and recorded.

An output folder holds ``runs/NAME.json`` (records), ``weights/NAME--seedS.safetensors`` and, while a run is under way,
``checkpoints/NAME--seedS.pt``. The folder ``data`` of this project is such a folder: the reference runs.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from c2f import networks
from c2f.common.files import check_writable
from c2f.datasets.augment import augmentation
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures, mean_image, split_validation
from c2f.metrics.classification import evaluate, inference_time
from c2f.runs.environment import environment
from c2f.runs.folder import check_folder, find_run, record_path, run_name, save_weights
from c2f.runs.record import Run, add_run
from c2f.training.checkpoints import History
from c2f.training.data import EVALUATION_BATCH, load_for
from c2f.training.loop import fit
from c2f.training.recipes import Recipe


def parameters(network: str, data: str, recipe: Recipe, merge: str, scaler: str, pictures: Pictures) -> dict[str, Any]:
    """Return what defines a training experiment, as it stands in its record."""
    built = networks.build(
        network, pictures.in_channels, len(pictures.classes), pictures.image_size, merge, scaler, seed=0
    )
    size = networks.summary(built, pictures.in_channels, pictures.image_size)
    return {
        "network": network,
        "data": data,
        "recipe": asdict(recipe),
        "merge": merge,
        "scaler": scaler,
        "in_channels": pictures.in_channels,
        "image_size": pictures.image_size,
        "num_classes": len(pictures.classes),
        "trained_parameters": size.parameters,
        "multiply_adds": size.multiply_adds,
    }


def recorded_run(
    network: str,
    data: str,
    recipe: Recipe,
    seed: int,
    output: Path,
    merge: str = "sum_concat",
    scaler: str = "gaussian_resize",
) -> Run | None:
    """Return the run that ``output`` already holds of this experiment and seed, or None.

    Raises:
        RecordError: the record there is damaged, or of other parameters.
    """
    name = run_name(network, data)
    if not record_path(output, name).exists():
        return None
    _, tested = load_for(data, recipe)
    return find_run(output, name, seed, parameters(network, data, recipe, merge, scaler, tested.test))


def train_run(
    network: str,
    data: str,
    recipe: Recipe,
    seed: int,
    output: Path,
    *,
    merge: str = "sum_concat",
    scaler: str = "gaussian_resize",
    device: str = "cpu",
    compiled: bool = False,
    deadline: float | None = None,
    on_epoch: Callable[[History], None] | None = None,
) -> Run:
    """Train ``network`` on ``data`` for one seed, test it, write weights and record, and return the run.

    A run that was interrupted is resumed from its checkpoint. The seed fixes the weights, the validation draw, the
    order, the augmentation and the dropout.

    Args:
        network: a name in ``c2f.networks.names()``.
        data: a name in ``c2f.datasets.names()`` or ``folder:PATH``.
        seed: at least 0.
        output: the folder, see the module's text.
        merge, scaler: as for ``c2f.networks.build``.
        device: as torch names it.
        compiled, deadline, on_epoch: as for ``c2f.training.loop.fit``.

    Raises:
        ValueError: a bad name or value.
        PermissionError: ``output`` cannot be written to.
        c2f.runs.record.RecordError: the folder holds runs of another recipe.
        c2f.runs.parts.OutOfTime: the deadline is near.
    """
    if seed < 0:
        raise ValueError(f"a seed is at least 0, not {seed}")
    name = run_name(network, data)
    enlarged, tested = load_for(data, recipe)
    described = parameters(network, data, recipe, merge, scaler, tested.test)
    check_folder(output, name, described)
    check_writable(output)
    start = time.perf_counter()

    train_pictures, _ = split_validation(enlarged, recipe.validation, seed)
    # The validation part is watched as the test part is: at the tested size, without augmentation.
    _, val_pictures = split_validation(tested.train, recipe.validation, seed)
    train_mean = mean_image(enlarged) if recipe.pixel_mean else None
    test_mean = mean_image(tested.train) if recipe.pixel_mean else None
    augment = augmentation(recipe.augmentation, tested.test.image_size, train_mean)
    train = Batches(
        train_pictures.to(device), recipe.batch_size, shuffle=True, mean=train_mean, augment=augment, seed=seed
    )
    validation = Batches(val_pictures.to(device), EVALUATION_BATCH, mean=test_mean) if len(val_pictures) else None
    test = Batches(tested.test.to(device), EVALUATION_BATCH, mean=test_mean)

    shape = {key: described[key] for key in ("in_channels", "num_classes", "image_size")}
    model = networks.build(network, **shape, merge=merge, scaler=scaler, seed=seed).to(device)
    checkpoint = output / "checkpoints" / f"{name}--seed{seed}.pt"
    history = fit(
        model,
        train,
        recipe,
        num_classes=shape["num_classes"],
        validation=validation,
        seed=seed,
        # Runs of other data, merges or scalers may have the same file name, recipe and shapes.
        identity={key: described[key] for key in ("network", "data", "merge", "scaler")},
        checkpoint=checkpoint,
        on_epoch=on_epoch,
        deadline=deadline,
        compiled=compiled,
    )
    model = model.to(memory_format=torch.contiguous_format)
    result = evaluate(model, test, shape["num_classes"])
    first, _ = next(test.epoch(0))
    weights = save_weights(output, name, seed, model, described)
    train_seconds = sum(history.seconds)  # earlier, interrupted sittings included
    run = Run(
        seed=seed,
        values={
            "test_accuracy": result.accuracy,
            "test_loss": result.loss,
            "train_accuracy": history.train_accuracy[-1],
            "train_seconds": train_seconds,
            "inference_seconds_per_1000": inference_time(model, first) * 1000 / len(first),
            **({"val_accuracy": history.val_accuracy[-1]} if validation is not None else {}),
        },
        details={
            "history": vars(history),
            "confusion": result.confusion.tolist(),
            "classes": list(tested.test.classes),
            "pictures": {"train": len(train_pictures), "val": len(val_pictures), "test": len(tested.test)},
            "compiled": compiled,
        },
        weights=weights,
        environment=environment(device, max(time.perf_counter() - start, train_seconds)),
    )
    add_run(output / "runs", name, "training", described, run)
    checkpoint.unlink(missing_ok=True)
    return run
