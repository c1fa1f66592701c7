#!/usr/bin/env bash
# A good guess: a cell with the tag raises-exception may raise, and the notebook counts as sound: so nbclient,
# nbconvert and Jupyter Book take it. papermill runs on behind that cell to the end, marks every cell "completed" and
# without exception, and only then raises PapermillExecutionError (its command fails). A chapter that shows an error on
# purpose is built by the book and refused by papermill: catch the error in the cell and print it.
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
from nbformat.v4 import new_code_cell, new_notebook

print(f"versions: papermill {papermill.__version__}, nbformat {nbformat.__version__}")
kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
expected = new_code_cell("[][1]", metadata={"tags": ["raises-exception"]})
sources = ["print('early')", expected.source, "print('late')"]
notebook = new_notebook(metadata=kernel, cells=[new_code_cell(sources[0]), expected, new_code_cell(sources[2])])
nbformat.write(notebook, "in.ipynb")

NotebookClient(nbformat.read("in.ipynb", 4)).execute()  # raises nothing
error = None
try:
    papermill.execute_notebook("in.ipynb", "out.ipynb", progress_bar=False)
except papermill.PapermillExecutionError as caught:
    error = caught
cells = [cell for cell in nbformat.read("out.ipynb", 4).cells if cell.source in sources]
marks = [(cell.metadata.papermill["status"], cell.metadata.papermill["exception"]) for cell in cells]
print("guess: papermill passes, as nbclient does, or stops at the tagged cell")
print(f"seen:  papermill raises {type(error).__name__} for {error.ename}; (status, exception) of the cells: {marks}")
print("seen:  the last cell ran:", cells[2].outputs[0].text.strip())
assert error is not None and error.ename == "IndexError"
assert marks == [("completed", False)] * 3
assert cells[2].outputs[0].text == "late\n"
EOF
