"""White-box attacks: what somebody finds who knows the network and follows its gradients.

Noise attacks alone do not show robustness: a network may withstand random changes and yield to a tiny chosen one. All
attacks here are Foolbox's; what is added stands in ``c2f.attacks.descent``.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import foolbox
import torch
from foolbox.attacks.base import AttackWithDistance
from foolbox.models import Model
from torch import Tensor

from c2f.attacks.descent import L2PGD, LinfPGD, SeededDescent
from c2f.attacks.victim import Victim, check_alone
from c2f.common.checks import choose, positive_int
from c2f.networks.answers import checked_logits, finite
from c2f.networks.modes import in_float32


@dataclass(frozen=True)
class GradientAttack:
    """A row of the table.

    ``title``: the name in figures and tables. ``norm``: ``"l2"`` or ``"linf"``, in which distance is measured.
    ``minimal``: True where the attack looks for the smallest distance itself, False where it must be given one.
    ``steps``: how many by default. ``build``: maps (steps, seed) to the attack.
    """

    title: str
    norm: str
    minimal: bool
    steps: int
    build: Callable[[int, int], AttackWithDistance]


GRADIENT: dict[str, GradientAttack] = {
    "pgd_linf": GradientAttack("PGD, Linf", "linf", False, 40, LinfPGD),
    "pgd_l2": GradientAttack("PGD, L2", "l2", False, 40, L2PGD),
    "deepfool": GradientAttack(
        "DeepFool, L2", "l2", True, 50, lambda steps, _: foolbox.attacks.L2DeepFoolAttack(steps=steps)
    ),
    "fmn_linf": GradientAttack(
        "FMN, Linf", "linf", True, 100, lambda steps, _: foolbox.attacks.LInfFMNAttack(steps=steps)
    ),
}
"""The white-box attacks, by Madry et al. 2018 (twice), Moosavi-Dezfooli et al. 2016, Pintor et al. 2021."""


@dataclass(frozen=True)
class Attacked:
    """What an attack made of N pictures.

    ``success``: bool ``(N,)``, whether the picture is misclassified now; True as well where it was from the start.
    ``pictures``: float32 ``(N, C, H, W)`` in [0, 1], unchanged where nothing was found or nothing was to be done.
    ``distance``: float32 ``(N,)`` in the attack's norm: 0 where it was misclassified from the start, infinite where
    nothing was found.
    """

    success: Tensor
    pictures: Tensor
    distance: Tensor


@dataclass(frozen=True)
class EpsilonCurve:
    """Accuracy under attack against the size that the attack may have.

    ``norm``: of the sizes. ``clean``: accuracy without attack. ``epsilons``: ascending. ``accuracy``: the share of all
    pictures that is still classified correctly at each, in [0, 1], never rising.
    """

    norm: str
    clean: float
    epsilons: tuple[float, ...]
    accuracy: tuple[float, ...]


def build(name: str, seed: int = 0, steps: int | None = None) -> AttackWithDistance:
    """Return a white-box attack of Foolbox: the ``name`` in ``GRADIENT``, with its own number of steps by default.

    Raises:
        ValueError: an unknown name, a seed below 0, less than one step.
    """
    row = GRADIENT[choose(name, GRADIENT, "white-box attack")]
    steps = row.steps if steps is None else positive_int(steps, "steps")
    return row.build(steps, positive_int(seed, "an attack's seed", minimum=0))


def check_epsilon(epsilon: float) -> float:
    """Return ``epsilon`` as a float; a ``ValueError`` names it if it is no finite number above 0."""
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or not 0 < epsilon < math.inf:
        raise ValueError(f"epsilon must be a number above 0 (where a picture's values are in [0, 1]), not {epsilon!r}")
    return float(epsilon)


def predictions(model: Model, pictures: Tensor, labels: Tensor, batch_size: int = 256) -> Tensor:
    """Return the predicted classes, int64 ``(N,)``, once pictures, labels and model are found fit to be attacked.

    Raises:
        ValueError: pictures that are not float32 ``(N, C, H, W)`` within the model's bounds, labels that are not one
            of the network's classes a picture, outputs that are no finite logits or that depend on the pictures beside,
            a network without gradients.
    """
    low, high = model.bounds
    if pictures.ndim != 4 or pictures.dtype != torch.float32 or not len(pictures):
        raise ValueError(
            f"pictures must be float32 (N, C, H, W), at least one, not {pictures.dtype} {tuple(pictures.shape)}"
        )
    if not ((pictures >= low) & (pictures <= high)).all():
        raise ValueError(
            f"pictures must be within the model's bounds [{low}, {high}], "
            f"but run from {pictures.min().item():.4g} to {pictures.max().item():.4g}"
        )
    if labels.dtype != torch.int64 or tuple(labels.shape) != (len(pictures),):
        raise ValueError(
            f"labels must be int64 ({len(pictures)},), one a picture, not {labels.dtype} {tuple(labels.shape)}"
        )
    if not checked_logits(model(pictures[:1].clone().requires_grad_()), 1).requires_grad:
        raise ValueError(
            "the network's outputs have no gradient (a detach, or numpy inside): white-box attacks cannot be run, "
            "which shows nothing about robustness; use the attacks of c2f.attacks.names()"
        )
    with in_float32(pictures.device), torch.no_grad():
        logits = torch.cat([checked_logits(model(part), len(part)) for part in pictures.split(batch_size)])
        check_alone(model, pictures[0], logits[0])
    if not 0 <= int(labels.min()) <= int(labels.max()) < logits.shape[1]:
        raise ValueError(
            f"labels run from {int(labels.min())} to {int(labels.max())} but the network has {logits.shape[1]} classes"
        )
    return logits.argmax(dim=1)


def run(
    name: str,
    model: Model,
    pictures: Tensor,
    labels: Tensor,
    epsilon: float | None = None,
    *,
    seed: int = 0,
    steps: int | None = None,
    picture_ids: Sequence[int] | None = None,
    batch_size: int = 256,
) -> Attacked:
    """Attack every picture that is classified correctly.

    Random starts do not depend on ``batch_size``. The last digits of a gradient do, so that a picture at the edge of
    success may fall in one grouping and not in another.

    Args:
        name: one of ``GRADIENT``.
        model: the network as ``c2f.attacks.victim`` gives it.
        pictures: float32 ``(N, C, H, W)`` in [0, 1].
        labels: int64 ``(N,)``.
        epsilon: the largest distance allowed, above 0, for attacks that do not look for the smallest themselves; up to
            rounding.
        seed: of the random starts.
        steps: of the attack; by default as many as its row says.
        picture_ids: whole numbers of at least 0, ``(N,)``, of the pictures' random starts; by default 0 to N - 1.
        batch_size: pictures at a time.

    Raises:
        ValueError: an unknown name, an epsilon missing, not wanted or not above 0, pictures out of bounds, another
            number of labels or ids, probabilities instead of logits, a network without gradients.
    """
    row = GRADIENT[choose(name, GRADIENT, "white-box attack")]
    if row.minimal and epsilon is not None:
        raise ValueError(f"{name} looks for the smallest distance itself: leave epsilon={epsilon!r} out")
    if not row.minimal and epsilon is None:
        raise ValueError(f"{name} attacks within a given distance: give an epsilon ({row.norm}), e.g. 0.03 for linf")
    if epsilon is not None:
        check_epsilon(epsilon)
    attack = build(name, seed, steps)
    ids = range(len(pictures)) if picture_ids is None else picture_ids
    return apply(attack, model, pictures, labels, epsilon, ids, batch_size)


def apply(
    attack: AttackWithDistance,
    model: Model,
    pictures: Tensor,
    labels: Tensor,
    epsilon: float | None,
    picture_ids: Sequence[int],
    batch_size: int = 256,
) -> Attacked:
    """Do what ``run`` does with any Foolbox attack; ``epsilon`` None is for attacks that look for the smallest one."""
    if len(picture_ids) != len(pictures):
        raise ValueError(f"{len(picture_ids)} picture ids for {len(pictures)} pictures: give one a picture")
    positive_int(batch_size, "batch_size")
    wrong = predictions(model, pictures, labels, batch_size) != labels
    success, found = wrong.clone(), pictures.clone()
    for rows in (~wrong).nonzero()[:, 0].split(batch_size):
        if not len(rows):
            continue
        seeded = {"picture_ids": [picture_ids[i] for i in rows.tolist()]} if isinstance(attack, SeededDescent) else {}
        _, made, fooled = attack(model, pictures[rows], labels[rows], epsilons=epsilon, **seeded)
        if not isinstance(model, Victim):  # which looks at every answer; to Foolbox NaN is a success
            finite(model(made))
        success[rows] = fooled
        found[rows[fooled]] = made[fooled]
    return Attacked(success, found, attack.distance(pictures, found).masked_fill(~success, math.inf))


def accuracy_against_epsilon(
    name: str,
    model: Model,
    pictures: Tensor,
    labels: Tensor,
    epsilons: Sequence[float],
    *,
    seed: int = 0,
    steps: int | None = None,
    batch_size: int = 256,
) -> EpsilonCurve:
    """Return the accuracy that is left when the attack ``name`` may go as far as each of ``epsilons``.

    An attack within a given distance is run at one epsilon after the other, on the pictures that are left: what fools
    within a small ball fools within every larger one. Arguments are those of ``run``.

    Raises:
        ValueError: epsilons that are not above 0 and ascending, and what ``run`` refuses.
    """
    row = GRADIENT[choose(name, GRADIENT, "white-box attack")]
    sizes = [check_epsilon(epsilon) for epsilon in epsilons]
    if not sizes or any(a >= b for a, b in pairwise(sizes)):
        raise ValueError(f"epsilons must be at least one number, ascending, not {list(epsilons)}")
    smallest = torch.full((len(pictures),), math.inf, dtype=torch.float64)
    smallest[(predictions(model, pictures, labels, batch_size) != labels).cpu()] = 0
    for epsilon in [None] if row.minimal else sizes:
        left = smallest.isinf().nonzero()[:, 0]
        if not len(left):
            break
        there = left.to(pictures.device)
        made = run(
            name,
            model,
            pictures[there],
            labels[there],
            epsilon,
            seed=seed,
            steps=steps,
            picture_ids=left.tolist(),
            batch_size=batch_size,
        )
        success = made.success.cpu()
        smallest[left[success]] = made.distance.cpu()[success].double() if epsilon is None else epsilon
    accuracy = [(smallest > epsilon).double().mean().item() for epsilon in sizes]
    return EpsilonCurve(row.norm, (smallest > 0).double().mean().item(), tuple(sizes), tuple(accuracy))
