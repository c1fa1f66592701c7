"""What lies in a folder of pictures: counts, sizes, modes, broken files, what is passed over, and pictures there twice.

The same picture is found by the checksum of its file; nearly the same, saved or scaled anew, by the perceptual hash of
ImageHash (``phash``, 64 bits) and confirmed by pixels: two plain pictures may have the same hash (one in seventeen of
MNIST's test pictures shares its own). Axes: N pictures.
"""

import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from c2f.common.checks import shortened
from c2f.common.progress import progress
from c2f.common.words import how_many
from c2f.datasets.decoding import DamagedData, open_picture
from c2f.datasets.pictures import Pictures
from c2f.datasets.readers import class_folders, list_files

NEAR_BITS = 6
"""Bits of 64 in which the hashes of nearly equal pictures may differ."""
ALIKE = 0.985
"""Correlation of the grey levels, at 32x32, from which they are the same picture."""
FEW = 10
"""Pictures of a class below which it is told that there are few."""
_SIDE = 32
_BLOCK = 1024


@dataclass(frozen=True)
class Found:
    """A picture that can be read.

    ``name``: its path, or its part and place in a data set in memory. ``label``: its class. ``digest``: the sha256 of
    its bytes. ``size``: columns and rows. ``mode``: as Pillow calls it. ``hash``: 64 bits as bools, and ``grey``:
    levels ``(1024,)``, where near duplicates are looked for.
    """

    name: str
    label: str
    digest: str
    size: tuple[int, int]
    mode: str
    hash: np.ndarray | None = field(default=None, compare=False, repr=False)
    grey: np.ndarray | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Survey:
    """What was found.

    ``pictures``: those that can be read. ``broken``: file -> why it cannot. ``passed_over``: file -> why it is no
    picture. ``classes``: all, sorted. ``near``: whether near duplicates were looked for.
    """

    pictures: tuple[Found, ...]
    broken: dict[str, str]
    passed_over: dict[str, str]
    classes: tuple[str, ...]
    near: bool

    def counts(self) -> dict[str, int]:
        """Return class -> how many pictures can be read, 0 where there are none."""
        found = Counter(picture.label for picture in self.pictures)
        return {name: found[name] for name in self.classes}

    def groups(self) -> list[list[int]]:
        """Return the places of the pictures in groups of the same or nearly the same one, most groups being of one."""
        parent = list(range(len(self.pictures)))

        def top(i: int) -> int:
            while parent[i] != i:
                parent[i] = i = parent[parent[i]]
            return i

        first: dict[str, int] = {}
        for i, picture in enumerate(self.pictures):
            parent[top(i)] = top(first.setdefault(picture.digest, i))
        for a, b in _near_pairs(self.pictures) if self.near else ():
            parent[top(b)] = top(a)
        groups: dict[int, list[int]] = {}
        for i in range(len(self.pictures)):
            groups.setdefault(top(i), []).append(i)
        return list(groups.values())


def can_hash() -> bool:
    """Return whether ImageHash, by which near duplicates are found, is installed."""
    return find_spec("imagehash") is not None


def survey_folder(folder: Path, near: bool = True) -> Survey:
    """Look at every file in the class folders of ``folder``.

    Raises:
        FileNotFoundError: no such folder, or no class folders in it.
        ImportError: ``near``, and ImageHash is not installed; the remedy.
    """
    if near and not can_hash():
        raise ImportError("near duplicates are found by ImageHash: pip install imagehash")
    if not folder.is_dir() or not (classes := class_folders(folder)):
        raise FileNotFoundError(f"{folder} has no class folders: give a folder that holds one for each class")
    named: list[tuple[str, str]] = []
    passed_over: dict[str, str] = {}
    for name in classes:
        pictures, others = list_files(folder / name)
        named += [(path, name) for path in pictures]
        passed_over |= others
    for entry in sorted(folder.iterdir()):
        if entry.is_file() and not entry.name.startswith("."):
            passed_over[str(entry)] = "lies beside the class folders"
    broken: dict[str, str] = {}
    found = []
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        looks = pool.map(partial(_look, near=near), named)
        for (path, _), look in zip(named, progress(looks, f"looking at {folder}", len(named), "file"), strict=True):
            if isinstance(look, str):
                broken[path] = look
            else:
                found.append(look)
    return Survey(tuple(found), broken, passed_over, tuple(classes), near)


def survey_memory(parts: dict[str, Pictures]) -> Survey:
    """Look at pictures in memory, part -> pictures; near duplicates are not looked for."""
    found = []
    for part, pictures in parts.items():
        channels, height, width = pictures.images.shape[1:]
        for i, (image, label) in enumerate(zip(pictures.images.numpy(), pictures.labels.tolist(), strict=True)):
            digest = hashlib.sha256(image.tobytes()).hexdigest()
            mode = "L" if channels == 1 else "RGB"
            found.append(Found(f"{part} {i}", pictures.classes[label], digest, (width, height), mode))
    return Survey(tuple(found), {}, {}, next(iter(parts.values())).classes, False)


def _look(named: tuple[str, str], near: bool) -> Found | str:
    """Return what is found in a file, or why it cannot be read."""
    path, label = named
    try:
        content = Path(path).read_bytes()
        with Image.open(io.BytesIO(content)) as picture:
            mode = picture.mode
        upright = open_picture(Path(path))
    except DamagedData as error:
        return str(error).removeprefix(f"cannot read the picture {path}: ")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return str(error)
    hashed, grey = None, None
    if near:
        import imagehash

        hashed = imagehash.phash(upright).hash.ravel()
        grey = np.asarray(upright.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float32).ravel()
    return Found(path, label, hashlib.sha256(content).hexdigest(), upright.size, mode, hashed, grey)


def _near_pairs(pictures: Sequence[Found]) -> list[tuple[int, int]]:
    """Return the pairs of places whose hashes are near and whose pixels confirm it."""
    if len(pictures) < 2:
        return []
    signs = np.stack([2 * picture.hash.astype(np.float32) - 1 for picture in pictures])  # type: ignore[union-attr]
    greys = np.stack([picture.grey for picture in pictures])  # type: ignore[misc]
    centred = greys - greys.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=1))
    pairs = []
    for start in range(0, len(signs), _BLOCK):
        alike = signs[start : start + _BLOCK] @ signs.T >= 64 - 2 * NEAR_BITS
        for a, b in zip(*np.nonzero(np.triu(alike, k=start + 1)), strict=True):
            i, j = start + int(a), int(b)
            if spread[[i, j]].max() < 1:  # of one colour: the same if the levels are
                same = abs(greys[i].mean() - greys[j].mean()) < 1
            else:
                same = 0 < ALIKE * spread[i] * spread[j] <= (centred[i] * centred[j]).mean()
            pairs += [(i, j)] * bool(same)
    return pairs


def report(found: Survey) -> list[str]:
    """Say in lines what was found."""
    counts = found.counts()
    lines = [f"{len(found.pictures)} pictures of {len(counts)} classes"]
    lines += [f"  {name}: {count}{'' if count >= FEW else ' (few)'}" for name, count in counts.items()]
    sizes = Counter(f"{w}x{h}" for w, h in (picture.size for picture in found.pictures))
    modes = Counter(picture.mode for picture in found.pictures)
    lines.append(f"sizes (columns x rows): {_most(sizes)}")
    lines.append(f"modes: {_most(modes)}")
    lines += [f"broken: {path}: {why}" for path, why in found.broken.items()]
    reasons = Counter(found.passed_over.values())
    lines += [f"passed over: {how_many(count, 'file')}, {why}" for why, count in reasons.most_common()]
    twice = [group for group in found.groups() if len(group) > 1]
    how = "the same or nearly the same" if found.near else "the same, bit for bit"
    again = sum(len(group) - 1 for group in twice)
    lines.append(f"{how_many(again, 'picture')} there again, {how}")
    for group in twice:
        labels = sorted({found.pictures[i].label for i in group})
        if len(labels) > 1:
            names = [found.pictures[i].name for i in group]
            lines.append(f"one picture in several classes, {', '.join(labels)}: {shortened(names)}")
    return lines


def _most(counts: Counter) -> str:
    shown: Iterable[str] = (f"{name} ({count})" for name, count in counts.most_common())
    return shortened(list(shown)) or "none"
