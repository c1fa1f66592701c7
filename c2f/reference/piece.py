"""What a piece of a reference run is, and what its parts share."""

import re
import time
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from c2f.reference.costs import Known
from c2f.runs.folder import record_path
from c2f.runs.parts import PartialResults
from c2f.runs.record import read
from c2f.training.checkpoints import History, share_left

FURTHER, REST = 9.0, 10.0
"""Ranks of what no part gives one, a further seed of what has one, and the rest; of both the cheapest first."""
Values = Mapping[str, tuple[float, str]]
"""Regular expression of whole names of pieces -> rank, lower is earlier, and what such a piece unlocks."""
Cost = Callable[[Known], float | None]
"""Maps what is known to core-minutes; None where nothing is known."""
Seeds = Callable[[Path], Container[int]]
"""Maps the path of a record to its seeds; none where it is not there."""


@dataclass(frozen=True)
class Settings:
    """How pieces are run: the output folder, torch's device, and the deadline (``time.monotonic()``) or None. ``tell``
    is called with a line for each epoch, attack or other step that is done.
    """

    output: Path
    device: str
    deadline: float | None
    tell: Callable[[str], None] = lambda line: None

    def tell_epoch(self, piece: str, epochs: int, seconds: list[float], reached: str) -> None:
        """Tell of the last epoch of ``piece``, of which ``seconds`` are known: how far it is, and when it will end."""
        left = (epochs - len(seconds)) * seconds[-1]
        end = f", ends about {when(left)}" if left else ""
        self.tell(f"{piece}: epoch {len(seconds)} of {epochs}, {reached}, {seconds[-1]:.1f} s{end}")

    def epochs_of(self, piece: str, epochs: int) -> Callable[[History], None]:
        """Return what tells of each of the ``epochs`` of the training ``piece``."""

        def on_epoch(history: History) -> None:
            if len(history):
                self.tell_epoch(piece, epochs, history.seconds, history.reached())

        return on_epoch


def when(seconds: float) -> str:
    """Return the time of day in ``seconds`` from now, with the day where it is another."""
    now, then = time.localtime(), time.localtime(time.time() + seconds)
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%d %b %H:%M", then)


def seeds_in(path: Path) -> list[int]:
    """Return the seeds of the record ``path``; none where it is not there."""
    return read(path).seeds if path.exists() else []


@dataclass(frozen=True)
class Piece:
    """One resumable piece of a reference run.

    Attributes:
        runs_of: what it adds a run to, in the words of ``--only``.
        seed: of that run.
        records: names of the records that it adds a run to.
        run: does it, or raises ``c2f.runs.parts.OutOfTime``.
        cost: its core-minutes, see ``Cost`` and ``c2f.reference.costs``.
        needs: names of the pieces that must be done before it can begin.
        folder: of the output folder, where the records lie; the output folder itself unless given.
        rank: of its value, lower is earlier.
        unlocks: the figure, table or claim that waits for it.
    """

    runs_of: str
    seed: int
    records: tuple[str, ...]
    run: Callable[[Settings], None]
    cost: Cost = lambda known: None
    needs: tuple[str, ...] = ()
    folder: str = ""
    rank: float = REST
    unlocks: str = ""

    @property
    def name(self) -> str:
        """What ``--only`` calls this one piece."""
        return f"{self.runs_of}--seed{self.seed}"

    def done(self, output: Path) -> bool:
        """Return whether the output folder has it."""
        return self.state(output) == "done"

    def state(self, output: Path, seeds: Seeds = seeds_in) -> str:
        """Return ``done``, ``begun`` or ``missing``: what the output folder has of it.

        ``seeds`` maps the path of a record to its seeds, as ``seeds_in``; one that remembers spares reading.
        """
        folder = output / self.folder
        held = [self.seed in seeds(record_path(folder, record)) for record in self.records]
        if all(held):
            return "done"
        begun = any(checkpoint.exists() for checkpoint in self._checkpoints(output))
        begun |= any(PartialResults.files(checkpoint.with_suffix("")) for checkpoint in self._checkpoints(output))
        return "begun" if any(held) or begun else "missing"

    def left(self, output: Path) -> float:
        """Return which share of it is left, in [0, 1], as the checkpoint of a training tells; of anything else 1."""
        return share_left(self._checkpoints(output)[0]) if len(self.records) == 1 else 1.0

    def _checkpoints(self, output: Path) -> list[Path]:
        """Return where the checkpoint of each record would be."""
        folder = output / self.folder / "checkpoints"
        return [folder / f"{record}--seed{self.seed}.pt" for record in self.records]


def apart(piece: Piece, folder: str) -> Piece:
    """Return the piece with its results in ``folder`` of the output folder, whose name its own then begins with."""
    begin = folder.replace("/", "--")
    return replace(
        piece,
        runs_of=f"{begin}--{piece.runs_of}",
        needs=tuple(f"{begin}--{name}" for name in piece.needs),
        folder=folder,
        run=lambda settings: piece.run(replace(settings, output=settings.output / folder)),
    )


def valued(pieces: Iterable[Piece], values: Values) -> list[Piece]:
    """Return the pieces, each with rank and unlocks of the first of ``values`` that fits its name, if one does."""

    def value(piece: Piece) -> Piece:
        for pattern, (rank, unlocks) in values.items():
            if re.fullmatch(pattern, piece.name):
                return replace(piece, rank=rank, unlocks=unlocks)
        return piece

    return [value(piece) for piece in pieces]
