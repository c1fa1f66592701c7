"""The book's reference runs: what is run, in order of value, in pieces that can be stopped, resumed and carried.

Each part of the book has a module here that lists its pieces, with their costs (``c2f.reference.costs``) and their
value. A piece writes into an output folder (``data`` of the checkout, or one that travels to another machine and back
with ``pack`` and ``unpack``).
"""

from collections.abc import Iterable
from functools import cache

import torch

from c2f.common.checks import choose, positive_int
from c2f.reference import (
    attacks,
    competition,
    explanations,
    glimpses,
    highres,
    localization,
    merges,
    precision,
    robust_glimpses,
    segmentation,
    short,
    trainings,
)
from c2f.reference.carrying import pack, unpack
from c2f.reference.jobs import Find, one_by_one, several
from c2f.reference.piece import Piece, Settings
from c2f.reference.planning import Agenda, Planned, plan
from c2f.runs.experiment import remove_leftovers

__all__ = ["Piece", "Planned", "Settings", "find", "pack", "pieces", "plan", "run", "select", "unpack"]

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
    merges,
    competition,
)
"""In the order in which pieces of equal value come."""


@cache
def pieces() -> tuple[Piece, ...]:
    """Return every piece of the book's reference runs, part by part; ``plan`` brings them into the order of value."""
    return tuple(piece for part in _PARTS for piece in part.pieces())


def find(name: str) -> Piece:
    """Return the piece of this name."""
    return next(piece for piece in pieces() if piece.name == name)


def select(only: Iterable[str]) -> list[Piece]:
    """Return the pieces that ``only`` names (a piece, or the beginning of several), or all.

    Raises:
        ValueError: a name that fits no piece.
    """
    every = pieces()
    wanted = list(only)
    if not wanted:
        return list(every)
    for name in wanted:
        if not any(piece.name.startswith(name) for piece in every):
            choose(name, sorted({piece.runs_of for piece in every}), "reference run")
    return [piece for piece in every if any(piece.name.startswith(name) for name in wanted)]


def run(
    chosen: list[Piece], settings: Settings, jobs: int = 1, fitting: bool = False, by_name: Find = find
) -> tuple[list[str], list[str]]:
    """Run what is missing, what was begun first, then in order of value; return the names (finished now, still
    missing).

    Args:
        chosen: see ``select``.
        settings: see ``Settings``.
        jobs: how many pieces are run at once, on a CPU: each in a process of one thread.
        fitting: whether pieces are passed over that would not end before the deadline, or of which that is unknown.
        by_name: finds a piece again in another process.

    Raises:
        ValueError: several jobs on a GPU.
    """
    positive_int(jobs, "jobs", maximum=1000)
    if jobs > 1 and torch.device(settings.device).type != "cpu":
        raise ValueError(f"{jobs} jobs are for a CPU; on {settings.device} one piece is run after the other")
    for folder in sorted({settings.output / piece.folder for piece in chosen}):
        remove_leftovers(folder)  # no piece that is done looks after its own
    planned = plan(chosen, settings.output)
    threads = torch.get_num_threads() if jobs == 1 else 1
    every = list({piece.name: piece for piece in [*pieces(), *chosen]}.values())
    agenda = Agenda(planned, every, settings.output, settings.deadline, threads if fitting else None)
    finished = one_by_one(agenda, settings) if jobs == 1 else several(agenda, settings, jobs, by_name)
    missing = [entry.piece.name for entry in planned if entry.state != "done"]
    return finished, [name for name in missing if name not in finished]
