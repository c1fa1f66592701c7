"""Picture files to bytes in memory, by Pillow in a pool of threads.

Axes: N pictures, C channels, H rows, W columns.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

POOL_FROM = 96 * 96
"""Pixels of a picture from which several threads are used. Measured on two cores, two threads take twice as
long as one for pictures of 32x32 pixels (they wait for each other), and half as long for 500x375."""


_TAGS = frozenset(("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"))
"""Where Pillow looks for a tag that says how a camera was held; in a TIFF file elsewhere."""


class DamagedData(ValueError):
    """A file of a data set is not what it should be; the text names the file."""


def open_picture(path: Path) -> Image.Image:
    """Return the picture in the file as RGB, upright as its tag of orientation says; of one that moves, the first.

    Grey ones get three equal channels, those of 16 bits are scaled to 8, and white shows through what is transparent.

    Raises:
        DamagedData: it is missing, cut short, no picture, or of more than 16 bits a pixel and channel.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            _turn_upright(picture)
            return _to_rgb(picture)
    except FileNotFoundError as error:
        raise DamagedData(f"the picture {path} is missing") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DamagedData(f"cannot read the picture {path}: {error}") from error


def _turn_upright(picture: Image.Image) -> None:
    if picture.format != "TIFF" and _TAGS.isdisjoint(picture.info):  # to look for a tag takes a tenth of the time
        return
    with suppress(Exception):  # tags in disorder say nothing of the picture, and raise anything
        ImageOps.exif_transpose(picture, in_place=True)


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in ("PNG", "PPM")):
        levels = np.asarray(picture).astype(np.int64)  # 0 to 65535, which convert would cut off at 255
        picture = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    elif picture.mode in ("I", "F"):
        raise ValueError("more than 16 bits a pixel, and no word on which value is white; save it with 8 or 16")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def shrink(picture: Image.Image, size: int) -> Image.Image:
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
    """Read picture files of any format that Pillow reads, see ``open_picture``.

    Args:
        paths: at least one file.
        image_size: H = W in pixels to resize to (bilinear, antialiased, aspect not kept); None takes the
            pictures as they are, and then all must be of one square size.

    Returns:
        The pictures, uint8 ``(N, 3, H, H)``, and their sizes in the files, int64 ``(N, 2)``: rows, columns.

    Raises:
        DamagedData: a file that is missing, cut short, no picture, or of more than 16 bits a pixel and channel.
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
            picture = shrink(picture, size)
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
        small = np.asarray(shrink(Image.fromarray(image[..., 0] if channels == 1 else image), image_size))
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
