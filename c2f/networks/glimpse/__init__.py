"""The Multi-Glimpse Network: a few looks at small crops instead of one at everything.

::

    from c2f.networks import glimpse

    network = glimpse.build("small_cnn", in_channels=1, num_classes=10, image_size=112, seed=0)
    seen = network(pictures)  # pictures (N, 1, 112, 112)
    seen.logits, seen.locations  # (4, N, 10), (4, N, 3): the answer after each glimpse, and where it looked
    glimpse.total_loss(network, pictures, seen, labels, glimpse.LossSettings()).total.backward()

Tan, Dong, Ma: "Multi-Glimpse Network: A Robust and Efficient Classification Architecture based on Recurrent Downsampled
Attention", BMVC 2021, arXiv 2111.02018.
"""

from c2f.networks.glimpse.backbones import SmallCNN, Standardise, backbone_names, build_backbone, without_classes
from c2f.networks.glimpse.exits import EarlyExit, early_exit
from c2f.networks.glimpse.fusion import Fusion, Memory
from c2f.networks.glimpse.geometry import (
    TRANSLATIONS,
    boxes,
    glimpse_side,
    locations_from,
    pixel_boxes,
    share_inside,
    take_glimpse,
    whole_picture,
)
from c2f.networks.glimpse.gradients import GradientEquilibrium, equilibrium_ratio
from c2f.networks.glimpse.losses import Losses, LossSettings, spatial_guidance, total_loss
from c2f.networks.glimpse.network import (
    Glimpses,
    GlimpseSettings,
    LastAnswer,
    Look,
    MultiGlimpse,
    build,
    without_rescaling,
)

__all__ = [
    "TRANSLATIONS",
    "EarlyExit",
    "Fusion",
    "GlimpseSettings",
    "Glimpses",
    "GradientEquilibrium",
    "LastAnswer",
    "Look",
    "LossSettings",
    "Losses",
    "Memory",
    "MultiGlimpse",
    "SmallCNN",
    "Standardise",
    "backbone_names",
    "boxes",
    "build",
    "build_backbone",
    "early_exit",
    "equilibrium_ratio",
    "glimpse_side",
    "locations_from",
    "pixel_boxes",
    "share_inside",
    "spatial_guidance",
    "take_glimpse",
    "total_loss",
    "whole_picture",
    "without_classes",
    "without_rescaling",
]
