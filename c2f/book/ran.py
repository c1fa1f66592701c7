"""What ran where, how long, on which device and driver: a page made of what jobs left behind.

A job leaves executed chapters and records in its output folder. The GPU workflow lays the folders of a week's jobs side
by side and puts this page in its summary::

    print(page(ran(Path("artifacts"), days=7)))
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from c2f.runs.record import RecordError, read

NOT_TOLD = "-"
"""Where a run does not say."""


@dataclass(frozen=True)
class Ran:
    """One execution of a chapter, or one run of a record.

    Attributes:
        job: the folder of those laid side by side that it lies in.
        what: the chapter and its profile, or the record and its seed.
        state: ``done``, ``stopped`` of a chapter that did not run to its end, or ``unreadable``.
        finished: with its time zone; None where it is unreadable.
        seconds: it took.
        device: the GPU, or the processor where none was used.
        driver: version of NVIDIA's.
        torch: version.
    """

    job: str
    what: str
    state: str = "unreadable"
    finished: datetime | None = None
    seconds: float = 0.0
    device: str = NOT_TOLD
    driver: str = NOT_TOLD
    torch: str = NOT_TOLD


def ran(folder: Path, days: float | None = None) -> list[Ran]:
    """Return what ran, by job and time, of which the results lie in ``folder`` or below.

    Args:
        folder: of output folders, one a job.
        days: leave out what ended earlier; None takes all. What cannot be read is never left out.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: days not above 0.
    """
    if days is not None and not days > 0:
        raise ValueError(f"days must be above 0, not {days}")
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}: give one that holds the output folders of jobs")
    since = None if days is None else datetime.now(UTC) - timedelta(days=days)
    found = [*_chapters(folder), *_runs(folder)]
    kept = [one for one in found if since is None or one.finished is None or one.finished >= since]
    return sorted(kept, key=lambda one: (one.job, str(one.finished or ""), one.what))


def _job(folder: Path, path: Path) -> str:
    inside = path.relative_to(folder).parts
    return inside[0] if len(inside) > 1 else NOT_TOLD


def _chapters(folder: Path) -> Iterator[Ran]:
    for path in folder.rglob("*.ipynb"):
        try:
            about = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("c2f")
            if about is None:  # no executed chapter
                continue
            made = about["made"]
            where = (
                about["gpu"] or made["processor"],
                made.get("driver") or NOT_TOLD,
                made["versions"].get("torch", NOT_TOLD),
            )
            what, state = f"{about['chapter']}, {about['profile']}", "done" if about["ended"] else "stopped"
            yield Ran(_job(folder, path), what, state, _time(made["date"]), about["seconds"], *where)
        except (ValueError, KeyError, TypeError):
            yield Ran(_job(folder, path), path.name)


def _runs(folder: Path) -> Iterator[Ran]:
    for path in folder.rglob("runs/*.json"):
        try:
            record = read(path)
        except RecordError:
            yield Ran(_job(folder, path), path.name)
            continue
        for run in record.runs:
            about: dict[str, Any] = run.environment
            where = (about["device"], about.get("driver") or NOT_TOLD, about["versions"].get("torch", NOT_TOLD))
            what = f"{record.name}, seed {run.seed}"
            yield Ran(_job(folder, path), what, "done", _time(about["finished"]), about["seconds"], *where)


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def page(found: Sequence[Ran]) -> str:
    """Return ``found`` in Markdown: hours by device and driver, then a row each."""
    if not found:
        return "# What ran\n\nNothing.\n"
    hours: dict[tuple[str, ...], list[float]] = {}
    for one in found:
        if one.finished is not None:
            hours.setdefault((one.device, one.driver, one.torch), []).append(one.seconds)
    devices = [(*where, str(len(took)), f"{sum(took) / 3600:.1f}") for where, took in sorted(hours.items())]
    rows = []
    for one in found:
        at, took = (NOT_TOLD, NOT_TOLD)
        if one.finished is not None:
            at, took = f"{one.finished.astimezone(UTC):%Y-%m-%d %H:%M}", str(timedelta(seconds=round(one.seconds)))
        rows.append((one.job, one.what, one.state, at, took, one.device, one.driver, one.torch))
    by_device = _table(("device", "driver", "torch", "runs", "hours"), devices)
    each = _table(("job", "what", "state", "finished (UTC)", "h:mm:ss", "device", "driver", "torch"), rows)
    return f"# What ran\n\n{by_device}\n{each}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
