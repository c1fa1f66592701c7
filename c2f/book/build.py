"""Building the book: execute its chapters, those that have not changed excepted, and make its pages of them.

Everything goes into ``book/_build/PROFILE/``: ``executed/`` the executed notebooks, ``site/`` a copy of the
sources with these in place, ``html/`` the book. The sources stay as they are.
"""

import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from c2f.book.chapters import PACKAGE, ROOT, Chapter, chapters, source, tags
from c2f.book.check import Report
from c2f.book.doctor import free_memory
from c2f.book.execute import require, run
from c2f.book.pages import BookError, make_pages
from c2f.book.profiles import QUICK, profile_values
from c2f.book.site import read_site
from c2f.common.cores import THREADS, spare_cores
from c2f.common.files import checksums
from c2f.common.versions import versions
from c2f.common.words import how_many

_GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""There where the system has a GPU."""
_CHAPTER_GIB = 2


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
        ParameterError, ValueError: a profile or an address in ``_config.yml`` that will not do, before anything runs.
    """
    started = time.perf_counter()
    all_chapters = chapters(root / "book")
    read_site(root / "_config.yml")
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
        report, sphinx_seconds = make_pages(root, folder, {one.chapter: one.path for one in executed}, fill)
    return Book(folder / "html" / "index.html", executed, report, time.perf_counter() - started, sphinx_seconds)


def _line(done: Executed) -> str:
    device = f", {done.peak_device_mib:.0f} MiB on the GPU" if done.peak_device_mib else ""
    threads = f", {how_many(done.threads, 'thread')}" if done.threads else ""
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
        [checksums(PACKAGE, "*.py"), checksums(root / "data")],
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
        run(chapter, profile=profile, output=failed, threads=threads, solve=True)
        for old in folder.glob(f"{chapter.name}.*.ipynb"):
            if old != failed:
                old.unlink()
        os.replace(failed, path)
    cost = json.loads(path.read_text(encoding="utf-8"))["metadata"]["c2f"]
    used = (cost[name] for name in ("seconds", "peak_mib", "peak_device_mib", "threads"))
    return Executed(chapter.name, path, cached, *used)
