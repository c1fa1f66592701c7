"""Which pieces come next: by value and cost, what was begun first, and with a budget what fits into it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from c2f.reference.costs import Known
from c2f.reference.piece import FURTHER, REST, Piece, seeds_in
from c2f.runs.folder import SHIPPED


@dataclass(frozen=True)
class Planned:
    """A piece with how far it is: ``done``, ``begun`` or ``missing``; its ``rank``, lower is earlier, and what it
    ``unlocks``.
    """

    piece: Piece
    state: str
    rank: float
    unlocks: str
    known: Known

    @cached_property
    def minutes(self) -> float | None:
        """Its core-minutes, of a training that was begun those that are left; None where nothing is known.

        May measure for a moment.
        """
        whole = self.piece.cost(self.known)
        return whole if whole is None or self.state != "begun" else whole * self.piece.left(self.known.output)


def plan(pieces: Sequence[Piece], output: Path) -> list[Planned]:
    """Return the pieces in order of value: by rank, those without one after them, the cheapest first."""
    known, seeds = Known(output), cache(seeds_in)
    states = {piece.name: piece.state(output, seeds) for piece in pieces}
    with_one = {piece.runs_of for piece in pieces if piece.rank < FURTHER or states[piece.name] == "done"}
    planned = []
    for piece in pieces:
        further = piece.rank == REST and piece.runs_of in with_one
        rank, unlocks = (FURTHER, "a further seed of what has one") if further else (piece.rank, piece.unlocks)
        planned.append(Planned(piece, states[piece.name], rank, unlocks, known))

    def order(entry: Planned) -> tuple[float, float]:
        if entry.rank < FURTHER:
            return entry.rank, 0
        return entry.rank, float("inf") if entry.minutes is None else entry.minutes

    return sorted(planned, key=order)


class Agenda:
    """What is still to be done, handed out piece by piece.

    Args:
        planned: in order of value, see ``plan``; what is done is left out.
        every: all pieces there are, among them those that ``planned`` need.
        output: the output folder.
        deadline: in ``time.monotonic()``, or None.
        threads: of each piece; None begins pieces whether or not they would end before the deadline.
    """

    def __init__(
        self,
        planned: Sequence[Planned],
        every: Sequence[Piece],
        output: Path,
        deadline: float | None = None,
        threads: int | None = None,
    ):
        self.left = [entry for entry in planned if entry.state != "done"]
        self.left.sort(key=lambda entry: entry.state != "begun")
        self._by_name = {piece.name: piece for piece in every}
        self._output, self._deadline, self._threads = output, deadline, threads

    def next(self) -> Piece | None:
        """Take the first piece that what it needs is there for and that fits; None if there is none now."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            return None
        for entry in self.left:
            if self._fits(entry) and all(self._there(name) for name in entry.piece.needs):
                self.left.remove(entry)
                return entry.piece
        return None

    def _fits(self, entry: Planned) -> bool:
        if self._deadline is None or self._threads is None or entry.state == "begun":
            return True
        seconds = None if entry.minutes is None else entry.minutes * 60 / self._threads
        return seconds is not None and time.monotonic() + seconds <= self._deadline

    def _there(self, name: str) -> bool:
        """Return whether a piece is done, here or, as weights are taken from there too, in the book."""
        piece = self._by_name[name]
        return piece.done(self._output) or piece.done(SHIPPED)
