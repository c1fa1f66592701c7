"""Training steps, by every engine that can carry a training out, against one plain loop.

The plain loop is what one writes with torch alone: its default memory format, float32, ``nn.Dropout``, SGD that goes
from weight to weight. A step is forward pass, loss, backward pass and SGD with Nesterov momentum, on one batch of noise
again and again, so that what differs is how steps are carried out.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.suite import Case, Run, Sides, noise
from c2f import networks
from c2f.common.share import WHOLE, Share
from c2f.datasets.batches import Batches
from c2f.experiments.glimpses.recipes import SETUPS
from c2f.experiments.glimpses.training import glimpse_trial
from c2f.experiments.highres.recipes import DenseRecipe
from c2f.experiments.highres.training import dense_trial
from c2f.experiments.segmentation.scores import masked_loss
from c2f.experiments.segmentation.training import MeshRecipe, mesh_trial
from c2f.networks.dropout import Dropout
from c2f.networks.glimpse import total_loss
from c2f.runs.costs import PLAIN
from c2f.training.engine import Engine, Trial, can_compile, plain
from c2f.training.loop import trial
from c2f.training.parallel import together
from c2f.training.recipes import Recipe

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""Maps a network, pictures ``(B, C, H, W)`` and labels to a scalar."""


@dataclass(frozen=True)
class Training:
    """Which network is trained: ``steps`` on ``batch`` pictures of ``channels`` and ``size`` x ``size`` pixels."""

    network: str
    channels: int
    size: int
    batch: int
    steps: int


TRAININGS = [
    Training("lenetfc", 1, 28, 128, 24),
    Training("lenetfc_td", 1, 28, 128, 16),
    Training("nin_light", 1, 28, 64, 2),
    Training("nin_light_td", 1, 28, 64, 2),
    Training("nin", 3, 32, 32, 1),
    Training("resnet32", 3, 32, 64, 2),
    Training("resnet32_td", 3, 32, 64, 1),
    Training("resnet18", 3, 64, 64, 2),
    Training("segmentation_td", 1, 64, 32, 1),
    Training("densenet_half", 3, 64, 16, 1),
    Training("mgnet_small_cnn", 3, 64, 64, 2),
]
MESH_CLASSES = 11
"""Background, nine classes and "ignore"."""


def class_weights() -> Tensor:
    """Return what a pixel of each class weighs: 1, and 0 where it is ignored."""
    return torch.tensor([1.0] * (MESH_CLASSES - 1) + [0.0])


def cross_entropy(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Return a classifier's loss."""
    return F.cross_entropy(network(x), y)


def begun(one: Training, **options: Any) -> tuple[Trial, Loss]:
    """Return a training, as ``c2f train`` has it, and the loss of the plain loop; ``options`` are the network's."""
    kind = networks.kind_of(one.network)
    classes = MESH_CLASSES if kind == "segmentation" else 10
    network = networks.build(one.network, one.channels, classes, one.size, seed=0, **options).train()
    batches = Batches(noise(one.batch, one.channels, one.size), one.batch)
    if kind == "segmentation":
        labels = torch.randint(MESH_CLASSES, (one.batch, one.size, one.size))
        pictures, _ = next(batches.epoch(0))
        found = mesh_trial(network, batches, MeshRecipe(batch_size=one.batch), class_weights(), one.network)
        found = replace(found, batch=lambda: (pictures, labels))
        return found, lambda network, x, y: masked_loss(network(x), y, class_weights())
    if kind == "densenet":
        return dense_trial(network, batches, DenseRecipe(), one.network), cross_entropy
    if kind == "glimpses":
        setup = SETUPS["scenes"]
        found = glimpse_trial(network, batches, setup.recipe, setup.losses, one.network)
        return found, lambda network, x, y: total_loss(network, x, network(x), y, setup.losses).total
    return trial(network, batches, Recipe("bench", 1, batch_size=one.batch), one.network), cross_entropy


def with_torchs_dropout(network: nn.Module) -> nn.Module:
    """Return a copy of ``network`` with ``nn.Dropout`` in the place of ours."""
    network = deepcopy(network)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, Dropout):
                setattr(module, name, nn.Dropout(child.p))
    return network


def plain_steps(found: Trial, loss: Loss, steps: int) -> Run:
    """Return the plain loop."""
    network, (x, y) = with_torchs_dropout(found.network), found.batch()
    sgd = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, nesterov=True, foreach=False)

    def run() -> None:
        for _ in range(steps):
            sgd.zero_grad()
            loss(network, x, y).backward()
            sgd.step()

    return run


def steps_by(engine: Engine, found: Trial, steps: int, share: Share = WHOLE) -> Run:
    """Return the same steps, as an engine carries them out; of several processes, this one's share of them."""
    network, batch = deepcopy(found.network), share.of_each(found.batch())
    sgd = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, nesterov=True)
    with engine.at_work(network):
        step = together(network, found.begin(network, engine), share)

    def run() -> None:
        with engine.at_work(network):
            for _ in range(steps):
                loss, _ = step(*batch)
                sgd.zero_grad(set_to_none=True)
                loss.backward()
                sgd.step()

    return run


def engines(found: Trial, compiled: bool) -> list[Engine]:
    """Return the engines that can carry a training out here, and bfloat16 with the first where the CPU has it."""
    threads = plain(found.device).threads
    allowed = [name for name in found.engines if name != "compiled" or (compiled and can_compile(found.device))]
    wanted = [Engine(name, "float32", threads) for name in allowed]
    if torch.cpu.get_capabilities().get("avx512_bf16"):
        wanted.append(Engine("channels_last", "bfloat16", threads))
    return wanted


def sides(one: Training, compiled: bool = False) -> Sides:
    """Return the plain loop and the engines."""
    found, loss = begun(one)
    ours = {str(engine): steps_by(engine, found, one.steps) for engine in engines(found, compiled)}
    return Sides({PLAIN: plain_steps(found, loss, one.steps), **ours})


def cases(compiled: bool = False) -> list[Case]:
    """Return a training a row of ``TRAININGS``; the side ``compiled`` takes a minute of compiling a network."""
    says = "training steps by each engine against the plain loop of torch"
    title = "{0.network}, {0.batch} of {0.size}x{0.size}".format
    return [Case(title(one), partial(sides, one, compiled), says, amount=one.batch * one.steps) for one in TRAININGS]
