"""Weather: four corruptions. Hendrycks and Dietterich 2019, section 4.1 and their code.

Axes: N pictures, C channels, H = W rows and columns. Every corruption maps grey levels ``x``, float32 ``(N, C, H, H)``
from 0 to 255, to grey levels that may lie beyond, float64 where whole ones are rounded as in the published code.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from c2f.corruptions.draws import Draws
from c2f.corruptions.noise import Strength
from c2f.corruptions.resampling import centre_zoom, grey, motion


def snow(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Whiten the picture and add flakes that fall in two directions.

    ``strength``: mean and standard deviation of the flakes' layer, where white is 1; its zoom; the value below which
    there is none; radius and standard deviation of its motion; the share of the picture that is not whitened.
    """
    mean, sd, zoom, threshold, radius, smear, share = strength
    side = x.shape[2]
    layer = centre_zoom(mean + sd * draws.bell(1, side, side), zoom)  # (N, 1, H, H)
    layer = torch.where(layer < threshold, 0.0, layer).clamp_(0, 1)
    layer = (255 * layer).floor_()  # it went through files of 8 bits, before its motion and after
    layer = motion(layer, radius, smear, draws.flat(low=-135, high=-45))
    white = torch.maximum(x, 1.5 * grey(x) + 127.5)
    return share * x + (1 - share) * white + layer + layer.rot90(2, dims=(2, 3))


def frost(x: Tensor, strength: Strength, draws: Draws, photographs: Sequence[Tensor]) -> Tensor:
    """Add a part of a photograph of frost, of its grey level to a picture of one channel.

    Args:
        x: the pictures.
        strength: the picture's weight, the photograph's, and how many pixels the photograph is shrunk to for each of
            its own, divided by H: the part is the same share of it whatever H.
        draws: of which photograph, and which part.
        photographs: uint8 ``(3, h, w)`` each; of any size once shrunk that holds a picture.

    Raises:
        ValueError: a photograph that is too small.
    """
    weight, frosted, scale = strength
    side = x.shape[2]
    factor, shrunk = scale * side, []
    for photograph in photographs:
        if min(photograph.shape[1:]) * factor < side + 1:
            raise ValueError(
                f"a frost photograph of {tuple(photograph.shape)} is too small for pictures of {side} pixels: "
                f"its shorter side must be at least {math.ceil((side + 1) / factor)}"
            )
        # by the factor itself: stretched to whole pixels, single places of a fine photograph are others
        whole = photograph.to(x.device, torch.float32)[None]
        small = F.interpolate(whole, scale_factor=factor, mode="bilinear", recompute_scale_factor=False)
        shrunk.append(small[0].round_())
    x = x.double()
    ice = torch.empty_like(x)
    for out, (which, *place) in zip(ice, draws.flat(3).tolist(), strict=True):
        photograph = shrunk[int(which * len(shrunk))]
        row, column = (int(u * (n - side)) for u, n in zip(place, photograph.shape[1:], strict=True))
        part = photograph[:, row : row + side, column : column + side]
        out.copy_(part if len(out) == 3 else grey(part))
    return x.mul(weight).add_(ice.mul_(frosted)).floor_()  # many sums are whole: nothing must be added


def plasma(side: int, decay: float, draws: Draws) -> Tensor:
    """Return plasma fractals by diamonds and squares, scaled to [0, 1]: float32 ``(N, 1, side, side)``.

    ``side`` is a power of two; the larger ``decay``, the smoother they are.
    """
    u = draws.flat(side * side, low=-1)
    field = torch.zeros(len(u), side, side, device=u.device)
    step, wobble, used = side, 100.0, 0

    def wobbled(four: Tensor) -> Tensor:
        nonlocal used
        start, used = used, used + four[0].numel()
        return four / 4 + wobble**2 * u[:, start:used].view(four.shape)

    while step >= 2:
        half = step // 2
        corners = field[:, ::step, ::step]
        rows = corners + corners.roll(-1, dims=1)
        field[:, half::step, half::step] = wobbled(rows + rows.roll(-1, dims=2))
        middles, corners = field[:, half::step, half::step], field[:, ::step, ::step]
        above = middles + middles.roll(1, dims=1) + corners + corners.roll(-1, dims=2)
        field[:, ::step, half::step] = wobbled(above)
        beside = middles + middles.roll(1, dims=2) + corners + corners.roll(-1, dims=1)
        field[:, half::step, ::step] = wobbled(beside)
        step, wobble = half, wobble / decay
    field = field - field.amin(dim=(1, 2), keepdim=True)
    return (field / field.amax(dim=(1, 2), keepdim=True))[:, None]


def fog(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Add a bright, uneven veil, and rescale to the picture's old maximum. ``strength``: its weight and its decay."""
    weight, decay = strength
    side = x.shape[2]
    veil = plasma(1 << (side - 1).bit_length(), decay, draws)[..., :side, :side]
    brightest = x.amax(dim=(1, 2, 3), keepdim=True)
    return (x + 255 * weight * veil) * brightest / (brightest + 255 * weight)


def brightness(x: Tensor, strength: Strength, draws: Draws) -> Tensor:
    """Add to the value of hue, saturation and value. ``strength``: how much, where white is 1.

    Many sums are whole grey levels, and the published steps in float64 bring some down to the next: so do these.
    """
    (added,) = strength
    # no plain number: a GPU would multiply by 1 / 255 instead of dividing
    white = torch.tensor(255.0, dtype=torch.float64, device=x.device)
    x = x.double() / white
    value = x.amax(dim=1, keepdim=True)
    saturation = (value - x).div_(value.clamp(min=1 / 255))  # of each channel: 0 in the brightest; black has none
    brighter = (value + added).clamp_(max=1)
    return (1 - saturation).mul_(brighter).mul_(white).floor_()
