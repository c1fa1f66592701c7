"""One map a picture by a method's name, of any network that has it.

Axes: N pictures, C channels, H rows, W columns, h rows and w columns of a map, K classes.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from c2f import networks
from c2f.cam import class_maps, grad_cam, hires_cam, last_features, paper_layers
from c2f.common.checks import choose
from c2f.networks.answers import checked_logits
from c2f.networks.densenet_models import FullDenseNet, HalfDenseNet
from c2f.networks.modes import eval_mode
from c2f.networks.own import is_own
from c2f.zoo.models import TrainedModel

METHODS = {
    "grad-cam": "Grad-CAM of a layer (Selvaraju et al. 2017)",
    "hires-cam": "HiResCAM of a layer (Draelos and Carin 2020)",
    "cam": "class map of a network that ends in a mean and a linear layer (Zhou et al. 2016)",
    "guided-grad-cam": "guided Grad-CAM, at the picture's resolution (Selvaraju et al. 2017); needs captum",
    "high": "class map at the picture's resolution, of densenet_full (Tagaris et al. 2019)",
    "refined": "what low- and high-resolution class map agree on, of densenet_full (Tagaris et al. 2019)",
}
"""Method -> what it is."""
NEARLY = 1e-4
"""By how much of its largest value a gradient may vary over places that is to be the same at all."""


@dataclass(frozen=True)
class Explained:
    """Maps of N pictures.

    ``maps``: float32 ``(N, h, w)``, raw: evidence for the class, negative against it, in logits but for
    ``guided-grad-cam`` (not negative) and ``refined`` (in [0, 1]). ``classes``: int64 ``(N,)``, mapped. ``predicted``:
    int64 ``(N,)``. ``probabilities``: float32 ``(N,)``, of the predicted class.
    """

    maps: Tensor
    classes: Tensor
    predicted: Tensor
    probabilities: Tensor


def default_method(network: nn.Module) -> str:
    """Return the method that a network is made for: its own class maps, or Grad-CAM."""
    if isinstance(network, FullDenseNet):
        return "high"
    return "cam" if isinstance(network, HalfDenseNet) else "grad-cam"


def find_path(model: TrainedModel, layer: str | None, pictures: Tensor) -> str:
    """Return the path of ``layer``: a path, ``act_1``, ... of the Top-Down paper's, or None for the last one.

    Raises:
        ValueError: there is no such layer, or none that gives features of several places.
    """
    known = {}
    if networks.kind_of(model.name) == "classifier" and not is_own(model.name):
        known = paper_layers(model.name)
    if layer is None:
        return list(known.values())[-1] if known else last_features(model.network, pictures[:1])
    return known.get(layer, layer)


def explain(
    model: TrainedModel, pictures: Tensor, method: str, path: str, of: int | None = None, against: int | None = None
) -> Explained:
    """Map the evidence for a class in each picture.

    Args:
        model: the network that is asked.
        pictures: float ``(N, C, H, H)`` as the network takes them, its mean picture already subtracted.
        method: a name in ``METHODS``.
        path: of the layer, where the method needs one.
        of: the class; None for each picture's predicted one.
        against: a class whose evidence is taken off: the map of the difference of both logits. None for no other.

    Raises:
        ValueError: a method that the network does not have, a layer that cannot be mapped, or a class there is not.
    """
    choose(method, METHODS, "method")
    if method in _BY_GRADIENT:
        pictures = pictures.contiguous(memory_format=torch.channels_last)  # a sixth less time for ResNet18 on a CPU
        first = _BY_GRADIENT[method](model.network, path, pictures, of)
        maps, classes, logits = first.maps, first.classes, first.logits
    else:
        with eval_mode(model.network), torch.no_grad():
            logits = checked_logits(model.network(pictures), len(pictures))
        classes = logits.argmax(dim=1) if of is None else torch.full((len(logits),), of)
        maps = _maps(model.network, pictures, method, path, classes)
    if against is not None:
        other = torch.full_like(classes, against)
        if method in ("guided-grad-cam", "refined"):
            raise ValueError(f"{method} has no difference of two classes: take grad-cam, hires-cam, cam or high")
        if method in _BY_GRADIENT:
            maps = maps - _BY_GRADIENT[method](model.network, path, pictures, other).maps
        else:
            maps = maps - _maps(model.network, pictures, method, path, other)
    sure, predicted = logits.softmax(dim=1).max(dim=1)
    return Explained(maps.cpu(), classes.cpu(), predicted.cpu(), sure.cpu())


_BY_GRADIENT = {"grad-cam": grad_cam, "hires-cam": hires_cam}
"""The methods that a pass forward and one back are enough for."""


def _maps(network: nn.Module, pictures: Tensor, method: str, path: str, classes: Tensor) -> Tensor:
    if method == "guided-grad-cam":
        from c2f.cam.guided import guided_grad_cam

        return guided_grad_cam(network, path, pictures, classes).maps
    if isinstance(network, FullDenseNet | HalfDenseNet):
        found: Any = class_maps(network, pictures, classes)
        if method == "cam":
            return found.low
        if found.high is not None:
            return found.high if method == "high" else _refined(pictures, found.low, found.high)
    if method != "cam":
        raise ValueError(f"{method} is for densenet_full, which has maps of both resolutions: take grad-cam")
    return _linear(network, pictures, path, classes)


def _refined(pictures: Tensor, low: Tensor, high: Tensor) -> Tensor:
    from c2f.cam.refine import refine

    found = refine(pictures, low, high)
    return (found.merged * found.kept).float()


def _linear(network: nn.Module, pictures: Tensor, path: str, classes: Tensor) -> Tensor:
    """Return the class maps of a network whose logits are linear in the mean over space of what ``path`` gives.

    Each channel's weight is its gradient times the number of places, the same at all of them.
    """
    by_mean, by_place = (method(network, path, pictures, classes) for method in (grad_cam, hires_cam))
    off = (by_mean.maps - by_place.maps).abs().amax(dim=(1, 2))
    if bool((off > NEARLY * by_mean.maps.abs().amax(dim=(1, 2)).clamp(min=1e-12)).any()):
        raise ValueError(
            f"behind {path!r} this network does not end in a mean over space and a linear layer, so it has no class "
            "maps: take grad-cam"
        )
    return by_mean.maps * by_mean.maps[0].numel()
