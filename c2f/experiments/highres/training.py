"""Training the half model as a classifier and the full model's expanding path as an auto-encoder.

One loop for both, as ``c2f.training.loop.fit``: it returns records, and can be killed at any moment and resumed. Unlike
there, the learning rate follows the training loss, and the best epoch's weights are kept.

Axes: B pictures of one batch, C channels, H rows, W columns, K classes.
"""

import time
from dataclasses import replace
from typing import Any, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from c2f.common.share import share_of
from c2f.datasets.batches import Loader
from c2f.experiments.highres.recipes import DenseRecipe
from c2f.networks.densenet_fcn import FullDenseNet, HalfDenseNet, regularised_kernels
from c2f.networks.modes import eval_mode, train_mode
from c2f.runs.execution import Sitting
from c2f.training.checkpoints import Best, History, fingerprint, remaining_epochs
from c2f.training.engine import Engine, Step, Trial, full_precision, plain
from c2f.training.parallel import together

GREY_LEVELS = 255
"""The reconstruction's error is counted in grey levels, as in the authors' code, whose pictures run from 0 to 255, so
the penalty has the paper's weight beside it."""
EPSILON = 1e-7
"""Adadelta's, as in Keras (torch's own is 1e-6)."""


DENSE_ENGINES = ("channels_last", "plain")
"""The first by a third faster on a CPU. The full model has no single forward pass that could be compiled."""


def dense_step(network: HalfDenseNet | FullDenseNet, engine: Engine) -> Step:
    """Return what maps a batch to its mean loss, and (each picture's loss ``(B,)``, logits ``(B, K)``)."""

    def step(x: Tensor, y: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        with engine.autocast(x.device):
            each, logits = losses(network, engine.pictures(x), y)
        return each.mean(), (each, logits)

    return step


def dense_trial(network: HalfDenseNet | FullDenseNet, train: Loader, recipe: DenseRecipe, name: str = "") -> Trial:
    """Return what the engine of a training is chosen by; ``name`` is the network's."""
    steps = recipe.epochs * len(train)
    return Trial(network, dense_step, lambda: next(iter(train.epoch(0))), steps, DENSE_ENGINES, name)


def losses(network: HalfDenseNet | FullDenseNet, pictures: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return each picture's loss ``(B,)``, without penalty, and the logits ``(B, K)``.

    The half model's loss is the cross entropy, in nats; the full model's the mean squared error of the rebuilt picture,
    in grey levels squared. The paper adds the full model's cross entropy, which has no gradient there: its classifier
    is frozen. Of a forward pass in mixed precision, the losses are float32 all the same.
    """
    if isinstance(network, FullDenseNet):
        outputs = network.outputs(pictures)
        error = GREY_LEVELS * (full_precision(outputs.reconstruction) - pictures)
        return (error**2).mean(dim=(1, 2, 3)), outputs.logits
    logits = full_precision(network(pictures))
    return F.cross_entropy(logits, labels, reduction="none"), logits


def dense_penalty(network: HalfDenseNet | FullDenseNet, weight_decay: float) -> Tensor:
    """Return ``weight_decay * sum(w**2)`` over the regularised kernels that are trained, a scalar."""
    squares = [(weight**2).sum() for weight in regularised_kernels(network) if weight.requires_grad]
    return weight_decay * torch.stack(squares).sum()


def dense_optimiser(network: HalfDenseNet | FullDenseNet, recipe: DenseRecipe) -> torch.optim.Adadelta:
    """Return Adadelta for what the network learns; torch's weight decay is twice the recipe's."""
    covered = {id(weight) for weight in regularised_kernels(network)}
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if id(p) in covered], "weight_decay": 2 * recipe.weight_decay},
        {"params": [p for p in trained if id(p) not in covered], "weight_decay": 0.0},
    ]
    return torch.optim.Adadelta(groups, lr=recipe.lr, rho=recipe.rho, eps=EPSILON)


def best_epoch(history: History, full: bool) -> int:
    """Return the place in ``history`` of the first best epoch.

    That is the half model's highest validation accuracy, or the ``full`` model's lowest validation loss.
    """
    if full:
        return history.val_loss.index(min(history.val_loss))
    return history.val_accuracy.index(max(history.val_accuracy))


def _pass(step: Step, batches: Loader, epoch: int, optimiser: torch.optim.Optimizer | None) -> tuple[float, float]:
    """Return (loss without penalty, accuracy) of one epoch, means over its pictures, those of all processes; without
    optimiser, only look.
    """
    total, right = [], []  # on the device, so that a GPU need not wait at every step
    with torch.set_grad_enabled(optimiser is not None):
        for x, y in batches.epoch(epoch):
            loss, (each, logits) = step(x, y)
            if optimiser is not None:
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
            total.append(each.detach().double().sum())
            right.append((logits.detach().argmax(dim=1) == y).sum())
    sums = (share_of(batches).sum(torch.stack(found).sum()).item() for found in (total, right))
    loss_sum, correct = sums
    return loss_sum / batches.num_pictures, correct / batches.num_pictures


def fit_dense(
    network: HalfDenseNet | FullDenseNet,
    train: Loader,
    validation: Loader,
    recipe: DenseRecipe,
    *,
    seed: int = 0,
    identity: dict[str, Any] | None = None,
    engine: Engine | None = None,
    **sitting: Unpack[Sitting],
) -> History:
    """Train ``network`` in place by ``recipe``, leave it with the best epoch's weights and return the history.

    The losses of the history are those of ``losses`` with the penalty added, the training loss as the epoch went on. On
    a CPU the same seed gives the same weights bit for bit, whether or not the run was killed in between.

    Args:
        network: already on its device; of a full model the expanding path is trained, the classifier stays as it is.
        train, validation: the validation part decides which epoch is best; shared among processes as by
            ``c2f.training.loop.fit``.
        seed, identity: what tells this run's checkpoint from others; a checkpoint of another run is refused.
        engine: how steps are carried out, from ``c2f.training.engine.settle``; None takes the first that can.
        **sitting: see ``c2f.runs.execution.Sitting``.

    Raises:
        OutOfTime: the deadline is near; run again to go on from the checkpoint.
        FloatingPointError: the loss is not finite.
        ValueError: the checkpoint belongs to another run.
    """
    full = isinstance(network, FullDenseNet)
    device, share = next(network.parameters()).device, share_of(train)
    engine = engine or replace(plain(device), name=DENSE_ENGINES[0])
    train_mode(network)
    history, best, optim = History(), Best(network), dense_optimiser(network, recipe)
    left = remaining_epochs(
        history,
        recipe.epochs,
        {"network": network, "best": best, "optimiser": optim},
        ours=fingerprint(network, recipe, seed, identity, engine.facts(), share),
        device=device,
        share=share,
        **sitting,
    )
    look = dense_step(network, replace(engine, precision="float32"))
    with engine.at_work(network):
        step = together(network, dense_step(network, engine), share)
        for epoch in left:
            start = time.perf_counter()
            lr = recipe.learning_rate(history.train_loss)
            for group in optim.param_groups:
                group["lr"] = lr
            loss, accuracy = _pass(step, train, epoch, optim)
            share.level(network)
            with eval_mode(network):
                val_loss, val_accuracy = _pass(look, validation, 0, None)
            with torch.no_grad():
                extra = float(dense_penalty(network, recipe.weight_decay))
            if not torch.tensor([loss, val_loss, extra]).isfinite().all():
                raise FloatingPointError(
                    f"the loss is {loss} in training and {val_loss} in validation in epoch {epoch + 1} at learning "
                    f"rate {lr:g}: try a lower one"
                )
            history.append(
                learning_rate=lr,
                train_loss=loss + extra,
                train_accuracy=accuracy,
                val_loss=val_loss + extra,
                val_accuracy=val_accuracy,
                seconds=time.perf_counter() - start,
            )
            if best_epoch(history, full) == epoch:
                best.keep()
        network.load_state_dict(best.state_dict())
    network.eval()  # also where no epoch was left to train
    return history
