"""Guided Grad-CAM: a coarse class map times a gradient as fine as the picture (Selvaraju et al. 2017).

Axes: N pictures, C channels, H rows, W columns, h rows and w columns of a layer, K classes.
"""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

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
        """The product, float32 ``(N, H, W)``: its size at each pixel, summed over channels."""
        return self.gradient.abs().sum(dim=1) * self.coarse


def guided_grad_cam(
    network: nn.Module, layer: str, pictures: Tensor, classes: Tensor | None = None, batch_size: int = 16
) -> GuidedMaps:
    """Map the evidence for a class by guided Grad-CAM; guided backpropagation is Captum's (Kokhlikyan et al. 2020).

    Args:
        network: gives logits ``(N, K)``; its ReLUs are modules, and each runs once.
        layer: the path of the one whose Grad-CAM is taken.
        pictures: float ``(N, C, H, W)`` as the network takes them.
        classes: to map, int64 ``(N,)``; None maps the predicted class of each.
        batch_size: pictures a pass.

    Raises:
        ImportError: Captum is not installed.
        ValueError: as ``c2f.cam.grad_cam``.
    """
    from captum.attr import GuidedBackprop

    found = grad_cam(network, layer, pictures, classes, batch_size=batch_size)
    parts = []
    with frozen(network), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting backward hooks on ReLU", UserWarning)  # that is what it is for
        guided = GuidedBackprop(network)
        for x, wanted in zip(pictures.split(batch_size), found.classes.split(batch_size), strict=True):
            parts.append(guided.attribute(x.detach().clone().requires_grad_(), target=wanted).detach().float())
    size = (pictures.shape[2], pictures.shape[3])
    return GuidedMaps(torch.cat(parts), upsample(found.maps.clamp(min=0), size), found.classes)
