"""Several seeds of a training at once, each in a process of one thread.

Two such processes did 1.4 times the work of one with two threads on LeNetFC, of which much of a step is too small to be
shared out. They take seconds to start: of trainings that last no longer, several at once gain nothing.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing.queues import Queue
from queue import Empty
from typing import Any

import torch

Train = Callable[..., Any]
"""Takes the keywords ``seed`` and ``on_epoch`` and returns a run; with what else it is told, it can be pickled."""

_queue: "Queue[tuple[int, Any]] | None" = None


def at_once(seeds: Sequence[int], device: str) -> int:
    """Return how many of ``seeds`` to train at once on ``device``: on a CPU one a thread, elsewhere one."""
    return max(1, min(len(seeds), torch.get_num_threads())) if torch.device(device).type == "cpu" else 1


def train_seeds(
    train: Train, seeds: Sequence[int], processes: int, on_epoch: Callable[[int, Any], None]
) -> Iterator[tuple[int, Any]]:
    """Train each seed and yield (seed, run) in the order of ``seeds``.

    A seed that fails does not stop those that are under way; its error is raised when its turn comes.

    Args:
        train: see ``Train``.
        seeds: whose runs are wanted.
        processes: how many are at work at once; 1 trains in this process, with its threads.
        on_epoch: called here with seed and history, after each epoch of any of them.
    """
    if processes == 1:
        for seed in seeds:
            yield seed, train(seed=seed, on_epoch=partial(on_epoch, seed))
        return
    context = multiprocessing.get_context("spawn")  # a forked process would have torch's threads without their state
    queue: Queue[tuple[int, Any]] = context.Queue()
    with ProcessPoolExecutor(processes, context, _begin, (queue,)) as pool:
        runs = [pool.submit(_one, train, seed) for seed in seeds]
        try:
            for seed, run in zip(seeds, runs, strict=True):
                _follow(run, queue, on_epoch)
                yield seed, run.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _follow(run: "Future[Any]", queue: "Queue[tuple[int, Any]]", on_epoch: Callable[[int, Any], None]) -> None:
    """Show the epochs of all that are at work until ``run`` has ended."""
    while True:
        ended = run.done()  # asked first: what was put before the end is shown before the end
        try:
            while True:
                on_epoch(*queue.get(timeout=0.1))
        except Empty:
            if ended:
                return


def _begin(queue: "Queue[tuple[int, Any]]") -> None:
    global _queue
    _queue = queue
    torch.set_num_threads(1)


def _one(train: Train, seed: int) -> Any:
    return train(seed=seed, on_epoch=partial(_tell, seed))


def _tell(seed: int, history: Any) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)  # killed: what was finished is in the checkpoint
    if _queue is not None:
        _queue.put((seed, history))
