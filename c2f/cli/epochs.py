"""Training seed by seed, as the commands do it, and how the epochs are shown."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from c2f.runs.record import Run
    from c2f.training.checkpoints import History


class Epochs:
    """Shows epochs as they end, in a ``with`` block: a moving bar where somebody watches, a line each elsewhere."""

    def __init__(self, what: str, epochs: int):
        from c2f.common.progress import somebody_watches

        self.what, self.epochs, self.bar = what, epochs, None
        if somebody_watches():
            from tqdm.auto import tqdm

            self.bar = tqdm(total=epochs, desc=what, unit="epoch")

    def __call__(self, history: "History") -> None:
        """Show the epochs up to the last of ``history``."""
        if not len(history):
            return
        told = f"loss {history.train_loss[-1]:.4f}, {history.reached()}"
        if self.bar is not None:
            self.bar.update(len(history) - self.bar.n)
            self.bar.set_postfix_str(told)
        else:
            print(
                f"{self.what}: epoch {len(history)} of {self.epochs}, {told}, {history.seconds[-1]:.1f} s", flush=True
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()


def train_each(
    name: str,
    seeds: Sequence[int],
    repetitions: int,
    epochs: int,
    train: Callable[[int, Epochs], "Run"],
    there: Callable[[int], object] | None = None,
    output: Path | None = None,
) -> Iterator[tuple[str, "Run"]]:
    """Train each seed, its epochs shown; give ``NAME--seedS`` and the run.

    Under torchrun each process trains its share of the seeds.

    Args:
        name: of the record.
        seeds: of the runs; without them 0, 1, ... below ``repetitions``.
        repetitions: how often the recipe repeats a training.
        epochs: of each training.
        train: trains a seed, and is to call what shows the epochs.
        there: the run of a seed that ``output`` already holds, which is told and left out; None trains all.
        output: see there.
    """
    every = list(seeds or range(repetitions))
    for seed in every[int(os.environ.get("RANK", 0)) :: int(os.environ.get("WORLD_SIZE", 1))]:
        what = f"{name}--seed{seed}"
        if there is not None and there(seed) is not None:
            print(f"{what}: already in {output}; --again trains it anew")
            continue
        with Epochs(what, epochs) as shown:
            run = train(seed, shown)
        yield what, run
