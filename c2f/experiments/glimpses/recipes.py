"""How a Multi-Glimpse Network is trained: the recipes as a table, optimiser and schedules.

Tan et al. 2021, section 4, and the defaults of the authors' code. Recipes for data that the paper lacks are ours.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR, OneCycleLR

from c2f.common.checks import Ranges, check_numbers, choose, positive_int
from c2f.datasets.data_name import DataName
from c2f.networks.glimpse.losses import LossSettings
from c2f.networks.glimpse.network import GlimpseSettings
from c2f.training.recipes import changed, recipe_name

_RANGES: Ranges = {
    "lr": (lambda value: 0 < value < math.inf, "above 0"),
    "weight_decay": (lambda value: 0 <= value < math.inf, "of at least 0"),
    "momentum": (lambda value: 0 <= value < 1, "in [0, 1)"),
    "clip": (lambda value: 0 <= value < math.inf, "of at least 0, where 0 is off"),
    "validation": (lambda value: 0 <= value < 1, "in [0, 1)"),
}


@dataclass(frozen=True)
class GlimpseRecipe:
    """How a Multi-Glimpse Network is trained; the defaults are the paper's.

    Attributes:
        epochs: passes over the training pictures.
        lr: learning rate, the largest of a one-cycle schedule.
        optimiser: a name in ``OPTIMISERS``.
        schedule: a name in ``SCHEDULES``; it moves on with every step.
        drops: epochs after which ``multi_step`` divides the learning rate by ten.
        momentum: of SGD; a one-cycle schedule moves it itself, between 0.85 and 0.95.
        weight_decay: as torch means it, on every parameter.
        batch_size: pictures a step; a last, short batch is left out.
        clip: largest norm of the gradient; 0 is off.
        validation: share of the training pictures held out; the weights of the epoch that is best on them are kept.
        repetitions: how often a training is repeated (seeds 0, 1, ...).
        equilibrium: ratio of ``GradientEquilibrium`` at the start and at the end; None is off.

    Raises:
        ValueError: an unknown optimiser or schedule, or a number of another type or out of range.
    """

    epochs: int = 100
    lr: float = 0.1
    optimiser: str = "sgd"
    schedule: str = "one_cycle"
    drops: tuple[int, ...] = ()
    momentum: float = 0.9
    weight_decay: float = 1e-4
    batch_size: int = 256
    clip: float = 0.0
    validation: float = 0.1
    repetitions: int = 4
    equilibrium: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        choose(self.optimiser, OPTIMISERS, "optimiser")
        choose(self.schedule, SCHEDULES, "schedule")
        for name in ("epochs", "batch_size", "repetitions"):
            positive_int(getattr(self, name), name)
        check_numbers(self, _RANGES)
        if bool(self.drops) != (self.schedule == "multi_step"):
            raise ValueError(
                f"drops {self.drops} do not go with schedule {self.schedule!r}: multi_step needs them, others have none"
            )
        for drop in self.drops:
            positive_int(drop, "a drop's epoch")
        if self.equilibrium is not None and (len(self.equilibrium) != 2 or min(self.equilibrium) < 0):
            raise ValueError(
                f"equilibrium must be two ratios of at least 0, first and last, or None, not {self.equilibrium!r}"
            )


def _sgd(network: nn.Module, recipe: GlimpseRecipe) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        network.parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )


def _adam(network: nn.Module, recipe: GlimpseRecipe) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)


OPTIMISERS: dict[str, Callable[[nn.Module, GlimpseRecipe], torch.optim.Optimizer]] = {"sgd": _sgd, "adam": _adam}


def _one_cycle(optimiser: torch.optim.Optimizer, recipe: GlimpseRecipe, steps: int) -> LRScheduler:
    total = max(recipe.epochs * steps, 3)
    # A fifth of five steps or fewer is the first step alone, and torch divides by the steps behind it.
    rising = 0.2 if total > 5 else 2 / total
    return OneCycleLR(optimiser, max_lr=recipe.lr, total_steps=total, pct_start=rising)


def _cosine(optimiser: torch.optim.Optimizer, recipe: GlimpseRecipe, steps: int) -> LRScheduler:
    return CosineAnnealingLR(optimiser, T_max=recipe.epochs * steps)


def _multi_step(optimiser: torch.optim.Optimizer, recipe: GlimpseRecipe, steps: int) -> LRScheduler:
    return MultiStepLR(optimiser, milestones=[drop * steps for drop in recipe.drops], gamma=0.1)


SCHEDULES: dict[str, Callable[[torch.optim.Optimizer, GlimpseRecipe, int], LRScheduler]] = {
    "one_cycle": _one_cycle,
    "cosine": _cosine,
    "multi_step": _multi_step,
}
"""Learning rates as torch makes them, of optimiser, recipe and the number of steps an epoch.

``one_cycle``: up to ``lr`` in the first fifth of the steps and down to nearly nothing; ``cosine``: half a cosine from
``lr`` to 0; ``multi_step``: a tenth after each of the recipe's ``drops``. The authors' fourth, ``reduce``, stops with
an error in their code and is not here.
"""


@dataclass(frozen=True)
class Setup:
    """What is trained on one kind of data.

    ``recipe``, ``look``, ``losses``: how it is trained, how it looks, and what it learns from. ``backbone``: a name in
    ``backbone_names()``. ``image_size``: H = W that pictures are brought to; None for the data's own.
    """

    recipe: GlimpseRecipe
    look: GlimpseSettings
    losses: LossSettings
    backbone: str = "small_cnn"
    image_size: int | None = None


_PAPER = LossSettings()
SETUPS: dict[str, Setup] = {
    "canvas": Setup(GlimpseRecipe(), GlimpseSettings(), _PAPER),
    "photographs": Setup(
        GlimpseRecipe(epochs=400, validation=0.02),
        GlimpseSettings(downsampling=2.33),
        _PAPER,
        backbone="torchvision-resnet18",
        image_size=224,
    ),
    # Ours: what a CPU can do. Adam, as a network without batch norm hardly moves at first under SGD.
    "scenes": Setup(
        GlimpseRecipe(epochs=4, lr=2e-3, optimiser="adam", weight_decay=0.0, batch_size=32), GlimpseSettings(), _PAPER
    ),
    "other": Setup(
        GlimpseRecipe(epochs=30, lr=2e-3, optimiser="adam", weight_decay=0.0, batch_size=128),
        GlimpseSettings(downsampling=2.33),
        _PAPER,
    ),
}
"""By kind of data, the paper's digits on a canvas and its photographs (ImageNet100), scenes, and anything else."""

QUICK = {"epochs": 2, "repetitions": 1}
"""What the profile ``quick`` changes in a recipe."""


def setup_name(data: str, streamed: bool = False) -> str:
    """Return the key in ``SETUPS`` that belongs to a data set's name."""
    if streamed:
        return "photographs"
    kind = "canvas" if DataName.parse(data).on_canvas else recipe_name(data)
    return kind if kind in SETUPS else "other"


def changed_setup(
    data: str,
    profile: str = "paper",
    streamed: bool = False,
    image_size: int | None = None,
    *,
    recipe: Mapping[str, Any],
    look: Mapping[str, Any],
    losses: Mapping[str, Any],
) -> Setup:
    """Return the setup of a data set in a profile, with what is given in place of its own settings.

    Args:
        data: its name.
        profile: ``quick`` or ``paper``.
        streamed: as for ``setup_name``.
        image_size: H = W that pictures are brought to; None for the setup's own.
        recipe, look, losses: fields of the setup's parts to set otherwise; None leaves a field as it is.

    Raises:
        ValueError: an unknown profile or field, or a value out of range.
    """
    setup = SETUPS[setup_name(data, streamed)]
    quick = QUICK if choose(profile, ("quick", "paper"), "profile") == "quick" else {}
    return replace(
        setup,
        recipe=changed(changed(setup.recipe, **quick), **recipe),
        look=changed(setup.look, **look),
        losses=changed(setup.losses, **losses),
        image_size=setup.image_size if image_size is None else image_size,
    )
