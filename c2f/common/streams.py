"""Random numbers for pictures: one stream each, so that a result does not depend on how pictures share a batch.

Axes: n pictures, w steps.
"""

import zlib
from collections.abc import Sequence
from numbers import Integral

import numpy as np
import torch
from torch import Tensor


class Streams:
    """One stream of random numbers a picture, which depends on (seed, attack, picture id) alone.

    A stream goes on where it stopped: two draws of four steps are one draw of eight. Drawn on the CPU, in float32.

    Args:
        seed: 0 or more.
        attack: the attack's name.
        ids: one whole number of 0 or more a picture.

    Raises:
        ValueError: an id that is none, such as the 2.0 of a table.
    """

    def __init__(self, seed: int, attack: str, ids: Sequence[int]):
        for i in ids:
            if not isinstance(i, Integral) or i < 0:
                raise ValueError(f"a picture's id is a whole number of at least 0, not {i!r}")
        key = zlib.crc32(attack.encode())
        # SFC64 is the quickest of numpy's generators: drawing must cost little beside a small network.
        self.generators = [np.random.Generator(np.random.SFC64([seed, key, i])) for i in ids]

    def uniform(self, rows: Tensor, steps: int, shape: tuple[int, ...]) -> Tensor:
        """Return the next ``steps`` draws from [0, 1) of the pictures ``rows`` ``(n,)``: ``(n, steps, *shape)``."""
        drawn = np.empty((len(rows), steps, *shape), dtype=np.float32)
        for place, row in enumerate(rows.tolist()):
            self.generators[row].random(out=drawn[place], dtype=np.float32)
        return torch.from_numpy(drawn)

    def normal(self, rows: Tensor, steps: int, shape: tuple[int, ...]) -> Tensor:
        """Return the next ``steps`` standard normal draws of the pictures ``rows``: ``(n, steps, *shape)``."""
        drawn = np.empty((len(rows), steps, *shape), dtype=np.float32)
        for place, row in enumerate(rows.tolist()):
            self.generators[row].standard_normal(out=drawn[place], dtype=np.float32)
        return torch.from_numpy(drawn)
