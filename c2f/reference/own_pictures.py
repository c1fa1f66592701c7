"""A chapter on a reader's own pictures, ``data=folder:PATH``: what stands in for the runs that the book records.

Of a folder nothing is recorded. Networks are trained here, a few hundred steps each, unless the reader names the folder
of their own weights; and nobody has said where the objects are, so that maps and windows are drawn, and not scored.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from c2f import datasets, networks, zoo
from c2f.common.checks import shortened
from c2f.datasets.data_name import DataName
from c2f.datasets.pictures import Pictures
from c2f.datasets.readers import class_folders, picture_files, split_folders
from c2f.datasets.splitting import split_folder
from c2f.datasets.survey import can_hash
from c2f.datasets.verified import digest_of_tree
from c2f.experiments.classification.run import train_run
from c2f.experiments.highres.recipes import dense_recipe
from c2f.experiments.highres.run import densenet_run
from c2f.runs.folder import record_path, run_name
from c2f.runs.record import Run
from c2f.training.recipes import recipe

logger = logging.getLogger(__name__)
HOME = Path("output") / "own-pictures"
"""Where folders are parted into train and test, and trained networks kept, a folder for each folder of pictures."""
IMAGE_SIZE = 64
"""H = W in pixels that pictures are brought to."""
STEPS = 320
"""Of a training, whatever the number of pictures; three epochs where those are more."""
BATCHES = 30
"""Steps of an epoch that are aimed at, with 8 to 64 pictures a step."""


@dataclass(frozen=True)
class Taken:
    """What a chapter works on.

    Attributes:
        data: the data set, a folder parted into train and test.
        test_data: whose test pictures are taken; None for those of ``data``.
        weights: the folder with the trained networks; None for those that come with the book.
        tested: how many test pictures there are, of own pictures; else None.
        note: what to tell the reader of own pictures; else empty.
    """

    data: str
    test_data: str | None
    weights: Path | None
    tested: int | None = None
    note: str = ""

    @property
    def own(self) -> bool:
        """Whether these are pictures of the reader's own."""
        return self.tested is not None

    def at_most(self, pictures: int) -> int:
        """Return ``pictures``, or of own pictures as many as there are to test on."""
        return pictures if self.tested is None else min(pictures, self.tested)

    def mixed(self, pictures: Pictures) -> Pictures:
        """Return ``pictures``; own ones, which lie class by class, in an order by chance, always the same."""
        if not self.own:
            return pictures
        return pictures.select(torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0)))

    def epochs(self, epochs: int, wanted: int, there: int) -> int:
        """Return how often ``there`` pictures are passed over in the place of ``wanted`` ones that are passed over
        ``epochs`` times; of other than own pictures ``epochs``.
        """
        return max(epochs, math.ceil(epochs * wanted / there)) if self.own else epochs

    def image_size(self, name: str) -> int | None:
        """Return to what size own pictures are brought, ``IMAGE_SIZE`` or that of the network ``name`` if ``weights``
        has one; None of other pictures, which are left as they are.
        """
        if not self.own:
            return None
        there = record_path(self.weights, run_name(name, self.data)).is_file()
        return zoo.record(name, self.data, self.weights).parameters["image_size"] if there else IMAGE_SIZE

    def left_out(self, what: str) -> str:
        """Say that ``what`` cannot be done with pictures of which nobody has said where the objects are."""
        return f"Left out: {what}. Nobody has said where the objects in these pictures are, and it takes that."


def take(
    data: str,
    names: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    *,
    test_data: str | None = None,
    weights: str | None = None,
    device: str = "cpu",
) -> Taken:
    """Return what a chapter works on; of a folder after it was parted, and the networks trained, where that is needed.

    Args:
        data: a data set's name, or ``folder:PATH``: with ``train`` and ``test`` in it, or class folders.
        names: networks that the chapter looks at; a half model comes before its full one.
        seeds: of their trainings.
        test_data: of a data set by name; a folder's test pictures are its own.
        weights: a folder that ``c2f train`` wrote; None takes the book's, and of a folder trains here.
        device: as torch names it.

    Raises:
        ValueError: a folder of one class, or with classes of which a picture alone is there.
        FileNotFoundError: no such folder, or no pictures in it.
        DamagedData: a picture that cannot be read, where ``train`` and ``test`` were there; its name.
    """
    given = None if weights is None else Path(weights)
    if not DataName.parse(data).folders:
        return Taken(data, test_data, given)
    data, home = _parted(data)
    train, test = datasets.folder_paths(data)
    classes = class_folders(train)
    if len(classes) < 2:
        raise ValueError(f"{data} has one class ({', '.join(classes)}): there must be two, a folder for each")
    counts = [len(picture_files(folder, classes)) for folder in (train, test)]
    note = (
        f"**These are pictures of your own**: {counts[0]} to train on and {counts[1]} to test on, of {len(classes)} "
        f"classes ({shortened(classes)}). Figures, tables and numbers are of them; the text between speaks of the "
        "book's own pictures, and may not hold here."
    )
    if given is None and names:
        runs = {(name, seed): _train(name, data, seed, home, counts[0], device) for name in names for seed in seeds}
        note += " " + _trained(runs, counts[1], home)
    return Taken(data, None, home if given is None else given, counts[1], note)


def length(pictures: int) -> tuple[int, int]:
    """Return how many epochs a training on ``pictures`` takes, and how many of them a step."""
    batch_size = min(64, max(8, pictures // BATCHES))
    return max(3, math.ceil(STEPS / math.ceil(pictures / batch_size))), batch_size


def _parted(data: str) -> tuple[str, Path]:
    """Return the name of the folder with ``train`` and ``test`` in it, and the home of what is made of its pictures.

    Class folders are parted as ``c2f split`` does. Other pictures in the folder, by path and size, are another home.
    """
    folders = DataName.parse(data).folders
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}: give folder:PATH with class folders in it")
    if folders[0].parent.parent == HOME:  # made by an earlier call
        return data, folders[0].parent
    name = DataName.parse(data).in_file_names.removeprefix("folder-")
    one = folders[0] if len(folders) == 1 else None
    if one is None or ((one / "train").is_dir() and any((one / part).is_dir() for part in ("test", "val"))):
        parts = folders if one is None else split_folders(one)
        digest = "".join(digest_of_tree(part)[:4] for part in parts)
        return data, HOME / f"{name}-{digest}"
    if not class_folders(one):
        raise FileNotFoundError(f"{one} has no class folders: there must be one for each class, with its pictures")
    home = HOME / f"{name}-{digest_of_tree(one)[:8]}"
    if not (home / name).is_dir():
        if not can_hash():
            logger.warning("%s: only copies bit for bit are kept on one side; near ones take ImageHash", one)
        split_folder(one, home / name, near=can_hash())
    return f"folder:{home / name}", home


def _train(name: str, data: str, seed: int, home: Path, pictures: int, device: str) -> Run:
    epochs, batch_size = length(pictures)
    if networks.kind_of(name) == "densenet":
        short = dense_recipe(name, data, name="scenes", image_size=IMAGE_SIZE, epochs=epochs, batch_size=batch_size)
        return densenet_run(name, data, seed, home, recipe=short, device=device)
    chosen = recipe(name, data, image_size=IMAGE_SIZE, epochs=epochs, batch_size=batch_size)
    return train_run(name, data, chosen, seed, home, device=device)


def _trained(runs: dict[tuple[str, int], Run], tested: int, home: Path) -> str:
    said = [f"{name}, seed {seed} {100 * run.values['test_accuracy']:.0f} %" for (name, seed), run in runs.items()]
    seconds = sum(run.values["train_seconds"] for run in runs.values())
    return (
        f"The networks were trained on them, in {seconds:.0f} s, for a few hundred steps each, and are right about so "
        f"many of the {tested} test pictures: {'; '.join(said)}. They are kept in `{home}`; for longer trainings, "
        "see `c2f train`, and give their folder as `weights`."
    )
