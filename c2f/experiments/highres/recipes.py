"""How the two models of the High-Resolution CAM paper are trained, as a table.

The paper's settings are in ``paper`` (Tagaris et al. 2019; the authors' training scripts). The others are ours: as much
as small pictures need, and in ``scenes`` as much as one core does in a few minutes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from c2f.common.checks import Ranges, check_numbers, choose, positive_int
from c2f.experiments.highres.augment import AUGMENTATIONS
from c2f.networks.densenet_fcn import DENSENET_TITLES as MODELS
from c2f.networks.densenet_models import DENSENETS
from c2f.training.recipes import changed, plateau, recipe_name

_RANGES: Ranges = {
    "lr": (lambda value: 0 < value < math.inf, "above 0"),
    "weight_decay": (lambda value: 0 <= value < math.inf, "of at least 0"),
    "rho": (lambda value: 0 <= value < 1, "of at least 0 and below 1"),
    "factor": (lambda value: 0 < value < 1, "above 0 and below 1"),
    "min_lr": (lambda value: 0 <= value < math.inf, "of at least 0"),
    "min_delta": (lambda value: 0 <= value < math.inf, "of at least 0"),
    "validation": (lambda value: 0 < value < 1, "above 0 and below 1"),
}


@dataclass(frozen=True)
class DenseRecipe:
    """How a half or a full model is trained; the defaults are the paper's.

    Attributes:
        name: the recipe's name.
        config: a name in ``c2f.networks.densenet_fcn.DENSENETS``.
        image_size: side in pixels that pictures are resized to; None for the data's own.
        epochs: passes over the training pictures.
        batch_size: pictures a step; the last, short batch is kept.
        lr: of Adadelta (Zeiler 2012), as Keras had it in the paper's time.
        rho: of Adadelta, how slowly its averages forget.
        weight_decay: factor of the L2 penalty, ``weight_decay * sum(w**2)`` without a half, as Keras defines it.
        factor: what the learning rate is multiplied by when the training loss has stopped falling.
        patience: epochs without an improvement after which that happens.
        min_delta: by how much the loss must fall to count as an improvement.
        min_lr: the lowest learning rate.
        validation: share of the training pictures held out, on which the best epoch is chosen.
        augmentation: a name in ``c2f.experiments.highres.augment.AUGMENTATIONS``.
        repetitions: how many seeds are trained unless told otherwise.

    Raises:
        ValueError: an unknown configuration or augmentation, or a number of another type or out of range.
    """

    name: str = "paper"
    config: str = "paper"
    image_size: int | None = 224
    epochs: int = 50
    batch_size: int = 16
    lr: float = 1.0
    rho: float = 0.95
    weight_decay: float = 1e-4
    factor: float = 0.1**0.5
    patience: int = 10
    min_delta: float = 1e-4
    min_lr: float = 1e-5
    validation: float = 0.1
    augmentation: str = "affine_flip"
    repetitions: int = 1

    def __post_init__(self) -> None:
        choose(self.config, DENSENETS, "configuration")
        choose(self.augmentation, AUGMENTATIONS, "augmentation")
        for name in ("epochs", "batch_size", "patience", "repetitions"):
            positive_int(getattr(self, name), name)
        if self.image_size is not None:
            positive_int(self.image_size, "image_size")
        check_numbers(self, _RANGES)

    def learning_rate(self, losses: Sequence[float]) -> float:
        """Return the learning rate of the epoch that follows those with the training ``losses``.

        By ``c2f.training.recipes.plateau``; the lowest is ``min_lr``.
        """
        return plateau(losses, self.lr, self.min_lr, self.factor, self.patience, self.min_delta)


_SCENES = DenseRecipe("scenes", config="slim", image_size=None, augmentation="none")
_TINY = DenseRecipe("tiny-imagenet", config="small", image_size=None, epochs=30)

RECIPES: dict[str, dict[str, DenseRecipe]] = {
    "paper": dict.fromkeys(MODELS, DenseRecipe()),
    "scenes": {"densenet_half": replace(_SCENES, epochs=4), "densenet_full": replace(_SCENES, epochs=3)},
    "tiny-imagenet": dict.fromkeys(MODELS, _TINY),
}
"""Recipe name -> model -> recipe."""

PROFILES: dict[str, dict[str, Any]] = {"quick": {"epochs": 2}, "paper": {}}
"""What each profile changes in a recipe."""


def dense_recipe(model: str, data: str, profile: str = "paper", name: str | None = None, **changes: Any) -> DenseRecipe:
    """Return the recipe of ``model`` on ``data``.

    Args:
        model: ``densenet_half`` or ``densenet_full``.
        data: a data set's name; data without a recipe of their own get the paper's, at 224x224.
        profile: a name in ``PROFILES``.
        name: a name in ``RECIPES``, where another than the data set's own is wanted.
        changes: fields of ``DenseRecipe`` to set otherwise; None leaves a field as it is.

    Raises:
        ValueError: an unknown model, profile, recipe or field, or a value out of range.
    """
    choose(model, MODELS, "model")
    choose(profile, PROFILES, "profile")
    own = recipe_name(data)
    found = RECIPES[choose(name or (own if own in RECIPES else "paper"), RECIPES, "recipe")][model]
    return changed(replace(found, **PROFILES[profile]), **changes)


def departures(parameters: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return in what a recorded training's recipe is not that of its data set: field -> (there, in the data set's).

    Args:
        parameters: of the record; its ``network``, ``data`` and ``recipe`` are read.
    """
    own = asdict(dense_recipe(parameters["network"], parameters["data"]))
    return {field: (used, own[field]) for field, used in parameters["recipe"].items() if used != own[field]}
