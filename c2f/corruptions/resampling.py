"""Linear filters and samplers that several corruptions share.

Axes: N pictures, C channels, H = W rows and columns, n, m pixels along one axis, T taps.
"""

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage
from torch import Tensor


def along_both(x: Tensor, matrix: Tensor) -> Tensor:
    """Apply ``matrix`` ``(m, n)`` to rows and columns: ``(..., n, n)`` to ``(..., m, m)``, of the type of ``x``.

    It is computed in float64: what is cut off to a whole grey level must not depend on how pictures share a batch.
    """
    matrix = matrix.to(x.device)
    return (matrix @ x.double() @ matrix.T).to(x.dtype)


@lru_cache(maxsize=64)
def gaussian(n: int, sd: float, mode: str, truncate: float) -> Tensor:
    """Return scipy's Gaussian filter of ``n`` pixels as a matrix, float64 ``(n, n)``; with ``sd`` 0 it does nothing.

    Args:
        n: pixels along the axis.
        sd: in pixels.
        mode: of the border, as scipy calls it: ``nearest`` or ``reflect``.
        truncate: where the filter ends, in ``sd``.
    """
    if sd == 0:
        return torch.eye(n, dtype=torch.float64)
    return torch.from_numpy(ndimage.gaussian_filter1d(np.eye(n), sd, axis=0, mode=mode, truncate=truncate))


@lru_cache(maxsize=64)
def box(n: int, m: int) -> Tensor:
    """Return Pillow's box filter from ``n`` to ``m`` pixels as a matrix, float64 ``(m, n)``."""
    image = Image.fromarray(np.eye(n, dtype=np.float32)).resize((m, n), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(image).T.astype(np.float64))


def zoomed_part(side: int, factor: float) -> tuple[int, int, int, int]:
    """Return what of a line of ``side`` pixels is enlarged by ``factor``, at least 1, and how: all in pixels.

    The length and the start of the part, its length once enlarged, and where in it the new line starts.
    """
    part = math.ceil(side / factor)
    size = round(part * factor)
    return part, (side - part) // 2, size, (size - side) // 2


def centre_zoom(x: Tensor, factor: float) -> Tensor:
    """Enlarge the middle of ``(N, C, H, H)`` by ``factor``, at least 1, to the same size (bilinear)."""
    side = x.shape[2]
    part, start, size, trim = zoomed_part(side, factor)
    middle = x[:, :, start : start + part, start : start + part]
    # scipy's zoom of order 1 keeps the centres of the border pixels in place
    zoomed = F.interpolate(middle, size=(size, size), mode="bilinear", align_corners=True)
    return zoomed[:, :, trim : trim + side, trim : trim + side]


def motion(x: Tensor, radius: float, sd: float, degrees: Tensor) -> Tensor:
    """Smear each picture to one side along its own direction, as ImageMagick does; edge pixels are repeated.

    The result is cut off to whole grey levels: version 6.9 does that too, and rounding makes half of all values one
    level too bright.

    Args:
        x: ``(N, C, H, H)``.
        radius: in pixels; T = 2 * ceil(radius) + 1 pixels are mixed.
        sd: of the half Gaussian of the weights, in pixels.
        degrees: direction of each picture ``(N,)``, clockwise from the right.

    Returns:
        ``(N, C, H, H)``, whole numbers.
    """
    taps = 2 * math.ceil(radius) + 1
    weights = np.exp(-(np.arange(taps) ** 2) / (2 * sd**2))
    weights = weights[weights > 1e-7 * weights[0]]  # the others change nothing
    weights = weights / weights.sum()
    reach, side = len(weights), x.shape[2]
    padded = F.pad(x.double(), (reach,) * 4, mode="replicate")
    angles = np.deg2rad(degrees.cpu().double().numpy())
    steps = np.arange(reach)[:, None]
    rows = np.ceil(steps * np.sin(angles) - 0.5).astype(int) + reach  # (T, N)
    columns = np.ceil(steps * np.cos(angles) - 0.5).astype(int) + reach
    smeared = torch.zeros_like(x, dtype=torch.float64)
    for picture, out in enumerate(smeared):
        for weight, row, column in zip(weights, rows[:, picture], columns[:, picture], strict=True):
            out.add_(padded[picture, :, row : row + side, column : column + side], alpha=float(weight))
    return to_bytes(smeared).to(x.dtype)


def sample(x: Tensor, columns: Tensor, rows: Tensor, mirror: str) -> Tensor:
    """Read ``(N, C, H, H)`` at the places ``columns``, ``rows`` ``(N, H, H)`` in pixels, bilinearly.

    ``mirror``: beyond the border, ``centre`` mirrors about the border pixels' centres, ``edge`` about their outer
    edges (what OpenCV calls reflect 101, and scipy reflect).
    """
    side, centre = x.shape[2], mirror == "centre"
    places = torch.stack([columns, rows], dim=-1)
    grid = 2 * places / (side - 1) - 1 if centre else (2 * places + 1) / side - 1
    return F.grid_sample(x, grid.to(x.dtype), padding_mode="reflection", align_corners=centre)


def grey(x: Tensor) -> Tensor:
    """Return the grey level of ``(..., C, H, W)``: ``(..., 1, H, W)``, by ITU-R 601; of one channel, that channel."""
    if x.shape[-3] == 1:
        return x
    weights = x.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    return (weights * x).sum(dim=-3, keepdim=True)


def to_bytes(x: Tensor) -> Tensor:
    """Add a little to grey levels, clip them to 0 to 255 and cut off what is behind the point: uint8.

    The published code adds nothing, so the rounding of a sum may bring a plain picture's 255 down to 254. Added is more
    than rounding takes away: a thousandth to float32, a millionth to float64. Values that lie less than that below a
    whole number come out one level brighter. A thousandth is too much where a pixel's neighbours have tiny weights, so
    such blurs are computed in float64, as all of the published code is.
    """
    return (x + (1e-6 if x.dtype == torch.float64 else 1e-3)).clamp_(0, 255).to(torch.uint8)
