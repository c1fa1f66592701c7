"""The random numbers that scenes are made of.

Axes: B scenes.
"""

import math

import torch
from numpy.random import Generator, Philox, SeedSequence
from torch import Tensor

PER_SCENE = 256
"""Numbers drawn for a scene, more than are used, and a multiple of 4, by which Philox counts."""


def philox(seed: int, purpose: int) -> Philox:
    """Return the stream of numbers that ``seed`` gives for one purpose."""
    return Philox(SeedSequence(seed, spawn_key=(purpose,)))


class Draws:
    """The numbers from [0, 1) that scenes ``start`` to ``stop`` are made of, handed out in turn.

    Scene i has the numbers from i * PER_SCENE on of the stream of ``seed``. Philox finds any place of a stream at once
    (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011), so a scene costs no other.
    """

    def __init__(self, seed: int, start: int, stop: int):
        stream = Generator(philox(seed, 0).advance(start * PER_SCENE // 4))
        self.rows = torch.from_numpy(stream.random((stop - start, PER_SCENE))).float().clamp_(max=1 - 2**-24)
        self.used = 0

    def take(self, *shape: int) -> Tensor:
        """Return float32 ``(B, *shape)``."""
        start, self.used = self.used, self.used + math.prod(shape)
        return self.rows[:, start : self.used].reshape(len(self.rows), *shape)


def whole(u: Tensor, below: Tensor | int) -> Tensor:
    """Return int64: the whole number from 0 to ``below`` - 1 that ``u`` in [0, 1) means."""
    return (u.double() * below).long()
