"""What the environment says of things outside the package: where data lies, and whether anything may be downloaded."""

import os
from pathlib import Path

from c2f.common.files import expand


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Return where data sets lie: ``root``, else ``C2F_DATA`` of the environment, else the user's cache.

    Raises:
        FileNotFoundError: that is below a home folder, and the user has none.
    """
    if root is None:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        root = os.environ.get("C2F_DATA") or f"{cache}/c2f/data"
    return expand(root, "set C2F_DATA to a folder for data sets")


def offline() -> bool:
    """Return whether the environment's ``C2F_OFFLINE`` forbids downloads (anything but empty or 0)."""
    return os.environ.get("C2F_OFFLINE", "") not in ("", "0")
