"""The pages: sources with executed chapters in their place, HTML that is kept while nothing has changed, faults in it."""

import json
import os
import re
from types import SimpleNamespace

import pytest
import yaml

from c2f.book import pages
from c2f.book.build import build
from c2f.book.check import Report, look_over, toc_pages
from c2f.book.pages import BookError, stage
from c2f.common.files import write_text
from c2f.plotting.figures import CAPTION
from tests.toys import code, text, write_executed


def test_html_is_built_anew_when_anything_has_changed(root, monkeypatch):
    folder, package, chapter = root / "book" / "_build" / "quick", root / "c2f", root / "executed.ipynb"
    monkeypatch.setattr(pages, "PACKAGE", package)
    sources = [root / "_toc.yml", root / "book" / "index.md", package / "a" / "b.py", chapter]
    html = folder / "html" / "a" / "index.html"
    for file in (*sources, html):
        write_text(file, "as it was")

    def unchanged():
        return pages.unchanged(folder, pages.goes_in(root, {"01-a": chapter}))

    assert unchanged() is None  # nothing is known of it
    report = Report(pages=3, figures=2, links=5, problems=())
    pages._remember(folder, pages.goes_in(root, {"01-a": chapter}), report)
    assert unchanged() == report
    for file in (*sources, html):
        file.write_text("otherwise")
        assert unchanged() is None, file
        file.write_text("as it was")
    for file in (*sources[1:3], html):
        file.unlink()
        assert unchanged() is None, file
        file.write_text("as it was")
    for more in (folder / "html" / "more.html", root / "book" / "more.md"):
        more.write_text("")
        assert unchanged() is None, more
        more.unlink()
    write_text(root / "book" / "_build" / "paper" / "html" / "index.html", "another book")
    assert unchanged() == report
    with monkeypatch.context() as patched:
        patched.setattr(pages.metadata, "distributions", lambda: [SimpleNamespace(name="sphinx", version="0")])
        assert unchanged() is None
    assert unchanged() == report
    (folder / "html.json").write_text("{")
    assert unchanged() is None


def test_a_warning_of_the_build_is_an_error(root):
    (root / "book" / "01-a.ipynb").unlink()
    (root / "book" / "cards.yml").write_text("{}")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    (root / "book" / "index.md").write_text("# A book\n\nSee {ref}`nowhere`.\n")
    with pytest.raises(BookError, match=r"book/index\.md:\d+: WARNING: undefined label: 'nowhere'"):
        build(root=root)


def png(alt=None):
    metadata = {"image/png": {"alt": alt}} if alt else {}
    return {"output_type": "display_data", "data": {"image/png": "aGk="}, "metadata": metadata}


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ([png()], "01-a, cell 2 (plot()): shows a figure without an alternative text"),
        (
            [png("A line that rises"), png("A line that falls")],
            "shows 2 figures; give each a cell of its own",
        ),
        ([png("learning-curves-of-all-networks.png")], "is the name of a file"),
        ([png("A line")], "is too short"),
        ([png("A line that rises slowly")], "shows a figure without a caption"),
    ],
)
def test_a_figure_must_say_what_it_shows(root, pictures, message):
    executed = root / "executed.ipynb"
    write_executed(executed, [text("# A"), {**code("draw()\nplot()"), "outputs": pictures}])
    with pytest.raises(BookError, match=re.escape(message)):
        stage(root, root / "site", {"01-a": executed})


def test_the_sources_are_copied_without_what_is_no_page(root):
    (root / "book" / "_build" / "old").mkdir(parents=True)
    executed = root / "executed.ipynb"
    caption = {"output_type": "display_data", "data": {"text/markdown": "It rises."}, "metadata": {CAPTION: True}}
    figure = {**code("plot()"), "outputs": [png("A line that rises from one to two"), caption]}
    write_executed(executed, [text("# A"), figure])
    stage(root, root / "site", {"01-a": executed})
    assert sorted(os.listdir(root / "site" / "book")) == [
        "01-a.ipynb",
        "_static",
        "cards.yml",
        "index.md",
        "references.bib",
    ]
    staged = json.loads((root / "site" / "book" / "01-a.ipynb").read_text())
    assert staged["cells"][1]["metadata"]["mystnb"]["image"]["alt"] == "A line that rises from one to two"
    assert staged["cells"][1]["metadata"]["mystnb"]["figure"]["caption"] == "It rises."


def test_a_caption_goes_from_the_cell_s_output_to_the_figure_and_a_chart_is_marked(root):
    picture = png("A line that rises from one to two")
    picture["metadata"]["image/png"]["chart"] = True
    caption = {
        "output_type": "display_data",
        "data": {"text/markdown": "It rises. Band: *95 %* of n = 4.", "text/plain": "It rises."},
        "metadata": {CAPTION: True},
    }
    executed = root / "executed.ipynb"
    write_executed(executed, [text("# A"), {**code("plot()"), "outputs": [picture, caption]}])
    stage(root, root / "site", {"01-a": executed})
    cell = json.loads((root / "site" / "book" / "01-a.ipynb").read_text())["cells"][1]
    assert cell["metadata"]["mystnb"]["image"] == {"alt": "A line that rises from one to two", "classes": "chart"}
    assert cell["metadata"]["mystnb"]["figure"]["caption"] == "It rises. Band: *95 %* of n = 4."
    assert cell["outputs"] == [picture]
    download = json.loads((root / "site" / "downloads" / "01-a.ipynb").read_text())
    assert download["cells"][1]["outputs"] == [picture, caption]  # there the caption stands below the picture


# Looking over


GOOD = """<html><body><h1 id="top">A</h1><a href="#top">up</a><a href="b.html#there">b</a>
<div class="cell_output"><img alt="A line that rises from one to two" src="line.png"></div></body></html>"""


@pytest.fixture
def html(tmp_path):
    (tmp_path / "line.png").write_bytes(b"")
    (tmp_path / "a.html").write_text(GOOD)
    (tmp_path / "b.html").write_text("<html><body><h1 id='there'>B</h1></body></html>")
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump({"root": "b", "parts": [{"chapters": [{"file": "a.md"}]}]}))
    return tmp_path


def test_a_whole_book_has_no_problems(html):
    report = look_over(html, html / "_toc.yml", ["a"])
    assert report.problems == ()
    assert (report.pages, report.figures, report.links) == (2, 1, 3)
    assert toc_pages(html / "_toc.yml") == ["b", "a"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('alt="A line that rises from one to two"', "", "a: the alternative text '' is too short"),
        (
            'alt="A line that rises from one to two"',
            'alt="a-line-that-rises-from-one.png"',
            "the name of a file",
        ),
        ("<img", "<b", "a: a chapter without a figure"),
        ("line.png", "gone.png", "a: gone.png leads nowhere"),
        ("b.html#there", "b.html#gone", "a: b.html#gone leads to an anchor that is not there"),
        ("#top", "#gone", "a: #gone leads to an anchor that is not there"),
        ("b.html#there", "c.html", "a: c.html leads nowhere"),
        ("</body>", "<div class='output traceback'>Error: x</div></body>", "a: shows an exception: Error: x"),
        (
            "</body>",
            "<div class='output stderr'>Warn: x</div></body>",
            "a: shows something written to stderr: Warn",
        ),
        (
            "</body>",
            "<div class='cell_output'>Traceback (most recent call last):</div></body>",
            "shows an exception",
        ),
        (
            "</body>",
            "<script src='https://a.org/x.js'></script></body>",
            "loads https://a.org/x.js from a network",
        ),
    ],
)
def test_what_is_wrong_is_found(html, old, new, message):
    assert old in GOOD
    (html / "a.html").write_text(GOOD.replace(old, new))
    problems = look_over(html, html / "_toc.yml", ["a"]).problems
    assert any(message in problem for problem in problems), problems


def test_a_missing_page_is_found(html):
    (html / "a.html").unlink()
    assert "a: the page is not there" in look_over(html, html / "_toc.yml", ["a"]).problems
    problems = look_over(html, html / "_toc.yml", ["a", "z"]).problems
    assert "z: a chapter that _toc.yml does not name" in problems
