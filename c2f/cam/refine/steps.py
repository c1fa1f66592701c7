"""The steps of the pipeline, each on a whole batch (Tagaris et al. 2019; numbers of the authors' code).

Axes: N pictures, H rows and W columns of a picture, h rows and w columns of a low-resolution map, P focal points of
one picture. Maps are float arrays, masks bool. Points are int64 x, y in pixels, x to the right, y down.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.morphology import local_maxima, skeletonize

_CROSS = np.zeros((3, 3, 3), dtype=bool)  # the four neighbours in the same picture
_CROSS[1] = ndimage.generate_binary_structure(2, 1)


def normalise(maps: np.ndarray) -> np.ndarray:
    """Return ``(N, H, W)`` scaled to [0, 1] by each map's minimum and maximum; a constant map becomes zeros."""
    lowest = maps.min(axis=(1, 2), keepdims=True)
    span = maps.max(axis=(1, 2), keepdims=True) - lowest
    span[span == 0] = 1
    return (maps - lowest) / span


def blur(maps: np.ndarray, size: int) -> np.ndarray:
    """Return the mean of the ``size`` x ``size`` pixels around each of ``(N, H, W)``, mirrored at the border."""
    return ndimage.uniform_filter(maps, size=(1, size, size), mode="reflect")


def sobel(maps: np.ndarray) -> np.ndarray:
    """Return the Sobel magnitude ``(N, H, W)``: the root mean square of both slopes, mirrored at the border."""

    def slope(along: int, across: int) -> np.ndarray:
        smooth = ndimage.correlate1d(maps, [0.25, 0.5, 0.25], axis=across, mode="reflect")
        return ndimage.correlate1d(smooth, [-1, 0, 1], axis=along, mode="reflect")

    return np.sqrt((slope(1, 2) ** 2 + slope(2, 1) ** 2) / 2)


def region_of_interest(low_resized: np.ndarray, percentile: float) -> np.ndarray:
    """Return where ``(N, H, W)`` is above this percentile of its own map; nowhere if the top is that wide."""
    cut = np.percentile(low_resized, percentile, axis=(1, 2), keepdims=True)
    return low_resized > cut


def edge_bounds(edges: np.ndarray, roi: np.ndarray) -> np.ndarray:
    """Return the 25th and 75th percentile of ``edges`` in the region of interest, ``(N, 2)``.

    A bound of 0 is replaced by the whole picture's, as in the authors' code.

    Args:
        edges: ``(N, H, W)``.
        roi: bool ``(N, H, W)``, not empty in any picture.
    """
    inside = np.stack([np.percentile(edge[region], (25, 75)) for edge, region in zip(edges, roi, strict=True)])
    whole = np.percentile(edges, (25, 75), axis=(1, 2)).T
    return np.where(inside == 0, whole, inside).astype(edges.dtype)


def global_focal_points(low_resized: np.ndarray) -> list[np.ndarray]:
    """Return the highest pixels of each of ``(N, H, W)``, ``(P, 2)``, highest first; P = root of the side, rounded.

    That is 15 at 224x224. Of equal pixels the upper come first, then the left.
    """
    _, height, width = low_resized.shape
    count = round((height * width) ** 0.25)
    places = [_largest(one.ravel(), one.ravel(), count) for one in low_resized]
    return [np.stack([place % width, place // width], axis=1) for place in places]


def local_focal_points(low: np.ndarray, size: tuple[int, int], areas: str) -> list[np.ndarray]:
    """Return pixels at the high local maxima of each low-resolution map, ``(P, 2)``.

    A local maximum is a cell, or a plateau of cells, without a higher one among its eight neighbours. Those above the
    middle between the highest and the lowest maximum count; all do where none is, being equal.

    Args:
        low: ``(N, h, w)``, no map constant.
        size: H, W of the picture, onto which cells are enlarged as blocks.
        areas: ``large`` for all pixels of the blocks, ``small`` for their skeleton (Zhang and Suen 1984).
    """
    rows, columns = (np.arange(new) * old // new for new, old in zip(size, low.shape[1:], strict=True))
    points = []
    for one in low:
        maxima = local_maxima(one)
        heights = one[maxima]
        high = maxima & (one > (heights.max() + heights.min()) / 2)
        blocks = (high if high.any() else maxima)[rows][:, columns]  # (H, W)
        if areas == "small":
            blocks = skeletonize(np.ascontiguousarray(blocks))  # scikit-image 0.22 takes no other
        y, x = np.nonzero(blocks)
        points.append(np.stack([x, y], axis=1))
    return points


def grow_regions(edges: np.ndarray, bounds: np.ndarray, points: Sequence[np.ndarray]) -> np.ndarray:
    """Return what connects to a focal point through pixels within the bounds, bool ``(N, H, W)``.

    Connected means by sides, not corners. A point outside the bounds adds nothing.

    Args:
        edges: ``(N, H, W)``.
        bounds: ``(N, 2)``, the lowest and the highest value of ``edges`` that belongs, both included.
        points: N arrays ``(P, 2)``.
    """
    lower, upper = bounds.T[..., None, None]  # (N, 1, 1) each
    pieces, count = ndimage.label((lower <= edges) & (edges <= upper), structure=_CROSS)  # numbered over the batch
    chosen = np.zeros(count + 1, dtype=bool)
    for piece, xy in zip(pieces, points, strict=True):
        chosen[piece[xy[:, 1], xy[:, 0]]] = True
    chosen[0] = False  # what is out of bounds
    return chosen[pieces]


def fill_holes(masks: np.ndarray, area: int) -> np.ndarray:
    """Return bool ``(N, H, W)`` with holes of fewer than ``area`` pixels filled, those at the border included.

    A hole is a piece of the background, connected by sides, not corners.
    """
    pieces, count = ndimage.label(~masks, structure=_CROSS)
    small = np.bincount(pieces.ravel(), minlength=count + 1) < area
    return masks | small[pieces]


def merge(segments: np.ndarray, low: np.ndarray, merge_type: str, alpha: float) -> np.ndarray:
    """Return segment and low-resolution map merged, float64 ``(N, H, W)`` in [0, 1].

    The low map is scaled to 8 bits, enlarged (bilinear, half-pixel centres) and scaled again. A low map without a
    positive value leaves the segment as it is. A segment that is blank or full leaves the low map as it is.

    Args:
        segments: bool ``(N, H, W)``.
        low: ``(N, h, w)``.
        merge_type: ``blend``, ``alpha`` of the segment and the rest of the low map, or ``multiply``.
        alpha: in [0, 1].
    """
    size = segments.shape[:0:-1]  # W, H
    grey = (normalise(low) * 255).astype(np.uint8)
    enlarged = [np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BILINEAR)) for one in grey]
    heat = normalise(np.stack(enlarged).astype(np.float64))  # (N, H, W)
    solid = segments.astype(np.float64)
    mixed = solid * heat if merge_type == "multiply" else alpha * solid + (1 - alpha) * heat
    mixed = np.where((low > 0).any(axis=(1, 2), keepdims=True), mixed, solid)
    says_where = segments.any(axis=(1, 2), keepdims=True) & ~segments.all(axis=(1, 2), keepdims=True)
    return np.where(says_where, mixed, heat)


def keep_percentage(merged: np.ndarray, percentage: float, ties: np.ndarray) -> np.ndarray:
    """Return the highest pixels of ``merged``, bool ``(N, H, W)``: so many of 100, in every picture.

    Merged maps have few distinct values, so that many pixels are equal. The higher ones in ``ties`` ``(N, H, W)`` then
    go first, after that the upper and the left ones.
    """
    count = round(percentage / 100 * merged[0].size)
    keep = np.zeros(merged.shape, dtype=bool)
    for kept, values, tie in zip(keep, merged, ties, strict=True):
        kept.flat[_largest(values.ravel(), tie.ravel(), count)] = True
    return keep


def keep_threshold(merged: np.ndarray, threshold: float) -> np.ndarray:
    """Return where ``merged``, scaled to [0, 1] in each picture, is above ``threshold``, bool ``(N, H, W)``."""
    return normalise(merged) > threshold


def _largest(values: np.ndarray, ties: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the ``count`` largest, largest first; equal ones by ``ties``, then by place."""
    if not count:
        return np.zeros(0, dtype=np.int64)
    candidates = np.flatnonzero(values >= np.partition(values, -count)[-count])
    return candidates[np.lexsort((-ties[candidates], -values[candidates]))[:count]]
