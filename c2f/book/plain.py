"""Executed chapters for plain Jupyter: the book's own Markdown said in words that every notebook viewer knows.

The page's download button gives these. What Sphinx makes of the book's directives (boxes, exercises, folded solutions,
citations, terms) becomes quotations, headings, details elements and names with years.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from c2f.book.chapters import source
from c2f.book.site import Site, install_cell

_DIRECTIVE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{(?P<kind>[a-z-]+)\}[ ]*(?P<title>.*)\n(?P<options>(?::[\w-]+:.*\n)*)"
    r"(?P<body>(?:.*\n)*?)(?P=fence)[ ]*$",
    re.MULTILINE,
)
_CITE = re.compile(r"\{cite(?P<how>:[a-z]+)?\}`(?P<keys>[^`]+)`")
_ROLE = re.compile(r"\{(?:term|ref|doc|numref|data)\}`(?:(?P<text>[^`<]+?)[ ]*<[^`>]*>|(?P<plain>[^`]+))`")
_PUBLISHED_IN = ("booktitle", "journal", "howpublished", "publisher")


@dataclass(frozen=True)
class Work:
    """A cited work: the authors' family names, the year, and the whole of it in a line."""

    authors: tuple[str, ...]
    year: str
    line: str

    def __str__(self) -> str:
        names = self.authors
        who = names[0] if len(names) == 1 else " and ".join(names) if len(names) == 2 else f"{names[0]} et al."
        return f"{who}, {self.year}"


def read_works(bibliography: Path) -> dict[str, Work]:
    """Return the works of a BibTeX file by their keys."""
    from pybtex.database import parse_file

    works = {}
    for key, entry in parse_file(str(bibliography)).entries.items():
        persons = entry.persons.get("author", [])
        names = tuple(_clean(" ".join([*person.prelast_names, *person.last_names])) for person in persons)
        fields = {name: _clean(value) for name, value in entry.fields.items()}
        where = next(
            (fields[name] for name in ("booktitle", "journal", "howpublished", "publisher") if name in fields), ""
        )
        parts = [", ".join(names), fields["title"], where, fields.get("year", "")]
        works[key] = Work(
            names or (key,), fields.get("year", "undated"), ". ".join(part for part in parts if part) + "."
        )
    return works


def plain(notebook: Mapping[str, Any], works: Mapping[str, Work], site: Site | None = None) -> dict[str, Any]:
    """Return a copy of ``notebook`` whose Markdown any viewer can show, and which installs what it needs.

    Args:
        notebook: a chapter.
        works: what it cites, by key.
        site: where the package is fetched from, in a cell behind the first, which does nothing where the package is
            there; without an address there is no such cell.

    Raises:
        KeyError: a work that is cited and is not among ``works``.
    """
    copy = deepcopy(dict(notebook))
    cited = {
        key.strip(): None
        for cell in copy["cells"]
        if cell["cell_type"] == "markdown"
        for found in _CITE.finditer(source(cell))
        for key in found["keys"].split(",")
    }
    listed = "\n".join(f"- {work.line}" for work in sorted((works[key] for key in cited), key=lambda work: work.line))
    for cell in copy["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = _plain_text(source(cell), works, listed)
    install = install_cell(site or Site())
    if install:
        copy["cells"].insert(1, install)
    return copy


def _plain_text(text: str, works: Mapping[str, Work], listed: str) -> str:
    def directive(found: re.Match[str]) -> str:
        kind, title, body = found["kind"], found["title"].strip(), found["body"].strip("\n")
        if kind == "bibliography":
            return listed
        if kind == "index":  # entries of the book's index: nothing to read
            return ""
        if kind == "exercise":
            return f"**Exercise: {title}**\n\n{body}"
        if kind == "solution":
            return f"<details><summary>Solution</summary>\n\n{body}\n\n</details>"
        quoted = "\n".join(f"> {line}".rstrip() for line in body.splitlines())
        return f"> **{title}**\n>\n{quoted}"

    def cite(found: re.Match[str]) -> str:
        named = "; ".join(str(works[key.strip()]) for key in found["keys"].split(","))
        return named if found["how"] == ":t" else f"({named})"

    text = _DIRECTIVE.sub(directive, text + "\n").removesuffix("\n")
    return _ROLE.sub(lambda found: found["text"] or found["plain"], _CITE.sub(cite, text))


def _clean(latex: str) -> str:
    if "\\" not in latex:
        return latex.replace("{", "").replace("}", "")
    from pybtex.richtext import Text  # which takes its time

    return str(Text.from_latex(latex).render_as("text"))
