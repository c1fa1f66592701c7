"""Scenes laid together and coloured, a part at a time.

Axes: N scenes, B scenes made at a time, K pieces of clutter, S = H = W rows and columns of a scene, h, w rows and
columns of a piece.
"""

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from c2f.common.checks import positive_int
from c2f.datasets.decoding import allocate
from c2f.datasets.pictures import Pictures
from c2f.datasets.scenes.colours import TONES, draw_palette
from c2f.datasets.scenes.draws import Draws, philox, whole
from c2f.datasets.scenes.layers import QUARTERS, SHAPES, draw_ground, draw_quarters, draw_shapes, draw_target
from c2f.datasets.scenes.source import Source, take_source

SIZE = 64
"""Rows and columns of a scene unless told otherwise; they may go from ``SMALLEST`` to ``LARGEST``."""
SMALLEST, LARGEST = 32, 512
PIXELS_AT_A_TIME = 2**19
"""Pixels made at a time, which keeps the memory small and the speed near its best."""


def _paste(ground: Tensor, masks: Tensor, shades: Tensor, draws: Draws) -> Tensor:
    """Lay pieces ``(B, K, h, w)``, the last on top, on the grounds ``(B, S, S)``.

    Returns:
        What to see at each pixel, as one number, ``(B, S, S)``: shade + 2 + 4 * layer; the ground's layer is 0.
    """
    b, size, _ = ground.shape
    k, h, w = masks.shape[1:]
    stride = size + w  # with room for pieces over the border
    row, column = whole(draws.take(2, k), size + 1).unbind(1)  # (B, K)
    within = torch.arange(h)[:, None] * stride + torch.arange(w)
    where = (row * stride + column)[..., None, None] + within  # (B, K, h, w)
    seen = masks * (shades + 2 + 4 * torch.arange(1, k + 1)[:, None, None])
    room = torch.zeros(b, stride * stride).scatter_reduce_(1, where.view(b, -1), seen.view(b, -1), "amax")
    pieces = room.view(b, stride, stride)[:, h // 2 : h // 2 + size, w // 2 : w // 2 + size]
    return torch.maximum(pieces, ground + 2)  # where there is no piece, pieces is 0


def _make(
    source: Source, sheet: Tensor, difficulty: float, size: int, seed: int, start: int, stop: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return images uint8 ``(B, 3, S, S)``, labels and masks of the scenes ``start`` to ``stop``."""
    draws = Draws(seed, start, stop)
    label, shapes, quarters = draws.take(3).T
    labels = whole(label, len(source.counts))
    mask, shade = draw_target(draws, source, labels, size, difficulty)
    clutter = [
        draw_shapes(draws, (SHAPES * difficulty + shapes).floor(), size),
        draw_quarters(draws, source, labels, (QUARTERS * difficulty + quarters).floor(), size),
    ]
    masks, shades = (torch.cat(part, dim=1) for part in zip(*clutter, strict=True))
    palette = draw_palette(draws, difficulty)
    seen = _paste(draw_ground(draws, size, sheet), masks, shades, draws)
    seen = torch.where(mask, shade + 2 + 4 * (SHAPES + QUARTERS + 1), seen)
    place = (seen * (TONES / 4)).int() + palette.shape[1] * torch.arange(len(seen), dtype=torch.int32)[:, None, None]
    # Four bytes are one number, and one look-up a pixel.
    colours = palette.view(torch.int32).view(-1).index_select(0, place.view(-1)).view(torch.uint8)
    return colours.view(*seen.shape, 4)[..., :3].permute(0, 3, 1, 2), labels, mask


def _boxes(masks: Tensor) -> tuple[Tensor, Tensor]:
    """Return the tight boxes of masks ``(B, S, S)``, int64 ``(B, 4)``, and which have a pixel at all, bool ``(B,)``.

    As ``torchvision.ops.masks_to_boxes`` does, which takes six times as long, a tenth of all work on a scene.
    """
    size = masks.shape[1]
    # numpy tells in a fifth of torch's time whether any of a row is True
    columns, rows = (torch.from_numpy(np.logical_or.reduce(masks.numpy(), axis=axis)).byte() for axis in (1, 2))
    first = [line.argmax(dim=1) for line in (columns, rows)]
    last = [size - 1 - line.flip(1).argmax(dim=1) for line in (columns, rows)]
    return torch.stack([*first, *last], dim=1), rows.amax(dim=1).bool()


def _noise(seed: int, side: int) -> Tensor:
    """Return the sheet ``(side, side)`` that the grain of all scenes of ``seed`` is cut out of, within [-0.6, 0.6]."""
    noise = Generator(philox(seed, 1)).standard_normal((side, side), dtype=np.float32)
    return torch.from_numpy(noise).mul_(0.25).clamp_(-0.6, 0.6)


def check_size(size: int) -> int:
    """Return ``size`` if scenes can have so many rows and columns; a ``ValueError`` names it otherwise."""
    positive_int(size, "the size of a scene", minimum=SMALLEST)
    if size > LARGEST:
        raise ValueError(f"the size of a scene must be from {SMALLEST} to {LARGEST} pixels, not {size}")
    return size


def scenes(pictures: Pictures, count: int, *, size: int = SIZE, difficulty: float = 0.5, seed: int = 0) -> Pictures:
    """Make scenes of grey pictures.

    Scene i depends on ``pictures``, ``seed`` and i, not on how many are made, but for rounding: in rare scenes a pixel
    on the border between two tones takes the other one. Another size or difficulty gives the same composition, larger
    or harder.

    Args:
        pictures: grey, of at least two classes; each class must have some. All are equally likely as the target's.
        count: N.
        size: S in pixels, from 32 to 512, larger than the pictures.
        difficulty: from 0 to 1; what it does stands in the module's text.
        seed: at least 0. Give scenes to train on and scenes to test on other pictures and another seed.

    Returns:
        images uint8 ``(N, 3, S, S)``, the targets' labels, their exact masks and tight boxes; on the CPU, where they
        are made, so that a machine with a GPU makes the same.

    Raises:
        ValueError: an argument out of range, pictures that are coloured, blank or not smaller than the scenes, or a
            class without pictures.
        MemoryError: the scenes do not fit into this machine's memory.
    """
    positive_int(count, "count")
    check_size(size)
    positive_int(seed, "seed", minimum=0)
    if not isinstance(difficulty, int | float) or not 0 <= difficulty <= 1:
        raise ValueError(f"difficulty must be from 0 (easy) to 1 (hard), not {difficulty!r}")
    source = take_source(pictures, size)
    advice = "make fewer or smaller ones"
    images, masks = allocate(count, 3, size, advice), allocate(count, 1, size, advice)[:, 0].view(torch.bool)
    labels = torch.empty(count, dtype=torch.int64)
    boxes = torch.empty(count, 4, dtype=torch.int64)
    sheet = _noise(seed, 2 * size)
    step = max(1, PIXELS_AT_A_TIME // size**2)
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        images[part], labels[part], masks[part] = _make(source, sheet, difficulty, size, seed, part.start, part.stop)
        boxes[part], there = _boxes(masks[part])
        if not there.all():
            lost = pictures.classes[labels[part][~there][0]]
            raise ValueError(f"a picture of {lost} has too few bright pixels to be seen at this size: leave it out")
    return Pictures(images, labels, pictures.classes, boxes, masks)
