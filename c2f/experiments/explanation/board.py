"""What TensorBoard shows of a trained network's answers: pictures with their maps, or with windows, crops and answers.

Axes: N pictures, C channels, H = W rows and columns, T glimpses.
"""

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from c2f.cam import upsample
from c2f.experiments.explanation.maps import default_method, explain, find_path
from c2f.networks.glimpse.geometry import boxes, glimpse_side, take_glimpse
from c2f.networks.glimpse.network import MultiGlimpse
from c2f.networks.modes import eval_mode
from c2f.plotting import heatmaps, overlays
from c2f.plotting.colours import glimpse_colour
from c2f.zoo.models import TrainedModel

SHOWN = 8
"""Test pictures that are shown."""
_SIDE = 160


def write_pictures(writer: Any, model: TrainedModel, pictures: Tensor, epoch: int) -> None:
    """Write the first ``SHOWN`` of ``pictures`` ``(N, C, H, H)`` in [0, 1] with what a classifier sees in them."""
    looks = isinstance(model.network, MultiGlimpse)
    tiles = (_windows if looks else _maps)(model, pictures[:SHOWN])
    writer.add_image(
        "windows" if looks else "maps", np.asarray(overlays.contact_sheet(tiles, 2)), epoch, dataformats="HWC"
    )
    writer.flush()


def _image(x: Tensor) -> Image.Image:
    levels = (x.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    picture = Image.fromarray(levels.squeeze(2) if levels.shape[2] == 1 else levels).convert("RGB")
    return picture.resize((_SIDE, _SIDE), Image.Resampling.NEAREST)


def _maps(model: TrainedModel, pictures: Tensor) -> list[Image.Image]:
    x = pictures if model.mean is None else pictures - model.mean
    method = default_method(model.network)
    found = explain(model, x, method, find_path(model, None, x))
    limits, region = heatmaps.limits([found.maps]), (0, 0, _SIDE, _SIDE)
    heat = upsample(found.maps, _SIDE).numpy()
    images = [_image(each) for each in pictures]
    sure = zip(found.predicted.tolist(), found.probabilities.tolist(), strict=True)
    said = [f"{model.classes[k]} {100 * p:.0f} %" for k, p in sure]
    return [
        overlays.tile([image, overlays.paint(image, each, limits, region)], text, _SIDE)
        for image, each, text in zip(images, heat, said, strict=True)
    ]


def _windows(model: TrainedModel, pictures: Tensor) -> list[Image.Image]:
    network = model.network_of(MultiGlimpse)
    with eval_mode(network), torch.no_grad():
        seen = network(pictures)
    side = glimpse_side(model.image_size, network.settings.downsampling)
    crops = torch.stack([take_glimpse(pictures, locations, side) for locations in seen.locations])  # (T, N, C, h, h)
    tiles = []
    for i, picture in enumerate(map(_image, pictures)):
        for glimpse, box in enumerate(((boxes(seen.locations[:, i]) + 1) / 2 * (_SIDE - 1)).tolist()):
            overlays.outline(picture, box, glimpse_colour(glimpse), str(glimpse + 1))
        said = [model.classes[int(k)] for k in seen.logits[:, i].argmax(dim=1)]
        tiles.append(overlays.tile([picture, *map(_image, crops[:, i])], ", ".join(said), _SIDE))
    return tiles
