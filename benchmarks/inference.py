"""Answers where no gradients are needed: ``c2f.networks.inference`` against ``network(x)`` without gradients.

Both are asked about the same noise. "differ" counts pictures of which they say another class.
"""

from functools import partial

import torch
from torch import Tensor

from benchmarks.suite import Case, Run, Sides, noise
from benchmarks.training import MESH_CLASSES, TRAININGS, Training
from c2f import networks
from c2f.networks.glimpse.network import Glimpses
from c2f.networks.inference import Inference
from c2f.runs.costs import PLAIN

PICTURES = {"lenetfc": 4096, "lenetfc_td": 2048}
"""How many are asked about; 256 otherwise, and 64 of 64x64 pixels."""


def sides(one: Training, count: int) -> Sides:
    """Return both ways to ask."""
    kind = networks.kind_of(one.network)
    classes = MESH_CLASSES if kind == "segmentation" else 10
    network = networks.build(one.network, one.channels, classes, one.size, seed=0).eval()
    pictures = noise(count, one.channels, one.size).images.float() / 255
    ours, answers = Inference(network), {}

    def plain() -> None:
        with torch.no_grad():
            answers[PLAIN] = network(pictures)

    def quick() -> None:
        answers["c2f"] = ours(pictures)

    def differ() -> int:
        theirs, mine = (logits(answers[name]).argmax(dim=1).reshape(count, -1) for name in (PLAIN, "c2f"))
        return int((theirs != mine).any(dim=1).sum())

    runs: dict[str, Run] = {PLAIN: plain, "c2f": quick}
    return Sides(runs, differ)


def logits(answer: Tensor | Glimpses) -> Tensor:
    """Return an answer's logits; of several glimpses, the last one's."""
    return answer.logits[-1] if isinstance(answer, Glimpses) else answer


def cases() -> list[Case]:
    """Return the networks that training is measured of."""
    found = []
    for one in TRAININGS:
        count = PICTURES.get(one.network, 256 if one.size < 64 else 64)
        name, says = f"{one.network}, {count} of {one.size}x{one.size}", "inference against network(x)"
        found.append(Case(name, partial(sides, one, count), says, amount=count))
    return found
