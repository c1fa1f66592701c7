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

from c2f.common.checks import shortened
from c2f.common.files import atomic_path
from c2f.common.outside import data_root, offline
from c2f.datasets.data_name import DataName
from c2f.datasets.download import DownloadError, check_space, download, make_folder, md5_of, megabytes, part_of
from c2f.datasets.manifest import note_files
from c2f.datasets.registry import INFO, info
from c2f.datasets.row import Archive, Info

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

    It may be stopped at any moment: the next call goes on, and removes what is left over. Several processes may ask
    for the same data set; the first one fetches, the others wait. Archives that already lie in place, put there by
    hand, are used and left there.

    Args:
        name: one of ``names()``.
        root: the data root; None takes ``data_root()``.

    Raises:
        ValueError: an unknown name, or an archive put there by hand that is damaged.
        FileNotFoundError: a data set that cannot be downloaded and is not there; how to get it.
        FileExistsError: the folder is there but does not hold everything, or something else lies in a file's place.
        DownloadError: ``C2F_OFFLINE`` is set, or no address gave the right file.
        PermissionError, OSError: the folder cannot be written to, or the disk is too full.
    """
    if DataName.parse(name).folders:
        raise ValueError(f"{name!r} is a folder of yours: there is nothing to fetch")
    row, base = info(name), data_root(root)
    folder = row.where(base)
    if not row.missing(folder) and not _left_over(row, base, folder):
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
        for path in _left_over(row, base, folder):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    finally:
        lock.release()
    return folder


def _single(row: Info) -> bool:
    """Return whether one archive holds the whole folder, which lies beside it; else each lies in the folder."""
    return row.layout != "idx"


def _fetched(place: Path, archive: Archive) -> Path:
    """Return where an archive lies that was downloaded, and so is to be removed, unlike one put there by hand."""
    return place / f"{archive.name}.fetched"


def _left_over(row: Info, base: Path, folder: Path) -> list[Path]:
    """Return what fetching ``row`` made that is neither its data nor put there by hand."""
    fetched = [_fetched(base if _single(row) else folder, archive) for archive in row.archives]
    made = [*fetched, *map(part_of, fetched), _workshop(folder)]
    if not _single(row):
        made += [path for file in row.files for path in folder.glob(f".{file}.*.part")]  # of atomic_path
    return [path for path in made if path.exists()]


def _fetch(row: Info, base: Path, folder: Path, missing: list[str]) -> None:
    single = _single(row)
    for path in [folder] if single else [folder / file for file in missing]:
        if path.exists():
            raise FileExistsError(
                f"{path} is there but lacks {shortened(missing)}. Move it away and run `c2f fetch {row.name}` again."
            )
    place = base if single else folder
    archives = [a for a in row.archives if single or a.name.removesuffix(".gz") in missing]
    by_hand = [a for a in archives if (place / a.name).exists()]
    absent = [a for a in archives if a not in by_hand and not _whole(_fetched(place, a), a)]
    if absent and offline():
        files = "\n".join(f"  {archive.urls[0]}" for archive in absent)
        raise DownloadError(
            f"{row.name} is not here and C2F_OFFLINE forbids downloads. Unset it, set C2F_DATA to the folder "
            f"that holds the data, or put into {place} yourself:\n{files}"
        )
    check_space(base, row.unpacked + sum(_left_of(_fetched(place, a), a.size) for a in absent))
    if absent:
        size = megabytes(sum(archive.size for archive in absent))
        logger.info("%s: %s to download. Licence: %s", row.title, size, row.licence)
    for archive in archives:
        path = place / archive.name if archive in by_hand else _fetched(place, archive)
        if archive in absent:
            download(archive.urls, path, md5=archive.md5, size=archive.size)
        elif archive in by_hand:
            _check_archive(path, archive)
        logger.info("unpacking %s", path)
        if single:
            unpack_folder(path, row, folder)
        else:
            unpack_gz(path, place / archive.name.removesuffix(".gz"))


def _left_of(path: Path, size: int) -> int:
    part = part_of(path)
    return size - (part.stat().st_size if part.exists() else 0)


def _whole(path: Path, archive: Archive) -> bool:
    return path.exists() and md5_of(path) == archive.md5


def _check_archive(path: Path, archive: Archive) -> None:
    if (found := md5_of(path)) != archive.md5:
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


def _workshop(target: Path) -> Path:
    return target.with_name(f".{target.name}.unpacking")


def unpack_folder(path: Path, row: Info, target: Path) -> None:
    """Unpack a zip or tar archive that holds the folder ``target.name``; ``target`` appears only when whole.

    Raises:
        ValueError: a damaged archive, one that would write outside of its folder, or one that lacks a file of
            ``row``.
    """
    workshop = _workshop(target)
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
        note_files(workshop / target.name)
        os.replace(workshop / target.name, target)
    except tarfile.OutsideDestinationError as error:
        raise ValueError(f"{path} would write outside of its folder: {error}; not unpacked") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}). Remove it and run it again.") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
