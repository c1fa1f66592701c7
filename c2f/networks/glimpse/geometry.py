"""Where a glimpse looks: locations, boxes, crops.

Axes: N pictures, C channels, H rows, W columns, T glimpses, h rows and columns of a glimpse.

A location is three numbers (scale, x, y). The window's half side is ``scale`` and its centre (x, y), in units in which
the picture reaches from -1 to 1, x to the right and y down, and in which -1 and 1 are the *centres* of the border
pixels (torch calls this ``align_corners=True``). The location (1, 0, 0) is the whole picture. Tan et al. 2021,
section 3.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from c2f.common.checks import choose, positive_int


def glimpse_side(height: int, downsampling: float) -> int:
    """Return a glimpse's side in pixels: the picture's ``height`` divided by ``downsampling``, rounded down.

    Raises:
        ValueError: ``downsampling`` is below 1, or so large that no pixel is left.
    """
    positive_int(height, "a picture's height")
    if not downsampling >= 1:
        raise ValueError(
            f"downsampling must be at least 1 (a glimpse as large as the picture), not {downsampling!r}: "
            "4 makes a glimpse of 28 pixels out of 112"
        )
    side = int(height // downsampling)
    if side < 1:
        raise ValueError(f"nothing is left of {height} pixels at downsampling {downsampling!r}: use at most {height}")
    return side


def whole_picture(pictures: Tensor) -> Tensor:
    """Return the location of the first glimpse, (1, 0, 0), for each of ``(N, C, H, W)`` pictures: ``(N, 3)``."""
    return pictures.new_tensor([1.0, 0.0, 0.0]).expand(pictures.shape[0], 3)


def take_glimpse(pictures: Tensor, locations: Tensor, side: int) -> Tensor:
    """Cut out and shrink windows, bilinearly: pictures ``(N, C, H, W)`` and locations ``(N, 3)`` to ``(N, C, h, h)``.

    Output pixel (i, j) is the picture at x + scale t[j], y + scale t[i], where t runs from -1 to 1 in ``side`` steps.
    Beyond the picture is zero. There is no filter against aliasing: at a quarter of the size about four fifths of the
    pixels are never looked at, and their gradient is zero. It is differentiable in pictures and locations.

    Raises:
        ValueError: pictures or locations of other shapes, or no side.
    """
    positive_int(side, "a glimpse's side")
    if pictures.ndim != 4:
        raise ValueError(f"expected pictures (N, C, H, W), not {tuple(pictures.shape)}")
    if tuple(locations.shape) != (pictures.shape[0], 3):
        raise ValueError(
            f"expected one location (scale, x, y) a picture, ({len(pictures)}, 3), not {tuple(locations.shape)}"
        )
    grid = sampling_grid(locations, side)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=True)


def sampling_grid(locations: Tensor, side: int) -> Tensor:
    """Return where the pixels of glimpses are read, x and y: locations ``(N, 3)`` to ``(N, h, h, 2)``.

    What ``F.affine_grid`` gives for the matrix [[scale, 0, x], [0, scale, y]], at a quarter of its cost on a CPU: a
    window does not turn, so x is the same in every row and y in every column.
    """
    t = (
        torch.linspace(-1, 1, side, device=locations.device, dtype=locations.dtype)
        if side > 1
        else locations.new_zeros(1)
    )
    x, y = (locations[:, 1:, None] + locations[:, :1, None] * t).unbind(dim=1)  # (N, h) each
    shape = (locations.shape[0], side, side)
    return torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], dim=-1)


def boxes(locations: Tensor) -> Tensor:
    """Return the windows' borders x0, y0, x1, y1 in [-1, 1] units: ``(..., 3)`` to ``(..., 4)``.

    A window that reaches beyond the picture has borders beyond -1 or 1.
    """
    scale, x, y = locations.unbind(dim=-1)
    return torch.stack([x - scale, y - scale, x + scale, y + scale], dim=-1)


def pixel_boxes(locations: Tensor, height: int, width: int) -> Tensor:
    """Return the windows in pixels for drawing: ``(..., 3)`` to int64 ``(..., 4)``: x0, y0, x1, y1, both ends inside.

    As the authors draw them: borders are taken as fractions of the picture's side and rounded down, which is up to a
    pixel off the window that ``take_glimpse`` reads.
    """
    sides = locations.new_tensor([width, height, width, height])
    scale, x, y = locations.unbind(dim=-1)
    corners = torch.stack([1 - scale + x, 1 - scale + y, 1 + scale + x, 1 + scale + y], dim=-1)
    return (sides * corners / 2).long().clamp(min=torch.zeros_like(sides).long(), max=sides.long() - 1)


def share_inside(locations: Tensor, masks: Tensor) -> Tensor:
    """Return which share of each object lies in the window: ``(..., N, 3)`` and bool ``(N, H, W)`` to ``(..., N)``.

    An object is its pixels, a pixel its centre.

    Raises:
        ValueError: another number of masks than locations, or a mask without a pixel.
    """
    n, height, width = masks.shape
    if locations.shape[-2:] != (n, 3):
        raise ValueError(f"expected locations (..., {n}, 3) for {n} masks, not {tuple(locations.shape)}")
    sizes = masks.sum(dim=(1, 2))
    if not bool(sizes.all()):
        raise ValueError(f"mask {int(sizes.argmin())} is empty: leave that picture out")
    left, top, right, bottom = boxes(locations)[..., None, :].unbind(dim=-1)  # (..., N, 1) each
    across = torch.linspace(-1, 1, width, device=locations.device)
    down = torch.linspace(-1, 1, height, device=locations.device)
    columns = ((left <= across) & (across <= right)).to(locations.dtype)  # (..., N, W)
    rows = ((top <= down) & (down <= bottom)).to(locations.dtype)  # (..., N, H)
    return torch.einsum("...nh,nhw,...nw->...n", rows, masks.to(locations.dtype), columns) / sizes


def box_overlap(first: Tensor, second: Tensor) -> Tensor:
    """Return intersection over union, in [0, 1], of boxes x0, y0, x1, y1: ``(..., 4)`` twice to ``(...)``."""
    start = torch.maximum(first[..., :2], second[..., :2])
    end = torch.minimum(first[..., 2:], second[..., 2:])
    common = (end - start).clamp(min=0).prod(dim=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(dim=-1) for box in (first, second)]
    return common / (areas[0] + areas[1] - common)


def _tight_crop(sigma: Tensor, scale: Tensor, scale_min: float) -> Tensor:
    return (2 * sigma - 1) * (1 - scale)


def _centre_invariant(sigma: Tensor, scale: Tensor, scale_min: float) -> Tensor:
    return (2 * sigma - 1) * (1 / scale_min - 1) * scale


def _naive(sigma: Tensor, scale: Tensor, scale_min: float) -> Tensor:
    reach = 1 - scale_min
    return sigma * (2 * reach) - reach


TRANSLATIONS: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "tight_crop": _tight_crop,
    "centre_invariant": _centre_invariant,
    "naive": _naive,
}
"""How two numbers in (0, 1) become the centre of a window. They map sigma ``(N, 2)``, scale ``(N, 1)`` and the smallest
scale to (x, y) ``(N, 2)``.

``tight_crop`` (the paper's): the window never leaves the picture. ``centre_invariant``: the same sigma moves the centre
in proportion to the scale; larger windows reach far beyond the picture (at scale 0.5 and smallest scale 0.2 the centre
goes to 2). ``naive``: the reach is that of the smallest window, whatever the scale.
"""


def check_scales(scale_min: float, scale_max: float) -> None:
    """Raise ``ValueError`` unless 0 < ``scale_min`` < ``scale_max`` < 1."""
    if not 0 < scale_min < scale_max < 1:
        raise ValueError(
            f"a glimpse's scale must have 0 < scale_min < scale_max < 1, not scale_min {scale_min!r} and scale_max "
            f"{scale_max!r}: the paper's are 0.2 and 0.5"
        )


def locations_from(sigma: Tensor, rule: str, scale_min: float, scale_max: float) -> Tensor:
    """Map three numbers in (0, 1) a picture to locations: ``(N, 3)`` to ``(N, 3)``.

    The first becomes a scale between ``scale_min`` and ``scale_max``; the others a centre, by ``rule``, one of
    ``TRANSLATIONS``.

    Raises:
        ValueError: an unknown rule, or scales out of order.
    """
    translate = TRANSLATIONS[choose(rule, TRANSLATIONS, "translation rule")]
    check_scales(scale_min, scale_max)
    scale = sigma[:, :1] * (scale_max - scale_min) + scale_min  # (N, 1)
    return torch.cat([scale, translate(sigma[:, 1:], scale, scale_min)], dim=1)
