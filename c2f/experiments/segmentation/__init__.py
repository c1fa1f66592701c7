"""Segmentation, the third experiment of the Top-Down Networks paper: ``segmentation_run``, and the steps it is made of.

::

    train, test = load_meshes("fashion-mnist-sample")
    train.images, train.labels  # uint8 (2500, 1, 56, 56) and (2500, 56, 56)

Axes: N meshes, H rows, W columns, K classes.
"""

from c2f.experiments.segmentation.meshes import (
    Meshes,
    class_weights,
    load_meshes,
    make_meshes,
    mesh_layout,
    pixel_labels,
)
from c2f.experiments.segmentation.profiles import MESH_PROFILES, mesh_profile
from c2f.experiments.segmentation.receptive_field import influence, seen_from
from c2f.experiments.segmentation.run import segmentation_run
from c2f.experiments.segmentation.scores import (
    DEFINITIONS,
    MeshEvaluation,
    PixelScores,
    evaluate_meshes,
    masked_loss,
    pixel_confusion,
    pixel_scores,
    predict,
)
from c2f.experiments.segmentation.tables import (
    class_values,
    definition_ladder,
    recorded_segmentations,
    where_and_what,
    where_and_what_over_seeds,
)
from c2f.experiments.segmentation.training import MeshHistory, MeshRecipe, fit_meshes

__all__ = [
    "DEFINITIONS",
    "MESH_PROFILES",
    "MeshEvaluation",
    "MeshHistory",
    "MeshRecipe",
    "Meshes",
    "PixelScores",
    "class_values",
    "class_weights",
    "definition_ladder",
    "evaluate_meshes",
    "fit_meshes",
    "influence",
    "load_meshes",
    "make_meshes",
    "masked_loss",
    "mesh_layout",
    "mesh_profile",
    "pixel_confusion",
    "pixel_labels",
    "pixel_scores",
    "predict",
    "recorded_segmentations",
    "seen_from",
    "segmentation_run",
    "where_and_what",
    "where_and_what_over_seeds",
]
