"""Training seed by seed, as the commands do it, and how the epochs are shown."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from c2f.runs.record import Run
    from c2f.training.checkpoints import History


class Epochs:
    """Shows epochs as they end, in a ``with`` block: a moving bar where somebody watches, a line each elsewhere."""

    def __init__(self, what: str, epochs: int):
        self.what, self.epochs = what, epochs
        self.bar: Any = None

    def __call__(self, history: "History") -> None:
        """Show the epochs up to the last of ``history``."""
        from tqdm.auto import tqdm

        from c2f.common.progress import somebody_watches

        if not len(history):
            return
        if self.bar is None and somebody_watches():
            self.bar = tqdm(total=self.epochs, desc=self.what, unit="epoch")
        text = f"loss {history.train_loss[-1]:.4f}, {history.reached()}"
        if self.bar is not None:
            self.bar.update(len(history) - self.bar.n)
            self.bar.set_postfix_str(text)
        else:
            print(
                f"{self.what}: epoch {len(history)} of {self.epochs}, {text}, {history.seconds[-1]:.1f} s", flush=True
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
    output: Path,
) -> Iterator[tuple[str, "Run"]]:
    """Train each seed, its epochs shown; give ``NAME--seedS`` and the run.

    Under torchrun each process trains its share of the seeds.

    Args:
        name: of the record.
        seeds: of the runs; without them 0, 1, ... below ``repetitions``.
        repetitions: how often the recipe repeats a training.
        epochs: of each training.
        train: trains a seed, and is to call what shows the epochs.
        output: the folder; a run that it held already is told and left out.
    """
    every = list(seeds or range(repetitions))
    for seed in every[int(os.environ.get("RANK", 0)) :: int(os.environ.get("WORLD_SIZE", 1))]:
        what = f"{name}--seed{seed}"
        with Epochs(what, epochs) as shown:
            run = train(seed, shown)
        if run.fresh:
            yield what, run
        else:
            print(f"{what}: already in {output}; --again trains it anew")


def if_there(run: "Run", output: Path) -> str:
    """Return what a line about ``run`` ends in if ``output`` held it already, else nothing."""
    return "" if run.fresh else f" (already in {output}; --again does it anew)"
