"""Grad-CAM of 100 pictures of 224x224 with torchvision's ResNet18, beside captum, pytorch-grad-cam and torchcam.

``python -m benchmarks.explaining [ROUNDS] [PICTURES]``. Run by hand: the last two are no dependencies (``pip install
grad-cam torchcam``), and are left out where they are missing. All map the class that the network predicts, in batches
of 16 and in turn, on one thread; told are the processor's seconds, the median of the rounds, and how far the raw maps
are from captum's. pytorch-grad-cam scales and enlarges each map and torchcam clamps and scales it, as they always do;
their maps are not compared.
"""

import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn
from torchvision.models import resnet18

from benchmarks.suite import interleaved
from c2f.cam import grad_cam

BATCH = 16


def ours(network: nn.Module, pictures: Tensor) -> Tensor:
    """Return maps ``(N, 7, 7)``, as ``c2f explain`` asks for them."""
    last = pictures.contiguous(memory_format=torch.channels_last)
    return grad_cam(network, "layer4", last, batch_size=BATCH).maps


def by_captum(network: nn.Module, pictures: Tensor) -> Tensor:
    """Return captum's maps ``(N, 7, 7)``; it is to be told the class, which takes a pass of its own."""
    method, made = LayerGradCam(network, network.get_submodule("layer4")), []
    for x in pictures.split(BATCH):
        with torch.no_grad():
            wanted = network(x).argmax(dim=1)
        made.append(method.attribute(x, target=wanted)[:, 0].detach())
    return torch.cat(made)


def by_pytorch_grad_cam(network: nn.Module, pictures: Tensor) -> None:
    """Map by jacobgil's pytorch-grad-cam, which asks for the predicted classes itself."""
    from pytorch_grad_cam import GradCAM

    with GradCAM(model=network, target_layers=[network.get_submodule("layer4")]) as method:
        for x in pictures.split(BATCH):
            method(x, targets=None)


def by_torchcam(network: nn.Module, pictures: Tensor) -> None:
    """Map by torchcam, which takes the classes from the scores of its own pass."""
    from torchcam.methods import GradCAM

    with GradCAM(network, "layer4") as method:
        for x in pictures.split(BATCH):
            scores = network(x)
            method(scores.argmax(dim=1).tolist(), scores)


def main(rounds: int = 3, count: int = 100) -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = resnet18().eval()
    pictures = torch.rand(count, 3, 224, 224)
    ways: dict[str, Callable[[nn.Module, Tensor], Tensor | None]] = {"c2f": ours, "captum": by_captum}
    others = {"pytorch_grad_cam": by_pytorch_grad_cam, "torchcam": by_torchcam}
    ways |= {name: way for name, way in others.items() if find_spec(name)}
    off = (ours(network, pictures[:BATCH]) - by_captum(network, pictures[:BATCH])).abs().max()
    runs = {name: (lambda way=way: (way(network, pictures), None)[1]) for name, way in ways.items()}
    seconds = interleaved(runs, rounds, warm=False, clock=time.process_time)
    for name, values in seconds.items():
        print(f"{name:18s} {statistics.median(values):7.2f} s of {[round(v, 2) for v in values]}")
    print(f"largest difference from captum's maps: {off:.1e}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
