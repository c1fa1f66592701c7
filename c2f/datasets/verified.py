"""Whether a data set's files are those that are meant: checksums of known ones, a digest of the user's own.

Checksums are taken once, and again when a file has changed: what was found is kept in the folder itself, with each
file's size and time, where something can be written there.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from c2f.datasets.data_name import DataName
from c2f.datasets.decoding import DamagedData
from c2f.datasets.idx import idx_file, open_idx
from c2f.datasets.manifest import remember, remembered
from c2f.datasets.readers import class_folders, folder_paths, picture_files


def check_contents(folder: Path, sha256: Mapping[str, str]) -> None:
    """Check the unpacked bytes of MNIST's files in ``folder`` against ``sha256``, by their names.

    Raises:
        DamagedData: a file holds other bytes.
    """
    found = {}
    known = remembered(folder)
    for name, wanted in sha256.items():
        path = idx_file(folder, name)
        if path is None:
            raise DamagedData(f"{folder / name} is missing")
        status, key = path.stat(), path.relative_to(folder).as_posix()
        found[key] = [status.st_size, status.st_mtime_ns, wanted]
        if known.get(key) == found[key]:
            continue
        with open_idx(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != wanted:
            raise DamagedData(f"{path} is damaged or another file: sha256 {digest} instead of {wanted}")
    if found != known:
        remember(folder, found)


def files_of(name: str) -> dict[str, str]:
    """Return what tells the pictures of ``folder:...`` from others that lie there later; nothing for other data.

    Returns:
        ``train_files`` and ``test_files``: a digest of the paths and sizes of each part's pictures.
    """
    if not DataName.parse(name).folders:
        return {}
    return {
        f"{part}_files": digest_of_tree(folder)
        for part, folder in zip(("train", "test"), folder_paths(name), strict=True)
    }


def digest_of_tree(folder: Path) -> str:
    """Return a digest of the paths and sizes of the pictures in the class folders of ``folder``."""
    listed = [Path(path) for path, _ in picture_files(folder, class_folders(folder))]
    lines = [f"{path.relative_to(folder).as_posix()} {path.stat().st_size}" for path in listed]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]
