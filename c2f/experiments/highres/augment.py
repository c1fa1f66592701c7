"""The augmentation of the High-Resolution CAM paper (Tagaris et al. 2019; the authors' training scripts).

Axes: B pictures, C channels, H = W rows and columns.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from c2f.datasets.augment import flip
from c2f.datasets.batches import Augmentation

SCALE, SHIFT, ROTATION, SHEAR = 0.1, 0.2, 180.0, 5.0
"""The farthest that a picture is scaled (either way, rows and columns apart) and shifted (a share of its side), turned
and sheared (degrees)."""


def affine(x: Tensor, generator: Generator) -> Tensor:
    """Scale, shear, turn and shift each of ``(B, C, H, H)`` with probability 1/2; black comes in from outside.

    Half of the changed pictures are read from their nearest pixel, half bilinearly.
    """
    if x.shape[2] != x.shape[3]:
        raise ValueError(f"affine changes take square pictures, not {x.shape[2]}x{x.shape[3]}")
    b = len(x)
    changed, nearest = torch.rand(2, b, generator=generator) < 0.5
    scale, shift = SCALE * _both(2, b, generator=generator), 2 * SHIFT * _both(2, b, generator=generator)
    turn, shear = math.pi / 180 * torch.tensor([[ROTATION], [SHEAR]]) * _both(2, b, generator=generator)
    cos, sin = torch.cos(turn), torch.sin(turn)
    # What a picture goes through: its columns x and rows y are scaled, sheared along x, turned; then it is shifted.
    wide, high = 1 + scale
    forward = torch.stack(
        [
            torch.stack([cos * wide, (cos * torch.tan(shear) - sin) * high], dim=1),
            torch.stack([sin * wide, (sin * torch.tan(shear) + cos) * high], dim=1),
        ],
        dim=1,
    )  # (B, 2, 2)
    back = torch.linalg.inv(forward)  # where to read: the way back, in units of half a side
    theta = torch.cat([back, -back @ shift.T[:, :, None]], dim=2)  # (B, 2, 3)
    done = x.clone()
    for mode, chosen in (("nearest", changed & nearest), ("bilinear", changed & ~nearest)):
        places = chosen.nonzero()[:, 0]
        if len(places):
            there = places.to(x.device)
            grid = F.affine_grid(theta[places].to(x), [len(places), *x.shape[1:]], align_corners=False)
            done[there] = F.grid_sample(x[there], grid, mode=mode, padding_mode="zeros", align_corners=False)
    return done


def _both(*shape: int, generator: Generator) -> Tensor:
    """Return numbers drawn from [-1, 1)."""
    return 2 * torch.rand(*shape, generator=generator) - 1


def affine_flip(x: Tensor, generator: Generator) -> Tensor:
    """``affine``, then mirror left to right with probability 1/2: what both of the paper's models are trained with."""
    return flip(affine(x, generator), generator)


AUGMENTATIONS: dict[str, Augmentation | None] = {"none": None, "flip": flip, "affine_flip": affine_flip}
"""What a ``DenseRecipe`` can name."""
