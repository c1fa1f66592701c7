"""The same network with its batch norms folded into the convolutions before them: fewer operations, for inference.

The logits agree with the network's up to rounding (about 1e-6 of their size), so decisions at a tie can differ.

Axes: N pictures, C channels, H rows, W columns.
"""

import math
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from c2f.networks.blocks import ResidualBlock, SameConv2d, SameMaxPool2d, UpBlock, pad_same
from c2f.networks.bottom_up import BottomUp
from c2f.networks.modes import copied


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
    """Return ``folded(network)`` as a CPU runs it fastest: channels last, max pools without torch's own.

    Its max pool notes where each maximum was, too, and is slow where few channels do not fill a CPU's vectors.
    """
    network = folded(network)
    for owner in list(network.modules()):
        for name, module in owner.named_children():
            if isinstance(module, SameMaxPool2d):
                setattr(owner, name, SlicedMaxPool2d(module.kernel))
    if isinstance(network, BottomUp):
        _pool_first_stage(network)
    return network.to(memory_format=torch.channels_last)


def _pool_first_stage(network: BottomUp) -> None:
    # Of the later convolutions, which are wider, this would only make more operations.
    first, second = (network.get_submodule(name) for name in network.stage_names[:2])
    assert isinstance(first, nn.Sequential)
    assert isinstance(second, nn.Sequential)
    pool, convolution = second[0], next(first[0].children())
    pooled = isinstance(pool, SlicedMaxPool2d) and pool.kernel == 2
    if pooled and len(first) == 1 and isinstance(convolution, SameConv2d):
        first[0].add_module("0", PooledConv2d(convolution))  # the ReLU after it is then of maxima
        second[0] = nn.Identity()


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
        rows, columns = math.ceil(x.shape[2] / 2), math.ceil(x.shape[3] / 2)
        x = pad_same(x, self.kernel, 2, value=-math.inf)
        x = reduce(torch.maximum, [x[:, :, first : first + 2 * rows - 1 : 2] for first in range(self.kernel)])
        return reduce(torch.maximum, [x[..., first : first + 2 * columns - 1 : 2] for first in range(self.kernel)])


def _fold(owner: nn.Module, convolution: str, norm_owner: nn.Module, norm: str) -> None:
    first, second = getattr(owner, convolution), getattr(norm_owner, norm)
    known = type(first) in (nn.Conv2d, SameConv2d) and type(second) is nn.BatchNorm2d  # a parametrized one has its own
    hooked = any(module._forward_hooks or module._forward_pre_hooks for module in (first, second))
    if known and not hooked and second.running_mean is not None:
        setattr(owner, convolution, fuse_conv_bn_eval(first, second))
        setattr(norm_owner, norm, nn.Identity())
