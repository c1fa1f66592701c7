"""What came of a sweep, in one table: a row a job as CSV; and in Markdown, with means and deviations over the seeds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from c2f.common.files import write_text
from c2f.runs.record import Record, read
from c2f.sweep.job import Job, Jobs
from c2f.sweep.plan import Sweep

SHOWN = ("network", "data", "test_data", "attack", "protocol", "pictures")
"""Parameters of a record that a row shows, where it has them."""


@dataclass(frozen=True)
class Written:
    """The files of the tables."""

    csv: Path
    markdown: Path


def write(sweep: Sweep) -> Written:
    """Write the tables of what is done so far, and of what is not, beside the sweep's logs.

    Raises:
        c2f.runs.record.RecordError: a record is damaged.
        OSError: the folder cannot be written to, with the remedy.
    """
    jobs = sweep.jobs
    done = {name: job for name, job in jobs.jobs.items() if jobs.done(name)}
    records = {job.result: read(jobs.home / job.result) for job in done.values() if job.seed is not None}
    rows = [_row(jobs, job, records) for job in jobs.jobs.values()]
    written = Written(jobs.folder / "table.csv", jobs.folder / "table.md")
    write_text(written.csv, pd.DataFrame(rows).convert_dtypes().to_csv(index=False))
    left = [name for name in jobs.jobs if name not in done]
    parts = [f"{len(done)} of {len(jobs.jobs)} jobs are done.", *_over_seeds(done, records), *_chapters(jobs, done)]
    parts += ["\n".join(["Not done:\n", *(f"- `{name}`" for name in left)])] * bool(left)
    write_text(written.markdown, "\n\n".join(parts) + "\n")
    return written


def _row(jobs: Jobs, job: Job, records: dict[str, Record]) -> dict[str, Any]:
    """Return what a job was and what came of it."""
    row: dict[str, Any] = {"job": job.name, "done": jobs.done(job.name)}
    if not row["done"]:
        return row
    if job.seed is None:
        return row | _notebook(jobs, job)
    record = records[job.result]
    run = record.run(job.seed)
    assert run is not None  # a job that is done has its run
    about = {key: record.parameters[key] for key in SHOWN if key in record.parameters}
    return row | about | {"seed": job.seed} | _took(run.environment) | run.values


def _took(about: dict[str, Any]) -> dict[str, Any]:
    return {key: about[key] for key in ("seconds", "threads", "device")}


def _notebook(jobs: Jobs, job: Job) -> dict[str, Any]:
    """Return what an executed notebook says of its run."""
    about = json.loads((jobs.home / job.result).read_text(encoding="utf-8"))["metadata"]["c2f"]
    took = {key: about[key] for key in ("chapter", "profile", "seconds", "threads", "peak_mib")}
    return took | {"device": about["gpu"] or about["made"]["processor"], "notebook": job.result}


def _over_seeds(done: dict[str, Job], records: dict[str, Record]) -> list[str]:
    """Return a table a kind of record: a row a record, mean ± sd of each value over the sweep's seeds."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for result, record in records.items():
        seeds = [job.seed for job in done.values() if job.result == result]
        runs = [run for run in record.runs if run.seed in seeds]
        about = {key: record.parameters[key] for key in SHOWN if key in record.parameters}
        means = {name: f"{s:.4g}" for name, s in Record("", "", {}, runs).summary.items()}
        kinds.setdefault(record.kind, []).append(about | {"seeds": len(runs)} | means)
    return [f"{kind}\n\n{_markdown(rows)}" for kind, rows in kinds.items()]


def _chapters(jobs: Jobs, done: dict[str, Job]) -> list[str]:
    rows = [{"job": job.name, **_notebook(jobs, job)} for job in done.values() if job.seed is None]
    return [f"chapters\n\n{_markdown(rows)}"] if rows else []


def _markdown(rows: Sequence[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns), *([str(row.get(key, "")) for key in columns] for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
