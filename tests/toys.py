"""Small chapters and a small book, written into a test's own folder."""

import json
from pathlib import Path

PARAMETERS = """epochs = 3  # passes over the training pictures
lr = 0.1  # learning rate
name = "lenetfc"  # the network
seeds = [0, 1]  # of the repetitions
limit: int | None = None  # use so many pictures
augment = False  # whether to move them
"""
PROFILE = "{epochs: 2, lr: 1e-4, name: nin, seeds: [0], limit: null, augment: true}"
"""A profile's row of these."""


def code(source: str, *tags: str) -> dict:
    return {
        "cell_type": "code",
        "metadata": {"tags": list(tags)},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def text(source: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def write_notebook(path: Path, cells: list[dict]) -> Path:
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}))
    return path


def write_executed(path: Path, cells: list[dict]) -> Path:
    """Write a notebook as an execution leaves it, with what it cost."""
    write_notebook(path, cells)
    notebook = json.loads(path.read_text())
    notebook["metadata"]["c2f"] = {
        "profile": "quick", "parameters": {"epochs": 3}, "seconds": 61.4, "peak_mib": 800.0, "threads": 2, "gpu": "",
        "made": {"date": "2026-11-29T17:30+00:00", "commit": "0123456789abcdef+", "processor": "a CPU",
                 "versions": {"python": "3.11", "torch": "2.12"}},
    }  # fmt: skip
    path.write_text(json.dumps(notebook))
    return path


def write_chapter(book: Path, name: str, *cells: str, parameters: str = PARAMETERS) -> Path:
    """Write a chapter with the check of its parameters and one figure, and ``cells`` behind."""
    check = f"""import pathlib
from c2f.book.chapters import check_parameters
check_parameters({name!r}, globals(), book=pathlib.Path({str(book)!r}))"""
    figure = """import matplotlib.pyplot as plt
from c2f.plotting.figures import show
figure, ax = plt.subplots(figsize=(2, 1))
ax.plot(range(epochs))
show(figure, f"A line that rises from 0 to {epochs - 1} in {epochs} steps", "It rises.")"""
    return write_notebook(
        book / f"{name}.ipynb",
        [text(f"# About {name}\n\nWith $x^2$."), code(parameters, "parameters"), code(check), code(figure)]
        + [code(cell) for cell in cells],
    )


def write_book(root: Path, *chapters: str, config: Path) -> None:
    """Write the front page and the table of contents of a book with ``chapters``, which are there already."""
    (root / "_config.yml").write_text(config.read_text())
    toc = "format: jb-book\nroot: book/index\nchapters:\n"
    (root / "_toc.yml").write_text(toc + "".join(f"  - file: book/{name}\n" for name in chapters))
    (root / "book" / "index.md").write_text("# A book\n\nHello.\n")
    (root / "book" / "references.bib").write_text("")
    cards = {name[:2]: {"after": [], "know": "how to read", "try": {"epochs": 5}} for name in chapters}
    (root / "book" / "cards.yml").write_text(json.dumps(cards))
    (root / "book" / "_static").mkdir(exist_ok=True)
    (root / "book" / "_static" / "book.css").write_text("")
    (root / "book" / "_static" / "favicon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")


COLOURS = {"blue": (40, 40, 200), "green": (40, 200, 40), "red": (200, 40, 40)}
OWN = """
from torch import nn
from c2f.networks import OwnNetwork


class Colour(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1, bias=False)
        self.conv.weight.data = 9 * nn.init.dirac_(self.conv.weight.data).flip(0)  # blue, green, red

    def forward(self, x):
        return self.conv(x).mean(dim=(2, 3))


def build():
    return OwnNetwork(Colour(), image_size=16, classes=("blue", "green", "red"))


def bare():
    return Colour()


def broken():
    return {"a": 1}


def fails():
    raise KeyError("weights")
"""
"""A file of the user's own: a network that knows three colours, without training."""


def write_colours(folder: Path, count: int = 4, names: dict[str, str] | None = None, size: int = 20) -> Path:
    """Write ``count`` photographs of each colour into class folders of ``folder``, called by ``names``."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        place = folder / (names or {}).get(name, name)
        place.mkdir(parents=True, exist_ok=True)
        for i in range(count):
            noisy = np.clip(np.array(colour) + random.normal(0, 20, (size, size + 4, 3)), 0, 255)
            Image.fromarray(noisy.astype(np.uint8)).save(place / f"{i}.png")
    return folder


def write_own(folder: Path) -> str:
    """Write the user's own file; return ``FILE.py:build``."""
    (folder / "mine.py").write_text(OWN)
    return f"{folder / 'mine.py'}:build"
