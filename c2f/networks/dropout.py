"""Dropout that draws its masks eight units to a random number.

torch's own draws one number a unit, on one thread: a sixth of a training step of NIN-light on a CPU.
"""

import torch
from torch import Tensor, nn


@torch.library.custom_op("c2f::random_bytes", mutates_args=(), tags=(torch.Tag.nondeterministic_seeded,))
def random_bytes(count: int) -> Tensor:
    """Return ``count`` random bytes, uint8 ``(count,)``, from torch's CPU generator.

    An operator of its own, so that a compiled network draws the same ones.
    """
    # Over (almost) all of int64: of the non-negative ones, which random_() draws, every eighth byte is below 128.
    words = torch.randint(-(2**63), 2**63 - 1, (-(-count // 8),), dtype=torch.int64)
    return words.view(torch.uint8)[:count].clone()


@random_bytes.register_fake
def _(count: int) -> Tensor:
    return torch.empty(count, dtype=torch.uint8)


class Dropout(nn.Dropout):
    """Dropout of single units: ``(N, C, H, W)`` to the same shape, in training mode.

    On a CPU a unit is kept where a random byte is below ``256 (1 - p)``, rounded, and scaled by the share that this
    really keeps. Which units are dropped depends on torch's CPU generator alone, and not on memory format, precision,
    threads or compilation. On other devices it is torch's dropout.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, C, H, W)``."""
        kept = round(256 * (1 - self.p))
        if not self.training or self.p == 0 or x.device.type != "cpu" or not 0 < kept < 256:
            return super().forward(x)
        n, channels, height, width = x.shape
        drawn = random_bytes(x.numel()).view(n, height, width, channels).permute(0, 3, 1, 2)
        if x.is_contiguous():
            drawn = drawn.contiguous()
        return x * (drawn < kept).to(x.dtype).mul_(256 / kept)
