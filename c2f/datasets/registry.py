"""Data sets by name: the rows of ``c2f.datasets.table``."""

from c2f.common.checks import choose
from c2f.datasets.row import Info
from c2f.datasets.table import ROWS

INFO: dict[str, Info] = {row.name: row for row in ROWS}


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
