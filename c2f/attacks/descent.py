"""Projected gradient descent within a given distance: Foolbox's, with a seed a picture and a named step rule.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import eagerpy as ep
import foolbox
import numpy as np
import torch
from foolbox.attacks.gradient_descent_base import BaseGradientDescent, Optimizer
from foolbox.models import Model

from c2f.common.checks import choose, positive_int

STEP_RULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "constant": lambda done: 1.0,
}
"""How the step shrinks, as a map from the share of steps that is done, in [0, 1), to a share of the first step."""


class _Shrinking(Optimizer):
    def __init__(self, first: float, steps: int, rule: str):
        self.first, self.steps, self.rule, self.done = first, steps, rule, 0

    def __call__(self, gradient: ep.Tensor) -> ep.Tensor:
        size = self.first * STEP_RULES[self.rule](self.done / self.steps)
        self.done += 1
        return size * gradient


class SeededDescent(BaseGradientDescent):
    """Foolbox's projected gradient descent with random starts that depend on (``seed``, the picture's id) alone.

    The start is Foolbox's own, drawn for one picture at a time, on the CPU whatever the device. ``picture_ids``, an
    optional argument of the call, are whole numbers of at least 0, ``(N,)``; by default 0 to N - 1.

    Args:
        steps: how many.
        seed: of the random starts.
        step_rule: ``constant`` is 2.5 / ``steps`` of epsilon (Madry et al. 2018, "Towards deep learning models
            resistant to adversarial attacks", section 5), with which the last steps jump about the best place.
            ``cosine`` falls from epsilon to nothing and finds more with as many steps: of 64 pictures of
            Fashion-MNIST 42, where ``constant`` finds 36 and Foolbox's default (epsilon / 30) 29, with LeNetFC at
            epsilon 0.02 and 40 steps.

    Raises:
        ValueError: less than one step, a seed below 0, an unknown rule.
    """

    def __init__(self, steps: int = 40, seed: int = 0, step_rule: str = "cosine"):
        positive_int(steps, "steps")
        self.step_rule = choose(step_rule, STEP_RULES, "step rule")
        self.seed = positive_int(seed, "an attack's seed", minimum=0)
        self._ids: Sequence[int] = ()
        share = 1.0 if step_rule == "cosine" else 2.5 / steps
        super().__init__(rel_stepsize=share, steps=steps, random_start=True)

    def run(
        self,
        model: Model,
        inputs: Any,
        criterion: Any,
        *,
        epsilon: float,
        picture_ids: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return the perturbed pictures ``(N, C, H, W)``; Foolbox calls this."""
        self._ids = range(len(inputs)) if picture_ids is None else picture_ids
        return super().run(model, inputs, criterion, epsilon=epsilon, **kwargs)

    def get_optimizer(self, x: ep.Tensor, stepsize: float) -> Optimizer:
        """Return what turns gradients into steps, by the step rule."""
        return _Shrinking(stepsize, self.steps, self.step_rule)

    def get_random_start(self, x0: ep.Tensor, epsilon: float) -> ep.Tensor:
        """Return Foolbox's random start near ``x0`` ``(N, C, H, W)``, each picture's from its own seed."""
        starts = []
        with torch.random.fork_rng(devices=[]):
            for picture, i in zip(x0.raw.cpu(), self._ids, strict=True):
                state = np.random.SeedSequence([self.seed, i]).generate_state(1)[0]
                torch.default_generator.manual_seed(int(state))
                start = super().get_random_start(ep.astensor(picture[None]), epsilon)  # type: ignore[safe-super]
                starts.append(start.raw)
        return ep.astensor(torch.cat(starts).to(x0.raw.device))

    def repeat(self, times: int) -> Any:
        """Refuse: a repetition would start from the same place again."""
        raise ValueError(f"build the attack with the seeds 0 to {times - 1} and keep what any of them finds")


class LinfPGD(SeededDescent, foolbox.attacks.LinfPGD):
    """Projected gradient descent where no channel value changes by more than epsilon (Madry et al. 2018)."""


class L2PGD(SeededDescent, foolbox.attacks.L2PGD):
    """Projected gradient descent where the change, as a vector, is no longer than epsilon (Madry et al. 2018)."""


class MarginPGD(LinfPGD):
    """``LinfPGD`` on the margin instead of the cross entropy: the best other logit less the label's.

    The margin's gradient does not vanish where the softmax saturates (Carlini and Wagner 2017, "Towards evaluating the
    robustness of neural networks", loss f6).
    """

    def get_loss_fn(self, model: Model, labels: ep.Tensor) -> Callable[[ep.Tensor], ep.Tensor]:
        """Return the function that maps pictures ``(N, C, H, W)`` to the sum of their margins."""
        own = labels.raw[:, None]  # (N, 1)

        def margins(pictures: ep.Tensor) -> ep.Tensor:
            logits = model(pictures).raw  # (N, K)
            best_other = logits.scatter(1, own, -torch.inf).amax(dim=1)
            return ep.astensor((best_other - logits.gather(1, own)[:, 0]).sum())

        return margins
