"""Where the data lie that come with the book: in a clone, or in the package that a wheel was installed from."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
INSTALLED = (_PACKAGE / "data").is_dir()
"""Whether the package comes from a wheel, which puts the data into it (``pyproject.toml``), and not from a clone."""
DATA = _PACKAGE / "data" if INSTALLED else _PACKAGE.parent / "data"
"""The sample, the lists, the records and the weights; ``data/README.md`` tells of each folder."""


def restore(name: str) -> str:
    """Return how ``name`` of ``DATA`` is put in its place again, for an error's remedy."""
    return "pip install --force-reinstall --no-deps WHEEL" if INSTALLED else f"git checkout -- data/{name}"
