"""How well a network does in bad weather: accuracy by type, severity and number of glimpses, and mCE.

Axes: N pictures, B pictures of one batch, C channels, H = W rows and columns, T answers (glimpses), K classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from c2f.common.checks import did_you_mean
from c2f.common.files import expand
from c2f.corruptions import frost
from c2f.corruptions.apply import check_kinds, check_pictures, corrupt
from c2f.corruptions.arrays import BATCH, CLEAN
from c2f.corruptions.resampling import grey
from c2f.corruptions.table import SEVERITIES
from c2f.datasets.pictures import Pictures
from c2f.datasets.streaming import StreamedBatches
from c2f.networks.answers import finite
from c2f.runs.parts import PartialResults
from c2f.zoo.predict import PredictFn

VALUES_AT_A_TIME = {"cpu": 3 * 2**18, "cuda": 2**25}
"""Values classified at once, by kind of device, others as a CPU (64 pictures of 64x64), which asks the system for
memory anew for each layer of a larger batch.
"""


class Source(Protocol):
    """Where corrupted pictures come from.

    ``kinds``: the types that it has, in the paper's order. ``in_memory``: whether nothing has to be read, so that
    several types may be asked for at the same time.
    """

    kinds: tuple[str, ...]
    in_memory: bool

    def batches(self, kind: str, severity: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield uint8 pictures ``(B, C, H, H)`` and labels ``(B,)``; of the kind ``clean``, as they are."""
        ...


class OnTheFly:
    """Pictures of one's own, corrupted when they are needed, the same way every time.

    Args:
        pictures: of a test set.
        kinds: the types; all fifteen where there are none.
        seed: of the random numbers.
        picture_ids: ``(N,)``; by default 0 to N - 1.
        photographs: of frost; None takes those that ``c2f fetch frost`` brought.
        stored_as: as for ``corrupt``.

    Raises:
        ValueError: an unknown type, or pictures that cannot be corrupted.
        FileNotFoundError: frost is wanted and its photographs are not here.
    """

    in_memory = True

    def __init__(
        self,
        pictures: Pictures,
        kinds: Sequence[str] = (),
        *,
        seed: int = 0,
        picture_ids: Sequence[int] | None = None,
        photographs: Sequence[Tensor] | None = None,
        stored_as: str | None = None,
    ):
        self.kinds = check_kinds(kinds)
        check_pictures(pictures.images)
        if "frost" in self.kinds and photographs is None:
            photographs = frost.load()
        self.pictures, self.seed, self.photographs, self.stored_as = pictures, seed, photographs, stored_as
        self.ids = list(range(len(pictures))) if picture_ids is None else list(picture_ids)

    def batches(self, kind: str, severity: int) -> Iterator[tuple[Tensor, Tensor]]:
        """See ``Source``."""
        for start in range(0, len(self.pictures), BATCH):
            part = slice(start, start + BATCH)
            images = self.pictures.images[part]
            if kind != CLEAN:
                images = corrupt(
                    images,
                    kind,
                    severity,
                    seed=self.seed,
                    picture_ids=self.ids[part],
                    photographs=self.photographs if kind == "frost" else None,
                    stored_as=self.stored_as,
                )
            yield images, self.pictures.labels[part]


class Tree:
    """Corrupted pictures on disk, ``FOLDER/TYPE/SEVERITY/CLASS/*``, as ImageNet-C and its subsets come.

    They are read as they are: ImageNet-C is cropped already. With ``classes``, the whole ImageNet-C serves a network
    of a hundred classes.

    Args:
        folder: of the tree.
        clean: the folder of the pictures as they were, ``CLASS/*``; None where there are none.
        kinds: the types; all fifteen where there are none.
        classes: class folders, in the network's label order; None takes all, sorted.
        image_size: H = W to resize to; ImageNet-C has 224 already.
        channels: C, 3, or 1 for the pictures' grey levels.
        workers: processes that read.
        device: where the batches go.

    Raises:
        ValueError: an unknown type, or a class that is missing.
        FileNotFoundError: a type or a severity has no folder; which, and what there is.
    """

    in_memory = False

    def __init__(
        self,
        folder: Path | str,
        clean: Path | str | None = None,
        kinds: Sequence[str] = (),
        *,
        classes: Sequence[str] | None = None,
        image_size: int | None = None,
        channels: int = 3,
        workers: int = 0,
        device: torch.device | str = "cpu",
    ):
        self.kinds = check_kinds(kinds)
        root = expand(folder)
        if not root.is_dir():
            raise FileNotFoundError(
                f"there is no folder {root}: give one that holds TYPE/SEVERITY/CLASS, as ImageNet-C"
            )
        there = sorted(path.name for path in root.iterdir() if path.is_dir())
        for kind in self.kinds:
            if kind not in there:
                raise FileNotFoundError(
                    f"{root} has no folder {kind}{did_you_mean(kind, there)}; there are: {', '.join(there) or 'none'}. "
                    "Put it there, or name the types that are to be evaluated"
                )
            for severity in SEVERITIES:
                if not (root / kind / str(severity)).is_dir():
                    raise FileNotFoundError(f"{root / kind} has no folder {severity}: each type has severities 1 to 5")
        self.folder, self.clean = root, None if clean is None else expand(clean)
        self.classes, self.image_size, self.channels = classes, image_size, channels
        self.workers, self.device = workers, device

    def batches(self, kind: str, severity: int) -> Iterator[tuple[Tensor, Tensor]]:
        """See ``Source``."""
        place = self.folder / kind / str(severity)
        if kind == CLEAN:
            if self.clean is None:
                return
            place = self.clean
        files = StreamedBatches(
            place,
            BATCH,
            image_size=self.image_size,
            classes=self.classes,
            workers=self.workers,
            device=self.device,
        )
        for images, labels in files.read(torch.arange(files.num_pictures)):
            yield (images if self.channels == 3 else grey(images.float()).round_().to(torch.uint8)), labels


@dataclass(frozen=True)
class Scores:
    """How many answers were right.

    ``correct``: by type, counts ``(5, T)``, one row a severity. ``pictures``: N, of each of them. ``clean``: ``(T,)``
    without corruption, or None where that was not to be had.
    """

    correct: dict[str, list[list[int]]]
    pictures: int
    clean: list[int] | None

    def accuracy(self, kind: str, glimpse: int = -1) -> list[float]:
        """Return the accuracy at each severity, in [0, 1]; ``glimpse``: place among the T answers."""
        return [row[glimpse] / self.pictures for row in self.correct[kind]]

    def mean(self, glimpse: int = -1) -> float:
        """Return the mean accuracy over types and severities, in [0, 1]."""
        each = [sum(self.accuracy(kind, glimpse)) / len(SEVERITIES) for kind in self.correct]
        return sum(each) / len(each)

    @property
    def answers(self) -> int:
        """T, how many answers there are."""
        return len(next(iter(self.correct.values()))[0])


def evaluate(predict: PredictFn, source: Source, parts: PartialResults, device: str = "cpu") -> Scores:
    """Count right answers for every type and severity of ``source``.

    Args:
        predict: of a network in inference mode.
        source: of corrupted pictures.
        parts: where finished types and severities are written down; an interrupted evaluation goes on with them.
        device: where the network is.

    Raises:
        c2f.runs.parts.OutOfTime: the deadline of ``parts`` is near.
        ValueError: logits that are not finite, or numbers of pictures that differ.
    """
    on = torch.device(device).type

    def count(kind: str, severity: int) -> dict[str, list[int] | int]:
        right: Tensor | None = None
        pictures = 0
        for images, labels in source.batches(kind, severity):
            at_a_time = max(1, VALUES_AT_A_TIME.get(on, VALUES_AT_A_TIME["cpu"]) // images[0].numel())
            for some, expected in zip(images.split(at_a_time), labels.split(at_a_time), strict=True):
                with torch.inference_mode():
                    logits = finite(predict(some.to(device).float() / 255))
                    hits = (logits.argmax(dim=2) == expected.to(device)).sum(dim=1)
                right = hits if right is None else right + hits
            pictures += len(labels)
        return {"right": [] if right is None else right.tolist(), "pictures": pictures}

    makes = {CLEAN: partial(count, CLEAN, 0)}
    makes |= {f"{kind} {s}": partial(count, kind, s) for kind in source.kinds for s in SEVERITIES}
    done = parts.get_all(makes, torch.get_num_threads() if source.in_memory and on == "cpu" else 1)
    found = {kind: [done[f"{kind} {s}"] for s in SEVERITIES] for kind in source.kinds}
    numbers = {row["pictures"] for name, row in done.items() if name != CLEAN or row["right"]}
    if len(numbers) > 1:
        raise ValueError(
            f"types, severities and clean pictures are different numbers of pictures: {sorted(numbers)}; mend the tree"
        )
    correct = {kind: [row["right"] for row in rows] for kind, rows in found.items()}
    return Scores(correct, numbers.pop(), done[CLEAN]["right"] or None)


def corruption_errors(
    scores: Scores, baseline: Scores, glimpse: int = -1, baseline_glimpse: int = -1
) -> dict[str, float]:
    """Return by type the errors summed over severities, divided by those of ``baseline``: below 1 is better than it.

    Their mean is mCE. The paper divides by AlexNet's errors on ImageNet; which network stands in for it must be said.

    Raises:
        ValueError: types that only one of the two has, or a baseline that makes no error in one.
    """
    if set(scores.correct) != set(baseline.correct):
        apart = sorted(set(scores.correct) ^ set(baseline.correct))
        raise ValueError(f"only one of network and baseline has {', '.join(apart)}: evaluate both on the same types")
    found = {}
    for kind in scores.correct:
        ours, theirs = (
            sum(1 - a for a in s.accuracy(kind, g)) for s, g in ((scores, glimpse), (baseline, baseline_glimpse))
        )
        if theirs == 0:
            raise ValueError(f"the baseline makes no error under {kind}: its relative error cannot be told")
        found[kind] = ours / theirs
    return found


def mce(scores: Scores, baseline: Scores, glimpse: int = -1, baseline_glimpse: int = -1) -> float:
    """Return the mean corruption error, 1 for the baseline itself; see ``corruption_errors``."""
    each = corruption_errors(scores, baseline, glimpse, baseline_glimpse)
    return sum(each.values()) / len(each)
