"""The commands of ``c2f``, a module for each group; importing this registers them in the order of ``--help``.

Thin: each command checks its arguments, calls the package and prints what comes back. What a command needs is imported
when it is called, so that ``--help`` is quick. What several have is told once, in ``c2f.cli.options``.
"""

from c2f.cli import (  # noqa: F401, I001
    training,
    attacks,
    localization,
    segmentation,
    highres,
    glimpses,
    corruptions,
    data,
    subset,
    references,
    chapters,
)
from c2f.cli.app import app

__all__ = ["app"]
