"""Building the book: execute its chapters, those that have not changed excepted, build the HTML, look it
over.

Everything goes into ``book/_build/PROFILE/``: ``executed/`` the executed notebooks, ``site/`` a copy of the
sources with these in place, ``html/`` the book. The sources stay as they are.
"""

import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from c2f.book.chapters import QUICK, ROOT, Chapter, chapters, profile_values, source, tags
from c2f.book.check import Report, look_over
from c2f.book.doctor import free_memory
from c2f.book.execute import require, run
from c2f.common.cores import THREADS, spare_cores
from c2f.common.files import sha256, write_text
from c2f.common.versions import versions
from c2f.plotting.figures import alt_problem

PASSED_OVER = {"_build", "profiles", "__pycache__", ".ipynb_checkpoints"}
"""What book/ may hold that is no page of the book."""
PACKAGE = Path(__file__).parents[1]
"""The whole of c2f."""


_GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""There where the system has a GPU."""
_CHAPTER_GIB = 2


class BookError(RuntimeError):
    """A book that could not be built, or that is not whole."""


@dataclass(frozen=True)
class Executed:
    """A chapter's executed notebook; ``cached`` where it was there already. Cost as ``c2f.book.execute.Run`` has
    it."""

    chapter: str
    path: Path
    cached: bool
    seconds: float
    peak_mib: float
    peak_device_mib: float
    threads: int


@dataclass(frozen=True)
class Book:
    """A built book.

    Attributes:
        index: the page to open.
        executed: the chapters, in order.
        report: what was looked over in the HTML.
        seconds: wall time of it all.
        sphinx_seconds: of building the HTML; 0 where nothing that goes into it had changed.
    """

    index: Path
    executed: list[Executed]
    report: Report
    seconds: float
    sphinx_seconds: float


def build(
    profile: str = QUICK,
    *,
    force: bool = False,
    jobs: int | None = None,
    root: Path = ROOT,
    said: Callable[[str], None] = lambda line: None,
    fill: Callable[[Path], None] = lambda pages: None,
) -> Book:
    """Execute the chapters in ``profile`` and build the book; what has not changed is left as it is.

    Args:
        profile: the name of a profile.
        force: execute also the chapters that have not changed.
        jobs: how many chapters are executed at a time, the cores shared out among them; without it as many as there are
            cores that other processes leave and memory for (2 GiB a chapter), and one where there is a GPU.
        root: the folder of ``_config.yml``, ``_toc.yml`` and ``book/``.
        said: is called with a line for every step done, for a caller that prints it.
        fill: is called with the folder of the copied pages, and fills those that show what records say together.

    Raises:
        ChapterError: a chapter failed; those before it and those that were begun need not run again.
        BookError: the build gave a warning, or the HTML lacks something; all of it, a line each.
        ParameterError, ValueError: a profile that will not do, before anything runs.
    """
    started = time.perf_counter()
    all_chapters = chapters(root / "book")
    for chapter in all_chapters:  # what is wrong with the last chapter is said before the first one runs
        profile_values(chapter, profile)
    for module in ("papermill", "jupyter_book", "bs4"):
        require(module)
    folder = root / "book" / "_build" / Path(profile).stem
    with _only_one(folder):
        executed = []
        for done in _execute_all(all_chapters, profile, folder / "executed", force, jobs, root):
            said(_line(done))
            executed.append(done)
        site, html, sphinx_seconds = folder / "site", folder / "html", 0.0
        stage(root, site, {one.chapter: one.path for one in executed}, fill)
        report = unchanged(folder)
        if report is None:
            sphinx_started = time.perf_counter()
            build_html(site, folder)
            sphinx_seconds = time.perf_counter() - sphinx_started
            report = look_over(html, root / "_toc.yml", [f"book/{c.name}" for c in all_chapters])
            if report.problems:
                raise BookError(f"the book in {html} is not whole:\n" + "\n".join(report.problems))
            _remember(folder, report)
    return Book(html / "index.html", executed, report, time.perf_counter() - started, sphinx_seconds)


def _line(done: Executed) -> str:
    device = f", {done.peak_device_mib:.0f} MiB on the GPU" if done.peak_device_mib else ""
    threads = f", {done.threads} thread{'s' * (done.threads != 1)}" if done.threads else ""
    cached = " (unchanged, not executed again)" if done.cached else ""
    return f"{done.chapter}: {done.seconds:.0f} s{threads}, {done.peak_mib:.0f} MiB{device}{cached}"


def _execute_all(
    chapters: Sequence[Chapter], profile: str, folder: Path, force: bool, jobs: int | None, root: Path
) -> Iterator[Executed]:
    """Execute the chapters, several at a time, those first that took longest the last time; give them in their order.

    Where one fails, those that were begun are waited for. Where the caller stops, by Ctrl-C or an exception of its own,
    their kernels are ended.
    """
    psutil = require("psutil")
    outdated = [c for c in chapters if force or not _executed(c, profile, folder, root).is_file()]
    spare = spare_cores() if outdated else 1
    jobs = jobs or _jobs(spare, len(outdated))
    others = {child.pid for child in psutil.Process().children()}
    longest_first = sorted(chapters, key=lambda c: _last_seconds(c, folder), reverse=True)
    with ThreadPoolExecutor(jobs) as pool:
        futures = {
            c.name: pool.submit(execute, c, profile, folder, force=force, root=root, threads=max(1, spare // jobs))
            for c in longest_first
        }
        try:
            for chapter in chapters:
                yield futures[chapter.name].result()
        except Exception:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in psutil.Process().children():
                if child.pid not in others:
                    child.terminate()
            raise


def _jobs(spare: int, chapters: int) -> int:
    if any(Path(gpu).exists() for gpu in _GPUS) or os.environ.get(THREADS, "1") != "1":
        return 1
    free = free_memory()
    return max(1, min(spare, chapters, spare if free is None else int(free / _CHAPTER_GIB)))


def _last_seconds(chapter: Chapter, folder: Path) -> float:
    """Return how long ``chapter`` took to execute the last time, infinitely long where it never was."""
    for path in folder.glob(f"{chapter.name}.*.ipynb"):
        with suppress(ValueError, KeyError, TypeError):
            return float(json.loads(path.read_text(encoding="utf-8"))["metadata"]["c2f"]["seconds"])
    return math.inf


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Refuse a second build into ``folder`` while one runs; the lock goes with the process that holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise BookError(f"another build is at work in {folder}; wait for it to end") from error
    try:
        yield
    finally:
        lock.release()


def execution_key(chapter: Chapter, profile: str = QUICK, root: Path = ROOT) -> str:
    """Return the key of a chapter's execution, 16 hexadecimal digits: equal keys, equal results.

    It is made of the notebook's cells, the parameters, the package's source, everything under data/, the
    weights and records there among it, and the versions of Python, matplotlib and ``c2f.common.versions``. What
    lies in ``C2F_DATA`` is not part of it: when it is loaded, MNIST, Fashion-MNIST and CIFAR-10 are checked by
    their checksums, other data sets of the table by their numbers of pictures.
    """
    cells = [[c["cell_type"], source(c), tags(c)] for c in chapter.notebook()["cells"]]
    parts: list[Any] = [
        cells,
        profile_values(chapter, profile),
        [_tree(PACKAGE, "*.py"), _tree(root / "data")],
        [*sys.version_info[:2], versions(), metadata.version("matplotlib")],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _executed(chapter: Chapter, profile: str, folder: Path, root: Path) -> Path:
    return folder / f"{chapter.name}.{execution_key(chapter, profile, root)}.ipynb"


def execute(
    chapter: Chapter,
    profile: str,
    folder: Path,
    *,
    force: bool = False,
    root: Path = ROOT,
    threads: int | None = None,
) -> Executed:
    """Execute ``chapter`` into ``folder``, unless its ``execution_key`` shows that the one there is still
    good; ``threads`` as for ``c2f.book.execute.run``.

    A chapter that fails leaves ``NAME.failed.ipynb``.
    """
    path = _executed(chapter, profile, folder, root)
    failed = folder / f"{chapter.name}.failed.ipynb"
    cached = path.is_file() and not force
    if not cached:
        run(chapter, profile=profile, output=failed, threads=threads)
        for old in folder.glob(f"{chapter.name}.*.ipynb"):
            if old != failed:
                old.unlink()
        os.replace(failed, path)
    cost = json.loads(path.read_text(encoding="utf-8"))["metadata"]["c2f"]
    used = (cost[name] for name in ("seconds", "peak_mib", "peak_device_mib", "threads"))
    return Executed(chapter.name, path, cached, *used)


def stage(root: Path, site: Path, executed: dict[str, Path], fill: Callable[[Path], None] = lambda pages: None) -> None:
    """Copy the book's sources to ``site``, with the executed notebooks in the place of the chapters and the page of
    costs filled; ``fill`` as for ``build``.

    Raises:
        BookError: a figure without an alternative text, or two figures in one cell; all of them.
        c2f.runs.record.RecordError: the record of costs will not do.
    """
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(root / name, site)
    shutil.copytree(root / "book", site / "book", ignore=shutil.ignore_patterns(*PASSED_OVER))
    if (site / "book" / "what-it-costs.md").exists():
        from c2f.book import costs  # brings torch, for which chapters that have not changed need not wait

        costs.fill(site / "book")
    fill(site / "book")
    problems: list[str] = []
    for name, path in executed.items():
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for key in ("papermill", "c2f"):  # the page would show them
            notebook["metadata"].pop(key, None)
        for number, cell in enumerate(notebook["cells"], start=1):
            cell["metadata"].pop("papermill", None)
            problem = _carry_alt(cell)
            if problem:
                problems.append(f"{name}, cell {number} ({source(cell).strip().splitlines()[-1]}): {problem}")
        write_text(site / "book" / f"{name}.ipynb", json.dumps(notebook))
    if problems:
        raise BookError("\n".join(problems))


def _carry_alt(cell: dict[str, Any]) -> str | None:
    """Copy the alternative text from a cell's picture to the cell, where myst-nb looks for it."""
    pictures = [o for o in cell.get("outputs", []) if any(m.startswith("image/") for m in o.get("data", {}))]
    if not pictures:
        return None
    if len(pictures) > 1:
        return f"shows {len(pictures)} figures; give each a cell of its own"
    alts = [entry.get("alt") for entry in pictures[0].get("metadata", {}).values() if isinstance(entry, dict)]
    image = cell["metadata"].setdefault("mystnb", {}).setdefault("image", {})
    image["alt"] = next((alt for alt in alts if alt), image.get("alt", ""))
    if not image["alt"]:
        return "shows a figure without an alternative text; end it with c2f.plotting.figures.show(figure, alt=...)"
    return alt_problem(image["alt"])


def build_html(site: Path, folder: Path) -> Path:
    """Build ``site`` with Jupyter Book into ``folder/html``, warnings being errors; return that folder.

    Each build is a whole one, as the warnings of a page that is not read again would be missed. The old book
    stays until the new one is done.

    Raises:
        BookError: Sphinx gave warnings or failed; the message holds them.
    """
    work = folder / "sphinx"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    command = ["build", str(site), "--path-output", str(work), "-W", "-n", "--keep-going", "-q"]
    done = subprocess.run(
        [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", *command],
        env={**os.environ, "PYTHONPATH": path, "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).replace(f"{site}{os.sep}", "")
        raise BookError(f"Jupyter Book found fault with the book:\n{said}")
    html = folder / "html"
    shutil.rmtree(html, ignore_errors=True)
    os.replace(work / "_build" / "html", html)
    shutil.rmtree(work)
    return html


def _tree(folder: Path, pattern: str = "*") -> dict[str, str]:
    """Return the checksums of the files in ``folder`` and below, by their paths."""
    files = (path for path in folder.rglob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def _html_state(folder: Path) -> dict[str, str]:
    """Return a digest of what goes into the HTML (pages, package, all that is installed), and one of the HTML."""
    installed = sorted(f"{one.name} {one.version}" for one in metadata.distributions())
    goes_in = [_tree(folder / "site"), _tree(PACKAGE, "*.py"), sys.version, installed]
    parts = {"goes_in": goes_in, "html": _tree(folder / "html")}
    return {name: hashlib.sha256(json.dumps(p, sort_keys=True).encode()).hexdigest() for name, p in parts.items()}


def unchanged(folder: Path) -> Report | None:
    """Return what was found in ``folder/html`` if it is, to the last byte, what was built of ``folder/site`` as it is.

    None where anything has changed: a page, the package, which the API pages show, the version of anything installed,
    or the HTML itself.
    """
    try:
        kept = json.loads((folder / "html.json").read_text(encoding="utf-8"))
        report = Report(**{**kept["report"], "problems": ()})
        return report if kept["state"] == _html_state(folder) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(folder: Path, report: Report) -> None:
    write_text(folder / "html.json", json.dumps({"state": _html_state(folder), "report": asdict(report)}, indent=1))
