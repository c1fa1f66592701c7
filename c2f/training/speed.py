"""What steps were measured to take on this machine: remembered, to be seen and forgotten (``c2f doctor --speed``).

The file is a user's, not a project's: ``speed.json`` in ``C2F_CACHE``, by default the user's cache. Whatever is wrong
with it, nothing is remembered, and it is measured again.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from c2f.common.files import expand, write_text


def speed_file() -> Path:
    """Return where measured speeds lie.

    Raises:
        FileNotFoundError: that is below a home folder, and the user has none.
    """
    folder = os.environ.get("C2F_CACHE") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/c2f"
    return expand(folder, "set C2F_CACHE to a folder") / "speed.json"


def remembered() -> dict[str, dict[str, float]]:
    """Return the seconds of a step by what was trained and by engine; nothing where the file is missing or damaged.

    An engine is named as in ``channels_last float32``; ``compiling`` is what the first step of a compiled network took
    longer.
    """
    try:
        found = json.loads(speed_file().read_text(encoding="utf-8"))
        return {
            str(what): {str(engine): float(value) for engine, value in seconds.items()}
            for what, seconds in found.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def remember(what: str, seconds: dict[str, float]) -> None:
    """Add what was measured of ``what`` to what is remembered; where nothing can be written, nothing is."""
    with suppress(OSError):
        path = speed_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(".speed.lock"), timeout=10):
            known = remembered()
            write_text(path, json.dumps({**known, what: {**known.get(what, {}), **seconds}}, indent=1))


def forget() -> None:
    """Remove all that was measured; it is measured again where it is needed."""
    speed_file().unlink(missing_ok=True)
