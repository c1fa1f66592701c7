"""Files that are whole or absent: atomic writing, checksums, and files that carry their own."""

import errno
import fnmatch
import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

_HOST = re.sub(r"[^A-Za-z0-9]", "", platform.node()) or "here"
_TEMPORARY = re.compile(rf"\..+\.{_HOST}-(\d+)-\w+\.part")
_NO_PRIVILEGE = 1314  # ERROR_PRIVILEGE_NOT_HELD of Windows
_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EROFS, errno.ENOENT)


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

    A process killed half-way leaves what was there before, and a temporary file for ``remove_orphans``. Missing parent
    folders are made. What is done with the path must be nothing but writing: its errors are taken for failed writes.

    Raises:
        PermissionError: the folder cannot be written to, with the remedy.
        OSError: the disk is full, or the file too large for it; with the free space and the remedy.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{path.name}.{_HOST}-{os.getpid()}-"
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".part")
    except OSError as error:
        raise _not_written(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "r+b") as written:  # Windows syncs what is open for writing alone
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes files that only the owner can read
        os.replace(temporary, path)
    except Exception as error:
        # torch and safetensors tell of a full disk in errors of their own, which do not say so.
        foreign = type(error).__name__ == "SafetensorError" or type(error) is RuntimeError
        if foreign or (isinstance(error, OSError) and error.errno is not None):
            raise _not_written(path, error) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _not_written(path: Path, error: Exception) -> OSError:
    """Return the error that says that ``path`` was not written, why, and what to do."""
    number = getattr(error, "errno", None)
    reason = getattr(error, "strerror", None) or str(error)
    if number in _UNWRITABLE:
        return PermissionError(
            f"cannot write {path.name!r} into {path.parent}: {reason}. Choose another folder or mend this one."
        )
    there = next(folder for folder in (path.parent, *path.parent.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free / 2**20
    return OSError(
        f"cannot write {path.name!r} into {path.parent}: {reason}. {free:.0f} MiB are free there; make room (or raise "
        "the limit of file sizes) and run the same command again to go on, or choose another folder. What was there "
        "before is as it was."
    )


def remove_orphans(folder: Path) -> None:
    """Remove the temporary files in ``folder`` whose writers on this machine are gone, as after a kill."""
    for path in Path(folder).glob(".*.part"):
        named = _TEMPORARY.fullmatch(path.name)
        if named is not None and not _alive(int(named[1])):
            path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if os.name == "nt":  # where asking would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is somebody else's
    return True


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")  # the same bytes on every system


def make_link(place: Path, target: Path) -> None:
    """Make ``place`` a symbolic link to ``target``, a file or a folder that is there.

    Raises:
        PermissionError: Windows does not let this user make links, with the remedy.
    """
    try:
        os.symlink(target, place, target_is_directory=target.is_dir())
    except OSError as error:
        if getattr(error, "winerror", None) == _NO_PRIVILEGE:
            raise PermissionError(
                f"Windows lets nobody make the link {place}: turn its developer mode on, or copy instead"
            ) from error
        raise


def check_writable(folder: Path) -> None:
    """Make ``folder`` and raise ``PermissionError`` now, before the work, if nothing can be written into it."""
    probe = Path(folder) / ".writable"
    write_text(probe, "")
    probe.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 of the file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(folder: Path, pattern: str = "*", without: Collection[str] = ()) -> dict[str, str]:
    """Return the SHA-256 of every file in ``folder`` and below whose name fits ``pattern``, by its path in there;
    folders called as in ``without`` are left out.
    """
    found = {}
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in without]
        files = (Path(here, name) for name in fnmatch.filter(names, pattern))
        found.update({path.relative_to(folder).as_posix(): sha256(path) for path in files if path.is_file()})
    return found


_SEAL = b"c2f-sha256"


def seal(path: Path) -> None:
    """Add the checksum of its content to the end of the file."""
    digest = bytes.fromhex(sha256(path))
    with open(path, "ab") as file:
        file.write(_SEAL + digest)


def sealed(path: Path) -> bytes:
    """Return the content of a file that ``seal`` closed.

    Raises:
        ValueError: the file is damaged, cut off, or was never sealed.
    """
    content = Path(path).read_bytes()
    body, end = content[: -len(_SEAL) - 32], content[-len(_SEAL) - 32 :]
    if end != _SEAL + hashlib.sha256(body).digest():
        raise ValueError(f"{path} is damaged: its checksum does not fit")
    return body
