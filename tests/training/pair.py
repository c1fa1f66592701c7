"""What ``test_parallel.py`` has two processes do, and one: a training of each kind, of the same few pictures."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from c2f import networks
from c2f.common.share import WHOLE, Share
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures
from c2f.experiments.glimpses.recipes import GlimpseRecipe
from c2f.experiments.glimpses.training import fit_glimpses
from c2f.experiments.highres.recipes import DenseRecipe
from c2f.experiments.highres.training import fit_dense
from c2f.experiments.segmentation.meshes import Meshes
from c2f.experiments.segmentation.training import MeshRecipe, fit_meshes
from c2f.metrics.classification import evaluate
from c2f.networks.densenet_fcn import build_densenet
from c2f.networks.dropout import Dropout
from c2f.networks.glimpse.losses import LossSettings
from c2f.networks.glimpse.network import GlimpseSettings, build
from c2f.networks.segmentation import build_segmentation
from c2f.runs.parts import OutOfTime
from c2f.training.batch_norm import batch_norm
from c2f.training.loop import fit
from c2f.training.parallel import share_out
from c2f.training.recipes import Recipe

RECIPE = Recipe("few", epochs=2, lr=0.01, batch_size=15)


def pictures(count, channels, side, seed):
    drawn = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8, generator=drawn)
    return Pictures(images, torch.randint(0, 3, (count,), generator=drawn), ("a", "b", "c"))


def loaders(share, channels=1, side=8, size=15):
    """46 pictures, of which the last batch has one, and 7 that are held out."""
    train = Batches(pictures(46, channels, side, 0), size, shuffle=True, seed=5)
    held = Batches(pictures(7, channels, side, 1), 4)
    share_out({"share": share}, train, held)
    return train, held


class Small(nn.Module):
    """Two convolutions, each with a batch norm, and perhaps dropout, whose masks it remembers."""

    def __init__(self, p=0.0):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.BatchNorm2d(6), nn.ReLU()
        )
        self.dropout, self.head, self.masks = Dropout(p), nn.Linear(6, 3), []

    def forward(self, x):
        self.masks.append(self.dropout(torch.ones(len(x), 6, 4, 4)))
        return self.head((self.features(x) * self.masks[-1]).mean(dim=(2, 3)))


def small(p=0.0):
    torch.manual_seed(0)
    return Small(p)


def classifier(share):
    network = small()
    train, held = loaders(share)
    history = fit(network, train, RECIPE, num_classes=3, validation=held, engine=None)
    result = evaluate(network, held, 3)
    return network, history, [result.loss, result.accuracy, result.predictions, result.confusion]


def book_classifier(share):
    network = networks.build("lenetfc_td", 1, 3, 8, seed=0)
    train, held = loaders(share)
    return network, fit(network, train, replace(RECIPE, epochs=1), num_classes=3, validation=held), []


def segmentation(share):
    def meshes(count, seed):
        drawn = torch.Generator().manual_seed(seed)
        images = torch.randint(0, 256, (count, 1, 16, 16), dtype=torch.uint8, generator=drawn)
        labels = torch.randint(0, 5, (count, 16, 16), generator=drawn).byte()
        return Meshes(images, labels, ("a", "b", "c", "background", "ignore"))

    network = build_segmentation("td", 5, 16, width=2, seed=0)
    train, held = Batches(meshes(31, 0), 15, shuffle=True, seed=5), Batches(meshes(7, 1), 4)
    share_out({"share": share}, train, held)
    weights = torch.tensor([1.0, 1.0, 2.0, 1.0, 0.0])
    return network, fit_meshes(network, train, held, MeshRecipe(epochs=2, batch_size=15), weights), []


def densenet(kind, share):
    network = build_densenet(kind, 3, 16, 1, "tiny", seed=0)
    train, held = loaders(share, side=16)
    recipe = DenseRecipe("few", epochs=1, batch_size=15, config="tiny", lr=0.1)
    return network, fit_dense(network, train, held, recipe), []


def glimpses(count, share):
    look = GlimpseSettings(glimpses=count, downsampling=2.0, glimpse_classifier=count > 1)
    network = build("small_cnn", 1, 3, 32, look, seed=0)
    train, held = loaders(share, side=32)
    recipe = GlimpseRecipe(
        epochs=2, lr=0.01, batch_size=15, clip=0.5, equilibrium=(10.0, 5.0) if count > 1 else None, weight_decay=0.01
    )
    losses = LossSettings() if count > 1 else LossSettings(alpha=0.0)
    return network, fit_glimpses(network, train, recipe, losses, validation=held), []


KINDS = {
    "classifier": classifier,
    "book classifier": book_classifier,
    "segmentation": segmentation,
    "half model": lambda share: densenet("half", share),
    "full model": lambda share: densenet("full", share),
    "glimpses": lambda share: glimpses(3, share),
    "one glimpse": lambda share: glimpses(1, share),
}


def trained(share=WHOLE):
    """Return for each kind the weights, the history and what else is to be equal."""
    found = {}
    for kind, train in KINDS.items():
        network, history, also = train(share)
        lists = {name: values for name, values in vars(history).items() if name != "seconds"}
        found[kind] = (network.state_dict(), lists, also)
    return found


FORMATS = torch.contiguous_format, torch.channels_last


def norm(share=WHOLE, memory_format=torch.contiguous_format):
    """Return output, gradients and running statistics of a batch norm of five pictures, of which one process has 2."""
    drawn = torch.Generator().manual_seed(0)
    x, target = (10 + 3 * torch.randn(5, 4, 3, 3, generator=drawn) for _ in range(2))
    x, target = (share.of_each((part,))[0].contiguous(memory_format=memory_format) for part in (x, target))
    x.requires_grad_()
    weight, bias = (torch.randn(4, generator=drawn).requires_grad_() for _ in range(2))
    mean, var = torch.zeros(4), torch.ones(4)
    call = F.batch_norm if share == WHOLE else partial(batch_norm, joined=True)
    out = call(x, mean, var, weight, bias, training=True)
    (out * target).square().sum().backward()
    return {"out": out.detach(), "x": x.grad, "weight": weight.grad, "bias": bias.grad, "mean": mean, "var": var}


def stopped_and_resumed(share, folder):
    """Train at a stretch, and stopped after the first epoch; return both, as the state and the masks drawn."""
    at_once, in_two = small(0.5), small(0.5)
    for network, path in ((at_once, folder / "at-once.pt"), (in_two, folder / "in-two.pt")):
        train, _ = loaders(share)
        options = {"num_classes": 3, "seed": 1, "checkpoint": path}
        if network is in_two:
            try:  # the first process alone decides that it is late
                fit(network, train, RECIPE, **options, deadline=time.monotonic() + 1e-9 if share.first else None)
            except OutOfTime:
                pass
            else:
                raise AssertionError("it did not stop")
        train, _ = loaders(share)
        fit(network, train, RECIPE, **options)
    return [network.state_dict() for network in (at_once, in_two)], at_once.masks


def apart(share):
    """Return the running statistics of a network whose norms see each process's pictures alone."""
    network = small()
    train, _ = loaders(replace(share, joined=False), size=11)
    fit(network, train, replace(RECIPE, batch_size=11), num_classes=3)
    return dict(network.named_buffers())


def work(rank, folder):
    """What each of the two processes does; its findings are written to ``folder``."""
    torch.set_num_threads(1)
    folder = Path(folder)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    share = Share(rank, 2, "gloo")
    found = {
        "trained": trained(share),
        "norm": [norm(share, memory_format) for memory_format in FORMATS],
        "resumed": stopped_and_resumed(share, folder),
        "apart": apart(share),
    }
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()
