"""Faithfulness: does the network need the pixels that its map calls important?

Insertion and deletion of Petsiuk et al., "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC
2018, section 4 and its code: pixels are put into a blurred picture, or taken out of the picture, the most important
first, and the probability of the class is followed. A faithful map has a large area under the insertion curve and a
small one under the deletion curve. ``random_maps`` of ``c2f.metrics.localization`` give the baseline of a random order.

Axes: N pictures, C channels, H rows, W columns, K classes, S steps.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from c2f.common.checks import choose, positive_int
from c2f.networks.answers import checked_logits
from c2f.networks.inference import Inference
from c2f.networks.modes import frozen

BLUR_SIZE, BLUR_SIGMA = 11, 5.0
"""Side of the blur's kernel and sigma, in pixels, as in the paper's code (which pads with 0; here by reflection)."""


def _blurred(pictures: Tensor) -> Tensor:
    if min(pictures.shape[-2:]) <= BLUR_SIZE // 2:
        raise ValueError(
            f"pictures of {pictures.shape[-2]}x{pictures.shape[-1]} are too small for a blur of {BLUR_SIZE} pixels; "
            "take the substrate mean"
        )
    from torchvision.transforms.v2.functional import gaussian_blur

    return gaussian_blur(pictures, [BLUR_SIZE, BLUR_SIZE], [BLUR_SIGMA, BLUR_SIGMA])


SUBSTRATES: dict[str, Callable[[Tensor], Tensor]] = {
    "blur": _blurred,
    "zero": torch.zeros_like,
    "mean": lambda pictures: pictures.mean(dim=(2, 3), keepdim=True).expand_as(pictures),
}
"""What a pixel is where it is not the picture's. It is the blurred picture's, or 0 (the mean picture, for networks
whose input has it subtracted), or the mean of the picture's channel."""


@dataclass(frozen=True)
class FaithfulnessCurve:
    """The probability of a class while pixels change.

    Attributes:
        share: of the pixels changed after each step, float64 ``(S + 1,)``, from 0 to 1.
        scores: softmax probability of the class, float32 ``(N, S + 1)``.
        classes: the class that was followed, int64 ``(N,)``.
    """

    share: Tensor
    scores: Tensor
    classes: Tensor

    @property
    def areas(self) -> Tensor:
        """The area under each picture's curve (trapezoids), float64 ``(N,)`` in [0, 1]."""
        return torch.trapezoid(self.scores.double(), self.share, dim=1)

    @property
    def area(self) -> float:
        """The mean of ``areas``, the paper's insertion or deletion score."""
        return float(self.areas.mean())


def pixel_order(maps: Tensor) -> Tensor:
    """Return the pixels of each map ``(N, H, W)`` by descending value, int64 ``(N, H*W)`` places in reading order.

    Of equal values the first in reading order comes first: the order is the same on every machine.
    """
    return maps.flatten(1).argsort(dim=1, descending=True, stable=True)


def insertion(
    network: nn.Module,
    pictures: Tensor,
    maps: Tensor,
    classes: Tensor | None = None,
    step: int | None = None,
    substrate: str = "blur",
    batch_size: int = 256,
) -> FaithfulnessCurve:
    """Put the pixels of each picture into its substrate, most important first, and follow the class's probability.

    Args:
        network: pictures ``(N, C, H, W)`` to logits ``(N, K)``; it is left as it was.
        pictures: as the network takes them, float ``(N, C, H, W)``, on its device.
        maps: ``(N, H, W)`` at the pictures' size; only their order counts.
        classes: to follow, int64 ``(N,)``; by default those predicted for the whole pictures, as in the paper.
        step: pixels changed at once; by default W, as the paper's 224 of 224 x 224. The last step may be smaller.
        substrate: a name in ``SUBSTRATES``.
        batch_size: pictures at once; changes no result beyond rounding.

    Raises:
        ValueError: pictures, maps or classes that do not fit, maps that are not finite, an unknown substrate, outputs
            that are no finite logits, or a batch norm without running statistics.
    """
    return _follow(network, pictures, maps, classes, step, substrate, batch_size, insert=True)


def deletion(
    network: nn.Module,
    pictures: Tensor,
    maps: Tensor,
    classes: Tensor | None = None,
    step: int | None = None,
    substrate: str = "zero",
    batch_size: int = 256,
) -> FaithfulnessCurve:
    """Replace the pixels of each picture by its substrate, most important first, and follow the class's probability.

    Arguments and errors as for ``insertion``.
    """
    return _follow(network, pictures, maps, classes, step, substrate, batch_size, insert=False)


def _follow(
    network: nn.Module,
    pictures: Tensor,
    maps: Tensor,
    classes: Tensor | None,
    step: int | None,
    substrate: str,
    batch_size: int,
    insert: bool,
) -> FaithfulnessCurve:
    choose(substrate, SUBSTRATES, "substrate")
    _check(pictures, maps, classes)
    count, _, height, width = pictures.shape
    step = positive_int(width if step is None else step, "step")
    positive_int(batch_size, "batch_size")
    pixels = height * width
    order = pixel_order(maps.to(pictures.device))
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(pixels, device=order.device).expand_as(order))
    rank = rank.reshape(count, 1, height, width)
    changed = torch.arange(-(-pixels // step) + 1, device=order.device).mul(step).clamp(max=pixels)  # (S + 1,)
    other = SUBSTRATES[substrate](pictures)
    start, finish = (other, pictures) if insert else (pictures, other)

    answer = Inference(network)
    with frozen(network), torch.inference_mode():
        if classes is None:
            answers = [checked_logits(answer(part), len(part)) for part in pictures.split(batch_size)]
            classes = torch.cat(answers).argmax(dim=1)
        classes = classes.to(pictures.device)
        scores = []
        for places in torch.arange(count * len(changed), device=order.device).split(batch_size):
            picture, at = places // len(changed), places % len(changed)
            seen = torch.where(rank[picture] < changed[at].reshape(-1, 1, 1, 1), finish[picture], start[picture])
            logits = checked_logits(answer(seen), len(seen))
            if int(classes.max()) >= logits.shape[1]:
                raise ValueError(f"class {int(classes.max())} is asked for but the network has {logits.shape[1]}")
            scores.append(logits.float().softmax(dim=1).gather(1, classes[picture, None])[:, 0])
    return FaithfulnessCurve(
        share=(changed.double() / pixels).cpu(),
        scores=torch.cat(scores).reshape(count, len(changed)).cpu().clone(),
        classes=classes.cpu().clone(),
    )


def _check(pictures: Tensor, maps: Tensor, classes: Tensor | None) -> None:
    if pictures.ndim != 4 or not pictures.numel() or not pictures.is_floating_point():
        raise ValueError(
            f"pictures must be float (N, C, H, W) as the network takes them, not {pictures.dtype} "
            f"{tuple(pictures.shape)}; from bytes: images.float() / 255"
        )
    wanted = (len(pictures), *pictures.shape[-2:])
    if tuple(maps.shape) != wanted:
        raise ValueError(f"maps must be {wanted} for these pictures, not {tuple(maps.shape)}: resize them first")
    bad = (~torch.isfinite(maps)).flatten(1).any(dim=1).nonzero()[:, 0].tolist()
    if bad:
        raise ValueError(f"values that are not finite in {len(bad)} of {len(maps)} maps, first in map {bad[0]}")
    if classes is not None and (classes.dtype != torch.int64 or tuple(classes.shape) != wanted[:1]):
        raise ValueError(f"classes must be int64 {wanted[:1]}, not {classes.dtype} {tuple(classes.shape)}")
    if classes is not None and int(classes.min()) < 0:
        raise ValueError(f"a class is at least 0, not {int(classes.min())}")
