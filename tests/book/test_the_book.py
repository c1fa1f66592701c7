"""The book itself: every chapter executed at its smallest by papermill, with the code in its exercises' solutions run at
its end; then the strict build."""

from c2f.book.build import build
from c2f.book.chapters import chapters
from c2f.book.solutions import solutions
from c2f.reference.pages import fill


def test_every_chapter_runs_with_its_solutions_and_the_book_is_whole():
    book = build("smallest", said=print, fill=fill)
    assert [done.chapter for done in book.executed] == [c.name for c in chapters()]
    assert book.report.figures >= len(book.executed)
    for chapter in chapters():
        page = (book.index.parent / "book" / f"{chapter.name}.html").read_text(encoding="utf-8")
        assert page.count("<p>It prints</p>") == len(solutions(chapter)) > 0
