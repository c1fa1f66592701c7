"""Batches from disk, for pictures that do not fit in memory: a folder a class, read by worker processes.

The same interface as ``c2f.datasets.batches.Batches`` and, bit for bit, the same batches: the order and the
augmentation depend on the seed and the epoch's number alone, not on the number of workers or the device.

Axes: N pictures, B pictures of one batch, C = 3 channels, H rows, W = H columns.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from c2f.common.checks import positive_int
from c2f.common.files import expand
from c2f.common.share import WHOLE
from c2f.datasets.batches import Augmentation, own, places
from c2f.datasets.decoding import decode
from c2f.datasets.manifest import check_files
from c2f.datasets.readers import class_folders, picture_files, take_classes


class _Files(Dataset):
    """Reads the batch at a list of places: uint8 pictures ``(B, 3, H, H)`` and int64 labels ``(B,)``.

    An error is returned, not raised: the loader would bury its text under a worker's traceback.
    """

    def __init__(self, samples: list[tuple[str, int]], image_size: int | None):
        self.paths = [Path(path) for path, _ in samples]
        self.labels = torch.tensor([label for _, label in samples])
        self.size: int = decode(self.paths[:1], image_size)[0].shape[2]
        self.resize_to = image_size

    def __getitem__(self, wanted: list[int]) -> tuple[Tensor, Tensor] | ValueError:
        if not wanted:
            return torch.empty(0, 3, self.size, self.size, dtype=torch.uint8), self.labels[:0]
        try:
            images, _ = decode([self.paths[place] for place in wanted], self.resize_to)
        except ValueError as error:
            return error
        if images.shape[2] != self.size:  # decode compares the pictures of one batch only
            return ValueError(
                f"the pictures differ in size ({self.paths[0]} is {self.size}x{self.size}, "
                f"{self.paths[wanted[0]]} is {images.shape[2]}x{images.shape[2]}): "
                f"give image_size=, e.g. image_size={self.size}"
            )
        return images, self.labels[wanted]


class StreamedBatches:
    """Batches of pictures that are read from disk when they are needed.

    Pictures come as float32 in [0, 1], minus ``mean`` where given, then through ``augment``. The last, short
    batch is kept.

    Args:
        folder: holds one folder for each class, as ``torchvision.datasets.ImageFolder`` takes it.
        batch_size: B of a whole batch.
        image_size: H = W in pixels to resize to (bilinear, antialiased, aspect not kept); None where all
            pictures are square and of one size.
        classes: only these class folders, in this label order; None takes all, sorted.
        shuffle: a new order every epoch.
        mean: the mean image ``(3, H, H)`` in [0, 1] (see ``streamed_mean_image``), or None.
        augment: an ``Augmentation``, run on ``device``, or None.
        seed: of the order and the augmentation.
        workers: processes that read and resize, started anew every epoch; 0 to do it in this one.
        device: where the batches go.

    Attributes:
        classes: the class names, in label order.
        image_size: H in pixels.

    Raises:
        FileNotFoundError: no such folder, no class folders in it, or a class folder without pictures.
        ValueError: an argument out of range, a class that is not there, or a mean image of another shape;
            here or in ``epoch``, a file that is no whole picture or, without ``image_size``, of another size.
            The text names it.
    """

    def __init__(
        self,
        folder: Path | str,
        batch_size: int,
        *,
        image_size: int | None = None,
        classes: Sequence[str] | None = None,
        shuffle: bool = False,
        mean: Tensor | None = None,
        augment: Augmentation | None = None,
        seed: int = 0,
        workers: int = 0,
        device: torch.device | str = "cpu",
    ):
        positive_int(batch_size, "batch_size")
        positive_int(workers, "workers", minimum=0)
        if image_size is not None:
            positive_int(image_size, "image_size")
        self.device = torch.device(device)
        folder = expand(folder)
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}: give one that holds a folder for each class")
        there = class_folders(folder)
        if not there:
            raise FileNotFoundError(f"{folder} has no class folders: give one that holds a folder for each class")
        self.classes = tuple(take_classes(classes, there, folder))
        files = picture_files(folder, self.classes)
        check_files(path for path, _ in files)
        self._files = _Files(files, image_size)
        self.image_size = self._files.size
        shape = (3, self.image_size, self.image_size)
        if mean is not None and mean.shape != shape:
            raise ValueError(f"the mean image must be {shape}, not {tuple(mean.shape)}")
        self.mean = None if mean is None else mean.to(self.device)
        self.batch_size, self.shuffle, self.workers = batch_size, shuffle, workers
        self.augment, self.seed, self.share = augment, seed, WHOLE

    def __len__(self) -> int:
        return -(-self.num_pictures // self.batch_size)

    @property
    def num_pictures(self) -> int:
        """N, the number of pictures of an epoch, those of other processes among them."""
        return len(self._files.paths)

    @property
    def paths(self) -> list[str]:
        """The files, in order."""
        return [str(path) for path in self._files.paths]

    def read(self, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield what lies at ``order``, int64 places, in batches: uint8 ``(B, 3, H, H)``, int64 ``(B,)``."""
        yield from self.read_batches(order.split(self.batch_size))

    def read_batches(self, batches: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield what lies at the int64 places of each of ``batches``: uint8 ``(B, 3, H, H)``, int64 ``(B,)``."""
        loader = DataLoader(
            self._files,
            batch_size=None,  # the data set makes whole batches, of the places that the sampler lists
            sampler=[batch.tolist() for batch in batches],
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # without one it draws from torch's global generator
        )
        for batch in loader:
            if isinstance(batch, ValueError):
                raise batch
            images, labels = batch
            yield images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of epoch ``number``: float32 ``(B, 3, H, H)`` and int64 labels ``(B,)``."""
        batches, generator = places(self, number, self.shuffle)
        generator = own(generator, self, number)
        for images, labels in self.read_batches(batches):
            x = images.float() / 255  # (B, 3, H, H)
            if self.mean is not None:
                x = x - self.mean
            if self.augment is not None:
                x = self.augment(x, generator)
            yield x, labels


def streamed_mean_image(batches: StreamedBatches) -> Tensor:
    """Return the mean over all pictures, float32 ``(3, H, H)`` in [0, 1], in one pass over the files.

    It is what ``c2f.datasets.mean_image`` gives for the same pictures in memory. The mean and the
    augmentation that ``batches`` itself may have play no part.
    """
    total = torch.zeros((), dtype=torch.int64, device=batches.device)
    for images, _ in batches.read(torch.arange(batches.num_pictures)):
        total = total + images.sum(dim=0, dtype=torch.int64)  # exact, whatever the number of pictures
    return (total.double() / (255 * batches.num_pictures)).float()
