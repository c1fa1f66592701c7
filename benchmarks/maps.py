"""Class maps: Grad-CAM of a whole batch against captum's, and how fast maps are refined, on one core.

Grad-CAM is compared as it is mostly used: captum's ``LayerGradCam``, a picture at a time. "differ" counts pictures of
which the two maps differ by more than 1e-4.

Of refining the time is the processor's own for this one thread, so that what else the machine does counts less.
"""

from functools import partial

import numpy as np
import torch
from captum.attr import LayerGradCam
from torch import Tensor

from benchmarks.suite import Case, Sides
from c2f import zoo
from c2f.cam import grad_cam
from c2f.cam.refine import RefineOptions, refine
from c2f.datasets import load
from c2f.runs.costs import PLAIN

BAR = 20
"""Pictures of 224x224 a second that are wanted of refining."""
COUNT = 4
"""Pictures that are refined a round."""
SETTINGS = {
    "the paper's": RefineOptions(),
    "multiply": RefineOptions(merge_type="multiply"),
    "threshold": RefineOptions(filter_type="threshold"),
    "local, small": RefineOptions(focal_scope="local"),
    "local, large": RefineOptions(focal_scope="local", maxima_areas="large"),
}
LAYERS = {"lenetfc": "stage_x4", "lenetfc_td": "stage_x1"}
"""The layers that are mapped, of the shipped networks."""


def bumps(count: int, size: int, noise: float) -> Tensor:
    """Return maps of three bumps with noise, float32 ``(count, size, size)``; the bumps do not depend on ``size``."""
    centres = np.random.default_rng(0).random((count, 3, 2, 1, 1))
    grain = np.random.default_rng(size).random((count, size, size))
    line = (np.arange(size) + 0.5) / size
    squared = (line[:, None] - centres[:, :, 0]) ** 2 + (line - centres[:, :, 1]) ** 2  # (count, 3, size, size)
    return torch.tensor((1 / (1 + squared / 0.02) + 0.5 * (squared < 0.01)).sum(axis=1) + noise * grain).float()


def mapping(name: str, layer: str, count: int = 128) -> Sides:
    """Return both ways to map the predicted class."""
    network = zoo.load(name, "fashion-mnist", 0).network.eval()
    pictures = load("fashion-mnist-sample").test.images[:count].float() / 255
    maps: dict[str, Tensor] = {}

    def plain() -> None:
        captum, made = LayerGradCam(network, network.get_submodule(layer)), []
        for picture in pictures.split(1):
            with torch.no_grad():
                wanted = network(picture).argmax(dim=1)
            made.append(captum.attribute(picture, target=wanted)[:, 0].detach())
        maps[PLAIN] = torch.cat(made)

    def ours() -> None:
        maps["c2f"] = grad_cam(network, layer, pictures).maps

    def differ() -> int:
        return int(((maps[PLAIN] - maps["c2f"]).abs().amax(dim=(1, 2)) > 1e-4).sum())

    return Sides({PLAIN: plain, "c2f": ours}, differ)


def refining(options: RefineOptions) -> Sides:
    """Return the refining of maps of bumps."""
    low, high = bumps(COUNT, 14, 0.05), bumps(COUNT, 224, 0.1)
    pictures = torch.randint(256, (COUNT, 3, 224, 224), dtype=torch.uint8)
    return Sides({"c2f": lambda: refine(pictures, low, high, options)})


def cases() -> list[Case]:
    """Return Grad-CAM of two networks, and the settings of refining."""
    says = "against captum, picture by picture"
    found = [
        Case(f"Grad-CAM, {name}", partial(mapping, name, layer), says, amount=128) for name, layer in LAYERS.items()
    ]
    for name, options in SETTINGS.items():
        what, says = f"refining, {name}", "refined maps of 224x224"
        found.append(Case(what, partial(refining, options), says, amount=COUNT, wanted=BAR, threads=1))
    return found
