"""Verifying a chapter: run again as it was run, does it say the same?

Compared is what a reader reads, cell by cell: printed text, tables, findings, alternative texts and captions of
figures, and what the exercises' solutions print. The pictures themselves are not: their bytes change with the version
of what draws them, and their texts hold their numbers.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from c2f.book.chapters import Chapter, source, tags
from c2f.book.execute import require, run
from c2f.book.profiles import QUICK
from c2f.book.site import INSTALL

TOLERANCE = 0.01
"""By how much of the larger one two numbers may differ that count as near."""
_NUMBER = re.compile(r"(?<![\w.])[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
_ADDED = {INSTALL, "injected-parameters"}


class Verdict(StrEnum):
    """How a cell compares."""

    SAME = "the same to the last character"
    NEAR = "with numbers within the tolerance"
    DIFFERENT = "different"


@dataclass(frozen=True)
class CellComparison:
    """One cell's comparison.

    Attributes:
        cell: its first line of code, with its number among the code cells, from 1; a solution's label.
        verdict: how it compares.
        before: the first line that differs, as it was; empty where none does.
        after: the same line as it is now.
    """

    cell: str
    verdict: Verdict
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Verification:
    """A chapter that was run again: what of it says the same; only cells that say anything count."""

    chapter: str
    output: Path
    cells: tuple[CellComparison, ...]

    @property
    def same(self) -> bool:
        """Whether no cell is different."""
        return all(cell.verdict is not Verdict.DIFFERENT for cell in self.cells)

    def __str__(self) -> str:
        counts = Counter(cell.verdict for cell in self.cells)
        told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
        return f"{self.chapter}: {len(self.cells)} cells and solutions that say something: {told or 'none'}"


def executed_notebook(chapter: Chapter, profile: str = QUICK) -> Path:
    """Return the executed notebook of ``chapter`` that the book's last build in ``profile`` keeps.

    Raises:
        FileNotFoundError: there is none.
    """
    folder = chapter.path.parent / "_build" / Path(profile).stem / "executed"
    found = [p for p in sorted(folder.glob(f"{chapter.name}.*.ipynb")) if not p.name.endswith(".failed.ipynb")]
    if not found:
        raise FileNotFoundError(
            f"no executed {chapter.name} is in {folder}: make it with 'c2f book --profile {profile}', or name an "
            "executed notebook with --notebook"
        )
    return found[0]


def verify(chapter: Chapter, executed: Path, output: Path, tolerance: float = TOLERANCE) -> Verification:
    """Run ``chapter`` as ``executed`` was run, with its parameters and threads, and compare what it says.

    Args:
        chapter: as it is now.
        executed: its executed notebook, of a run, of the book or from a page's download button.
        output: where the new one goes.
        tolerance: by how much of the larger one two numbers may differ.

    Raises:
        ValueError: ``executed`` is no executed notebook of this chapter, or of one with other code; before anything
            runs. Or a parameter that the chapter no longer takes, as ``c2f.book.execute.run`` has it.
        ChapterError: the chapter did not run to its end.
    """
    if not (math.isfinite(tolerance) and 0 <= tolerance < 1):
        raise ValueError(f"the tolerance must be 0 or more and below 1, not {tolerance}")
    before = _read(executed)
    how = before["metadata"]["c2f"]
    if how["chapter"] != chapter.name:
        raise ValueError(f"{executed} is an execution of {how['chapter']}, not of {chapter.name}")
    if not how["ended"]:
        raise ValueError(f"{executed} did not run to its end, so that there is nothing to compare with")
    if output.resolve() == executed.resolve():
        raise ValueError(f"{output} is the notebook to compare with; choose another place for the new one")
    _same_code(executed, before, chapter)
    solve = bool(how.get("solutions"))
    run(chapter, how["parameters"], QUICK, output, threads=how["threads"] or None, solve=solve)
    return compare(before, _read(output), chapter.name, output, tolerance)


def _read(path: Path) -> dict[str, Any]:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        missing = {"chapter", "parameters", "ended", "threads"} - set(notebook["metadata"]["c2f"])
        notebook["cells"][:0]
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no notebook {path}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no notebook that c2f has executed: {error!r}") from error
    if missing:
        raise ValueError(f"{path} does not say how it was executed: its metadata lack {', '.join(sorted(missing))}")
    return notebook


def _code(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and not _ADDED & set(tags(c))]


def _same_code(executed: Path, before: Mapping[str, Any], chapter: Chapter) -> None:
    old, new = ([source(cell) for cell in _code(one)] for one in (before, chapter.notebook()))
    changed = [n for n, (one, other) in enumerate(zip(old, new, strict=False), start=1) if one != other]
    if len(old) != len(new) or changed:
        where = (
            f"code cell {changed[0]}" if changed else f"its number of code cells, {len(old)} then and {len(new)} now"
        )
        raise ValueError(
            f"{chapter.name} has changed since {executed} was executed, first in {where}: "
            "run it anew with 'c2f book' or 'c2f run'"
        )


def compare(
    before: Mapping[str, Any], after: Mapping[str, Any], chapter: str, output: Path, tolerance: float = TOLERANCE
) -> Verification:
    """Compare two executions of the same code; as ``verify`` has it."""
    cells = [
        _compared(f"[{number}] {_first_line(cell)}", _words(cell), _words(again), tolerance)
        for number, (cell, again) in enumerate(zip(_code(before), _code(after), strict=True), start=1)
    ]
    said, says = (one["metadata"]["c2f"].get("solutions", {}) for one in (before, after))
    cells += [_compared(label, said.get(label, ""), says.get(label, ""), tolerance) for label in {**said, **says}]
    return Verification(chapter, output, tuple(cell for cell in cells if cell is not None))


def _compared(name: str, before: str, after: str, tolerance: float) -> CellComparison | None:
    if not before and not after:
        return None
    if before == after:
        return CellComparison(name, Verdict.SAME)
    lines = [(one, other) for one, other in _pairs(before, after) if one != other]
    verdict = Verdict.NEAR if all(_near(*pair, tolerance) for pair in lines) else Verdict.DIFFERENT
    shown = next(pair for pair in lines if verdict is Verdict.NEAR or not _near(*pair, tolerance))
    return CellComparison(name, verdict, *shown)


def _pairs(before: str, after: str) -> Iterator[tuple[str, str]]:
    one, other = before.splitlines(), after.splitlines()
    longest = max(len(one), len(other))
    yield from zip(one + [""] * (longest - len(one)), other + [""] * (longest - len(other)), strict=True)


def _near(before: str, after: str, tolerance: float) -> bool:
    """Whether two lines differ in numbers alone, and in these by no more than ``tolerance`` of the larger one."""
    if " ".join(_NUMBER.sub("#", before).split()) != " ".join(_NUMBER.sub("#", after).split()):
        return False
    numbers = zip(_NUMBER.findall(before), _NUMBER.findall(after), strict=True)
    return all(math.isclose(_value(a), _value(b), rel_tol=tolerance, abs_tol=1e-9) for a, b in numbers)


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("−", "-"))


def _words(cell: Mapping[str, Any]) -> str:
    """Return what a reader reads of a cell's outputs; not what went to stderr, which progress goes to."""
    outputs = cell.get("outputs", [])
    printed = [o for o in outputs if o["output_type"] == "stream" and o["name"] == "stdout"]
    parts = ["".join(_text(output["text"]) for output in printed)]  # which a kernel sends in pieces as it likes
    for output in outputs:
        if output["output_type"] == "error":
            parts.append(f"{output['ename']}: {output['evalue']}")
        elif output["output_type"] != "stream":
            data = output.get("data", {})
            kind = next((kind for kind in ("text/html", "text/markdown", "text/plain") if kind in data), None)
            if kind:
                parts.append(_rows(_text(data[kind])) if kind == "text/html" else _text(data[kind]))
    return _ADDRESS.sub("0x...", "\n".join(parts)).strip()


def _rows(html: str) -> str:
    """Return the rows of a table, a line each, without the style, whose names are drawn anew in each run."""
    soup = require("bs4").BeautifulSoup(html, "html.parser")
    for style in soup.find_all("style"):
        style.decompose()
    rows = [" | ".join(c.get_text(" ", strip=True) for c in row.find_all(["th", "td"])) for row in soup.find_all("tr")]
    return "\n".join(rows) if rows else soup.get_text(" ", strip=True)


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _first_line(cell: Mapping[str, Any]) -> str:
    return next((line.strip() for line in source(cell).splitlines() if line.strip()), "an empty cell")
