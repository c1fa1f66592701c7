"""Scenes: one whole garment on a textured ground among clutter, with the exact mask and box of the garment.

Made from small grey pictures (Fashion-MNIST, MNIST), for questions that need ground truth: does a network look at the
object? ::

    fashion = load("fashion-mnist-sample")
    made = scenes(fashion.test, 1000, size=64, difficulty=0.5)
    made.images, made.masks, made.boxes  # uint8 (1000, 3, 64, 64), bool (1000, 64, 64), int64 (1000, 4)

A scene is, from back to front: a ground of gradient, stripes and blobs between two colours, with grain; plain shapes;
quarters of garments of other classes; the target, whole, never covered, off the border. Ground, colours, place and the
side of the target's frame are drawn independently of the class.

**The object** is where the picture, resized (bilinear, antialiased), is brighter than ``OBJECT_ABOVE``. So holes
(a bag's handle, the gaps in a sandal) and very dark parts of a garment show the ground and are not in the mask.

**Difficulty** d, from 0 to 1, moves each of these one way, in every scene (u is the scene's own draw from [0, 1)):

====================  ==============================================  =============================================
what                  how                                             from d = 0 to d = 1
====================  ==============================================  =============================================
frame of the target   (0.55 + 0.35 u)(1 - 0.4 d) of the canvas        0.55-0.90 to 0.33-0.54
contrast in level     95 - 60 d grey levels against the ground        95 to 35
contrast in hue       (1 - 0.75 d) of half the colour circle          180 to 45 degrees, to either side
contrast in ground    15 + 25 d grey levels between its colours       15 to 40, either way from their mean
clutter               floor(6 d + u) plain shapes                     0 to 6
distractors           floor(4 d + u) quarters of other garments       0 to 4
====================  ==============================================  =============================================

**Limits.** The shape of the box is the garment's own (trousers are tall, shoes are flat), and so is how much of its
frame it fills: a network can learn from them. A piece of another class says that the target is not of that class. A
quarter can look like something else as a whole (of a 7, like a 1; of a shirt, like a boot), but it is smaller than the
target. The target is never rotated, mirrored or covered. Grain is cut out of one sheet of noise for all scenes of a
seed.

Axes: N scenes, B scenes made at a time, P pictures, K pieces of clutter, S = H = W rows and columns of a scene, h, w
rows and columns of a source picture or of a piece.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator, Philox, SeedSequence
from torch import Tensor
from torchvision.ops import masks_to_boxes

from c2f.checks import positive_int
from c2f.datasets.decoding import allocate
from c2f.datasets.pictures import Pictures

OBJECT_ABOVE = 25
"""Grey level that a pixel of the object is above. Above 51, as in the Top-Down paper's segmentation labels, the darkest
pictures of Fashion-MNIST keep 7 pixels; above 25 they keep 30."""
SIZE = 64
"""Rows and columns of a scene unless told otherwise; they may go from ``SMALLEST`` to ``LARGEST``."""
SMALLEST, LARGEST = 32, 512
PIECE = 0.28
"""Rows and columns of the largest piece of clutter, as a share of the scene's."""
SHAPES, QUARTERS = 6, 4
"""The most plain shapes and quarters of other garments in a scene."""
TONES = 64
"""Shades of a layer that have a colour of their own."""
DRAWS = 256
"""Numbers drawn for a scene, more than are used, and a multiple of 4, by which Philox counts."""
PIXELS_AT_A_TIME = 2**19
"""Pixels made at a time, which keeps the memory small and the speed near its best."""


@dataclass(frozen=True)
class _Source:
    """What scenes are made of.

    ``images``: float32 ``(P, h, w)`` in grey levels, sorted by class; ``first``, ``counts``: int64 ``(classes,)``,
    where a class begins and how many it has; ``mean``, ``spread``: float32 ``(P,)``, of the object's grey levels.
    """

    images: Tensor
    first: Tensor
    counts: Tensor
    mean: Tensor
    spread: Tensor

    def picture(self, labels: Tensor, u: Tensor) -> Tensor:
        """Return which picture of class ``labels`` a draw from [0, 1) means: places in ``images``."""
        return self.first[labels] + _whole(u, self.counts[labels])

    def shade(self, grey: Tensor, which: Tensor) -> Tensor:
        """Return grey levels ``(..., h, w)`` of pictures ``which`` ``(...)``, standardised, within [-1, 1].

        Otherwise the classes would differ in how bright they are.
        """
        mean, spread = self.mean[which][..., None, None], self.spread[which][..., None, None]
        return ((grey - mean) / (2 * spread)).clamp_(-1, 1)


def _philox(seed: int, purpose: int) -> Philox:
    return Philox(SeedSequence(seed, spawn_key=(purpose,)))


class _Draws:
    """The numbers from [0, 1) that scenes ``start`` to ``stop`` are made of, handed out in turn.

    Scene i has the numbers from i * DRAWS on of the stream of ``seed``. Philox finds any place of a stream at once
    (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011), so a scene costs no other.
    """

    def __init__(self, seed: int, start: int, stop: int):
        stream = Generator(_philox(seed, 0).advance(start * DRAWS // 4))
        self.rows = torch.from_numpy(stream.random((stop - start, DRAWS))).float().clamp_(max=1 - 2**-24)
        self.used = 0

    def take(self, *shape: int) -> Tensor:
        """Return float32 ``(B, *shape)``."""
        start, self.used = self.used, self.used + math.prod(shape)
        return self.rows[:, start : self.used].reshape(len(self.rows), *shape)


def _whole(u: Tensor, below: Tensor | int) -> Tensor:
    """Return int64: the whole number from 0 to ``below`` - 1 that ``u`` in [0, 1) means."""
    return (u.double() * below).long()


def _tents(start: Tensor, side: Tensor, n_in: int, n_out: int) -> Tensor:
    """Return the weights ``(..., n_out, n_in)`` that resize ``n_in`` pixels to ``side`` and place them at ``start``.

    Bilinear with half-pixel centres; antialiased where it shrinks; zero outside of the place. ``start`` and ``side``
    are ``(...)``, in pixels of what comes out.
    """
    scale = (n_in / side)[..., None]  # pixels of the source a pixel that comes out
    at = (torch.arange(n_out) + 0.5 - start[..., None]) * scale  # (..., n_out)
    inside = (at > 0) & (at < n_in)
    distance = (at.clamp(0.5, n_in - 0.5)[..., None] - (torch.arange(n_in) + 0.5)).abs_()
    weights = (1 - distance / scale.clamp(min=1)[..., None]).clamp_(min=0)
    return weights * (inside / weights.sum(dim=-1))[..., None]


def _colour(level: Tensor, hue: Tensor, strength: float) -> Tensor:
    """Return RGB ``(..., 3)``: their mean is ``level``, and they part from it by ``strength`` towards ``hue``.

    ``hue`` is in turns of the colour circle.
    """
    thirds = torch.tensor([0.0, 1 / 3, 2 / 3])
    return level[..., None] + strength * torch.cos(2 * math.pi * (hue[..., None] - thirds))


def _smooth(cells: Tensor, size: int) -> Tensor:
    """Return random fields ``(B, S, S)``, smooth between the values ``cells`` ``(B, g, g)``."""
    g = cells.shape[1]
    at = torch.linspace(0, g - 1, size)[:, None] - torch.arange(g)
    bells = torch.softmax(-1.5 * at**2, dim=1)  # (S, g)
    return bells @ cells @ bells.T


def _ground(draws: _Draws, size: int, sheet: Tensor) -> Tensor:
    """Return the grounds as places between their two colours, ``(B, S, S)`` from about -1.3 to 1.3."""
    across = torch.linspace(-1, 1, size)
    gradient, stripes, blobs = (kind := draws.take(3) ** 3).div_(kind.sum(dim=1, keepdim=True)).T[..., None, None]
    turn, frequency, phase = draws.take(3).T[..., None]
    frequency = 2 * math.pi * (1 + 5 * frequency)
    a = frequency * across * torch.cos(2 * math.pi * turn)  # (B, S)
    b = frequency * across * torch.sin(2 * math.pi * turn) + 2 * math.pi * phase
    # sin(a + b) taken apart: two products of a row and a column, where a sine for every pixel would cost more
    columns = torch.stack([torch.sin(b), torch.cos(b)], dim=2)  # (B, S, 2)
    rows = torch.stack([torch.cos(a), torch.sin(a)], dim=1)  # (B, 2, S)
    field = stripes * (columns @ rows)
    slope = 2 * draws.take(2)[..., None] - 1
    field += gradient * (slope[:, :1] * across + (slope[:, 1:] * across).mT)
    coarse, fine = 6 * draws.take(4, 4) - 3, 3 * draws.take(11, 11) - 1.5
    field += blobs * (_smooth(coarse, size) + _smooth(fine, size))
    sharpness, grain = (draws.take(2) ** 2).T[..., None, None]
    field.mul_(1 + 5 * sharpness).clamp_(-1, 1)
    row, column = _whole(draws.take(2), len(sheet) - size + 1).T
    return field.addcmul_(grain, sheet.unfold(0, size, 1).unfold(1, size, 1)[row, column])


def _shapes(draws: _Draws, count: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return plain shapes as masks and shades, ``(B, SHAPES, h, w)``; ``count`` ``(B,)`` of each scene are shown."""
    window = math.ceil(PIECE * size)
    half = window / 2
    at = torch.arange(window) + 0.5 - half
    turn, long, broad, kind = draws.take(4, SHAPES).unbind(1)
    cos, sin = torch.cos(2 * math.pi * turn)[..., None, None], torch.sin(2 * math.pi * turn)[..., None, None]
    u = (cos * at + sin * at[:, None]) / (half * (0.5 + 0.4 * long))[..., None, None]
    v = (cos * at[:, None] - sin * at) / (half * (0.12 + 0.3 * broad))[..., None, None]
    bars = torch.maximum(u.abs(), v.abs())
    discs = torch.hypot(u, v)
    mask = torch.where((kind < 0.5)[..., None, None], bars, discs) < 1
    return mask & (torch.arange(SHAPES) < count[:, None])[..., None, None], v.clamp_(-1, 1)


def _quarters(draws: _Draws, source: _Source, labels: Tensor, count: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return quarters of pictures of other classes as ``_shapes`` does, ``(B, QUARTERS, h, w)``."""
    n_classes, window = len(source.counts), math.ceil(PIECE * size)
    other, instance, side, lower, right = draws.take(5, QUARTERS).unbind(1)
    other_labels = (labels[:, None] + 1 + _whole(other, n_classes - 1)) % n_classes
    which = source.picture(other_labels, instance)
    height, width = source.images.shape[1:]
    h, w = (height + 1) // 2, (width + 1) // 2
    corners = source.images.unfold(1, h, 1).unfold(2, w, 1)  # (P, height - h + 1, width - w + 1, h, w), a view
    cut = corners[which, _whole(lower, 2) * (height - h), _whole(right, 2) * (width - w)]  # (B, QUARTERS, h, w)
    side = size * (PIECE - 0.12 * side)
    start = (window - side) / 2
    grey = _tents(start, side, h, window) @ cut @ _tents(start, side, w, window).mT
    shown = torch.arange(QUARTERS) < count[:, None]
    return (grey > OBJECT_ABOVE) & shown[..., None, None], source.shade(grey, which)


def _target(draws: _Draws, source: _Source, labels: Tensor, size: int, difficulty: float) -> tuple[Tensor, Tensor]:
    """Return masks and shades of the targets, ``(B, S, S)``."""
    instance, side, down, right = draws.take(4).T
    which = source.picture(labels, instance)
    side = size * (0.55 + 0.35 * side) * (1 - 0.4 * difficulty)
    margin = round(0.03 * size)
    top, left = (margin + (size - 2 * margin - side) * place for place in (down, right))
    height, width = source.images.shape[1:]
    grey = _tents(top, side, height, size) @ source.images[which] @ _tents(left, side, width, size).mT
    return grey > OBJECT_ABOVE, source.shade(grey, which)


def _palette(draws: _Draws, difficulty: float) -> Tensor:
    """Return what colour each tone of each layer is: bytes R, G, B and one more, ``(B, layers * TONES, 4)``.

    The layers are the ground, the pieces, the target; tones are shades from -2 up to 2.
    """
    level, hue, spread, side, apart = draws.take(5).T
    level = 45 + 165 * level
    spread = (15 + 25 * difficulty) * torch.sign(spread - 0.5)
    one, other = _colour(level - spread, hue - 0.15 * apart, 35), _colour(level + spread, hue + 0.15 * apart, 35)
    ground = torch.stack([(one + other) / 2, (other - one) / 2], dim=1)  # (B, 2, 3): at shade 0, gained to shade 1

    lighter, piece_hue = draws.take(2, SHAPES + QUARTERS).unbind(1)
    piece_level = (level[:, None] + 180 * lighter - 90).clamp(30, 225)
    clutter = _colour(piece_level, piece_hue, 45)  # (B, K, 3)
    clutter = torch.stack([clutter, torch.full_like(clutter, 25)], dim=2)  # (B, K, 2, 3)

    contrast = torch.where(level < 127.5, 1, -1) * (95 - 60 * difficulty)  # to the side where there is room
    target = _colour(level + contrast, hue + torch.sign(side - 0.5) * (0.5 - 0.375 * difficulty), 50)
    target = torch.stack([target, torch.full_like(target, 40)], dim=1)

    base, gain = torch.cat([ground[:, None], clutter, target[:, None]], dim=1).unsqueeze(2).unbind(3)
    shades = (torch.arange(TONES)[:, None] + 0.5) * (4 / TONES) - 2
    colours = (base + gain * shades).clamp_(0, 255).round_().byte()  # (B, layers, TONES, 3)
    return F.pad(colours, (0, 1)).flatten(1, 2)


def _paste(ground: Tensor, masks: Tensor, shades: Tensor, draws: _Draws) -> Tensor:
    """Lay pieces ``(B, K, h, w)``, the last on top, on the grounds ``(B, S, S)``.

    Returns:
        What to see at each pixel, as one number, ``(B, S, S)``: shade + 2 + 4 * layer; the ground's layer is 0.
    """
    b, size, _ = ground.shape
    k, h, w = masks.shape[1:]
    stride = size + w  # with room for pieces over the border
    row, column = _whole(draws.take(2, k), size + 1).unbind(1)  # (B, K)
    within = torch.arange(h)[:, None] * stride + torch.arange(w)
    where = (row * stride + column)[..., None, None] + within  # (B, K, h, w)
    seen = masks * (shades + 2 + 4 * torch.arange(1, k + 1)[:, None, None])
    room = torch.zeros(b, stride * stride).scatter_reduce_(1, where.view(b, -1), seen.view(b, -1), "amax")
    pieces = room.view(b, stride, stride)[:, h // 2 : h // 2 + size, w // 2 : w // 2 + size]
    return torch.maximum(pieces, ground + 2)  # where there is no piece, pieces is 0


def _make(
    source: _Source, sheet: Tensor, difficulty: float, size: int, seed: int, start: int, stop: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return images uint8 ``(B, 3, S, S)``, labels and masks of the scenes ``start`` to ``stop``."""
    draws = _Draws(seed, start, stop)
    label, shapes, quarters = draws.take(3).T
    labels = _whole(label, len(source.counts))
    mask, shade = _target(draws, source, labels, size, difficulty)
    clutter = [
        _shapes(draws, (SHAPES * difficulty + shapes).floor(), size),
        _quarters(draws, source, labels, (QUARTERS * difficulty + quarters).floor(), size),
    ]
    masks, shades = (torch.cat(part, dim=1) for part in zip(*clutter, strict=True))
    palette = _palette(draws, difficulty)
    seen = _paste(_ground(draws, size, sheet), masks, shades, draws)
    seen = torch.where(mask, shade + 2 + 4 * (SHAPES + QUARTERS + 1), seen)
    place = (seen * (TONES / 4)).int() + palette.shape[1] * torch.arange(len(seen), dtype=torch.int32)[:, None, None]
    # Four bytes are one number, and one look-up a pixel.
    colours = palette.view(torch.int32).view(-1).index_select(0, place.view(-1)).view(torch.uint8)
    return colours.view(*seen.shape, 4)[..., :3].permute(0, 3, 1, 2), labels, mask


def _noise(seed: int, side: int) -> Tensor:
    """Return the sheet ``(side, side)`` that the grain of all scenes of ``seed`` is cut out of, within [-0.6, 0.6]."""
    noise = Generator(_philox(seed, 1)).standard_normal((side, side), dtype=np.float32)
    return torch.from_numpy(noise).mul_(0.25).clamp_(-0.6, 0.6)


def _source(pictures: Pictures, size: int) -> _Source:
    """Sort and measure what scenes are made of, once it is checked."""
    channels, height, width = pictures.images.shape[1:]
    if channels != 1:
        raise ValueError(f"scenes are made of grey pictures (1 channel), not of {channels} channels: try Fashion-MNIST")
    if max(height, width) >= size:
        raise ValueError(
            f"the pictures are {height}x{width}, the scenes {size}x{size}: they must be larger than the pictures"
        )
    labels = pictures.labels.cpu()
    counts = labels.bincount(minlength=len(pictures.classes))
    if empty := [name for name, count in zip(pictures.classes, counts.tolist(), strict=True) if count == 0]:
        raise ValueError(f"there are no pictures of {', '.join(empty)}: give some, or drop the class")
    if len(counts) < 2:
        raise ValueError(f"there is one class ({pictures.classes[0]}): the distractors need another")
    order = labels.argsort(stable=True)
    images = pictures.images[:, 0].cpu()[order].float()
    masks = images > OBJECT_ABOVE
    pixels = masks.sum(dim=(1, 2))
    if not pixels.all():
        blank = int(order[pixels.argmin()])
        raise ValueError(f"picture {blank} has no pixel above grey level {OBJECT_ABOVE}: leave it out")
    mean = (images * masks).sum(dim=(1, 2)) / pixels
    variance = ((images - mean[:, None, None]) ** 2 * masks).sum(dim=(1, 2)) / pixels
    spread = variance.sqrt().clamp(min=1)  # a grey level at least: a flat picture has no shading
    return _Source(images, counts.cumsum(0) - counts, counts, mean, spread)


def check_size(size: int) -> int:
    """Return ``size`` if scenes can have so many rows and columns; a ``ValueError`` names it otherwise."""
    positive_int(size, "the size of a scene", minimum=SMALLEST)
    if size > LARGEST:
        raise ValueError(f"the size of a scene must be from {SMALLEST} to {LARGEST} pixels, not {size}")
    return size


def scenes(pictures: Pictures, count: int, *, size: int = SIZE, difficulty: float = 0.5, seed: int = 0) -> Pictures:
    """Make scenes of grey pictures.

    Scene i depends on ``pictures``, ``seed`` and i, not on how many are made. Another size or difficulty gives the
    same composition, larger or harder.

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
    source = _source(pictures, size)
    advice = "make fewer or smaller ones"
    images, masks = allocate(count, 3, size, advice), allocate(count, 1, size, advice)[:, 0].view(torch.bool)
    labels = torch.empty(count, dtype=torch.int64)
    boxes = torch.empty(count, 4, dtype=torch.int64)
    sheet = _noise(seed, 2 * size)
    step = max(1, PIXELS_AT_A_TIME // size**2)
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        images[part], labels[part], masks[part] = _make(source, sheet, difficulty, size, seed, part.start, part.stop)
        if not (there := masks[part].any(dim=(1, 2))).all():
            lost = pictures.classes[labels[part][~there][0]]
            raise ValueError(f"a picture of {lost} has too few bright pixels to be seen at this size: leave it out")
        boxes[part] = masks_to_boxes(masks[part]).long()
    return Pictures(images, labels, pictures.classes, boxes, masks)
