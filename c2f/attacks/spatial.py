"""Attacks that move a picture: shifts of up to five pixels, and shifts with rotations of up to five degrees.

The transform is that of Foolbox 3's ``SpatialAttack`` (bilinear, zeros from outside) for square pictures, the grid that
of the published runs: ten steps from -5 to 5 each, so that "not moved" is not among them (Top-Down Networks, Lelekas et
al. 2020; description 8.3). Of other pictures Foolbox divides a shift by the wrong side and shears where it should
rotate; here a pixel is a pixel along both axes.

Axes: n pictures, w steps, C channels, H rows, W columns, G transforms.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from c2f.attacks.search import PictureAttack, Search

GRID = np.linspace(-5, 5, 10)
"""Shifts in pixels, angles in degrees."""


class Spatial(PictureAttack):
    """Shift and rotate.

    ``smallest``: return, of all transforms of the grid that fool, the one with the smallest L2 distance: they are asked
    about in order of their L2. Otherwise the first in the order of the grid: rows, then columns, then angles, from -5
    up, as published (oddity O12: this starts at the largest shift).
    """

    name = "spatial"
    angles = GRID

    def __init__(self, seed: int = 0, smallest: bool = True):
        super().__init__(seed)
        self.smallest = smallest

    def transforms(self) -> list[tuple[float, float, float]]:
        """Return the grid in its order: (row shift in pixels, column shift in pixels, angle in degrees)."""
        return [(row, column, angle) for row in GRID for column in GRID for angle in self.angles]

    def find(self, search: Search) -> Tensor:
        """Return each picture after the transform that is chosen."""
        x = search.pictures
        grids = sampling_grids(self.transforms(), x)  # (G, H, W, 2)
        if not self.smallest:

            def in_grid_order(rows: Tensor, steps: Tensor) -> Tensor:  # the steps are the same for every row
                return torch.stack([move(x[rows], grids[step]) for step in steps[0].tolist()], dim=1)

            return search.first_of(in_grid_order, len(grids))[1]

        distances = torch.stack([(move(x, grid) - x).flatten(1).norm(dim=1) for grid in grids], dim=1)
        order = distances.argsort(dim=1, stable=True).cpu()  # (n, G)

        def by_distance(rows: Tensor, steps: Tensor) -> Tensor:
            moves = grids[order[rows[:, None], steps].flatten()]  # (n w, H, W, 2)
            repeated = x[rows].repeat_interleave(steps.shape[1], dim=0)
            moved = F.grid_sample(repeated, moves, mode="bilinear", padding_mode="zeros", align_corners=True)
            return moved.view(*steps.shape, *x.shape[1:])

        return search.first_of(by_distance, len(grids))[1]


class Shifts(Spatial):
    """Shift alone: 100 transforms."""

    name = "shifts"
    angles = np.zeros(1)


def sampling_grids(transforms: list[tuple[float, float, float]], pictures: Tensor) -> Tensor:
    """Return where each (row shift, column shift, angle) samples ``(n, C, H, W)``, ``(G, H, W, 2)`` in [-1, 1].

    Shifts in pixels, angles in degrees; with Foolbox's scaling, in which half a side is 1, so that a shift of 5 moves a
    picture of 28 rows by 5 * 27 / 28 of them.
    """
    height, width = pictures.shape[2:]
    rows, columns, angles = np.array(transforms).T
    cos, sin = np.cos(np.deg2rad(angles)), np.sin(np.deg2rad(angles))
    aspect = max(height - 1, 1) / max(width - 1, 1)  # both axes run from -1 to 1, however long they are
    across = [cos, -sin * aspect, columns / (width / 2)]
    down = [sin / aspect, cos, rows / (height / 2)]
    theta = np.stack([*across, *down], axis=1).reshape(-1, 2, 3)
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], dim=2)  # (H, W, 3)
    return torch.einsum("gij,hwj->ghwi", torch.from_numpy(theta).float(), points).to(pictures.device)


def move(pictures: Tensor, grid: Tensor) -> Tensor:
    """Sample all of ``(n, C, H, W)`` at one grid ``(H, W, 2)``."""
    n, channels, height, width = pictures.shape
    # As channels of one picture: where to sample is worked out once.
    together = pictures.reshape(1, n * channels, height, width)
    moved = F.grid_sample(together, grid[None], mode="bilinear", padding_mode="zeros", align_corners=True)
    return moved.view_as(pictures)
