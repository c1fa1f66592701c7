#!/usr/bin/env bash
# A good guess: sys.exit(0) in a cell ends a notebook with an error, as a CellExecutionError, whoever runs it;
# papermill is built on nbclient, which does so. papermill takes SystemExit with the code 0 for a success: it returns,
# its command exits with 0, later cells never run and stay "pending". sys.exit(1) raises. A job that counts a notebook
# as done looks at the cells: any whose papermill status is not "completed" was not run to its end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile papermill==2.7.0 nbclient==0.11.0 ipykernel==7.4.0 nbformat==5.11.1

venv/bin/python -IW ignore - << 'EOF'
import nbformat
import papermill
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

print(f"versions: papermill {papermill.__version__}, nbformat {nbformat.__version__}")
kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def raised(call, *expected):
    """The name of the error that a call raises, or "nothing"."""
    try:
        call()
    except expected as error:
        return type(error).__name__
    return "nothing"


seen = {}
for code in (0, 1):
    sources = ["print('early')", f"import sys; sys.exit({code})", "print('late')"]
    nbformat.write(new_notebook(metadata=kernel, cells=[new_code_cell(source) for source in sources]), "in.ipynb")
    client = NotebookClient(nbformat.read("in.ipynb", 4))
    seen["nbclient", code] = raised(client.execute, CellExecutionError)
    seen["papermill", code] = raised(
        lambda: papermill.execute_notebook("in.ipynb", "out.ipynb", progress_bar=False),
        papermill.PapermillExecutionError,
    )
    cells = [cell for cell in nbformat.read("out.ipynb", 4).cells if cell.source in sources]
    status = [cell.metadata.papermill["status"] for cell in cells]
    print(f"guess: sys.exit({code}) raises under both")
    print(f"seen:  nbclient raises {seen['nbclient', code]}, papermill {seen['papermill', code]}; cells: {status}")
    assert status == ["completed", "failed", "pending"]
assert seen["nbclient", 0] == seen["nbclient", 1] == "CellExecutionError"
assert (seen["papermill", 0], seen["papermill", 1]) == ("nothing", "PapermillExecutionError")
EOF
