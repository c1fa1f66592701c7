"""How fast pictures reach training: batches from memory against PIL pictures in a torchvision DataLoader.

    python benchmarks/loading.py

Both sides run in one process, in turn (A B A B ...), and medians are compared, so that what else the machine
does falls on both. (Let it be little: torch's threads suffer most from a busy core.) The other side is the
usual loop: a data set of PIL pictures, ``ToTensor``, a shuffling ``DataLoader`` that starts its workers anew
every epoch (``--persistent`` keeps them alive); augmented, ``RandomAffine`` (a tenth each way, bilinear) and
``RandomHorizontalFlip`` on PIL pictures, against ``shift_flip``.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from c2f.datasets import load
from c2f.datasets.augment import augmentation
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures
from c2f.networks import build

Run = Callable[[], None]
Epoch = Callable[[], Iterable[tuple[Tensor, Tensor]]]


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


@dataclass(frozen=True)
class Comparison:
    """Two ways to go through ``num_pictures`` pictures; ``bar``: how many times faster ours has to be."""

    title: str
    num_pictures: int
    ours: Run
    theirs: Run
    bar: float | None = None


def random_pictures(n: int, channels: int, size: int) -> Pictures:
    """Return ``n`` pictures of noise."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, channels, size, size), generator=generator, dtype=torch.uint8)
    return Pictures(images, torch.arange(n) % 10, tuple("0123456789"))


def drain(epoch: Epoch) -> Run:
    """Return a function that goes through an epoch and does nothing with it."""

    def run() -> None:
        for _ in epoch():
            pass

    return run


def train(epoch: Epoch, device: str, compiled: bool = False) -> Run:
    """Return a function that trains a LeNetFC for an epoch, by SGD with Nesterov momentum."""
    network = build("lenetfc", 1, 10, 28, seed=0).to(device).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    forward: Callable[[Tensor], Tensor] = network
    if compiled:  # as c2f.training.loop.fit does
        network.to(memory_format=torch.channels_last)
        forward = torch.compile(network, dynamic=False)

    def run() -> None:
        for x, y in epoch():
            optimiser.zero_grad()
            F.cross_entropy(forward(x.to(device)), y.to(device)).backward()
            optimiser.step()

    return run


def both(
    pictures: Pictures, augment: str, transform: Callable[[Image.Image], Tensor], args: argparse.Namespace
) -> tuple[Epoch, Epoch]:
    """Return our epochs and the DataLoader's."""
    size = pictures.image_size
    memory = Batches(pictures.to(args.device), args.batch_size, shuffle=True, augment=augmentation(augment, size))
    loader = DataLoader(
        PilPictures(pictures, transform),
        batch_size=args.batch_size,
        shuffle=True,
        num_workers=args.workers,
        persistent_workers=args.persistent,
    )
    return lambda: memory.epoch(0), lambda: loader


def comparisons(args: argparse.Namespace) -> list[Comparison]:
    """Return what is compared."""
    fashion = load("fashion-mnist-sample").train
    fashion = fashion.select(torch.arange(min(args.pictures, len(fashion))))
    cifar = random_pictures(args.pictures, 3, 32)
    plain = transforms.ToTensor()
    bilinear = transforms.InterpolationMode.BILINEAR
    shift = transforms.RandomAffine(0, translate=(0.1, 0.1), interpolation=bilinear)
    augmented = transforms.Compose([shift, transforms.RandomHorizontalFlip(), plain])

    ours, theirs = both(fashion, "none", plain, args)
    ours32, theirs32 = both(cifar, "none", plain, args)
    ours_shifted, theirs_shifted = both(cifar, "shift_flip", augmented, args)
    n, m, plain_loop = len(fashion), len(cifar), train(theirs, args.device)
    rows = [
        Comparison("loader, 28x28x1", n, drain(ours), drain(theirs)),
        Comparison("loader, 32x32x3", m, drain(ours32), drain(theirs32)),
        Comparison("loader, 32x32x3, shift and flip", m, drain(ours_shifted), drain(theirs_shifted), bar=15),
        Comparison("training LeNetFC", n, train(ours, args.device), plain_loop, bar=2),
    ]
    if args.compiled:
        ours_compiled = train(ours, args.device, compiled=True)
        rows.append(Comparison("training LeNetFC, ours compiled", n, ours_compiled, plain_loop, bar=2))
    return rows


def seconds(run: Run, device: str) -> float:
    """Return how long ``run`` takes."""
    start = time.perf_counter()
    run()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def parse() -> argparse.Namespace:
    """Read the command line."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=formatter)
    parser.add_argument("--pictures", type=int, default=10_000, help="pictures an epoch")
    parser.add_argument("--rounds", type=int, default=7, help="epochs of each side, after one to warm up")
    parser.add_argument("--batch-size", type=int, default=128, help="pictures a batch")
    parser.add_argument("--workers", type=int, default=2, help="the DataLoader's processes")
    parser.add_argument("--persistent", action="store_true", help="keep them alive between epochs")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch's threads")
    compiled = "train compiled too, as c2f.training.loop.fit can (needs a C++ compiler)"
    parser.add_argument("--compiled", action="store_true", help=compiled)
    parser.add_argument("--device", default="cpu", help="where training runs, e.g. cuda")
    args = parser.parse_args()
    for name in ("pictures", "rounds", "batch_size", "threads"):
        if getattr(args, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, not {getattr(args, name)}")
    return args


def main() -> None:
    """Measure, and print a table of pictures a second."""
    args = parse()
    torch.set_num_threads(args.threads)
    print(
        f"torch {torch.__version__}, torchvision {torchvision.__version__}, {args.device}, "
        f"{args.threads} threads, {args.workers} workers, batches of {args.batch_size}, "
        f"median of {args.rounds} rounds"
    )
    print(f"{'pictures a second':34}{'memory':>10}{'DataLoader':>12}{'times':>8}  wanted")
    for comparison in comparisons(args):
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(1 + args.rounds):
            for side, run in zip(times, (comparison.ours, comparison.theirs), strict=True):
                side.append(seconds(run, args.device))
        ours, theirs = (comparison.num_pictures / statistics.median(side[1:]) for side in times)
        bar = "" if comparison.bar is None else f"{comparison.bar:g} or more"
        print(f"{comparison.title:34}{ours:10,.0f}{theirs:12,.0f}{ours / theirs:8.1f}  {bar}", flush=True)


if __name__ == "__main__":
    main()
