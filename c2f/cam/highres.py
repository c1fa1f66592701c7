"""Class maps of the half and the full model, at the encoder's and at the picture's resolution.

High-Resolution Class Activation Mapping (Tagaris et al., ICIP 2019). Axes: N pictures, M feature maps, H rows, W
columns, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from c2f.cam.maps import wanted_classes
from c2f.common.checks import positive_int
from c2f.networks.densenet_models import FullDenseNet, FullOutputs, HalfDenseNet
from c2f.networks.modes import frozen


@dataclass(frozen=True)
class ClassMaps:
    """Class activation maps of N pictures (section 5): raw values, negative where a place speaks against the class.

    Attributes:
        low: float ``(N, h, w)``. Its mean over space, plus the dense layer's bias, is the class's logit.
        high: float ``(N, H, W)``; None of a half model. Nothing ties it to the logit.
        classes: int64 ``(N,)``, the class that was mapped.
        logits: float ``(N, K)``.
    """

    low: Tensor
    high: Tensor | None
    classes: Tensor
    logits: Tensor

    @property
    def predicted(self) -> Tensor:
        """The class of the highest logit, int64 ``(N,)``."""
        return self.logits.argmax(dim=1)


def weighted_sums(features: Tensor, class_weights: Tensor, classes: Tensor) -> Tensor:
    """Return the maps ``(N, h, w)``: features ``(N, M, h, w)`` summed with the weights ``(K, M)`` of ``classes``
    ``(N,)``."""
    return torch.einsum("nm,nmhw->nhw", class_weights[classes], features)


def class_maps(
    network: HalfDenseNet | FullDenseNet,
    pictures: Tensor,
    classes: int | Sequence[int] | Tensor | None = None,
    batch_size: int = 16,
) -> ClassMaps:
    """Return the class activation maps of ``pictures``: low-resolution ones, and of a full model high-resolution ones.

    Both are the sum of a stage's features with the dense layer's weights of the class, without its bias, without a ReLU
    and not normalised (Zhou et al. 2016). The model is left in the mode in which it was.

    Args:
        network: a half or a full model.
        pictures: float ``(N, C, H, W)``, on the model's device.
        classes: which class to map: one for all pictures, or one each ``(N,)``; by default the predicted ones.
        batch_size: pictures in one pass; it changes the memory needed, not the maps.

    Raises:
        ValueError: a class that there is not, no pictures or some of another shape, or maps that are not finite.
    """
    positive_int(batch_size, "batch_size")
    if len(pictures) == 0:
        raise ValueError("there are no pictures to map")
    weights = network.class_weights.detach()
    wanted = None if classes is None else _checked_classes(classes, len(pictures), len(weights)).to(weights.device)
    low, high, mapped, logits = [], [], [], []
    with frozen(network), torch.no_grad():
        for start in range(0, len(pictures), batch_size):
            rows = slice(start, start + batch_size)
            outputs = network.outputs(pictures[rows])
            chosen = outputs.logits.argmax(dim=1) if wanted is None else wanted[rows]
            low.append(weighted_sums(outputs.low_features, weights, chosen))
            if isinstance(outputs, FullOutputs):
                high.append(weighted_sums(outputs.high_features, weights, chosen))
            mapped.append(chosen)
            logits.append(outputs.logits)
            if not (torch.isfinite(low[-1]).all() and (not high or torch.isfinite(high[-1]).all())):
                raise ValueError("the maps hold NaN or infinity: check the pictures and the model's weights")
    return ClassMaps(torch.cat(low), torch.cat(high) if high else None, torch.cat(mapped), torch.cat(logits))


def _checked_classes(classes: int | Sequence[int] | Tensor, count: int, num_classes: int) -> Tensor:
    given = wanted_classes(classes, count)
    bad = given[(given < 0) | (given >= num_classes)]
    if len(bad):
        raise ValueError(f"there is no class {int(bad[0])}: the model's classes run from 0 to {num_classes - 1}")
    return given
