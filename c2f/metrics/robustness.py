"""How robust a network was: what an attack did to each picture, and the numbers and curves that follow from it.

Measures of the Top-Down Networks paper (Lelekas et al. 2020, section 4.3 and the authors' code), which uses the
smallest perturbation found for each picture. Axes: N pictures, C channels, H rows, W columns. Distances are between
pictures with values in [0, 1].
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from c2f.common.files import atomic_path

NORMS = ("l0", "l1", "l2", "linf")
_TYPES: dict[str, Any] = {"picture": np.int32, "label": np.int16}
_TYPES |= {"clean_prediction": np.int16, "adversarial_prediction": np.int16, **dict.fromkeys(NORMS, np.float32)}
# Files made before the predictions were called so have these names; they stay, so that all files have one.
_IN_FILES = {name: name for name in _TYPES} | {"clean_prediction": "before", "adversarial_prediction": "after"}


@dataclass(frozen=True)
class Results:
    """What an attack did to N pictures, an entry of each ``(N,)`` array a picture.

    Attributes:
        picture: int32, its place in the test set.
        label: int16, its true class.
        clean_prediction: int16, the class predicted for the picture as it is.
        adversarial_prediction: int16, the class predicted for the perturbed picture; -1 where none was found.
        l0: float32, how many channel values differ.
        l1: float32, sum of the absolute differences.
        l2: float32, root of the sum of their squares.
        linf: float32, the largest of them.
        entries: channel values of one picture, C * H * W.

    All four distances are 0 for a picture that was misclassified as it is and infinite for one that the attack could
    not turn.

    Raises:
        ValueError: arrays of different lengths, or a distance that does not fit the labels.
    """

    picture: np.ndarray
    label: np.ndarray
    clean_prediction: np.ndarray
    adversarial_prediction: np.ndarray
    l0: np.ndarray
    l1: np.ndarray
    l2: np.ndarray
    linf: np.ndarray
    entries: int

    def __post_init__(self) -> None:
        for name, kind in _TYPES.items():
            array = np.asarray(getattr(self, name), dtype=kind)
            if array.shape != np.shape(self.picture) or array.ndim != 1:
                raise ValueError(f"{name} has shape {array.shape}, picture has {np.shape(self.picture)}: both are (N,)")
            object.__setattr__(self, name, array)
        for name in NORMS:
            distance = getattr(self, name)
            if np.isnan(distance).any() or not ((distance > 0) == self.correct).all():
                raise ValueError(
                    f"{name} must be 0 for misclassified pictures and above 0 for all others; first other place: "
                    f"{int(np.argmin((distance > 0) == self.correct))}"
                )
        if ((self.adversarial_prediction == self.label) & self.correct).any() or (
            (self.adversarial_prediction >= 0) & self.correct != self.success
        ).any():
            raise ValueError(
                "adversarial_prediction must be another class than label exactly where distances are finite, else -1"
            )

    def __len__(self) -> int:
        return len(self.picture)

    @property
    def correct(self) -> np.ndarray:
        """Bool ``(N,)``, classified correctly before the attack."""
        return self.clean_prediction == self.label

    @property
    def success(self) -> np.ndarray:
        """Bool ``(N,)``, classified correctly before the attack and turned by it."""
        return self.correct & np.isfinite(self.l2)

    def __getitem__(self, index: np.ndarray) -> "Results":
        """Return the entries at ``index``, int or bool; places may repeat."""
        return Results(**{name: getattr(self, name)[index] for name in _TYPES}, entries=self.entries)

    @property
    def distances(self) -> "Distances":
        """Places and L2 alone."""
        return Distances(self.picture, self.l2)


@dataclass(frozen=True)
class Distances:
    """What ``Results`` say of places and L2, ``(N,)`` each, all that measures of distance ask for; or of D draws of
    these pictures, ``(D, N)``, which a bootstrap measures at once (``Results`` check themselves at every draw).
    """

    picture: np.ndarray
    l2: np.ndarray

    def __len__(self) -> int:
        return len(self.picture)

    @property
    def correct(self) -> np.ndarray:
        """Bool ``(N,)``, classified correctly before the attack."""
        return self.l2 > 0

    @property
    def success(self) -> np.ndarray:
        """Bool ``(N,)``, classified correctly before the attack and turned by it."""
        return self.correct & np.isfinite(self.l2)

    def __getitem__(self, index: np.ndarray) -> "Distances":
        """Return the entries at ``index``, int, also ``(D, N)``, or bool; places may repeat."""
        return Distances(self.picture[index], self.l2[index])


def distances(clean: Tensor, perturbed: Tensor) -> dict[str, Tensor]:
    """Return L0 (channel values that differ), L1, L2 and Linf of ``(N, C, H, W)`` pairs, float32 ``(N,)`` each.

    Raises:
        ValueError: pictures of different shapes.
    """
    if clean.shape != perturbed.shape:
        raise ValueError(
            f"clean pictures are {tuple(clean.shape)} but perturbed ones {tuple(perturbed.shape)}: give one of each"
        )
    difference = (perturbed.double() - clean.double()).flatten(1).abs()  # (N, C*H*W)
    found = {
        "l0": difference.count_nonzero(dim=1),
        "l1": difference.sum(dim=1),
        "l2": difference.square().sum(dim=1).sqrt(),
        "linf": difference.amax(dim=1),
    }
    return {name: value.float() for name, value in found.items()}


def measure(
    clean: Tensor,
    perturbed: Tensor,
    labels: Tensor,
    clean_prediction: Tensor,
    adversarial_prediction: Tensor,
    indices: Tensor,
) -> Results:
    """Return the results of an attack from its pictures.

    Args:
        clean, perturbed: ``(N, C, H, W)``.
        labels, clean_prediction: true class and class predicted before the attack, int64 ``(N,)``.
        adversarial_prediction: class predicted for the perturbed picture, int64 ``(N,)``; -1 where the attack found
            none.
        indices: in the test set, int64 ``(N,)``.
    """
    wrong = clean_prediction != labels
    missed = ~wrong & (adversarial_prediction < 0)
    found = {
        name: torch.where(wrong, 0.0, torch.where(missed, math.inf, value)).numpy()
        for name, value in distances(clean, perturbed).items()
    }
    return Results(
        indices.numpy(),
        labels.numpy(),
        clean_prediction.numpy(),
        adversarial_prediction.numpy(),
        **found,
        entries=clean[0].numel(),
    )


def save(results: Results, path: Path, about: dict[str, Any]) -> None:
    """Write ``results`` as safetensors, 26 bytes a picture; ``about`` (JSON) says in the file whose they are."""
    arrays = {file: np.ascontiguousarray(getattr(results, name)) for name, file in _IN_FILES.items()}
    with atomic_path(path) as temporary:
        save_file(arrays, temporary, metadata={"c2f": json.dumps({**about, "entries": results.entries})})


def load(path: Path) -> Results:
    """Read what ``save`` wrote.

    Raises:
        ValueError: the file is damaged, or holds something else.
    """
    try:
        with safe_open(path, "np") as file:
            entries = json.loads(file.metadata()["c2f"])["entries"]
            return Results(**{name: file.get_tensor(there) for name, there in _IN_FILES.items()}, entries=entries)
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} holds no results of an attack ({error}): restore it or attack again") from error


def clean_accuracy(results: Results) -> float:
    """Return the accuracy before the attack, n0 / N, in [0, 1]; NaN without pictures."""
    return float(results.correct.mean()) if len(results) else math.nan


def success_rate(results: Results) -> float:
    """Return the paper's SR: turned pictures in percent of the n0 that were right before; NaN where none was."""
    right = int(results.correct.sum())
    return 100 * float(results.success.sum()) / right if right else math.nan


def ptb(results: Results) -> float:
    """Return the paper's ptb: mean absolute change of a channel value, over turned pictures; NaN where none is."""
    changes = results.l1[results.success].astype(float)
    return float(changes.mean()) / results.entries if len(changes) else math.nan


def ptbr(results: Results) -> float:
    """Return the paper's ptbr: channel values changed, in percent, mean over turned pictures; NaN where none is."""
    changes = results.l0[results.success].astype(float)
    return 100 * float(changes.mean()) / results.entries if len(changes) else math.nan


def median_l2(results: Results | Distances) -> float:
    """Return the median L2 over all N pictures: 0 for those misclassified as they are, infinite for those not turned;
    NaN without pictures.

    Foolbox's attacks give a misclassified picture back at distance 0, too. So two networks are compared on the same
    pictures, and the median is where the curve falls to half of them. (It was once of the pictures that were right
    before, a set that differs between networks. Records from then hold that number as ``median_l2``; none is written
    any more.)
    """
    return float(medians_l2(results)) if len(results) else math.nan


def medians_l2(drawn: Results | Distances) -> np.ndarray:
    """Return ``median_l2`` of each draw of ``(..., N)`` pictures, in shape ``(...)``."""
    return np.asarray(np.median(drawn.l2.astype(float), axis=-1))


def points_lost(results: Results | Distances) -> float:
    """Return the plateau: points of accuracy (percent of all N) that the attack takes in the end; NaN without any."""
    return float(all_points_lost(results)) if len(results) else math.nan


def all_points_lost(drawn: Results | Distances) -> np.ndarray:
    """Return ``points_lost`` of each draw of ``(..., N)`` pictures, in shape ``(...)``."""
    return np.asarray(100 * drawn.success.mean(axis=-1))


def l2_at_loss(results: Results | Distances, points: float = 50) -> float | None:
    """Return the L2 at which the curve has lost ``points`` of accuracy (percent of all N), or None if it never does.

    Raises:
        ValueError: ``points`` outside (0, 100].
    """
    found = float(all_l2_at_loss(results, points))
    return found if math.isfinite(found) else None


def all_l2_at_loss(drawn: Results | Distances, points: float = 50) -> np.ndarray:
    """Return ``l2_at_loss`` of each draw of ``(..., N)`` pictures, in shape ``(...)``; infinite where it is never.

    Raises:
        ValueError: ``points`` outside (0, 100].
    """
    if not 0 < points <= 100:
        raise ValueError(f"points must be in (0, 100], not {points!r}")
    turned = np.where(drawn.success, drawn.l2, np.inf).astype(float)
    needed = math.ceil(points * turned.shape[-1] / 100)
    if not needed:  # no pictures
        return np.full(turned.shape[:-1], np.inf)
    return np.asarray(np.partition(turned, needed - 1, axis=-1)[..., needed - 1])


@dataclass(frozen=True)
class Curve:
    """Accuracy against L2, a staircase: ``l2`` ``(N + 1,)`` ascending, ``accuracy`` ``(N + 1,)`` in [0, 1] from there
    on. Entry 0 is the start: L2 0, accuracy n0 / N.
    """

    l2: np.ndarray
    accuracy: np.ndarray

    def at(self, l2: Any) -> np.ndarray:
        """Return the accuracy at each distance of ``l2``, which are at least 0."""
        return self.accuracy[np.searchsorted(self.l2, np.asarray(l2), side="right") - 1]


def curve(results: Results) -> Curve:
    """Return the paper's curve over all N pictures, sorted by L2.

    The accuracy is n0 / N over the zeros (pictures misclassified as they are), falls by 1 / N at every turned picture,
    at equal distances one after the other, and stays over the infinite ones.
    """
    order = np.argsort(results.l2, kind="stable")
    turned = np.concatenate([[0], np.cumsum(results.success[order])])  # whole numbers: no rounding adds up
    total = max(len(results), 1)
    return Curve(np.concatenate([[0.0], results.l2[order]]), (results.correct.sum() - turned) / total)


def summary(results: Results) -> dict[str, float]:
    """Return the numbers of a record by name; one that is not defined or never reached is left out."""
    values: dict[str, float | None] = {
        "clean_accuracy": clean_accuracy(results),
        "success_rate": success_rate(results),
        "ptb": ptb(results),
        "ptbr": ptbr(results),
        "l2_at_50": l2_at_loss(results, 50),
        "points_lost": points_lost(results),
    }
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}
