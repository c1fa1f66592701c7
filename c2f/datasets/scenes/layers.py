"""What a scene is laid together from: its ground, plain shapes, quarters of other garments, and the target.

Each is a mask and a shade at every pixel, without a colour yet.

Axes: B scenes, S = H = W rows and columns of a scene, h, w rows and columns of a source picture or of a piece.
"""

import math

import torch
from torch import Tensor

from c2f.datasets.scenes.draws import Draws, whole
from c2f.datasets.scenes.source import OBJECT_ABOVE, Source

PIECE = 0.28
"""Rows and columns of the largest piece of clutter, as a share of the scene's."""
SHAPES, QUARTERS = 6, 4
"""The most plain shapes and quarters of other garments in a scene."""


def tents(start: Tensor, side: Tensor, n_in: int, n_out: int) -> Tensor:
    """Return the weights ``(..., n_out, n_in)`` that resize ``n_in`` pixels to ``side`` and place them at ``start``.

    Bilinear with half-pixel centres; antialiased where it shrinks; zero outside of the place. ``start`` and ``side``
    are ``(...)``, in pixels of what comes out.
    """
    scale = (n_in / side)[..., None]  # pixels of the source a pixel that comes out
    at = (torch.arange(n_out) + 0.5 - start[..., None]) * scale  # (..., n_out)
    inside = (at > 0) & (at < n_in)
    distance = (at.clamp(0.5, n_in - 0.5)[..., None] - (torch.arange(n_in) + 0.5)).abs_()
    weights = (1 - distance / scale.clamp(min=1)[..., None]).clamp_(min=0)
    return weights * (inside / weights.sum(dim=-1))[..., None]


def _smooth(cells: Tensor, size: int) -> Tensor:
    """Return random fields ``(B, S, S)``, smooth between the values ``cells`` ``(B, g, g)``."""
    g = cells.shape[1]
    at = torch.linspace(0, g - 1, size)[:, None] - torch.arange(g)
    bells = torch.softmax(-1.5 * at**2, dim=1)  # (S, g)
    return bells @ cells @ bells.T


def draw_ground(draws: Draws, size: int, sheet: Tensor) -> Tensor:
    """Return the grounds as places between their two colours, ``(B, S, S)`` from about -1.3 to 1.3."""
    across = torch.linspace(-1, 1, size)
    gradient, stripes, blobs = (kind := draws.take(3) ** 3).div_(kind.sum(dim=1, keepdim=True)).T[..., None, None]
    turn, frequency, phase = draws.take(3).T[..., None]
    frequency = 2 * math.pi * (1 + 5 * frequency)
    a = frequency * across * torch.cos(2 * math.pi * turn)  # (B, S)
    b = frequency * across * torch.sin(2 * math.pi * turn) + 2 * math.pi * phase
    # sin(a + b) taken apart: two products of a row and a column, where a sine for every pixel would cost more
    columns = torch.stack([torch.sin(b), torch.cos(b)], dim=2)  # (B, S, 2)
    rows = torch.stack([torch.cos(a), torch.sin(a)], dim=1)  # (B, 2, S)
    field = stripes * (columns @ rows)
    slope = 2 * draws.take(2)[..., None] - 1
    field += gradient * (slope[:, :1] * across + (slope[:, 1:] * across).mT)
    coarse, fine = 6 * draws.take(4, 4) - 3, 3 * draws.take(11, 11) - 1.5
    field += blobs * (_smooth(coarse, size) + _smooth(fine, size))
    sharpness, grain = (draws.take(2) ** 2).T[..., None, None]
    field.mul_(1 + 5 * sharpness).clamp_(-1, 1)
    row, column = whole(draws.take(2), len(sheet) - size + 1).T
    return field.addcmul_(grain, sheet.unfold(0, size, 1).unfold(1, size, 1)[row, column])


def draw_shapes(draws: Draws, count: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return plain shapes as masks and shades, ``(B, SHAPES, h, w)``; ``count`` ``(B,)`` of each scene are shown."""
    window = math.ceil(PIECE * size)
    half = window / 2
    at = torch.arange(window) + 0.5 - half
    turn, long, broad, kind = draws.take(4, SHAPES).unbind(1)
    cos, sin = torch.cos(2 * math.pi * turn)[..., None, None], torch.sin(2 * math.pi * turn)[..., None, None]
    u = (cos * at + sin * at[:, None]) / (half * (0.5 + 0.4 * long))[..., None, None]
    v = (cos * at[:, None] - sin * at) / (half * (0.12 + 0.3 * broad))[..., None, None]
    bars = torch.maximum(u.abs(), v.abs())
    discs = torch.hypot(u, v)
    mask = torch.where((kind < 0.5)[..., None, None], bars, discs) < 1
    return mask & (torch.arange(SHAPES) < count[:, None])[..., None, None], v.clamp_(-1, 1)


def draw_quarters(draws: Draws, source: Source, labels: Tensor, count: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return quarters of pictures of other classes as ``draw_shapes`` does, ``(B, QUARTERS, h, w)``."""
    n_classes, window = len(source.counts), math.ceil(PIECE * size)
    other, instance, side, lower, right = draws.take(5, QUARTERS).unbind(1)
    other_labels = (labels[:, None] + 1 + whole(other, n_classes - 1)) % n_classes
    which = source.picture(other_labels, instance)
    height, width = source.images.shape[1:]
    h, w = (height + 1) // 2, (width + 1) // 2
    corners = source.images.unfold(1, h, 1).unfold(2, w, 1)  # (P, height - h + 1, width - w + 1, h, w), a view
    cut = corners[which, whole(lower, 2) * (height - h), whole(right, 2) * (width - w)]  # (B, QUARTERS, h, w)
    side = size * (PIECE - 0.12 * side)
    start = (window - side) / 2
    grey = tents(start, side, h, window) @ cut @ tents(start, side, w, window).mT
    shown = torch.arange(QUARTERS) < count[:, None]
    return (grey > OBJECT_ABOVE) & shown[..., None, None], source.shade(grey, which)


def draw_target(draws: Draws, source: Source, labels: Tensor, size: int, difficulty: float) -> tuple[Tensor, Tensor]:
    """Return masks and shades of the targets, ``(B, S, S)``."""
    instance, side, down, right = draws.take(4).T
    which = source.picture(labels, instance)
    side = size * (0.55 + 0.35 * side) * (1 - 0.4 * difficulty)
    margin = round(0.03 * size)
    top, left = (margin + (size - 2 * margin - side) * place for place in (down, right))
    height, width = source.images.shape[1:]
    grey = tents(top, side, height, size) @ source.images[which] @ tents(left, side, width, size).mT
    return grey > OBJECT_ABOVE, source.shade(grey, which)
