"""AutoAttack and Square through the package pyautoattack, an optional one.

AutoAttack: Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse
parameter-free attacks". Square: Andriushchenko et al. 2020, "Square attack: a query-efficient black-box adversarial
attack via random search". Both within a largest change of epsilon (Linf), for pictures in [0, 1].

Axes: N pictures, C channels, H rows, W columns.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from c2f.attacks.victim import Victim


def check_installed() -> None:
    """Raise ``ModuleNotFoundError`` with the command that installs pyautoattack, if it is missing."""
    if find_spec("pyautoattack") is None:
        raise ModuleNotFoundError(
            "AutoAttack and Square need the package pyautoattack: run `pip install pyautoattack==0.2.0`, "
            "or leave both out with auto='none'"
        )


def autoattack(
    model: Victim, pictures: Tensor, labels: Tensor, epsilon: float, seed: int = 0, steps: int | None = None
) -> Tensor:
    """Attack pictures ``(N, C, H, W)`` with AutoAttack; return whether each is misclassified then, bool ``(N,)``.

    Args:
        steps: None for the standard version as published; or a quick one of its two descents alone, on the cross
            entropy and towards the three nearest other classes, with so many steps each.
    """
    from pyautoattack import AutoAttack
    from pyautoattack.autopgd_base import APGDAttack, APGDAttack_targeted

    with torch.no_grad():
        classes = model(pictures[:1]).shape[1]
    # The loss of the targeted descent needs the four largest logits, and there are no more targets than other classes.
    parts = ["apgd-ce", *(["apgd-t"] if classes >= 4 else [])]
    if steps is None:
        parts += ["fab-t", "square"]
    targets = min(9 if steps is None else 3, classes - 1)
    quiet = logging.Logger("autoattack", level=logging.CRITICAL)  # it warns of what the masking check reports
    common: dict[str, Any] = {"eps": epsilon, "seed": seed, "device": model.device}
    attack = AutoAttack(model, attacks=parts, version="custom", **common)
    attack.logger = quiet
    attack.fab.n_restarts, attack.fab.n_target_classes = 1, targets
    common |= {"n_iter": steps or 100, "logger": quiet}
    attack.apgd = APGDAttack(model, **common)
    attack.apgd_targeted = APGDAttack_targeted(model, n_target_classes=targets, **common)
    with _left_alone(model.device):
        _, answers = attack.run_standard_evaluation(pictures, labels)
    return answers != labels


def square(
    model: Victim, pictures: Tensor, labels: Tensor, epsilon: float, seed: int = 0, queries: int = 300
) -> Tensor:
    """Attack pictures ``(N, C, H, W)`` with Square, without a gradient; return whether each is misclassified then.

    The schedule of square sizes, made for 10,000 queries, is shrunk to ``queries``.
    """
    from pyautoattack.square import SquareAttack

    attack = SquareAttack(model, n_queries=queries, eps=epsilon, seed=seed, device=model.device, resc_schedule=True)
    with _left_alone(model.device), torch.no_grad():
        return model(attack.perturb(pictures, labels)).argmax(dim=1) != labels


@contextmanager
def _left_alone(device: torch.device) -> Iterator[None]:
    """Undo what the package changes for the whole process: torch's random numbers and Python's trace function."""
    trace = sys.gettrace()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        sys.settrace(trace)
