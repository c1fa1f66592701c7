"""What a Multi-Glimpse Network is trained on: its answers, each glimpse alone, and what the authors explored.

Axes: N pictures, C channels, H rows, W columns, T glimpses, K classes. Tan et al. 2021, section 3; small scale,
guidance and diversity are options of the authors' code which the paper does not use.
"""

from dataclasses import dataclass
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from c2f.common.checks import positive_int
from c2f.networks.glimpse.geometry import box_overlap, boxes
from c2f.networks.glimpse.network import Glimpses, MultiGlimpse


@dataclass(frozen=True)
class LossSettings:
    """How the losses are mixed. The defaults are the paper's.

    Attributes:
        alpha: share of the glimpse classifier's loss, in [0, 1].
        iteration_weights: how much each glimpse's answer counts, whole numbers, one a glimpse; None for all alike.
        step_by_step: weigh, picture by picture, only the last answer up to which the loss never rose and the next one.
        small_scale: weight of small windows where the last answer's loss is below ``small_scale_threshold``.
        small_scale_threshold: in nats.
        guidance: weight of self-supervised spatial guidance, which tries other locations.
        guidance_reach: how far those are, in [0, 1] of the way to the border.
        diversity: weight of the overlap between glimpses.

    Raises:
        ValueError: a value out of its range, iteration weights that leave nothing, or both ways to weigh glimpses.
    """

    alpha: float = 0.6
    iteration_weights: tuple[int, ...] | None = None
    step_by_step: bool = False
    small_scale: float = 0.0
    small_scale_threshold: float = 0.4
    guidance: float = 0.0
    guidance_reach: float = 0.3
    diversity: float = 0.0

    def __post_init__(self) -> None:
        for name in ("alpha", "guidance_reach"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], not {getattr(self, name)!r}")
        for name in ("small_scale", "small_scale_threshold", "guidance", "diversity"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be 0 (off) or positive, not {getattr(self, name)!r}")
        if self.iteration_weights is None:
            return
        if self.step_by_step:
            raise ValueError("step_by_step chooses the weights itself: leave iteration_weights out")
        for weight in self.iteration_weights:
            positive_int(weight, "an iteration weight", minimum=0)
        if not any(self.iteration_weights):
            raise ValueError(f"iteration_weights {self.iteration_weights} leave nothing to learn from")
        if self.alpha and not any(self.iteration_weights[1:]):
            raise ValueError(
                f"iteration_weights {self.iteration_weights} leave the glimpse classifier, which judges all but the "
                "first, nothing to learn from: give a later glimpse some weight or set alpha to 0"
            )


@dataclass(frozen=True)
class Losses:
    """Scalars, means over pictures, before their coefficients but for ``total``, which is what to call ``backward`` on.

    ``classification``: of the weighted answers, in nats. ``glimpse``: of the glimpses alone; None outside of training
    and where alpha is 0. ``small_scale``, ``guidance``, ``diversity``: None where off. ``each``: ``(T, N)``, the cross
    entropy of every answer.
    """

    total: Tensor
    classification: Tensor
    glimpse: Tensor | None
    small_scale: Tensor | None
    guidance: Tensor | None
    diversity: Tensor | None
    each: Tensor


def cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross entropy of logits ``(T, N, K)`` with labels ``(N,)``, in nats: ``(T, N)``."""
    return F.cross_entropy(logits.flatten(0, 1), labels.repeat(len(logits)), reduction="none").reshape(len(logits), -1)


def even_weights(each: Tensor, iteration_weights: tuple[int, ...] | None) -> Tensor:
    """Return weights shaped as ``each``, ``(T, N)``: the same for all pictures, with a sum of one a picture.

    Raises:
        ValueError: not one weight a glimpse.
    """
    counts = (1,) * len(each) if iteration_weights is None else iteration_weights
    if len(counts) != len(each):
        raise ValueError(f"{len(counts)} iteration weights {counts} for {len(each)} glimpses: give one a glimpse")
    return (each.new_tensor(counts) / sum(counts)).unsqueeze(1).expand_as(each)


def step_by_step_weights(each: Tensor) -> Tensor:
    """Return weights shaped as the cross entropies ``each``, ``(T, N)``, with a sum of one a picture.

    Of a picture's longest beginning of glimpses over which the loss never rises, the last gets a half and the glimpse
    after it a half; where no glimpse comes after it, it gets all.
    """
    falling = (each[1:] <= each[:-1]).long().cumprod(dim=0)  # (T - 1, N): 1 while the loss has never risen
    last = falling.sum(dim=0)  # (N,), the index of the last of the beginning
    following = (last + 1).clamp(max=len(each) - 1)
    return (F.one_hot(last, len(each)) + F.one_hot(following, len(each))).T.to(each.dtype) / 2


def small_scale_loss(locations: Tensor, last: Tensor, threshold: float, scale_min: float) -> Tensor:
    """Ask pictures that are already right for smaller windows.

    Args:
        locations: ``(N, 3)`` of the last glimpse.
        last: ``(N,)``, cross entropies of the last answer, in nats.
        threshold: below which a picture counts as right.
        scale_min: the smallest scale.

    Returns:
        The mean over pictures of (scale - ``scale_min``)^2, which is 0 for the others.
    """
    return ((locations[:, 0] - scale_min) ** 2 * (last < threshold)).mean()


def diversity_loss(locations: Tensor) -> Tensor:
    """Return the mean overlap (intersection over union) of windows, over pictures and pairs of later glimpses.

    Raises:
        ValueError: ``locations`` ``(T, N, 3)`` of fewer than three glimpses, which have no such pair.
    """
    if len(locations) < 3:
        raise ValueError(f"diversity compares glimpses after the first: it needs at least 3, not {len(locations)}")
    overlaps = [box_overlap(a, b).mean() for a, b in combinations(boxes(locations[1:]), 2)]
    return torch.stack(overlaps).mean()


@dataclass(frozen=True)
class Guidance:
    """``loss``: a scalar. ``proposals``: ``(N, 3)``, the locations tried. ``better``: bool ``(N,)``, where the label's
    loss was lower there.
    """

    loss: Tensor
    proposals: Tensor
    better: Tensor


def spatial_guidance(
    network: MultiGlimpse,
    pictures: Tensor,
    glimpses: Glimpses,
    labels: Tensor,
    reach: float = 0.3,
    generator: torch.Generator | None = None,
) -> Guidance:
    """Try another location for the last glimpse, and where it is better ask the network to have looked there.

    The proposal keeps the scale and moves x and y, each by a random share in (-``reach``, ``reach``) of 1 - scale; it
    stays in the picture. The other glimpses are those of the forward pass.

    Args:
        network: in the mode of the forward pass (batch norm sees one glimpse more in training).
        pictures: ``(N, C, H, H)``.
        glimpses: of the forward pass, at least two.
        labels: int64 ``(N,)``.
        reach: in [0, 1].
        generator: of the random moves, on the pictures' device; torch's own by default.

    Raises:
        ValueError: a single glimpse, whose location is fixed, or another number of labels than pictures.
    """
    if len(glimpses.locations) < 2:
        raise ValueError("guidance needs at least two glimpses: the first one's location is fixed")
    _check_labels(labels, glimpses)
    used = glimpses.locations[-1]
    with torch.no_grad():
        room = 1 - used[:, :1]
        shares = torch.rand(len(used), 2, generator=generator, device=used.device, dtype=used.dtype) * 2 - 1
        moved = used[:, 1:] + shares * room * reach
        proposals = torch.cat([used[:, :1], torch.minimum(torch.maximum(moved, -room), room)], dim=1)
        memory = network.fusion.remember(network.token(glimpses.features[:-1], glimpses.locations[:-1]))
        tried = F.cross_entropy(network.look(pictures, proposals, memory).logits, labels, reduction="none")
        better = tried < F.cross_entropy(glimpses.logits[-1], labels, reduction="none")
    distance = ((used - proposals) ** 2).mean(dim=1)  # (N,)
    return Guidance((distance * better).mean(), proposals, better)


def _check_labels(labels: Tensor, glimpses: Glimpses) -> None:
    if tuple(labels.shape) != (glimpses.logits.shape[1],):
        raise ValueError(f"expected labels ({glimpses.logits.shape[1]},), not {tuple(labels.shape)}")


def total_loss(
    network: MultiGlimpse,
    pictures: Tensor,
    glimpses: Glimpses,
    labels: Tensor,
    settings: LossSettings,
    generator: torch.Generator | None = None,
) -> Losses:
    """Mix the losses of a forward pass: (1 - alpha) classification + alpha glimpse + coefficients times the rest.

    In inference mode the glimpse classifier and guidance are absent, as in the authors' validation loss, whose
    classification nevertheless keeps the factor 1 - alpha.

    Args:
        network: which made ``glimpses``, in the mode in which it made them.
        pictures: ``(N, C, H, H)``.
        glimpses: of the forward pass.
        labels: int64 ``(N,)``.
        settings: see ``LossSettings``.
        generator: of guidance's random moves.

    Raises:
        ValueError: a loss that the network or so few glimpses cannot have, or another number of labels or weights.
    """
    count = len(glimpses.logits)
    _check_labels(labels, glimpses)
    if settings.alpha and (count < 2 or (network.training and glimpses.glimpse_logits is None)):
        raise ValueError(
            f"alpha {settings.alpha} needs a network with a glimpse classifier and at least 2 glimpses, not {count}: "
            "set alpha to 0 or change the network's settings"
        )
    if settings.small_scale and count < 2:
        raise ValueError("small_scale needs at least two glimpses: the first one's location is fixed")
    each = cross_entropies(glimpses.logits, labels)
    if settings.step_by_step:
        weights = step_by_step_weights(each.detach())
    else:
        weights = even_weights(each, settings.iteration_weights)
    classification = (weights * each).sum(dim=0).mean()
    total = (1 - settings.alpha) * classification
    glimpse = small_scale = guidance = diversity = None
    if settings.alpha and glimpses.glimpse_logits is not None:
        later = weights[1:] / weights[1:].sum(dim=0)
        glimpse = (later * cross_entropies(glimpses.glimpse_logits, labels)).sum(dim=0).mean()
        total = total + settings.alpha * glimpse
    if settings.small_scale:
        small_scale = small_scale_loss(
            glimpses.locations[-1], each[-1], settings.small_scale_threshold, network.settings.scale_min
        )
        total = total + settings.small_scale * small_scale
    if settings.guidance and network.training:
        guidance = spatial_guidance(network, pictures, glimpses, labels, settings.guidance_reach, generator).loss
        total = total + settings.guidance * guidance
    if settings.diversity:
        diversity = diversity_loss(glimpses.locations)
        total = total + settings.diversity * diversity
    return Losses(total, classification, glimpse, small_scale, guidance, diversity, each)
