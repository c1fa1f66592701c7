"""Maps brought to a picture's size, raw or scaled as the Top-Down paper draws them.

Axes: N pictures, h rows and w columns of a layer, H rows, W columns.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from c2f.common.checks import positive_int

_TINY = 1e-10


def upsample(maps: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Resize maps ``(N, h, w)`` to ``size`` (H = W, or (H, W)), bilinear with half-pixel centres, edges clamped."""
    height, width = size if isinstance(size, tuple) else (size, size)
    _check_maps(maps)
    target = (positive_int(height, "height"), positive_int(width, "width"))
    return F.interpolate(maps[:, None], size=target, mode="bilinear", align_corners=False)[:, 0]


def paper_normalise(maps: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Return heat maps ``(N, H, W)`` in [0, 1] of raw maps ``(N, h, w)``, as the Top-Down paper draws them.

    In the order of the authors' code: minus the mean; divided by the spectral norm (the largest singular value), 1e-10
    added to both; resized to ``size``; negative values to 0; divided by the largest (where the norm cancels). So every
    map's peak is 1, and values cannot be compared between pictures.

    Oddities of theirs (O19): a map without positive values is 0/0 = NaN; here it is zeros, the only maps whose maximum
    is not 1. And maps far below 1e-10, as all-zero ones or those of the probability of a network that is certain, come
    out near 1 everywhere.
    """
    _check_maps(maps)
    centred = maps - maps.mean(dim=(-2, -1), keepdim=True)
    norm = torch.linalg.matrix_norm(centred, ord=2)[:, None, None]  # (N, 1, 1)
    heat = upsample((centred + _TINY) / (norm + _TINY), size).clamp(min=0)
    peak = heat.amax(dim=(-2, -1), keepdim=True)
    return heat / torch.where(peak > 0, peak, 1)


def _check_maps(maps: Tensor) -> None:
    if maps.ndim != 3 or not maps.is_floating_point():
        raise ValueError(f"maps must be float (N, h, w), not {maps.dtype} {tuple(maps.shape)}")


def wanted_classes(classes: int | Sequence[int] | Tensor, count: int) -> Tensor:
    """Return the class that is asked for of each of ``count`` pictures, int64 ``(N,)``; one number is for all.

    Raises:
        ValueError: something else than whole numbers, or another number of them.
    """
    try:
        given = torch.as_tensor(classes)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"classes must be whole numbers, not {classes!r}") from None
    if given.is_floating_point() or given.is_complex() or given.dtype == torch.bool:
        raise ValueError(f"classes must be whole numbers, not {given.dtype}")
    if given.ndim and tuple(given.shape) != (count,):
        raise ValueError(
            f"classes must be one number, or one for each of the {count} pictures: not {tuple(given.shape)}"
        )
    return given.to(torch.int64).expand(count)
