"""Training: one plain loop that returns records, and can be killed at any moment and resumed.

Axes: N pictures, B pictures of one batch, C channels, H rows, W columns, K classes.
"""

import time
from functools import partial
from typing import Any, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f.common.share import share_of
from c2f.datasets.batches import Loader, epoch_seed
from c2f.metrics.classification import evaluate
from c2f.networks.blocks import kernels
from c2f.networks.modes import train_mode
from c2f.runs.execution import Sitting
from c2f.training.checkpoints import History, check_loss, fingerprint, remaining_epochs
from c2f.training.engine import Engine, Step, Trial, plain
from c2f.training.parallel import together
from c2f.training.recipes import Recipe


def penalty(network: nn.Module, weight_decay: float) -> Tensor:
    """Return ``weight_decay * sum(w**2)`` over the regularised kernels, a scalar.

    This is the Top-Down paper's L2: without a half.
    """
    squares = [(weight**2).sum() for weight, regularised in kernels(network) if regularised]
    return weight_decay * torch.stack(squares).sum()


def optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """Return SGD with Nesterov momentum; torch's weight decay is twice the recipe's, on regularised kernels only."""
    covered = {id(weight) for weight, regularised in kernels(network) if regularised}
    parameters = list(network.parameters())
    groups: list[dict[str, Any]] = [
        {
            "params": [p for p in parameters if id(p) in covered],
            "weight_decay": 2 * recipe.weight_decay,
        },
        {"params": [p for p in parameters if id(p) not in covered], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0)


def set_learning_rate(optimiser: torch.optim.SGD, lr: float) -> None:
    """Set the learning rate, keeping the velocity in weight units as Keras does.

    Keras's velocity carries the old rate over a drop; torch's buffer is multiplied by the new one. Scaling the
    buffer by old / new makes the two equal.
    """
    for group in optimiser.param_groups:
        if group["lr"] != lr:
            for parameter in group["params"]:
                buffer = optimiser.state.get(parameter, {}).get("momentum_buffer")
                if buffer is not None:
                    buffer.mul_(group["lr"] / lr)
            group["lr"] = lr


def classifying(network: nn.Module, engine: Engine, batch_size: int) -> Step:
    """Return what maps a batch to its cross entropy and the logits ``(B, K)``."""
    forward = engine.forward(network, batch_size)

    def step(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        logits = forward(x)
        return F.cross_entropy(logits, y), logits

    return step


def trial(network: nn.Module, train: Loader, recipe: Recipe, name: str = "") -> Trial:
    """Return what the engine of a training is chosen by; ``name`` is the network's, where it has one."""
    begin = partial(classifying, batch_size=recipe.batch_size)
    return Trial(network, begin, lambda: next(iter(train.epoch(0))), recipe.epochs * len(train), name=name)


def _train_epoch(
    network: nn.Module, step: Step, batches: Loader, optimiser: torch.optim.SGD, recipe: Recipe, epoch: int
) -> tuple[float, float]:
    """Return (loss, accuracy) of one epoch of training, means over its pictures, those of all processes."""
    count = 0
    # Sums stay on the device: asking for a number at every step would make a GPU wait for the CPU.
    loss_sums, corrects = [], []
    for x, y in batches.epoch(epoch):
        loss, logits = step(x, y)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        with torch.no_grad():  # the gradient of the penalty is the optimiser's weight decay
            reported = loss + penalty(network, recipe.weight_decay) if recipe.weight_decay else loss
            loss_sums.append(reported.detach() * len(y))
            corrects.append((logits.detach().argmax(dim=1) == y).sum())
        optimiser.step()
        count += len(y)
    share_of(batches).level(network)
    sums = (torch.stack(loss_sums).double().sum(), torch.stack(corrects).sum(), torch.tensor(count))
    loss_sum, correct, every = (share_of(batches).sum(found).item() for found in sums)
    return loss_sum / every, correct / every


def fit(
    network: nn.Module,
    train: Loader,
    recipe: Recipe,
    *,
    num_classes: int,
    validation: Loader | None = None,
    seed: int = 0,
    identity: dict[str, str] | None = None,
    engine: Engine | None = None,
    **sitting: Unpack[Sitting],
) -> History:
    """Train ``network`` in place by ``recipe`` and return its ``History``. The last epoch's weights are kept, as in
    the paper.

    The same seed on the same machine, with the same engine and number of threads, gives the same weights bit for bit,
    whether or not the run was killed in between: the random numbers of an epoch depend on the seed and the epoch's
    number alone.

    Args:
        network: ``(B, C, H, W)`` to logits ``(B, K)``, already on its device.
        train: the training pictures; where several processes share them, all call this, and train one network
            (``c2f.training.parallel``).
        validation: watched after each epoch, without influence.
        num_classes: K of the logits.
        seed: of everything random in training (dropout; the order and augmentation are the loader's).
        identity: what else tells this run from others, such as the network's and the data's name; a checkpoint of
            another is refused.
        engine: how steps are carried out, from ``c2f.training.engine.settle``; None as torch does it by itself.
        **sitting: see ``c2f.runs.execution.Sitting``.

    Raises:
        OutOfTime: the deadline is near; run again to go on from the checkpoint.
        FloatingPointError: the loss is not finite.
        ValueError: the checkpoint belongs to another run.
    """
    device, share = next(network.parameters()).device, share_of(train)
    history, optim = History(), optimiser(network, recipe)
    engine = engine or plain(device)
    train_mode(network)
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
        step = together(network, classifying(network, engine, recipe.batch_size), share)
        for epoch in left:
            start = time.perf_counter()
            lr = recipe.learning_rate(epoch)
            set_learning_rate(optim, lr)
            devices = [device] if device.type == "cuda" else []
            with torch.random.fork_rng(devices=devices):
                torch.manual_seed(epoch_seed(seed, epoch, share.rank))
                loss, accuracy = _train_epoch(network, step, train, optim, recipe, epoch)
            check_loss(loss, epoch, lr)
            val_loss = val_accuracy = float("nan")
            if validation is not None:
                watched = evaluate(network, validation, num_classes)
                with torch.no_grad():
                    extra = float(penalty(network, recipe.weight_decay)) if recipe.weight_decay else 0.0
                val_loss, val_accuracy = watched.loss + extra, watched.accuracy
            history.append(
                learning_rate=lr,
                train_loss=loss,
                train_accuracy=accuracy,
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                seconds=time.perf_counter() - start,
            )
    return history
