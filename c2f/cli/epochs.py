"""Training seed by seed, as the commands do it, and how the epochs are shown."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from c2f.cli.options import Training
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
    name: str, recipe: Any, how: "Training", device: str, train: Callable[..., "Run"], also: Callable[[int, Any], None]
) -> Iterator[tuple[str, "Run"]]:
    """Train each seed, its epochs shown; give ``NAME--seedS`` and the run.

    Under torchrun each process trains its share of the seeds, all of them although one fails, or each seed with the
    other processes; the first of those shows and gives them.

    Args:
        name: of the record.
        recipe: says how many epochs, and how many seeds where none are named.
        how: the command's options.
        device: as torch names it.
        train: what ``c2f.training.seeds`` trains a seed by.
        also: called with the seed and each history as it is shown.

    Raises:
        RuntimeError: of several processes with seeds of their own, seeds of this one failed; each was told of.
    """
    from c2f.cli.options import processes
    from c2f.runs.folder import holds
    from c2f.training.seeds import at_once, train_seeds

    every = list(how.seeds or range(recipe.repetitions))
    shared, rank = processes() > 1 and not how.together, int(os.environ.get("RANK", 0))
    mine = every[rank :: processes()] if shared else every
    missing = [seed for seed in mine if how.again or not holds(how.output, name, seed)]
    count = at_once(missing, device) if how.at_once is None else max(1, min(how.at_once, len(missing)))
    failed = []
    with ExitStack() as stack:
        shown = {seed: stack.enter_context(Epochs(f"{name}--seed{seed}", recipe.epochs)) for seed in mine}

        def on_epoch(seed: int, history: Any) -> None:
            shown[seed](history)
            if len(history):
                also(seed, history)

        for seed, result in train_seeds(train, mine, 1 if how.together else count, on_epoch):
            try:
                run = result()
            except Exception as error:
                if not shared:
                    raise
                failed.append(seed)
                print(f"c2f: {shown[seed].what}: {str(error) or type(error).__name__}", file=sys.stderr, flush=True)
                continue
            if how.together and rank:
                continue
            if run.fresh:
                yield shown[seed].what, run
            else:
                print(f"{shown[seed].what}: already in {how.output}; --again trains it anew")
    if failed:
        raise RuntimeError(f"of the seeds {mine} of process {rank}, {failed} failed: see above")


def if_there(run: "Run", output: Path) -> str:
    """Return what a line about ``run`` ends in if ``output`` held it already, else nothing."""
    return "" if run.fresh else f" (already in {output}; --again does it anew)"
