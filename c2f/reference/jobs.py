"""Pieces carried out: one after the other here, or several at once, each in a process of one thread."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import replace
from multiprocessing.queues import Queue
from queue import Empty

import torch
from filelock import FileLock, Timeout

from c2f.reference.piece import Piece, Settings
from c2f.reference.planning import Agenda
from c2f.runs.parts import OutOfTime

Find = Callable[[str], Piece]
"""Maps a name to its piece; a function of a module, for another process to call."""

_queue: "Queue[str] | None" = None


def carry_out(piece: Piece, settings: Settings) -> bool:
    """Carry a piece out; return whether it is done: not if time ran out, or another call is at it."""
    lock = settings.output / "checkpoints" / f".{piece.name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            if not piece.done(settings.output):
                piece.run(settings)
    except OutOfTime:
        return False
    except Timeout:
        settings.tell(f"{piece.name}: another call is at it")
        return False
    return True


def one_by_one(agenda: Agenda, settings: Settings) -> list[str]:
    """Carry out what the agenda hands out, in this process with its threads; return the names of what was finished."""
    finished = []
    while (piece := agenda.next()) is not None:
        if carry_out(piece, settings):
            finished.append(piece.name)
    return finished


def several(agenda: Agenda, settings: Settings, jobs: int, find: Find) -> list[str]:
    """Carry out so many pieces at once, each in a process of one thread; return the names of what was finished.

    A piece that fails does not stop those that are under way; its error is raised when they have ended, and nothing
    new is begun.
    """
    context = multiprocessing.get_context("spawn")  # a forked process would have torch's threads without their state
    queue: Queue[str] = context.Queue()
    silent = replace(settings, tell=_tell)
    finished, failed = [], None
    with ProcessPoolExecutor(jobs, context, _begin, (queue,)) as pool:
        running: dict[Future[bool], str] = {}
        while True:
            while failed is None and len(running) < jobs and (piece := agenda.next()) is not None:
                running[pool.submit(_one, find, piece.name, silent)] = piece.name
            if not running:
                break
            ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            _show(queue, settings.tell)
            for future in ended:
                name = running.pop(future)
                failed = failed or future.exception()
                if future.exception() is None and future.result():
                    finished.append(name)
    _show(queue, settings.tell)
    if failed is not None:
        raise failed
    return finished


def _show(queue: "Queue[str]", tell: Callable[[str], None]) -> None:
    try:
        while True:
            tell(queue.get(timeout=0.05))
    except Empty:
        pass


def _begin(queue: "Queue[str]") -> None:
    global _queue
    _queue = queue
    torch.set_num_threads(1)


def _one(find: Find, name: str, settings: Settings) -> bool:
    return carry_out(find(name), settings)


def _tell(line: str) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)  # killed: what was finished is in the checkpoint
    if _queue is not None:
        _queue.put(line)
