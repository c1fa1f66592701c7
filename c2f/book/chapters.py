"""The book's chapters and their strict parameters.

A chapter is a notebook ``book/NN-name.ipynb``. Its parameters are the assignments of its one cell tagged
``parameters``: simple typed literals, each with a comment that says what it may be and what it is. papermill itself
lets a misspelt parameter pass, and YAML reads ``1e-4`` as a string; here both are met before any work is done.

This module is light (no torch), so that a notebook can call ``check_parameters`` first of all.
"""

import ast
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from c2f.book.parameters import COUNTED, Mismatch, Parameter, convert, declared
from c2f.common import plain_yaml
from c2f.common.checks import did_you_mean
from c2f.common.files import check_writable

ROOT = Path(__file__).resolve().parents[2]
"""The project's top folder."""
BOOK = ROOT / "book"
"""The folder of the chapters."""
PACKAGE = ROOT / "c2f"
"""The folder of the package."""

_FILE_NAME = re.compile(r"\d\d-[a-z0-9-]+\.ipynb")


class ParameterError(ValueError):
    """A parameter that is unknown, missing, of another type or out of range, or a chapter that declares its own
    badly."""


@dataclass(frozen=True)
class Chapter:
    """A chapter of the book: the notebook at ``path``."""

    path: Path

    @property
    def name(self) -> str:
        """The file name without its ending, e.g. ``"02-bottom-up-against-top-down"``."""
        return self.path.stem

    @property
    def number(self) -> str:
        """The two digits in front."""
        return self.name[:2]

    def notebook(self) -> dict[str, Any]:
        """Read the notebook as plain JSON.

        Raises:
            ValueError: the file is no notebook.
        """
        try:
            notebook = json.loads(self.path.read_text(encoding="utf-8"))
            notebook["cells"][:0]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.path} is not a Jupyter notebook: {error}") from error
        return notebook

    @property
    def title(self) -> str:
        """The notebook's first heading, or its name where there is none."""
        for cell in self.notebook()["cells"]:
            heading = re.search(r"^# +(.+)$", source(cell), re.MULTILINE)
            if cell["cell_type"] == "markdown" and heading:
                return heading[1].strip()
        return self.name


def source(cell: Mapping[str, Any]) -> str:
    """Return the text of a notebook cell, which files keep as one string or as a list of lines."""
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def tags(cell: Mapping[str, Any]) -> list[str]:
    """Return the tags of a notebook cell."""
    return list(cell.get("metadata", {}).get("tags", []))


def chapters(book: Path = BOOK) -> list[Chapter]:
    """Return the chapters in the order of their numbers.

    Raises:
        FileNotFoundError: the folder ``book`` is not there.
        ValueError: two chapters with one number.
    """
    if not Path(book).is_dir():
        raise FileNotFoundError(
            f"the book's chapters are not in {book}: clone the project and install it with 'pip install -e .'"
        )
    found = [Chapter(path) for path in sorted(Path(book).glob("*.ipynb")) if _FILE_NAME.fullmatch(path.name)]
    for one, other in itertools.pairwise(found):
        if one.number == other.number:
            raise ValueError(
                f"{one.path.name} and {other.path.name} have the same number; "
                f"give one another, or move it out of {book}"
            )
    return found


def find(name: str, book: Path = BOOK) -> Chapter:
    """Return the chapter called ``name``: its file name with or without ``.ipynb``, its number alone, or its path.

    Raises:
        ValueError: there is none, with the nearest one and all of them; or a path that is not a chapter's.
    """
    wanted = Path(name).name.removesuffix(".ipynb")
    all_chapters = chapters(book)
    for chapter in all_chapters:
        if wanted in (chapter.name, chapter.number, chapter.number.lstrip("0")):
            path = Path(name).with_name(f"{wanted}.ipynb")
            if (os.path.dirname(name) or path.exists()) and path.resolve() != chapter.path.resolve():
                raise ValueError(f"{name!r} is not the book's chapter {chapter.name}: that is {chapter.path}")
            return chapter
    names = [chapter.name for chapter in all_chapters]
    # "botom-up" is nearer to "02-bottom-up" when both are seen without the number
    bare = {n[3:]: n for n in names}
    near = did_you_mean(wanted, names) or did_you_mean(wanted, bare)
    for short, full in bare.items():
        near = near.replace(f"'{short}'", f"'{full}'")
    raise ValueError(f"unknown chapter {name!r}{near}\nThere are: {', '.join(names) or 'none yet'}")


def parameters(chapter: Chapter) -> dict[str, Parameter]:
    """Return the parameters that ``chapter`` declares, in their order.

    Raises:
        ParameterError: no cell, or more than one, is tagged ``parameters``, or it holds something other than
            simple typed literals with a comment each; the message names cell and line.
    """
    cells = chapter.notebook()["cells"]
    tagged = [i for i, cell in enumerate(cells) if "parameters" in tags(cell)]
    if len(tagged) != 1:
        raise ParameterError(
            f"{chapter.name} has {len(tagged)} cells tagged 'parameters', and must have one: "
            "tag the code cell that holds them (in Jupyter: Property Inspector, Cell Tags)"
        )
    where = f"{chapter.name}, cell {tagged[0] + 1}"
    if cells[tagged[0]]["cell_type"] != "code":
        raise ParameterError(f"{where}: the cell tagged 'parameters' must be a code cell")
    try:
        return declared(source(cells[tagged[0]]))
    except ValueError as error:
        raise ParameterError(f"{where}, {error}") from error


def check(chapter: Chapter, given: Mapping[str, object], *, complete: bool = False, where: str = "") -> dict[str, Any]:
    """Return ``given`` with every value in its declared type, e.g. the string ``"1e-4"`` as the float 0.0001.

    Args:
        chapter: whose parameters they are.
        given: values by name; none needs be there unless ``complete``.
        complete: whether every parameter must be given.
        where: what the message starts with, e.g. the file that the values come from; the chapter's name
            unless given.

    Raises:
        ParameterError: a parameter that is unknown, missing, ill-typed or out of range; all that is wrong, a line each.
            A range that names another parameter is looked at where both are given, and so is a data set that one does.
    """
    known = parameters(chapter)
    good: dict[str, Any] = {}
    wrong: list[str] = []
    for name, value in given.items():
        if name not in known:
            listed = ", ".join(known) or "none"
            near = did_you_mean(str(name), known)
            wrong.append(f"unknown parameter {str(name)!r}{near}\n    There are: {listed}")
            continue
        try:
            good[name] = convert(value, known[name].type)
        except Mismatch as mismatch:
            wrong.append(f"parameter {name!r} {mismatch} ({known[name].comment})")
    for name, value in good.items():
        try:
            known[name].check_range(value, good | _counted(known[name], good))
        except Mismatch as mismatch:
            wrong.append(f"parameter {name!r} {mismatch} ({known[name].comment})")
        except (ValueError, FileNotFoundError) as error:
            wrong.append(f"parameter {name!r} counts pictures of what is no data set: {error}")
    if complete:
        for name in [n for n in known if n not in given]:
            wrong.append(f"parameter {name!r} is missing; its default is {known[name].default!r}")
    if wrong:
        raise ParameterError("\n".join(f"{where or chapter.name}: {line}" for line in wrong))
    return good


def _counted(parameter: Parameter, given: Mapping[str, Any]) -> dict[str, int]:
    """Return the limits of ``parameter`` that are counted in a data set which ``given`` names, with their numbers."""
    found = {}
    for _, limit in parameter.limits:
        counted = COUNTED.fullmatch(limit)
        if counted and counted["data"] in given:
            from c2f.datasets import test_size  # brings torch along, which the other ranges do without

            size = test_size(given[counted["data"]])
            found[limit] = size // 4 if counted["what"] == "meshes" else size
    return found


def from_text(chapter: Chapter, assignments: Iterable[str]) -> dict[str, Any]:
    """Return the checked parameters of the command line's ``name=value`` texts.

    A string is taken as it stands, everything else is read as YAML: ``epochs=3``, ``lr=1e-4``, ``seeds=[0,
    1]``.

    Raises:
        ParameterError: a text without ``=``, one name twice, or what ``check`` refuses.
    """
    import yaml

    known = parameters(chapter)
    given: dict[str, object] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ParameterError(
                f"{chapter.name}: a parameter is given as name=value, not {text!r}; e.g. {_example(known)}"
            )
        if name in given:
            raise ParameterError(f"{chapter.name}: parameter {name!r} is given twice")
        kind = known[name].type if name in known else ""
        if kind.startswith("str"):
            given[name] = value
            continue
        try:
            given[name] = plain_yaml.load(value)
        except yaml.YAMLError:
            given[name] = value
    return check(chapter, given)


def _example(known: Mapping[str, Parameter]) -> str:
    for parameter in known.values():
        return f"{parameter.name}={parameter.default}"
    return "(the chapter has no parameters)"


def check_parameters(name: str, namespace: MutableMapping[str, Any], book: Path = BOOK) -> None:
    """Check, inside a running chapter, what papermill or the reader has set; the cell after the parameters
    calls it::

        from c2f.book.chapters import check_parameters
        check_parameters("01-seeing-coarse-to-fine", globals())

    papermill puts a cell that begins with ``# Parameters`` after the declared ones. The names are read from
    the cells that have run (IPython's ``In``), not from the globals, so that running the cell again later is
    harmless. A value such as ``"1e-4"`` is put into its declared type in ``namespace``.

    A notebook that runs in ``book``, as JupyterLab has it, goes on in the folder above, where the commands of the
    README are given and leave their results. torch, which is loaded later, takes the cores that other work leaves
    (``c2f.common.cores``).

    Raises:
        ParameterError: a parameter that is unknown, missing, ill-typed or out of range, or an ``output`` that cannot be
            written to.
    """
    from c2f.common.cores import use_spare_cores

    chapter = find(name, book)
    known = parameters(chapter)
    given: dict[str, object] = {n: namespace[n] for n in known if n in namespace}
    for text in namespace.get("In", []):
        if text.startswith("# Parameters\n"):
            given.update({n: namespace.get(n) for n in _assigned(text) if n not in known})
    missing = [n for n in known if n not in given]
    if missing:
        raise ParameterError(f"{name}: {', '.join(missing)} not set; run the parameters cell above first")
    namespace.update(check(chapter, given))
    if Path.cwd() == Path(book).resolve():
        os.chdir("..")
    use_spare_cores()
    if "output" in known:
        try:
            check_writable(Path(namespace["output"]))
        except OSError as error:
            raise ParameterError(f"{name}: parameter 'output' is no folder that can be written to: {error}") from error


def _assigned(text: str) -> list[str]:
    try:
        statements = ast.parse(text).body
    except SyntaxError:
        return []
    targets = [t for s in statements if isinstance(s, ast.Assign) for t in s.targets]
    return [t.id for t in targets if isinstance(t, ast.Name)]
