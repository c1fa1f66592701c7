"""Picture files as a network sees them, and where in the file that is.

Axes: N pictures, C channels, H = W rows and columns of what the network takes.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from c2f.common.checks import shortened
from c2f.common.files import expand
from c2f.corruptions.resampling import grey
from c2f.datasets.decoding import open_picture, shrink
from c2f.datasets.readers import list_files
from c2f.zoo.models import TrainedModel

Box = tuple[int, int, int, int]
_READERS = 4


def find_pictures(named: Sequence[str]) -> list[Path]:
    """Return the picture files that ``named`` files and folders (at any depth) are, in the order of their paths.

    Raises:
        FileNotFoundError: one is not there, or a folder holds no pictures.
    """
    found: list[Path] = []
    for text in named:
        path = expand(text)
        if not path.exists():
            raise FileNotFoundError(f"there is no picture and no folder {path}")
        inside = [path] if path.is_file() else [Path(each) for each in list_files(path)[0]]
        if not inside:
            raise FileNotFoundError(f"{path} holds no pictures")
        found += inside
    twice = sorted({str(path) for path in found if found.count(path) > 1}) if len(found) < 1000 else []
    if twice:
        raise ValueError(f"named more than once: {shortened(twice)}")
    return found


def seen_region(width: int, height: int, cropped: bool) -> Box:
    """Return which part of a file's picture a network sees, in its pixels, x1 and y1 outside: the whole, squeezed to a
    square, or of a network trained on crops the middle, seven eighths of the shorter side.
    """
    if not cropped:
        return 0, 0, width, height
    side = round(min(width, height) * 7 / 8)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def read_for(model: TrainedModel, paths: Sequence[Path]) -> Tensor:
    """Return the pictures in ``paths`` as ``model`` takes them: float32 ``(N, C, H, H)``, its mean picture subtracted.

    Raises:
        c2f.datasets.decoding.DamagedData: a file that is no whole picture; its name.
        ValueError: a network of other channels than 1 or 3.
    """
    with ThreadPoolExecutor(_READERS) as pool:
        arrays = list(pool.map(partial(_read, size=model.image_size, cropped=model.cropped), paths))
    x = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255
    if model.in_channels == 1:
        x = (grey(x) * 255).round_() / 255
    elif model.in_channels != 3:
        raise ValueError(f"photographs have 3 channels, or 1 of grey levels; the network takes {model.in_channels}")
    return x.contiguous() if model.mean is None else x - model.mean


def _read(path: Path, size: int, cropped: bool) -> np.ndarray:
    picture: Image.Image = open_picture(path)
    return np.asarray(shrink(picture.crop(seen_region(*picture.size, cropped)) if cropped else picture, size))
