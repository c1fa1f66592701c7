"""Data sets by name: the rows of ``c2f.datasets.table``."""

from c2f.common.checks import choose
from c2f.datasets.row import Info
from c2f.datasets.table import ROWS

INFO: dict[str, Info] = {row.name: row for row in ROWS}
STANDS_FOR = {"cifar10-jpeg": "cifar10", "cifar10-jpeg-aug": "cifar10-aug"}
"""Data -> those of a paper beside which theirs are laid, the same pictures, but saved as JPEG files."""


def stand_in_note(data: str) -> str:
    """Return the name of data, with a note where they stand for others: what a table says beside a paper's number."""
    theirs = STANDS_FOR.get(data)
    return data if theirs is None else f"{data} (the paper: {theirs}, not from JPEG files)"


def names() -> list[str]:
    """Return the names of the data sets of the table; ``load`` also knows ``folder:PATH``."""
    return list(INFO)


def info(name: str) -> Info:
    """Return the row of the data set ``name``.

    Raises:
        ValueError: an unknown name, with the nearest known one.
    """
    choose(name, [*INFO, "folder:PATH"], "data set")
    return INFO[name]
