"""What the location path does to gradients: re-scaling, and the authors' dynamic equilibrium, mended.

Axes: N pictures, D width of a fused vector.

A glimpse's location is learnt through the sampled pixels, and the gradient that comes back this way is far larger than
that of the classification. The paper multiplies it by a constant (section 3, 0.02). The forward pass is not changed.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from c2f.common.checks import positive_int


class _Rescale(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float | Tensor) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None


def rescale_gradient(x: Tensor, factor: float | Tensor) -> Tensor:
    """Return ``x`` itself, behind which the gradient is multiplied by ``factor``, a number or a scalar."""
    return x if not isinstance(factor, Tensor) and factor == 1 else _Rescale.apply(x, factor)


class GradientEquilibrium:
    """Keeps the gradient of the location path in proportion to that of the classification (off in the paper).

    Give it to the forward pass, call ``backward`` on the loss, then ``finish`` with the network's ``locate``::

        equilibrium = GradientEquilibrium(ratio=10)
        total_loss(network, pictures, network(pictures, equilibrium=equilibrium), labels, settings).total.backward()
        equilibrium.finish(network.locate)

    The fused vector of glimpse t goes into the localisation network, which chooses glimpse t + 1. The gradient that
    comes back there is divided so that its standard deviation is ``1 / ratio`` of that which enters the fused vector of
    glimpse t + 1 from the classification. A pair of which one has no gradient is left alone.

    In the authors' code this stops with an error at the first backward pass, and would at the end have looked for a
    layer that does not exist; what is here is what was meant.

    Args:
        ratio: how many times smaller, positive; 0 only measures.
        spread: gives the standard deviation of a gradient ``(N, D)``; that of the whole batch where processes share it.

    After the backward pass ``classification`` and ``location`` hold the standard deviations by glimpse, the former's
    index being t + 1 and the latter's t.

    Raises:
        ValueError: a negative ratio.
    """

    def __init__(self, ratio: float, spread: Callable[[Tensor], float] = lambda x: x.float().std().item()):
        if not 0 <= ratio < math.inf:
            raise ValueError(f"ratio must be positive, or 0 to measure only, not {ratio!r}")
        self.ratio, self._spread = ratio, spread
        self.start()

    def start(self) -> None:
        """Forget what was measured; the network calls this at the beginning of a forward pass."""
        self.classification: dict[int, float] = {}
        self.location: dict[int, float] = {}

    def watch_classification(self, fused: Tensor, glimpse: int) -> Tensor:
        """Return the fused vector ``(N, D)`` of ``glimpse`` for the classifier; its gradient is measured."""

        def measure(gradient: Tensor) -> None:
            self.classification[glimpse] = self._spread(gradient)

        return _hooked(fused, measure)

    def watch_location(self, fused: Tensor, glimpse: int) -> Tensor:
        """Return the fused vector ``(N, D)`` of ``glimpse`` for the localisation; its gradient is brought into
        proportion.
        """

        def balance(gradient: Tensor) -> Tensor | None:
            here, there = self._spread(gradient), self.classification.get(glimpse + 1, 0.0)
            self.location[glimpse] = here
            return None if not (self.ratio and here and there) else gradient * (there / (here * self.ratio))

        return _hooked(fused, balance)

    @property
    def scale(self) -> float:
        """By how much the location gradients were divided altogether, ``ratio`` times the ratio of the summed standard
        deviations over glimpses; 1 where nothing was.
        """
        pairs = [(here, self.classification.get(glimpse + 1, 0.0)) for glimpse, here in self.location.items()]
        balanced = [(here, there) for here, there in pairs if here and there]
        if not (self.ratio and balanced):
            return 1.0
        return self.ratio * sum(here for here, _ in balanced) / sum(there for _, there in balanced)

    def finish(self, locate: nn.Module) -> None:
        """Divide the gradients of the localisation network's own weights by ``scale``, after the backward pass."""
        for parameter in locate.parameters():
            if parameter.grad is not None:
                parameter.grad /= self.scale


def _hooked(x: Tensor, hook: Any) -> Tensor:
    branch = x.view_as(x)
    if branch.requires_grad:
        branch.register_hook(hook)
    return branch


def equilibrium_ratio(epoch: float, epochs: int, first: float, last: float) -> float:
    """Return the ratio at ``epoch`` of ``epochs``: half a cosine from ``first`` to ``last``.

    The authors' begins at ``first - last``, that is, with 0 where the two are equal; this one begins at ``first``.

    Raises:
        ValueError: an epoch outside of [0, ``epochs``].
    """
    positive_int(epochs, "epochs")
    if not 0 <= epoch <= epochs:
        raise ValueError(f"epoch must be between 0 and {epochs}, not {epoch!r}")
    share = (1 + math.cos(math.pi * epoch / epochs)) / 2
    return last * (1 - share) + first * share
