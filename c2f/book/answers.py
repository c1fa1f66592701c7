"""Answers to exercises, checked in the running chapter against what the solution finds there.

The cell below an exercise holds the reader's answer and calls ``check_answer``::

    answer = None  # the blur of the two steps, in pixels
    check_answer("ex-two-steps", answer, globals())

The right answer is what the solution's code leaves in ``answer``, so it is that of the chapter's own parameters; the
line above it is a comment that begins with ``hint:``.
"""

import io
import re
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from typing import Any

from c2f.book.chapters import Chapter, chapters, source
from c2f.book.solutions import solutions
from c2f.common.checks import choose

_HINTED = re.compile(r"^ *# hint: (?P<hint>.+)\n *answer = ", re.MULTILINE)
_EMPTY = re.compile(r"^answer = None  # .+\n", re.MULTILINE)
_CHECK = re.compile(r"^check_answer\(\s*\"(?P<label>[^\"]+)\"", re.MULTILINE)
_RIGHT = "Right."
_NEAR = 0.02
"""By how much of the largest right number an answer may be off, where the right ones are not whole."""


def check_answer(label: str, answer: Any, namespace: Mapping[str, Any], *given: Any) -> None:
    """Print whether ``answer`` is right, or a hint what to look at again; None, no answer yet, is met by silence.

    Args:
        label: of the exercise.
        answer: the reader's, of the kind that the solution's is. A whole number, a text or a set of texts is right
            if it is the same; other numbers, alone or in an array, to a fiftieth of the largest; a function, if what it
            returns is.
        namespace: the chapter's ``globals()``. The solution runs on a copy of it.
        given: what functions are called with.

    Raises:
        ValueError: no exercise of that label whose solution leaves an ``answer``.
    """
    if answer is None:
        return
    code, hint = _solution(label)
    try:
        right = _run(code, namespace)
    except Exception as error:  # whatever the names hold by now
        print(f"Not checked: on the chapter's names, as they are now, the solution fails ({_told(error)}).")
        print("Run the chapter's cells again from the top.")
    else:
        print(_verdict(answer, right, hint, given))


def checks(chapter: Chapter) -> dict[str, str]:
    """Return code that tries the chapter's checks on their solutions' answers, by label; it runs behind the solution.

    It raises ``AssertionError`` where a check refuses the solution's answer or takes another one.
    """
    found = {}
    for cell in chapter.notebook()["cells"]:
        check = _CHECK.search(source(cell)) if cell["cell_type"] == "code" else None
        if check:
            head = f"# the check of {check['label']}\nfrom c2f.book.answers import try_check as check_answer\n"
            found[check["label"]] = head + _EMPTY.sub("", source(cell))
    return found


def try_check(label: str, answer: Any, namespace: Mapping[str, Any], *given: Any) -> None:
    """Raise an ``AssertionError`` unless the check of ``label`` takes ``answer`` and refuses another one.

    Arguments are those of ``check_answer``; ``answer`` is the solution's, which has just run on ``namespace``.
    """
    _, hint = _solution(label)
    said = _verdict(answer, answer, hint, given)
    assert said == _RIGHT, f"{label}: the solution's own answer is not taken. {said}"
    wrong = _another(answer)
    assert _verdict(wrong, answer, hint, given) != _RIGHT, f"{label}: {wrong!r} is taken, too"


def _solution(label: str) -> tuple[str, str]:
    """Return the code and the hint of an exercise's solution."""
    known = {name: code for chapter in chapters() for name, code in solutions(chapter).items()}
    hinted = {name: (code, found["hint"]) for name, code in known.items() if (found := _HINTED.search(code))}
    return hinted[choose(label, hinted, "exercise with a check")]


def _run(code: str, namespace: Mapping[str, Any]) -> Any:
    names = dict(namespace)
    with redirect_stdout(io.StringIO()):
        exec(code, names)
    return names["answer"]


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _verdict(answer: Any, right: Any, hint: str, given: tuple[Any, ...]) -> str:
    if callable(right):
        if not callable(answer):
            return f"Not yet: a function is asked for, not {answer!r}."
        right = right(*given)
        try:
            answer = answer(*given)
        except Exception as error:
            return f"Not yet: your function raises {_told(error)}."
    problem = _problem(answer, right)
    return _RIGHT if problem is None else f"Not yet{problem}. Hint: {hint}"


def _problem(answer: Any, right: Any) -> str | None:
    """Return what is wrong with ``answer``, as the end of a sentence: None for nothing, empty where no more is said."""
    if isinstance(right, set):
        if isinstance(answer, set | frozenset | list | tuple):
            return None if set(map(repr, answer)) == set(map(repr, right)) else ""
        return f": a set of texts is asked for, not {answer!r}"
    if isinstance(right, str):
        if isinstance(answer, str):
            return None if answer == right else ""
        return f": a text is asked for, not {answer!r}"
    import numpy as np

    wanted = np.asarray(_plain(right))
    try:
        found = np.asarray(_plain(answer))
    except ValueError:  # rows of unequal lengths
        return f": numbers of shape {wanted.shape} are asked for"
    if found.dtype.kind not in "biuf" or found.shape != wanted.shape:
        what = "a number is" if wanted.ndim == 0 else f"numbers of shape {wanted.shape} are"
        got = f", not of {found.shape}" if found.ndim else f", not {answer!r}"
        return f": {what} asked for{got}"
    off = 0 if wanted.dtype.kind in "biu" else _NEAR * np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
    return None if np.isclose(found, wanted, rtol=0, atol=off).all() else ""


def _plain(value: Any) -> Any:
    """Return numbers for what holds them: an array, a tensor on any device, lists of such."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _another(answer: Any) -> Any:
    """Return an answer of the kind of ``answer`` that is wrong if ``answer`` is right."""
    if callable(answer):
        function: Callable[..., Any] = answer
        return lambda *given: _another(function(*given))
    if isinstance(answer, str):
        return f"{answer} not"
    if isinstance(answer, set):
        return answer | {"another"}
    return (
        [_another(one) for one in plain] if isinstance(plain := _plain(answer), list) else plain + 1 + abs(plain) / 10
    )
