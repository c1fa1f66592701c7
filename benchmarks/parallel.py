"""One training by two processes of one thread each, against one process of one thread; and what a message takes."""

import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path

import torch
import torch.distributed as dist

from benchmarks.suite import Case, Run, Sides
from benchmarks.training import Training, begun, steps_by
from c2f.common.share import WHOLE, Share
from c2f.runs.costs import PLAIN
from c2f.training.batch_norm import sum_of_all
from c2f.training.engine import Engine

PROCESSES = 2
TRAINED = Training("nin_light", 1, 28, 128, 2)
ENGINE = Engine("channels_last", "float32", 1)
JOINED, APART, MESSAGES = "norms joined", "norms apart", "c2f"
SENT, NUMBERS = 100, 193
"""How many messages are sent, and how many numbers are in one: what a batch norm of 96 channels adds up."""


def send_messages() -> None:
    """Add short tensors up over the processes, one after the other."""
    numbers = torch.zeros(NUMBERS, dtype=torch.float64)
    for _ in range(SENT):
        sum_of_all(numbers)


def work(rank: int, folder: str, orders: Connection) -> None:
    """Do what is ordered and answer how many seconds it took, until the process is ended."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=(Path(folder) / "meet").as_uri(), rank=rank, world_size=PROCESSES)
    found, _ = begun(TRAINED)
    shares = {side: Share(rank, PROCESSES, "gloo", side == JOINED) for side in (JOINED, APART)}
    runs: dict[str, Run] = {
        side: steps_by(ENGINE, found, TRAINED.steps, share) for side, share in {PLAIN: WHOLE, **shares}.items()
    }
    runs[MESSAGES] = send_messages
    orders.send(0.0)
    with suppress(EOFError):  # whoever gave the orders is gone
        while True:
            run = runs[orders.recv()]
            start = time.perf_counter()
            run()
            orders.send(time.perf_counter() - start)


@cache
def begin_workers() -> tuple[Connection, ...]:
    """Begin the processes, which end with this one; return what orders go through, once all are ready."""
    context = multiprocessing.get_context("spawn")
    orders = []
    with tempfile.TemporaryDirectory() as folder:
        for rank in range(PROCESSES):
            ours, theirs = context.Pipe()
            context.Process(target=work, args=(rank, folder, theirs), daemon=True).start()
            theirs.close()  # so that a worker that is gone is an error here
            orders.append(ours)
        seconds_of(orders)
    return tuple(orders)


def seconds_of(workers: Sequence[Connection]) -> float:
    """Return how long the slowest took."""
    return max(worker.recv() for worker in workers)


def order(side: str, processes: int) -> float:
    """Have the first ``processes`` do their part of ``side``, and return how many seconds that took."""
    workers = begin_workers()[:processes]
    for worker in workers:
        worker.send(side)
    return seconds_of(workers)


def cases() -> list[Case]:
    """Return the comparison, and the message alone."""

    def prepare(sides: dict[str, int]) -> Sides:
        begin_workers()
        return Sides({side: partial(order, side, processes) for side, processes in sides.items()})

    pictures = TRAINED.batch * TRAINED.steps
    says = "steps by two processes of one thread, each with half of a batch, against one process of one thread"
    trained = {PLAIN: 1, JOINED: PROCESSES, APART: PROCESSES}
    sent = f"short messages between two processes (gloo, {NUMBERS} numbers): a joined batch norm sends two a step"
    return [
        Case(f"{TRAINED.network}, two processes", partial(prepare, trained), says, "pictures/s", pictures, threads=1),
        Case("a short message", partial(prepare, {MESSAGES: PROCESSES}), sent, "messages/s", SENT, threads=1),
    ]
