"""Convolutions of pixels that are repeated 2x2, without repeating them: fewer products, for trainings on a CPU.

A window of 3x3 sees nine repeated pixels and at most four different ones. What the convolution makes of them is a
transposed convolution of stride 2 over the pixels before they are repeated, with a kernel of 4x4 whose numbers are sums
of the old one's: four products a number in the place of nine. A convolution is linear, too, so that the one of
``[x + s, s]`` (the paper's merge) is one of x and one of s, by the sum of its two halves, and nothing is joined.

The numbers are the same up to rounding. On a CPU with channels last, forward and backward together take from 0.43 to
0.7 of the time, as was measured; most of that is saved backward, and with few channels nothing is. So it is for
trainings, which ask for it (``unrepeated``); otherwise modules do what they say. That holds in a training too where a
part is not this package's own, is looked into by hooks or has been changed.

Axes: N pictures, C channels, H rows, W columns.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f.networks.blocks import ConvNormReLU, Merge, SameConv2d, upsample2
from c2f.networks.modes import has_hooks

ENOUGH = 16
"""Channels from which on it pays."""


class Upward(nn.Module):
    """A module with convolutions of repeated pixels. ``repeats``: whether it repeats them."""

    repeats = True


@contextmanager
def unrepeated(network: nn.Module) -> Iterator[None]:
    """Within the block, no module of ``network`` repeats pixels where that can be done without."""
    upward = [module for module in network.modules() if isinstance(module, Upward)]
    try:
        for module in upward:
            module.repeats = False
        yield
    finally:
        for module in upward:
            module.repeats = True


def of_upsampled(convolution: nn.Module, x: Tensor) -> Tensor:
    """Return ``convolution(upsample2(x))`` of ``(N, C, H, W)``."""
    if has_hooks(convolution) or not _replaceable(convolution, x.shape[1]):
        repeated: Tensor = convolution(upsample2(x))
        return repeated
    return _transposed(x, convolution.weight, convolution.bias)


def of_merged(body: nn.Module, merge: nn.Module, x: Tensor, s: Tensor) -> Tensor:
    """Return ``body(merge(upsample2(x), s))``.

    Args:
        body: a convolution of this package's and what comes after it.
        merge: how the two are joined.
        x: ``(N, n, H, W)``.
        s: the finer scale, ``(N, n, 2H, 2W)``.
    """
    layers = list(_in_order(body))
    n, (_, channels, height, width) = len(x), x.shape
    fits = s.shape == (n, channels, 2 * height, 2 * width)
    own = type(merge) is Merge and not _changed(merge) and not has_hooks(merge) and not has_hooks(body)
    first = layers[0] if layers else body
    if not (fits and own and merge.method != "sum" and _replaceable(first, 2 * channels)):
        joined: Tensor = body(merge(upsample2(x), s))
        return joined
    of_x, of_s = first.weight.chunk(2, dim=1)
    if merge.method == "sum_concat":
        of_s = of_x + of_s
    y = F.conv2d(s, of_s, first.bias, padding=first.padding[0]) + _transposed(x, of_x, None)
    for layer in layers[1:]:
        y = layer(y)
    return y


def _in_order(body: nn.Module) -> Iterator[nn.Module]:
    """Yield ``body`` or, of sequences that do nothing but call one module after the other, their modules."""
    if type(body) in (nn.Sequential, ConvNormReLU) and not _changed(body):
        for module in body.children():
            yield from _in_order(module)
    else:
        yield body


def _changed(module: nn.Module) -> bool:
    """Return whether somebody has given ``module`` another forward pass than its class has."""
    return "forward" in vars(module)


def _replaceable(convolution: nn.Module, channels: int) -> TypeGuard[SameConv2d]:
    """Return whether ``convolution`` maps ``channels`` as this package builds it, and enough to pay, with a gradient.

    One whose weight is computed is of another type, or has a hook.
    """
    if type(convolution) is not SameConv2d or _changed(convolution) or not torch.is_grad_enabled():
        return False
    kernel, rest = convolution.kernel_size[0], (convolution.stride, convolution.dilation, convolution.groups)
    same = convolution.padding_mode == "zeros" and convolution.padding == (kernel // 2, kernel // 2)
    plain = kernel % 2 == 1 and same and rest == ((1, 1), (1, 1), 1) and convolution.in_channels == channels
    return plain and min(channels, convolution.out_channels) >= ENOUGH


def _transposed(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve ``x`` with its pixels repeated, by a kernel ``(C_out, C_in, k, k)`` of odd k, with "SAME" padding."""
    turned = weight.flip(2, 3)
    shifted = [F.pad(turned, (column, 1 - column, row, 1 - row)) for row in (0, 1) for column in (0, 1)]
    kernel = torch.stack(shifted).sum(0).transpose(0, 1).contiguous(memory_format=torch.channels_last)
    return F.conv_transpose2d(x, kernel, bias, stride=2, padding=weight.shape[-1] // 2)
