"""Planted evidence: pictures whose class is the colour of one patch and nothing else, to test maps of evidence with.

Whoever tells the classes apart has to look at the patch. The whole garment that is in each picture too says nothing.

Axes: N pictures, S = H = W rows and columns.
"""

import torch

from c2f.common.checks import positive_int
from c2f.datasets.decoding import resize
from c2f.datasets.pictures import Pictures
from c2f.datasets.scenes import check_size, scenes

COLOURS = {"red": (225, 60, 50), "green": (50, 170, 80), "blue": (50, 90, 220), "yellow": (230, 205, 50)}
"""The classes, each with its grey levels of red, green, blue."""
DIMMED = 0.6
"""How bright the grey ground is left."""


def planted(pictures: Pictures, count: int, *, size: int = 40, seed: int = 0) -> Pictures:
    """Make pictures of grey scenes with one patch of a colour, by which alone the class is known.

    The patch is a square of an eighth to a quarter of the side, anywhere, over the garment too. Class, place and size
    are drawn independently of the scene.

    Args:
        pictures: grey ones, which the scenes are made of, see ``c2f.datasets.scenes.scenes``; coloured ones stand in
            for scenes as they are, in grey and at the size wanted.
        count: N.
        size: S in pixels, from 32 to 512, larger than grey pictures.
        seed: at least 0. The scenes themselves are those of ``scenes`` with this seed and difficulty 1.

    Returns:
        images uint8 ``(N, 3, S, S)``, the classes of ``COLOURS``, and the patches' masks and boxes.

    Raises:
        ValueError: what ``scenes`` refuses.
    """
    positive_int(seed, "seed", minimum=0)
    if pictures.in_channels == 1:
        grounds = scenes(pictures, count, size=size, difficulty=1, seed=seed).images
    else:
        drawn = torch.Generator().manual_seed(seed)
        grounds = resize(pictures.images, check_size(size))[torch.randint(len(pictures), (count,), generator=drawn)]
    grey = DIMMED * grounds.float().mean(dim=1, keepdim=True)  # (N, 1, S, S)
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(len(COLOURS), (count,), generator=generator)
    side = torch.randint(size // 8, size // 4 + 1, (count,), generator=generator)
    left, top = (torch.rand(2, count, generator=generator) * (size - side + 1)).long()
    at = torch.arange(size)
    across, down = ((at >= low[:, None]) & (at < (low + side)[:, None]) for low in (left, top))  # (N, S)
    masks = down[:, :, None] & across[:, None, :]
    colours = torch.tensor(list(COLOURS.values()), dtype=torch.float32)[labels]  # (N, 3)
    images = torch.where(masks[:, None], colours[:, :, None, None], grey).byte()
    boxes = torch.stack([left, top, left + side - 1, top + side - 1], dim=1)
    return Pictures(images, labels, tuple(COLOURS), boxes, masks)
