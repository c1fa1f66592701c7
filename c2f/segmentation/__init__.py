"""Segmentation, the third experiment of the Top-Down Networks paper: ``segmentation_run``, and the steps it is made of.

::

    train, test = load_meshes("fashion-mnist-sample")
    train.images, train.labels  # uint8 (2500, 1, 56, 56) and (2500, 56, 56)

Axes: N meshes, H rows, W columns, K classes.
"""

from c2f.segmentation.experiment import (
    load_segmentation,
    segmentation_name,
    segmentation_record,
    segmentation_run,
)
from c2f.segmentation.meshes import Meshes, class_weights, load_meshes, make_meshes, mesh_layout, pixel_labels
from c2f.segmentation.scores import (
    DEFINITIONS,
    MeshEvaluation,
    PixelScores,
    evaluate_meshes,
    masked_loss,
    pixel_confusion,
    pixel_scores,
    predict,
)
from c2f.segmentation.training import MeshHistory, MeshRecipe, fit_meshes

__all__ = [
    "DEFINITIONS",
    "MeshEvaluation",
    "MeshHistory",
    "MeshRecipe",
    "Meshes",
    "PixelScores",
    "class_weights",
    "evaluate_meshes",
    "fit_meshes",
    "load_meshes",
    "load_segmentation",
    "make_meshes",
    "masked_loss",
    "mesh_layout",
    "pixel_confusion",
    "pixel_labels",
    "pixel_scores",
    "predict",
    "segmentation_name",
    "segmentation_record",
    "segmentation_run",
]
