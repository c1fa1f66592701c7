"""Corrupted pictures in the form of CIFAR-10-C: a numpy file a type, the five severities one after the other.

Axes: N pictures of a severity, B pictures of one batch, C = 3 channels, H = W rows and columns.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from c2f.common.checks import did_you_mean
from c2f.corruptions.apply import check_kinds
from c2f.corruptions.table import SEVERITIES
from c2f.datasets.decoding import DamagedData, resize
from c2f.datasets.registry import info

CLEAN = "clean"
"""What pictures as they were are called beside the types."""
BATCH = 250
"""Pictures corrupted or read at a time."""
LABELS = "labels.npy"
"""The file of the labels."""


def is_arrays(folder: Path) -> bool:
    """Return whether the folder of a tree holds numpy files."""
    return any(folder.expanduser().glob("*.npy"))


class Arrays:
    """Corrupted pictures on disk, ``FOLDER/TYPE.npy`` and ``FOLDER/labels.npy``, as CIFAR-10-C comes.

    A type's file is uint8 ``(5 * N, H, H, 3)``, severity 1 first; labels are whole numbers ``(5 * N,)``, from 0 to 9 in
    CIFAR-10's order. Files are not read as a whole, but where a batch lies. There are no pictures as they were.

    Args:
        folder: of the files.
        kinds: the types; all fifteen where there are none.
        classes: the network's class names, in label order: CIFAR-10's ten.
        image_size: H = W to resize to.
        device: where the batches go.

    Raises:
        ValueError: an unknown type, classes that are not CIFAR-10's, a label out of range, or an array of another shape
            or type than it should be; which.
        DamagedData: a file that is no whole array.
        FileNotFoundError: a type or the labels have no file; which, and what there is.
    """

    in_memory = False

    def __init__(
        self,
        folder: Path | str,
        kinds: Sequence[str] = (),
        *,
        classes: Sequence[str],
        image_size: int,
        device: torch.device | str = "cpu",
    ):
        self.kinds = check_kinds(kinds)
        self.folder, self.image_size, self.device = Path(folder).expanduser(), image_size, device
        there = sorted(path.name for path in self.folder.glob("*.npy"))
        for file in (LABELS, *(f"{kind}.npy" for kind in self.kinds)):
            if file not in there:
                raise FileNotFoundError(
                    f"{self.folder} has no file {file}{did_you_mean(file, there)}; there are: "
                    f"{', '.join(there) or 'none'}. Put it there, or name the types that are to be evaluated"
                )
        self.labels = self._labels(classes)
        for kind in self.kinds:
            self._pictures(kind)

    def _labels(self, classes: Sequence[str]) -> Tensor:
        """Return the labels as the network numbers them: int64 ``(5 * N,)``."""
        names, path = info("cifar10").label_names, self.folder / LABELS
        if sorted(classes) != sorted(names):
            raise ValueError(
                f"the labels in {path} are CIFAR-10's, {', '.join(names)}; the network was trained on other classes: "
                f"{', '.join(classes)}"
            )
        labels = _opened(path)
        if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or len(labels) % len(SEVERITIES):
            raise ValueError(
                f"{path} must hold whole numbers, five severities of as many, not {labels.dtype} {labels.shape}"
            )
        wrong = np.flatnonzero((labels < 0) | (labels >= len(names)))
        if len(wrong):
            raise ValueError(
                f"{len(wrong)} labels in {path} are out of range, the first is {labels[wrong[0]]} at place {wrong[0]}: "
                f"they run from 0 to {len(names) - 1}"
            )
        places = torch.tensor([list(classes).index(name) for name in names])
        return places[torch.from_numpy(labels.astype(np.int64))]

    def _pictures(self, kind: str) -> np.ndarray:
        """Return a type's pictures ``(5 * N, H, H, 3)``, not read yet."""
        path = self.folder / f"{kind}.npy"
        found, n = _opened(path), len(self.labels)
        if found.dtype != np.uint8 or found.ndim != 4 or found.shape != (n, found.shape[1], found.shape[1], 3):
            raise ValueError(f"{path} must be uint8 ({n}, H, H, 3), a picture a label, not {found.dtype} {found.shape}")
        return found

    def read(self, kind: str, severity: int, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pictures of a type at ``places``, int64 in [0, N), uint8 ``(B, C, H, H)``, and labels ``(B,)``."""
        part = (severity - 1) * (len(self.labels) // len(SEVERITIES)) + places
        images = torch.from_numpy(self._pictures(kind)[part.numpy()]).permute(0, 3, 1, 2)  # (B, C, H, H)
        return resize(images, self.image_size).to(self.device), self.labels[part].to(self.device)

    def batches(self, kind: str, severity: int) -> Iterator[tuple[Tensor, Tensor]]:
        """See ``c2f.experiments.corruptions.evaluation.Source``."""
        if kind != CLEAN:
            for places in torch.arange(len(self.labels) // len(SEVERITIES)).split(BATCH):
                yield self.read(kind, severity, places)


def _opened(path: Path) -> np.ndarray:
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except ValueError as error:
        raise DamagedData(f"{path} is no whole numpy array: {error}") from error
