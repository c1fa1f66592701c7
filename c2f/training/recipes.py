"""The papers' training recipes, as a table, and the learning-rate schedule.

Top-Down Networks (Lelekas et al. 2020, section 4 and the authors' run scripts). A recipe holds only numbers and
names; what is done with them is ``c2f.training.loop.fit``.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from c2f import networks
from c2f.common.checks import Ranges, check_numbers, choose, did_you_mean, positive_int
from c2f.common.words import how_many
from c2f.datasets.augment import AUGMENTATIONS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LARGEST_SIDE = 4096
"""Rows and columns beyond which a batch of pictures fits into no memory."""
T = TypeVar("T", bound="DataclassInstance")

_RANGES: Ranges = {
    "lr": (lambda value: 0 < value < math.inf, "above 0"),
    "weight_decay": (lambda value: 0 <= value < math.inf, "of at least 0"),
    "validation": (lambda value: 0 <= value < 1, "in [0, 1)"),
    "momentum": (lambda value: 0 <= value < 1, "in [0, 1)"),
    "train_scale": (lambda value: 1 <= value < math.inf, "of at least 1"),
}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        name: the recipe's name, mostly the data set's.
        epochs: passes over the training pictures.
        lr: learning rate at the start.
        weight_decay: factor of the L2 penalty as the paper defines it, ``weight_decay * sum(w**2)`` without a half:
            in torch's terms twice as much.
        batch_size: pictures a step; the last, short batch is kept.
        repetitions: how often the paper trains anew (seeds 0, 1, ...).
        validation: share of the training pictures held out and watched.
        pixel_mean: whether the mean picture of the training set is subtracted.
        augmentation: a name in ``c2f.datasets.augment.AUGMENTATIONS``.
        momentum: of Nesterov's accelerated gradient.
        schedule: a name in ``SCHEDULES``.
        image_size: side in pixels that pictures are resized to; None for the data's own.
        train_scale: how much larger than that the training pictures are, for an augmentation that crops.

    Raises:
        ValueError: an unknown schedule or augmentation, or a number of another type or out of range.
    """

    name: str
    epochs: int
    lr: float = 0.1
    weight_decay: float = 0.0
    batch_size: int = 128
    repetitions: int = 4
    validation: float = 0.1
    pixel_mean: bool = False
    augmentation: str = "none"
    momentum: float = 0.9
    schedule: str = "three_stage"
    image_size: int | None = None
    train_scale: float = 1.0

    def __post_init__(self) -> None:
        choose(self.schedule, SCHEDULES, "schedule")
        choose(self.augmentation, AUGMENTATIONS, "augmentation")
        for field in ("epochs", "batch_size", "repetitions", "image_size"):
            value = getattr(self, field)
            if field != "image_size" or value is not None:
                positive_int(value, field, maximum=LARGEST_SIDE if field == "image_size" else 2**63 - 1)
        check_numbers(self, _RANGES)

    def learning_rate(self, epoch: int) -> float:
        """Return the learning rate of ``epoch``, counted from 0."""
        return SCHEDULES[self.schedule](self.lr, epoch, self.epochs)


def three_stage(lr: float, epoch: int, epochs: int) -> float:
    """Return ``lr``, a tenth of it from ceil(0.5 * epochs) on, a hundredth from ceil(0.8 * epochs) on.

    Where both fall on one epoch there is one drop, as in the authors' code.
    """
    drops = {-(-epochs * tenths // 10) for tenths in (5, 8)}
    for drop in drops:
        if epoch >= drop:
            lr = lr * 0.1
    return lr


def plateau(losses: Sequence[float], lr: float, lowest: float, factor: float, patience: int, min_delta: float) -> float:
    """Return the learning rate of the epoch that follows those with ``losses``.

    Keras's ``ReduceLROnPlateau`` without a cooldown: every ``patience`` epochs in a row that do not fall below the
    lowest loss by more than ``min_delta`` multiply ``lr`` by ``factor``, but never to less than ``lowest``.
    """
    best, waited = math.inf, 0
    for loss in losses:
        waited += 1
        if loss < best - min_delta:
            best, waited = loss, 0
        elif waited >= patience:
            lr, waited = max(lr * factor, min(lowest, lr)), 0
    return lr


SCHEDULES: dict[str, Callable[[float, int, int], float]] = {"three_stage": three_stage}

_CIFAR = Recipe("cifar10", epochs=100, weight_decay=5e-4, pixel_mean=True)
_IMAGENETTE = Recipe(
    "imagenette",
    epochs=50,
    weight_decay=1e-3,
    repetitions=1,
    validation=0.0,
    pixel_mean=True,
    augmentation="pca_flip_crop",
    image_size=128,
    train_scale=156 / 128,
)

RECIPES: dict[str, dict[str, Recipe]] = {
    # recipe name -> network ("": all others) -> recipe; _td stands for _td_uni and _td_rev too
    "mnist": {
        "lenetfc": Recipe("mnist", epochs=50),
        "lenetfc_td": Recipe("mnist", epochs=30),  # oddity O8: fewer epochs than its bottom-up twin
        "": Recipe("mnist", epochs=50),
    },
    "fashion-mnist": {
        "lenetfc": Recipe("fashion-mnist", epochs=40),
        "lenetfc_td": Recipe("fashion-mnist", epochs=40),
        "": Recipe("fashion-mnist", epochs=50),
    },
    "cifar10": {"": _CIFAR},
    "cifar10-aug": {"": replace(_CIFAR, name="cifar10-aug", epochs=200, weight_decay=1e-4, augmentation="shift_flip")},
    "imagenette": {
        "": _IMAGENETTE,
        # The supplement's 80 epochs; the authors' script has 50, as for the bottom-up twin (oddity O8).
        "resnet18_td": replace(_IMAGENETTE, epochs=80, lr=0.05, batch_size=64),
    },
    "scenes": {"": Recipe("scenes", epochs=6, batch_size=64)},  # ours: as long as two cores can wait for a top-down one
    # Ours: Imagenette's recipe at the pictures' own 64 pixels, both networks for the authors' 50 epochs.
    "tiny-imagenet": {
        "": replace(_IMAGENETTE, name="tiny-imagenet", image_size=None),
        "resnet18_td": replace(_IMAGENETTE, name="tiny-imagenet", image_size=None, lr=0.05, batch_size=64),
    },
}

_RECIPE_OF_DATA = {
    "mnist": "mnist",
    "fashion-mnist": "fashion-mnist",
    "fashion-mnist-sample": "fashion-mnist",
    "cifar10": "cifar10",
    "cifar10-aug": "cifar10-aug",
    "cifar10-jpeg": "cifar10",
    "cifar10-jpeg-aug": "cifar10-aug",
    "imagenette": "imagenette",
    "scenes-fashion-mnist": "scenes",
    "scenes-fashion-mnist-sample": "scenes",
    "scenes-mnist": "scenes",
    "tiny-imagenette": "tiny-imagenet",
    "tiny-imagenet": "tiny-imagenet",
    "tiny-animals": "tiny-imagenet",
}

PROFILES: dict[str, dict[str, Any]] = {
    "quick": {"epochs": 3, "batch_size": 64, "repetitions": 1},
    "paper": {},
}
"""What each profile changes in a recipe. ``paper`` changes nothing, ``quick`` what makes it minutes on two cores.

Smaller batches give the small sample more steps, and batch norm's slow averages (momentum 0.99) more time to settle."""


def recipe_name(data: str) -> str:
    """Return the name of the recipe that belongs to a data set, the same in every experiment's table that has it; data
    that no paper used get CIFAR-10's augmented one.
    """
    return _RECIPE_OF_DATA.get(data, "cifar10-aug")


def recipe(network: str, data: str, profile: str = "paper", name: str | None = None, **changes: Any) -> Recipe:
    """Return the recipe of ``network`` on ``data``.

    Args:
        network: a name in ``c2f.networks.names("classifier")``.
        data: a data set's name.
        profile: a name in ``PROFILES``.
        name: a name in ``RECIPES``, where another than the data set's own is wanted (``cifar10-aug``).
        changes: fields of ``Recipe`` to set otherwise; None leaves a field as it is.

    Raises:
        ValueError: an unknown network, profile, recipe or field, or a value out of range.
    """
    choose(network, networks.names("classifier"), "network")
    choose(profile, PROFILES, "profile")
    name = choose(name or recipe_name(data), RECIPES, "recipe")
    row = RECIPES[name]
    shared = network.removesuffix("_uni").removesuffix("_rev")
    found = row.get(shared, row[""])
    return changed(replace(found, **PROFILES[profile]), **changes)


def training_length(network: str, data: str, trained: Mapping[str, Any]) -> str:
    """Say how long a network was trained by the recipe ``trained``, as a record holds it: ``40 epochs``, or ``5 of 50
    epochs`` if the recipe of that name has more.
    """
    whole = recipe(network, data, name=trained["name"]).epochs
    done = trained["epochs"]
    return how_many(done, "epoch") if done >= whole else f"{done} of {how_many(whole, 'epoch')}"


def changed(settings: T, **changes: Any) -> T:
    """Return a dataclass of settings (a recipe, how to look) with other values in the fields that ``changes`` names.

    None leaves a field as it is.

    Raises:
        ValueError: an unknown field, or a value out of range.
    """
    known = [entry.name for entry in fields(settings)]
    for name in changes:
        if name not in known:
            near, what = did_you_mean(name, known), type(settings).__name__
            raise ValueError(f"{what} has no field {name!r}{near}\nThere are: {', '.join(known)}")
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})
