"""The README's picture of the house is the house."""

import re
from pathlib import Path

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
