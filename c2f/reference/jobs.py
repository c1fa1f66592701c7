"""Pieces carried out: one after the other here, or several at once, each in a process of one thread."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from filelock import FileLock, Timeout

from c2f.common.processes import Workers, tell
from c2f.reference.piece import Piece, Settings
from c2f.reference.planning import Agenda
from c2f.runs.parts import OutOfTime

Find = Callable[[str], Piece]
"""Maps a name to its piece; a function of a module, for another process to call."""


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
    silent = replace(settings, tell=tell)
    finished, failed = [], None
    with Workers(jobs, settings.tell) as workers:
        running: dict[Future[bool], str] = {}
        while True:
            while failed is None and len(running) < jobs and (piece := agenda.next()) is not None:
                running[workers.submit(_one, find, piece.name, silent)] = piece.name
            if not running:
                break
            for future in workers.follow(running):
                name = running.pop(future)
                failed = failed or future.exception()
                if future.exception() is None and future.result():
                    finished.append(name)
    if failed is not None:
        raise failed
    return finished


def _one(find: Find, name: str, settings: Settings) -> bool:
    return carry_out(find(name), settings)
