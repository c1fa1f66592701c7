"""Attacks without chance that weaken a picture step by step: less contrast, more blur.

Both protocols have Foolbox's rule: of 1,000 strengths from 0.001 to 1 the first that fools (Top-Down Networks, Lelekas
et al. 2020, the supplement's attacks; description 8.3).

Axes: n pictures, w steps, C channels, H rows, W columns.
"""

from functools import lru_cache

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from c2f.attacks.search import PictureAttack, Search

STEPS = 1000


class Contrast(PictureAttack):
    """Mix the picture with medium grey: (1 - e) x + e / 2. Foolbox's ``LinearSearchContrastReductionAttack``.

    Every eighth strength is asked about first and then the seven before the first hit, so that an island of success
    narrower than eight steps can be missed.
    """

    name = "contrast"

    def find(self, search: Search) -> Tensor:
        """Return each picture at the first strength that fools."""
        x, grey = search.pictures, sum(search.bounds) / 2

        def candidates(rows: Tensor, steps: Tensor) -> Tensor:
            strength = ((steps + 1) / STEPS).to(x)[:, :, None, None, None]
            chosen = x[rows, None]  # (n, 1, C, H, W)
            return chosen + strength * (grey - chosen)

        return search.first_coarse_to_fine(candidates, STEPS, stride=8)


class GaussianBlur(PictureAttack):
    """Blur with a Gaussian of sigma = e max(H, W) pixels, cut off at 4 sigma, mirrored at the edges; clip.

    Foolbox's ``GaussianBlurAttack``. Its filter is scipy's, which is linear along rows and columns: here it is two
    small matrices, the filter applied to the identity.
    """

    name = "gaussian_blur"

    def find(self, search: Search) -> Tensor:
        """Return each picture at the first strength that fools."""
        x = search.pictures
        height, width = x.shape[2:]

        def candidates(rows: Tensor, steps: Tensor) -> Tensor:
            different, inverse = steps.unique(return_inverse=True)
            sigmas = [(step + 1) / STEPS * max(height, width) for step in different.tolist()]
            down = torch.stack([blur_matrix(height, sigma) for sigma in sigmas]).to(x)[inverse.to(x.device)]
            across = torch.stack([blur_matrix(width, sigma) for sigma in sigmas]).to(x)[inverse.to(x.device)]
            return down[:, :, None] @ x[rows, None] @ across[:, :, None].mT

        # Every strength: with steps of eight, two of 200 pictures of Fashion-MNIST had an island missed.
        return search.first_of(candidates, STEPS)[1]


@lru_cache(maxsize=1024)
def blur_matrix(size: int, sigma: float) -> Tensor:
    """Return the blur of one axis of ``size`` pixels by ``sigma`` pixels, float32 ``(size, size)``."""
    return torch.from_numpy(gaussian_filter1d(np.eye(size), sigma, axis=0)).float()
