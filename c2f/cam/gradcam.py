"""The maps (Grad-CAM, Selvaraju et al. 2017, section 3; HiResCAM, Draelos and Carin 2020), many pictures in one
backward pass.

Axes: N pictures, C channels of the layer, h rows and w columns of the layer, H rows, W columns, K classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from c2f.cam.hooks import find_layer, keep_outputs
from c2f.cam.maps import wanted_classes
from c2f.common.checks import choose, positive_int
from c2f.networks.answers import checked_logits
from c2f.networks.modes import frozen

SCORES = ("logit", "probability")
"""What is differentiated, the class's logit (Selvaraju et al.) or its softmax probability (the Top-Down paper)."""
_Combine = Callable[[Tensor, Tensor], Tensor]  # features and their gradient, both (N, C, h, w), to maps (N, h, w)


@dataclass(frozen=True)
class CamResult:
    """Maps of N pictures, and what they are maps of.

    Attributes:
        maps: float32 ``(N, h, w)``, higher = more evidence for the class, negative = against it.
        weights: float32 ``(N, C)``, the weight of each channel: the score's gradient, averaged over space.
        classes: int64 ``(N,)``, the class that was mapped.
        predicted: int64 ``(N,)``, the class of the highest logit.
        scores: float32 ``(N,)``, the score of the mapped class.
        score: ``logit`` or ``probability``.
        layer: its path in the network.
        call: which of the layer's calls in a forward pass was mapped, from 0.
        calls: how many there are.
        logits: float32 ``(N, K)``.
    """

    maps: Tensor
    weights: Tensor
    classes: Tensor
    predicted: Tensor
    scores: Tensor
    score: str
    layer: str
    call: int
    calls: int
    logits: Tensor


def grad_cam(
    network: nn.Module,
    layer: str | nn.Module,
    pictures: Tensor | Sequence[Tensor],
    classes: int | Sequence[int] | Tensor | None = None,
    score: str = "logit",
    call: int | None = None,
    batch_size: int = 16,
    channel_axis: int | None = None,
) -> CamResult:
    """Map the evidence for a class in each picture.

    One backward pass serves a whole batch: it differentiates the sum of the scores. In inference mode batch norm uses
    fixed statistics, so a score depends on its own picture alone, and the gradient of the sum by one picture's features
    is the gradient of that picture's score. The network is left as it was: no hook, and its modes, ``requires_grad``
    and ``grad`` as before.

    Args:
        network: gives logits ``(N, K)``.
        layer: gives features ``(N, C, h, w)``; its path (``"stage_x2"``, ``"head.0"``) or the module.
        pictures: float ``(N, channels, H, W)`` as the network takes them (a mean picture already subtracted), or a
            sequence of such batches, one a scale, for a top-down network.
        classes: the class to map, one for all pictures or one a picture, from 0 to K - 1; None maps the predicted class
            of each.
        score: ``logit``, or ``probability`` (after the softmax), whose gradient vanishes as a network grows certain.
        call: which call to map where the layer runs several times in one forward pass, from 0; -1 is the last.
        batch_size: pictures a pass; 16 of 128x128 pixels take up to 1.2 GiB in the top-down ResNet18.
        channel_axis: 3 where the layer gives ``(N, h, w, C)``, as many vision transformers do, 1 for ``(N, C, h, w)``;
            None is 1, but a layer that looks as if its channels came last is refused.

    Raises:
        ValueError: an unknown layer, one that gives no ``(N, C, h, w)``, that does not run or that the score does not
            depend on; one that runs several times, without ``call``; a class, call or score that there is not; no
            pictures, or not floats ``(N, channels, H, W)``; outputs that are no finite logits ``(N, K)``; a batch norm
            without running statistics.
    """
    return _cam(network, layer, pictures, classes, score, call, batch_size, channel_axis, _by_mean_gradient)


def hires_cam(
    network: nn.Module,
    layer: str | nn.Module,
    pictures: Tensor | Sequence[Tensor],
    classes: int | Sequence[int] | Tensor | None = None,
    score: str = "logit",
    call: int | None = None,
    batch_size: int = 16,
    channel_axis: int | None = None,
) -> CamResult:
    """Map the evidence for a class by HiResCAM: features times their own gradients, place by place, summed.

    Grad-CAM takes the mean of each channel's gradient instead. Arguments, result and errors as for ``grad_cam``.
    """
    return _cam(network, layer, pictures, classes, score, call, batch_size, channel_axis, _place_by_place)


def _by_mean_gradient(features: Tensor, gradient: Tensor) -> Tensor:
    return torch.einsum("nc,nchw->nhw", gradient.mean(dim=(-2, -1)), features)


def _place_by_place(features: Tensor, gradient: Tensor) -> Tensor:
    return (gradient * features).sum(dim=1)


def _cam(
    network: nn.Module,
    layer: str | nn.Module,
    pictures: Tensor | Sequence[Tensor],
    classes: int | Sequence[int] | Tensor | None,
    score: str,
    call: int | None,
    batch_size: int,
    channel_axis: int | None,
    combine: _Combine,
) -> CamResult:
    path, module = find_layer(network, layer)
    choose(score, SCORES, "score")
    positive_int(batch_size, "batch_size")
    if call is not None and (isinstance(call, bool) or not isinstance(call, int)):
        raise ValueError(f"call must be a whole number, not {call!r}")
    if channel_axis not in (None, 1, 3):
        raise ValueError(f"channel_axis must be 1 for (N, C, h, w) or 3 for (N, h, w, C), not {channel_axis!r}")
    scales = _checked_pictures(pictures)
    count = len(scales[0])
    wanted = None if classes is None else wanted_classes(classes, count)
    parts = []
    with frozen(network), torch.inference_mode(False), torch.enable_grad():
        for start in range(0, count, batch_size):
            rows = slice(start, start + batch_size)
            # Tensors made in torch's inference mode cannot be differentiated; their copies can.
            batch = [x[rows].detach().clone() for x in scales]
            targets = None if wanted is None else wanted[rows].clone()
            with keep_outputs(network, module) as kept:
                outputs = network(batch[0] if isinstance(pictures, Tensor) else batch)
            logits, features = checked_logits(outputs, len(batch[0])), _choose_call(kept, call, path)
            axis = channel_axis or _guess_axis(features, module, batch[0], path)
            parts.append(_map_batch(logits, features, axis, targets, score, path, combine))
        maps, weights, mapped, predicted, scores, found = (torch.cat(values) for values in zip(*parts, strict=True))
    ran = len(kept)
    return CamResult(maps, weights, mapped, predicted, scores, score, path, (call or 0) % ran, ran, found)


def _checked_pictures(pictures: Tensor | Sequence[Tensor]) -> list[Tensor]:
    scales = [pictures] if isinstance(pictures, Tensor) else list(pictures)
    if not scales:
        raise ValueError("there are no pictures to map")
    for x in scales:
        if not isinstance(x, Tensor) or x.ndim != 4 or not x.is_floating_point():
            given = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(
                f"pictures must be float (N, C, H, W), not {given}: add a batch axis with [None], divide bytes by 255"
            )
        if len(x) == 0 or len(x) != len(scales[0]):
            counts = " and ".join(str(len(scale)) for scale in scales)
            raise ValueError(f"there must be pictures to map, equally many of each scale, not {counts}")
    return scales


def _guess_axis(features: Any, module: nn.Module, pictures: Tensor, path: str) -> int:
    """Return 1, the axis of the channels; refuse features whose channels seem to come last."""
    if isinstance(features, Tensor) and features.ndim == 4:
        size, (second, third, last) = tuple(pictures.shape[2:]), features.shape[1:]
        # Such a module works along the last axis. (Subclasses of LayerNorm may turn the axes.)
        by_module = isinstance(module, nn.Linear) or (
            type(module) is nn.LayerNorm and len(module.normalized_shape) == 1
        )
        if by_module or (_fits(second, third, size, False) and not _fits(third, last, size, True)):
            raise ValueError(
                f"layer {path!r} gives {tuple(features.shape)} for pictures of {size[0]}x{size[1]}: its channels seem "
                "to come last, (N, h, w, C). Say channel_axis=3 if so, and channel_axis=1 if not"
            )
    return 1


def _fits(rows: int, columns: int, size: tuple[int, ...], cropped: bool) -> bool:
    """Return whether layers that treat both axes alike can make ``rows`` and ``columns`` of a picture of ``size``.

    Strided convolutions and pools together make floor((side - cut) / stride), with a cut above 0 where they do not pad.
    So a stride is looked for of which one cut does for both axes: less than it or, if ``cropped``, half the picture.
    """
    for stride in range(1, max(size) + 1):
        cuts = size[0] - stride * rows, size[1] - stride * columns  # the largest; up to stride - 1 less do as well
        most = min(size) // 2 if cropped else stride - 1
        if max(cuts) - min(cuts) < stride and -stride < min(cuts) and max(cuts) - stride < most:
            return True
    return False


def _map_batch(
    logits: Tensor,
    features: Any,
    axis: int,
    targets: Tensor | None,
    score: str,
    path: str,
    combine: _Combine,
) -> tuple[Tensor, ...]:
    several = isinstance(features, Tensor) and features.ndim == 4 and features[0].numel() > features.shape[axis]
    if not several:
        given = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise ValueError(
            f"layer {path!r} gives {given}, not features (N, C, h, w) of several places: take one before the pooling"
        )
    if len(features) != len(logits):
        raise ValueError(f"layer {path!r} gives features of {len(features)} pictures for a batch of {len(logits)}")
    predicted = logits.detach().argmax(dim=1)
    classes = predicted if targets is None else targets.to(logits.device)
    top = logits.shape[1] - 1
    if not 0 <= int(classes.min()) <= int(classes.max()) <= top:
        bad = int(classes.min()) if int(classes.min()) < 0 else int(classes.max())
        raise ValueError(f"there is no class {bad}: the network's classes run from 0 to {top}")
    outputs = logits if score == "logit" else logits.softmax(dim=1)
    scores = outputs.gather(1, classes[:, None])[:, 0]  # (N,)
    gradient = None
    if scores.requires_grad and features.requires_grad:
        (gradient,) = torch.autograd.grad(scores.sum(), features, allow_unused=True)
    if gradient is None:
        raise ValueError(
            f"the score does not depend on what layer {path!r} gives: its output is not used (perhaps it works on its "
            "input in place), or the network detaches it; take another layer"
        )
    features, gradient = features.detach().movedim(axis, 1), gradient.movedim(axis, 1)  # (N, C, h, w)
    weights = gradient.mean(dim=(-2, -1))  # (N, C)
    maps = combine(features, gradient)
    if not torch.isfinite(maps).all():
        raise ValueError(f"the maps of {path!r} hold NaN or infinity: check the network's weights and the pictures")
    return maps.float(), weights.float(), classes, predicted, scores.detach().float(), logits.detach().float()


def _choose_call(kept: list[Any], call: int | None, path: str) -> Any:
    if not kept:
        raise ValueError(f"layer {path!r} does not run in a forward pass of this network")
    last = len(kept) - 1
    if call is None and last:
        raise ValueError(
            f"layer {path!r} runs {len(kept)} times in a forward pass: say which call to map, call=0 to call={last}"
        )
    if call is not None and not -len(kept) <= call <= last:
        raise ValueError(f"there is no call {call} of layer {path!r}: its calls run from 0 to {last}")
    return kept[call or 0]
