"""Other expanding paths behind one classifier: does the high-resolution CAM come out alike?

The order of the decoded maps is left to chance. So over many trainings the share of other orders that do as well is
spread evenly from 0 to 1, and the correlation with the low-resolution CAM lies around 0. One training can be anywhere.

Axes: N pictures, C channels, H rows, W columns.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Unpack

import torch

from c2f import zoo
from c2f.common.checks import positive_int
from c2f.datasets.batches import Batches
from c2f.datasets.data_name import DataName
from c2f.experiments.highres.data import load_pictures
from c2f.experiments.highres.maps_run import ORDERS, drawn, resemblance
from c2f.experiments.highres.recipes import DenseRecipe
from c2f.experiments.highres.training import fit_dense
from c2f.networks.densenet_fcn import HALF, HalfDenseNet, build_densenet, transfer
from c2f.runs.execution import Sitting, TrainingExecution, check_options
from c2f.runs.experiment import Plan, Trained, record_training
from c2f.runs.folder import find_record, run_name
from c2f.runs.record import Record, Run
from c2f.training.data import EVALUATION_BATCH

HELD_OUT = 500
"""Training pictures that the best epoch is chosen on."""


def decoders_name(data: str) -> str:
    """Return the name of the record of several expanding paths behind one half model trained on ``data``."""
    return run_name("densenet_decoders", data)


def decoder_run(
    data: str,
    seed: int,
    output: Path,
    *,
    recipe: DenseRecipe,
    train_pictures: int = 4000,
    pictures: int = 500,
    half_seed: int = 0,
    weights: Path | None = None,
    **how: Unpack[TrainingExecution],
) -> Run:
    """Train one more expanding path behind a trained half model, measure its maps, record it and return the run.

    Args:
        data: of the half model's training.
        seed: of the expanding path's weights and of the order of the pictures.
        output: the folder that the record goes to; no weights are written.
        recipe: how it is trained, without augmentation.
        train_pictures: how many of the training pictures are used, besides ``HELD_OUT`` to choose the best epoch on.
        pictures: how many test pictures are measured.
        half_seed: of the half model.
        weights: the folder with the half model; None takes what comes with the book.
        **how: see ``c2f.runs.execution.TrainingExecution``.

    Returns:
        The run. Its values are those of ``c2f.experiments.highres.maps_run.Resemblance.values`` and ``rebuilt_error``,
        the root mean square error on the held-out pictures, in grey levels, with the penalty.

    Raises:
        ValueError: a number out of range, or more pictures than there are.
        RecordError: no such half model, or ``output`` holds this measurement with other parameters.
    """
    check_options(how, TrainingExecution)
    device = how.get("device", "cpu")
    positive_int(train_pictures, "train_pictures")
    positive_int(pictures, "pictures")
    trained = zoo.load(HALF, data, half_seed, weights)
    half, used = trained.network_of(HalfDenseNet), trained.weights
    numbers = {"train_pictures": train_pictures, "pictures": pictures, "half_seed": half_seed, "orders": ORDERS}
    described = {"network": "densenet_full", "data": DataName.parse(data).text, "recipe": asdict(recipe), **numbers}
    plan = Plan(decoders_name(data), "decoders", seed, described, output, how=how)
    found = load_pictures(data, half.image_size)
    tested = found.test.images[drawn(found.test, pictures, f"the test part of {data}")].float() / 255
    if train_pictures + HELD_OUT > len(found.train):
        raise ValueError(
            f"train_pictures is {train_pictures}, and {HELD_OUT} more are held out, but {data} has {len(found.train)} "
            "training pictures"
        )

    def train(sitting: Sitting) -> Trained:
        full = build_densenet("full", half.num_classes, half.image_size, half.in_channels, half.config, seed)
        transfer(half, full)
        places = torch.arange(train_pictures + HELD_OUT)
        apart = (places[:train_pictures], places[train_pictures:])
        learnt, held = (found.train.select(part).to(device) for part in apart)
        history = fit_dense(
            full.to(device),
            Batches(learnt, recipe.batch_size, shuffle=True, seed=seed),
            Batches(held, EVALUATION_BATCH["densenet"]),
            recipe,
            seed=seed,
            identity={"data": described["data"], **numbers, "half": used},
            **sitting,
        )
        alike = resemblance(full, tested.to(device), ORDERS)
        values = {**alike.values, "rebuilt_error": min(history.val_loss) ** 0.5}
        return Trained(None, values, {"history": vars(history)}, sum(history.seconds))

    return record_training(plan, train)


def decoders_record(data: str, output: Path | None = None) -> Record:
    """Return the record of ``decoder_run`` on ``data``: of ``output``, or else of the book's runs.

    Raises:
        RecordError: there is none (with what makes it), or it is damaged.
    """
    return find_record(output, decoders_name(data), f"reference --only {decoders_name(data)}")
