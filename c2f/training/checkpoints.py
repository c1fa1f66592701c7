"""Checkpoints: what a training that was killed goes on from, and the loop over the epochs that are left."""

import io
import logging
import math
import pickle
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor, nn

from c2f.common.files import atomic_path, seal, sealed
from c2f.common.share import WHOLE, Share
from c2f.runs.environment import code_version
from c2f.runs.parts import OutOfTime

logger = logging.getLogger(__name__)
_PARTS = ("recipe", "identity", "bits")
_DAMAGED = (ValueError, RuntimeError, pickle.UnpicklingError)


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


def fingerprint(
    network: nn.Module,
    recipe: Any,
    seed: int,
    identity: dict[str, Any] | None,
    engine: dict[str, Any],
    share: Share = WHOLE,
) -> dict[str, Any]:
    """Return what tells a run's checkpoint from others; ``recipe`` is a dataclass.

    ``bits`` is what equal seeds need for equal weights, the ``engine``'s facts among it and how many processes share
    the pictures: sums in another order end in other last digits.
    """
    shapes = {name: list(p.shape) for name, p in network.state_dict().items()}
    bits = {**engine, "device": next(network.parameters()).device.type}
    bits |= {"processes": share.processes, "batch_norm": "joined" if share.joined else "apart"}
    identity = {**(identity or {}), "code": code_version()}
    return {"recipe": asdict(recipe), "seed": seed, "shapes": shapes, "identity": identity, "bits": bits}


def begun_with(path: Path) -> dict[str, Any] | None:
    """Return the ``bits`` of the checkpoint in ``path``, or None where none is there that this code can go on from."""
    state = _resumable(path)
    return None if state is None else state["fingerprint"]["bits"]


def share_left(path: Path) -> float:
    """Return which share of its epochs the training of the checkpoint in ``path`` has left, in [0, 1].

    1 where none is there that this code can go on from.
    """
    state = _resumable(path)
    return 1.0 if state is None else 1 - len(state["history"]["seconds"]) / state["fingerprint"]["recipe"]["epochs"]


def _resumable(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(sealed(path)), map_location="cpu", weights_only=True)
    except _DAMAGED:
        return None
    return state if state["fingerprint"]["identity"].get("code") == code_version() else None


def load_checkpoint(path: Path, fingerprint: dict[str, Any], device: torch.device) -> dict[str, Any] | None:
    """Return the state in ``path``, or None, and a line in the log, if it is damaged or of other code.

    Raises:
        ValueError: it is of another run; how that differs from ours.
    """
    try:
        state = torch.load(io.BytesIO(sealed(path)), map_location=device, weights_only=True)
    except _DAMAGED as error:
        logger.warning("%s; training from the start", error)
        return None
    theirs, ours = state["fingerprint"], fingerprint
    differing = [key for key in ("seed", "shapes") if theirs[key] != ours[key]]
    for part in _PARTS:
        keys = {**theirs[part], **ours[part]}
        differing += [key for key in keys if theirs[part].get(key) != ours[part].get(key)]
    if set(differing) & {"code", "replaces"}:
        logger.warning("%s was made by other code or before the run that it is to replace; training anew", path)
        return None
    if differing:
        shown = ", ".join(f"{key} {_value(theirs, key)} there, {_value(ours, key)} now" for key in differing)
        raise ValueError(
            f"the checkpoint {path} is of another run, or would end in other weights: {shown}; go on with what was "
            "there (threads: OMP_NUM_THREADS; processes: torchrun), delete it to train from the start, or choose "
            "another folder"
        )
    return state


def _value(fingerprint: dict[str, Any], key: str) -> Any:
    """Return what is shown of an entry."""
    if key == "shapes":
        return f"of {len(fingerprint[key])} tensors"
    parts = (fingerprint, *(fingerprint[name] for name in _PARTS))
    return next((part[key] for part in parts if key in part), None)


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


def check_loss(loss: float, epoch: int, lr: float, remedy: str = "try a lower one") -> None:
    """Raise ``FloatingPointError`` if the ``loss`` of an epoch (counted from 0) at the rate ``lr`` is not finite."""
    if not math.isfinite(loss):
        raise FloatingPointError(f"the training loss is {loss} in epoch {epoch + 1} at learning rate {lr:g}: {remedy}")


def remaining_epochs(
    history: History,
    epochs: int,
    parts: Mapping[str, Stateful],
    *,
    ours: dict[str, Any],
    device: torch.device,
    share: Share = WHOLE,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Any], None] | None = None,
    deadline: float | None = None,
    replaces: str | None = None,
) -> Iterator[int]:
    """Yield the number, from 0, of each epoch that is still to be trained, and keep the checkpoint in between.

    Who asks trains the epoch and appends it to ``history``, then asks for the next.

    Args:
        history: empty; filled from the checkpoint where there is one.
        epochs: how many there are in all.
        parts: by their names in the checkpoint; they are brought to its state.
        ours: the run's ``fingerprint``.
        device: where the parts are.
        share: of the training pictures; the first of the processes reads and writes the checkpoint, and tells.
        checkpoint, on_epoch, deadline, replaces: as in ``c2f.runs.execution.Sitting``.

    Raises:
        OutOfTime: the deadline is near.
        ValueError: the checkpoint belongs to another run.
    """
    ours["identity"]["replaces"] = replaces

    def resumed() -> dict[str, Any] | None:
        if checkpoint is None or not checkpoint.exists():
            return None
        return load_checkpoint(checkpoint, ours, device if share.processes == 1 else torch.device("cpu"))

    def late() -> bool:
        return deadline is not None and time.monotonic() + sum(history.seconds[-1:]) > deadline

    saved = share.decide(resumed)
    if not share.first:
        checkpoint = on_epoch = None
    if saved is not None:
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        vars(history).update(saved["history"])
        if on_epoch is not None:
            on_epoch(history)
    while len(history) < epochs:
        if share.decide(late):
            raise OutOfTime(f"stopped before epoch {len(history) + 1} of {epochs}")
        yield len(history)
        if checkpoint is not None:
            states = {name: part.state_dict() for name, part in parts.items()}
            with atomic_path(checkpoint) as temporary:
                torch.save({"fingerprint": ours, **states, "history": vars(history)}, temporary)
                seal(temporary)
        if on_epoch is not None:
            on_epoch(history)
