"""The colours of a scene's layers.

Axes: B scenes, K pieces of clutter.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from c2f.datasets.scenes.draws import Draws
from c2f.datasets.scenes.layers import QUARTERS, SHAPES

TONES = 64
"""Shades of a layer that have a colour of their own."""


def colour(level: Tensor, hue: Tensor, strength: float) -> Tensor:
    """Return RGB ``(..., 3)``: their mean is ``level``, and they part from it by ``strength`` towards ``hue``.

    ``hue`` is in turns of the colour circle.
    """
    thirds = torch.tensor([0.0, 1 / 3, 2 / 3])
    return level[..., None] + strength * torch.cos(2 * math.pi * (hue[..., None] - thirds))


def draw_palette(draws: Draws, difficulty: float) -> Tensor:
    """Return what colour each tone of each layer is: bytes R, G, B and one more, ``(B, layers * TONES, 4)``.

    The layers are the ground, the pieces, the target; tones are shades from -2 up to 2.
    """
    level, hue, spread, side, apart = draws.take(5).T
    level = 45 + 165 * level
    spread = (15 + 25 * difficulty) * torch.sign(spread - 0.5)
    one, other = colour(level - spread, hue - 0.15 * apart, 35), colour(level + spread, hue + 0.15 * apart, 35)
    ground = torch.stack([(one + other) / 2, (other - one) / 2], dim=1)  # (B, 2, 3): at shade 0, gained to shade 1

    lighter, piece_hue = draws.take(2, SHAPES + QUARTERS).unbind(1)
    piece_level = (level[:, None] + 180 * lighter - 90).clamp(30, 225)
    clutter = colour(piece_level, piece_hue, 45)  # (B, K, 3)
    clutter = torch.stack([clutter, torch.full_like(clutter, 25)], dim=2)  # (B, K, 2, 3)

    contrast = torch.where(level < 127.5, 1, -1) * (95 - 60 * difficulty)  # to the side where there is room
    target = colour(level + contrast, hue + torch.sign(side - 0.5) * (0.5 - 0.375 * difficulty), 50)
    target = torch.stack([target, torch.full_like(target, 40)], dim=1)

    base, gain = torch.cat([ground[:, None], clutter, target[:, None]], dim=1).unsqueeze(2).unbind(3)
    shades = (torch.arange(TONES)[:, None] + 0.5) * (4 / TONES) - 2
    colours = (base + gain * shades).clamp_(0, 255).round_().byte()  # (B, layers, TONES, 3)
    return F.pad(colours, (0, 1)).flatten(1, 2)
