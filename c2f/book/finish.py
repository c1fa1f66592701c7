"""What the theme leaves undone in the built pages: names for buttons, landmarks, pictures in full size, small icons.

Sphinx, Jupyter Book and their theme make the pages. Here each page is read once more and mended, by one function a
fault, so that a reader with a screen reader, a phone or a slow line gets the same book.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from c2f.book.shipping import icons, ship_what_is_loaded
from c2f.common.files import write_text

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

NOTEBOOKS = "notebooks"
"""The branch to which the workflow that publishes the book puts the chapters as the pages' buttons give them."""
_MATHJAX = 'MathJax.loader = {load: ["input/tex", "output/chtml", "a11y/assistive-mml"]};'
"""What draws formulas and says them to screen readers; the whole, with menus and speech, weighs twice as much."""
_LISTING = "<!-- the listing -->"
"""Stands for the listing of a module while the page around it is mended."""
_PNG = re.compile(r"(_images/[^/]+)\.png$")
_PICTURE = "_static/social.png"
_DESCRIPTION = 155
"""Characters that search engines show of a page's description."""


def finish(html: Path, address: str = "") -> None:
    """Mend every page in the folder ``html``, then ship only what the pages load.

    Args:
        html: the folder.
        address: where the pages will be, ending in a slash. With it they have a preview picture and their own address
            for whoever links to them, and ``sitemap.xml`` lists them.

    Raises:
        RuntimeError: the theme's icons are not where they were, so that none could be kept.
    """
    from bs4 import BeautifulSoup

    names: set[str] = set()
    for path in sorted(html.rglob("*.html")):
        if "_static" in path.relative_to(html).parts:
            continue
        page = path.read_text(encoding="utf-8")
        kept = ""
        start, end = page.find('<div class="highlight">'), page.rfind("</article>")
        if "_modules" in path.parts and start >= 0:  # listings, half of all HTML, in which nothing is to be mended
            kept, page = page[start:end], page[:start] + _LISTING + page[end:]
        soup = BeautifulSoup(page, "html.parser")
        for mend in _MENDS:
            mend(soup)
        _sized(soup, path.parent)
        if address:
            _shown_elsewhere(soup, address, path.relative_to(html).as_posix())
        names.update(name for tag in soup.select("i[class], span[class]") for name in icons(tag))
        write_text(path, str(soup).replace(_LISTING, kept) if kept else str(soup))
    if address:
        _list_pages(html, address)
    ship_what_is_loaded(html, names)


def _no_kernel_in_the_page(soup: "BeautifulSoup") -> None:
    """Take out Thebe, which is off: its script is put in twice, which is an error, and names an outside server."""
    for script in soup.find_all("script"):
        address, text = str(script.get("src") or ""), script.get_text()
        thebe = "thebe" in address or "THEBE" in text or script.get("type") == "text/x-thebe-config"
        if thebe or text.startswith("kernelName"):
            script.decompose()
    for link in soup.select('link[href*="sphinx-thebe"]'):
        link.decompose()


def _scripts_where_they_are_needed(soup: "BeautifulSoup") -> None:
    """Load MathJax where there are formulas, and of it what draws them; the index of all words where one searches."""
    for script in soup.select('script[src*="mathjax/tex-"]'):
        if soup.select_one(".math"):
            loader = soup.new_tag("script")
            loader.string = _MATHJAX
            script.insert_before(loader)
            script["src"] = re.sub(r"tex-.+$", "startup.js", str(script["src"]))
        else:
            script.decompose()
    if not soup.select_one("#search-results"):
        for name in ("searchtools", "language_data", "searchindex"):
            for script in soup.select(f'script[src*="{name}.js"]'):
                script.decompose()


def _icons_from_the_font(soup: "BeautifulSoup") -> None:
    """Take out the script that draws 2,000 icons: the style sheet has the same ones as a font; a brand's, which would
    need one of its own, becomes a branching line."""
    for script in soup.select('script[src*="fontawesome"]'):
        script.decompose()
    for brand in soup.select("i.fab, span.fab"):
        brand["class"] = "fa-solid fa-code-branch"
    for icon in soup.select("i[class*=fa-], span[class*=fa-]"):
        icon["aria-hidden"] = "true"
        del icon["title"]


def _named_controls(soup: "BeautifulSoup") -> None:
    """Give every control the name that it shows, and one to those that show none."""
    for summary in soup.select("details > summary[aria-label]"):
        if summary.get_text(strip=True):
            del summary["aria-label"]
    for summary in soup.select("nav details > summary"):
        entry = summary.find_parent("li")
        link = entry.find("a") if entry else None
        summary["aria-label"] = f"Pages of: {link.get_text(' ', strip=True)}" if link else "More pages"
        for inner in summary.select("[role=presentation]"):
            inner["aria-hidden"] = "true"
    for button in soup.select("button.search-button-field[aria-label]"):
        del button["aria-label"]
    for button in soup.select("button.sidebar-toggle[title]"):
        button["aria-label"] = button["title"]


def _folded_code_by_its_first_line(soup: "BeautifulSoup") -> None:
    """Tell the bars of folded cells apart for who hears them: each by the first line of its code."""
    for summary in soup.select("details.hide > summary"):
        code = summary.parent.select_one("pre") if summary.parent else None
        line = next(iter(code.get_text().strip().splitlines()), "") if code else ""
        heard = soup.new_tag("span", attrs={"class": "visually-hidden"})
        heard.string = f": {line[:80]}" if line else ""
        summary.append(heard)


def _folded_solutions(soup: "BeautifulSoup") -> None:
    """Fold solutions as browsers do, with no script: each has a name of its own, and opens when it is linked to."""
    for box in soup.select("div.admonition.dropdown"):
        title = box.find(class_="admonition-title", recursive=False)
        if title is None:
            continue
        box.name, title.name = "details", "summary"
        for link in title.find_all("a"):
            link.unwrap()
    for content in soup.select("section#solution-content, section#exercise-content"):
        del content["id"]  # one for all of them
    for tag in soup.select('script[src*="togglebutton"], link[href*="togglebutton"]'):
        tag.decompose()
    for script in soup.find_all("script"):
        if re.match(r"let toggle|var togglebutton", script.get_text()):
            script.decompose()


def _colab_opens_what_was_executed(soup: "BeautifulSoup") -> None:
    """Lead Colab to the branch of chapters as they are downloaded, which install what they need."""
    for link in soup.select('a[href^="https://colab.research.google.com/github/"]'):
        link["href"] = re.sub(r"/blob/.+?/book/", f"/blob/{NOTEBOOKS}/book/", str(link["href"]))


def _landmarks(soup: "BeautifulSoup") -> None:
    """Put all that is shown into a landmark."""
    for brand in soup.select(".sidebar-primary-item:has(> a.navbar-brand)"):
        brand["role"] = "navigation"
        brand["aria-label"] = "First page"
    for heading in soup.select(".sidebar-secondary-item"):
        if not heading.find_parent(["nav", "aside"]):
            heading["role"] = "complementary"
            heading["aria-label"] = "On this page"
    for button in soup.select("button#pst-back-to-top"):
        wrapper = soup.new_tag("div", role="navigation")
        wrapper["aria-label"] = "Back to top"
        button.wrap(wrapper)


def _index_of_terms(soup: "BeautifulSoup") -> None:
    """End the side bar with the index of terms, which is no file that a table of contents could name."""
    index, lists = soup.select_one("link[rel=index]"), soup.select("nav.bd-links ul.bd-sidenav")
    if index is None or not lists:
        return
    entry, link = soup.new_tag("li"), soup.new_tag("a", href=str(index["href"]))
    entry["class"], link["class"], link.string = "toctree-l1", "reference internal", "Index of terms"
    entry.append(link)
    lists[-1].append(entry)


def _lists(soup: "BeautifulSoup") -> None:
    """A list holds items alone: another list in it belongs to the item before. A list of works is one: its entries are
    items, by no role that readers of the screen no longer know."""
    for inner in soup.select("ul > ul"):
        if item := inner.find_previous_sibling("li"):
            item.append(inner)
    for works in soup.select("div.citation-list[role=list]"):
        for child in works.find_all(recursive=False):
            child["role"] = "listitem"
            for link in child.select("[role=doc-backlink]"):
                del link["role"]
    for entry in soup.select("[role=doc-biblioentry]"):
        del entry["role"]


def _tables(soup: "BeautifulSoup") -> None:
    """Make empty head cells plain ones, and what scrolls reachable by the keyboard."""
    for cell in soup.select("table th"):
        if not cell.get_text(strip=True) and not cell.find("img"):
            cell.name = "td"
            del cell["scope"]
    for box in soup.select("div.cell_output div.output.text_html"):
        if box.find("table"):
            box["tabindex"] = "0"
            box["role"] = "group"
            box["aria-label"] = "Table"
    for formula in soup.select("div.math"):
        formula["tabindex"] = "0"
        formula["role"] = "group"
        formula["aria-label"] = "Formula"


def _pictures_in_full(soup: "BeautifulSoup") -> None:
    """Link every figure to its picture in full size, and show it from a file of the same pixels and half the bytes."""
    for image in soup.select("div.cell_output img[src], article figure img[src]"):
        if image.find_parent("a"):
            continue
        image["loading"] = "lazy"
        link = soup.new_tag("a", href=str(image["src"]))
        link["class"] = "full-size"
        link["title"] = "Full size"
        image.wrap(link)
        image["src"] = _PNG.sub(r"\1.webp", str(image["src"]))


def _sized(soup: "BeautifulSoup", folder: Path) -> None:
    """Say how large each figure is, so that the page keeps its place until the figure is loaded.

    ``folder``: of the page, from which its links lead.
    """
    from PIL import Image

    for shown in soup.select("a.full-size[href$='.png'] img"):
        path = folder / str(shown.parent["href"] if shown.parent else "")
        if path.is_file():
            with Image.open(path) as picture:
                shown["width"], shown["height"] = map(str, picture.size)


def _described(soup: "BeautifulSoup") -> None:
    """Say what the page is about where search engines and previews look: its first paragraph of text."""
    head, article = soup.find("head"), soup.select_one("article section")
    if head is None or article is None or head.select_one("meta[name=description]"):
        return
    paragraph = next((p for p in article.find_all("p", recursive=False) if len(p.get_text(strip=True)) > 40), None)
    if paragraph is None:
        return
    text = " ".join(paragraph.get_text(" ", strip=True).split())
    if len(text) > _DESCRIPTION:
        text = text[:_DESCRIPTION].rsplit(" ", 1)[0] + " ..."
    title = soup.title.get_text(strip=True) if soup.title else ""
    _add_meta(soup, {"description": text, "og:type": "article", "og:title": title, "og:description": text})


def _add_meta(soup: "BeautifulSoup", told: Mapping[str, str]) -> None:
    if soup.head is not None:
        for name, content in told.items():
            kind = "property" if name.startswith("og:") else "name"
            soup.head.append(soup.new_tag("meta", attrs={kind: name, "content": content}))


def _shown_elsewhere(soup: "BeautifulSoup", address: str, page: str) -> None:
    """Tell who links to the page which picture to show with it, where it is, and of what book it is."""
    told = {
        "og:site_name": "Coarse to Fine",
        "og:url": f"{address}{page}",
        "og:image": f"{address}{_PICTURE}",
        "og:image:width": "1200",
        "og:image:height": "630",
        "og:image:alt": "Coarse to Fine: a bag at 7 by 7, 14 by 14 and 28 by 28 pixels.",
        "twitter:card": "summary_large_image",
    }
    _add_meta(soup, told)


def _list_pages(html: Path, address: str) -> None:
    """Write ``sitemap.xml``: every page but listings of source and indices."""
    pages = [path.relative_to(html).as_posix() for path in sorted((html / "book").rglob("*.html"))]
    urls = "".join(f"<url><loc>{escape(address + page)}</loc></url>\n" for page in pages)
    namespace = "http://www.sitemaps.org/schemas/sitemap/0.9"
    declaration = '<?xml version="1.0" encoding="UTF-8"?>'
    write_text(html / "sitemap.xml", f'{declaration}\n<urlset xmlns="{namespace}">\n{urls}</urlset>\n')


_MENDS: tuple[Callable[["BeautifulSoup"], None], ...] = (
    _no_kernel_in_the_page,
    _scripts_where_they_are_needed,
    _icons_from_the_font,
    _named_controls,
    _folded_code_by_its_first_line,
    _folded_solutions,
    _colab_opens_what_was_executed,
    _landmarks,
    _index_of_terms,
    _lists,
    _tables,
    _pictures_in_full,
    _described,
)
