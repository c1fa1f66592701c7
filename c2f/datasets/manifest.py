"""Checksums of unpacked files: noted where an archive, itself checked, is unpacked, and compared before they are read.

Each folder below holds the note of its own files, so that who reads some classes reads the notes of these alone. A file
whose size and time are those noted is taken as whole; of one that has changed since, or was copied, the bytes are read.
Folders without a note are the user's own, or were unpacked otherwise: nothing is known of their files.
"""

import json
import os
import zlib
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from c2f.common.files import write_text
from c2f.datasets.decoding import DamagedData

CHECKED = ".checked.json"
"""The file in a folder that remembers, by file, its bytes, its time in nanoseconds, and a checksum."""


def remembered(folder: Path) -> dict[str, list]:
    """Return what ``CHECKED`` in ``folder`` says, by file; nothing where there is none, or a damaged one."""
    try:
        found = json.loads((folder / CHECKED).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    known = found.items() if isinstance(found, dict) else ()
    return {name: state for name, state in known if isinstance(state, list) and len(state) == 3}


def remember(folder: Path, found: dict[str, list]) -> None:
    """Write ``found`` to ``CHECKED`` in ``folder`` if anything can be written there (else it is checked next time)."""
    with suppress(OSError):
        write_text(folder / CHECKED, json.dumps(found, indent=1))


def note_files(folder: Path) -> None:
    """Note size, time and CRC-32 of every file below ``folder``, each in the folder where it lies."""
    for place, _, names in os.walk(folder):
        if names:
            remember(Path(place), {name: _state(Path(place, name)) for name in sorted(names)})


def check_files(paths: Iterable[Path | str]) -> None:
    """Check those of the files ``paths`` that are noted, and note the time of those that changed and are whole.

    Raises:
        DamagedData: a file has other bytes than those noted.
    """
    by_folder = defaultdict(list)
    for path in paths:
        place, name = os.path.split(path)
        by_folder[place].append(name)
    for place, names in by_folder.items():
        noted = remembered(Path(place))
        if noted:
            _check_folder(Path(place), noted, names, every_byte=False)


def verify_files(folder: Path) -> int:
    """Read every noted file below ``folder`` and return how many there are.

    Raises:
        DamagedData: one is missing or has other bytes, or nothing is noted.
    """
    count = 0
    for place, _, _ in os.walk(folder):
        noted = remembered(Path(place))
        _check_folder(Path(place), noted, list(noted), every_byte=True)
        count += len(noted)
    if not count:
        raise DamagedData(
            f"nothing is noted of the files in {folder}, which `c2f fetch` did not unpack: to have them checked, move "
            "the folder away and fetch it"
        )
    return count


def _check_folder(folder: Path, noted: dict[str, list], names: list[str], every_byte: bool) -> None:
    changed = {}
    for name in names:
        path = os.path.join(folder, name)
        try:
            status = os.stat(path)
        except FileNotFoundError:
            if every_byte:
                raise DamagedData(f"{path} is missing") from None
            continue  # whoever reads it says so
        if name not in noted or (not every_byte and [status.st_size, status.st_mtime_ns] == noted[name][:2]):
            continue
        state = _state(Path(path))
        if state[0] != noted[name][0] or state[2] != noted[name][2]:
            raise DamagedData(
                f"{path} is damaged or another file: {state[0]} bytes of CRC-32 {state[2]} instead of "
                f"{noted[name][0]} of {noted[name][2]}"
            )
        if state != noted[name]:
            changed[name] = state
    if changed:
        remember(folder, noted | changed)


def _state(path: Path) -> list:
    status, crc = path.stat(), 0
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            crc = zlib.crc32(chunk, crc)
    return [status.st_size, status.st_mtime_ns, f"{crc:08x}"]
