"""One job of a sweep, in a process of its own: ``python -m c2f.sweep.job PLAN NAME``, as the Snakefile has it.

Beside the plan lie ``receipts/NAME.json``, written when a job has ended well; ``logs/NAME.log``, to which every attempt
adds; and ``locks/NAME.lock``, held while it runs. A second call of the same job waits for the first and finds its
receipt. A job ends when what started it does, so that a killed sweep leaves nothing at work. Without torch, which the
command itself loads.
"""

import json
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from c2f.common.files import sha256, write_text

GPUS = "C2F_SWEEP_GPUS"
"""The variable that holds the GPUs of this machine that jobs share out, as CUDA_VISIBLE_DEVICES names them."""
PARENT = "C2F_SWEEP_PARENT"
"""The variable that holds the number of the process with which Snakemake is to end."""


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes:
        name: ``KIND/NAME``, where the kind is ``train``, ``attack`` or ``run``.
        command: of ``c2f``, word by word.
        result: the record or executed notebook that it leaves.
        seed: of the run that it adds to a record; None for a notebook.
        needs: names of the jobs that come before it.
        inputs: files of whose content the result depends.
    """

    name: str
    command: list[str]
    result: str
    seed: int | None = None
    needs: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Jobs:
    """The jobs of a sweep, by name.

    Attributes:
        folder: of their plan, receipts, logs and locks.
        home: the folder that commands and paths are understood in.
        threads: of each job.
        jobs: in the order of the sweep's file.
    """

    folder: Path
    home: Path
    threads: int
    jobs: Mapping[str, Job]

    @classmethod
    def read(cls, path: Path) -> "Jobs":
        """Read what ``write`` has written."""
        content = json.loads(path.read_text(encoding="utf-8"))
        jobs = {name: Job(**job) for name, job in content["jobs"].items()}
        return cls(Path(content["folder"]), Path(content["home"]), content["threads"], jobs)

    @property
    def missing(self) -> list[str]:
        """The names of those that are not done."""
        return [name for name in self.jobs if not self.done(name)]

    def write(self, path: Path) -> None:
        """Write the plan as JSON, for the Snakefile and for each job."""
        content = {"folder": str(self.folder), "home": str(self.home), "threads": self.threads}
        jobs = {name: asdict(job) for name, job in self.jobs.items()}
        write_text(path, json.dumps({**content, "missing": self.missing, "jobs": jobs}, indent=1))

    def receipt(self, name: str) -> Path:
        """Return where the receipt of a job lies once it is done."""
        return self.folder / "receipts" / f"{name}.json"

    def log(self, name: str) -> Path:
        """Return where what a job prints is kept."""
        return self.folder / "logs" / f"{name}.log"

    def done(self, name: str) -> bool:
        """Return whether a job has ended well, by the same command, from the same files and after the same jobs, and
        its result is still there.
        """
        try:
            receipt = json.loads(self.receipt(name).read_text(encoding="utf-8"))
            told = {key: receipt[key] for key in ("command", "from")}
        except (OSError, ValueError, LookupError, TypeError):
            return False
        return told == self._depends(self.jobs[name]) and self._there(self.jobs[name])

    def _depends(self, job: Job) -> dict[str, Any]:
        files = [self.home / path for path in job.inputs] + [self.receipt(name) for name in job.needs]
        return {
            "command": job.command,
            "from": {path.name: sha256(path) if path.exists() else None for path in files},
        }

    def _there(self, job: Job) -> bool:
        try:
            content = json.loads((self.home / job.result).read_text(encoding="utf-8"))
            return job.seed is None or job.seed in [run["seed"] for run in content["runs"]]
        except (OSError, ValueError, LookupError, TypeError):
            return False

    def give_receipt(self, name: str, seconds: float) -> None:
        """Write down that a job has ended well."""
        when = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        content = {**self._depends(self.jobs[name]), "seconds": round(seconds, 1), "finished": when}
        write_text(self.receipt(name), json.dumps(content, indent=1))


def carry_out(plan: Jobs, name: str) -> int:
    """Carry out a job, unless it is done or as soon as another process that is at it has ended; return its exit status.

    What it prints goes to its log; a line about its end to standard output.
    """
    said = os.fdopen(os.dup(1), "w")  # standard output and error become the log
    lock = plan.folder / "locks" / f"{name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    os.chdir(plan.home)
    with FileLock(lock):
        if plan.done(name):
            return 0
        gpu = _take_gpu(plan.folder / "locks")
        log, started = plan.log(name), time.monotonic()
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab", buffering=0) as file:
            file.write(f"{time.strftime('%F %T')} c2f {' '.join(plan.jobs[name].command)}\n".encode())
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        status = _run(plan.jobs[name].command)
        seconds = time.monotonic() - started
        if status == 0:
            plan.give_receipt(name, seconds)
        if gpu is not None:
            gpu.release()
        ended = "done" if status == 0 else f"failed ({status}), see {log}"
        print(f"{name}: {ended}, {seconds:.0f} s", file=said, flush=True)
        return status


def _run(command: list[str]) -> int:
    """Run the command line ``c2f`` in this process and return its exit status."""
    sys.argv = ["c2f", *command]
    try:
        runpy.run_module("c2f", run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _take_gpu(locks: Path) -> FileLock | None:
    """Let this process see one GPU of those in ``GPUS``, which no other job of this machine holds, and return its lock;
    where the variable is not set, on a CPU or where a cluster deals GPUs out, None.
    """
    gpus = os.environ.get(GPUS, "").split()
    while gpus:
        for number, gpu in enumerate(gpus):
            slot = FileLock(locks / f"gpu-{number}.lock", timeout=0)
            try:
                slot.acquire()
            except Timeout:
                continue
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
            return slot
        time.sleep(1)
    return None


def end_with(parent: int) -> None:
    """Have this process killed within half a second of the end of ``parent``, the process that started it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)  # at any moment: what is finished is written down

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with(os.getppid())
    raise SystemExit(carry_out(Jobs.read(Path(sys.argv[1])), sys.argv[2]))
