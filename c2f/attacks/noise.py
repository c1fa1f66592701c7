"""Attacks that add noise, or blend with it, until the picture is misclassified.

The strength e goes through 0.001, 0.002, ..., 1; the first that fools is taken (Top-Down Networks, Lelekas et al. 2020;
description 8.3).

Axes: n pictures, w steps, C channels, H rows, W columns.
"""

from abc import abstractmethod

import torch
from torch import Tensor

from c2f.attacks.search import PictureAttack, Search

STEPS = 1000
DIRECTIONS = 1000


class AdditiveNoise(PictureAttack):
    """Add fresh noise of growing strength at every step, and clip; a subclass says which noise.

    ``twice``: scale by e twice, so that the noise has strength e^2, as the published runs did by an oversight of
    Foolbox 2 (oddity O12). That draws more often at small strengths, and so can find somewhat smaller noise.
    """

    def __init__(self, seed: int = 0, twice: bool = False):
        super().__init__(seed)
        self.twice = twice

    @abstractmethod
    def noise(self, search: Search, rows: Tensor, steps: int) -> Tensor:
        """Return noise of strength 1, ``(n, w, C, H, W)`` for ``rows`` ``(n,)``, where the range of values is 1."""

    def find(self, search: Search) -> Tensor:
        """Return each picture with the first noise that fools."""
        x, scale = search.pictures, search.bounds[1] - search.bounds[0]

        def candidates(rows: Tensor, steps: Tensor) -> Tensor:
            strength = (steps + 1) / STEPS
            strength = (scale * (strength**2 if self.twice else strength)).to(x)
            return x[rows, None] + strength[:, :, None, None, None] * self.noise(search, rows, steps.shape[1]).to(x)

        return search.first_of(candidates, STEPS)[1]


class AdditiveUniform(AdditiveNoise):
    """Add noise that is uniform in (-e, e)."""

    name = "additive_uniform"

    def noise(self, search: Search, rows: Tensor, steps: int) -> Tensor:
        """Return uniform noise in (-1, 1)."""
        return search.streams.uniform(rows, steps, tuple(search.pictures.shape[1:])).mul_(2).sub_(1)


class AdditiveGaussian(AdditiveNoise):
    """Add Gaussian noise of deviation e / sqrt(3), that of uniform noise in (-e, e)."""

    name = "additive_gaussian"

    def noise(self, search: Search, rows: Tensor, steps: int) -> Tensor:
        """Return Gaussian noise of deviation 1 / sqrt(3)."""
        return search.streams.normal(rows, steps, tuple(search.pictures.shape[1:])).mul_(3**-0.5)


class BlendedUniform(PictureAttack):
    """Blend the picture with one picture of uniform noise: (1 - e) x + e r.

    Foolbox's ``LinearSearchBlendedUniformNoiseAttack``, the rule of both protocols: r is the first draw of up to 1,000
    that is adversarial itself, or else the last. Every fourth strength is asked about first and then the three before
    the first hit, so that an island of success narrower than four steps can be missed.
    """

    name = "blended_uniform"

    def find(self, search: Search) -> Tensor:
        """Return each picture at the first blend that fools."""
        x, (low, high) = search.pictures, search.bounds
        noise = torch.empty_like(x)

        def draw(rows: Tensor, steps: Tensor) -> Tensor:
            drawn = search.streams.uniform(rows, steps.shape[1], tuple(x.shape[1:])).to(x) * (high - low) + low
            noise[rows] = drawn[:, -1]  # of a picture that never hits, the last draw stays
            return drawn

        hit, found = search.first_of(draw, DIRECTIONS)
        noise[hit >= 0] = found[hit >= 0]

        def candidates(rows: Tensor, steps: Tensor) -> Tensor:
            strength = ((steps + 1) / STEPS).to(x)[:, :, None, None, None]
            return (1 - strength) * x[rows, None] + strength * noise[rows, None]

        return search.first_coarse_to_fine(candidates, STEPS, stride=4)
