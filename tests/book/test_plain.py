"""Chapters for plain Jupyter."""

import json
import re

import pytest

from c2f.book.chapters import BOOK, chapters, source
from c2f.book.plain import Work, plain, read_works
from tests.toys import code, text

WORKS = {
    "one": Work(("Bar",), "2006", "Bar. A. 2006."),
    "two": Work(("Ho", "Li"), "2020", "Ho, Li. B. 2020."),
    "three": Work(("Jégou", "B", "C"), "2017", "Jégou, B, C. C. 2017."),
}


@pytest.mark.parametrize(
    ("myst", "said"),
    [
        (":::{admonition} Aims\n:class: aims\nOne.\n\n- two\n:::\nAfter.", "> **Aims**\n>\n> One.\n>\n> - two\nAfter."),
        ("```{exercise} Title\n:label: ex\nDo it.\n```", "**Exercise: Title**\n\nDo it."),
        (
            "```{solution} ex\n:class: dropdown\n\n    code()\n```",
            "<details><summary>Solution</summary>\n\n    code()\n\n</details>",
        ),
        ("## Waves\n\n```{index} wave, blur\n```\n\nSlow ones.", "## Waves\n\n\n\nSlow ones."),
        ("Seen {cite}`one, three`.", "Seen (Bar, 2006; Jégou et al., 2017)."),
        ("As {cite:t}`two` say.", "As Ho and Li, 2020 say."),
        ("a {term}`blur` and {term}`blurs <blur>`", "a blur and blurs"),
        ("```python\n{cite}\n```", "```python\n{cite}\n```"),
    ],
)
def test_the_book_s_markdown_becomes_everybody_s(myst, said):
    assert plain({"cells": [text(myst)]}, WORKS)["cells"][0]["source"] == said


def test_the_list_of_works_holds_those_that_the_notebook_cites():
    cells = [text("{cite}`two` and {cite}`one,two`"), code("{cite}`three`"), text("```{bibliography}\n:filter: x\n```")]
    assert plain({"cells": cells}, WORKS)["cells"][2]["source"] == "- Bar. A. 2006.\n- Ho, Li. B. 2020."


def test_a_work_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="four"):
        plain({"cells": [text("{cite}`four`")]}, WORKS)


def test_nothing_of_the_book_s_own_markdown_is_left_in_its_chapters():
    works = read_works(BOOK / "references.bib")
    assert str(works["jegou2017one"]) == "Jégou et al., 2017"
    for chapter in chapters():
        before = json.dumps(chapter.notebook())
        made = plain(chapter.notebook(), works)
        assert json.dumps(chapter.notebook()) == before
        for cell in made["cells"]:
            if cell["cell_type"] == "markdown":
                assert not re.search(r"^[:`]{3,}\{|\{(cite|term|ref|doc|numref)[:a-z]*\}`", source(cell), re.MULTILINE)
