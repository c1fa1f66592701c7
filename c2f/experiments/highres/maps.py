"""Maps of a full model at the picture's size: the paper's two, its refined one, and what users know instead.

No class score depends on the expanding path, so a map made from gradients (Grad-CAM, HiResCAM) has nothing to read
there: its finest layers are the classifier's own, ``stem`` at the picture's size and ``encode.0`` at half of it.

Axes: N pictures, C channels of pictures, M feature maps, H rows, W columns, h rows and w columns of a layer, K classes.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from c2f.cam import grad_cam, hires_cam, upsample
from c2f.cam.highres import class_maps
from c2f.cam.refine import RefineOptions, refine
from c2f.common.checks import choose
from c2f.common.progress import progress
from c2f.networks.densenet_fcn import FullDenseNet

TITLES = {
    "low": "low-resolution CAM",
    "high": "high-resolution CAM",
    "high_blurred": "high-resolution CAM, blurred",
    "refined": "refined map",
    "refined_grey": "refined, with the grey picture",
    "gradcam_stem": "Grad-CAM, stem",
    "gradcam_encode": "Grad-CAM, first block",
    "hirescam_stem": "HiResCAM, stem",
    "hirescam_encode": "HiResCAM, first block",
}
"""The maps, and what figures call them.

``high_blurred`` is the mean of 5x5 pixels, as in the refined map's pipeline: it is free of the checkerboard that
transposed convolutions leave (Odena et al. 2016). ``refined_grey`` is refined with the mean of the picture's channels
in place of the high-resolution CAM: a control that needs no decoder."""
LAYERS = {"stem": "classifier.stem", "encode": "classifier.encode.0"}
"""The finest layers that a class score depends on."""


def blur(maps: Tensor) -> Tensor:
    """Return the mean of the 5x5 pixels around each of ``(..., H, W)``; at the border, of those inside the picture."""
    return F.avg_pool2d(maps.flatten(0, -3)[:, None], 5, 1, 2, count_include_pad=False).reshape(maps.shape)


def refine_options(image_size: int, **changes: object) -> RefineOptions:
    """Return the paper's settings of ``refine`` for another size: holes of the same share of the picture are filled.

    Its 256 pixels are made for 224x224. ``changes``: other fields of ``RefineOptions``.
    """
    options = RefineOptions(hole_area=max(1, round(256 * (image_size / 224) ** 2)))
    return replace(options, **changes)  # type: ignore[arg-type]


def all_maps(
    full: FullDenseNet,
    pictures: Tensor,
    classes: int | Sequence[int] | Tensor | None = None,
    names: Sequence[str] = tuple(TITLES),
    batch_size: int = 16,
) -> dict[str, Tensor]:
    """Return maps by name, raw, float32 ``(N, H, W)``, coarse ones enlarged bilinearly.

    Args:
        full: the trained full model.
        pictures: float ``(N, C, H, W)`` in [0, 1].
        classes: to map, one for all or one a picture; None maps the predicted class of each.
        names: of ``TITLES``.
        batch_size: pictures a pass.

    Raises:
        ValueError: an unknown name, a class that there is not, pictures that do not fit, or maps that are not finite.
    """
    for name in names:
        choose(name, TITLES, "map")
    found = class_maps(full, pictures, classes, batch_size)
    assert found.high is not None
    size = (pictures.shape[2], pictures.shape[3])
    made: dict[str, Tensor] = {}
    for name in progress(names, "class maps", unit="kind"):
        how, _, layer = name.partition("_")
        if how == "high":
            made[name] = blur(found.high) if layer else found.high
        elif name == "low":
            made[name] = upsample(found.low, size)
        elif how == "refined":
            fine = pictures.mean(dim=1) if layer else found.high
            made[name] = refine(pictures, found.low, fine, refine_options(size[0])).merged.float()
        else:
            kind = {"gradcam": grad_cam, "hirescam": hires_cam}[how]
            coarse = kind(full, LAYERS[layer], pictures, found.classes, batch_size=batch_size).maps
            made[name] = upsample(coarse, size)
    return made


def relabelled(full: FullDenseNet, order: Sequence[int] | Tensor) -> FullDenseNet:
    """Return a copy whose decoded maps are in another order, and which computes the same.

    The last transition's maps, and with them the weights by which ``rebuild`` reads them, change places: class scores
    and reconstruction stay as they are, the last up to rounding. The high-resolution CAM does not, for the classifier's
    weight k now meets another map.

    Args:
        full: is left as it was.
        order: the M places, each once: map k of the copy is map ``order[k]`` of the model.

    Raises:
        ValueError: ``order`` is no order of M places.
    """
    places = torch.as_tensor(order)
    count = full.rebuild.weight.shape[1]
    if places.shape != (count,) or sorted(places.tolist()) != list(range(count)):
        raise ValueError(f"order must hold each of the places 0 to {count - 1} once, not {places.tolist()}")
    other = copy.deepcopy(full)
    with torch.no_grad():
        other.expand_up.grow.weight.copy_(full.expand_up.grow.weight[:, places])
        ours, theirs = full.expand_up.grow.bias, other.expand_up.grow.bias
        if ours is not None and theirs is not None:  # torch's type allows for None; the model's always has one
            theirs.copy_(ours[places])
        other.rebuild.weight.copy_(full.rebuild.weight[:, places])
    return other
