"""Results of reference runs carried from machine to machine, as one tar file."""

import shutil
import tarfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from c2f.common.files import atomic_path, sha256
from c2f.reference import competition, merges, precision, short
from c2f.runs.folder import check_folder, find_run
from c2f.runs.record import Record, Run, add_run, read_folder

_KEPT = ("weights", "means", "attacks", "localization")
CARRIED = (*_KEPT, "checkpoints")
"""What travels beside the records. Adversarial pictures do not, as the ablation that needs them follows each attack."""


def folders() -> list[str]:
    """Return the folders of an output folder that results lie in: itself (as ""), and those of runs that lie apart."""
    apart = {piece.folder for part in (short, precision, merges, competition) for piece in part.pieces()}
    return ["", *sorted(apart - {""})]


def pack(output: Path, archive: Path) -> int:
    """Write records, weights, results picture by picture and checkpoints of ``output``, runs that lie apart among them,
    into one tar file; return how many files it holds.
    """
    places = [output / folder / kind for folder in folders() for kind in ("runs", *CARRIED)]
    files = [path for place in places for path in sorted(place.glob("[!.]*"))]
    with atomic_path(archive) as temporary, tarfile.open(temporary, "w") as tar:
        for path in files:
            tar.add(path, arcname=path.relative_to(output).as_posix())
    return len(files)


def unpack(archive: Path, output: Path) -> int:
    """Merge a packed folder into ``output``: runs are added to the records there; return how many runs came.

    All of it is checked before anything is written. A run that ``output`` holds from a later time stays, with its
    files: what was packed before it was made anew does not take its place.

    Raises:
        ValueError: no packed folder, or weights or results that are missing or do not fit their record.
        RecordError: a damaged record, or one of other parameters than the record in ``output``.
    """
    staging = output / ".unpacked"
    shutil.rmtree(staging, ignore_errors=True)  # what a killed call left would come along
    try:
        try:
            with tarfile.open(archive, "r:") as tar:
                tar.extractall(staging, filter="data")
        except tarfile.TarError as error:
            raise ValueError(f"{archive} is no packed folder or is damaged ({error}): pack it again") from error
        every = [_coming(staging / folder, output / folder, archive) for folder in folders()]
        for coming in every:
            coming.merge()
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return sum(len(coming.runs) for coming in every)


@dataclass(frozen=True)
class _Coming:
    """What comes ``here`` from the folder ``there``: the ``runs``, and all files but those ``left_out``."""

    there: Path
    here: Path
    runs: list[tuple[Record, Run]]
    left_out: set[str]

    def merge(self) -> None:
        """Write the files, then the records."""
        for kind in CARRIED:
            for path in (path for path in (self.there / kind).glob("*") if path.name not in self.left_out):
                with atomic_path(self.here / kind / path.name) as temporary:
                    temporary.write_bytes(path.read_bytes())
        for record, run in self.runs:
            if find_run(self.here, record.name, run.seed, record.parameters) != run:
                add_run(self.here / "runs", record.name, record.kind, record.parameters, run)


def _coming(there: Path, here: Path, archive: Path) -> _Coming:
    """Return what comes, all of it checked; errors as for ``unpack``.

    Of runs whose weights are too large to ship, a clone has the record alone: where ``here`` has it too, nothing comes.
    """
    records = read_folder(there / "runs")
    came = []
    for record in records.values():
        check_folder(here, record.name, record.parameters)
        for run in record.runs:
            held = find_run(here, record.name, run.seed, record.parameters)
            paths = {there / kind / run.files[kind]["file"]: run.files[kind] for kind in set(_KEPT) & set(run.files)}
            lacking = [path for path in paths if not path.exists()]
            wrong = [path for path, named in paths.items() if path.exists() and sha256(path) != named["sha256"]]
            if wrong or (lacking and (held is None or _ended(held) < _ended(run))):
                raise ValueError(f"{archive}: {[*wrong, *lacking][0].name} is missing or is not the record's")
            if not lacking and (held is None or _ended(held) <= _ended(run)):
                came.append((record, run))
    left_out = {run.files[kind]["file"] for record in records.values() for run in record.runs for kind in run.files}
    left_out -= {named["file"] for _, run in came for named in run.files.values()}
    return _Coming(there, here, came, left_out)


def _ended(run: Run) -> datetime:
    return datetime.fromisoformat(run.environment["finished"])
