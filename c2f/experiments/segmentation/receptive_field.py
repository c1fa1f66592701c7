"""What a segmentation network's answer at one pixel depends on.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

import torch
from torch import Tensor, nn

from c2f.networks.answers import checked_logits
from c2f.networks.modes import frozen


def influence(network: nn.Module, pictures: Tensor, row: int, column: int) -> Tensor:
    """Return how strongly every pixel moves the answer at one pixel, float32 ``(H, W)``, at least 0, with sum 1.

    It is the size of the gradient of that pixel's highest logit with respect to the picture, added up over pictures and
    channels: 0 means out of sight, for these pictures at least. The network is asked in inference mode and left as it
    was; its weights get no gradients.

    Args:
        network: maps ``(N, C, H, W)`` to logits ``(N, K, H, W)``.
        pictures: float ``(N, C, H, W)`` in [0, 1].
        row, column: the pixel, each at least 0 and below H or W.

    Raises:
        ValueError: a pixel outside the pictures, outputs that are no finite logits of every pixel, or a network whose
            answer depends on nothing.
    """
    height, width = pictures.shape[-2:]
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(f"pixel ({row}, {column}) is outside pictures of {height} x {width} pixels")
    x = pictures.detach().clone().requires_grad_()
    with frozen(network), torch.enable_grad():
        logits = checked_logits(network(x), len(x), (height, width))
        highest = logits[:, :, row, column].amax(dim=1)  # (N,)
        (gradient,) = torch.autograd.grad(highest.sum(), x)
    total = gradient.abs().sum(dim=(0, 1))  # (H, W)
    if not total.any():
        raise ValueError("the answer depends on no pixel: the network's weights are zero, or its features all dead")
    return total / total.sum()


def seen_from(found: Tensor) -> tuple[int, int, int, int]:
    """Return the smallest box around all pixels of an ``influence`` above 0: x0, y0, x1, y1, both ends inside."""
    rows, columns = found.any(dim=1).nonzero(), found.any(dim=0).nonzero()
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())
