"""A folder of class folders, parted into ``train`` and ``test`` by links or copies, the same way every time.

Stratified: of each class the same share is for the test. What is there several times, exactly or nearly (see
``c2f.datasets.survey``), stays on one side, so that no test picture was trained on.
"""

import hashlib
import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from c2f.common.checks import positive_int, shortened
from c2f.common.files import check_writable, expand, make_link, write_text
from c2f.datasets.survey import Survey, survey_folder

REPORT = "split.json"
"""The file in the new folder that says how it was made."""


@dataclass(frozen=True)
class Split:
    """What was made: the ``folder``, class -> how many pictures ``train`` and ``test`` hold, and what was found."""

    folder: Path
    train: dict[str, int]
    test: dict[str, int]
    survey: Survey


def split_folder(
    source: Path | str,
    folder: Path | str | None = None,
    share: float = 0.2,
    seed: int = 0,
    copy: bool = False,
    near: bool = True,
) -> Split:
    """Part the pictures of ``source`` into ``folder/train`` and ``folder/test``.

    On which side a picture comes depends on its bytes and the seed, not on its name or on the order of the files.
    Broken files are left out. The folder is whole or absent.

    Args:
        source: holds one folder for each class.
        folder: made where it is not there, and else refused; None for the source's name with ``-split`` behind it.
        share: of the pictures of each class that is for the test, in (0, 1); each side has at least one of each.
        seed: of the draw.
        copy: make copies, not links.
        near: keep near duplicates on one side too.

    Raises:
        FileNotFoundError: ``source`` is not there, or has no class folders.
        ValueError: a value out of range, a folder that is there already, or classes with less than two different
            pictures; which.
        ImportError: ``near``, and ImageHash is not installed.
        OSError: the folder cannot be written to.
    """
    positive_int(seed, "seed", minimum=0)
    if isinstance(share, bool) or not 0 < share < 1:
        raise ValueError(f"share must be above 0 and below 1, not {share!r}")
    source = expand(source)
    folder = source.with_name(f"{source.absolute().name}-split") if folder is None else expand(folder)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is there already: name another folder, or remove it")
    found = survey_folder(source, near)
    sides = _sides(found, share, seed)
    new = folder.with_name(f".{folder.name}.splitting")
    shutil.rmtree(new, ignore_errors=True)  # of a call that was killed
    check_writable(new)
    counts = {side: dict.fromkeys(found.classes, 0) for side in ("train", "test")}
    for picture, side in zip(found.pictures, sides, strict=True):
        target = new / side / Path(picture.name).relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if copy:
            shutil.copy2(picture.name, target)
        else:
            make_link(target, Path(picture.name).resolve())
        counts[side][picture.label] += 1
    about = {"source": str(source), "share": share, "seed": seed, "near": near, **counts}
    write_text(new / REPORT, json.dumps({**about, "broken": found.broken, "passed_over": found.passed_over}, indent=1))
    if folder.exists():
        folder.rmdir()
    new.rename(folder)
    return Split(folder, counts["train"], counts["test"], found)


def _sides(found: Survey, share: float, seed: int) -> list[str]:
    """Return ``train`` or ``test`` for each picture."""
    by_class: dict[str, list[list[int]]] = {name: [] for name in found.classes}
    for group in found.groups():
        group.sort(key=lambda i: (found.pictures[i].digest, found.pictures[i].name))
        by_class[found.pictures[group[0]].label].append(group)
    small = [f"{name} ({len(groups)})" for name, groups in by_class.items() if len(groups) < 2]
    if small:
        raise ValueError(
            f"classes with less than two different pictures cannot be parted: {shortened(small)}. Add pictures, or "
            "move these folders away"
        )
    sides = ["train"] * len(found.pictures)
    for groups in by_class.values():
        groups.sort(key=lambda group: hashlib.sha256(f"{seed} {found.pictures[group[0]].digest}".encode()).digest())
        total = sum(map(len, groups))
        wanted, taken = max(1, math.floor(share * total + 0.5)), 0
        for group in groups[:-1]:  # the last stays for the training
            if taken and taken + len(group) > wanted:
                continue
            if taken >= wanted:
                break
            taken += len(group)
            for i in group:
                sides[i] = "test"
    return sides
