"""The pages of the book: its sources with the executed chapters in their place, made into HTML, and kept while nothing
of it has changed.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from c2f.book import live, vendor
from c2f.book.cards import foot, head, put_in, read_cards
from c2f.book.chapters import PACKAGE, ROOT, chapters, source
from c2f.book.check import Report, look_over
from c2f.book.finish import finish
from c2f.book.plain import plain, read_works
from c2f.book.site import name_project, read_site, with_links
from c2f.book.solutions import show_what_they_print
from c2f.common.files import checksums, sha256, write_text
from c2f.plotting.figures import CAPTION, alt_problem

PASSED_OVER = {"_build", "profiles", "__pycache__", ".ipynb_checkpoints"}
"""What book/ may hold that is no page of the book."""
SETTINGS = ("_config.yml", "_toc.yml")
"""Jupyter Book's own files, beside book/."""
_DOWNLOADS = "downloads"
"""In the copy of the sources, the chapters that the pages' download buttons give."""


class BookError(RuntimeError):
    """A book that could not be built, or that is not whole."""


def make_pages(
    root: Path, folder: Path, executed: Mapping[str, Path], fill: Callable[[Path], None] = lambda pages: None
) -> tuple[Report, float]:
    """Make ``folder/html`` of the sources in ``root``; what is there already of the same sources is left as it is.

    Args:
        root: the folder of ``_config.yml``, ``_toc.yml`` and ``book/``.
        folder: of ``site`` and ``html``.
        executed: every chapter's executed notebook, by its name.
        fill: as for ``c2f.book.build.build``.

    Returns:
        What was looked over in the HTML, and the seconds that Sphinx took; 0 where nothing had changed.

    Raises:
        BookError: the build gave a warning, or the HTML lacks something; all of it, a line each.
    """
    digest = goes_in(root, executed)
    report = unchanged(folder, digest)
    if report is not None:
        return report, 0.0
    stage(root, folder / "site", executed, fill)
    started = time.perf_counter()
    html = build_html(folder / "site", folder)
    seconds = time.perf_counter() - started
    report = look_over(html, root / "_toc.yml", [f"book/{name}" for name in executed])
    if report.problems:
        raise BookError(f"the book in {html} is not whole:\n" + "\n".join(report.problems))
    _remember(folder, goes_in(root, executed), report)  # the build may have fetched what it lacked
    return report, seconds


def stage(
    root: Path, site: Path, executed: Mapping[str, Path], fill: Callable[[Path], None] = lambda pages: None
) -> None:
    """Copy the book's sources to ``site``, with the executed notebooks in the place of the chapters, the page of
    costs filled and the project's address in it; ``fill`` as for ``c2f.book.build.build``.

    Raises:
        BookError: a figure without an alternative text, or two figures in one cell; all of them.
        ValueError: an address in ``_config.yml`` that will not do.
        c2f.runs.record.RecordError: the record of costs will not do.
    """
    import yaml

    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    address = read_site(root / "_config.yml")
    shutil.copy(root / "_toc.yml", site)
    settings = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    write_text(site / "_config.yml", yaml.safe_dump(with_links(settings, address), sort_keys=False))
    shutil.copytree(root / "book", site / "book", ignore=shutil.ignore_patterns(*PASSED_OVER))
    if (site / "book" / "what-it-costs.md").exists():
        from c2f.book import costs  # brings torch, for which a book that has not changed need not wait

        costs.fill(site / "book")
    fill(site / "book")
    index = site / "book" / "index.md"
    write_text(index, name_project(index.read_text(encoding="utf-8"), address))
    problems: list[str] = []
    all_chapters = [chapter for chapter in chapters(root / "book") if chapter.name in executed]
    cards = read_cards(root / "book", chapters(root / "book"))
    works = read_works(root / "book" / "references.bib")
    (site / _DOWNLOADS).mkdir()
    for chapter in all_chapters:
        name = chapter.name
        notebook = json.loads(executed[name].read_text(encoding="utf-8"))
        show_what_they_print(notebook, notebook["metadata"]["c2f"].get("solutions", {}))
        write_text(site / _DOWNLOADS / f"{name}.ipynb", json.dumps(plain(notebook, works, address)))
        put_in(notebook, head(chapter, all_chapters, cards[chapter.number], notebook), foot(notebook))
        for key in ("papermill", "c2f"):  # the page would show them
            notebook["metadata"].pop(key, None)
        for number, cell in enumerate(notebook["cells"], start=1):
            cell["metadata"].pop("papermill", None)
            problem = _carry_words(cell, f"figure-{name[:2]}-{number}")
            if problem:
                problems.append(f"{name}, cell {number} ({source(cell).strip().splitlines()[-1]}): {problem}")
        write_text(site / "book" / f"{name}.ipynb", json.dumps(notebook))
    if problems:
        raise BookError("\n".join(problems))


def _carry_words(cell: dict[str, Any], name: str) -> str | None:
    """Copy the alternative text and the caption of a cell's picture to the cell, where myst-nb looks for them; return
    what is wrong with them. ``name`` is what links to the figure call it.
    """
    outputs = cell.get("outputs", [])
    pictures = [o for o in outputs if any(m.startswith("image/") for m in o.get("data", {}))]
    captions = [o for o in outputs if o.get("metadata", {}).get(CAPTION)]
    if not pictures:
        return None
    if len(pictures) > 1:
        return f"shows {len(pictures)} figures; give each a cell of its own"
    cell["outputs"] = [o for o in outputs if o not in captions]
    words = [entry for entry in pictures[0].get("metadata", {}).values() if isinstance(entry, dict)]
    options = cell["metadata"].setdefault("mystnb", {})
    image = options.setdefault("image", {})
    image["alt"] = next((entry["alt"] for entry in words if entry.get("alt")), image.get("alt", ""))
    if any(entry.get("chart") for entry in words):
        image["classes"] = "chart"
    if not image["alt"]:
        return "shows a figure without an alternative text; end it with c2f.plotting.figures.show(figure, alt, caption)"
    if problem := alt_problem(image["alt"]):
        return problem
    if not captions:
        return "shows a figure without a caption; end it with c2f.plotting.figures.show(figure, alt, caption)"
    caption = captions[0]["data"]["text/markdown"]
    options["figure"] = {"caption": caption if isinstance(caption, str) else "".join(caption), "name": name}
    return None


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
    built = work / "_build" / "html"
    finish(built, read_site(site / "_config.yml").book)
    live.put_into(built, site / "book" / "live")
    for notebook in (site / _DOWNLOADS).glob("*.ipynb"):
        shutil.copy(notebook, built / "_sources" / "book")
    html = folder / "html"
    shutil.rmtree(html, ignore_errors=True)
    os.replace(built, html)
    shutil.rmtree(work)
    return html


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def goes_in(root: Path, executed: Mapping[str, Path]) -> str:
    """Return a digest of all that goes into the HTML: the book's sources, the ``executed`` chapters, the package, which
    the API pages show, and the version of everything installed.
    """
    sources = [checksums(root / "book", without=PASSED_OVER), *(sha256(root / name) for name in SETTINGS)]
    notebooks = {name: sha256(path) for name, path in executed.items()}
    engine = vendor.there()  # without it some demonstrations are figures
    installed = sorted(f"{one.name} {one.version}" for one in metadata.distributions())
    return _digest(sources, notebooks, checksums(PACKAGE, "*.py"), sys.version, installed, engine)


def unchanged(folder: Path, digest: str) -> Report | None:
    """Return what was found in ``folder/html`` if it is, to the last byte, what was built of what has this ``digest``
    (``goes_in``); None where anything has changed, the HTML itself among it.
    """
    try:
        kept = json.loads((folder / "html.json").read_text(encoding="utf-8"))
        report = Report(**{**kept["report"], "problems": ()})
        return report if kept["state"] == [digest, _digest(checksums(folder / "html"))] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(folder: Path, digest: str, report: Report) -> None:
    state = [digest, _digest(checksums(folder / "html"))]
    write_text(folder / "html.json", json.dumps({"state": state, "report": asdict(report)}, indent=1))
