"""The house's floors: an import goes down or stays in its room, and no experiment imports another."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "c2f"
FLOORS = "__main__ | cli sweep | reference scorecard benchmark | experiments | zoo book | training | cam attacks corruptions metrics plotting"
FLOORS += " | networks datasets runs | common"
LEVEL = {room: level for level, rooms in enumerate(FLOORS.split("|")) for room in rooms.split()}


def wrong(module: str, source: str) -> list[str]:
    """Return what ``module`` imports from above, or from another experiment."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    here, found = module.split("."), []
    for name in sorted(name for name in names if name.startswith("c2f.") and name != "c2f.__version__"):
        there = name.split(".")
        across = here[1] == there[1] == "experiments" and here[2:3] != there[2:3]
        found += [f"{module} imports {name}"] * (across or LEVEL[there[1]] < LEVEL[here[1]])
    return found


def test_imports_go_down_and_experiments_stand_alone():
    files = {*PACKAGE.rglob("*.py")} - {PACKAGE / "__init__.py"}
    named = {".".join(("c2f", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in files}
    assert [fault for name, path in named.items() for fault in wrong(name, path.read_text())] == []


@pytest.mark.parametrize("line", ["from c2f.zoo import load", "from c2f import cli", "import c2f.experiments.highres"])
def test_a_planted_import_is_found(line):
    assert wrong("c2f.cam.maps", f"def late():\n    {line}")
    assert bool(wrong("c2f.experiments.glimpses.run", line)) == ("zoo" not in line)
