"""Small pictures on a large, empty canvas: where to look is a question of its own.

::

    found = load_canvas("canvas-mnist")
    found.train.images, found.test.images  # uint8 (60000, 1, 28, 28), uint8 (10000, 1, 112, 112)
    pictures = found.place(batch, generator)  # float (B, 1, 28, 28) to (B, 1, 112, 112), somewhere else every time

After the Multi-Glimpse Network's digits (Tan et al. 2021, section 4, and the authors' code): 28x28 in the middle of
112x112, moved by a whole number of pixels, up to 42 either way, so that none leaves the canvas; then noise.

Axes: N pictures, B pictures of one batch, C channels, h rows and columns of a small picture, S of the canvas.
"""

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from c2f import datasets
from c2f.common.checks import choose, positive_int
from c2f.datasets.batches import Augmentation
from c2f.datasets.pictures import Pictures

CANVAS = 112
"""Rows and columns of the paper's canvas, four times those of a digit."""
TEST_SEED = 1
"""Of the places (and the noise) of the test pictures, which are drawn once and for all."""
_AT_A_TIME = 1000
_SOURCES = ("mnist", "fashion-mnist", "fashion-mnist-sample")


def canvas_names() -> list[str]:
    """Return the names that ``load_canvas`` knows: ``canvas-`` and the data set whose pictures are placed."""
    return [f"canvas-{source}" for source in _SOURCES]


@dataclass(frozen=True)
class CanvasData:
    """``train``: small pictures, which ``place`` puts on a canvas, anew whenever it is called. ``test``: canvases of
    ``size`` rows and columns, always the same.
    """

    train: Pictures
    test: Pictures
    place: Augmentation
    size: int


def put(pictures: Tensor, rows: Tensor, columns: Tensor, size: int = CANVAS) -> Tensor:
    """Put pictures ``(B, C, h, h)`` on black canvases ``(B, C, S, S)``, each with its top left corner at its own place.

    ``rows``, ``columns``: int64 ``(B,)``, from 0 to S - h.

    Raises:
        ValueError: pictures that are not square or larger than the canvas, or a place at which they would leave it.
    """
    b, channels, side, width = pictures.shape
    if side != width or side > size:
        raise ValueError(
            f"pictures of {side}x{width} do not fit on a canvas of {size}x{size}: take square, smaller ones"
        )
    places = torch.stack([rows, columns])
    if b and not 0 <= int(places.min()) <= int(places.max()) <= size - side:
        raise ValueError(
            f"a picture of {side} pixels has places from 0 to {size - side} on a canvas of {size}, these run from "
            f"{int(places.min())} to {int(places.max())}"
        )
    canvas = pictures.new_zeros(b, channels, size, size)
    along = torch.arange(side, device=pictures.device)
    row = (rows.to(pictures.device)[:, None] + along)[:, :, None]  # (B, h, 1)
    column = (columns.to(pictures.device)[:, None] + along)[:, None, :]  # (B, 1, h)
    which = torch.arange(b, device=pictures.device)[:, None, None]
    canvas.permute(0, 2, 3, 1)[which, row, column] = pictures.permute(0, 2, 3, 1)
    return canvas


def _draw(count: int, reach: int, generator: Generator) -> Tensor:
    """Return int64 ``(2, count)`` from 0 to 2 ``reach``: a uniform move, rounded as torchvision's RandomAffine does.

    So the two outermost places are half as likely as the others.
    """
    return ((2 * torch.rand(2, count, generator=generator) - 1) * reach).round().long() + reach


def _noisy(x: Tensor, noise: float, generator: Generator) -> Tensor:
    """Add noise of standard deviation ``noise``; clamp to each picture's own least and largest value before it."""
    low, high = x.amin(dim=(1, 2, 3), keepdim=True), x.amax(dim=(1, 2, 3), keepdim=True)
    here = Generator(device=x.device).manual_seed(int(torch.randint(2**62, (), generator=generator)))
    return torch.clamp(x + noise * torch.randn(x.shape, generator=here, device=x.device), low, high)


def on_canvas(size: int = CANVAS, noise: float = 0.0) -> Augmentation:
    """Return the augmentation that puts each picture ``(B, C, h, h)`` somewhere on a canvas ``(B, C, S, S)``.

    Noise is drawn on the pictures' device: its numbers, unlike the places, differ from a CPU to a GPU.

    Args:
        size: S in pixels.
        noise: standard deviation of the noise, in the units of [0, 1] pictures; 0 for none (the paper's default).

    Raises:
        ValueError: a size that is no positive whole number, or noise below 0; when called, pictures that do not fit, or
            cannot be moved by as much to either side (S - h is odd).
    """
    positive_int(size, "the size of a canvas")
    _check_noise(noise)

    def place(x: Tensor, generator: Generator) -> Tensor:
        if (size - x.shape[2]) % 2:
            raise ValueError(
                f"a picture of {x.shape[2]} pixels has no middle on a canvas of {size}: take {size + 1} for one"
            )
        rows, columns = _draw(len(x), (size - x.shape[2]) // 2, generator)
        canvas = put(x, rows, columns, size)
        return _noisy(canvas, noise, generator) if noise else canvas

    return place


def _check_noise(noise: float) -> None:
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 <= noise < float("inf"):
        raise ValueError(f"noise is a standard deviation of at least 0, not {noise!r}")


def fixed(pictures: Pictures, size: int = CANVAS, noise: float = 0.0, seed: int = TEST_SEED) -> Pictures:
    """Put pictures on canvases once and for all, as bytes ``(N, C, S, S)``; ``seed`` says where.

    Raises:
        ValueError: as ``on_canvas``.
    """
    place, generator = on_canvas(size, noise), Generator().manual_seed(seed)
    parts = [
        (place(images.float() / 255, generator) * 255).round().byte() for images in pictures.images.split(_AT_A_TIME)
    ]
    return replace(pictures, images=torch.cat(parts), boxes=None, masks=None)


def load_canvas(name: str, size: int = CANVAS, noise: float = 0.0) -> CanvasData:
    """Load a data set whose pictures are to be placed on canvases; nothing is downloaded.

    Args:
        name: one of ``canvas_names()``.
        size: S in pixels.
        noise: see ``on_canvas``; that of the test pictures is rounded to bytes.

    Raises:
        ValueError: an unknown name, or a size or noise out of range.
        FileNotFoundError: the data set is not on this machine; the remedy.
    """
    choose(name, canvas_names(), "canvas data set")
    place = on_canvas(size, noise)  # refuses a bad size or noise before anything is loaded
    found = datasets.load(name.removeprefix("canvas-"))
    return CanvasData(found.train, fixed(found.test, size, noise), place, size)
