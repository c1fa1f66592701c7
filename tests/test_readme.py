"""The READMEs tell what is there: the house's rooms, the folders of data/, names of the package."""

import re
from pathlib import Path
from pkgutil import resolve_name

from c2f.reference import carrying

ROOT = Path(__file__).parents[1]


def test_the_tree_shows_every_room_and_no_other():
    block = re.search(r"```\nc2f/\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    shown, parent = [], ""
    for indent, room, words in re.findall(r"^( +)(\w+)/ +(\S.*)$", block[1], re.MULTILINE):
        parent = room if len(indent) == 2 else parent
        shown.append(room if len(indent) == 2 else f"{parent}/{room}")
        assert words
    there = {path.parent.relative_to(ROOT / "c2f").as_posix() for path in (ROOT / "c2f").glob("*/__init__.py")}
    there |= {f"experiments/{path.parent.name}" for path in (ROOT / "c2f" / "experiments").glob("*/__init__.py")}
    assert sorted(shown) == sorted(there)


def test_every_folder_of_data_is_told_of():
    text = (ROOT / "data" / "README.md").read_text()
    there = {path.name for path in (ROOT / "data").iterdir() if path.is_dir()}
    told = there | {*carrying.CARRIED} | set(filter(None, carrying.folders()))
    assert [folder for folder in sorted(told) if f"{folder}/" not in text and f"`{folder}`" not in text] == []


def test_names_of_the_package_are_there():
    pages = [
        ROOT / "README.md",
        ROOT / "data" / "README.md",
        *(ROOT / "book").glob("*.md"),
        *(ROOT / "book").glob("*.ipynb"),
    ]
    text = "\n".join(page.read_text() for page in pages)
    for name in set(re.findall(r"`(c2f(?:\.\w+)+)", text)):
        resolve_name(name)
    paths = set(re.findall(r"`((?:c2f|tests|benchmarks|data)/[\w/]+\.py)", text))
    assert [path for path in sorted(paths) if not (ROOT / path).is_file()] == []


def test_nobody_is_told_to_install_another_package_of_this_name():
    """On the package registry ``c2f`` is somebody else's, and ``coarse-to-fine`` nobody's yet."""
    told = re.compile(r"pip install[^\n`]*\b(c2f|coarse-to-fine)\b|\b(c2f|coarse-to-fine)\[[a-z]+\]")
    places = [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "book").glob("*.md"),
        *(ROOT / "book").glob("*.ipynb"),
        *(ROOT / "c2f").rglob("*.py"),
        *(ROOT / ".github" / "workflows").glob("*.yml"),
    ]
    assert [path.name for path in places if told.search(path.read_text(encoding="utf-8"))] == []
