"""Grad-CAM and HiResCAM: where in a picture a network finds evidence for a class, for any network and layer.

::

    result = grad_cam(network, paper_layers("lenetfc_td")["act_3"], pictures)
    upsample(result.maps, 28)  # float32 (N, 28, 28)

The map of a class is the sum of a layer's channels, each weighted by the mean over space of the class score's gradient
(Selvaraju et al. 2017, section 3); ``hires_cam`` multiplies by the gradient place by place (Draelos and Carin 2020).
Maps are raw: evidence against the class is negative (the ReLU of Selvaraju et al. is ``maps.clamp(min=0)``), and they
have the layer's resolution.
"""

from c2f.cam.gradcam import SCORES, CamResult, grad_cam, hires_cam
from c2f.cam.highres import ClassMaps, class_maps
from c2f.cam.hooks import find_layer, keep_outputs
from c2f.cam.layers import last_features, paper_layers
from c2f.cam.maps import paper_normalise, upsample
from c2f.networks.modes import frozen

__all__ = [
    "SCORES",
    "CamResult",
    "ClassMaps",
    "class_maps",
    "find_layer",
    "frozen",
    "grad_cam",
    "hires_cam",
    "keep_outputs",
    "last_features",
    "paper_layers",
    "paper_normalise",
    "upsample",
]
