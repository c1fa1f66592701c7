"""The refined class map: which part of a picture its low- and its high-resolution class map agree on.

::

    refined = refine(pictures, low, high)  # (N, C, H, W), (N, h, w), (N, H, W)
    refined.kept, refined.result  # bool (N, H, W), (N, C, H, W)
    refine(pictures, low, high, RefineOptions(focal_scope="local", filter_percentage=30)).segmented

Source: Tagaris et al. 2019, *High Resolution Class Activation Mapping for Discriminative Feature Localization*, and the
authors' code. The low map says roughly where to look, the edges of the high map where things end: regions of medium
edge strength grow from the low map's highest points; strong edges join them; small holes close; the segment is merged
with the low map; the highest part of that is kept.

Equal to the authors' code up to ``merged``, except as below, and to its filter by threshold. Ours differs where theirs
goes wrong:

1. Percentage: theirs takes the threshold from the merged map and compares it with the merged map *scaled*, so that
   another share is kept, and none at all of a binary map; 0 % fails. Ours keeps that share of the pixels exactly. Of
   equal pixels, those go first where ``blurred`` is higher.
2. Blank segment: theirs returns the low map at its own size, which the filter cannot take. Ours merges to the low map
   at the picture's size, scaled.
3. Full segment: theirs is NaN everywhere. It says no more than a blank one, so ours is the low map again.
4. A low map without a positive value: with local focal points, every pixel becomes one in theirs. Ours finds the same
   points whatever constant is added to a map. As in theirs, ``merged`` then is the segment alone; if that is blank,
   theirs fails and ours is the low map.
5. One local maximum, or equal ones: none is above the middle, so that theirs has no focal point and fails. Ours takes
   them all.
6. A constant high map is NaN in theirs. In ours it is zeros: no edges, one region, merged to the low map.
7. A bound of 0 is replaced by the whole picture's quartile. Theirs does so when regions grow but not for the strong
   edges; ours for both, and a pixel without any slope never is an edge.
8. A low map without a region of interest is an error that names the picture; a percentile of nothing in theirs.
9. Sizes come from the arrays, not from a global 224. So do the number of global focal points and the size of a cell.
   Equal pixels are not taken in arbitrary order, but the upper and left first.
"""

from c2f.cam.refine.options import FILTER_TYPES, FOCAL_SCOPES, MAXIMA_AREAS, MERGE_TYPES, RefineOptions
from c2f.cam.refine.pipeline import Refined, refine

__all__ = [
    "FILTER_TYPES",
    "FOCAL_SCOPES",
    "MAXIMA_AREAS",
    "MERGE_TYPES",
    "RefineOptions",
    "Refined",
    "refine",
]
