"""Blur: four corruptions that take detail away. Hendrycks and Dietterich 2019, section 4.1 and their code.

Axes: N pictures, C channels, H = W rows and columns. Every corruption maps grey levels ``x``, float32 ``(N, C, H, H)``
from 0 to 255, to grey levels that may lie beyond, float64 where ``to_bytes`` says why.
"""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage, sparse
from torch import Tensor

from c2f.corruptions.draws import Draws
from c2f.corruptions.noise import Strength
from c2f.corruptions.resampling import along_both, centre_zoom, gaussian, motion, to_bytes, zoomed_part

FEW = 64
"""Weights up to which adding shifted pictures is faster than the Fourier transform."""


@lru_cache(maxsize=16)
def disc(radius: float, alias_sd: float) -> Tensor:
    """Return the weights of a lens out of focus: a disc with softened edge, float64 ``(k, k)``.

    They add up to 1, but for radii 8 and 10 with a soft edge to 1.013 and 1.011, as published, and brighten pictures by
    as much: the disc is brought to 1 before its edge is softened, and so large a one touches the border of its array,
    which mirrors it.
    """
    reach = 8 if radius <= 8 else int(radius)
    line = np.arange(-reach, reach + 1)
    inside = (line[:, None] ** 2 + line[None, :] ** 2 <= radius**2).astype(np.float64)
    inside /= inside.sum()
    taps = np.arange(-1, 2) if radius <= 8 else np.arange(-2, 3)
    soft = np.exp(-(taps**2) / (2 * alias_sd**2))
    for axis in (0, 1):
        inside = ndimage.correlate1d(inside, soft / soft.sum(), axis=axis, mode="mirror")
    return torch.from_numpy(inside)


def defocus_blur(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Average over a disc. ``strength``: its radius, and the standard deviation that softens it, in pixels."""
    weights = disc(*strength)
    reach, side = len(weights) // 2, x.shape[2]
    padded = F.pad(x.double(), (reach,) * 4, mode="reflect")
    taps = (weights > 1e-9).nonzero().tolist()
    if len(taps) <= FEW:
        blurred = torch.zeros_like(x, dtype=torch.float64)
        for row, column in taps:
            part = padded[:, :, row : row + side, column : column + side]
            blurred.add_(part, alpha=weights[row, column].item())
        return blurred
    whole = padded.shape[2]
    spectrum = torch.fft.rfft2(weights.to(x.device), s=(whole, whole)).conj()
    product = torch.fft.rfft2(padded) * spectrum
    return torch.fft.irfft2(product, s=(whole, whole))[..., :side, :side]


def shuffled(offsets: Tensor, shift: int) -> Tensor:
    """Return where each pixel's value comes from after one pass of glass blur: int64 ``(N, H * H)``.

    From the lower right inwards, each pixel copies a neighbour as it is *then*: already replaced, if it lies further
    right or down. So a pixel's value comes from the end of a chain of copies; the chains are followed all at once, each
    step doubling what is known of them.

    Args:
        offsets: of the neighbours, rows and columns, int64 ``(N, 2, H, H)`` in [-shift, shift).
        shift: the largest; as many pixels at the left and top and one fewer at the right and bottom stay.
    """
    n, _, side, _ = offsets.shape
    own = torch.arange(side * side, device=offsets.device).expand(n, -1)
    line = torch.arange(side, device=offsets.device)
    moves = (line > shift) & (line <= side - shift)
    moving = (moves[:, None] & moves[None, :]).flatten()
    chosen = own + (offsets[:, 0] * side + offsets[:, 1]).flatten(1)
    source = torch.where(moving, chosen, own)
    # follow[p]: a pixel that was replaced before p, from which p took its value; or p itself at the end of a chain
    follow = torch.where((source > own) & moving.expand(n, -1).gather(1, source), source, own)
    while True:
        further = follow.gather(1, follow)
        if torch.equal(further, follow):
            return source.gather(1, follow)
        follow = further


def glass_blur(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Swap pixels about between two blurs. ``strength``: the blur's standard deviation, the largest shift, passes."""
    sd, shift, passes = strength[0], int(strength[1]), int(strength[2])
    side = x.shape[2]
    soft = gaussian(side, sd, "nearest", 4.0)
    values = to_bytes(along_both(x.double(), soft)).flatten(2)  # (N, C, H * H)
    for _ in range(passes):
        offsets = (draws.flat(2, side, side) * (2 * shift)).floor_().long() - shift
        values = values.gather(2, shuffled(offsets, shift)[:, None].expand_as(values))
    return along_both(values.view(x.shape).double(), soft)


def motion_blur(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Smear along a random direction, up to 45 degrees from the horizontal.

    ``strength``: radius, standard deviation, in pixels.
    """
    radius, sd = strength
    return motion(x, radius, sd, draws.flat(low=-45, high=45))


def zoom_blur(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Average over zooms of the middle. ``strength``: the factor below which they end, and by how much they grow."""
    factors = np.arange(1, *strength)
    if x.device.type == "cpu":
        spread = mean_of_zooms(x.shape[2], *strength)
        columns = np.ascontiguousarray(x.flatten(2).flatten(0, 1).numpy().T)  # (H * H, N * C)
        return torch.from_numpy(np.ascontiguousarray((spread @ columns).T)).view(x.shape)
    total = x.clone()
    for factor in factors:
        total += centre_zoom(x, float(factor))
    return total / (len(factors) + 1)


@lru_cache(maxsize=10)
def mean_of_zooms(side: int, stop: float, step: float) -> sparse.csr_array:
    """Return all of zoom blur as one matrix, float32 ``(H * H, H * H)``: on a CPU thirty times as fast as zooming.

    A pixel's value is a mean over few others, 19 on average of 4,096 where the most is zoomed.
    """
    factors = np.arange(1, stop, step)
    total = sparse.identity(side * side, format="csr")
    for factor in factors:
        part, start, size, trim = zoomed_part(side, float(factor))
        along = np.zeros((side, side))  # rows of the zoomed picture, rows of the picture
        middle = F.interpolate(torch.eye(part).double()[None], size=size, mode="linear", align_corners=True)[0]
        along[:, start : start + part] = middle[:, trim : trim + side].T
        total = total + sparse.kron(sparse.csr_array(along), sparse.csr_array(along), format="csr")
    return sparse.csr_array(total / (len(factors) + 1)).astype(np.float32)
