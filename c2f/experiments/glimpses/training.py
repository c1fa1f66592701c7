"""Training a Multi-Glimpse Network: one plain loop that returns records, and can be killed at any moment and resumed.

``c2f.training.loop.fit`` trains classifiers by the Top-Down paper's rules; here every glimpse has a loss, the learning
rate moves with every step, and the best epoch's weights are kept. Checkpoints, history and seeds are as there.

Axes: N pictures, B pictures of one batch, C channels, H rows, W columns, T glimpses, K classes.
"""

import itertools
import time
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, Unpack

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from c2f.common.share import share_of
from c2f.datasets.batches import Loader, epoch_seed
from c2f.experiments.glimpses.evaluation import evaluate_glimpses
from c2f.experiments.glimpses.recipes import OPTIMISERS, SCHEDULES, GlimpseRecipe
from c2f.networks.glimpse.gradients import GradientEquilibrium, equilibrium_ratio
from c2f.networks.glimpse.losses import LossSettings, total_loss
from c2f.networks.glimpse.network import Glimpses, MultiGlimpse
from c2f.networks.modes import train_mode
from c2f.runs.execution import Sitting
from c2f.training.checkpoints import Best, History, check_loss, fingerprint, remaining_epochs
from c2f.training.engine import Engine, Step, Trial, plain
from c2f.training.parallel import spread_of, together


@dataclass
class GlimpseHistory(History):
    """A ``History`` of a Multi-Glimpse Network.

    ``train_loss`` is the mix of all losses, ``val_loss`` the last answer's cross entropy; the accuracies are the last
    answer's, and ``val_by_glimpse`` holds those of all T answers, a list an epoch. ``learning_rate``: after the epoch.
    """

    val_by_glimpse: list[list[float]] = field(default_factory=list)

    @property
    def best(self) -> int:
        """The epoch, counted from 0, whose weights are kept, which is the first of those with the highest accuracy on
        the validation part, or the last epoch where there is none.
        """
        if not len(self) or self.val_accuracy[0] != self.val_accuracy[0]:
            return len(self) - 1
        return max(range(len(self)), key=lambda epoch: self.val_accuracy[epoch])


GLIMPSE_ENGINES = ("plain", "channels_last")
"""Where the next glimpse lies is known only when the last was seen, so that there is no one pass to compile."""


@dataclass
class _State:
    """What a checkpoint holds of a training."""

    network: MultiGlimpse
    optimiser: torch.optim.Optimizer
    schedule: LRScheduler
    scaler: torch.amp.GradScaler


def _looking(
    network: MultiGlimpse, engine: Engine, losses: LossSettings, balance: GradientEquilibrium | None = None
) -> Step:
    """Return what maps a batch to its loss, the mix of all, and the ``Glimpses``."""

    def step(x: Tensor, y: Tensor) -> tuple[Tensor, Glimpses]:
        with engine.autocast(x.device):
            seen = network(engine.pictures(x), equilibrium=balance)
            return total_loss(network, x, seen, y, losses).total, seen

    return step


def glimpse_trial(
    network: MultiGlimpse, train: Loader, recipe: GlimpseRecipe, losses: LossSettings, name: str = ""
) -> Trial:
    """Return what the engine of a training is chosen by; ``name`` is the network's."""
    begin = partial(_looking, losses=losses)
    steps = recipe.epochs * _steps(train, recipe.batch_size)
    return Trial(network, begin, lambda: next(iter(train.epoch(0))), steps, GLIMPSE_ENGINES, name)


def _steps(loader: Loader, batch_size: int) -> int:
    """Return the number of steps an epoch: whole batches, or the one short batch there is."""
    return max(1, loader.num_pictures // batch_size)


def _train_epoch(
    state: _State,
    step: Step,
    balance: GradientEquilibrium | None,
    batches: Loader,
    recipe: GlimpseRecipe,
    epoch: int,
) -> tuple[float, float]:
    """Return (loss, accuracy of the last answer) of one epoch of training, means over its pictures, those of all
    processes.
    """
    network, share = state.network, share_of(batches)
    if balance is not None and recipe.equilibrium is not None:
        balance.ratio = equilibrium_ratio(epoch, recipe.epochs, *recipe.equilibrium)
    sums, right, count = [], [], 0  # on the device, so that a GPU need not wait at every step
    for x, y in itertools.islice(batches.epoch(epoch), _steps(batches, recipe.batch_size)):
        state.optimiser.zero_grad(set_to_none=True)
        loss, seen = step(x, y)
        state.scaler.scale(loss).backward()
        if balance is not None:
            balance.finish(network.locate)
        if recipe.clip:
            state.scaler.unscale_(state.optimiser)
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        state.scaler.step(state.optimiser)
        state.scaler.update()
        state.schedule.step()
        sums.append(loss.detach().float() * len(y))
        right.append((seen.logits[-1].detach().argmax(dim=1) == y).sum())
        count += len(y)
    share.level(network)
    found = (torch.stack(sums).double().sum(), torch.stack(right).sum(), torch.tensor(count))
    total, correct, every = (share.sum(one).item() for one in found)
    return total / every, correct / every


def fit_glimpses(
    network: MultiGlimpse,
    train: Loader,
    recipe: GlimpseRecipe,
    losses: LossSettings | None = None,
    *,
    validation: Loader | None = None,
    seed: int = 0,
    identity: dict[str, Any] | None = None,
    engine: Engine | None = None,
    **sitting: Unpack[Sitting],
) -> GlimpseHistory:
    """Train ``network`` in place by ``recipe`` and return its history; the best epoch's weights are left in it.

    On a CPU the same seed gives the same weights bit for bit for an equal engine and number of threads, whether or not
    the run was killed in between: the random numbers of an epoch depend on the seed and the epoch's number alone.

    In mixed precision (``torch.autocast``) convolutions and dense layers compute with half the bits; weights,
    locations, losses and the optimiser keep theirs, and evaluation is not mixed.

    Args:
        network: on its device.
        train: the training pictures, as the network takes them; shared among processes as by
            ``c2f.training.loop.fit``.
        recipe: see ``GlimpseRecipe``.
        losses: how the losses are mixed; the paper's unless given.
        validation: what decides which epoch is best; without it the last one is kept.
        seed: of everything random in training (dropout, guidance; order and augmentation are the loader's).
        identity: what else tells this run from others; a checkpoint of another run is refused.
        engine: how steps are carried out, from ``c2f.training.engine.settle``; None takes float16 on a GPU, as the
            authors did, its gradients scaled against underflow, and float32 elsewhere.
        **sitting: see ``c2f.runs.execution.Sitting``.

    Raises:
        OutOfTime, FloatingPointError: as ``c2f.training.loop.fit``.
        ValueError: another type, a checkpoint of another run, or losses that the network cannot
            have.
    """
    device, share = next(network.parameters()).device, share_of(train)
    losses = losses or LossSettings()
    if engine is None:
        engine = replace(plain(device), precision="float16") if device.type == "cuda" else plain(device)
    train_mode(network)
    optimiser = OPTIMISERS[recipe.optimiser](network, recipe)
    schedule = SCHEDULES[recipe.schedule](optimiser, recipe, _steps(train, recipe.batch_size))
    state = _State(
        network, optimiser, schedule, torch.amp.GradScaler(device.type, enabled=engine.precision == "float16")
    )
    history, best = GlimpseHistory(), Best(network)
    identity = {**(identity or {}), "looks": asdict(network.settings)}
    ours = fingerprint(network, recipe, seed, identity, engine.facts(), share)
    ours["recipe"] |= asdict(losses)
    left = remaining_epochs(
        history,
        recipe.epochs,
        {**vars(state), "best": best},
        ours=ours,
        device=device,
        share=share,
        **sitting,
    )
    balance = None if recipe.equilibrium is None else GradientEquilibrium(0, spread_of(share))
    with engine.at_work(network):
        step = together(network, _looking(network, engine, losses, balance), share)
        for epoch in left:
            start = time.perf_counter()
            with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
                torch.manual_seed(epoch_seed(seed, epoch, share.rank))
                loss, accuracy = _train_epoch(state, step, balance, train, recipe, epoch)
            check_loss(loss, epoch, recipe.lr, "try a lower one, or clip")
            watched = None if validation is None else evaluate_glimpses(network, validation)
            by_glimpse = [float("nan")] if watched is None else watched.accuracy
            values: dict[str, Any] = {
                "learning_rate": optimiser.param_groups[0]["lr"],
                "train_loss": loss,
                "train_accuracy": accuracy,
                "val_loss": float("nan") if watched is None else watched.loss[-1],
                "val_accuracy": by_glimpse[-1],
                "val_by_glimpse": by_glimpse,
                "seconds": time.perf_counter() - start,
            }
            history.append(**values)
            if history.best == epoch:
                best.keep()
    network.load_state_dict(best.state_dict())
    return history
