"""Verifying: a tiny chapter run twice, and what is told when it says something else."""

import json

import pytest

from c2f.book.chapters import Chapter
from c2f.book.execute import run
from c2f.book.plain import plain
from c2f.book.site import Site
from c2f.book.verify import Verdict, compare, executed_notebook, verify
from tests.toys import code, text, write_chapter

SAYS = """import pandas as pd
print(f"{seeds} seeds took", object())
pd.DataFrame({"n": [1, 2], "accuracy": [0.5, lr]}).style.format("{:.3f}")"""


def executed(*cells, solutions=None):
    return {"cells": list(cells), "metadata": {"c2f": {"solutions": solutions or {}}}}


def shown(*outputs):
    return {**code("look()\nat(it)"), "outputs": list(outputs)}


def printed(words, name="stdout"):
    return {"output_type": "stream", "name": name, "text": words}


def data(**kinds):
    kinds = {kind.replace("_", "/"): words for kind, words in kinds.items()}
    return {"output_type": "display_data", "data": kinds, "metadata": {}}


def test_a_chapter_that_is_run_again_says_the_same_and_one_edited_by_hand_does_not(tmp_path):
    chapter = Chapter(write_chapter(tmp_path / "book", "01-a", SAYS, "print(lr)\nprint(1 / 3)"))
    before, after = tmp_path / "before.ipynb", tmp_path / "after.ipynb"
    run(chapter, {"lr": 0.25, "epochs": 4}, output=before)
    # as it is downloaded, with a cell that installs; one number edited by hand, another by a little
    notebook = plain(json.loads(before.read_text()), {}, Site("https://github.com/us/book"))
    last = notebook["cells"][-1]["outputs"][0]
    assert "".join(last["text"]) == "0.25\n0.3333333333333333\n"
    last["text"] = "0.25\n0.3334\n"
    before.write_text(json.dumps(notebook))
    done = verify(chapter, before, after)
    assert [cell.verdict for cell in done.cells] == [Verdict.SAME, Verdict.SAME, Verdict.NEAR]
    assert done.cells[0].cell == "[3] import matplotlib.pyplot as plt"  # the figure's text
    assert (done.cells[2].before, done.cells[2].after) == ("0.3334", "0.3333333333333333")
    assert done.same
    assert str(done) == (
        "01-a: 3 cells and solutions that say something: 2 the same to the last character, "
        "1 with numbers within the tolerance"
    )
    assert not compare(notebook, json.loads(after.read_text()), "01-a", after, tolerance=1e-6).same


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (printed("a 1\n"), printed("a 1\n"), Verdict.SAME),
        (printed("<o at 0x7f00aa12>"), printed("<o at 0x7f11bb34>"), Verdict.SAME),
        (printed("a 100.0 of 1,000"), printed("a 100.5 of 1,001"), Verdict.NEAR),
        (printed("a 100.0"), printed("a 102.0"), Verdict.DIFFERENT),
        (printed("a 1.0"), printed("a -1.0"), Verdict.DIFFERENT),
        (printed("p = 1e-9"), printed("p = 1e-7"), Verdict.DIFFERENT),
        (printed("higher by 1.0"), printed("lower by 1.0"), Verdict.DIFFERENT),
        (printed("a 1\nb 2"), printed("a 1"), Verdict.DIFFERENT),
        (printed("a 1"), printed("a 1", "stderr"), Verdict.DIFFERENT),
        (data(text_markdown="It **holds**.", text_plain="o"), data(text_markdown="It fails.", text_plain="o"), Verdict.DIFFERENT),
        (data(text_plain="A line to 5"), data(text_plain="A line to 7"), Verdict.DIFFERENT),
        (
            data(text_html="<style>#T_1a {}</style><table id='T_1a'><tr><th>n</th><td>2</td></tr></table>"),
            data(text_html="<style>#T_2b {}</style><table id='T_2b'><tr><th>n</th><td>2</td></tr></table>"),
            Verdict.SAME,
        ),
        (data(text_html="<tr><td>2</td></tr>"), data(text_html="<tr><td>3</td></tr>"), Verdict.DIFFERENT),
    ],
)  # fmt: skip
def test_what_a_cell_says_is_compared(before, after, verdict, tmp_path):
    found = compare(executed(text("a"), shown(before)), executed(text("b"), shown(after)), "01-a", tmp_path)
    assert [cell.verdict for cell in found.cells] == [verdict]
    assert found.same == (verdict is not Verdict.DIFFERENT)


def test_solutions_are_compared_and_silent_cells_do_not_count(tmp_path):
    one, other = (executed(code("x = 1"), solutions={"ex": words}) for words in ("holds", "fails"))
    found = compare(one, other, "01-a", tmp_path)
    assert [(cell.cell, cell.verdict) for cell in found.cells] == [("ex", Verdict.DIFFERENT)]
    assert compare(one, one, "01-a", tmp_path).same


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n: n["metadata"].pop("c2f"), "is no notebook that c2f has executed"),
        (lambda n: n["metadata"]["c2f"].pop("threads"), "its metadata lack threads"),
        (lambda n: n["metadata"]["c2f"].update(chapter="02-b"), "is an execution of 02-b, not of 01-a"),
        (lambda n: n["metadata"]["c2f"].update(ended=False), "did not run to its end"),
        (lambda n: n["cells"][-1].update(source="print(2)"), "has changed since .* first in code cell 4"),
        (lambda n: n["cells"].pop(), "its number of code cells, 3 then and 4 now"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_runs(change, message, tmp_path):
    chapter = Chapter(write_chapter(tmp_path / "book", "01-a", "print(1)"))
    notebook = chapter.notebook()
    notebook["metadata"]["c2f"] = {"chapter": "01-a", "parameters": {}, "ended": True, "threads": 1}
    change(notebook)
    path = tmp_path / "executed.ipynb"
    path.write_text(json.dumps(notebook))
    with pytest.raises(ValueError, match=message):
        verify(chapter, path, tmp_path / "new.ipynb")
    assert not (tmp_path / "new.ipynb").exists()


def test_where_nothing_was_executed_the_remedy_is_named(tmp_path):
    chapter = Chapter(write_chapter(tmp_path / "book", "01-a"))
    with pytest.raises(FileNotFoundError, match="make it with 'c2f book --profile smallest'"):
        executed_notebook(chapter, "smallest")
    kept = tmp_path / "book" / "_build" / "quick" / "executed"
    kept.mkdir(parents=True)
    for name in ("01-a.failed.ipynb", "01-a.0123.ipynb"):
        (kept / name).write_text("{}")
    assert executed_notebook(chapter) == kept / "01-a.0123.ipynb"
    with pytest.raises(ValueError, match="tolerance must be 0 or more"):
        verify(chapter, kept / "01-a.0123.ipynb", tmp_path / "b.ipynb", tolerance=2)
    with pytest.raises(ValueError, match="is no notebook that c2f has executed"):
        verify(chapter, kept / "01-a.0123.ipynb", tmp_path / "b.ipynb")
    with pytest.raises(FileNotFoundError, match="there is no notebook"):
        verify(chapter, kept / "gone.ipynb", tmp_path / "b.ipynb")
