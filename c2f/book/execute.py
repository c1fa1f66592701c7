"""Running a chapter: papermill in a kernel of this very Python, with what it cost written down.

A chapter has run when its last cell has. papermill itself takes a cell that ends the kernel by ``sys.exit(0)`` for a
success.

The kernel works in the folder that the caller is in, as papermill's own command has it, so that a relative
path among the parameters means what it says; it imports the same ``c2f`` as the caller.
"""

import importlib
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from c2f.book.answers import checks
from c2f.book.chapters import ROOT, Chapter, check, parameters
from c2f.book.profiles import QUICK, profile_values
from c2f.book.solutions import printed, solutions
from c2f.common.cores import THREADS, is_nice
from c2f.common.versions import commit, driver, processor, versions

_USE = "application/vnd.c2f.use+json"
_BEHIND = "c2f-behind"
"""The tag of cells that are run behind a chapter's last one and not kept."""


_ASK = "from c2f.book.execute import publish_use\npublish_use()"
# jupyter_client interrupts a kernel before it shuts it down, which then says "KeyboardInterrupt caught in kernel"; and
# the kernel sets handlers of its own before and behind each message.
_LAST = """import signal
def ignore():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
kernel = get_ipython().kernel
kernel.pre_handler_hook = kernel.post_handler_hook = ignore
ignore()"""


class ChapterError(RuntimeError):
    """A chapter that did not run to its end; the message names chapter, cell and exception."""


@dataclass(frozen=True)
class Run:
    """A chapter that ran to its end.

    Attributes:
        chapter: its name.
        profile: the profile's name or file.
        parameters: those that differ in origin from the notebook's own: the profile's and the caller's.
        output: the executed notebook, which holds all of this in its metadata, under ``c2f``.
        seconds: wall time, the kernel's start included.
        peak_mib: the largest resident memory of the kernel's process, in MiB; of loader workers nothing is
            known.
        peak_device_mib: the largest memory that torch held on the GPU, in MiB; 0 without one.
        threads: how many torch computed with; 0 for a chapter without torch.
        gpu: the name of the GPU that was used, empty where none was.
    """

    chapter: str
    profile: str
    parameters: dict[str, Any]
    output: Path
    seconds: float
    peak_mib: float
    peak_device_mib: float
    threads: int
    gpu: str


def require(module: str) -> ModuleType:
    """Import a module of the ``book`` extra; an ``ImportError`` names the remedy where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{error}. Install what the book needs: pip install -e '.[book]'") from error


def settled(chapter: Chapter, given: Mapping[str, object], profile: str = QUICK) -> dict[str, Any]:
    """Return the parameters that a run sets: the profile's, and ``given`` in their place; all are checked.

    Raises:
        ParameterError, ValueError: a parameter or profile that will not do.
    """
    values = {**profile_values(chapter, profile), **check(chapter, given)}
    check(chapter, {name: p.default for name, p in parameters(chapter).items()} | values)  # ranges that hang together
    return values


def run(
    chapter: Chapter,
    given: Mapping[str, object] | None = None,
    profile: str = QUICK,
    output: Path | None = None,
    *,
    timeout: int | None = None,
    threads: int | None = None,
    solve: bool = False,
) -> Run:
    """Execute ``chapter`` and write the executed notebook; the chapter itself stays as it is.

    Args:
        chapter: from ``c2f.book.chapters.find``.
        given: parameters by name, which go before the profile's.
        profile: ``quick``, the name of a file in book/profiles, or the path of one.
        output: where the executed notebook goes, ``output/NAME.PROFILE.ipynb`` in the current folder unless
            given. It is whole or absent, and written also when the chapter fails or is interrupted, as far
            as it came.
        timeout: seconds that one cell may take; None for no limit.
        threads: how many torch takes, unless ``OMP_NUM_THREADS`` says otherwise; None leaves it to the kernel, which
            takes the cores that other processes leave.
        solve: run the code in the exercises' solutions, too, behind the chapter, and note what each prints under
            ``solutions`` in the metadata; it does not count as the chapter's time or memory. Checks of answers are
            tried on the solutions' own.

    Raises:
        ParameterError, ValueError: a parameter, profile or output that will not do, before anything runs.
        ChapterError: a cell raised an exception, took too long or ended the chapter before its last cell, or the kernel
            died.
    """
    values = settled(chapter, given or {}, profile)
    if output is None:
        output = Path("output") / f"{chapter.name}.{Path(profile).stem}.ipynb"
    output = _writable_notebook(Path(output), chapter)
    papermill, nbformat = require("papermill"), require("nbformat")
    nbclient = require("nbclient.exceptions")

    _remove_left_overs(output)
    staged = output.with_name(f".{output.stem}.{os.getpid()}.in.ipynb")
    partial = output.with_name(f".{output.stem}.{os.getpid()}.out.ipynb")
    notebook = nbformat.read(chapter.path, as_version=4)
    behind = _solved(chapter) if solve else {}
    for label, code in {"": _ASK, **behind, "last": _LAST}.items():
        notebook.cells.append(nbformat.v4.new_code_cell(code, metadata={"tags": [_BEHIND], "c2f_solution": label}))
    started = time.perf_counter()
    try:
        nbformat.write(notebook, staged)
        papermill.execute_notebook(
            _no_template(staged),
            _no_template(partial),
            parameters=values,
            kernel_name="python3",
            language="python",
            kernel_manager_class=_kernel_manager_class(threads),
            progress_bar=sys.stderr.isatty() and threading.current_thread() is threading.main_thread(),
            execution_timeout=timeout,
        )
        error = None
    except papermill.PapermillExecutionError as failure:
        error = ChapterError(
            f"{chapter.name} failed in cell [{failure.exec_count}] ({_first_line(failure.source)}): "
            f"{failure.ename}: {failure.evalue}\nThe notebook as far as it came: {output}"
        )
    except (nbclient.DeadKernelError, nbclient.CellTimeoutError) as failure:
        why = str(failure).strip().splitlines()[0]
        if isinstance(failure, nbclient.DeadKernelError):
            why += " (a kernel that dies without a word has often run out of memory)"
        error = ChapterError(f"{chapter.name} failed: {why}\nThe notebook as far as it came: {output}")
    finally:
        seconds = time.perf_counter() - started
        staged.unlink(missing_ok=True)
        use, stopped, seconds = _finish(partial, output, chapter, profile, values, seconds)
    if error is None and stopped is not None:
        error = ChapterError(
            f"{chapter.name} ended itself in the cell ({stopped}), by sys.exit or the like; the cells behind it "
            f"have not run\nThe notebook as far as it came: {output}"
        )
    if error is not None:
        raise error
    return Run(chapter.name, profile, values, output, seconds, **use)


def _solved(chapter: Chapter) -> dict[str, str]:
    """Return the code of the solutions by label, and behind each the trial of its check, if it has one."""
    behind, tried = {}, checks(chapter)
    for label, code in solutions(chapter).items():
        behind[label] = code
        if label in tried:
            behind[f"{label}, checked"] = tried[label]
    return behind


def _writable_notebook(output: Path, chapter: Chapter) -> Path:
    if output.suffix != ".ipynb":
        raise ValueError(f"the executed notebook must end in .ipynb, not {output.name!r}; e.g. {output}.ipynb")
    if output.resolve() == chapter.path.resolve():
        raise ValueError(f"{output} is the chapter itself, which stays without outputs; choose another file")
    if output.is_dir():
        raise ValueError(f"{output} is a folder; choose a file")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        writable = os.access(output.parent, os.W_OK)
    except (FileExistsError, NotADirectoryError, PermissionError):
        writable = False
    if not writable:
        raise PermissionError(f"cannot write into {output.parent}; choose another place for {output.name}")
    return output


def _remove_left_overs(output: Path) -> None:
    """Remove the hidden notebooks beside ``output`` of runs that were killed: those whose process is gone."""
    psutil = require("psutil")
    name = re.compile(rf"\.{re.escape(output.stem)}\.(\d+)\.(in|out)\.ipynb")
    for path in output.parent.iterdir():
        hidden = name.fullmatch(path.name)
        if hidden and not psutil.pid_exists(int(hidden[1])):
            path.unlink(missing_ok=True)


def _no_template(path: Path) -> str:
    return str(path).replace("{", "{{").replace("}", "}}")  # papermill fills parameters into paths


def _first_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0].strip() if lines else "an empty cell"


def _kernel_manager_class(threads: int | None) -> type:
    """Return the class of a manager that starts this Python's kernel, whatever kernel is registered as ``python3``.

    It is given as a class, not as a manager: whoever makes the manager also ends its kernel.
    """
    manager = require("jupyter_client.manager")
    kernelspec = require("jupyter_client.kernelspec")
    options = ["--log-level=40"]
    if is_nice():  # a kernel begins a session of its own
        options.append("--IPKernelApp.exec_lines=from c2f.common.cores import be_nice; be_nice(); del be_nice")
    this_python = require("ipykernel.kernelspec").get_kernel_dict(options)
    this_python["env"] = {"PYTHONPATH": os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)}
    if threads is not None and not os.environ.get(THREADS):
        this_python["env"][THREADS] = str(threads)

    class ThisPython(kernelspec.KernelSpecManager):  # type: ignore[name-defined]
        def get_kernel_spec(self, kernel_name: str) -> Any:
            return kernelspec.KernelSpec(**this_python)

    class Manager(manager.AsyncKernelManager):  # type: ignore[name-defined]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options, kernel_spec_manager=ThisPython())

    return Manager


def _finish(
    partial: Path, output: Path, chapter: Chapter, profile: str, values: dict[str, Any], seconds: float
) -> tuple[dict[str, Any], str | None, float]:
    """Move what papermill has written to ``output``, with the cost in its metadata.

    Return the kernel's use, the first line of the cell in which the chapter stopped, None if it ran to its end, and of
    ``seconds`` those that are not the solutions'.
    """
    use: dict[str, Any] = {"peak_mib": 0.0, "peak_device_mib": 0.0, "threads": 0, "gpu": ""}
    if not partial.exists():
        return use, "", seconds
    nbformat = require("nbformat")
    notebook = nbformat.read(partial, as_version=4)
    added = [cell for cell in notebook.cells if _BEHIND in cell.metadata.get("tags", [])]
    shown = [one["data"][_USE] for cell in added for one in cell.outputs if _USE in one.get("data", {})]
    for data in shown:
        use.update(data)
    stopped = None if shown else _mark_stopped(notebook)
    said = {cell.metadata["c2f_solution"]: printed(cell) for cell in added}
    for cell in added:
        notebook.cells.remove(cell)
        seconds -= cell.metadata.papermill.get("duration") or 0
    # papermill notes the two temporary paths, which say nothing to anybody
    notebook.metadata.papermill.update(input_path=chapter.path.name, output_path=output.name)
    notebook.metadata["c2f"] = {
        "chapter": chapter.name,
        "profile": profile,
        "parameters": values,
        "ended": stopped is None,
        "seconds": round(seconds, 2),
        **use,
        "solutions": {label: text for label, text in said.items() if text},
        "made": {
            "date": datetime.now(UTC).isoformat(timespec="minutes"),
            "commit": commit(),
            "processor": processor(),
            **({"driver": driver()} if use["gpu"] else {}),
            "versions": {"python": platform.python_version(), **versions()},
        },
    }
    nbformat.write(notebook, partial)
    os.replace(partial, output)
    return use, stopped, seconds


def _mark_stopped(notebook: Any) -> str:
    """Mark the cell that was begun last as failed and those behind as pending; return its first line.

    Where a kernel dies or takes too long papermill marks every cell as completed.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    begun = sum(cell.metadata.papermill.exception is not None for cell in code)
    for cell in code[max(begun - 1, 0) :]:
        cell.metadata.papermill.update(status="pending", exception=None)
    if begun:
        code[begun - 1].metadata.papermill.update(status="failed", exception=True)
    notebook.metadata.papermill["exception"] = True
    return _first_line(code[begun - 1].source) if begun else ""


@dataclass(frozen=True)
class Use:
    """What a process has used so far: the peak of its resident memory and of torch's on the GPU, in MiB; torch's
    threads; the GPU's name, empty where none was used."""

    peak_mib: float
    peak_device_mib: float
    threads: int
    gpu: str


def use() -> Use:
    """Return what this process has used so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage's peak would begin with the memory of the process that started this one
        peak = int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    elif sys.platform == "win32":
        peak = require("psutil").Process().memory_info().peak_wset / (1 << 20)
    else:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)  # in bytes on macOS
    torch = sys.modules.get("torch")  # a chapter without torch is not made to load it
    on_device = torch is not None and torch.cuda.is_available()
    device = torch.cuda.max_memory_allocated() / (1 << 20) if torch is not None and on_device else 0.0
    gpu = torch.cuda.get_device_name() if torch is not None and device else ""
    return Use(round(peak, 1), round(device, 1), 0 if torch is None else torch.get_num_threads(), gpu)


def publish_use() -> None:
    """Show ``use()`` to the process that executes the notebook; ``run`` puts a call of it behind the last
    cell."""
    from IPython.display import display

    display({_USE: asdict(use())}, raw=True)
