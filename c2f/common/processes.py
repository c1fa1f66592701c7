"""Work in several processes of one thread each, which tell here how far they are.

::

    with Workers(2, print) as workers:
        every = [workers.submit(work, part) for part in parts]  # calls tell("half way")
        while every:
            for future in workers.follow(every):
                every.remove(future)
                future.result()
"""

import multiprocessing
import os
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Lock
from typing import Any, Self

_home: tuple[Connection, Lock] | None = None
"""Where to tell, one process at a time."""


class Workers:
    """Processes of one thread each, in a ``with`` block, whose end waits for what is under way.

    Args:
        processes: how many there are.
        told: called here with what a process hands to ``tell``, while ``follow`` or the end of the block waits.
    """

    def __init__(self, processes: int, told: Callable[[Any], None]):
        context = multiprocessing.get_context("spawn")  # forked ones would have torch's threads without their state
        self._here, there = context.Pipe(duplex=False)  # what was told is in it before the telling work has ended
        self._told = told
        self._pool = ProcessPoolExecutor(processes, context, _begin, (there, context.Lock()))
        self._submitted: list[Future[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        while left := [future for future in self._submitted if not future.done()]:
            self.follow(left)  # who tells waits until it is taken
        self._pool.shutdown(wait=True)

    def submit(self, work: Callable[..., Any], *given: Any) -> "Future[Any]":
        """Have one of the processes call ``work(*given)``, all of which can be pickled."""
        self._submitted.append(self._pool.submit(work, *given))
        return self._submitted[-1]

    def follow(self, futures: Collection["Future[Any]"]) -> list["Future[Any]"]:
        """Hand over what is told until one of ``futures`` has ended; return those that have."""
        while True:
            ended = [future for future in futures if future.done()]  # asked first: what they told is handed over
            while self._here.poll():
                self._told(self._here.recv())
            if ended:
                return ended
            wait(futures, timeout=0.1, return_when=FIRST_COMPLETED)


def tell(what: Any) -> None:
    """Hand ``what``, which can be pickled, to who follows this process; it ends where nobody is there any more."""
    if _home is None:
        return
    there, lock = _home
    try:
        with lock:
            there.send(what)
    except BrokenPipeError:
        os._exit(1)  # who followed was killed: what was finished is in the checkpoint


def _begin(there: Connection, lock: Lock) -> None:
    global _home
    import torch

    _home = there, lock
    torch.set_num_threads(1)
