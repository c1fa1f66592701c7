"""What the table says of a data set: what it is, where it comes from, whose it is and where it lies on this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from c2f.common.outside import data_root
from c2f.common.shipped import DATA, restore
from c2f.datasets.idx import idx_file
from c2f.datasets.readers import class_folders
from c2f.datasets.tiny_imagenet import NUM_CLASSES


@dataclass(frozen=True)
class Archive:
    """A file to download.

    ``name``: its file name; ``urls``: where it is, the mirrors after its home; ``md5``: of its bytes;
        ``size``: bytes.
    """

    name: str
    urls: tuple[str, ...]
    md5: str
    size: int


@dataclass(frozen=True)
class Info:
    """A row of the table.

    Attributes:
        name: what ``load`` and ``fetch`` call it.
        title: how figures and tables call it.
        layout: how it is read: ``idx`` (MNIST's format), ``cifar-batches``, ``class-folders`` or
            ``tiny-imagenet``.
        folder: where it lies, relative to the data root, or to the project's ``data/`` when it is shipped.
        files: what must be in the folder.
        train: number of training pictures.
        test: number of test pictures.
        licence: whose it is.
        citation: the work to cite.
        home: its web page.
        archives: what ``fetch`` downloads; ``unpacked``: bytes on disk once unpacked, about.
        classes: folder names of the classes, in label order; None when all that are there are taken, sorted.
        class_names: what to call the classes, by the names of their folders, where these are no words.
        label_names: the names of the classes, in label order, where there are no folders.
        by_hand: how to get a data set that cannot be downloaded.
        shipped: whether it comes with the project.
        sha256: of the bytes of the files, unpacked, by their names in ``files``; of those that are known.
        source: the data set in ``files`` of whose pictures ``load`` makes scenes (see ``c2f.datasets.scenes``).
    """

    name: str
    title: str
    layout: str
    folder: str
    files: tuple[str, ...]
    train: int
    test: int
    licence: str
    citation: str
    home: str
    archives: tuple[Archive, ...] = ()
    unpacked: int = 0
    classes: tuple[str, ...] | None = None
    class_names: dict[str, str] = field(default_factory=dict)
    label_names: tuple[str, ...] = ()
    by_hand: str = ""
    shipped: bool = False
    sha256: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    @property
    def grey(self) -> bool:
        """Whether its pictures have one channel."""
        return self.layout == "idx" and not self.source

    def where(self, root: str | os.PathLike[str] | None = None) -> Path:
        """Return the data set's folder, whether or not it is there; ``root`` as for ``data_root``."""
        if self.shipped:  # no data root is needed, and there may be none
            return DATA / self.folder
        return data_root(root) / self.folder

    def missing(self, folder: Path) -> list[str]:
        """Return what ``folder`` lacks, in words; an empty list when the data set is there."""
        absent = [f for f in self.files if not (idx_file(folder, f) if self.layout == "idx" else (folder / f).exists())]
        if self.classes is not None:
            absent += [f"train/{c}" for c in self.classes if not (folder / "train" / c).is_dir()]
        elif self.layout == "tiny-imagenet" and not absent:
            found = len(class_folders(folder / "train"))
            if found < NUM_CLASSES:
                absent = [
                    f"{NUM_CLASSES - found} of its {NUM_CLASSES} classes "
                    f"(the {found} that are there can be asked for by classes=[wnids])"
                ]
        return absent

    @property
    def repair(self) -> str:
        """What to do about a damaged file, in a sentence."""
        if self.shipped:
            return f"Restore it: {restore(self.folder)}"
        if self.archives and self.layout != "idx":  # what one archive holds comes whole or not at all
            return f"Remove the folder {self.folder} and run `c2f fetch {self.name}` again."
        if self.archives:
            return f"Remove it and run `c2f fetch {self.name}` again."
        return "Remove it or put a whole one in its place."
