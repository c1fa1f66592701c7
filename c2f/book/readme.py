"""What the README tells of the book, written by ``c2f book --readme``: what each chapter costs, and where to clone."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from c2f.book.pages import BookError
from c2f.book.site import Site, name_project
from c2f.common.files import write_text

if TYPE_CHECKING:
    from c2f.book.build import Executed


def write_costs(readme: Path, executed: "Sequence[Executed]") -> None:
    """Put into the ``readme``'s row of each chapter how long it took and its largest memory.

    A row is ``| 1 | [title](book/NAME.ipynb) | what you see | COST | with the papers' recipes |``.

    Raises:
        BookError: a chapter has no such row, or more than one; nothing is written then.
        OSError: the file cannot be read or written.
    """
    text = readme.read_text(encoding="utf-8")
    for done in executed:
        row = rf"^(\|[^|\n]*\| \[[^]\n]*\]\(book/{re.escape(done.chapter)}\.ipynb\) \|[^|\n]*\| )[^|\n]*( \|.*)$"
        cost = f"{done.seconds:.0f} s, {done.peak_mib / 1024:.1f} GiB"
        text, rows = re.subn(row, rf"\g<1>{cost}\g<2>", text, flags=re.MULTILINE)
        if rows != 1:
            raise BookError(f"{readme} has {rows} rows of {done.chapter} in its table of chapters, and must have one")
    write_text(readme, text)


def write_address(readme: Path, site: Site) -> None:
    """Put the project's address into the ``readme``'s line of ``git clone``."""
    write_text(readme, name_project(readme.read_text(encoding="utf-8"), site))
