"""The code in the exercises' solutions runs behind the chapter and shows what it prints."""

import json

import pytest

from c2f.book.chapters import Chapter, chapters, find
from c2f.book.execute import ChapterError, run
from c2f.book.solutions import printed, show_what_they_print, solutions
from tests.toys import code, text, write_notebook

WORDS = """# A

```{solution} ex-a
:class: dropdown
It is

    print("first")
    b = a

and then

    1 / b

So much for that.
```

```{solution} ex-words
Nothing runs here.
```
"""


def test_the_book_s_solutions_are_found():
    assert "darken" in solutions(find("3"))["ex-own-attack"]
    assert len([chapter for chapter in chapters() if solutions(chapter)]) == len(chapters())


def test_a_solution_runs_with_the_chapter_s_names_and_what_it_prints_is_kept(tmp_path):
    chapter, output = Chapter(tmp_path / "01-a.ipynb"), tmp_path / "out.ipynb"
    write_notebook(chapter.path, [code("a = 2  # x", "parameters"), text(WORDS)])
    run(chapter, output=output)
    assert json.loads(output.read_text())["metadata"]["c2f"]["solutions"] == {}
    slow = WORDS.replace("b = a", "b = a; import time; time.sleep(3)")
    write_notebook(chapter.path, [code("a = 2  # x", "parameters"), text(slow)])
    done = run(chapter, output=output, solve=True)
    made = json.loads(output.read_text())
    assert [cell["cell_type"] for cell in made["cells"]] == ["code", "markdown"]
    assert made["metadata"]["c2f"]["solutions"] == {"ex-a": "first\n0.5"}
    assert made["metadata"]["c2f"]["seconds"] == pytest.approx(done.seconds, abs=0.01)
    duration = made["metadata"]["papermill"]["duration"]
    assert done.seconds < duration + 3  # the wait of three seconds is the solution's


def test_a_solution_that_fails_is_an_error(tmp_path):
    chapter = Chapter(tmp_path / "01-a.ipynb")
    write_notebook(chapter.path, [code("a = 0  # x", "parameters"), text(WORDS)])
    with pytest.raises(ChapterError, match=r"01-a failed in cell \[\d+\] \(# the solution of ex-a\): ZeroDivision"):
        run(chapter, output=tmp_path / "out.ipynb", solve=True)


def test_what_is_printed_stands_behind_the_last_line_of_code():
    notebook = {"cells": [text(WORDS)]}
    show_what_they_print(notebook, {"ex-a": "first\n0.5", "ex-gone": "x"})
    shown = notebook["cells"][0]["source"]
    assert "    1 / b\n\nIt prints\n\n~~~text\nfirst\n0.5\n~~~\n\nSo much for that.\n```" in shown
    assert shown.endswith("```{solution} ex-words\nNothing runs here.\n```\n")
    show_what_they_print(notebook := {"cells": [text(WORDS)]}, {"ex-a": "line\n" * 1000})
    assert "line\n...\n~~~" in notebook["cells"][0]["source"]
    assert len(notebook["cells"][0]["source"]) < 2500


def test_what_a_cell_says_is_its_output_and_its_result():
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "a\n"},
        {"output_type": "stream", "name": "stderr", "text": "noise\n"},
        {"output_type": "execute_result", "data": {"text/plain": "1"}},
    ]
    assert printed({"outputs": outputs}) == "a\n1"
