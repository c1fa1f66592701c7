"""Pixels of a map against an exact mask: precision, recall, F1, intersection over union, and PxAP.

Axes: N pictures, H rows, W columns, T thresholds, E bins of map values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from c2f.metrics.localization.box_accuracy import THRESHOLDS
from c2f.metrics.localization.boxes import eight_bits, levels, unit_range
from c2f.metrics.localization.inputs import checked_ignore, checked_maps, checked_masks, checked_thresholds


@dataclass(frozen=True)
class MaskScores:
    """How the region above a threshold covers the mask, picture by picture, float64 ``(N,)`` in [0, 1] each.

    ``precision``: the share of the region that is on the object; 0 where nothing is above the threshold. ``recall``:
    the share of the object that is in the region. ``f1``: their harmonic mean. ``iou``: intersection over union.
    """

    precision: Tensor
    recall: Tensor
    f1: Tensor
    iou: Tensor


def mask_scores(maps: Tensor, masks: Tensor, threshold: float, ignore: Tensor | None = None) -> MaskScores:
    """Return precision, recall, F1 and IoU of each map's region above ``threshold``.

    The region is the one that boxes are drawn round: pixels whose value, scaled to 8 bits by the map's own range, is
    strictly above the threshold. A map that is the same everywhere has none and scores 0.

    Args:
        maps: ``(N, H, W)``.
        masks: bool ``(N, H, W)``, True on the object.
        threshold: in [0, 1] of each map's own range.
        ignore: bool ``(N, H, W)``, True where a pixel counts for nothing; on the object it has no effect.

    Raises:
        ValueError: maps, masks or a threshold that do not fit, or empty masks, which are named.
    """
    hits, region, size = (counts[:, 0] for counts in _counts(maps, masks, [threshold], ignore))
    return MaskScores(
        precision=_ratio(hits, region),
        recall=_ratio(hits, size),
        f1=_ratio(2 * hits, region + size),
        iou=_ratio(hits, region + size - hits),
    )


def mask_ious(maps: Tensor, masks: Tensor, thresholds: Sequence[float] = THRESHOLDS) -> Tensor:
    """Return the IoU of ``mask_scores`` at each threshold, float64 ``(N, T)``."""
    hits, region, size = _counts(maps, masks, thresholds)
    return _ratio(hits, region + size - hits)


def mask_f1s(maps: Tensor, masks: Tensor, thresholds: Sequence[float] = THRESHOLDS) -> Tensor:
    """Return the F1 of ``mask_scores`` at each threshold, float64 ``(N, T)``."""
    hits, region, size = _counts(maps, masks, thresholds)
    return _ratio(2 * hits, region + size)


def _ratio(part: np.ndarray, whole: np.ndarray) -> Tensor:
    return torch.from_numpy(part / np.maximum(whole, 1))


def _counts(
    maps: Tensor, masks: Tensor, thresholds: Sequence[float], ignore: Tensor | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels in both, in the region and in the mask, int64 ``(N, T)`` each."""
    values, cuts = checked_maps(maps), levels(checked_thresholds(thresholds))
    objects = checked_masks(masks, values.shape)
    histogram = _histogram(eight_bits(values), objects, ~checked_ignore(ignore, objects), 256)  # (N, 2, 256)
    above = histogram.sum(axis=2, keepdims=True) - histogram.cumsum(axis=2)  # pixels of a level greater than this one
    hits, region = above[:, 1, cuts], above.sum(axis=1)[:, cuts]
    return hits, region, np.broadcast_to(histogram[:, 1].sum(axis=1, keepdims=True), hits.shape)


def _histogram(bins: np.ndarray, objects: np.ndarray, counted: np.ndarray, number: int) -> np.ndarray:
    """Count the pixels in each of ``number`` bins, off and on the object: ``(N, H, W)`` to int64 ``(N, 2, E)``."""
    picture = np.arange(len(bins))[:, None, None]
    place = (picture * 2 + objects) * number + bins
    return np.bincount(place[counted], minlength=len(bins) * 2 * number).reshape(len(bins), 2, number)


@dataclass(frozen=True)
class PixelPrecision:
    """Precision against recall over the pixels of all pictures together.

    ``value``: PxAP, the area under the curve, in [0, 1] (the paper gives percent). ``precision``, ``recall``: float64
    ``(E,)`` in [0, 1], from the highest threshold to the lowest; precision is 0 where nothing is above it.
    """

    value: float
    precision: Tensor
    recall: Tensor


def pixel_histograms(
    maps: Tensor, masks: Tensor, ignore: Tensor | None = None, thresholds: Sequence[float] = THRESHOLDS
) -> Tensor:
    """Count the pixels between thresholds, off and on the object, int64 ``(N, 2, E)``: what ``px_ap`` is made of.

    The bins begin at each threshold and at 1, the last being for the map's largest value alone.

    Raises:
        ValueError: maps, masks or thresholds that do not fit, or empty masks, which are named.
    """
    values, edges = checked_maps(maps), checked_thresholds(thresholds)
    if edges[0] != 0 or (np.diff(edges) <= 0).any() or edges[-1] == 1:
        raise ValueError("the thresholds of PxAP must rise from 0 to below 1: every pixel has to be in a bin")
    objects = checked_masks(masks, values.shape)
    bins = np.searchsorted(np.append(edges, 1.0), unit_range(values), side="right") - 1
    return torch.from_numpy(_histogram(bins, objects, ~checked_ignore(ignore, objects), len(edges) + 1))


def pooled_precision(histograms: Tensor) -> PixelPrecision:
    """Return PxAP from the counts of ``pixel_histograms`` ``(N, 2, E)``, of all pictures together."""
    off, on = histograms.sum(dim=0).flip(1).cumsum(dim=1).double()  # (E,) each: pixels at or above, highest first
    precision = on / (off + on).clamp(min=1)
    recall = on / on[-1]
    gained = recall.diff(prepend=torch.zeros(1, dtype=recall.dtype))
    return PixelPrecision(float((precision * gained).sum()), precision, recall)


def px_ap(
    maps: Tensor, masks: Tensor, ignore: Tensor | None = None, thresholds: Sequence[float] = THRESHOLDS
) -> PixelPrecision:
    """Return PxAP, the pixel average precision of Choe et al. (CVPR 2020, section 4.1, as in wsolevaluation).

    Maps are scaled to [0, 1] by their own minimum and maximum; a pixel counts from a threshold on (greater or equal, in
    floating point, unlike for boxes). Pixels of all pictures are pooled: PxAP = sum of precision(l) (recall(l) -
    recall(l - 1)) over thresholds from the highest on. A map that is the same everywhere is 0 everywhere; if all are,
    PxAP is the objects' share of the pixels, which is also a random map's.

    Args:
        maps: ``(N, H, W)``.
        masks: bool ``(N, H, W)``, True on the object.
        ignore: bool ``(N, H, W)``, True where a pixel counts for nothing; on the object it has no effect.
        thresholds: rising from 0 to below 1.

    Raises:
        ValueError: maps, masks or thresholds that do not fit, or empty masks, which are named.
    """
    return pooled_precision(pixel_histograms(maps, masks, ignore, thresholds))
