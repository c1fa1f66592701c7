"""Multi-Glimpse Networks under attack: as published, and as one should.

The paper's attack (Tan et al. 2021, section 4, and the authors' code) is projected gradient descent without random
start in *normalised* units: 4/255 there are about 0.9/255 in pixel values. It does not clamp to the range that pictures
have, and it follows gradients that the network's own gradient re-scaling distorts. ``pgd_as_published`` does just that.
``robust_accuracy`` works in pixel values, clamps, switches re-scaling off, starts several times at random, on two
losses in turn, goes for each number of glimpses by itself, and tries a grid of strengths; ``masking_check`` asks
whether its gradients can be trusted.

All networks here take pictures in [0, 1] and standardise them themselves. Axes: N pictures, C channels, H rows, W = H
columns, T glimpses, E strengths, K classes.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from c2f.attacks import gradient, masking
from c2f.attacks.descent import LinfPGD, MarginPGD
from c2f.attacks.victim import victim
from c2f.common.checks import positive_int
from c2f.networks.answers import finite
from c2f.networks.glimpse.backbones import Standardise
from c2f.networks.glimpse.network import LastAnswer, MultiGlimpse, without_rescaling
from c2f.networks.modes import eval_mode, in_float32

PUBLISHED_EPSILON, PUBLISHED_STEP, PUBLISHED_STEPS = 4 / 255, 1 / 255, 10
"""Of the published attack, the first two in normalised units."""
LOSSES = (LinfPGD, MarginPGD)
"""The attacks that ``robust_accuracy`` starts in turn."""


def normalised_unit(network: MultiGlimpse) -> Tensor:
    """Return what 1 in normalised units is in pixel values, float32 ``(C, 1, 1)``; 1 where nothing is normalised."""
    for module in network.modules():
        if isinstance(module, Standardise):
            return module.get_buffer("std")
    return next(network.parameters()).new_ones(1, 1, 1)


def pgd_as_published(
    network: MultiGlimpse,
    pictures: Tensor,
    labels: Tensor,
    *,
    epsilon: float = PUBLISHED_EPSILON,
    step: float = PUBLISHED_STEP,
    steps: int = PUBLISHED_STEPS,
    glimpses: int | None = None,
    rescaling: bool = True,
) -> Tensor:
    """Return the pictures as the paper's attack leaves them; some values may lie outside of [0, 1].

    It ascends the mean cross entropy of the last answer by the gradient's sign. Pixels that no glimpse reads stay.

    Args:
        network: in either mode; it runs in inference mode and is left as it was.
        pictures: float32 ``(N, C, H, H)``.
        labels: int64 ``(N,)``.
        epsilon: largest change of a channel value, in normalised units, above 0.
        step: of one step, in normalised units, above 0.
        steps: how many.
        glimpses: T; by default as the network's settings say.
        rescaling: whether gradients are re-scaled as in training, as the published runs had it.

    Returns:
        float32 ``(N, C, H, H)``.

    Raises:
        ValueError: a number out of range, another number of labels, or logits that are not finite.
    """
    gradient.check_epsilon(epsilon)
    gradient.check_epsilon(step)
    positive_int(steps, "steps")
    if labels.shape != (len(pictures),):
        raise ValueError(f"expected labels ({len(pictures)},), one a picture, not {tuple(labels.shape)}")
    unit = normalised_unit(network)
    changed = pictures.detach().clone()
    gradients = nullcontext() if rescaling else without_rescaling(network)
    with eval_mode(network), gradients, in_float32(pictures.device):
        for _ in range(steps):
            changed.requires_grad_()
            loss = F.cross_entropy(finite(network(changed, glimpses).logits[-1]), labels)
            (slope,) = torch.autograd.grad(loss, changed)
            with torch.no_grad():
                moved = changed + step * unit * slope.sign()
                changed = pictures + (moved - pictures).clamp(-epsilon * unit, epsilon * unit)
    return changed


def correct_by_glimpse(
    network: MultiGlimpse, pictures: Tensor, labels: Tensor, glimpses: int | None = None, batch_size: int = 250
) -> Tensor:
    """Return whether each answer is right, bool ``(T, N)``; pictures ``(N, C, H, H)`` as the network takes them.

    The network runs in inference mode, in full float32, and is left as it was.

    Raises:
        ValueError: logits that are not finite.
    """
    with eval_mode(network), torch.no_grad(), in_float32(pictures.device):
        parts = [
            finite(network(x, glimpses).logits).argmax(dim=2) == y
            for x, y in zip(pictures.split(batch_size), labels.split(batch_size), strict=True)
        ]
    return torch.cat(parts, dim=1)


def attack_as_published(
    network: MultiGlimpse, pictures: Tensor, labels: Tensor, *, batch_size: int = 250, rescaling: bool = True
) -> Tensor:
    """Return whether each answer is right once the published attack is through, bool ``(T, N)``.

    The attack goes for the last answer alone, as published: what earlier answers lose comes for free.
    """
    done = []
    for x, y in zip(pictures.split(batch_size), labels.split(batch_size), strict=True):
        done.append(correct_by_glimpse(network, pgd_as_published(network, x, y, rescaling=rescaling), y))
    return torch.cat(done, dim=1)


def check_strengths(epsilons: Sequence[float]) -> list[float]:
    """Return ``epsilons`` as floats; ``ValueError`` unless they are at least one, above 0 and ascending."""
    sizes = [gradient.check_epsilon(epsilon) for epsilon in epsilons]
    if not sizes or any(a >= b for a, b in pairwise(sizes)):
        raise ValueError(f"epsilons must be at least one number, ascending, not {list(epsilons)}")
    return sizes


@dataclass(frozen=True)
class RobustAccuracy:
    """Accuracy by number of glimpses under an attack that goes for just that answer.

    ``epsilons``: ascending, the largest change of a channel value, where white is 1. ``clean``: accuracy in [0, 1]
    without attack, ``(T,)``. ``accuracy``: ``(E, T)``, never rising with epsilon.
    """

    epsilons: tuple[float, ...]
    clean: tuple[float, ...]
    accuracy: tuple[tuple[float, ...], ...]


def robust_accuracy(
    network: MultiGlimpse,
    pictures: Tensor,
    labels: Tensor,
    epsilons: Sequence[float],
    *,
    glimpses: Sequence[int] | None = None,
    steps: int = 20,
    restarts: int = 2,
    seed: int = 0,
    batch_size: int = 250,
    on_part: Callable[[int, float], None] | None = None,
) -> RobustAccuracy:
    """Attack the answer after each number of glimpses by projected gradient descent (Linf, Madry et al. 2018).

    What is found within a small epsilon counts within every larger one. The module's text says what is done otherwise
    than published.

    Args:
        network: it is copied, in inference mode, with gradients as they are.
        pictures: float32 ``(N, C, H, H)`` in [0, 1].
        labels: int64 ``(N,)``.
        epsilons: above 0, ascending.
        glimpses: the numbers of glimpses whose answers are attacked, by default 1 to as many as the settings say.
        steps: of each start.
        restarts: random starts, of which any that succeeds counts; the first, third, ... on the cross entropy, the
            others on the margin of the logits, which finds what the cross entropy misses.
        seed: of the starts.
        batch_size: pictures at a time.
        on_part: called with the number of glimpses and the epsilon after each of them.

    Raises:
        ValueError: epsilons that are not above 0 and ascending, pictures out of bounds, a number below 1.
    """
    sizes = check_strengths(epsilons)
    positive_int(steps, "steps")
    positive_int(restarts, "restarts")
    counts = [positive_int(t, "glimpses") for t in glimpses or range(1, network.settings.glimpses + 1)]
    clean, left_by_count = [], []
    for count in counts:
        with without_rescaling(network):
            model = victim(LastAnswer(network, count))  # a copy, whose gradients stay as they are
        smallest = torch.full((len(labels),), math.inf, dtype=torch.float64)
        smallest[(gradient.predictions(model, pictures, labels, batch_size) != labels).cpu()] = 0
        for epsilon in sizes:
            for start in range(restarts):
                left = smallest.isinf().nonzero()[:, 0]
                if not len(left):
                    break
                here = left.to(pictures.device)
                attack = LOSSES[start % len(LOSSES)](steps, seed + start)
                x, y = pictures[here], labels[here]
                found = gradient.apply(attack, model, x, y, epsilon, left.tolist(), batch_size)
                smallest[left[found.success.cpu()]] = epsilon
            if on_part is not None:
                on_part(count, epsilon)
        clean.append((smallest > 0).double().mean().item())
        left_by_count.append([(smallest > epsilon).double().mean().item() for epsilon in sizes])
    return RobustAccuracy(tuple(sizes), tuple(clean), tuple(zip(*left_by_count, strict=True)))


def masking_check(
    network: MultiGlimpse,
    pictures: Tensor,
    labels: Tensor,
    epsilon: float,
    *,
    rescaled: bool = False,
    **options: object,
) -> masking.MaskingReport:
    """Look for masked gradients of the last answer: ``c2f.attacks.masking.check``, with re-scaling off.

    Args:
        network: a Multi-Glimpse Network.
        pictures: float32 ``(N, C, H, H)`` in [0, 1].
        labels: int64 ``(N,)``.
        epsilon: above 0 and below 0.5.
        rescaled: leave re-scaling on: what an attacker sees who does not know of it.
        options: as for ``c2f.attacks.masking.check``.

    Raises:
        ValueError: as for ``c2f.attacks.masking.check``.
    """
    with nullcontext() if rescaled else without_rescaling(network):
        # the check copies the network when it is called
        return masking.check(LastAnswer(network), pictures, labels, epsilon, **options)  # type: ignore[arg-type]
