"""Photographs from disk, cropped as for ImageNet: a folder a class, files of any size, read by worker processes.

The Multi-Glimpse paper's data (Tan et al. 2021, section 4, and the authors' code). To train: a random crop of random
size, mirrored half of the time, then AutoAugment. To test: the shorter side to 256, and the middle 224x224.
``c2f.datasets.streaming`` is for pictures that are resized as a whole.

Axes: N pictures, B pictures of one batch, H rows, W = H columns.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from c2f.common.checks import positive_int
from c2f.common.files import expand
from c2f.common.share import WHOLE
from c2f.datasets.augment import FILL
from c2f.datasets.batches import places
from c2f.datasets.decoding import open_picture
from c2f.datasets.manifest import check_files
from c2f.datasets.readers import class_folders, picture_files, take_classes

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of ImageNet's training pictures in [0, 1], red, green, blue, as everybody uses them."""
SIZE = 224
_SHORTER = 256 / 224


class _Files(Dataset):
    """Reads a batch, a list of (path, seed): uint8 ``(B, 3, H, H)``. An error is returned, not raised: the loader would
    bury its text under a worker's traceback.
    """

    def __init__(self, size: int, train: bool):
        from torchvision.transforms import AutoAugmentPolicy, v2

        if train:
            steps = [
                v2.RandomResizedCrop(size),
                v2.RandomHorizontalFlip(),
                v2.AutoAugment(AutoAugmentPolicy.IMAGENET, fill=FILL),
            ]
        else:
            steps = [v2.Resize(round(size * _SHORTER)), v2.CenterCrop(size)]
        self.size, self.transform = size, v2.Compose([*steps, v2.PILToTensor()])

    def __getitem__(self, wanted: list[tuple[str, int]]) -> Tensor | ValueError:
        done = []
        for path, seed in wanted:
            try:
                picture = open_picture(Path(path))
            except ValueError as error:
                return error
            with torch.random.fork_rng(devices=[]):  # torchvision draws from the CPU's global generator
                torch.default_generator.manual_seed(seed)
                done.append(self.transform(picture))
        return torch.stack(done) if done else torch.empty(0, 3, self.size, self.size, dtype=torch.uint8)


class Photographs:
    """Batches of photographs, float32 in [0, 1]; a ``Loader`` (see ``c2f.datasets.batches``).

    What is drawn for a picture depends on the seed, the epoch's number and the picture's place in the order alone, not
    on the number of workers or the device. The last, short batch is kept.

    Args:
        folder: holds one folder for each class, as ``torchvision.datasets.ImageFolder`` takes it.
        batch_size: B of a whole batch.
        size: H in pixels of what comes out; the shorter side of a test picture is first brought to 8/7 of it.
        train: random crops and AutoAugment in a new order every epoch, or the middle, in order.
        classes: only these class folders, in this label order; None takes all, sorted.
        seed: of the order and the augmentation.
        workers: processes that read, started anew every epoch; 0 to do it in this one.
        device: where the batches go.

    Attributes:
        classes: the class names, in label order.
        image_size: H in pixels.

    Raises:
        FileNotFoundError: no such folder, no class folders in it, or a class folder without pictures.
        ValueError: an argument out of range, or a class that is not there; in ``epoch``, a file that is no whole
            picture. The text names it.
    """

    def __init__(
        self,
        folder: Path | str,
        batch_size: int,
        *,
        size: int = SIZE,
        train: bool = False,
        classes: Sequence[str] | None = None,
        seed: int = 0,
        workers: int = 0,
        device: torch.device | str = "cpu",
    ):
        positive_int(batch_size, "batch_size")
        positive_int(workers, "workers", minimum=0)
        self.image_size = positive_int(size, "size")
        folder = expand(folder)
        if not folder.is_dir() or not (there := class_folders(folder)):
            raise FileNotFoundError(f"{folder} has no class folders: give a folder that holds one for each class")
        self.classes = tuple(take_classes(classes, there, folder))
        self.files = picture_files(folder, self.classes)
        check_files(path for path, _ in self.files)
        self.batch_size, self.train, self.seed, self.workers = batch_size, train, seed, workers
        self.device, self.share = torch.device(device), WHOLE

    def __len__(self) -> int:
        return -(-self.num_pictures // self.batch_size)

    @property
    def num_pictures(self) -> int:
        """N, the number of pictures of an epoch, those of other processes among them."""
        return len(self.files)

    def keep(self, wanted: Tensor) -> "Photographs":
        """Keep only the files at the places ``wanted``, int64, of those that are there now, and return this loader."""
        self.files = [self.files[place] for place in wanted.tolist()]
        return self

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of epoch ``number``: float32 ``(B, 3, H, H)`` and int64 labels ``(B,)``."""
        parts, generator = places(self, number, self.train)
        seeds = torch.randint(2**62, (self.num_pictures,), generator=generator).tolist()
        batches = [part.tolist() for part in parts]
        wanted = [[(self.files[place][0], seeds[place]) for place in batch] for batch in batches]
        loader = DataLoader(
            _Files(self.image_size, self.train),
            batch_size=None,  # the data set makes whole batches, of what the sampler lists
            sampler=wanted,
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # without one it draws from torch's global generator
        )
        for images, batch in zip(loader, batches, strict=True):
            if isinstance(images, ValueError):
                raise images
            labels = torch.tensor([self.files[place][1] for place in batch], dtype=torch.int64)
            yield images.to(self.device, non_blocking=True).float() / 255, labels.to(self.device)
