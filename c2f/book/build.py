"""Building the book: execute its chapters, those that have not changed excepted, build the HTML, look it
over.

Everything goes into ``book/_build/PROFILE/``: ``executed/`` the executed notebooks, ``site/`` a copy of the
sources with these in place, ``html/`` the book. The sources stay as they are.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from c2f.book.chapters import QUICK, ROOT, Chapter, chapters, profile_values, source, tags
from c2f.book.check import Report, look_over
from c2f.book.execute import require, run
from c2f.common.files import sha256, write_text
from c2f.common.versions import versions
from c2f.plotting.figures import alt_problem

PASSED_OVER = {"_build", "profiles", "__pycache__", ".ipynb_checkpoints"}
"""What book/ may hold that is no page of the book."""


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


@dataclass(frozen=True)
class Book:
    """A built book.

    Attributes:
        index: the page to open.
        executed: the chapters, in order.
        report: what was looked over in the HTML.
        seconds: wall time of it all.
        sphinx_seconds: of building the HTML.
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
    root: Path = ROOT,
    said: Callable[[str], None] = lambda line: None,
) -> Book:
    """Execute the chapters in ``profile`` and build the book.

    Args:
        profile: the name of a profile.
        force: execute also the chapters that have not changed.
        root: the folder of ``_config.yml``, ``_toc.yml`` and ``book/``.
        said: is called with a line for every step done, for a caller that prints it.

    Raises:
        ChapterError: a chapter failed; those before it need not run again.
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
        for chapter in all_chapters:
            done = execute(chapter, profile, folder / "executed", force=force, root=root)
            said(_line(done))
            executed.append(done)
        stage(root, folder / "site", {one.chapter: one.path for one in executed})
        sphinx_started = time.perf_counter()
        html = build_html(folder / "site", folder)
        sphinx_seconds = time.perf_counter() - sphinx_started
        report = look_over(html, root / "_toc.yml", [f"book/{c.name}" for c in all_chapters])
    if report.problems:
        raise BookError(f"the book in {html} is not whole:\n" + "\n".join(report.problems))
    return Book(html / "index.html", executed, report, time.perf_counter() - started, sphinx_seconds)


def _line(done: Executed) -> str:
    device = f", {done.peak_device_mib:.0f} MiB on the GPU" if done.peak_device_mib else ""
    cached = " (unchanged, not executed again)" if done.cached else ""
    return f"{done.chapter}: {done.seconds:.0f} s, {done.peak_mib:.0f} MiB{device}{cached}"


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
    package = Path(__file__).parents[1]  # the whole of c2f
    files = {path.relative_to(package.parent).as_posix(): path for path in package.rglob("*.py")}
    files |= {path.relative_to(root).as_posix(): path for path in (root / "data").rglob("*") if path.is_file()}
    parts: list[Any] = [
        cells,
        profile_values(chapter, profile),
        {name: sha256(path) for name, path in files.items()},
        [*sys.version_info[:2], versions(), metadata.version("matplotlib")],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def execute(chapter: Chapter, profile: str, folder: Path, *, force: bool = False, root: Path = ROOT) -> Executed:
    """Execute ``chapter`` into ``folder``, unless its ``execution_key`` shows that the one there is still
    good.

    A chapter that fails leaves ``NAME.failed.ipynb``.
    """
    key = execution_key(chapter, profile, root)
    path = folder / f"{chapter.name}.{key}.ipynb"
    failed = folder / f"{chapter.name}.failed.ipynb"
    cached = path.is_file() and not force
    if not cached:
        run(chapter, profile=profile, output=failed)
        for old in folder.glob(f"{chapter.name}.*.ipynb"):
            if old != failed:
                old.unlink()
        os.replace(failed, path)
    cost = json.loads(path.read_text(encoding="utf-8"))["metadata"]["c2f"]
    return Executed(chapter.name, path, cached, cost["seconds"], cost["peak_mib"], cost["peak_device_mib"])


def stage(root: Path, site: Path, executed: dict[str, Path]) -> None:
    """Copy the book's sources to ``site``, with the executed notebooks in the place of the chapters.

    Raises:
        BookError: a figure without an alternative text, or two figures in one cell; all of them.
    """
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(root / name, site)
    shutil.copytree(root / "book", site / "book", ignore=shutil.ignore_patterns(*PASSED_OVER))
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
