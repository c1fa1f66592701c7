"""Picture files to bytes in memory, by Pillow in a pool of threads.

Axes: N pictures, C channels, H rows, W columns.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

POOL_FROM = 96 * 96
"""Pixels of a picture from which several threads are used. Measured on two cores, two threads take twice as
long as one for pictures of 32x32 pixels (they wait for each other), and half as long for 500x375."""


class DamagedData(ValueError):
    """A file of a data set is not what it should be; the text names the file."""


def open_picture(path: Path) -> Image.Image:
    """Return the picture in the file as RGB; grey ones get three equal channels, transparency is dropped.

    Raises:
        DamagedData: it is missing, cut short, no picture, or of more than 8 bits a pixel.
    """
    try:
        with Image.open(path) as picture:
            if picture.mode.startswith(("I", "F")):
                raise ValueError("more than 8 bits a pixel; save it with 8")
            return picture.convert("RGB")
    except FileNotFoundError as error:
        raise DamagedData(f"the picture {path} is missing") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DamagedData(f"cannot read the picture {path}: {error}") from error


def _shrink(picture: Image.Image, size: int) -> Image.Image:
    """Return the picture at ``size`` x ``size``, bilinear with antialias, its aspect not kept."""
    return picture.resize((size, size), Image.Resampling.BILINEAR)


def allocate(n: int, channels: int, size: int, advice: str) -> Tensor:
    """Return room for pictures, uint8 ``(n, channels, size, size)``; a ``MemoryError`` ends with ``advice``."""
    needed = n * channels * size * size
    # Linux grants memory that it does not have and later stops the process: ask what there is first
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else needed
    if needed > there:
        raise MemoryError(
            f"{n} pictures of {channels}x{size}x{size} bytes need {needed / 1e9:.1f} GB, this machine has "
            f"{there / 1e9:.1f} GB: {advice}"
        )
    return torch.empty(n, channels, size, size, dtype=torch.uint8)


def decode(paths: Sequence[Path], image_size: int | None = None) -> tuple[Tensor, Tensor]:
    """Read picture files of any format that Pillow reads.

    Args:
        paths: at least one file.
        image_size: H = W in pixels to resize to (bilinear, antialiased, aspect not kept); None takes the
            pictures as they are, and then all must be of one square size.

    Returns:
        The pictures, uint8 ``(N, 3, H, H)``, and their sizes in the files, int64 ``(N, 2)``: rows, columns.

    Raises:
        DamagedData: a file that is missing, cut short, no picture, or of more than 8 bits a pixel.
        ValueError: without ``image_size``, pictures that are not square or not all of one size.
        MemoryError: more bytes than this machine has.
    """
    first = open_picture(paths[0])
    if image_size is None and first.width != first.height:
        raise ValueError(
            f"the picture {paths[0]} is {first.height}x{first.width}, not square: give image_size=, e.g. image_size=128"
        )
    size = image_size or first.width
    images = allocate(len(paths), 3, size, "take a smaller image_size= or fewer classes=")
    sizes = torch.empty(len(paths), 2, dtype=torch.int64)
    channels_last = images.permute(0, 2, 3, 1).numpy()  # the same memory, as Pillow orders it

    def read(i: int) -> None:
        picture = open_picture(paths[i])
        sizes[i, 0], sizes[i, 1] = picture.height, picture.width
        if image_size is not None:
            picture = _shrink(picture, size)
        elif picture.size != (size, size):
            raise ValueError(
                f"the pictures differ in size ({paths[0]} is {size}x{size}, {paths[i]} is "
                f"{picture.height}x{picture.width}): give image_size=, e.g. image_size={size}"
            )
        channels_last[i] = np.asarray(picture)

    workers = min(8, os.cpu_count() or 1) if first.width * first.height >= POOL_FROM else 1
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(read, range(len(paths))):  # map hands on the first error and drops what has not begun
            pass
    return images, sizes


def resize(images: Tensor, image_size: int) -> Tensor:
    """Resize uint8 ``(N, C, H, W)``, C = 1 or 3, to ``image_size`` rows and columns as ``decode`` does."""
    if images.shape[2:] == (image_size, image_size):
        return images
    n, channels = images.shape[:2]
    resized = allocate(n, channels, image_size, "take a smaller image_size=")
    channels_last = resized.permute(0, 2, 3, 1).numpy()
    for i, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
        small = np.asarray(_shrink(Image.fromarray(image[..., 0] if channels == 1 else image), image_size))
        channels_last[i] = small.reshape(image_size, image_size, channels)
    return resized


def resize_boxes(boxes: Tensor, sizes: Tensor, image_size: int) -> Tensor:
    """Carry boxes over to resized pictures: the smallest whole-pixel box around the resized object.

    Args:
        boxes: int64 ``(N, 4)``: x0, y0, x1, y1 in pixels, both ends inside.
        sizes: int64 ``(N, 2)``: rows and columns that the boxes are given in.
        image_size: H = W of the resized pictures.

    Returns:
        int64 ``(N, 4)``, in pixels of the resized pictures.
    """
    width_height = sizes.flip(1)  # (N, 2)
    low = boxes[:, :2] * image_size // width_height
    high = -(-(boxes[:, 2:] + 1) * image_size // width_height) - 1  # the right edge of the last pixel, rounded up
    return torch.cat([low, high], dim=1)
