"""The book's reference runs: what is run, in order of value, in pieces that can be stopped, resumed and carried.

Each part of the book has a module here that lists its pieces. A piece writes into an output folder (``data`` of the
checkout, or one that travels to another machine and back with ``pack`` and ``unpack``).
"""

import time
from collections.abc import Iterable

from c2f.common.checks import choose
from c2f.reference import (
    attacks,
    explanations,
    glimpses,
    highres,
    localization,
    precision,
    robust_glimpses,
    segmentation,
    short,
    trainings,
)
from c2f.reference.carrying import pack, unpack
from c2f.reference.piece import Piece, Settings
from c2f.runs.experiment import remove_leftovers
from c2f.runs.parts import OutOfTime

__all__ = ["Piece", "Settings", "pack", "pieces", "run", "select", "unpack"]

_PARTS = (
    trainings,
    attacks,
    explanations,
    localization,
    segmentation,
    highres,
    glimpses,
    robust_glimpses,
    short,
    precision,
)
"""In order of value."""


def pieces() -> list[Piece]:
    """Return every piece of the book's reference runs, in order of value: first all that a CPU can do."""
    return sorted((piece for part in _PARTS for piece in part.pieces()), key=lambda piece: piece.gpu)


def select(only: Iterable[str], gpu: bool) -> list[Piece]:
    """Return the pieces that ``only`` names (a piece, or the beginning of several), or all that suit this machine.

    Raises:
        ValueError: a name that fits no piece.
    """
    every = pieces()
    wanted = list(only)
    if not wanted:
        return [piece for piece in every if gpu or not piece.gpu]
    for name in wanted:
        if not any(piece.name.startswith(name) for piece in every):
            choose(name, sorted({piece.runs_of for piece in every}), "reference run")
    return [piece for piece in every if any(piece.name.startswith(name) for name in wanted)]


def run(chosen: list[Piece], settings: Settings) -> tuple[list[str], list[str]]:
    """Run what is missing, in order; return the names (finished now, still missing)."""
    for folder in (settings.output, settings.output / short.FOLDER):
        remove_leftovers(folder)  # no piece that is done looks after its own
    finished = []
    missing = [piece for piece in chosen if not piece.done(settings.output)]
    for piece in missing:
        if settings.deadline is not None and time.monotonic() > settings.deadline:
            break
        try:
            piece.run(settings)
        except OutOfTime:
            break
        finished.append(piece.name)
    return finished, [piece.name for piece in missing if piece.name not in finished]
