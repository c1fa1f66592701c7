"""Several seeds of a training at once, each in a process of one thread.

On LeNetFC, of which much of a step is too small to be shared out, two such processes do more work than one with two
threads: 1.1 times as much in the book's record of costs, their start included. They take seconds to start: of trainings
that last no longer, several at once gain nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from c2f.common.processes import Workers, tell

Train = Callable[..., Any]
"""Takes the keywords ``seed`` and ``on_epoch`` and returns a run; with what else it is told, it can be pickled."""


def at_once(seeds: Sequence[int], device: str) -> int:
    """Return how many of ``seeds`` to train at once on ``device``: on a CPU one a thread, elsewhere one."""
    return max(1, min(len(seeds), torch.get_num_threads())) if torch.device(device).type == "cpu" else 1


def train_seeds(
    train: Train, seeds: Sequence[int], processes: int, on_epoch: Callable[[int, Any], None]
) -> Iterator[tuple[int, Callable[[], Any]]]:
    """Train each seed and yield, in the order of ``seeds``, the seed and what gives its run, or raises its error.

    A seed that fails does not stop those that are under way, nor those that are still asked for.

    Args:
        train: see ``Train``.
        seeds: whose runs are wanted.
        processes: how many are at work at once; 1 trains in this process, with its threads.
        on_epoch: called here with seed and history, after each epoch of any of them.
    """
    if processes == 1:
        for seed in seeds:
            yield seed, partial(train, seed=seed, on_epoch=partial(on_epoch, seed))
        return
    with Workers(processes, lambda told: on_epoch(*told)) as workers:
        runs = [workers.submit(_one, train, seed) for seed in seeds]
        for seed, run in zip(seeds, runs, strict=True):
            workers.follow([run])
            yield seed, run.result


def _one(train: Train, seed: int) -> Any:
    return train(seed=seed, on_epoch=partial(_tell, seed))


def _tell(seed: int, history: Any) -> None:
    tell((seed, history))
