"""Attacks that are written for one picture, as the question-and-answer of a generator; many run side by side.

A generator yields candidates ``(k, C, H, W)``: what it would ask one after the other as long as none fools. It is sent
how many were asked up to the first that fools, and whether one did, and returns its result, or None. All pictures'
generators are asked in turn and their candidates judged as one batch.

Axes: k candidates, C channels, H rows, W columns.
"""

from collections.abc import Callable, Generator, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from c2f.attacks.pixels import nearest_salt_and_pepper
from c2f.attacks.search import PictureAttack, Search

Trial = Generator[np.ndarray, tuple[int, bool], np.ndarray | None]

WIDEST = 64
"""How many candidates of a picture a generator yields at most."""


def side_by_side(search: Search, trial: Callable[[int, np.ndarray], Trial]) -> Tensor:
    """Run ``trial(row, picture)`` for every picture; return the results, unchanged where there is none."""
    result = search.pictures.clone()
    pictures = search.pictures.cpu().numpy()
    trials = {row: trial(row, picture) for row, picture in enumerate(pictures)}
    answers: dict[int, tuple[int, bool] | None] = dict.fromkeys(trials)
    while trials:
        most = max(1, 2 * search.window // len(trials))
        asked = {}
        for row, answer in answers.items():
            try:
                asked[row] = trials[row].send(answer)[:most]  # type: ignore[arg-type]
            except StopIteration as end:
                del trials[row]
                if end.value is not None:
                    result[row] = torch.from_numpy(end.value)
        if asked:
            counts = [len(some) for some in asked.values()]
            made = torch.from_numpy(np.concatenate(list(asked.values()))).to(search.pictures)
            fools = search.fools(made, torch.tensor(list(asked)).repeat_interleave(torch.tensor(counts))).split(counts)
            answers = dict(zip(asked, map(up_to_the_first, fools), strict=True))
    return result


def up_to_the_first(fools: Tensor) -> tuple[int, bool]:
    """Return how many of bool ``(k,)`` there are up to the first that is true, all where none is, and if one is."""
    hit = bool(fools.any())
    return int(fools.int().argmax()) + 1 if hit else len(fools), hit


class PaperSaltAndPepper(PictureAttack):
    """Salt and pepper as published: 10 times 100 shares p, and of what fools the smallest Linf.

    p goes up to 1, after a success up to 1.2 times the share that fooled; candidates whose Linf is not below the best
    are passed over (Foolbox 2.2.1 with the distance Linf; Top-Down Networks, description 8.3). A picture with one black
    or white pixel that changes has Linf 1 at once, so mostly the first success stays.
    """

    name = "salt_and_pepper"

    def find(self, search: Search) -> Tensor:
        """Return each picture with the noise that is kept."""
        return side_by_side(search, lambda row, x: paper_salt_and_pepper(search, row, x))


def paper_salt_and_pepper(search: Search, row: int, x: np.ndarray) -> Trial:
    """Ask about salt and pepper on the picture ``x`` ``(C, H, W)`` in row ``row``, as published."""
    low, high = search.bounds
    shares = min(100, x[0].size)
    most, best, nearest = 1.0, None, np.inf
    for _ in range(10):
        draws = search.streams.uniform(torch.tensor([row]), shares, x[0].shape)[0].numpy()  # (100, H, W)
        for p, u in zip(np.linspace(0, most, shares + 1)[1:], draws, strict=True):
            noise = (high - low) * ((u >= 1 - p / 2).astype(x.dtype) - (u < p / 2))
            made = np.clip(x + noise, low, high, dtype=x.dtype)
            distance = np.abs(made - x).max()
            if 0 < distance < nearest and (yield made[None])[1]:
                best, nearest, most = made, distance, min(1, 1.2 * p)
                break
    return best


class Pointwise(PictureAttack):
    """Start from salt and pepper; set single values back to the picture's, one by one, as long as that fools.

    Then move each value that still differs towards the picture's by ten halvings, until no value of a whole round can
    be moved (Schott et al. 2019; Foolbox 3's ``PointwiseAttack``). The values are tried in one random order a picture.
    """

    name = "pointwise"

    def find(self, search: Search) -> Tensor:
        """Return each picture in the reduced state; unchanged where salt and pepper finds nothing."""
        starts = nearest_salt_and_pepper(search).cpu().numpy()
        everyone = torch.arange(len(starts))
        keys = search.streams.uniform(everyone, 1, (search.pictures[0].numel(),))[:, 0].numpy()
        return side_by_side(search, lambda row, x: pointwise(x, starts[row], keys[row]))


def pointwise(x: np.ndarray, start: np.ndarray, keys: np.ndarray) -> Trial:
    """Reduce the adversarial ``start`` of ``x``, both ``(C, H, W)``; ``keys`` ``(C H W,)`` give the values' order."""
    made, original = start.copy(), x.reshape(-1)
    for halvings in (0, 10):
        improved = True
        while improved:
            places = np.flatnonzero(np.abs(made.reshape(-1) - original) > 1e-12)
            improved = yield from reduced(made, original, places[keys[places].argsort()], halvings)
    return made


def reduced(
    made: np.ndarray, original: np.ndarray, places: np.ndarray, halvings: int
) -> Generator[np.ndarray, tuple[int, bool], bool]:
    """Set the values of ``made`` at the flat ``places`` back, or as near as ``halvings`` bring them, one by one.

    Returns:
        Whether a value has been moved.
    """
    flat, improved, width = made.reshape(-1), False, 1
    before, at, step, fails = flat.copy(), 0, 0, np.float32(0)
    while at < len(places):
        tried = list(islice(edits(flat, original, places, halvings, at, step, fails), width))
        candidates = np.repeat(flat[None], len(tried), axis=0)
        candidates[np.arange(len(tried)), places[[edit.at for edit in tried]]] = [edit.value for edit in tried]
        taken, fools = yield candidates.reshape(-1, *made.shape)
        # Where nothing fooled for long, it will not for long.
        width = min(2 * width, WIDEST) if taken == len(tried) and not fools else taken
        at, step, value, fails = tried[taken - 1]
        if fools:
            flat[places[at]] = value
            improved |= bool(value != before[places[at]])
        else:
            fails = value
        at, step = (at + 1, 0) if step == halvings or (fools and step == 0) else (at, step + 1)
    return improved


class Edit(NamedTuple):
    """A ``value`` that is tried at ``places[at]``; ``fails`` is the nearest to the picture's that is known to fail."""

    at: int
    step: int
    value: np.float32
    fails: np.float32


def edits(
    flat: np.ndarray, original: np.ndarray, places: np.ndarray, halvings: int, at: int, step: int, fails: np.float32
) -> Iterator[Edit]:
    """Yield what is tried from ``places[at]`` on, where it begins with ``step``, as long as nothing fools.

    Step 0 is the picture's own value; each after it lies in the middle between what fools and what fails.
    """
    for here in range(at, len(places)):
        place = places[here]
        for number in range(step, halvings + 1):
            value = (flat[place] + fails) / 2 if number else original[place]
            yield Edit(here, number, value, fails)
            fails = value
        step = 0


class PaperPointwise(PictureAttack):
    """Pointwise as published: what is kept is the smallest Linf, and of equals the first (oddity O11).

    As Foolbox 2.2.1 with the distance Linf: it starts from its salt and pepper, and after each value that can be set
    back starts anew in another random order. A value that no halving can move is left where the last halving failed,
    so that the picture fools no more and little happens after that. The result is mostly the start.
    """

    name = "pointwise"

    def find(self, search: Search) -> Tensor:
        """Return each picture in the state that is kept; unchanged where salt and pepper finds nothing."""
        return side_by_side(search, lambda row, x: paper_pointwise(search, row, x))


def paper_pointwise(search: Search, row: int, x: np.ndarray) -> Trial:
    """Ask about the picture ``x`` ``(C, H, W)`` in row ``row``, as published."""
    start = yield from paper_salt_and_pepper(search, row, x)
    if start is None:
        return None
    made, original = start.copy(), x.reshape(-1)
    flat = made.reshape(-1)
    best, nearest = start, np.abs(start - x).max()

    def ask() -> Generator[np.ndarray, tuple[int, bool], bool]:
        nonlocal best, nearest
        _, fools = yield made[None]
        distance = np.abs(made - x).max()
        if fools and distance < nearest:
            best, nearest = made.copy(), distance
        return fools

    def shuffled() -> np.ndarray:
        keys = search.streams.uniform(torch.tensor([row]), 1, (x.size,))[0, 0].numpy()
        return keys.argsort()

    again = True
    while again:
        again = False
        for place in shuffled():
            old = flat[place]
            if old == original[place]:
                continue
            flat[place] = original[place]
            if (yield from ask()):
                again = True
                break
            flat[place] = old
    again = True
    while again:
        again = False
        for place in shuffled():
            old, target = flat[place], original[place]
            if old == target:
                continue
            flat[place] = target
            if (yield from ask()):
                again = True
                continue
            fools, fails = old, target
            for _ in range(10):
                flat[place] = (fools + fails) / 2
                if (yield from ask()):
                    fools = flat[place]
                else:
                    fails = flat[place]
            if fools != old:
                flat[place] = fools
                again = True
    return best
