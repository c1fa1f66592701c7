#!/usr/bin/env bash
# A good guess: papermill gives a notebook the same parameter by -p NAME VALUE, by -y and by a file (-f). The first is
# read by rules of papermill's own, the others as YAML 1.1, and of the words that people write for numbers half come out
# differently: 1e-3 is a number by -p and a text by YAML, 010 is ten and eight, 1:30 a text and ninety, null a text and
# None, nan a number and a text. Nothing is said, and a text goes far in a notebook before it meets a sum. Whoever moves
# parameters from a command line into a file has to look at each; a notebook should check its parameters' types.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile papermill==2.7.0 pyyaml==6.0.4

venv/bin/python -I - << 'EOF'
import json
from importlib.metadata import version
from pathlib import Path

from click.testing import CliRunner
from papermill.cli import papermill

cell = {"cell_type": "code", "id": "a", "metadata": {"tags": ["parameters"]}, "outputs": [], "execution_count": None}
kernel = {"name": "python3", "language": "python", "display_name": "Python"}
notebook = {"cells": [{**cell, "source": "x = 0"}], "metadata": {"kernelspec": kernel}, "nbformat": 4}
Path("in.ipynb").write_text(json.dumps({**notebook, "nbformat_minor": 5}))


def given(*how):
    """The parameter x as papermill writes it into the notebook; nothing is executed."""
    done = CliRunner().invoke(papermill, ["in.ipynb", "out.ipynb", "--prepare-only", *how])
    assert done.exit_code == 0, done.output
    return json.loads(Path("out.ipynb").read_text())["metadata"]["papermill"]["parameters"]["x"]


print("versions:", *(f"{name} {version(name)}" for name in ("papermill", "pyyaml")))
print("guess: -p x WORD and -y 'x: WORD' give the same")
seen = {}
for word in ("1e-3", "010", "1:30", "0x10", "null", "nan", "yes", "0.5", "1_000"):
    seen[word] = given("-p", "x", word), given("-y", f"x: {word}")
    print(f"seen:  {word:6} by -p {seen[word][0]!r:8} by -y {seen[word][1]!r}")
assert seen.pop("nan")[1] == "nan"  # by -p it is nan, which equals nothing
assert seen == {
    "1e-3": (0.001, "1e-3"),
    "010": (10, 8),
    "1:30": ("1:30", 90),
    "0x10": ("0x10", 16),
    "null": ("null", None),
    "yes": ("yes", True),
    "0.5": (0.5, 0.5),
    "1_000": (1000, 1000),
}
EOF
