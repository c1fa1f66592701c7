"""Attacks that are written for one picture, as the question-and-answer of a generator; many run side by side.

A generator yields a candidate ``(C, H, W)``, is sent whether it fools, and returns its result, or None. All pictures'
generators are asked in turn and their candidates judged as one batch.

Axes: C channels, H rows, W columns.
"""

from collections.abc import Callable, Generator

import numpy as np
import torch
from torch import Tensor

from c2f.attacks.pixels import nearest_salt_and_pepper
from c2f.attacks.search import PictureAttack, Search

Trial = Generator[np.ndarray, bool, np.ndarray | None]


def side_by_side(search: Search, trial: Callable[[int, np.ndarray], Trial]) -> Tensor:
    """Run ``trial(row, picture)`` for every picture; return the results, unchanged where there is none."""
    result = search.pictures.clone()
    pictures = search.pictures.cpu().numpy()
    trials = {row: trial(row, picture) for row, picture in enumerate(pictures)}
    answers: dict[int, bool | None] = dict.fromkeys(trials)
    while trials:
        asked = {}
        for row, answer in answers.items():
            try:
                asked[row] = trials[row].send(answer)  # type: ignore[arg-type]
            except StopIteration as end:
                del trials[row]
                if end.value is not None:
                    result[row] = torch.from_numpy(end.value)
        if asked:
            made = torch.from_numpy(np.stack(list(asked.values()))).to(search.pictures)
            answers = dict(zip(asked, search.fools(made, torch.tensor(list(asked))).tolist(), strict=True))
    return result


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
            if 0 < distance < nearest and (yield made):
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
    flat = made.reshape(-1)

    def different() -> np.ndarray:
        places = np.flatnonzero(np.abs(flat - original) > 1e-12)
        return places[keys[places].argsort()]

    improved = True
    while improved:
        improved = False
        for place in different():
            old, flat[place] = flat[place], original[place]
            if (yield made):
                improved = True
            else:
                flat[place] = old
    improved = True
    while improved:
        improved = False
        for place in different():
            old, flat[place] = flat[place], original[place]
            if not (yield made):
                flat[place] = yield from halvings(made, place, old, original[place])
            improved |= bool(flat[place] != old)
    return made


def halvings(
    made: np.ndarray, place: int, fools: np.float32, fails: np.float32
) -> Generator[np.ndarray, bool, np.float32]:
    """Return the value of ``made`` at the flat ``place`` that is nearest to ``fails`` and fools, by ten halvings."""
    flat = made.reshape(-1)
    for _ in range(10):
        flat[place] = (fools + fails) / 2
        if (yield made):
            fools = flat[place]
        else:
            fails = flat[place]
    return fools


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

    def ask() -> Generator[np.ndarray, bool, bool]:
        nonlocal best, nearest
        fools = yield made
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
