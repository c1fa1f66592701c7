"""What every chapter keeps to, read from the notebook; nothing is executed here."""

import ast
import re

import pytest

from c2f.book.chapters import (
    BOOK,
    ROOT,
    ParameterError,
    chapters,
    check,
    find,
    parameters,
    source,
    tags,
)
from c2f.book.check import toc_pages
from c2f.book.profiles import profile_values, profiles

CHAPTERS = chapters()
HEADINGS = ("Aims", "Takeaways", "Exercises", "References")
LONGEST_CELL = 14
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.name)


def cells(chapter, kind):
    return [cell for cell in chapter.notebook()["cells"] if cell["cell_type"] == kind]


def test_there_are_chapters_and_all_are_in_the_table_of_contents():
    pages = toc_pages(ROOT / "_toc.yml")
    assert len(CHAPTERS) > 0
    assert [page for page in pages if re.search(r"/\d\d-", page)] == [f"book/{c.name}" for c in CHAPTERS]
    for page in pages:
        assert any((ROOT / f"{page}{ending}").is_file() for ending in (".md", ".ipynb")), page


def test_no_other_notebook_lies_about():
    assert {path.name for path in BOOK.glob("*.ipynb")} == {c.path.name for c in CHAPTERS}


@each_chapter
def test_what_came_out_stands_before_the_takeaways(chapter):
    every = chapter.notebook()["cells"]
    (came_out,) = [place for place, cell in enumerate(every) if "came-out" in cell["metadata"].get("tags", [])]
    (takeaways,) = [place for place, cell in enumerate(every) if ":class: takeaways" in "".join(cell["source"])]
    assert came_out < takeaways
    assert "came_out(" in "".join(every[came_out]["source"])


@each_chapter
def test_without_outputs(chapter):
    for number, cell in enumerate(chapter.notebook()["cells"], start=1):
        assert not cell.get("outputs"), f"cell {number} has outputs: clear them before you commit"
        assert cell.get("execution_count") is None, f"cell {number} has an execution count"


@each_chapter
def test_it_runs_with_any_kernel_called_python3(chapter):
    metadata = chapter.notebook()["metadata"]
    assert metadata["kernelspec"]["name"] == "python3"
    assert set(metadata) <= {"kernelspec", "language_info"}


@each_chapter
def test_first_the_parameters_then_their_check(chapter):
    first, second = cells(chapter, "code")[:2]
    assert "parameters" in tags(first)
    assert parameters(chapter)
    assert f'check_parameters("{chapter.name}", globals())' in source(second)


@each_chapter
def test_every_number_has_a_range(chapter):
    for parameter in parameters(chapter).values():
        if re.match(r"(list\[)?(int|float)", parameter.type):
            compared = {how for how, _ in parameter.limits}
            assert compared & {"at least", "above"}, f"{parameter.name} has no lower limit"
            assert compared & {"at most", "below"}, f"{parameter.name} has no upper limit"


@pytest.mark.parametrize(
    ("number", "given"),
    [
        (1, {"pictures": -1}),
        (1, {"pictures": 0}),
        (1, {"pictures": 10**9}),
        (1, {"seed": -1}),
        (1, {"picture": -1}),
        (1, {"picture": 10**9}),
        (2, {"profile": "papr"}),
        (4, {"shown": -1}),
        (7, {"maps": "no such"}),
        (6, {"draws": -1}),
        (7, {"resamples": 10**9}),
        (1, {"picture": 2000}),
        (1, {"picture": 10_000, "data": "fashion-mnist"}),
        (8, {"seed": -1}),
        (8, {"shown": [0, 500]}),
        (9, {"chosen": 10**9}),
        (10, {"shown": 10**9}),
        (10, {"shown": 1000, "pictures": 5000}),
        (11, {"shown": 10**9}),
        (11, {"restarts": -1}),
    ],
)
def test_a_value_out_of_range_is_refused(number, given):
    chapter = find(str(number))
    values = {name: parameter.default for name, parameter in parameters(chapter).items()}
    with pytest.raises(ParameterError, match=f"parameter '{next(iter(given))}' must be"):
        check(chapter, values | given)


@each_chapter
@pytest.mark.parametrize("profile", profiles())
def test_every_profile_gives_its_parameters(chapter, profile):
    profile_values(chapter, profile)


@each_chapter
def test_its_parts_are_there(chapter):
    text = "\n".join(source(cell) for cell in cells(chapter, "markdown"))
    assert len(re.findall(r"^# .+", text, re.MULTILINE)) == 1, "a chapter has one title"
    for heading in HEADINGS:
        pattern = rf"^(#+ |:+\s*{{admonition}} ){heading}\b"
        assert re.search(pattern, text, re.MULTILINE | re.IGNORECASE), f"no part {heading!r}"
    assert "{solution" in text, "exercises come with folded solutions"
    assert ":class: dropdown" in text, "solutions are folded"
    assert "{cite" in text, "a chapter cites its sources"


@each_chapter
def test_text_comes_before_code(chapter):
    kinds = [cell["cell_type"] for cell in chapter.notebook()["cells"]]
    assert kinds[0] == "markdown"
    assert kinds[-1] == "markdown"
    assert "code code code code" not in " ".join(kinds), "four code cells without a word between"


@each_chapter
def test_code_cells_are_short_and_python(chapter):
    for cell in cells(chapter, "code"):
        text = source(cell)
        lines = [line for line in text.splitlines() if line.strip()]
        if "parameters" not in tags(cell):
            assert len(lines) <= LONGEST_CELL, f"{len(lines)} lines; move logic into the package:\n{text}"
        ast.parse(text)


@each_chapter
def test_figures_say_what_they_show(chapter):
    shown = 0
    for cell in cells(chapter, "code"):
        tree = ast.parse(source(cell))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        names = [ast.unparse(call.func) for call in calls]
        assert "plt.show" not in names, "use c2f.plotting.figures.show(figure, alt=...)"
        shows = [call for call, name in zip(calls, names, strict=True) if name == "show"]
        assert len(shows) <= 1, "one figure a cell"
        shown += len(shows)
        for call in shows:
            alt = next((k.value for k in call.keywords if k.arg == "alt"), None) or call.args[1]
            assert not isinstance(alt, ast.Constant), f"the text should come from the data: {ast.unparse(alt)}"
    assert shown, "a chapter shows a figure or more"


@each_chapter
def test_nothing_belongs_to_one_machine(chapter):
    text = "\n".join(source(cell) for cell in chapter.notebook()["cells"])
    assert not re.search(r"/home/|/Users/|/tmp/|[A-Z]:\\\\", text)
    assert "if quick" not in text.lower()
