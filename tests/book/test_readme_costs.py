import re
import shutil

import pytest

from c2f.book.build import BookError, Executed
from c2f.book.chapters import ROOT, chapters
from c2f.book.readme import write_costs


def cost(chapter, seconds, peak_mib):
    return Executed(chapter, ROOT, True, seconds, peak_mib, 0.0, 1)


def test_every_chapters_cost_is_written_into_its_row(tmp_path):
    readme = tmp_path / "README.md"
    shutil.copy(ROOT / "README.md", readme)
    write_costs(readme, [cost(c.name, 100 + int(c.number), 1024 * 1.26) for c in chapters()])
    before, after = (path.read_text().splitlines() for path in (ROOT / "README.md", readme))
    assert len(before) == len(after)
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert len(changed) == len(chapters())
    for number, (a, b) in enumerate(changed, start=1):
        old, new = a.split(" | "), b.split(" | ")
        assert new.pop(3) == f"{100 + number} s, 1.3 GiB"
        assert re.fullmatch(r"\d+ s, \d+\.\d GiB", old.pop(3))
        assert new == old


def test_a_chapter_without_a_row_changes_nothing(tmp_path):
    readme = tmp_path / "README.md"
    row = "| 1 | [A](book/01-a.ipynb) | what | 1 s, 1.0 GiB | more |\n"
    for text in (row, row + row.replace("1 |", "2 |") + row):
        readme.write_text(text)
        with pytest.raises(BookError, match=r"has \d rows of "):
            write_costs(readme, [cost("01-a", 5, 1), cost("02-b", 5, 1)])
        assert readme.read_text() == text


def test_other_profiles_are_not_the_readmes(c2f):
    assert c2f("book", "--readme", "--profile", "smallest")[2] == (
        "c2f: the README tells what chapters cost in the profile quick, not in smallest\n"
    )
