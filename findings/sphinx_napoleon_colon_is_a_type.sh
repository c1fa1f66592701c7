#!/usr/bin/env bash
# A good guess: in the docstring below a module's constant every word is text. Napoleon, which reads Google's style, takes
# what stands before the first colon of its first line for the constant's type: it is left out of the text, and a
# strict build (-n -W) ends with "reference target not found". So "Seconds: of one step" loses its first word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet sphinx==8.2.3

mkdir source
cat > source/limits.py << 'EOF'
LIMIT = 0.9
"""Seconds: as long as one step may take."""
OTHER = 0.9
"""Seconds, as long as one step may take."""
EOF
cat > source/conf.py << 'EOF'
import os, sys
sys.path.insert(0, os.path.dirname(__file__))
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
EOF
printf 'Limits\n======\n\n.. automodule:: limits\n   :members:\n' > source/index.rst

venv/bin/python -m sphinx -q -n -b text source built 2> warnings.txt || true
venv/bin/python - << 'EOF'
from importlib.metadata import version

text, warnings = open("built/index.txt").read(), open("warnings.txt").read()
print("versions: sphinx", version("sphinx"))
print("guess: both constants have the text 'Seconds... as long as one step may take', and nothing is warned of")
print("seen: ", " | ".join(line.strip() for line in text.splitlines() if line.strip()))
print("seen: ", " | ".join(line.split("WARNING: ")[-1] for line in warnings.splitlines()))
assert "Seconds, as long as one step may take." in text
assert "Type:" in text and "Seconds: as long" not in text
assert "reference target not found: Seconds" in warnings
EOF
