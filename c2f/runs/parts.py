"""Work in parts that an interruption does not lose: what is done is written down, and not done again.

::

    parts = PartialResults(Path("output/checkpoints/name--seed0"), {"what": "defines the work"})
    counts = parts.get("fog 3", lambda: count(...))  # computed once, whatever happens in between
    parts.remove()  # at the end
"""

import hashlib
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from c2f.common.files import atomic_path, seal, sealed
from c2f.common.progress import progress
from c2f.runs.environment import code_version

logger = logging.getLogger(__name__)
_ABOUT = "about"
"""The tensor that holds, as JSON in bytes, what the others are."""


class OutOfTime(Exception):
    """The deadline is near; what is finished is kept, and the same call goes on from there."""


class PartialResults:
    """The results of finished parts, a file each. Several threads may ask for different parts.

    Args:
        path: of the files, which get the part's name and an ending behind it. One that is damaged or of other work is
            made anew.
        identity: what defines the work, as JSON: parts of anything else, or of other code, are not used.
        deadline: in ``time.monotonic()``, or None; a part that would not end before it is not begun.

    Attributes:
        seconds: on the clock in which a part was being made, earlier sittings included.
    """

    def __init__(self, path: Path, identity: dict[str, Any], deadline: float | None = None):
        self.path, self.deadline = Path(path), deadline
        identity = {**identity, "code": code_version()}
        self._fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self._done: dict[str, Any] = {}
        self.seconds, self._longest = 0.0, 0.0
        self._lock, self._under_way, self._counted_until = threading.Lock(), 0, 0.0
        for file in self.files(self.path):
            try:
                tensors = load(sealed(file))
                about = json.loads(tensors.pop(_ABOUT).numpy().tobytes())
            except (SafetensorError, ValueError, KeyError) as error:
                logger.warning("%s; this part is made anew", error)
                continue
            if about["fingerprint"] == self._fingerprint:
                self._done[about["part"]] = _joined(about["value"], tensors)
                self.seconds = max(self.seconds, about["seconds"])

    @staticmethod
    def files(path: Path) -> list[Path]:
        """Return the files of the parts that are finished of the work at ``path``."""
        return sorted(path.parent.glob(f"{path.name}--*.part"))

    def __len__(self) -> int:
        return len(self._done)

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """Return the result of the part ``name``: what was written down, or else what ``make`` returns: JSON with
        tensors in it.

        Raises:
            OutOfTime: the deadline is near.
        """
        if name not in self._done:
            if self.deadline is not None and time.monotonic() + self._longest > self.deadline:
                raise OutOfTime(f"{self.path.name} stopped before {name}; run it again to go on")
            start = self._count_seconds(+1)
            try:
                made = make()
            finally:
                end = self._count_seconds(-1)
            with self._lock:
                self._longest = max(self._longest, end - start)
                self._done[name] = made
                self._write(name, made)
        return self._done[name]

    def _write(self, name: str, made: Any) -> None:
        tensors: dict[str, Tensor] = {}
        about = {"fingerprint": self._fingerprint, "part": name, "seconds": self.seconds}
        about["value"] = _parted(made, tensors)
        file = self.path.with_name(f"{self.path.name}--{re.sub(r'[^A-Za-z0-9_.-]', '-', name)}.part")
        with atomic_path(file) as temporary:
            text = torch.frombuffer(bytearray(json.dumps(about).encode()), dtype=torch.uint8)
            save_file({**tensors, _ABOUT: text}, temporary)
            seal(temporary)

    def get_all(self, makes: Mapping[str, Callable[[], Any]], workers: int = 1) -> dict[str, Any]:
        """Return the results of parts by name, see ``get``; a progress bar shows how many are done.

        With several ``workers``, as many parts are made at the same time, each in a thread of its own in which torch
        uses a single one: on small pictures that takes half to two thirds of the time of one part after the other with
        all of torch's threads. An error ends it once the parts under way are done and written down.
        """
        shown = partial(progress, what=self.path.name, total=len(makes), unit="part")
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
        """Remove the files: the work is recorded elsewhere."""
        for file in self.files(self.path):
            file.unlink()


def _parted(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return ``value`` with a number in each tensor's place; the tensors go into ``tensors``."""
    if isinstance(value, Tensor):
        tensors[str(len(tensors))] = value.detach().cpu().contiguous().clone()
        return {"tensor": str(len(tensors) - 1)}
    if isinstance(value, dict):
        return {key: _parted(entry, tensors) for key, entry in value.items()}
    return [_parted(entry, tensors) for entry in value] if isinstance(value, list | tuple) else value


def _joined(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return what ``_parted`` took apart; a tuple comes back as a list."""
    if isinstance(value, dict):
        if set(value) == {"tensor"}:
            return tensors[value["tensor"]]
        return {key: _joined(entry, tensors) for key, entry in value.items()}
    return [_joined(entry, tensors) for entry in value] if isinstance(value, list) else value
