"""How fast pictures reach training: batches from memory against PIL pictures in a torchvision DataLoader.

The other side is the usual loop: a data set of PIL pictures, ``ToTensor``, a shuffling ``DataLoader`` of two processes
that are started anew every epoch; augmented, ``RandomAffine`` (a tenth each way, bilinear) and ``RandomHorizontalFlip``
on PIL pictures, against ``shift_flip``.
"""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.suite import Case, Run, Sides, noise
from c2f.datasets import load
from c2f.datasets.augment import augmentation
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures
from c2f.networks import build
from c2f.runs.costs import PLAIN

Epoch = Callable[[], Iterable[tuple[Tensor, Tensor]]]
BATCH, WORKERS, PICTURES = 128, 2, 10_000


class PilPictures(Dataset):
    """The same pictures as torchvision's data sets give them: PIL pictures, transformed one by one."""

    def __init__(self, pictures: Pictures, transform: Callable[[Image.Image], Tensor]):
        self.arrays: np.ndarray = pictures.images.permute(0, 2, 3, 1).squeeze(3).contiguous().numpy()
        self.labels: list[int] = pictures.labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.arrays[place])), self.labels[place]


def drain(epoch: Epoch) -> Run:
    """Return a function that goes through an epoch and does nothing with it."""

    def run() -> None:
        for _ in epoch():
            pass

    return run


def train(epoch: Epoch) -> Run:
    """Return a function that trains a LeNetFC for an epoch, by SGD with Nesterov momentum."""
    network = build("lenetfc", 1, 10, 28, seed=0).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True)

    def run() -> None:
        for x, y in epoch():
            optimiser.zero_grad()
            F.cross_entropy(network(x), y).backward()
            optimiser.step()

    return run


def garments() -> Pictures:
    """Return the training pictures of the shipped sample."""
    return load("fashion-mnist-sample").train


def coloured() -> Pictures:
    """Return pictures of the size of CIFAR-10's."""
    return noise(PICTURES, 3, 32)


def sides(pictures: Callable[[], Pictures], augmented: bool, use: Callable[[Epoch], Run]) -> Sides:
    """Return an epoch of ours and one of the DataLoader, put to ``use``."""
    found, plain = pictures(), transforms.ToTensor()
    augment = augmentation("shift_flip" if augmented else "none", found.image_size)
    memory = Batches(found, BATCH, shuffle=True, augment=augment)
    shift = transforms.RandomAffine(0, translate=(0.1, 0.1), interpolation=transforms.InterpolationMode.BILINEAR)
    transform = transforms.Compose([shift, transforms.RandomHorizontalFlip(), plain]) if augmented else plain
    loader = DataLoader(PilPictures(found, transform), batch_size=BATCH, shuffle=True, num_workers=WORKERS)
    return Sides({PLAIN: use(lambda: loader), "c2f": use(lambda: memory.epoch(0))})


def cases() -> list[Case]:
    """Return what is compared."""
    rows = [
        ("loader, 28x28x1", partial(sides, garments, False, drain), None),
        ("loader, 32x32x3", partial(sides, coloured, False, drain), None),
        ("loader, 32x32x3, shift and flip", partial(sides, coloured, True, drain), 15),
        ("training LeNetFC", partial(sides, garments, False, train), 2),
    ]
    says = "batches from memory against a DataLoader of PIL pictures"
    return [Case(name, making, says, amount=PICTURES, wanted=bar, rounds=3) for name, making, bar in rows]
