"""Digital corruptions: four that processing leaves behind. Hendrycks and Dietterich 2019, section 4.1 and their code.

Axes: N pictures, C channels, H = W rows and columns. Every corruption maps grey levels ``x``, float32 ``(N, C, H, H)``
from 0 to 255, to grey levels that may lie beyond.
"""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from c2f.corruptions.draws import Draws
from c2f.corruptions.noise import Strength
from c2f.corruptions.resampling import along_both, box, gaussian, sample, to_bytes


def contrast(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Pull every value towards its channel's mean. ``strength``: the share of the distance that is left."""
    (share,) = strength
    mean = x.mean(dim=(2, 3), keepdim=True)
    return (x - mean) * share + mean


def elastic_transform(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Distort by a random affine map, then by smooth random shifts.

    ``strength``: how far pixels shift, the smoothness of the shifts, how far the corners of the affine map move; all in
    pixels.
    """
    shift, smoothness, corners = strength
    n, side = len(x), x.shape[2]
    line = torch.arange(side, device=x.device, dtype=torch.float64)
    rows, columns = torch.meshgrid(line, line, indexing="ij")

    middle, reach = side // 2, side // 3
    three = torch.tensor([[reach, reach], [reach, -reach], [-reach, -reach]], device=x.device) + middle
    moved = three + draws.flat(3, 2, low=-corners, high=corners).double()  # (N, 3, 2), columns and rows
    ones = moved.new_ones(n, 3, 1)
    back = torch.linalg.solve(torch.cat([moved, ones], dim=2), three.double().expand(n, 3, 2))  # (N, 3, 2)
    places = torch.stack([columns, rows, torch.ones_like(rows)], dim=-1) @ back[:, None]  # (N, H, H, 2)
    bent = sample(x, places[..., 0], places[..., 1], mirror="centre")
    if shift == 0:
        return bent
    shifts = shift * along_both(draws.flat(2, side, side, low=-1), gaussian(side, smoothness, "reflect", 3.0))
    return sample(bent, columns + shifts[:, 0], rows + shifts[:, 1], mirror="edge")


def pixelate(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Shrink with a box filter and enlarge again. ``strength``: the share of rows and columns that are left."""
    side = x.shape[2]
    small = int(side * strength[0])
    for n, m in ((side, small), (small, side)):
        matrix = box(n, m).to(x)
        x = _rounded(x @ matrix.T)  # Pillow rounds after each direction
        x = _rounded(matrix @ x)
    return x


def _rounded(x: Tensor) -> Tensor:
    return (x + (0.5 + 1e-3)).floor_()  # halves go up; means of a few whole numbers are never nearer to them


def jpeg_compression(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Save as JPEG. ``strength``: the quality, 1 to 100."""
    return as_jpeg(to_bytes(x), int(strength[0])).to(x.dtype)


def as_jpeg(pictures: Tensor, quality: int) -> Tensor:
    """Return uint8 ``(N, C, H, W)``, C 1 or 3, as they come out of a JPEG file of ``quality``."""
    stored = []
    for picture in pictures.permute(0, 2, 3, 1).cpu().numpy():
        with io.BytesIO() as file:
            Image.fromarray(picture if picture.shape[2] == 3 else picture[:, :, 0]).save(file, "JPEG", quality=quality)
            stored.append(np.asarray(Image.open(file)))
    return (
        torch.from_numpy(np.stack(stored)).view(len(pictures), *pictures.shape[2:], -1).permute(0, 3, 1, 2).to(pictures)
    )
