"""The page of costs holds what the record holds."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from c2f.book import costs as page
from c2f.book.chapters import ROOT
from c2f.book.pages import stage
from c2f.plotting.figures import alt_problem
from c2f.runs.costs import PLAIN, Fit, Growth, Row, read
from c2f.runs.record import RecordError

BOOK = ROOT / "book"


def cells(table):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_a_table_has_every_row_with_its_ratio_and_spread():
    rows = [
        Row("training", "nin", "w", "pictures/s", 2, {"ours": [2.0, 9.0, 4.0], PLAIN: [1.0, 3.0, 4.0]}, differ=0),
        Row("training", "memory", "w", "MiB", 2, {"other": [1000.0, 2000.0]}),
    ]
    assert cells(page.table(rows)) == [
        ["", "in", "plain", "ours", "other", "differ"],
        ["---", "---", "---:", "---:", "---:", "---:"],
        ["nin", "pictures/s", "3.00", "4.00 (**2.00**, 1.00 to 3.00)", "", "0"],
        ["memory", "MiB", "", "", "1,500 (1,000 to 2,000)", ""],
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0.01234, "0.0123"), (1.005, "1.00"), (98.76, "98.8"), (1234.5, "1,234"), (0, "0")]
)
def test_numbers_have_three_digits(value, text):
    assert page.number(value) == text


def test_the_page_that_ships_is_filled_from_the_record_that_ships(tmp_path):
    stage(ROOT, tmp_path / "site", {})
    text, costs = (tmp_path / "site" / "book" / page.PAGE).read_text(), read(BOOK / page.RECORD)
    assert "<!-- costs" not in text
    shown = [line for line in text.splitlines() if line.startswith("| ")]
    for row in costs.rows:
        wanted = [page.number(row.median(side)) for side in row.sides]
        if PLAIN in row.sides:
            wanted += [f"(**{row.times(side).median:.2f}**, " for side in row.sides if side != PLAIN]
        name = f"`{row.name}`" if row.name == "c2f --help" else row.name
        lines = [line for line in shown if line.startswith(f"| {name} | {row.unit} |")]
        assert any(all(text in line for text in wanted) for line in lines)
    for one in costs.growth:
        assert any(line.startswith(f"| {one.name} |") and f"{one.fit.slope:.2f} (" in line for line in shown)
    assert costs.environment["device"] in text
    assert alt_problem(re.search(r":alt: (.*)", text)[1]) is None
    figure = ElementTree.parse(tmp_path / "site" / "book" / page.FIGURE).getroot()
    assert float(figure.get("width").removesuffix("pt")) <= 7 * 72
    before = (tmp_path / "site" / "book" / page.FIGURE).read_bytes()
    stage(ROOT, tmp_path / "site", {})
    assert (tmp_path / "site" / "book" / page.FIGURE).read_bytes() == before


def test_no_number_of_the_page_is_typed():
    prose = (BOOK / page.PAGE).read_text()
    assert re.findall(r"\d+(?:\.\d+)?(?: times| s\b| ms|,\d)", prose) == []


def test_the_figure_shows_each_curve_beside_the_peak():
    fit = Fit("power", 1.0, 0.9, 1.1, 0.0)
    growth = [Growth(f"curve {n}", "glimpses", [1.0, 2.0, 4.0], [[1.0]] * 3, [10.0, 20.0, 40.0], fit) for n in range(4)]
    costs = read(BOOK / page.RECORD)
    figure = page.draw(type(costs)(1, costs.environment, costs.rows, growth))
    assert len(figure.axes) == 4
    dashed = figure.axes[3].get_lines()[-1]
    assert list(dashed.get_ydata()) == pytest.approx([work / page.peak(costs) for work in (10, 20, 40)])


def test_a_page_without_its_record_is_refused(tmp_path):
    (tmp_path / page.PAGE).write_text("<!-- costs: training -->")
    with pytest.raises(RecordError, match="no record of costs"):
        page.fill(tmp_path)
