"""One progress bar for all: moving where somebody watches, silent elsewhere.

A bar is drawn on a terminal and in a notebook that a person runs. Under papermill, in CI and behind a pipe
there is none, so that executed chapters and logs hold no litter; one line goes to the log at the end.
"""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_log = logging.getLogger("c2f")


def somebody_watches() -> bool:
    """Return whether there is a terminal, or a notebook frontend that a person sits at."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:
        # papermill and nbconvert tell the kernel that nobody can answer a question
        return bool(getattr(kernel, "_allow_stdin", False))
    return sys.stderr is not None and sys.stderr.isatty()


def progress(items: Iterable[T], what: str, total: int | None = None, unit: str = "step") -> Iterator[T]:
    """Yield ``items``, with a bar where ``somebody_watches``, else with one log line (INFO) at the end.

    Args:
        items: what is worked through.
        what: what is being done, e.g. ``"training lenetfc_td"``.
        total: how many items there are, where ``items`` has no length.
        unit: what one item is.
    """
    if somebody_watches():
        from tqdm.auto import tqdm

        yield from tqdm(items, desc=what, total=total, unit=f" {unit}", leave=False)
        return
    started = time.perf_counter()
    count = 0
    for item in items:
        yield item
        count += 1
    _log.info("%s: %d %s%s in %.1f s", what, count, unit, "" if count == 1 else "s", time.perf_counter() - started)
