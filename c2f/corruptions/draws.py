"""Random numbers of corruptions: a picture's depend on (seed, type, severity, picture id) alone.

Axes: N pictures.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from c2f.common.streams import Streams


class Draws(Streams):
    """One stream of random numbers a picture, whatever the batch and the device.

    Args:
        seed: 0 or more.
        kind: the corruption's name.
        severity: 1 to 5.
        ids: one whole number of 0 or more a picture, ``(N,)``.
        device: where the numbers go; they are drawn on the CPU.
    """

    def __init__(self, seed: int, kind: str, severity: int, ids: Sequence[int], device: torch.device):
        super().__init__(seed, f"{kind} {severity}", ids)
        self.everyone, self.device = torch.arange(len(ids)), device

    def flat(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return the next uniform numbers from [``low``, ``high``): float32 ``(N, *shape)``."""
        drawn = self.uniform(self.everyone, 1, shape)[:, 0]
        return (low + (high - low) * drawn).to(self.device)

    def bell(self, *shape: int) -> Tensor:
        """Return the next standard normal numbers: float32 ``(N, *shape)``."""
        return self.normal(self.everyone, 1, shape)[:, 0].to(self.device)

    def counts(self, rates: Tensor) -> Tensor:
        """Return Poisson numbers with the means ``rates`` ``(N, ...)``: float32 of the same shape."""
        given = rates.cpu().double().numpy()
        drawn = [generator.poisson(rate) for generator, rate in zip(self.generators, given, strict=True)]
        return torch.from_numpy(np.stack(drawn).astype(np.float32)).to(self.device)
