"""What a network has to answer where it is measured, attacked or explained: finite logits in one tensor.

Axes: N pictures, K classes, H rows, W columns.
"""

from typing import Any

import torch
from torch import Tensor


def finite(outputs: Any) -> Tensor:
    """Return what a network gives, of any shape, if it is one tensor of floats without NaN or infinity.

    The place of a NaN is the "class of the highest logit": it would count as an answer.

    Raises:
        ValueError: a tuple, a dict or another thing than a tensor of floats; values that are not finite.
    """
    if not isinstance(outputs, Tensor) or not outputs.is_floating_point():
        given = outputs.dtype if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(
            f"the network gives {given}, not its logits as one tensor of floats: wrap it in a module whose forward "
            "returns them alone"
        )
    if not torch.isfinite(outputs).all():
        raise ValueError(
            "the network's outputs hold NaN or infinity: check its weights and the pictures; in training, try a lower "
            "learning rate"
        )
    return outputs


def checked_logits(outputs: Any, count: int, size: tuple[int, ...] = ()) -> Tensor:
    """Return what a network gives for ``count`` pictures, if it is logits ``(N, K)``, or ``(N, K, H, W)`` of pixels.

    Args:
        outputs: of one batch.
        count: N.
        size: (H, W) where every pixel has a class.

    Raises:
        ValueError: what ``finite`` refuses; another shape; probabilities, of which a softmax would be taken again.
    """
    logits = finite(outputs)
    wanted = (count, *logits.shape[1:2], *size)
    if logits.ndim != 2 + len(size) or logits.shape != wanted:
        axes = ", ".join(map(str, (count, "K", *size)))
        raise ValueError(f"this needs a network that gives logits ({axes}), but this one gives {tuple(logits.shape)}")
    refuse_probabilities(logits)
    return logits


def refuse_probabilities(outputs: Tensor) -> None:
    """Raise ``ValueError`` if ``outputs`` ``(N, K)`` or ``(N, K, H, W)`` lie in [0, 1] and sum to 1 over classes."""
    if outputs.numel() and (outputs >= 0).all() and (outputs.sum(dim=1) - 1).abs().max() < 1e-4:
        raise ValueError(
            "the network's outputs are probabilities (in [0, 1], and those of a picture sum to 1), but logits are "
            "needed: take the softmax off the network's end"
        )
