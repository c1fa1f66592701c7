"""Files that are whole or absent: atomic writing and checksums."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def expand(path: str | os.PathLike[str], remedy: str = "write the path without ~") -> Path:
    """Return ``path`` with ``~`` replaced by the user's home folder.

    Raises:
        FileNotFoundError: there is no home folder to be known; ``remedy`` says how to do without.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise FileNotFoundError(f"there is no home folder for {path}: set HOME, or {remedy}") from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; on success it replaces ``path`` in one step.

    A process killed half-way leaves what was there before. Missing parent folders are made.

    Raises:
        PermissionError: the folder cannot be written to, with the remedy.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise PermissionError(
            f"cannot write {path.name!r} into {path.parent}: {error.strerror or error}. "
            "Choose another folder or mend this one."
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes files that only the owner can read
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_writable(folder: Path) -> None:
    """Make ``folder`` and raise ``PermissionError`` now, before the work, if nothing can be written into it."""
    probe = Path(folder) / ".writable"
    write_text(probe, "")
    probe.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 of the file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
