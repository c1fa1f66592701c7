"""Carrying a sweep out: the plan with its cost, Snakemake with a profile, and what came of each job."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import torch
import yaml
from filelock import FileLock, Timeout

from c2f.common.checks import choose, positive_int
from c2f.common.cores import usable_cores
from c2f.common.files import check_writable
from c2f.reference.costs import Known
from c2f.sweep.job import GPUS, PARENT, Jobs
from c2f.sweep.plan import Planned, Sweep

HERE = Path(__file__).parent
SNAKEFILE = HERE / "Snakefile"
LOCAL = "local"
"""The profile that carries jobs out on this machine, and Snakemake's executor that it names."""
_SNAKEMAKE = ("--workflow-profile", "none", "--forceall", "--keep-going", "--rerun-incomplete", "--nolock")
"""Options that every call has. A killed Snakemake leaves its own lock; the sweep has another."""
_SHOWN = 2000
"""Characters of what Snakemake said last that are shown where it fails itself."""


@dataclass(frozen=True)
class Entry:
    """A job as the plan shows it: ``done`` or ``missing``, and its core-minutes; None where nothing is known."""

    planned: Planned
    state: str
    known: Known

    @cached_property
    def minutes(self) -> float | None:
        """Core-minutes. May measure for a moment."""
        return self.planned.cost(self.known)


def plan(sweep: Sweep) -> list[Entry]:
    """Return the jobs with what is done of them, in the order of the sweep's file."""
    missing, known = set(sweep.jobs.missing), Known(sweep.output)
    return [Entry(p, "missing" if name in missing else "done", known) for name, p in sweep.planned.items()]


@dataclass(frozen=True)
class Profile:
    """How Snakemake carries jobs out: a folder with a ``config.yaml``, and the executor that it names."""

    folder: Path
    executor: str

    @property
    def local(self) -> bool:
        """Whether jobs run on this machine."""
        return self.executor == LOCAL

    def check_installed(self) -> None:
        """Raise an ``ImportError`` with the remedy without Snakemake, or without what the executor is part of; on
        Windows an ``OSError``.
        """
        if os.name == "nt":
            raise OSError("the jobs of a sweep are begun by bash: use Linux, macOS or the Windows Subsystem for Linux")
        if importlib.util.find_spec("snakemake") is None:
            raise ImportError("a sweep takes Snakemake 9: pip install -e '.[sweep]'")
        plugin = f"snakemake-executor-plugin-{self.executor}"
        if not self.local and importlib.util.find_spec(plugin.replace("-", "_")) is None:
            raise ImportError(f"{self.folder} takes Snakemake's executor {self.executor!r}: pip install {plugin}")


def profiles() -> list[str]:
    """Return the names of the profiles that come with the package."""
    return sorted(path.parent.name for path in HERE.glob("profiles/*/config.yaml"))


def find_profile(name: str) -> Profile:
    """Return a profile: of those that come with the package, or the folder of one's own.

    Raises:
        ValueError: there is no such profile, or its ``config.yaml`` is none.
    """
    folder = Path(name).resolve()
    if not (folder / "config.yaml").is_file():
        folder = HERE / "profiles" / choose(name, [*profiles(), "FOLDER, with a config.yaml in it"], "profile")
    try:
        content = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{folder / 'config.yaml'} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{folder / 'config.yaml'} must map Snakemake's options to values")
    return Profile(folder, str(content.get("executor", LOCAL)))


def gpus() -> list[str]:
    """Return the GPUs that this process sees, as CUDA_VISIBLE_DEVICES names them."""
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return (named or list(map(str, range(torch.cuda.device_count()))))[: torch.cuda.device_count()]


def slots(wanted: int | None, threads: int) -> int:
    """Return how many jobs are carried out at a time here: ``wanted``, else one a GPU, else as many as cores allow."""
    if wanted is not None:
        return positive_int(wanted, "slots", maximum=10_000)
    return len(gpus()) or max(1, len(usable_cores()) // threads)


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended: names of jobs that are done, and of those that failed, with their logs; no other was begun.
    ``said``: the end of what Snakemake said, where it failed itself.
    """

    done: list[str]
    failed: dict[str, Path]
    said: str = ""


def carry_out(sweep: Sweep, profile: Profile, wanted: int | None = None) -> Outcome:
    """Carry out what is missing of a sweep; what fails ends none but the jobs that need it.

    Args:
        sweep: from ``c2f.sweep.plan.read``.
        profile: from ``find_profile``.
        wanted: jobs at a time; None for ``slots``, or on a cluster for what the profile says.

    Raises:
        ImportError: Snakemake is not installed, or what the profile needs; the remedy.
        RuntimeError: another call is at this sweep.
        PermissionError: the output folder cannot be written to.
    """
    jobs = sweep.jobs
    if not jobs.missing:
        return Outcome(list(jobs.jobs), {})
    profile.check_installed()
    check_writable(jobs.folder)
    said = jobs.folder / "snakemake.log"
    before = {name: _length(jobs.log(name)) for name in jobs.missing}
    try:
        with FileLock(jobs.folder / ".lock", timeout=0), open(said, "wb") as log:
            status = _snakemake(jobs, jobs.folder, profile, wanted, log)
    except Timeout as error:
        raise RuntimeError(f"another call is at the sweep in {sweep.output}: wait for it, or end it") from error
    left = jobs.missing
    failed = {name: jobs.log(name) for name in left if _length(jobs.log(name)) > before[name]}
    text = said.read_text(encoding="utf-8", errors="replace")[-_SHOWN:] if status and not failed else ""
    return Outcome([name for name in jobs.jobs if name not in left], failed, text)


def dry_run(sweep: Sweep, profile: Profile, wanted: int | None = None) -> int:
    """Have Snakemake say on standard output and error what it would do, write nothing, and return its exit status."""
    profile.check_installed()
    with tempfile.TemporaryDirectory() as temporary:
        return _snakemake(sweep.jobs, Path(temporary), profile, wanted, None, "--dry-run", "--quiet", "host", "rules")


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _snakemake(
    jobs: Jobs, folder: Path, profile: Profile, wanted: int | None, log: IO[bytes] | None, *more: str
) -> int:
    """Run Snakemake in ``folder`` on the jobs that are missing, its messages into ``log``; return its exit status."""
    plan = folder / "plan.json"
    jobs.write(plan)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--configfile", str(plan)]
    command += ["--directory", str(folder), "--profile", str(profile.folder), *_SNAKEMAKE, *more]
    environment = {**os.environ, PARENT: str(os.getpid())}
    if profile.local:
        at_once, every = slots(wanted, jobs.threads), gpus()
        command += ["--cores", str(at_once * jobs.threads)]
        environment[GPUS] = " ".join(every[slot % len(every)] for slot in range(at_once)) if every else ""
    elif wanted is not None:
        command += ["--jobs", str(wanted)]
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stderr=log).returncode
