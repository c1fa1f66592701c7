"""The book itself: every chapter executed at its smallest by papermill, with the code in its exercises' solutions run at
its end; then the strict build."""

import pytest

from c2f.book.build import build
from c2f.book.chapters import chapters
from c2f.book.solutions import solutions
from c2f.reference.pages import fill
from tests.browser import CHROMIUM, NEEDS_CHROMIUM, faults

LOOKED_AT = (
    "book/index",
    "book/03-under-attack",
    "book/04-which-scale-is-fragile",
    "book/scorecard",
    "book/api/attacks",
    "_modules/c2f/training/engine",
    "search",
    "genindex",
)
"""A page of each kind."""


@pytest.fixture(scope="module")
def book():
    """The book in the profile of tests."""
    return build("smallest", said=print, fill=fill)


def test_every_chapter_runs_with_its_solutions_and_the_book_is_whole(book):
    assert [done.chapter for done in book.executed] == [c.name for c in chapters()]
    assert book.report.figures >= len(book.executed)
    for chapter in chapters():
        page = (book.index.parent / "book" / f"{chapter.name}.html").read_text(encoding="utf-8")
        assert page.count("<p>It prints</p>") == len(solutions(chapter)) > 0


@NEEDS_CHROMIUM
def test_pages_in_a_browser_are_without_faults(book):
    assert list(faults(book.index.parent, LOOKED_AT)) == []


@NEEDS_CHROMIUM
def test_a_listing_shows_its_lines_whole_beside_a_search_field(book):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto((book.index.parent / "_modules/c2f/training/engine.html").as_uri())
        assert page.evaluate("[...document.querySelectorAll('pre')].map(pre => pre.scrollWidth - pre.clientWidth)") == [
            0
        ]
        assert page.locator(".bd-sidebar-primary .search-button-field").is_visible()
        assert page.locator(".bd-sidebar-primary li").count() == 0
        browser.close()


@NEEDS_CHROMIUM
def test_faults_of_a_page_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        "<html lang='en'><title>A</title><main style='width: 2000px'><h1>A</h1><img src='http://127.0.0.1:9/a.png'>"
        "<script>nothing()</script><style>:focus { outline: none }</style><button>B</button></main></html>"
    )
    found = "\n".join(faults(tmp_path, ["a"]))
    for what in (
        "script: nothing is not defined",
        "asks http://127.0.0.1:9/a.png",
        "critical image-alt",
        "sideways by",
        "shows no focus: <button>B",
    ):
        assert what in found
