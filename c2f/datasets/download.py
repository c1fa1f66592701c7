"""Download one file over HTTP: resumable, verified, whole or absent.

The bytes go to ``NAME.part`` beside the target. A broken download is taken up where it stopped, by this
process or the next one; only a file whose checksum is right gets its name.
"""

import errno
import hashlib
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import requests
from tqdm.auto import tqdm

from c2f.common.outside import offline

logger = logging.getLogger(__name__)

CHUNK = 1 << 12
"""Bytes written at a time; where a connection is cut, as many may be lost."""
TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""
ATTEMPTS = 6
"""How often a connection that was cut is taken up again."""
PAUSE = 1.0
"""Seconds between two attempts."""


class DownloadError(RuntimeError):
    """A file could not be had from any of its addresses."""


def md5_of(path: Path) -> str:
    """Return the MD5 of the file's bytes, as 32 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def part_of(path: Path) -> Path:
    """Return where the first bytes of ``path`` lie while it is downloaded."""
    return path.with_name(path.name + ".part")


def make_folder(folder: Path) -> None:
    """Make ``folder`` and check that files can be written there.

    Raises:
        PermissionError: it cannot be, with the remedy.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        problem = "" if os.access(folder, os.W_OK) else "permission denied"
    except OSError as error:
        problem = error.strerror or str(error)
    if problem:
        raise PermissionError(
            f"cannot write into {folder}: {problem}. Set C2F_DATA to a folder that you can write to, or pass root=."
        )


def check_space(folder: Path, needed: int) -> None:
    """Check that ``needed`` bytes fit on the disk of ``folder``.

    Raises:
        OSError: they do not (``ENOSPC``), naming both numbers.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise _disk_full(folder, f"{megabytes(needed)} are needed, {megabytes(free)} are free")


def megabytes(size: float) -> str:
    """Return ``size`` in bytes as text for people, e.g. ``"248.1 MB"`` (1 MB = 1,000,000 bytes)."""
    return f"{size / 1e6:,.1f} MB"


def _disk_full(folder: Path, detail: str) -> OSError:
    return OSError(
        errno.ENOSPC,
        f"the disk of {folder} is too full: {detail}. Free some space or set C2F_DATA to another disk",
    )


def download(urls: Sequence[str], path: Path, *, md5: str, size: int) -> None:
    """Download one file to ``path``, from the first of ``urls`` that has it.

    Args:
        urls: the same file's addresses, tried in turn.
        path: where it shall lie; its folder is made. ``path`` with ``.part`` added may hold the first bytes
            of an earlier download, which are not asked for again.
        md5: of the whole file, 32 hexadecimal digits.
        size: of the whole file in bytes: so much space must be free, and no more is taken.

    Raises:
        DownloadError: ``C2F_OFFLINE`` is set, or no address gave the right file; why not, address by address.
        PermissionError: the folder cannot be written to.
        OSError: the disk is full; what has come so far is kept for the next time.
    """
    if offline():
        raise DownloadError(
            f"C2F_OFFLINE forbids downloads: unset it, or put the file from {urls[0]} into {path.parent} yourself"
        )
    make_folder(path.parent)
    part = part_of(path)
    check_space(path.parent, size - (part.stat().st_size if part.exists() else 0))
    if part.exists() and md5_of(part) == md5:  # whole already: the last run was stopped before it could say so
        os.replace(part, path)
        return
    start, problems = time.monotonic(), []
    for url in urls:
        try:
            _from_one(url, part, md5, size)
        except (requests.RequestException, DownloadError) as error:
            problems.append(f"  {url}: {_reason(error)}")
            continue
        os.replace(part, path)
        logger.info(
            "downloaded %s: %s in %.1f s from %s",
            url.rpartition("/")[2],
            megabytes(path.stat().st_size),
            time.monotonic() - start,
            url,
        )
        return
    go_on = "What has come so far is kept: run it again to go on" if part.exists() else "Run it again"
    raise DownloadError(
        f"cannot download {urls[0].rpartition('/')[2]}:\n"
        + "\n".join(problems)
        + f"\nIs this machine online? {go_on}, "
        f"or put the file into {path.parent} yourself."
    )


def _reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut again and again"
    if isinstance(error, requests.ConnectionError):  # its text is long: keep the operating system's or TLS's own words
        cause = getattr(error.args[0], "reason", error) if error.args else error
        return f"no connection ({str(cause).rpartition(': ')[2]})"
    return str(error)


def _from_one(url: str, part: Path, md5: str, size: int) -> None:
    """Bring ``part`` to its whole length from ``url`` and check it; a failed check removes it."""
    in_one_go = _arrive(url, part, size)
    if (found := md5_of(part)) != md5 and not in_one_go:  # the first bytes may be of another version of the file
        part.unlink()
        _arrive(url, part, size)
        found = md5_of(part)
    if found != md5:
        part.unlink()
        raise DownloadError(f"wrong checksum: md5 {found} instead of {md5}; what came was removed")


def _arrive(url: str, part: Path, size: int) -> bool:
    """Bring ``part`` to its whole length; return whether all its bytes came over one connection."""
    in_one_go = not part.exists()
    for attempt in range(ATTEMPTS):
        before = part.stat().st_size if part.exists() else 0
        try:
            _transfer(url, part, size)
            break
        except (requests.exceptions.ChunkedEncodingError, requests.ConnectionError) as error:
            after = part.stat().st_size if part.exists() else 0
            cut = isinstance(error, requests.exceptions.ChunkedEncodingError) or after != before
            if attempt == ATTEMPTS - 1 or not cut:
                raise
            in_one_go = False
            time.sleep(PAUSE)
    return in_one_go


def _transfer(url: str, part: Path, size: int) -> None:
    """Add the bytes that ``part`` lacks; where the server cannot give just these, start again."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # an archive must arrive as it is, not unpacked on the way
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        continues = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if have and (response.status_code == 416 or (response.status_code == 206 and not continues)):
            part.unlink()
            return _transfer(url, part, size)
        if response.status_code not in (200, 206):
            raise DownloadError(f"HTTP {response.status_code} {response.reason}")
        have = have if response.status_code == 206 else 0
        length = response.headers.get("Content-Length", "")
        if length and not re.fullmatch(r"[0-9]{1,18}", length):
            raise DownloadError(f"it announces {length[:40]!r} bytes, which is no number")
        expected = have + int(length) if length else None
        if expected is not None and expected != size:
            raise DownloadError(f"it announces {expected:,} bytes, the file has {size:,}")
        _write(response, part, have, size)
    if expected is not None and part.stat().st_size < expected:
        raise requests.exceptions.ChunkedEncodingError(f"{part.stat().st_size} of {expected} bytes came")


def _write(response: requests.Response, part: Path, have: int, size: int) -> None:
    progress = tqdm(
        total=size,
        initial=have,
        desc=part.name.removesuffix(".part"),
        unit="B",
        unit_scale=True,
        disable=not _someone_watches(),
    )
    try:
        with progress, open(part, "ab" if have else "wb") as file:
            for chunk in response.iter_content(CHUNK):
                have += len(chunk)
                if have > size:
                    break
                file.write(chunk)
                progress.update(len(chunk))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _disk_full(part.parent, f"{part.name} stopped at {megabytes(part.stat().st_size)}") from error
        raise
    if have > size:
        part.unlink()
        raise DownloadError(f"more came than the {size:,} bytes of the file; what came was removed")


def _someone_watches() -> bool:
    """Return whether a progress bar would be seen: on a terminal or in a notebook."""
    if "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        if shell is not None and hasattr(shell, "kernel"):
            return True
    return sys.stderr.isatty()
