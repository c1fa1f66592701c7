"""The chapters on a reader's own folder: every cell runs, and no word of garments stands beside other pictures."""

import ast
import importlib.util
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

import c2f.plotting
from c2f.book.chapters import BOOK, find, source, tags
from c2f.book.profiles import profile_values
from c2f.reference import own_pictures

drawing = importlib.util.spec_from_file_location("draw", BOOK / "own-pictures" / "draw.py")
draw = importlib.util.module_from_spec(drawing)
drawing.loader.exec_module(draw)

SMALL = {
    "05": {"seeds": [0, 1]},
    "06": {},
    "07": {},
    "09": {"shown": [0, 1]},
    "10": {"train_pictures": 8, "glimpses": 2},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A place with a folder of class folders in it, coloured and grey photographs of many sizes."""
    found = tmp_path_factory.mktemp("own")
    for number in range(24):
        kind = ("ball", "cup")[number % 2]
        (found / "things" / kind).mkdir(parents=True, exist_ok=True)
        picture = draw.photograph(kind, np.random.default_rng(number))
        picture.convert("RGB" if number % 3 else "L").save(found / "things" / kind / f"{number}.jpg")
    return found


def run(chapter, given, monkeypatch):
    """Run the code cells of a chapter in this process; return what it says, and what came out."""
    said, box = [], []

    def show(figure, alt, caption):
        plt.close(figure)
        said.extend([alt, caption])

    monkeypatch.setattr(c2f.plotting, "show", show)
    monkeypatch.setattr(c2f.plotting, "came_out", lambda *findings: box.extend(findings))
    names = {"print": lambda *words, **how: said.append(" ".join(map(str, words)))}
    for cell in chapter.notebook()["cells"]:
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse(source(cell))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, chapter.name, "exec"), names)
        if "parameters" in tags(cell):
            names.update(given)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), chapter.name, "eval"), names)
            said.append(getattr(value, "data", None) or (value.to_string() if hasattr(value, "to_string") else ""))
    return [*map(str, said), *box], box


@pytest.mark.parametrize("number", SMALL)
def test_a_chapter_runs_on_a_folder_and_speaks_of_it(number, place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setattr(own_pictures, "STEPS", 4)
    chapter = find(number)
    given = {**profile_values(chapter, "smallest"), **SMALL[number], "data": "folder:things"}
    said, box = run(chapter, given, monkeypatch)
    note = "**These are pictures of your own**: 20 to train on and 4 to test on, of 2 classes (ball, cup)"
    assert sum(text.startswith(note) for text in said) == 1
    assert any(re.match("Left out: .*Nobody has said where the objects in these pictures are", text) for text in box)
    words = re.compile(r"garment|fashion|trouser|\bon (the )?scenes|of the scenes", re.IGNORECASE)
    assert [text for text in said if words.search(text)] == []
