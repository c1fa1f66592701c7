"""Some classes of an ImageNet tree as a tree of their own, made of links: nothing is copied.

::

    wnids = read_wnids("animals398")  # a list that comes with the book, or a file of your own
    link_subset(Path("imagenet"), wnids, Path("animals"))  # then: c2f train densenet_half folder:animals
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from c2f.common.checks import did_you_mean, shortened
from c2f.common.files import expand, make_link
from c2f.common.shipped import DATA
from c2f.datasets.readers import class_folders, picture_files, split_folders

LISTS = DATA / "lists"
"""The lists that come with the book, the 398 animals of the High-Resolution CAM paper, the 100 of ImageNet100."""
_WNID = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class Subset:
    """A tree of links: its ``folder``, and how many ``classes`` each of its parts, called as in the source, has."""

    folder: Path
    classes: int
    parts: tuple[str, ...]


def read_wnids(source: str | Path) -> list[str]:
    """Return the WordNet numbers of a list, one a line, in its order.

    Args:
        source: the name of a list in ``LISTS``, or the path of a text file.

    Raises:
        FileNotFoundError: neither; the nearest list is named.
        ValueError: an empty list, a line that is no WordNet number, or one that stands there twice.
    """
    path = LISTS / f"{source}.txt"
    if not path.is_file():
        path = expand(source)
    if not path.is_file():
        known = sorted(there.stem for there in LISTS.glob("*.txt"))
        raise FileNotFoundError(
            f"there is no list {str(source)!r}{did_you_mean(str(source), known)}\n"
            f"There are: {', '.join(known)}; or give the path of a text file with a WordNet number a line"
        )
    wnids = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    for number, wnid in enumerate(wnids, start=1):
        if not _WNID.fullmatch(wnid):
            raise ValueError(f"{path}, line {number}: {wnid!r} is no WordNet number such as n01440764")
    if not wnids:
        raise ValueError(f"{path} holds no WordNet number")
    if twice := sorted({wnid for wnid in wnids if wnids.count(wnid) > 1}):
        raise ValueError(f"{path} holds {shortened(twice)} more than once")
    return wnids


def link_subset(tree: Path | str, wnids: Sequence[str], folder: Path | str) -> Subset:
    """Make ``folder`` a tree of links to the class folders ``wnids`` of ``tree``; a second call changes nothing.

    Args:
        tree: holds ``train`` and ``test`` (or ``val``), in each a folder for each class. Validation pictures that lie
            in one folder, as ImageNet gives them, must be sorted into class folders first.
        wnids: the class folders' names.
        folder: made where it is not there; it may hold nothing else.

    Raises:
        FileNotFoundError: ``tree`` has no such parts, or lacks a class or its pictures; all is looked at before
            anything is made.
        ValueError: no classes, or ``folder`` holds something else.
    """
    if isinstance(wnids, str) or not wnids:
        raise ValueError(f"give a list of WordNet numbers, not {wnids!r}: see read_wnids")
    tree, folder = expand(tree).resolve(), expand(folder)
    parts = split_folders(tree)
    for part in parts:
        _check_part(part, wnids)
    wanted = {Path(part.name) / wnid: part / wnid for part in parts for wnid in wnids}
    there = [*folder.glob("*/*"), *(path for path in folder.glob("*") if not path.is_dir())]
    for path in there:
        target = wanted.get(path.relative_to(folder))
        if target is None or not path.is_symlink() or path.resolve() != target.resolve():
            raise ValueError(f"{folder} holds something else ({path.relative_to(folder)}): name a new folder")
    for place, target in wanted.items():
        link = folder / place
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            make_link(link, target)
    return Subset(folder, len(wnids), tuple(part.name for part in parts))


def _check_part(part: Path, wnids: Sequence[str]) -> None:
    found = class_folders(part)
    known = set(found)
    if absent := [wnid for wnid in wnids if wnid not in known]:
        there = f"it has {len(found)} class folders" if found else "it has no class folders"
        raise FileNotFoundError(f"{part} lacks {len(absent)} of {len(wnids)} classes ({there}): {shortened(absent)}")
    picture_files(part, wnids)
