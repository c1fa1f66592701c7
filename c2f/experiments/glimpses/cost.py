"""What looking costs: multiply-adds, milliseconds and memory by the number of glimpses, and accuracy against cost.

A multiply-add is one multiplication with its addition, of convolutions, dense layers and matrix products, as
``torch.utils.flop_counter`` finds them (Tan et al. 2021 count the same). Sampling a glimpse is not counted: four
multiply-adds a pixel and channel that comes out.

Axes: N pictures, C channels, H rows, W = H columns, T glimpses, Q confidences.
"""

import copy
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from c2f.common.checks import positive_int
from c2f.experiments.glimpses.evaluation import GlimpseEvaluation
from c2f.metrics.classification import inference_time
from c2f.networks.glimpse.network import Glimpses, GlimpseSettings, LastAnswer, MultiGlimpse, build, check_square
from c2f.networks.summary import multiply_adds

PUBLISHED_SHARE = 0.369
"""Share of a full pass's multiply-adds that two glimpses of the paper's network take (Tan et al. 2021, abstract)."""


def multiply_adds_by_glimpse(network: MultiGlimpse, in_channels: int, image_size: int, most: int) -> list[int]:
    """Return the multiply-adds of 1, 2, ... ``most`` glimpses at one picture: ``(T,)``."""
    positive_int(most, "most")
    return [multiply_adds(LastAnswer(network, count), in_channels, image_size) for count in range(1, most + 1)]


def published_share(share: float) -> str:
    """Say in a sentence whether two glimpses cost the ``share`` of a full pass, in [0, 1], that the paper gives them
    (``PUBLISHED_SHARE``), to half a point.
    """
    same = "confirmed" if abs(share - PUBLISHED_SHARE) < 0.005 else "not confirmed"
    return (
        f"Two glimpses of ResNet18 on 224 pixels take {100 * share:.1f} % of a full pass's multiply-adds; the paper's "
        f"{100 * PUBLISHED_SHARE:.1f} % is {same}."
    )


def one_pass(settings: GlimpseSettings, downsampling: float = 1.0) -> GlimpseSettings:
    """Return the settings of the baseline, as in the paper: the same network with a single glimpse, the whole picture.

    ``downsampling``: 1 for the picture at its full size.
    """
    return replace(settings, glimpses=1, downsampling=downsampling, glimpse_classifier=False)


def equal_compute(backbone: str, in_channels: int, image_size: int, settings: GlimpseSettings) -> GlimpseSettings:
    """Return the settings of a single pass over a shrunken picture that costs as much as all glimpses of ``settings``.

    Of all sides from a glimpse's to the picture's it is the one whose multiply-adds are nearest.

    Args:
        backbone: one of ``backbone_names()``.
        in_channels: C.
        image_size: H = W of the pictures in pixels.
        settings: of the network that looks several times.

    Raises:
        ValueError: an unknown backbone, or a size out of range.
    """
    wanted = multiply_adds(build(backbone, in_channels, 10, image_size, settings), in_channels, image_size)

    def cost(side: int) -> int:
        alone = one_pass(settings, downsampling_to(side, image_size))
        return multiply_adds(build(backbone, in_channels, 10, image_size, alone), in_channels, image_size)

    low, high = int(image_size // settings.downsampling), image_size
    while high - low > 1:  # cost(low) <= wanted: a single glimpse costs less than several
        middle = (low + high) // 2
        low, high = (middle, high) if cost(middle) <= wanted else (low, middle)
    side = min((low, high), key=lambda s: abs(cost(s) - wanted))
    return one_pass(settings, downsampling_to(side, image_size))


def downsampling_to(side: int, image_size: int) -> float:
    """Return a downsampling, with four decimals, that makes glimpses of ``side`` pixels out of ``image_size``."""
    return 1.0 if side == image_size else round(image_size / (side + 0.5), 4)


class _Alive(TorchDispatchMode):
    """Keeps count of the bytes of all tensors that are made while it lasts and not yet gone."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self.now = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for tensor in tree_leaves((args, kwargs)):  # pictures and weights; a view of them is nothing new
            if isinstance(tensor, Tensor):
                self.seen.setdefault(tensor.untyped_storage(), True)
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and (storage := tensor.untyped_storage()) not in self.seen:
                self.seen[storage] = True
                self.now += storage.nbytes()
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self._gone, storage.nbytes())
        return out

    def _gone(self, size: int) -> None:
        self.now -= size


def peak_bytes(network: nn.Module, in_channels: int, image_size: int, pictures: int = 1, training: bool = False) -> int:
    """Return the most bytes that tensors take in one pass over a batch, besides the pictures and the weights.

    Nothing is computed, so it is the same on every machine; scratch memory inside an operation is not in it.

    Args:
        network: a Multi-Glimpse Network or a plain classifier.
        in_channels: C.
        image_size: H in pixels.
        pictures: N.
        training: whether a backward pass of the logits' sum follows, gradients included.
    """
    shadow = copy.deepcopy(network).to("meta").train(training)
    batch = torch.empty(pictures, in_channels, image_size, image_size, device="meta")
    with torch.set_grad_enabled(training), _Alive() as alive:
        seen = shadow(batch)
        logits = seen.logits if isinstance(seen, Glimpses) else seen
        if training:
            logits.sum().backward()
    return alive.peak


@dataclass(frozen=True)
class Cost:
    """What looking so many times at a picture takes.

    ``glimpses``: how many. ``multiply_adds``: of one picture. ``milliseconds``: of one picture in a batch of N, median.
    ``peak_bytes``: of that batch, see the function of this name.
    """

    glimpses: int
    multiply_adds: int
    milliseconds: float
    peak_bytes: int


def costs(network: MultiGlimpse, pictures: Tensor, most: int | None = None, repeats: int = 7) -> list[Cost]:
    """Measure 1, 2, ... ``most`` glimpses at ``pictures`` ``(N, C, H, H)``, on the pictures' device: ``(T,)``.

    Args:
        network: on the same device.
        pictures: in [0, 1].
        most: T; by default as the network's settings say.
        repeats: of the time, of which the median counts.

    Raises:
        ValueError: no glimpses, or pictures that are not square.
    """
    most = network.settings.glimpses if most is None else positive_int(most, "most")
    check_square(pictures)
    n, channels, side, _ = pictures.shape
    found = []
    for count in range(1, most + 1):
        short = LastAnswer(network, count)
        found.append(
            Cost(
                count,
                multiply_adds(short, channels, side),
                1000 * inference_time(short, pictures, repeats) / n,
                peak_bytes(short, channels, side, n),
            )
        )
    return found


def cost_curve(evaluation: GlimpseEvaluation, by_glimpse: Sequence[float], confidences: Sequence[float]) -> "CostCurve":
    """Return accuracy against cost when each picture stops at the first answer that is sure enough.

    Args:
        evaluation: of a test set, T glimpses.
        by_glimpse: the cost of 1, 2, ... T glimpses at one picture, in any unit: ``(T,)``.
        confidences: where to stop, in [0, 1]: ``(Q,)``.

    Raises:
        ValueError: another number of costs than of glimpses, or a confidence out of range.
    """
    if len(by_glimpse) != len(evaluation.predictions):
        raise ValueError(
            f"{len(by_glimpse)} costs for {len(evaluation.predictions)} glimpses: give one for each number of glimpses"
        )
    exits = evaluation.exits(confidences)
    mean = [sum(cost * share for cost, share in zip(by_glimpse, row, strict=True)) for row in exits.shares]
    return CostCurve(exits.confidence, mean, exits.accuracy, exits.glimpses)


@dataclass(frozen=True)
class CostCurve:
    """Early exit at Q confidences: ``cost``, the mean over pictures; ``accuracy`` in [0, 1]; ``glimpses``, the mean
    number. All ``(Q,)``.
    """

    confidence: list[float]
    cost: list[float]
    accuracy: list[float]
    glimpses: list[float]
