"""Building blocks of the Top-Down Networks paper (Lelekas et al. 2020), with TensorFlow's arithmetic.

Axes: N pictures, C channels, H rows, W columns. Every block maps float ``(N, C, H, W)`` to the same layout. Modules
that hold weights are registered in the order of the authors' code, so that its flat list of weights loads in order.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f.common.checks import choose

MERGES = {"sum": 1, "concat": 2, "sum_concat": 2}
"""The three ways to merge a scale, and how many times wider each makes the features (section 3 of the paper)."""


@dataclass(frozen=True)
class NormConstants:
    """Batch norm constants: ``momentum`` in torch's sense (the weight of the new batch) and ``eps``."""

    momentum: float
    eps: float

    def layer(self, channels: int) -> nn.BatchNorm2d:
        """Return a batch norm over ``channels`` with these constants."""
        return nn.BatchNorm2d(channels, momentum=self.momentum, eps=self.eps)


KERAS_NORM = NormConstants(momentum=0.01, eps=1e-3)
RESNET_NORM = NormConstants(momentum=0.1, eps=1e-5)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the padding (before, after) of TensorFlow's "SAME" rule along one axis of ``size`` pixels."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def pad_same(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """Pad ``(N, C, H, W)`` by the "SAME" rule; for stride 2 on even sizes that is more after than before."""
    top, bottom = same_padding(x.shape[-2], kernel, stride)
    left, right = same_padding(x.shape[-1], kernel, stride)
    return F.pad(x, (left, right, top, bottom), value=value) if top or bottom or left or right else x


class SameConv2d(nn.Conv2d):
    """A convolution with bias and "SAME" padding; ``regularised`` says whether the L2 penalty covers its kernel."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, regularised: bool = True):
        # Symmetric padding inside the convolution is faster; it is right for odd kernels and stride 1.
        symmetric = kernel // 2 if stride == 1 and kernel % 2 else 0
        super().__init__(in_channels, out_channels, kernel, stride, padding=symmetric)
        self.regularised = regularised

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C_in, H, W)`` to ``(N, C_out, ceil(H/stride), ceil(W/stride))``."""
        if self.padding[0] == 0:
            x = pad_same(x, self.kernel_size[0], self.stride[0])
        return super().forward(x)


class SameMaxPool2d(nn.Module):
    """Max pooling with stride 2 and "SAME" padding (with minus infinity)."""

    def __init__(self, kernel: int):
        super().__init__()
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C, ceil(H/2), ceil(W/2))``."""
        return F.max_pool2d(pad_same(x, self.kernel, 2, value=-math.inf), self.kernel, stride=2)

    def extra_repr(self) -> str:
        """Show the kernel in ``repr``."""
        return f"kernel={self.kernel}"


class ConvNormReLU(nn.Sequential):
    """Convolution, batch norm, ReLU: ``CBR`` in the description."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, norm: NormConstants, regularised: bool = True):
        super().__init__(
            SameConv2d(in_channels, out_channels, kernel, regularised=regularised),
            norm.layer(out_channels),
            nn.ReLU(),
        )


class NormReLU(nn.Sequential):
    """Batch norm, ReLU: ``BR`` in the description."""

    def __init__(self, channels: int, norm: NormConstants):
        super().__init__(norm.layer(channels), nn.ReLU())


class GlobalMean(nn.Module):
    """The mean over rows and columns, ``(N, C, H, W)`` to ``(N, C)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, C)``."""
        return x.mean(dim=(-2, -1))


def upsample2(x: Tensor) -> Tensor:
    """Repeat every pixel 2x2: ``(N, C, H, W)`` to ``(N, C, 2H, 2W)``."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


class Merge(nn.Module):
    """Join the coarse features with a finer scale's, both ``(N, n, H, W)``, by one of ``MERGES``.

    ``sum``: x + s, n channels. ``concat``: [x, s], 2n. ``sum_concat`` (the paper's choice): [x + s, s], 2n.
    """

    def __init__(self, method: str):
        super().__init__()
        self.method = choose(method, MERGES, "merge")

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the merged features, ``(N, MERGES[method] * n, H, W)``."""
        if self.method == "sum":
            return x + s
        return torch.cat([x if self.method == "concat" else x + s, s], dim=1)


class ResidualBlock(nn.Module):
    """Pre-activation residual block; with ``stride`` 2 the shortcut is a 1x1 convolution of the activated input."""

    def __init__(self, in_channels: int, width: int, stride: int = 1, norm: NormConstants = RESNET_NORM):
        super().__init__()
        if stride == 1 and in_channels != width:
            raise ValueError(f"a block of stride 1 keeps its width: {in_channels} in, {width} out")
        self.norm1 = NormReLU(in_channels, norm)
        self.conv1 = SameConv2d(in_channels, width, 3, stride)
        self.norm2 = NormReLU(width, norm)
        self.conv2 = SameConv2d(width, width, 3)
        self.shortcut = SameConv2d(in_channels, width, 1, stride) if stride != 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, in_channels, H, W)`` to ``(N, width, H/stride, W/stride)``."""
        h = self.norm1(x)
        y = self.conv2(self.norm2(self.conv1(h)))
        return y + (x if self.shortcut is None else self.shortcut(h))


def kernels(network: nn.Module) -> Iterator[tuple[Tensor, bool]]:
    """Yield every convolution and dense kernel of ``network`` with whether the L2 penalty covers it."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            yield module.weight, getattr(module, "regularised", True)


def initialise(network: nn.Module, scheme: str) -> None:
    """Draw the kernels anew and set the biases to zero.

    ``glorot``: uniform within sqrt(6 / (fan_in + fan_out)). ``he``: normal, truncated at two of its own deviations, and
    widened so that the truncated variable has variance 2 / fan_in (Keras's ``he_normal``).
    """
    choose(scheme, ("glorot", "he"), "initialisation")
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        if scheme == "glorot":
            nn.init.xavier_uniform_(module.weight)
        else:
            fan_in = module.weight[0].numel()
            std = math.sqrt(2 / fan_in) / 0.87962566
            nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
