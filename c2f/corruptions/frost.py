"""The photographs that the corruption ``frost`` is made of: fetched as data, never part of this project.

They are the first five of the paper's own repository (https://github.com/hendrycks/robustness, Apache 2.0).
"""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from c2f.common.outside import data_root
from c2f.datasets.download import download, md5_of
from c2f.datasets.row import Archive

NAME = "frost"
"""What ``c2f fetch`` calls the photographs, and their folder under the data root."""
HOME = "https://github.com/hendrycks/robustness"
LICENCE = "Apache 2.0"
_FOLDERS = tuple(
    f"https://raw.githubusercontent.com/hendrycks/robustness/master/ImageNet-C/{folder}/"
    for folder in ("create_c", "imagenet_c/imagenet_c/frost")
)
PHOTOGRAPHS = tuple(
    Archive(name, tuple(folder + name for folder in _FOLDERS), md5, size)
    for name, md5, size in (
        ("frost1.png", "6ead634ace1f366d77e87078b465863c", 1_199_930),
        ("frost2.png", "98f0d2b1d74a048d3bc9c7ecfd886939", 299_002),
        ("frost3.png", "b3ed8eb147824261888e730f916c0d8b", 299_002),
        ("frost4.jpg", "d70b9d6aa0b1fe7bd8133b113787e078", 36_734),
        ("frost5.jpg", "50984ae2c871b7df2c28f1d71ca460a0", 155_150),
    )
)
"""The five that the published code draws from; its sixth is never drawn."""


def where(root: str | os.PathLike[str] | None = None) -> Path:
    """Return the photographs' folder, whether or not it is there; ``root`` as for ``c2f.datasets.data_root``."""
    return data_root(root) / NAME


def fetch(root: str | os.PathLike[str] | None = None) -> Path:
    """Download the photographs that are not there yet; return their folder.

    Raises:
        ValueError: one that is there is damaged or another.
        c2f.datasets.download.DownloadError: ``C2F_OFFLINE`` is set, or no address gave the right file.
        OSError: the folder cannot be written to, or the disk is full.
    """
    folder = where(root)
    for photograph in PHOTOGRAPHS:
        path = folder / photograph.name
        if path.exists():
            _check(path, photograph)
        else:
            download(photograph.urls, path, md5=photograph.md5, size=photograph.size)
    return folder


def _check(path: Path, photograph: Archive) -> None:
    found = md5_of(path)
    if found != photograph.md5:
        raise ValueError(
            f"{path} is damaged or another file: md5 {found} instead of {photograph.md5}. "
            f"Remove it and run `c2f fetch {NAME}`."
        )


def load(root: str | os.PathLike[str] | None = None) -> tuple[Tensor, ...]:
    """Return the five photographs, uint8 ``(3, h, w)`` each, their checksums verified.

    Raises:
        FileNotFoundError: one is missing; how to get it, and how to do without.
        ValueError: one is damaged or another.
    """
    folder, found = where(root), []
    for photograph in PHOTOGRAPHS:
        path = folder / photograph.name
        if not path.exists():
            raise FileNotFoundError(
                f"the photograph {path} is missing, which the corruption frost is made of. Run `c2f fetch {NAME}`, put "
                f"the five files of {HOME} there yourself, or leave frost out of the types"
            )
        _check(path, photograph)
        with Image.open(path) as image:
            found.append(torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1))
    return tuple(found)


def there(root: str | os.PathLike[str] | None = None) -> bool:
    """Return whether all photographs are in their folder."""
    return all((where(root) / photograph.name).exists() for photograph in PHOTOGRAPHS)


def stand_in(count: int = 5, seed: int = 0) -> tuple[Tensor, ...]:
    """Return invented photographs, for tests: smooth grey noise, uint8 ``(3, 320, 400)`` each."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 16, 20, generator=generator)
    fine = torch.nn.functional.interpolate(coarse, size=(320, 400), mode="bilinear")
    return tuple((255 * fine).to(torch.uint8))
