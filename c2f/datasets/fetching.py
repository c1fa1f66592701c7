"""Bring a data set to this machine ahead of time: download its archives, unpack them, whole or not at all."""

import gzip
import logging
import os
import shutil
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from c2f.common.files import atomic_path
from c2f.datasets.data_name import DataName
from c2f.datasets.download import DownloadError, check_space, download, make_folder, md5_of, megabytes, offline
from c2f.datasets.registry import INFO, Archive, Info, data_root, info, shortened

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Status:
    """A data set on this machine: ``size`` in bytes to download, its folder, whether it is there, whole."""

    name: str
    title: str
    licence: str
    size: int
    where: Path
    present: bool


def table(root: str | os.PathLike[str] | None = None) -> list[Status]:
    """Return one row for each data set of the table; nothing is downloaded."""
    base = data_root(root)
    return [
        Status(
            row.name,
            row.title,
            row.licence,
            sum(archive.size for archive in row.archives),
            row.where(base),
            not row.missing(row.where(base)),
        )
        for row in INFO.values()
    ]


def fetch(name: str, root: str | os.PathLike[str] | None = None) -> Path:
    """Download and unpack the data set ``name`` unless it is there already; return its folder.

    It may be stopped at any moment: the next call goes on. Several processes may ask for the same data set;
    the first one fetches, the others wait. Archives that already lie in place, put there by hand, are used
    and left there.

    Args:
        name: one of ``names()``.
        root: the data root; None takes ``data_root()``.

    Raises:
        ValueError: an unknown name, or an archive put there by hand that is damaged.
        FileNotFoundError: a data set that cannot be downloaded and is not there; how to get it.
        FileExistsError: the folder is there but does not hold everything.
        DownloadError: ``C2F_OFFLINE`` is set, or no address gave the right file.
        PermissionError, OSError: the folder cannot be written to, or the disk is too full.
    """
    if DataName.parse(name).folders:
        raise ValueError(f"{name!r} is a folder of yours: there is nothing to fetch")
    row, base = info(name), data_root(root)
    folder = row.where(base)
    if not row.missing(folder):
        return folder
    if not row.archives:
        raise FileNotFoundError(f"{row.name} is not in {folder}. {row.by_hand}")
    make_folder(base)
    lock = FileLock(base / f".{row.folder.replace('/', '-')}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("another process is fetching %s: waiting for it", row.name)
        lock.acquire()
    try:
        if missing := row.missing(folder):
            _fetch(row, base, folder, missing)
    finally:
        lock.release()
    return folder


def _fetch(row: Info, base: Path, folder: Path, missing: list[str]) -> None:
    single = row.layout != "idx"  # one archive that holds the whole folder
    if single and folder.exists():
        raise FileExistsError(
            f"{folder} is there but lacks {shortened(missing)}. Move it away and run `c2f fetch {row.name}` again."
        )
    place = base if single else folder
    archives = [a for a in row.archives if single or a.name.removesuffix(".gz") in missing]
    absent = [a for a in archives if not (place / a.name).exists()]
    if absent and offline():
        files = "\n".join(f"  {archive.urls[0]}" for archive in absent)
        raise DownloadError(
            f"{row.name} is not here and C2F_OFFLINE forbids downloads. Unset it, set C2F_DATA to the folder "
            f"that holds the data, or put into {place} yourself:\n{files}"
        )
    check_space(base, row.unpacked + sum(_left_of(place / a.name, a.size) for a in absent))
    if absent:
        size = megabytes(sum(archive.size for archive in absent))
        logger.info("%s: %s to download. Licence: %s", row.title, size, row.licence)
    for archive in archives:
        path = place / archive.name
        if archive in absent:
            download(archive.urls, path, md5=archive.md5, size=archive.size)
        else:
            _check_archive(path, archive)
        logger.info("unpacking %s", path)
        if single:
            unpack_folder(path, row, folder)
        else:
            unpack_gz(path, path.with_suffix(""))
        if archive in absent:
            path.unlink()


def _left_of(path: Path, size: int) -> int:
    part = path.with_name(path.name + ".part")
    return size - (part.stat().st_size if part.exists() else 0)


def _check_archive(path: Path, archive: Archive) -> None:
    found = md5_of(path)
    if found != archive.md5:
        raise ValueError(
            f"{path} is damaged or another version: md5 {found} instead of {archive.md5}. Remove it and run it again."
        )


def unpack_gz(path: Path, target: Path) -> None:
    """Unpack the gzip file ``path`` to ``target``, which appears only when it is whole.

    Raises:
        ValueError: a damaged archive.
    """
    try:
        with gzip.open(path) as packed, atomic_path(target) as temporary, open(temporary, "wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}). Remove it and run it again.") from error


def unpack_folder(path: Path, row: Info, target: Path) -> None:
    """Unpack a zip or tar archive that holds the folder ``target.name``; ``target`` appears only when whole.

    Raises:
        ValueError: a damaged archive, one that would write outside of its folder, or one that lacks a file of
            ``row``.
    """
    workshop = target.with_name(f".{target.name}.unpacking")
    shutil.rmtree(workshop, ignore_errors=True)  # of a run that was killed
    workshop.mkdir()
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    pure = PurePosixPath(name.replace("\\", "/"))
                    if pure.is_absolute() or ".." in pure.parts:
                        raise ValueError(f"{path} would write outside of its folder, to {name!r}: not unpacked")
                archive.extractall(workshop)
        else:
            with tarfile.open(path) as tar:
                tar.extractall(workshop, filter="data")
        if missing := row.missing(workshop / target.name):
            raise ValueError(f"{path} does not hold {row.title}: {shortened(missing)} not in it")
        os.replace(workshop / target.name, target)
    except tarfile.OutsideDestinationError as error:
        raise ValueError(f"{path} would write outside of its folder: {error}; not unpacked") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}). Remove it and run it again.") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
