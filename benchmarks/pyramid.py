"""A pyramid of three levels: ours, of a whole batch, against scikit-image's antialiased resize, picture by picture.

Both shrink the picture itself by two and by four with a Gaussian filter; their filters are not the same.
"""

from functools import partial

import numpy as np
from skimage.transform import resize

from benchmarks.suite import Case, Sides, noise
from c2f.networks.pyramid import Pyramid
from c2f.runs.costs import PLAIN

SIZES = {28: 1, 64: 3}
"""Rows and columns -> channels."""


def sides(size: int, channels: int, count: int) -> Sides:
    """Return both ways."""
    pictures = noise(count, channels, size).images.float() / 255
    arrays, ours = pictures.numpy(), Pyramid(size)

    def plain() -> None:
        for factor in (2, 4):
            shape = (channels, size // factor, size // factor)
            np.stack([resize(picture, shape, anti_aliasing=True) for picture in arrays])

    return Sides({PLAIN: plain, "c2f": lambda: ours(pictures)})


def cases() -> list[Case]:
    """Return a size a case."""
    says, count = "three levels against scikit-image, picture by picture", 256
    return [
        Case(f"pyramid of {size}x{size}x{channels}", partial(sides, size, channels, count), says, amount=count)
        for size, channels in SIZES.items()
    ]
