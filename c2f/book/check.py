"""Looking over a built book: every page there, every figure in words, every link and picture found, no
errors shown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from c2f.plotting.figures import alt_problem

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

_SHOWN_ERRORS = {
    "div.output.traceback": "shows an exception",
    "div.output.stderr": "shows something written to stderr",
    ".system-message": "shows a message of the build",
}
_WORD_OF_CODE = re.compile(r'<span class="\w{1,3}">([^<]*)</span>')
"""A word in its colour: two thirds of all elements of the pages, and nothing in them is looked at."""
_LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


@dataclass(frozen=True)
class Report:
    """What was found: how many pages, figures and local links were looked at, and what is wrong, a line
    each."""

    pages: int
    figures: int
    links: int
    problems: tuple[str, ...]


def toc_pages(toc: Path) -> list[str]:
    """Return the pages that the table of contents names, without their endings, in order."""
    import yaml

    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            found.extend(str(node[key]) for key in ("root", "file") if key in node)
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(yaml.safe_load(toc.read_text(encoding="utf-8")))
    return [page.removesuffix(".md").removesuffix(".ipynb") for page in found]


def look_over(html: Path, toc: Path, chapters: Sequence[str]) -> Report:
    """Look over the book in the folder ``html``.

    Asserts that every page of ``toc`` is there and every chapter in ``toc``; that each of ``chapters``
    (pages, as ``toc`` names them) shows a figure or more, each with an alternative text that says something;
    that no page shows an exception, something written to stderr or a message of the build; that every local
    link, anchor and picture is there; and that no page loads anything from a network.
    """
    from bs4 import BeautifulSoup

    pages = toc_pages(toc)
    problems = [f"{page}: a chapter that {toc.name} does not name" for page in chapters if page not in pages]
    soups: dict[Path, BeautifulSoup] = {}
    for path in sorted(html.rglob("*.html")):
        if "_static" not in path.relative_to(html).parts:
            page = _WORD_OF_CODE.sub(r"\1", path.read_text(encoding="utf-8"))
            soups[path.resolve()] = BeautifulSoup(page, "html.parser")
    figures = links = 0
    for page in pages:
        path = (html / f"{page}.html").resolve()
        if path not in soups:
            problems.append(f"{page}: the page is not there")
            continue
        shown = soups[path].select("div.cell_output img")
        figures += len(shown)
        if page in chapters and not shown:
            problems.append(f"{page}: a chapter without a figure")
        for image in shown:
            problem = alt_problem(str(image.get("alt") or ""))
            if problem:
                problems.append(f"{page}: {problem} ({image.get('src')})")
    ids = {path: {str(tag["id"]) for tag in soup.select("[id]")} for path, soup in soups.items()}
    for path, soup in soups.items():
        name = path.relative_to(html.resolve()).with_suffix("").as_posix()
        for selector, what in _SHOWN_ERRORS.items():
            problems += [f"{name}: {what}: {_begin(tag.get_text())}" for tag in soup.select(selector)]
        problems += [
            f"{name}: shows an exception: {_begin(tag.get_text())}"
            for tag in soup.select("div.cell_output")
            if "Traceback (most recent call last)" in tag.get_text() and not tag.select("div.output.traceback")
        ]
        problems += [f"{name}: loads {address} from a network" for address in _from_network(soup)]
        local = _local_links(soup)
        links += len(local)
        problems += [f"{name}: {address} {why}" for address in local if (why := _broken(address, path, ids))]
    return Report(len(soups), figures, links, tuple(problems))


def _begin(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()[:120]


def _from_network(soup: "BeautifulSoup") -> list[str]:
    found = []
    for tag, attribute in _LOADED.items():
        for element in soup.find_all(tag):
            address = str(element.get(attribute) or "")
            if element.name == "link" and "canonical" in (element.get("rel") or []):
                continue
            if address.startswith(("http:", "https:", "//")):
                found.append(address)
    return found


def _local_links(soup: "BeautifulSoup") -> list[str]:
    addresses = [str(tag["href"]) for tag in soup.select("a[href], link[href]")]
    addresses += [str(tag["src"]) for tag in soup.select("img[src], script[src]")]
    return sorted({a for a in addresses if a and a != "#" and not urlsplit(a).scheme and not a.startswith("//")})


def _broken(address: str, page: Path, ids: dict[Path, set[str]]) -> str | None:
    parts = urlsplit(address)
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return "leads nowhere"
    if parts.fragment and target in ids and unquote(parts.fragment) not in ids[target]:
        return "leads to an anchor that is not there"
    return None
