"""Noise: three corruptions of single pixels. Hendrycks and Dietterich 2019, section 4.1 and their code.

Every function maps grey levels ``x``, float32 ``(N, C, H, H)`` from 0 to 255, to grey levels that may lie beyond.
"""

import torch
from torch import Tensor

from c2f.corruptions.draws import Draws

Strength = tuple[float, ...]  # a row of a severity table


def gaussian_noise(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Add normal noise. ``strength``: its standard deviation, where white is 1."""
    (sd,) = strength
    return x + 255 * sd * draws.bell(*x.shape[1:])


def shot_noise(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Count photons. ``strength``: how many there are on average where the picture is white."""
    (photons,) = strength
    return draws.counts(x / 255 * photons) * (255 / photons)


def impulse_noise(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Set values to black or white. ``strength``: the share of them."""
    (share,) = strength
    u = draws.flat(*x.shape[1:])
    return torch.where(u < share, torch.where(u < share / 2, 0.0, 255.0), x)
