"""Without any threshold: does the map's peak lie on the object, and how much of its energy does?

Axes: N pictures, H rows, W columns.
"""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from c2f.metrics.localization.inputs import checked_maps, checked_masks


def pointing_game(maps: Tensor, masks: Tensor, tolerance: float = 0) -> Tensor:
    """Return whether each map's largest value lies on the object, float64 ``(N,)`` in [0, 1].

    The pointing game of Zhang et al., "Top-Down Neural Attention by Excitation Backprop", IJCV 2018, section 4.1. They
    report hits / (hits + misses) by class, then the mean over classes: ``by_class``. Where several pixels share the
    largest value, the picture scores the share of them that hit, as if one was picked at random: so a map that is the
    same everywhere scores the object's share of the picture, and a random map does on average (``chance_level``).

    Args:
        maps: ``(N, H, W)``.
        masks: bool ``(N, H, W)``, True on the object; ``boxes_to_masks`` makes them of boxes.
        tolerance: in pixels, at least 0: a peak within this distance of the object hits as well. The paper takes 15
            on photographs of some 500 pixels; on pictures of 28 to 128 a miss would then be rare, so it is 0 here.

    Raises:
        ValueError: maps or masks that do not fit, empty masks, which are named, or a negative tolerance.
    """
    values = checked_maps(maps)
    near = checked_masks(masks, values.shape)
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"tolerance must be a distance in pixels, at least 0, not {tolerance!r}")
    if tolerance:
        near = np.stack([ndimage.distance_transform_edt(~mask) <= tolerance for mask in near])
    peak = values == values.max(axis=(1, 2), keepdims=True)
    return torch.from_numpy((peak & near).sum(axis=(1, 2)) / peak.sum(axis=(1, 2)))


def energy_in_object(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each map's positive values that lies on the object, float64 ``(N,)`` in [0, 1].

    The energy-based pointing game of Wang et al., "Score-CAM", CVPR workshops 2020, section 4.3: the sum inside the
    object over the sum everywhere. Negative values, evidence against the class, count as 0, as after the ReLU of a
    class activation map. A map without any positive value points nowhere and scores 0.

    Raises:
        ValueError: maps or masks that do not fit, or empty masks, which are named.
    """
    values = np.maximum(checked_maps(maps), 0)
    inside = (values * checked_masks(masks, values.shape)).sum(axis=(1, 2))
    total = values.sum(axis=(1, 2))
    return torch.from_numpy(inside / np.where(total > 0, total, 1))
