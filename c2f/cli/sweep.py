"""``c2f sweep``."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from c2f.cli.app import app

File = Annotated[Path, arg(help="the sweep's YAML file; the page 'Re-run and sweep' tells what is in it.")]


@app.command(name="sweep")
def sweep(
    file: Positional[File],
    /,
    *,
    dry_run: bool = False,
    slots: int | None = None,
    profile: str = "local",
) -> None:
    """Carry out a sweep with Snakemake: networks x data x seeds x attacks, chapters x parameters; it is resumable.

    The file is checked first, and the plan is shown with its cost in core-minutes, by what was recorded or measured
    here. A job that fails ends no other; its log is named. All is collected in one table, as CSV and in Markdown. Ends
    with exit status 1 if a job is not done.

    Args:
        dry_run: show the plan, and what Snakemake would do, and begin nothing.
        slots: jobs at a time; without it one a GPU, or on a CPU as many as the cores allow, and on a cluster as many as
            the profile says.
        profile: local, slurm or kubernetes, or a folder with a config.yaml as Snakemake has it.
    """
    from c2f.common.checks import positive_int
    from c2f.sweep import run, tables
    from c2f.sweep.plan import read

    if slots is not None:
        positive_int(slots, "slots")
    how, found = run.find_profile(profile), read(file)
    entries = run.plan(found)
    for entry in entries:
        cost = "unknown" if entry.minutes is None else _minutes(entry.minutes)
        print(f"{entry.state:7s} {cost:>14s}  {entry.planned.job.name}")
    left = [entry.minutes for entry in entries if entry.state != "done"]
    told = [minutes for minutes in left if minutes is not None]
    unknown = f", and {len(left) - len(told)} of unknown cost" if len(told) < len(left) else ""
    here = f"; {run.slots(slots, found.threads)} at a time" if how.local else ""
    print(
        f"{len(entries)} jobs, {len(left)} to do: {_minutes(sum(told))}{unknown}; threads: {found.threads} a job{here}",
        flush=True,
    )
    if dry_run:
        raise SystemExit(run.dry_run(found, how, slots))
    outcome = run.carry_out(found, how, slots)
    for name, log in outcome.failed.items():
        print(f"{name} failed: {_last_line(log)}\n    {log}")
    if outcome.said:
        print(f"Snakemake said:\n{outcome.said}")
    written = tables.write(found)
    print(f"{len(outcome.done)} of {len(entries)} jobs are done; {written.csv}, {written.markdown}")
    if len(outcome.done) < len(entries):
        raise SystemExit(1)


def _minutes(minutes: float) -> str:
    return f"{minutes:.0f} core-min" if minutes >= 10 else f"{minutes:.2g} core-min"


def _last_line(log: Path) -> str:
    return (log.read_text(encoding="utf-8", errors="replace").splitlines() or [""])[-1]
