"""Convolutions of pixels that are repeated 2x2, without repeating them: fewer products, for CPUs.

A window of 3x3 sees nine repeated pixels and at most four different ones. What the convolution makes of them is a
transposed convolution of stride 2 over the pixels before they are repeated, with a kernel of 4x4 whose numbers are sums
of the old one's: four products a number in the place of nine. A convolution is linear, too, so that the one of
``[x + s, s]`` (the paper's merge) is one of x and one of s, by the sum of its two halves, and nothing is joined.

The numbers are the same up to rounding. On a CPU with channels last this takes from 0.45 to 0.7 of the time, forward
and backward. With few channels it does not pay, nor where no gradient is asked for, which is where most is saved; in
mixed precision and on GPUs it was not measured. There the modules do what they say.

Axes: N pictures, C channels, H rows, W columns.
"""

from collections.abc import Iterator
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f.networks.blocks import Merge, SameConv2d, upsample2
from c2f.networks.modes import has_hooks

ENOUGH = 16
"""Channels from which on it pays."""


def of_upsampled(convolution: SameConv2d, x: Tensor) -> Tensor:
    """Return ``convolution(upsample2(x))``.

    Args:
        convolution: of stride 1.
        x: ``(N, C, H, W)``.
    """
    if not _pays(convolution, x) or has_hooks(convolution):
        return torch.as_tensor(convolution(upsample2(x)))
    return _transposed(x, convolution.weight, convolution.bias)


def of_merged(body: nn.Sequential, merge: Merge, x: Tensor, s: Tensor) -> Tensor:
    """Return ``body(merge(upsample2(x), s))``.

    Args:
        body: begins with a convolution of stride 1, which may be inside further sequences.
        merge: how the two are joined.
        x: ``(N, n, H, W)``.
        s: the finer scale, ``(N, n, 2H, 2W)``.
    """
    first, *others = _in_order(body)
    if merge.method == "sum" or not _pays(first, x) or has_hooks(merge) or has_hooks(body):
        return torch.as_tensor(body(merge(upsample2(x), s)))
    of_x, of_s = first.weight.chunk(2, dim=1)
    if merge.method == "sum_concat":
        of_s = of_x + of_s
    y = F.conv2d(s, of_s, first.bias, padding=first.kernel_size[0] // 2) + _transposed(x, of_x, None)
    for module in others:
        y = module(y)
    return y


def _in_order(body: nn.Sequential) -> Iterator[nn.Module]:
    """Yield the modules of ``body`` and of the sequences in it."""
    for module in body:
        if isinstance(module, nn.Sequential):
            yield from _in_order(module)
        else:
            yield module


def _pays(convolution: nn.Module, x: Tensor) -> TypeGuard[SameConv2d]:
    """Return whether ``convolution`` is one that can be replaced, and it is quicker for ``x``."""
    if type(convolution) is not SameConv2d or convolution.stride != (1, 1) or convolution.kernel_size[0] % 2 == 0:
        return False  # one whose weight is computed is of another type
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    wide = min(x.shape[1], convolution.out_channels) >= ENOUGH
    quicker = last and wide and x.device.type == "cpu" and torch.is_grad_enabled()
    return quicker and not torch.is_autocast_enabled("cpu")


def _transposed(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve ``x`` with its pixels repeated, by a kernel ``(C_out, C_in, k, k)`` of odd k, with "SAME" padding."""
    turned = weight.flip(2, 3)
    shifted = [F.pad(turned, (column, 1 - column, row, 1 - row)) for row in (0, 1) for column in (0, 1)]
    kernel = torch.stack(shifted).sum(0).transpose(0, 1).contiguous(memory_format=torch.channels_last)
    return F.conv_transpose2d(x, kernel, bias, stride=2, padding=weight.shape[-1] // 2)
