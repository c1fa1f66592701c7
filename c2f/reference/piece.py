"""What a piece of a reference run is, and what its parts share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from c2f.runs.folder import holds
from c2f.training.checkpoints import History


@dataclass(frozen=True)
class Settings:
    """How pieces are run: the output folder, torch's device, and the deadline (``time.monotonic()``) or None. ``tell``
    is called with a line for each epoch, attack or other step that is done.
    """

    output: Path
    device: str
    deadline: float | None
    tell: Callable[[str], None] = lambda line: None

    def epochs_of(self, piece: str) -> Callable[[History], None]:
        """Return what tells of each epoch of the training ``piece``."""

        def on_epoch(history: History) -> None:
            if len(history):
                self.tell(f"{piece}: epoch {len(history)}, {history.reached()}, {history.seconds[-1]:.1f} s")

        return on_epoch


@dataclass(frozen=True)
class Piece:
    """One resumable piece of a reference run.

    ``runs_of``: what it adds a run to, in the words of ``--only``, and the ``seed`` of that run. ``minutes``: rough,
    beside a second run on two cores; None where it was never measured. ``gpu``: too long for a CPU, left out there
    unless named. ``done``: whether the output folder has it. ``run``: does it, or raises ``c2f.runs.parts.OutOfTime``.
    """

    runs_of: str
    seed: int
    minutes: float | None
    gpu: bool
    done: Callable[[Path], bool]
    run: Callable[[Settings], None]

    @property
    def name(self) -> str:
        """What ``--only`` calls this one piece."""
        return f"{self.runs_of}--seed{self.seed}"


def seed_piece(name: str, seed: int, minutes: float | None, gpu: bool, run: Callable[[Settings], None]) -> Piece:
    """Return the piece that adds the run of ``seed`` to the record ``name``; the rest as for ``Piece``."""
    return Piece(name, seed, minutes, gpu, lambda output: holds(output, name, seed), run)
