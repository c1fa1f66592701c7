"""The code in the exercises' solutions, run at the end of its chapter."""

import re
import textwrap

import matplotlib.pyplot as plt
import pytest

from c2f.book.chapters import BOOK, chapters, profile_values, source, tags

SOLUTION = re.compile(r"```\{solution\} (\S+)\n(.*?)```", re.DOTALL)
CODE = re.compile(r"(?:^(?: {4}.*)?\n)+", re.MULTILINE)


def solutions(chapter):
    """Return {label: code} of a chapter's solutions that hold code."""
    found = {}
    for cell in chapter.notebook()["cells"]:
        for label, text in SOLUTION.findall(source(cell)):
            code = "\n".join(textwrap.dedent(block) for block in CODE.findall(text) if block.strip())
            if code:
                found[label] = code
    return found


WITH_CODE = [chapter for chapter in chapters() if solutions(chapter)]


def test_the_solutions_are_found():
    assert "darken" in solutions(next(c for c in WITH_CODE if c.number == "03"))["ex-own-attack"]


@pytest.mark.parametrize("chapter", WITH_CODE, ids=lambda c: c.name)
def test_the_solutions_run(chapter, monkeypatch, tmp_path):
    plt.switch_backend("agg")
    monkeypatch.setattr("c2f.plotting.figures.show", lambda figure, alt, dpi=120: plt.close(figure))
    for file in BOOK.parent.iterdir():  # a chapter runs beside the project's files, and writes where it runs
        if not file.name.startswith(".") and file.name != "output":
            (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    code = [cell for cell in chapter.notebook()["cells"] if cell["cell_type"] == "code"]
    namespace = {"__name__": "__main__"}
    for cell in code:
        exec(compile(source(cell), f"{chapter.name}, cell", "exec"), namespace)
        if "parameters" in tags(cell):
            namespace.update(profile_values(chapter, "smallest"))
    for label, solution in solutions(chapter).items():
        exec(compile(solution, f"{chapter.name}, {label}", "exec"), namespace)
