#!/usr/bin/env bash
# A good guess: a handler that a cell sets with signal.signal holds until another is set, as in a script, so that a long
# loop in a later cell can finish its step and save when it is interrupted. ipykernel sets Python's own SIGINT handler
# back before every cell: the handler holds to the end of its own cell, and the next one is stopped by KeyboardInterrupt
# without it having been asked. A handler of SIGTERM stays. Set it in the cell that holds the long work, or around it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile ipykernel==7.4.0 nbclient==0.11.0 nbformat==5.11.1

venv/bin/python -W ignore - << 'EOF' 2> log || { cat log; exit 1; }
from importlib.metadata import version

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

CELLS = (
    """import signal
def save(*_):
    saved.append(True)
saved = []
for kind in (signal.SIGINT, signal.SIGTERM):
    signal.signal(kind, save)
signal.raise_signal(signal.SIGINT)
print(len(saved))""",
    """try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("KeyboardInterrupt")
print(len(saved))""",
    "signal.raise_signal(signal.SIGTERM)\nprint(len(saved))",
)
book = new_notebook(cells=[new_code_cell(cell) for cell in CELLS])
NotebookClient(book, kernel_name="python3").execute()
first, second, third = (cell.outputs[0]["text"].split() for cell in book.cells)
print(f"versions: ipykernel {version('ipykernel')}, nbclient {version('nbclient')}")
print("guess: the handler is called three times: in its own cell, in the next, and by SIGTERM in the last")
print(f"seen:  own cell, SIGINT: called {first[0]} time; next cell, SIGINT: {second[0]}, called {second[-1]} time")
print(f"seen:  last cell, SIGTERM: called {third[0]} times in all")
assert first == ["1"] and second == ["KeyboardInterrupt", "1"] and third == ["2"]
EOF
