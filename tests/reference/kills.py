"""``c2f reference`` with tiny pieces, killed again and again: ``python kills.py FOLDER``.

It fills three folders in FOLDER: ``never``; ``random``, killed at random moments; ``write``, killed just before or just
after a file takes its place. Each call is a child that inherits what takes seconds to import. The last line printed is
the number of calls that were killed at random, and at a write.
"""

import itertools
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
import torch._dynamo  # a second and a half, for which every child would load it at its first step of training

from c2f import __main__ as command_line
from c2f import datasets, reference
from c2f.reference import attacks, trainings
from c2f.training import data as training_data

torch.set_num_threads(1)
KILLS = 8
"""At random moments, after which a call may end."""


def stub() -> None:
    """Put few pictures in the place of the data, and three trainings, two attacks and their ablations in the place of
    the book's pieces.
    """
    sample = datasets.load("fashion-mnist-sample")
    few = datasets.DataSet("few", *(part.select(torch.arange(100)) for part in (sample.train, sample.test)))
    training_data.load_data_set = lambda data, image_size: few
    attacks.attacks.names = lambda: ["contrast", "shifts"]
    smaller = {"epochs": 3, "batch_size": 8, "pixel_mean": True}
    pieces = [
        trainings.training_piece(network, "fashion-mnist", seed, **smaller)
        for network, seed in (("lenetfc", 0), ("lenetfc_td", 0), ("lenetfc", 1))
    ]
    pieces.insert(2, attacks.attack_piece("lenetfc_td", "fashion-mnist", 0, "minimal", 60))
    reference.pieces = lambda: pieces


def call(folder: Path, end: float | None = None, at: tuple[int, bool] | None = None) -> bool:
    """Run the command in a child; return whether it was killed.

    Args:
        folder: the output.
        end: seconds until it is killed, or None.
        at: the number of the file, counted from 1, at whose taking its place it kills itself, and whether just before
            that or just after; or None.
    """
    child = os.fork()
    if child == 0:
        if at is not None:
            _die_at_a_write(*at)
        sys.argv = ["c2f", "reference", "--output", str(folder), "--device", "cpu"]
        status = 1
        try:
            command_line.main()
            status = 0
        finally:
            os._exit(status)
    if end is not None:
        time.sleep(end)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status):
        sys.exit(f"a call ended with status {os.waitstatus_to_exitcode(status)}")
    return os.WIFSIGNALED(status)


def _die_at_a_write(number: int, before: bool) -> None:
    replace, count = os.replace, itertools.count(1)

    def replace_and_die(source: str, target: str) -> None:
        last = Path(target).name != ".writable" and next(count) == number  # that one is a probe before any work
        if last and before:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace_and_die


def kill_at_random(folder: Path) -> int:
    """Return how many calls were killed before the one that came to its end."""
    generator = random.Random(0)
    killed = sum(call(folder, end=generator.uniform(0.02, 0.8)) for _ in range(KILLS))
    call(folder)
    return killed


def kill_at_writes(folder: Path) -> int:
    """Return how many calls were killed, until one had nothing more to write."""
    # A call may write again what the last one wrote, so only the later writes are sure to get further.
    moments = itertools.cycle(itertools.product((1, 2, 3, 4), (True, False)))
    killed = sum(1 for _ in itertools.takewhile(lambda moment: call(folder, at=moment), moments))
    call(folder)
    return killed


if __name__ == "__main__":
    stub()
    place = Path(sys.argv[1])
    call(place / "never")
    print(kill_at_random(place / "random"), kill_at_writes(place / "write"))
