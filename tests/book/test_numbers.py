"""No result is typed in a chapter's text: a number there is a constant whose source book/constants.yml names."""

import json
import re

import pytest
import yaml

from c2f.book.chapters import BOOK, chapters, source

CONSTANTS = yaml.safe_load((BOOK / "constants.yml").read_text(encoding="utf-8"))
NOT_PROSE = (r"(?s)```.*?```", r"(?s)\$\$.*?\$\$", r"`[^`]*`", r"\$[^$]*\$", r"\]\([^)]*\)", r"(?m)^(?: {4}|\t).*$")
"""Code, formulas, links and indented code."""
NUMBER = re.compile(r"(?<![\w.,#-])\d+(?:,\d{3})*(?:\.\d+)?\s?%|(?<![\w.,])\d+(?:,\d{3})*\.\d+(?!\w|\.\d)")


def numbers(text):
    """Return the numbers with a decimal point or a percent sign that ``text`` says."""
    for pattern in NOT_PROSE:
        text = re.sub(pattern, " ", text)
    return {re.sub(r"\s?%", " %", found) for found in NUMBER.findall(text)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It keeps 44.2 % of 1,000.5 pictures", {"44.2 %", "1,000.5"}),
        ("half, 3 of 4, chapter 2, `0.5`, $0.3$, [a](b-0.7.md), version 1.2.3", set()),
        ("a 95% interval.\n\n    x = 0.25\n", {"95 %"}),
        ("$$\n0.5^2\n$$ and 0.25", {"0.25"}),
    ],
)
def test_numbers_are_found_where_they_are_said(text, found):
    assert numbers(text) == found


@pytest.mark.parametrize("chapter", chapters(), ids=lambda chapter: chapter.number)
def test_every_number_of_a_chapters_text_has_a_source(chapter):
    cells = json.loads(chapter.path.read_text(encoding="utf-8"))["cells"]
    said = set().union(*(numbers(source(cell)) for cell in cells if cell["cell_type"] == "markdown"))
    known = {str(number) for number in CONSTANTS.get(chapter.number, {})}
    assert said - known - set(CONSTANTS["everywhere"]) == set(), "make it by a cell, or name its source"
    assert known - said == set(), "no longer said: take it out"
