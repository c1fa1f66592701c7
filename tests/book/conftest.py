import pytest

from c2f.book.chapters import ROOT
from c2f.common.files import write_text
from tests.toys import PROFILE, write_book, write_chapter


@pytest.fixture
def root(tmp_path):
    """The top folder of a book of one chapter, with data and a profile."""
    write_chapter(tmp_path / "book", "01-a", "print(epochs)")
    write_book(tmp_path, "01-a", config=ROOT / "_config.yml")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "numbers.txt").write_text("1")
    write_text(tmp_path / "book" / "profiles" / "smallest.yaml", f"01-a: {PROFILE}")
    return tmp_path
