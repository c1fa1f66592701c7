"""Work in parts that an interruption does not lose: what is done is written down, and not done again.

::

    parts = Parts(Path("output/checkpoints/name--seed0.json"), {"what": "defines the work"})
    counts = parts.get("fog 3", lambda: count(...))  # computed once, whatever happens in between
    parts.remove()  # at the end
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch

from c2f.common.files import write_text
from c2f.common.progress import progress


class Parts:
    """The results of finished parts, as JSON in one file. Several threads may ask for different parts.

    Args:
        path: the file. One that is damaged or of other work is begun anew.
        identity: what defines the work, as JSON: parts of anything else are not used.
        deadline: in ``time.monotonic()``, or None; a part that would not end before it is not begun.

    Attributes:
        seconds: on the clock in which a part was being made, earlier sittings included.
    """

    def __init__(self, path: Path, identity: dict[str, Any], deadline: float | None = None):
        self.path, self.deadline = Path(path), deadline
        self._fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self._done: dict[str, Any] = {}
        self.seconds, self._longest = 0.0, 0.0
        self._lock, self._under_way, self._counted_until = threading.Lock(), 0, 0.0
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if content["fingerprint"] == self._fingerprint:
                self._done, self.seconds = content["done"], content["seconds"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass

    def __len__(self) -> int:
        return len(self._done)

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """Return the result of the part ``name``: what was written down, or else what ``make`` returns (JSON).

        Raises:
            c2f.runs.parts.OutOfTime: the deadline is near.
        """
        if name not in self._done:
            if self.deadline is not None and time.monotonic() + self._longest > self.deadline:
                raise OutOfTime(f"{self.path.stem} stopped before {name}; run it again to go on")
            start = self._count_seconds(+1)
            try:
                made = make()
            finally:
                end = self._count_seconds(-1)
            with self._lock:
                self._longest = max(self._longest, end - start)
                self._done[name] = made
                content = {"fingerprint": self._fingerprint, "seconds": self.seconds, "done": self._done}
                write_text(self.path, json.dumps(content))
        return self._done[name]

    def get_all(self, makes: Mapping[str, Callable[[], Any]], workers: int = 1) -> dict[str, Any]:
        """Return the results of parts by name, see ``get``; a progress bar shows how many are done.

        With several ``workers``, as many parts are made at the same time, each in a thread of its own in which torch
        uses a single one: on small pictures that takes half to two thirds of the time of one part after the other with
        all of torch's threads. An error ends it once the parts under way are done and written down.
        """
        shown = partial(progress, what=self.path.stem, total=len(makes), unit="part")
        if workers == 1:
            return {name: self.get(name, make) for name, make in shown(makes.items())}
        threads = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                made = pool.map(self.get, makes, makes.values())
                return dict(zip(makes, shown(made), strict=True))
        finally:
            torch.set_num_threads(threads)  # what a worker sets holds for threads that begin later, too

    def _count_seconds(self, change: int) -> float:
        """Note that one more or one less part is under way; return the time."""
        with self._lock:
            now = time.perf_counter()
            if self._under_way:
                self.seconds += now - self._counted_until
            self._under_way, self._counted_until = self._under_way + change, now
        return now

    def remove(self) -> None:
        """Remove the file: the work is recorded elsewhere."""
        self.path.unlink(missing_ok=True)


class OutOfTime(Exception):
    """Training stopped at its deadline; the checkpoint holds all finished epochs."""
