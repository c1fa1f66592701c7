"""The book in one PDF: its pages as one, links that lead inside, and Chromium or the lack of it."""

import pytest
from bs4 import BeautifulSoup

from c2f.book import pdf
from c2f.book.pages import BookError
from c2f.common.files import write_text
from tests.browser import NEEDS_CHROMIUM

HEAD = '<head><link rel="stylesheet" href="../_static/a.css"/>{}</head>'
FORMULAS = '<script>window.MathJax = {}</script><script src="../_static/mathjax/startup.js"></script>'
FIRST = """<body><nav>side bar</nav><article class="bd-article"><h1 id="top">First</h1>
<a href="b.html#there">b</a><a href="#top">up</a><a href="b.html">all of b</a><a href="api/c.html">c</a><a href="https://a.org/">out</a>
<details><summary>Code</summary><pre>x = 1</pre></details>
<a class="full-size" href="../_images/a.png"><img loading="lazy" src="../_images/a.webp"></a></article></body>"""
SECOND = '<body><article class="bd-article"><h1 id="there">Second</h1></article></body>'


@pytest.fixture
def html(tmp_path):
    write_text(tmp_path / "html" / "book" / "a.html", HEAD.format("") + FIRST)
    write_text(tmp_path / "html" / "book" / "b.html", HEAD.format(FORMULAS) + SECOND)
    write_text(tmp_path / "_toc.yml", "root: book/a\nchapters: [{file: book/b}, {file: book/api/c}]\n")
    return tmp_path / "html"


def test_pages_become_one_whose_links_lead_inside(html):
    whole = BeautifulSoup(pdf.one_page(html, ["book/a", "book/b"]), "html.parser")
    assert [h1.get_text() for h1 in whole.find_all("h1")] == ["First", "Second"]
    assert "side bar" not in whole.get_text()
    links = [link["href"] for link in whole.find_all("a")]
    assert links == ["#page-1--there", "#page-0--top", "#page-1", "https://a.org/"]
    ids = {tag["id"] for tag in whole.select("[id]")}
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert whole.find("details").has_attr("open")
    assert whole.find("img")["src"] == "_images/a.webp"
    assert not whole.find("img").has_attr("loading")
    assert [link["href"] for link in whole.select("link")] == ["_static/a.css"]
    assert [script.get("src") for script in whole.find_all("script")] == [None, "_static/mathjax/startup.js"]


def test_a_page_that_is_not_there_and_a_machine_without_chromium_are_told(html, monkeypatch):
    with pytest.raises(BookError, match=r"gone\.html is not there: build the book first"):
        pdf.one_page(html, ["book/gone"])
    monkeypatch.setattr(pdf, "BROWSERS", ("no-such-browser",))
    with pytest.raises(FileNotFoundError, match="apt install chromium"):
        pdf.make_pdf(html, html.parent / "_toc.yml", html.parent / "book.pdf")


def test_a_browser_that_fails_leaves_the_old_pdf(html, monkeypatch, tmp_path):
    fails = tmp_path / "browser"
    fails.write_text("#!/bin/sh\necho 'no space' >&2\n")
    fails.chmod(0o755)
    monkeypatch.setattr(pdf, "BROWSERS", (str(fails),))
    old = tmp_path / "book.pdf"
    old.write_text("old")
    with pytest.raises(BookError, match="could not print the book: no space"):
        pdf.make_pdf(html, tmp_path / "_toc.yml", old)
    assert old.read_text() == "old"
    assert sorted(path.name for path in html.rglob("*") if path.is_file()) == ["a.html", "b.html"]


@NEEDS_CHROMIUM
def test_chromium_prints_the_pages_of_the_table_of_contents_but_the_package_s(html, tmp_path):
    output = tmp_path / "new" / "book.pdf"
    size = pdf.make_pdf(html, tmp_path / "_toc.yml", output)
    printed = output.read_bytes()
    assert printed.startswith(b"%PDF")
    assert len(printed) == size
    assert printed.count(b"/Type /Page\n") == 2
    assert [path.name for path in output.parent.iterdir()] == ["book.pdf"]
