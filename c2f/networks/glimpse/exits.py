"""Early exit: stop looking at a picture as soon as the network is sure of it.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from c2f.common.checks import positive_int
from c2f.networks.answers import finite
from c2f.networks.glimpse.geometry import whole_picture
from c2f.networks.glimpse.network import MultiGlimpse, check_square
from c2f.networks.modes import eval_mode


@dataclass(frozen=True)
class EarlyExit:
    """``logits``: ``(N, K)``, each picture's last answer. ``glimpses``: int64 ``(N,)``, how many it took."""

    logits: Tensor
    glimpses: Tensor


def early_exit(network: MultiGlimpse, pictures: Tensor, confidence: float, glimpses: int | None = None) -> EarlyExit:
    """Classify pictures ``(N, C, H, H)``; one whose largest probability reaches ``confidence`` is not looked at again.

    It runs without gradients and in inference mode; the modes of the network's modules are left as they were. A
    picture's answers do not depend on those that left.

    Args:
        network: a Multi-Glimpse Network.
        pictures: the batch.
        confidence: in [0, 1]; 0 stops after the first glimpse.
        glimpses: at most so many; by default as the network's settings say.

    Raises:
        ValueError: a confidence out of its range, no glimpses, pictures that are not square, or logits that are not
            finite.
    """
    if not 0 <= confidence <= 1:
        raise ValueError(f"confidence is a probability in [0, 1], not {confidence!r}")
    most = network.settings.glimpses if glimpses is None else positive_int(glimpses, "glimpses")
    check_square(pictures)
    answers: list[Tensor] = []
    used = torch.ones(len(pictures), dtype=torch.int64, device=pictures.device)
    left = torch.arange(len(pictures), device=pictures.device)
    with eval_mode(network), torch.no_grad():
        location, memory = whole_picture(pictures), None
        for glimpse in range(1, most + 1):
            look = network.look(pictures[left], location, memory)
            if not answers:
                answers.append(torch.empty_like(look.logits))
            answers[0][left], used[left] = finite(look.logits), glimpse
            unsure = look.logits.softmax(dim=1).amax(dim=1) < confidence
            if glimpse == most or not unsure.any():
                break
            left, memory = left[unsure], look.memory.select(unsure)
            location = network.locate(look.fused[unsure])
    return EarlyExit(answers[0], used)
