"""The book itself: every chapter executed at its smallest by papermill, with the code in its exercises' solutions run at
its end; then the strict build."""

import json
import re
import shutil
import textwrap

import pytest

from c2f.book import execute
from c2f.book.build import build
from c2f.book.chapters import BOOK, Chapter, chapters, find, source
from c2f.book.execute import ChapterError, run
from tests.toys import code, text, write_notebook

SOLUTION = re.compile(r"```\{solution\} (\S+)\n(.*?)```", re.DOTALL)
CODE = re.compile(r"(?:^(?: {4}.*)?\n)+", re.MULTILINE)


def solutions(chapter):
    """Return {label: code} of a chapter's solutions that hold code."""
    found = {}
    for cell in chapter.notebook()["cells"]:
        for label, words in SOLUTION.findall(source(cell)):
            lines = "\n".join(textwrap.dedent(block) for block in CODE.findall(words) if block.strip())
            if lines:
                found[label] = f"# the solution of {label}\n{lines}"
    return found


@pytest.fixture
def solved(monkeypatch):
    """Have the solutions run behind each chapter."""
    usual = execute.behind
    monkeypatch.setattr(execute, "behind", lambda chapter: [*solutions(chapter).values(), *usual(chapter)])


def test_every_chapter_runs_with_its_solutions_and_the_book_is_whole(solved):
    profile = (
        BOOK / "_build" / "solved.yaml"
    )  # of a name, and so of a folder, of its own: without solutions is not done
    profile.parent.mkdir(exist_ok=True)
    shutil.copy(BOOK / "profiles" / "smallest.yaml", profile)
    book = build(str(profile), said=print)
    assert [done.chapter for done in book.executed] == [c.name for c in chapters()]
    assert book.report.figures >= len(book.executed)


def test_the_solutions_are_found():
    assert "darken" in solutions(find("3"))["ex-own-attack"]
    assert len([chapter for chapter in chapters() if solutions(chapter)]) == 10


def test_a_solution_that_fails_is_noticed_and_one_that_runs_is_not_kept(solved, tmp_path):
    words = "```{solution} ex-a\nIt is\n\n    print(a)\n\nand then\n\n    1 / a\n```"
    chapter, output = Chapter(tmp_path / "01-a.ipynb"), tmp_path / "out.ipynb"
    write_notebook(chapter.path, [code("a = 1  # x", "parameters"), text(words)])
    run(chapter, output=output)
    assert [cell["cell_type"] for cell in json.loads(output.read_text())["cells"]] == ["code", "markdown"]
    write_notebook(chapter.path, [code("a = 0  # x", "parameters"), text(words)])
    with pytest.raises(ChapterError, match=r"01-a failed in cell \[\d+\] \(# the solution of ex-a\): ZeroDivision"):
        run(chapter, output=output)
