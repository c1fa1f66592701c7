"""Guided Grad-CAM: a coarse class map times a gradient as fine as the picture (Selvaraju et al. 2017).

Axes: N pictures, C channels, H rows, W columns, h rows and w columns of a layer, K classes.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from c2f.cam import grad_cam, upsample
from c2f.networks.modes import frozen


@dataclass(frozen=True)
class GuidedMaps:
    """Guided Grad-CAM of N pictures.

    Attributes:
        gradient: float32 ``(N, C, H, W)``, guided backpropagation: the score's gradient by the pixels, of which every
            ReLU on the way back lets the positive part through alone (Springenberg et al. 2015).
        coarse: float32 ``(N, H, W)``, the Grad-CAM of a layer, its positive part, enlarged.
        classes: int64 ``(N,)``, the class that was mapped.
    """

    gradient: Tensor
    coarse: Tensor
    classes: Tensor

    @property
    def maps(self) -> Tensor:
        """The product, float32 ``(N, H, W)``, its size at each pixel, summed over channels."""
        return self.gradient.abs().sum(dim=1) * self.coarse


class _CountReLUs(TorchDispatchMode):
    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func.overloadpacket in (torch.ops.aten.relu, torch.ops.aten.relu_)
        return func(*args, **(kwargs or {}))


def _check_relus(network: nn.Module, pictures: Tensor) -> None:
    """Raise ``ValueError`` unless every ReLU that runs is a module: Captum passes over all others."""
    ran = 0

    def count(*_: Any) -> None:
        nonlocal ran
        ran += 1

    handles = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.ReLU)]
    try:
        with torch.no_grad(), _CountReLUs() as relus:
            network(pictures)
    finally:
        for handle in handles:
            handle.remove()
    if not ran or ran != relus.count:
        raise ValueError(
            f"guided backpropagation needs ReLUs that are modules, but of the {relus.count} that run in this "
            f"{type(network).__name__} {ran} are: write each torch.relu as an nn.ReLU()"
        )


def guided_grad_cam(
    network: nn.Module, layer: str, pictures: Tensor, classes: Tensor | None = None, batch_size: int = 16
) -> GuidedMaps:
    """Map the evidence for a class by guided Grad-CAM; guided backpropagation is Captum's (Kokhlikyan et al. 2020).

    Args:
        network: gives logits ``(N, K)``; its ReLUs are modules.
        layer: the path of the one whose Grad-CAM is taken.
        pictures: float ``(N, C, H, W)`` as the network takes them.
        classes: to map, int64 ``(N,)``; None maps the predicted class of each.
        batch_size: pictures a pass.

    Raises:
        ImportError: Captum is not installed.
        ValueError: as ``c2f.cam.grad_cam``; ReLUs that are no modules, such as ``torch.relu``, or none.
    """
    from captum.attr import GuidedBackprop

    found = grad_cam(network, layer, pictures, classes, batch_size=batch_size)
    parts = []
    with frozen(network), warnings.catch_warnings():
        _check_relus(network, pictures[:1])
        warnings.filterwarnings("ignore", "Setting backward hooks on ReLU", UserWarning)  # that is what it is for
        guided = GuidedBackprop(network)
        for x, wanted in zip(pictures.split(batch_size), found.classes.split(batch_size), strict=True):
            parts.append(guided.attribute(x.detach().clone().requires_grad_(), target=wanted).detach().float())
    size = (pictures.shape[2], pictures.shape[3])
    return GuidedMaps(torch.cat(parts), upsample(found.maps.clamp(min=0), size), found.classes)
