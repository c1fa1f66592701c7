"""Work in parts that an interruption does not lose: what is done is written down, and not done again.

::

    parts = Parts(Path("output/checkpoints/name--seed0.json"), {"what": "defines the work"})
    counts = parts.get("fog 3", lambda: count(...))  # computed once, whatever happens in between
    parts.remove()  # at the end
"""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from c2f.files import write_text
from c2f.training import OutOfTime


class Parts:
    """The results of finished parts, as JSON in one file.

    Args:
        path: the file. One that is damaged or of other work is begun anew.
        identity: what defines the work, as JSON: parts of anything else are not used.
        deadline: in ``time.monotonic()``, or None; a part that would not end before it is not begun.

    Attributes:
        seconds: spent on all parts, earlier sittings included.
    """

    def __init__(self, path: Path, identity: dict[str, Any], deadline: float | None = None):
        self.path, self.deadline = Path(path), deadline
        self._fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self._done: dict[str, Any] = {}
        self.seconds, self._longest = 0.0, 0.0
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
            c2f.training.OutOfTime: the deadline is near.
        """
        if name not in self._done:
            if self.deadline is not None and time.monotonic() + self._longest > self.deadline:
                raise OutOfTime(f"{self.path.stem} stopped before {name}; run it again to go on")
            start = time.perf_counter()
            made = make()
            spent = time.perf_counter() - start
            self.seconds, self._longest = self.seconds + spent, max(self._longest, spent)
            self._done[name] = made
            content = {"fingerprint": self._fingerprint, "seconds": self.seconds, "done": self._done}
            write_text(self.path, json.dumps(content))
        return self._done[name]

    def remove(self) -> None:
        """Remove the file: the work is recorded elsewhere."""
        self.path.unlink(missing_ok=True)
