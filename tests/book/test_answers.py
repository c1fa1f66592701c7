"""Answers to exercises are checked against what the solution leaves, on the chapter's own names."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from c2f.book import answers
from c2f.book.answers import check_answer, checks, try_check
from c2f.book.chapters import Chapter, chapters, source
from c2f.book.execute import ChapterError, run
from c2f.book.solutions import solutions
from tests.toys import code, text, write_notebook

SOLVED = """```{{solution}} ex-a
Words.

    print("said")
    # hint: think of two
    answer = {}
```
"""
CHECK = code('answer = None  # a number\ncheck_answer("ex-a", answer, globals())')


@pytest.fixture
def asked(tmp_path, monkeypatch, capsys):
    """Answer an exercise whose right answer is an expression; gives what is said."""

    def ask(right, answer, names=None, *given):
        chapter = Chapter(write_notebook(tmp_path / "01-a.ipynb", [text(SOLVED.format(right))]))
        monkeypatch.setattr(answers, "chapters", lambda: [chapter])
        check_answer("ex-a", answer, names or {}, *given)
        return capsys.readouterr().out.strip()

    return ask


@pytest.mark.parametrize(
    ("right", "good", "bad"),
    [
        ("2 * k", 6, 7),
        ("2 * k", 6.0, 6.02),  # a whole number is exact
        ("2.5", 2.46, 2.4),
        ("-0.5", torch.tensor(-0.505), -0.52),
        ("float('inf')", float("inf"), 1e9),
        ("0.0", 0, 1e-6),
        ("'fine'", "fine", "coarse"),
        ("{'a', 'b'}", ("b", "a"), {"a"}),
        ("[[1.0, 50.0]]", torch.tensor([[1.9, 50.0]], requires_grad=True), np.array([[2.1, 50.0]])),
        ("(2, 3)", torch.Size([2, 3]), (3, 2)),
    ],
)
def test_right_and_wrong(asked, right, good, bad):
    assert asked(right, good, {"k": 3}) == "Right."
    assert asked(right, bad, {"k": 3}) == "Not yet. Hint: think of two"


def test_no_answer_is_met_by_silence_and_nothing_runs(asked):
    assert asked("1 / 0", None) == ""


@pytest.mark.parametrize(
    ("right", "answer", "said"),
    [
        ("2.5", "2.5", "Not yet: a number is asked for, not '2.5'. Hint: think of two"),
        ("2.5", {}, "Not yet: a number is asked for, not {}. Hint: think of two"),
        ("2.5", [2.5], "Not yet: a number is asked for, not of (1,). Hint: think of two"),
        ("[1, 2]", [[1], [1, 2]], "Not yet: numbers of shape (2,) are asked for. Hint: think of two"),
        ("[1, 2]", 3, "Not yet: numbers of shape (2,) are asked for, not 3. Hint: think of two"),
        ("'fine'", 3, "Not yet: a text is asked for, not 3. Hint: think of two"),
        ("{'a'}", "a", "Not yet: a set of texts is asked for, not 'a'. Hint: think of two"),
        ("abs", 3, "Not yet: a function is asked for, not 3."),
    ],
)
def test_what_is_of_another_kind_is_said(asked, right, answer, said):
    assert asked(right, answer) == said


def test_a_function_is_right_if_what_it_returns_is(asked):
    assert asked("lambda x, y: x - y", lambda x, y: -(y - x), {}, 3, 2) == "Right."
    assert asked("lambda x, y: x - y", lambda x, y: y - x, {}, 3, 2) == "Not yet. Hint: think of two"
    assert (
        asked("lambda x: x", lambda x: 1 / 0, {}, 3)
        == "Not yet: your function raises ZeroDivisionError: division by zero."
    )
    assert asked("lambda x: x", lambda: 3, {}, 3).startswith("Not yet: your function raises TypeError: ")


def test_the_right_answer_is_computed_before_the_reader_s_function_can_spoil_what_it_is_given(asked):
    assert asked("sum", lambda given: given.clear() or 3, {}, [1, 2]) == "Right."


def test_the_chapter_s_names_stay_as_they_are(asked):
    names = {"k": 3}
    assert asked("k + 1", 4, names) == "Right."
    assert names == {"k": 3}


def test_where_the_names_are_gone_it_says_so(asked):
    said = asked("k", 4)
    assert "the solution fails (NameError: name 'k' is not defined)" in said
    assert said.endswith("Run the chapter's cells again from the top.")


def test_an_unknown_exercise_is_refused():
    with pytest.raises(ValueError, match="unknown exercise with a check 'ex-two-step'; did you mean 'ex-two-steps'"):
        check_answer("ex-two-step", 1, {})


# a subnormal number has too few digits for a fiftieth of it
@given(st.floats(-1e6, 1e6, allow_subnormal=False), st.floats(-0.019, 0.019), st.floats(0.021, 10))
def test_a_number_within_a_fiftieth_is_right_and_no_other(right, near, off):
    assert answers._problem(right * (1 + near), right) is None
    assert right == 0 or answers._problem(right * (1 + off), right) == ""


@given(
    st.one_of(
        st.integers(-(10**9), 10**9),
        st.floats(-1e6, 1e6, allow_subnormal=False),
        st.text(),
        st.sets(st.text()),
        st.lists(st.integers(-9, 9), min_size=1),
    )
)
def test_another_answer_is_another(answer):
    assert answers._problem(answer, answer) is None
    assert answers._problem(answers._another(answer), answer) is not None


def test_checks_are_tried_behind_the_solutions(tmp_path, monkeypatch):
    chapter = Chapter(tmp_path / "01-a.ipynb")
    cells = [code("k = 3  # x", "parameters"), code("from c2f.book.answers import check_answer"), CHECK]
    write_notebook(chapter.path, [*cells, text(SOLVED.format("2 * k"))])
    (tried,) = checks(chapter).values()
    assert "answer = None" not in tried
    monkeypatch.setattr(answers, "chapters", lambda: [chapter])
    exec(tried, {"answer": 6, "k": 3})
    with pytest.raises(AssertionError, match=r"ex-a: the solution's own answer is not taken. Not yet. Hint"):
        exec(tried, {"answer": float("nan"), "k": 3})
    monkeypatch.setattr(answers, "_another", lambda answer: answer)
    with pytest.raises(AssertionError, match="ex-a: 6 is taken, too"):
        try_check("ex-a", 6, {"k": 3})


def test_a_chapter_whose_check_refuses_its_solution_fails(tmp_path):
    chapter = Chapter(tmp_path / "01-a.ipynb")
    wrong = text(SOLVED.format("float('nan')").replace("ex-a", "ex-two-steps"))  # equals nothing, not even itself
    check = code(source(CHECK).replace("ex-a", "ex-two-steps"))
    cells = [code("k = 3  # x", "parameters"), code("from c2f.book.answers import check_answer"), check, wrong]
    write_notebook(chapter.path, cells)
    run(chapter, output=tmp_path / "out.ipynb")  # without solutions nothing is tried
    with pytest.raises(ChapterError, match=r"# the check of ex-two-steps"):
        run(chapter, output=tmp_path / "out.ipynb", solve=True)


@pytest.mark.parametrize("chapter", chapters(), ids=lambda c: c.name)
def test_every_chapter_has_checks_that_stand_between_exercise_and_solution(chapter):
    cells, solved = chapter.notebook()["cells"], solutions(chapter)
    labels = []
    for before, cell, behind in zip(cells, cells[1:], cells[2:], strict=False):
        found = answers._CHECK.search(source(cell)) if cell["cell_type"] == "code" else None
        if found:
            labels.append(found["label"])
            assert source(cell).startswith("answer = None  # ")
            exercise = source(before)[source(before).rindex("```{exercise}") :]
            assert f":label: {labels[-1]}\n" in exercise
            assert exercise.endswith("\n```")
            assert source(behind).startswith(f"```{{solution}} {labels[-1]}\n")
            assert answers._HINTED.search(solved[labels[-1]])
    assert list(checks(chapter)) == labels
    assert len(labels) in (1, 2, 3, 4)
    hinted = [label for label, text in solved.items() if re.search("^ *answer = ", text, re.MULTILINE)]
    assert sorted(hinted) == sorted(labels)
