"""What the pipeline can be told, checked where it is said."""

import math
from dataclasses import dataclass
from numbers import Real

from c2f.common.checks import choose, positive_int

FOCAL_SCOPES = ("global", "local")
MAXIMA_AREAS = ("small", "large")
MERGE_TYPES = ("blend", "multiply")
FILTER_TYPES = ("percentage", "threshold")


@dataclass(frozen=True)
class RefineOptions:
    """The settings of ``refine``; the defaults are the paper's.

    Attributes:
        roi_percentile: the region of interest is where the low map is above this percentile of itself, in [0, 100).
        focal_scope: where regions grow from: ``global``, the highest pixels of the low map; ``local``, its high
            local maxima.
        maxima_areas: with ``local``, of each maximum's cell the ``small`` part, its skeleton, or the ``large``, all
            of it.
        merge_type: how segment and low map are merged: ``blend``, a weighted sum, or ``multiply``, the product.
        merge_alpha: with ``blend``, the weight of the segment, in [0, 1]; the low map has the rest.
        filter_type: what is kept: a ``percentage`` of the pixels, or all above a ``threshold``.
        filter_percentage: with ``percentage``, how many of 100 pixels, in [0, 100].
        filter_threshold: with ``threshold``, the value of the scaled merged map that is to be passed, in [0, 1].
        blur_size: side of the square mean filter in pixels, odd; 1 blurs nothing.
        hole_area: holes of fewer pixels are filled. The paper's 256, made for 224x224, is half a hundredth of that;
            21 is the same share of 64x64.

    Raises:
        ValueError: an unknown choice or a value out of range.
    """

    roi_percentile: float = 85
    focal_scope: str = "global"
    maxima_areas: str = "small"
    merge_type: str = "blend"
    merge_alpha: float = 0.5
    filter_type: str = "percentage"
    filter_percentage: float = 15
    filter_threshold: float = 0.6
    blur_size: int = 5
    hole_area: int = 256

    def __post_init__(self) -> None:
        choose(self.focal_scope, FOCAL_SCOPES, "focal_scope")
        choose(self.maxima_areas, MAXIMA_AREAS, "maxima_areas")
        choose(self.merge_type, MERGE_TYPES, "merge_type")
        choose(self.filter_type, FILTER_TYPES, "filter_type")
        _within(self.roi_percentile, "roi_percentile", math.nextafter(100, 0), "[0, 100): nothing is above the 100th")
        _within(self.merge_alpha, "merge_alpha", 1, "[0, 1]")
        _within(self.filter_percentage, "filter_percentage", 100, "[0, 100]")
        _within(self.filter_threshold, "filter_threshold", 1, "[0, 1], a share of the merged map's range")
        positive_int(self.hole_area, "hole_area", minimum=0)
        if positive_int(self.blur_size, "blur_size") % 2 == 0:
            raise ValueError(f"blur_size must be odd, so that the mean has a centre, not {self.blur_size}")


def _within(value: float, what: str, most: float, allowed: str) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= most:
        raise ValueError(f"{what} must be a number in {allowed}; it is {value!r}")
