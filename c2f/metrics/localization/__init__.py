"""How well maps find the object: the published measures of localisation, against boxes or exact masks.

Maps are ``(N, H, W)`` at the picture's size, higher = more evidence, of any range, finite. Boxes are int64: x0, y0, x1,
y1 in pixels, both ends inside. Masks are bool ``(N, H, W)``. All measures return shares in [0, 1], never percent.

A measure that needs a threshold takes the one that ``choose_threshold`` found on a labelled part, and ``score``s
other pictures with it; ``max_box_acc`` and ``max_box_acc_v2`` take the best on the scored pictures themselves.
"""

from c2f.metrics.localization.baselines import centre_box, chance_level, random_maps, whole_picture
from c2f.metrics.localization.box_accuracy import (
    IOUS,
    THRESHOLDS,
    OracleAccuracy,
    box_accuracy,
    box_ious,
    max_box_acc,
    max_box_acc_v2,
    oracle_accuracy,
)
from c2f.metrics.localization.boxes import RULES, box_iou, boxes_from_map, boxes_to_masks, masks_to_boxes
from c2f.metrics.localization.inputs import Boxes
from c2f.metrics.localization.pixels import (
    MaskScores,
    PixelPrecision,
    mask_scores,
    pixel_histograms,
    pooled_precision,
    px_ap,
)
from c2f.metrics.localization.pointing import energy_in_object, pointing_game
from c2f.metrics.localization.summaries import by_class
from c2f.metrics.localization.thresholds import METRICS, Score, choose_threshold, score

__all__ = [
    "IOUS",
    "METRICS",
    "RULES",
    "THRESHOLDS",
    "Boxes",
    "MaskScores",
    "OracleAccuracy",
    "PixelPrecision",
    "Score",
    "box_accuracy",
    "box_iou",
    "box_ious",
    "boxes_from_map",
    "boxes_to_masks",
    "by_class",
    "centre_box",
    "chance_level",
    "choose_threshold",
    "energy_in_object",
    "mask_scores",
    "masks_to_boxes",
    "max_box_acc",
    "max_box_acc_v2",
    "oracle_accuracy",
    "pixel_histograms",
    "pointing_game",
    "pooled_precision",
    "px_ap",
    "random_maps",
    "score",
    "whole_picture",
]
