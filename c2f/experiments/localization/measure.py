"""Does a network look at the object? Its evidence maps measured against the object's box and pixels.

::

    sample = load_localization_sample("lenetfc_td", "scenes-fashion-mnist", pictures=200)
    found = measure_layer(sample, "act_3")
    found.values["pointing"], found.thresholds["f1"]

Every threshold is chosen on pictures of their own, which are not scored. ``c2f.experiments.localization.run`` records
all layers of a network; a map from elsewhere is measured by ``measure``.

Axes: N pictures, C channels, H rows, W columns, K classes, T thresholds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from c2f.cam import grad_cam, paper_layers, paper_normalise, upsample
from c2f.common.checks import choose, positive_int
from c2f.experiments.localization.sample import LocalizationSample
from c2f.metrics.localization.boxes import unit_range
from c2f.metrics.localization.inputs import checked_maps
from c2f.metrics.localization.suite import Measures, measure


@dataclass(frozen=True)
class MapKind:
    """A way to a map of the picture's size: the score that is differentiated, and what is done with the raw maps."""

    title: str
    score: str
    scale: Callable[[Tensor, tuple[int, int]], Tensor]


def _clamped(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return upsample(maps.clamp(min=0), size)


KINDS = {
    "raw": MapKind("raw", "logit", upsample),
    "clamped": MapKind("evidence for the class only", "logit", _clamped),
    "paper": MapKind("as the Top-Down paper scales it", "probability", paper_normalise),
}
"""Kind of map -> how it is made.

``raw``: Grad-CAM of the logit, evidence against the class negative. ``clamped``: after Grad-CAM's ReLU (Selvaraju et
al. 2017). ``paper``: of the probability, scaled as in the Top-Down paper's code (see ``c2f.cam.paper_normalise``).
"""


def evidence(
    network: nn.Module, layer: str, pictures: Tensor, kind: str = "raw", device: str = "cpu", batch_size: int = 16
) -> tuple[Tensor, Tensor]:
    """Return evidence maps at the pictures' size, float32 ``(N, H, W)``, and the predicted classes, int64 ``(N,)``.

    The map is of the class that the network predicts, right or wrong.

    Args:
        network: gives logits.
        layer: its path, e.g. ``c2f.cam.paper_layers("lenetfc")["act_3"]``.
        pictures: float ``(N, C, H, W)`` as the network takes them.
        kind: a name in ``KINDS``.
        device: as torch names it.
        batch_size: pictures a pass.

    Raises:
        ValueError: an unknown kind, or what ``c2f.cam.grad_cam`` refuses.
    """
    chosen = KINDS[choose(kind, KINDS, "kind of map")]
    network = network.to(device)
    maps, predicted = [], []
    for part in pictures.split(positive_int(batch_size, "batch_size")):
        found = grad_cam(network, layer, part.to(device), score=chosen.score, batch_size=batch_size)
        maps.append(chosen.scale(found.maps.cpu(), (part.shape[2], part.shape[3])))
        predicted.append(found.predicted.cpu())
    return torch.cat(maps), torch.cat(predicted)


def own_range(maps: Tensor) -> Tensor:
    """Scale each map ``(N, H, W)`` to its own 0 to 1, float64: what thresholds of regions and boxes are shares of."""
    return torch.from_numpy(unit_range(checked_maps(maps)))


def measure_layer(
    sample: LocalizationSample,
    layer: str,
    kind: str = "raw",
    *,
    device: str = "cpu",
    batch_size: int = 16,
    resamples: int = 0,
) -> Measures:
    """Map one layer of a sample's network and measure the maps; ``layer`` is a name in ``paper_layers``.

    Raises:
        ValueError: an unknown layer or kind.
    """
    layers = paper_layers(sample.model.name)
    path = layers[choose(layer, layers, "layer")]
    maps, _ = evidence(sample.model.network, path, sample.images, kind, device, batch_size)
    at = sample.for_thresholds
    return measure(maps[at], sample.objects.select(at), maps[~at], sample.objects.select(~at), resamples)
