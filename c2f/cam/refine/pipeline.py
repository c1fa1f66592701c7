"""The pipeline from two class maps to what is kept of the picture (Tagaris et al. 2019; the authors' code).

Axes: N pictures, C channels, H rows and W columns of a picture, h rows and w columns of a low-resolution map, P focal
points of one picture.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from c2f.cam import upsample
from c2f.cam.refine import steps
from c2f.cam.refine.options import RefineOptions
from c2f.common.checks import named


@dataclass(frozen=True)
class Refined:
    """What each step of the pipeline made of N pictures, in the order of the steps.

    Attributes:
        low: ``(N, h, w)``, the low-resolution map as it was given.
        low_resized: ``(N, H, W)``, that map at the picture's size, bilinear.
        roi: bool ``(N, H, W)``, the region of interest: the low map's highest part.
        blurred: ``(N, H, W)`` in [0, 1], the high-resolution map scaled, then smoothed.
        edges: ``(N, H, W)`` in [0, 1], its Sobel magnitude, scaled.
        bounds: ``(N, 2)``, the edge strengths between which regions grow: lower and upper quartile in ``roi``.
        focal_points: N int64 ``(P, 2)``, where they grow from: x, y in pixels, x to the right, y down.
        segmented: bool ``(N, H, W)``, the grown regions.
        edge_mask: bool ``(N, H, W)``, the strong edges: from the upper bound on.
        roi_edges: bool ``(N, H, W)``, those in ``roi``.
        full_segment: bool ``(N, H, W)``, ``segmented`` and ``roi_edges`` together, small holes filled.
        merged: float64 ``(N, H, W)`` in [0, 1], the segment merged with the low map.
        kept: bool ``(N, H, W)``, the part of ``merged`` that passes the filter.
        result: ``(N, C, H, W)``, the pictures where ``kept``, 0 elsewhere.
    """

    low: Tensor
    low_resized: Tensor
    roi: Tensor
    blurred: Tensor
    edges: Tensor
    bounds: Tensor
    focal_points: tuple[Tensor, ...]
    segmented: Tensor
    edge_mask: Tensor
    roi_edges: Tensor
    full_segment: Tensor
    merged: Tensor
    kept: Tensor
    result: Tensor


def refine(pictures: Tensor, low: Tensor, high: Tensor, options: RefineOptions | None = None) -> Refined:
    """Refine class maps: keep of each picture what its two maps, of low and of full resolution, agree on.

    Pictures do not influence each other. The work is done on the CPU, the maps come back on ``high``'s device. It
    takes some 3 MB a picture at 224x224, so give a large set in batches.

    Args:
        pictures: ``(N, C, H, W)`` of any type; only ``result`` depends on them.
        low: float ``(N, h, w)``, raw class maps at low resolution, higher = more evidence; h <= H, w <= W.
        high: float ``(N, H, W)``, raw class maps at the picture's resolution. Half precision is worked on in single.
        options: the settings; the paper's where None.

    Raises:
        ValueError: another type or shape, values that are not finite, or a low map without a region of interest:
            nothing is above its percentile, as where the map is constant.
    """
    options = RefineOptions() if options is None else options
    if not isinstance(options, RefineOptions):
        raise ValueError(f"options must be RefineOptions(...), not {options!r}")
    _check_shapes(pictures, low, high)
    low_map, high_map = _checked_values(low, "low"), _checked_values(high, "high")

    low_resized = upsample(torch.from_numpy(low_map), (high.shape[1], high.shape[2])).numpy()
    roi = steps.region_of_interest(low_resized, options.roi_percentile)
    _check_roi(roi, options.roi_percentile)
    blurred = steps.blur(steps.normalise(high_map), options.blur_size)
    edges = steps.normalise(steps.sobel(blurred))
    bounds = steps.edge_bounds(edges, roi)
    if options.focal_scope == "global":
        points = steps.global_focal_points(low_resized)
    else:
        points = steps.local_focal_points(low_map, roi.shape[1:], options.maxima_areas)
    segmented = steps.grow_regions(edges, bounds, points)
    edge_mask = (edges >= bounds[:, 1, None, None]) & (edges > 0)
    roi_edges = edge_mask & roi
    full_segment = steps.fill_holes(segmented | roi_edges, options.hole_area)
    merged = steps.merge(full_segment, low_map, options.merge_type, options.merge_alpha)
    if options.filter_type == "percentage":
        kept = steps.keep_percentage(merged, options.filter_percentage, ties=blurred)
    else:
        kept = steps.keep_threshold(merged, options.filter_threshold)

    def back(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(high.device)

    return Refined(
        low=low,
        low_resized=back(low_resized),
        roi=back(roi),
        blurred=back(blurred),
        edges=back(edges),
        bounds=back(bounds),
        focal_points=tuple(back(xy) for xy in points),
        segmented=back(segmented),
        edge_mask=back(edge_mask),
        roi_edges=back(roi_edges),
        full_segment=back(full_segment),
        merged=back(merged),
        kept=back(kept),
        result=pictures.masked_fill(~torch.from_numpy(kept)[:, None].to(pictures.device), 0),
    )


def _check_shapes(pictures: Tensor, low: Tensor, high: Tensor) -> None:
    wanted = {"pictures": (pictures, "(N, C, H, W)"), "low": (low, "(N, h, w)"), "high": (high, "(N, H, W)")}
    for what, (value, shape) in wanted.items():
        if not isinstance(value, Tensor):
            raise ValueError(f"{what} must be a tensor {shape}, not a {type(value).__name__}; try torch.as_tensor")
        if value.ndim != shape.count(",") + 1 or not value.numel():
            hint = "; add an axis to a single one: x[None]" if value.ndim == shape.count(",") else ""
            raise ValueError(f"{what} must be {shape}, N at least 1, not {tuple(value.shape)}{hint}")
    count, height, width = high.shape
    if (pictures.shape[0], *pictures.shape[2:]) != (count, height, width) or low.shape[0] != count:
        raise ValueError(
            f"pictures {tuple(pictures.shape)}, low {tuple(low.shape)} and high {tuple(high.shape)} do not fit: there "
            "must be one low and one high map a picture, the high one of the picture's size"
        )
    if low.shape[1] > height or low.shape[2] > width:
        raise ValueError(
            f"the low maps {tuple(low.shape)} are larger than the high ones {tuple(high.shape)}; are they exchanged?"
        )


def _checked_values(maps: Tensor, what: str) -> np.ndarray:
    """Return the maps as float32, or float64 where they are, on the CPU."""
    if not maps.is_floating_point():
        raise ValueError(f"{what} must be raw maps of a float type, not {maps.dtype}")
    values = maps.detach().to("cpu", torch.promote_types(maps.dtype, torch.float32)).numpy()
    bad = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)))
    if len(bad):
        raise ValueError(
            f"values that are not finite in {named(bad, f'{what} map')} of {len(maps)}: give raw maps, which need no "
            "division by a maximum that may be 0, or leave these pictures out"
        )
    return values


def _check_roi(roi: np.ndarray, percentile: float) -> None:
    empty = np.flatnonzero(~roi.any(axis=(1, 2)))
    if len(empty):
        raise ValueError(
            f"no region of interest in {named(empty, 'low map')} of {len(roi)}: no value is above the map's percentile "
            f"{percentile:g}, as it is constant or highest over {100 - percentile:g} % of its pixels or more; lower "
            "roi_percentile, or leave these pictures out"
        )
