"""Training a segmentation network: the recipe, its learning rate, and a loop that can be killed and resumed.

``c2f.training.loop.fit`` trains classifiers, whose learning rate is a function of the epoch; here it follows the
validation loss, and the loss is weighted pixel by pixel. Checkpoints, history and seeds are as there.

Axes: B meshes of one batch, H rows, W columns, K classes.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from c2f.common.checks import Ranges, check_numbers, positive_int
from c2f.common.share import share_of
from c2f.datasets.batches import Loader
from c2f.experiments.segmentation.scores import evaluate_meshes, masked_loss, predict
from c2f.networks.modes import train_mode
from c2f.runs.execution import Sitting
from c2f.training.checkpoints import History, check_loss, fingerprint, remaining_epochs
from c2f.training.engine import Engine, Step, Trial, plain
from c2f.training.loop import set_learning_rate
from c2f.training.parallel import together
from c2f.training.recipes import plateau

_RANGES: Ranges = {
    "lr": (lambda value: 0 < value < math.inf, "above 0"),
    "validation": (lambda value: 0 < value < 1, "above 0 and below 1"),
    "momentum": (lambda value: 0 <= value < 1, "of at least 0 and below 1"),
    "factor": (lambda value: 0 < value < 1, "above 0 and below 1"),
    "min_delta": (lambda value: 0 <= value < math.inf, "of at least 0"),
    "floor": (lambda value: 0 <= value < 1, "of at least 0 and below 1"),
}


@dataclass(frozen=True)
class MeshRecipe:
    """How a segmentation network is trained; the defaults are the Top-Down Networks paper's.

    Attributes:
        epochs: passes over the training meshes.
        lr: learning rate at the start.
        batch_size: meshes a step; the last, short batch is kept.
        repetitions: how often the paper trains anew (seeds 0, 1, ...).
        validation: share of the training meshes held out; the learning rate follows the loss on them.
        momentum: of Nesterov's accelerated gradient.
        factor: what the learning rate is multiplied by when the validation loss has stopped falling.
        patience: epochs without an improvement after which that happens.
        min_delta: by how much the loss must fall to count as an improvement.
        floor: the lowest learning rate, as a share of ``lr``.

    Raises:
        ValueError: a number of another type or out of range.
    """

    epochs: int = 20
    lr: float = 0.01
    batch_size: int = 128
    repetitions: int = 4
    validation: float = 0.1
    momentum: float = 0.9
    factor: float = 0.2
    patience: int = 5
    min_delta: float = 1e-4
    floor: float = 0.1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "repetitions", "patience"):
            positive_int(getattr(self, name), name)
        check_numbers(self, _RANGES)

    def learning_rate(self, val_losses: Sequence[float]) -> float:
        """Return the learning rate of the epoch that follows those with ``val_losses``.

        By ``c2f.training.recipes.plateau``; the lowest is ``floor * lr``.
        """
        return plateau(val_losses, self.lr, self.floor * self.lr, self.factor, self.patience, self.min_delta)


@dataclass
class MeshHistory(History):
    """A ``History`` of a segmentation network.

    The losses are masked losses, the accuracies those of pixels that are not ignored, in [0, 1]; ``val_mean_iou``
    is by the correct definition (see ``c2f.experiments.segmentation.scores``).
    """

    val_mean_iou: list[float] = field(default_factory=list)


def _segmenting(network: nn.Module, engine: Engine, batch_size: int, class_weights: Tensor) -> Step:
    """Return what maps a batch to its masked loss and the logits ``(B, K, H, W)``."""
    forward = engine.forward(network, batch_size)

    def step(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = forward(x)
        return masked_loss(logits, labels, class_weights), logits

    return step


def mesh_trial(network: nn.Module, train: Loader, recipe: MeshRecipe, class_weights: Tensor, name: str = "") -> Trial:
    """Return what the engine of a training is chosen by; ``name`` is the network's."""
    begin = partial(_segmenting, batch_size=recipe.batch_size, class_weights=class_weights)
    return Trial(network, begin, lambda: next(iter(train.epoch(0))), recipe.epochs * len(train), name=name)


def _train_epoch(
    step: Step, batches: Loader, optimiser: torch.optim.Optimizer, ignore: int, epoch: int
) -> tuple[float, float]:
    """Return (loss, accuracy) of one epoch of training, over its pixels, those of all processes; ``ignore`` is the
    class without any.
    """
    losses, right, seen = [], [], []  # on the device, so that a GPU need not wait at every step
    for x, labels in batches.epoch(epoch):
        optimiser.zero_grad(set_to_none=True)
        loss, logits = step(x, labels)
        loss.backward()
        optimiser.step()
        losses.append(loss.detach() * len(x))
        right.append((predict(logits.detach()) == labels).sum())  # never where the label is "ignore"
        seen.append((labels != ignore).sum())
    sums = (torch.stack(losses).double().sum(), torch.stack(right).sum(), torch.stack(seen).sum())
    total, correct, pixels = (share_of(batches).sum(found) for found in sums)
    return total.item() / batches.num_pictures, (correct / pixels).item()


def fit_meshes(
    network: nn.Module,
    train: Loader,
    validation: Loader,
    recipe: MeshRecipe,
    class_weights: Tensor,
    *,
    seed: int = 0,
    identity: dict[str, Any] | None = None,
    engine: Engine | None = None,
    **sitting: Unpack[Sitting],
) -> MeshHistory:
    """Train ``network`` in place by ``recipe`` and return its history; the last epoch's weights are kept.

    Nothing random happens here: the order of the meshes is the loader's. On a CPU the same seed gives the same weights
    bit for bit, whether or not the run was killed in between.

    Args:
        network: ``(B, 1, H, W)`` to logits ``(B, K, H, W)``, already on its device.
        train, validation: give meshes and their pixel labels; shared among processes as by ``c2f.training.loop.fit``.
        class_weights: float ``(K,)``, on the same device.
        seed, identity: what tells this run's checkpoint from others; a checkpoint of another run is refused.
        engine: how steps are carried out, from ``c2f.training.engine.settle``; None as torch does it by itself.
        **sitting: see ``c2f.runs.execution.Sitting``.

    Raises:
        OutOfTime, FloatingPointError, ValueError: as ``c2f.training.loop.fit``.
    """
    device, share = next(network.parameters()).device, share_of(train)
    history, engine = MeshHistory(), engine or plain(device)
    train_mode(network)
    optim = torch.optim.SGD(network.parameters(), lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0)
    left = remaining_epochs(
        history,
        recipe.epochs,
        {"network": network, "optimiser": optim},
        ours=fingerprint(network, recipe, seed, identity, engine.facts(), share),
        device=device,
        share=share,
        **sitting,
    )
    with engine.at_work(network):
        step = together(network, _segmenting(network, engine, recipe.batch_size, class_weights), share)
        for epoch in left:
            start = time.perf_counter()
            lr = recipe.learning_rate(history.val_loss)
            set_learning_rate(optim, lr)
            loss, accuracy = _train_epoch(step, train, optim, len(class_weights) - 1, epoch)
            share.level(network)
            check_loss(loss, epoch, lr)
            watched = evaluate_meshes(network, validation, class_weights)
            scores = watched.scores()
            history.append(
                learning_rate=lr,
                train_loss=loss,
                train_accuracy=accuracy,
                val_loss=watched.loss,
                val_accuracy=scores.accuracy,
                val_mean_iou=scores.mean_iou,
                seconds=time.perf_counter() - start,
            )
    return history
