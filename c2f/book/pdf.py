"""The book in one PDF: its pages, one behind the other, printed by the system's Chromium.

What the PDF holds is what the HTML holds, captions and numbers of figures among it, with folded code and solutions
unfolded and links between pages leading to each other. The pages of the package are left out.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from c2f.book.check import toc_pages
from c2f.book.execute import require
from c2f.book.pages import BookError
from c2f.common.files import write_text

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_LEFT_OUT = "/api/"
_ALL = "book.print.html"
_SECONDS, _VIRTUAL_SECONDS = 1800, 60
"""Of the clock at most, and of the page's own time, in which the formulas are drawn."""
_STYLE = """
@page { size: A4; margin: 18mm 16mm 16mm; @bottom-center { content: counter(page); font: 9pt sans-serif; } }
html, body { background: #fff; font-size: 10.5pt; }
article.bd-article { padding: 0; max-width: none; break-before: page; }
article.bd-article:first-of-type { break-before: auto; }
.bd-article table { font-size: 0.78rem; }
.bd-article table.dataframe th, .bd-article table.dataframe td { padding: 0.15rem 0.35rem; }
.bd-article pre { font-size: 0.78rem; }
.bd-article h1 { font-size: 1.9rem; } .bd-article h2 { font-size: 1.4rem; } .bd-article h3 { font-size: 1.15rem; }
.bd-article h1::after, .bd-article details.hide > summary { display: none !important; }
.bd-article table.dataframe { border: 0; }
"""


def browser() -> str:
    """Return the path of the system's Chromium.

    Raises:
        FileNotFoundError: there is none; with the remedy.
    """
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise FileNotFoundError(
            "the PDF is printed by Chromium, and there is none here: apt install chromium (or Google Chrome); "
            "the HTML needs none"
        )
    return found


def make_pdf(html: Path, toc: Path, output: Path) -> int:
    """Print the book in the folder ``html``, its pages in the order of ``toc``, to ``output``; return its bytes.

    The PDF that was there stays until the new one is whole.

    Raises:
        FileNotFoundError: there is no Chromium.
        BookError: a page is not there, or Chromium failed; with its last words.
    """
    chromium = browser()
    pages = [page for page in toc_pages(toc) if _LEFT_OUT not in f"/{page}"]
    whole = html / _ALL
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.stem}.{os.getpid()}.pdf")
    try:
        write_text(whole, one_page(html, pages))
        with tempfile.TemporaryDirectory() as profile:
            done = subprocess.run(
                [
                    chromium,
                    "--headless",
                    "--no-sandbox",  # pages of our own, and Chromium has none as root
                    f"--user-data-dir={profile}",
                    "--allow-file-access-from-files",
                    f"--virtual-time-budget={_VIRTUAL_SECONDS * 1000}",
                    "--no-pdf-header-footer",
                    "--generate-pdf-document-outline",
                    f"--print-to-pdf={partial.resolve()}",
                    whole.resolve().as_uri(),
                ],
                capture_output=True,
                text=True,
                timeout=_SECONDS,
            )
        if done.returncode or not partial.is_file() or not partial.read_bytes().startswith(b"%PDF"):
            raise BookError(
                f"{chromium} could not print the book: {done.stderr.strip()[-500:] or 'it does not say why'}"
            )
        os.replace(partial, output)
    except subprocess.TimeoutExpired:
        raise BookError(f"{chromium} has not printed the book within {_SECONDS} seconds") from None
    finally:
        whole.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)
    return output.stat().st_size


def one_page(html: Path, pages: Sequence[str]) -> str:
    """Return the HTML of ``pages`` as one, to be laid in the folder ``html``: their articles, and what draws these.

    Raises:
        BookError: a page is not there.
    """
    names = {page: f"page-{number}" for number, page in enumerate(pages)}
    soups = {page: _read(html / f"{page}.html") for page in pages}
    heads = [soups[page].head for page in pages]
    styles = {str(link["href"]): None for head in heads if head for link in head.select("link[rel=stylesheet]")}
    sheets = "".join(f'<link rel="stylesheet" href="{href.replace("../", "")}"/>' for href in styles)
    scripts = next((drawn for head in heads if head and (drawn := _formulas(head))), "")
    articles = []
    for page in pages:
        article = soups[page].select_one("article.bd-article")
        if article is None:
            raise BookError(f"{page}: a page without an article")
        _prepare(article, page, html, names)
        articles.append(str(article))
    title = "<title>Coarse to Fine</title>"
    light = 'lang="en" data-theme="light" data-mode="light"'
    head = f'<meta charset="utf-8"/>{title}{sheets}<style>{_STYLE}</style>{scripts}'
    return f"<!DOCTYPE html><html {light}><head>{head}</head><body>{''.join(articles)}</body></html>"


def _read(path: Path) -> "BeautifulSoup":
    try:
        return require("bs4").BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    except FileNotFoundError:
        raise BookError(f"{path} is not there: build the book first, with 'c2f book'") from None


def _formulas(head: "Tag") -> str:
    """Return the scripts that draw formulas; empty where the page has none."""
    scripts = [s for s in head.find_all("script") if "MathJax" in str(s.string or "") or "mathjax" in str(s.get("src"))]
    return "".join(str(script).replace("../", "") for script in scripts) if len(scripts) > 1 else ""


def _prepare(article: "Tag", page: str, html: Path, names: Mapping[str, str]) -> None:
    """Unfold what is folded, load pictures from where they are, and lead links to where the pages are now."""
    for details in article.find_all("details"):
        details["open"] = ""
    for image in article.find_all("img"):
        image["src"] = os.path.relpath(html / Path(page).parent / str(image["src"]), html)
        del image["loading"]
    for link in article.select("a.full-size"):
        link.unwrap()
    for tag in article.select("[id]"):
        tag["id"] = f"{names[page]}--{tag['id']}"
    for link in article.select("a[href]"):
        parts = urlsplit(str(link["href"]))
        if parts.scheme:
            continue
        target = os.path.normpath(Path(page).parent / unquote(parts.path)) if parts.path else f"{page}.html"
        name = names.get(re.sub(r"\.html$", "", target))
        if name is None:
            link.unwrap()
        else:
            link["href"] = f"#{name}--{parts.fragment}" if parts.fragment else f"#{name}"
    article["id"] = names[page]
