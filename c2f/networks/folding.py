"""The same network with its batch norms folded into the convolutions before them: fewer operations, for inference.

The logits agree with the network's up to rounding (about 1e-6 of their size), so decisions at a tie can differ.

Axes: N pictures, C channels, H rows, W columns.
"""

import math
from dataclasses import dataclass
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from c2f.networks.blocks import GlobalMean, ResidualBlock, SameConv2d, SameMaxPool2d, pad_same
from c2f.networks.bottom_up import BottomUp
from c2f.networks.modes import copied, has_hooks
from c2f.networks.top_down import UpBlock


def folded(network: nn.Module) -> nn.Module:
    """Return a copy of ``network`` in inference mode, with every batch norm that directly follows a convolution folded.

    Folded are neighbours in an ``nn.Sequential`` and the pairs inside this package's residual blocks; a batch norm
    elsewhere stays as it is, as does one without running statistics, and one where the convolution's weight is computed
    (spectral or weight normalisation), a hook looks on, or either is of another class than torch's.
    """
    network = copied(network).eval()
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            for place in range(len(module) - 1):
                _fold(module, str(place), module, str(place + 1))
        elif isinstance(module, ResidualBlock | UpBlock):
            _fold(module, "conv1", module.norm2, "0")
    return network


def for_cpu(network: nn.Module) -> nn.Module:
    """Return ``folded(network)`` as a CPU runs it fastest: max pools without torch's own, and channels last.

    Torch's max pool notes where each maximum was, too, and is slow where few channels do not fill a CPU's vectors.
    """
    layers = plain_layers(network)
    if layers is not None:
        return Straight(layers)
    network = folded(network)
    for owner in list(network.modules()):
        for name, module in owner.named_children():
            if isinstance(module, SameMaxPool2d):
                setattr(owner, name, SlicedMaxPool2d(module.kernel))
    return network.to(memory_format=torch.channels_last)


@dataclass(frozen=True)
class PlainLayer:
    """A "SAME" convolution of stride 1 and its ReLU; ``pool``: the kernel of the max pool after it, or 0."""

    convolution: SameConv2d
    pool: int


def plain_layers(network: nn.Module) -> list[PlainLayer] | None:
    """Return the folded layers of a plain bottom-up network, before its mean, or None where it has other parts."""
    if type(network) is not BottomUp or has_hooks(network):
        return None
    leaves = [leaf for leaf in folded(network).requires_grad_(False).modules() if not list(leaf.children())]
    leaves = [leaf for leaf in leaves if not isinstance(leaf, nn.Identity | nn.Dropout)]
    layers = []
    while len(leaves) >= 3:
        convolution, relu, *leaves = leaves
        pool = leaves.pop(0) if isinstance(leaves[0], SameMaxPool2d) else None
        if type(convolution) is not SameConv2d or type(relu) is not nn.ReLU:
            return None  # such as a batch norm that cannot be folded
        if convolution.kernel_size[0] % 2 == 0 or convolution.stride != (1, 1):
            return None
        layers.append(PlainLayer(convolution, pool.kernel if isinstance(pool, SameMaxPool2d) else 0))
    return layers if layers and len(leaves) == 1 and isinstance(leaves[0], GlobalMean) else None


class Straight(nn.Module):
    """The layers of a plain network, one after the other, and the mean; what is written over needs no new memory."""

    def __init__(self, layers: list[PlainLayer]):
        super().__init__()
        self.pooled = PooledConv2d(layers[0].convolution) if layers[0].pool == 2 else None
        self.layers = layers[1:] if self.pooled else layers
        for layer in layers:
            layer.convolution.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to logits ``(N, K)``."""
        if self.pooled is not None:
            x = self.pooled(x).relu_().contiguous(memory_format=torch.channels_last)
        for layer in self.layers:
            convolution = layer.convolution
            x = torch.conv2d(x, convolution.weight, convolution.bias, padding=convolution.padding)
            if layer.pool:  # first, so that the ReLU has less to do
                x = sliced_max(pad_same(x, layer.pool, 2, value=-math.inf), layer.pool)
            x = x.relu_()
        return x.mean(dim=(2, 3))


class PooledConv2d(nn.Module):
    """A "SAME" convolution of stride 1 and odd kernel, and a max pool of 2x2, of even H and W.

    One convolution of stride 2 gives the four values of each maximum as channels: with one channel in and few out it is
    faster than the one of stride 1.
    """

    def __init__(self, convolution: SameConv2d):
        super().__init__()
        assert convolution.bias is not None
        places = [(row, column) for row in (0, 1) for column in (0, 1)]
        four = [F.pad(convolution.weight, (column, 1 - column, row, 1 - row)) for row, column in places]
        self.weight = nn.Parameter(torch.cat(four), requires_grad=False)  # (4 C_out, C_in, kernel + 1, kernel + 1)
        self.bias = nn.Parameter(convolution.bias.repeat(4), requires_grad=False)
        self.padding = convolution.kernel_size[0] // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C_in, H, W)`` to ``(N, C_out, H/2, W/2)``."""
        x = F.conv2d(x, self.weight, self.bias, stride=2, padding=self.padding)
        for _ in range(2):
            x = torch.maximum(*x.chunk(2, dim=1))
        return x


class SlicedMaxPool2d(nn.Module):
    """``SameMaxPool2d`` as the maximum of slices: the same numbers, up to ten times as fast on a CPU."""

    def __init__(self, kernel: int):
        super().__init__()
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C, ceil(H/2), ceil(W/2))``."""
        return sliced_max(pad_same(x, self.kernel, 2, value=-math.inf), self.kernel)


def sliced_max(x: Tensor, kernel: int) -> Tensor:
    """Max pooling of stride 2 without padding: ``(N, C, H, W)`` to ``(N, C, (H - kernel) // 2 + 1, ...)``."""
    rows, columns = ((size - kernel) // 2 * 2 + 1 for size in x.shape[2:])
    x = reduce(torch.maximum, [x[:, :, first : first + rows : 2] for first in range(kernel)])
    return reduce(torch.maximum, [x[..., first : first + columns : 2] for first in range(kernel)])


def _fold(owner: nn.Module, convolution: str, norm_owner: nn.Module, norm: str) -> None:
    first, second = getattr(owner, convolution), getattr(norm_owner, norm)
    known = type(first) in (nn.Conv2d, SameConv2d) and type(second) is nn.BatchNorm2d  # a parametrized one has its own
    if known and not has_hooks(first) and not has_hooks(second) and second.running_mean is not None:
        setattr(owner, convolution, fuse_conv_bn_eval(first, second))
        setattr(norm_owner, norm, nn.Identity())
