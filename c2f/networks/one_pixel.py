"""Logits of a picture with one pixel changed, many changes at once: only what a change can reach is computed.

A changed pixel changes a small window of each layer. Convolutions are linear: the change of an output is the
convolution of the change of the input, and it is added to the picture's own outputs, which are computed once.

Axes: m changes, C channels, H rows, W columns, n rows and columns of a window, K classes.
"""

import math
from functools import cached_property
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f.networks.blocks import pad_same
from c2f.networks.bottom_up import BottomUp
from c2f.networks.folding import PlainLayer, plain_layers, sliced_max

Row = TypeVar("Row", int, Tensor)

FEW = 16
"""Of fewer channels a convolution does not fill a CPU's vectors, and one matrix is quicker, zeros and all."""

CACHED = 2**20
"""How many numbers the windows of the changes that are worked out together may have at most in a layer."""


class OnePixel:
    """A plain bottom-up network that is asked about changes of one pixel of the picture that ``see`` was given.

    The logits agree with the network's up to rounding.
    """

    def __init__(self, layers: list[PlainLayer], size: int):
        n, reach = 1, (0, size - 1)
        self.layers: list[WindowedLayer] = []
        for plain in layers:
            layer = WindowedLayer(plain, n, reach, size)
            self.layers.append(layer)
            n, reach, size = layer.leaves, layer.reach, size // 2 if plain.pool else size
        self.pixels, self.period = size**2, 2 ** sum(plain.pool > 0 for plain in layers)
        self.part = max(1, CACHED // max(layer.numbers for layer in self.layers))

    @classmethod
    def of(cls, network: nn.Module) -> "OnePixel | None":
        """Return a quick way to ask ``network``, or None where it has parts that are not known here."""
        layers = plain_layers(network)
        if layers is None or not isinstance(network, BottomUp):
            return None
        quick = cls(layers, network.image_size)
        return None if network.image_size % quick.period else quick  # the pools' cells must fit

    def see(self, picture: Tensor) -> None:
        """Look at the picture ``(C, H, W)`` itself."""
        x = picture[None]
        for layer in self.layers:
            x = layer.see(x)
        self.base = x.mean(dim=(2, 3))  # (1, K)

    def __call__(self, pixels: Tensor, changes: Tensor) -> Tensor:
        """Return the logits ``(m, K)`` with ``changes`` ``(m, C)`` added to ``pixels``, rows and columns ``(m, 2)``."""
        period = self.period
        order = ((pixels % period) * torch.tensor([period, 1])).sum(dim=1).argsort()  # alike after every pool
        logits = torch.empty(len(order), self.base.shape[1])
        for part in order.split(self.part):
            change, begin = changes[part, None, None], pixels[part]
            for layer in self.layers:
                change, begin = layer(change, begin)
            logits[part] = self.base + change.sum(dim=(1, 2)) / self.pixels
        return logits


class WindowedLayer:
    """A layer under a change of n x n pixels.

    Args:
        layer: the pool's kernel 2 or 3, if there is one.
        n: the side of the change that comes in.
        reach: the first and the last row where it can begin; columns are the same.
        size: H = W, even where there is a pool.
    """

    def __init__(self, layer: PlainLayer, n: int, reach: tuple[int, int], size: int):
        self.convolution, self.pool, self.comes = layer.convolution, layer.pool, n
        pool, self.kernel = layer.pool, layer.convolution.kernel_size[0]
        self.n = self.leaves = n + self.kernel - 1
        self.reach = reach[0] - self.kernel // 2, reach[1] - self.kernel // 2
        if pool:
            # How many cells of the pool see a change depends on whether it begins at an even row.
            self.leaves = max((row + self.n - 1) // 2 - self._cell(row) + 1 for row in (0, 1))
            self.reach = self._cell(self.reach[0]), self._cell(self.reach[1])
            # The ReLU makes 0 of what is outside, and the maximum passes it over.
            self.before = Windows(
                (2 * self.reach[0], 2 * self.reach[1]), 2, 2 * self.leaves - 2 + pool, size, -math.inf
            )
            self.after = Windows(self.reach, 1, self.leaves, size // 2, 0 if pool == 2 else -1)
        else:
            self.before = Windows(self.reach, 1, self.n, size, -math.inf)
        self.numbers = self.before.side**2 * layer.convolution.out_channels  # of a change's window

    def _cell(self, row: Row) -> Row:
        return (row - self.pool + 2) // 2  # the first that sees the row

    def see(self, x: Tensor) -> Tensor:
        """Keep what is made of the picture's features ``(1, C, H, W)``, and return it."""
        x = self.convolution(x)
        self.before.keep(x)
        if self.pool:
            x = sliced_max(pad_same(x, self.pool, 2, value=-math.inf), self.pool)
            self.after.keep(x.relu())
        return x.relu()

    def __call__(self, change: Tensor, begin: Tensor) -> tuple[Tensor, Tensor]:
        """Map a change ``(m, n, n, C)`` that begins at ``(m, 2)`` to the change of what leaves, and its beginning."""
        change, begin = self._convolved(change), begin - self.kernel // 2
        if not self.pool:
            old = self.before.at(begin)
            return change.add_(old).relu_().sub_(old.relu_()), begin
        cells = self._cell(begin)
        new, start = self.before.at(2 * cells), 0
        within = begin - 2 * cells
        places, counts = (within[:, 0] * self.pool + within[:, 1]).unique_consecutive(return_counts=True)
        for place, count in zip(places.tolist(), counts.tolist(), strict=True):
            row, column = divmod(place, self.pool)
            some = slice(start, start + count)
            new[some, row : row + self.n, column : column + self.n] += change[some]
            start += count
        new, old = sliced_max(new.permute(0, 3, 1, 2), self.pool).permute(0, 2, 3, 1), self.after.at(cells)
        change = new.relu_().sub_(old)
        # A cell outside may see a row inside, where windows overlap: what it sees is no change.
        return (change if self.pool == 2 else torch.where(old < 0, 0, change)), cells

    def _convolved(self, change: Tensor) -> Tensor:
        weight = self.convolution.weight
        if self.kernel == 1:
            return F.linear(change, weight[:, :, 0, 0])
        if self.convolution.in_channels < FEW:
            return (change.flatten(1) @ self._matrix).view(len(change), self.n, self.n, -1)
        return F.conv2d(change.permute(0, 3, 1, 2), weight, padding=self.kernel - 1).permute(0, 2, 3, 1)

    @cached_property
    def _matrix(self) -> Tensor:
        channels = self.convolution.in_channels
        every = torch.eye(self.comes**2 * channels).view(-1, self.comes, self.comes, channels)
        found = F.conv2d(every.permute(0, 3, 1, 2), self.convolution.weight, padding=self.kernel - 1)
        return found.permute(0, 2, 3, 1).flatten(1)


class Windows:
    """Windows of ``side`` x ``side`` in a map ``(1, C, H, H)`` that begin at every ``step``-th place of ``reach``.

    ``outside``: the value beyond the map's borders.
    """

    def __init__(self, reach: tuple[int, int], step: int, side: int, size: int, outside: float):
        self.first, self.step, self.side, self.outside = reach[0], step, side, outside
        self.pads = (-reach[0], reach[1] + side - size) * 2
        self.row = (reach[1] - reach[0]) // step + 1

    def keep(self, x: Tensor) -> None:
        """Take the map to look at."""
        padded = F.pad(x[0], self.pads, value=self.outside)
        windows = padded.unfold(1, self.side, self.step).unfold(2, self.side, self.step)
        self.windows = windows.permute(1, 2, 3, 4, 0).flatten(0, 1).contiguous()

    def at(self, begin: Tensor) -> Tensor:
        """Return the windows ``(m, n, n, C)`` that begin at ``(m, 2)``."""
        place = (begin - self.first).div(self.step, rounding_mode="floor")
        return self.windows.index_select(0, place[:, 0] * self.row + place[:, 1])
