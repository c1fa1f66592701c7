"""Training: one plain loop that returns records, and can be killed at any moment and resumed.

Axes: N pictures, B pictures of one batch, C channels, H rows, W columns, K classes.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f.datasets.batches import Loader, epoch_seed
from c2f.evaluation import evaluate
from c2f.files import atomic_path
from c2f.networks.blocks import kernels
from c2f.recipes import Recipe


class OutOfTime(Exception):
    """Training stopped at its deadline; the checkpoint holds all finished epochs."""


@dataclass
class History:
    """What happened in each epoch, as lists of equal length, one entry an epoch.

    ``learning_rate``; ``train_loss`` (cross entropy plus penalty, mean over pictures, as the epoch went on),
    ``train_accuracy`` (in [0, 1], likewise); ``val_loss``, ``val_accuracy`` (after the epoch; NaN without
    validation pictures); ``seconds``.
    """

    learning_rate: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.seconds)

    def append(self, **values: float) -> None:
        """Add one epoch; ``values`` holds every list's entry."""
        for name, entries in vars(self).items():
            entries.append(values[name])

    def reached(self) -> str:
        """Say what accuracy the last epoch reached: on the held-out part, or in training where nothing is held out."""
        held_out = self.val_accuracy[-1]
        if math.isnan(held_out):
            return f"training accuracy {self.train_accuracy[-1]:.4f}"
        return f"validation accuracy {held_out:.4f}"

    def frame(self) -> pd.DataFrame:
        """Return a table with one row an epoch, counted from 1."""
        return pd.DataFrame({"epoch": range(1, len(self) + 1), **vars(self)})


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


def _train_epoch(
    network: nn.Module, forward: nn.Module, batches: Loader, optimiser: torch.optim.SGD, recipe: Recipe, epoch: int
) -> tuple[float, float]:
    """Return (loss, accuracy) of one epoch of training, means over its pictures."""
    network.train()
    count = 0
    # Sums stay on the device: asking for a number at every step would make a GPU wait for the CPU.
    loss_sums, corrects = [], []
    for x, y in batches.epoch(epoch):
        logits = forward(x)
        loss = F.cross_entropy(logits, y)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        with torch.no_grad():  # the gradient of the penalty is the optimiser's weight decay
            reported = loss + penalty(network, recipe.weight_decay) if recipe.weight_decay else loss
            loss_sums.append(reported.detach() * len(y))
            corrects.append((logits.detach().argmax(dim=1) == y).sum())
        optimiser.step()
        count += len(y)
    loss_sum = torch.stack(loss_sums).double().sum().item()
    correct = int(torch.stack(corrects).sum())
    return loss_sum / count, correct / count


def fingerprint(network: nn.Module, recipe: Any, seed: int, identity: dict[str, Any] | None) -> dict[str, Any]:
    """Return what tells a run's checkpoint from others; ``recipe`` is a dataclass."""
    shapes = {name: list(p.shape) for name, p in network.state_dict().items()}
    return {"recipe": asdict(recipe), "seed": seed, "shapes": shapes, "identity": identity or {}}


def load_checkpoint(path: Path, fingerprint: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Return the state in ``path``; a ``ValueError`` says that it is damaged, or how its run differs from ours."""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        theirs, ours = state["fingerprint"], fingerprint
    except Exception as error:
        raise ValueError(
            f"the checkpoint {path} cannot be read ({type(error).__name__}); delete it to train from the start"
        ) from error
    if theirs != ours:
        differing = [key for key in ("seed", "shapes") if theirs.get(key) != ours[key]]
        for part in ("recipe", "identity"):
            there = theirs.get(part, {})
            differing += [key for key in {**there, **ours[part]} if there.get(key) != ours[part].get(key)]
        raise ValueError(
            f"the checkpoint {path} is of another run (it differs in {', '.join(differing)}); "
            "delete it or choose another folder"
        )
    return state


class Stateful(Protocol):
    """What a checkpoint holds the state of: a network, an optimiser."""

    def state_dict(self) -> Any:
        """Return the state."""

    def load_state_dict(self, state: Any, /) -> Any:
        """Take the state over."""


class Best:
    """A network's weights as they were after its best epoch; a part of the checkpoint."""

    def __init__(self, network: nn.Module):
        self._network, self._weights = network, network.state_dict()

    def keep(self) -> None:
        """Remember the weights as they are now."""
        self._weights = {name: value.detach().clone() for name, value in self._network.state_dict().items()}

    def state_dict(self) -> dict[str, Tensor]:
        """Return the best weights."""
        return self._weights

    def load_state_dict(self, state: dict[str, Tensor], /) -> None:
        """Take the weights of a checkpoint over."""
        self._weights = state


def remaining_epochs(
    history: History,
    epochs: int,
    parts: Mapping[str, Stateful],
    *,
    ours: dict[str, Any],
    device: torch.device,
    checkpoint: Path | None,
    on_epoch: Callable[[Any], None] | None,
    deadline: float | None,
) -> Iterator[int]:
    """Yield the number, from 0, of each epoch that is still to be trained, and keep the checkpoint in between.

    Who asks trains the epoch and appends it to ``history``, then asks for the next.

    Args:
        history: empty; filled from the checkpoint where there is one.
        epochs: how many there are in all.
        parts: by their names in the checkpoint; they are brought to its state.
        ours: the run's ``fingerprint``.
        device: where the parts are.
        checkpoint, on_epoch, deadline: as for ``fit``.

    Raises:
        OutOfTime: the deadline is near.
        ValueError: the checkpoint is damaged or belongs to another run.
    """
    if checkpoint is not None and checkpoint.exists():
        saved = load_checkpoint(checkpoint, ours, device)
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        vars(history).update(saved["history"])
        if on_epoch is not None:
            on_epoch(history)
    while len(history) < epochs:
        if deadline is not None and time.monotonic() + sum(history.seconds[-1:]) > deadline:
            raise OutOfTime(f"stopped before epoch {len(history) + 1} of {epochs}")
        yield len(history)
        if checkpoint is not None:
            states = {name: part.state_dict() for name, part in parts.items()}
            with atomic_path(checkpoint) as temporary:
                torch.save({"fingerprint": ours, **states, "history": vars(history)}, temporary)
        if on_epoch is not None:
            on_epoch(history)


def fit(
    network: nn.Module,
    train: Loader,
    recipe: Recipe,
    *,
    num_classes: int,
    validation: Loader | None = None,
    seed: int = 0,
    identity: dict[str, str] | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[History], None] | None = None,
    deadline: float | None = None,
    compiled: bool = False,
) -> History:
    """Train ``network`` in place by ``recipe`` and return its ``History``. The last epoch's weights are kept, as in
    the paper.

    The same seed on the same machine gives the same weights bit for bit, whether or not the run was killed in
    between: the random numbers of an epoch depend on the seed and the epoch's number alone.

    Args:
        network: ``(B, C, H, W)`` to logits ``(B, K)``, already on its device.
        train: the training pictures.
        validation: watched after each epoch, without influence.
        num_classes: K of the logits.
        seed: of everything random in training (dropout; the order and augmentation are the loader's).
        identity: what else tells this run from others, such as the data's name; a checkpoint of another is refused.
        checkpoint: a file written after each epoch, and resumed from where it exists.
        on_epoch: called with the history after each epoch (and once when resuming), to print or plot.
        deadline: a value of ``time.monotonic()``; an epoch that would end after it, judging by the last one, is not
            begun.
        compiled: run the network through ``torch.compile`` (needs a C++ compiler on a CPU; up to a third faster).

    Raises:
        OutOfTime: the deadline is near; run again to go on from the checkpoint.
        FloatingPointError: the loss is not finite.
        ValueError: the checkpoint is damaged or belongs to another run.
    """
    device = next(network.parameters()).device
    history, optim = History(), optimiser(network, recipe)
    if compiled:
        network.to(memory_format=torch.channels_last)
    # A compiled module is a module too, but torch declares it a plain callable.
    forward = cast(nn.Module, torch.compile(network, dynamic=False)) if compiled else network
    left = remaining_epochs(
        history,
        recipe.epochs,
        {"network": network, "optimiser": optim},
        ours=fingerprint(network, recipe, seed, identity),
        device=device,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
        deadline=deadline,
    )
    for epoch in left:
        start = time.perf_counter()
        lr = recipe.learning_rate(epoch)
        set_learning_rate(optim, lr)
        devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(epoch_seed(seed, epoch))
            loss, accuracy = _train_epoch(network, forward, train, optim, recipe, epoch)
        if not torch.isfinite(torch.tensor(loss)):
            raise FloatingPointError(
                f"the training loss is {loss} in epoch {epoch + 1} at learning rate {lr:g}: try a lower one"
            )
        val_loss = val_accuracy = float("nan")
        if validation is not None:
            watched = evaluate(forward, validation, num_classes)
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
