#!/usr/bin/env bash
# A good guess: viewcode makes a page of source for each module that is documented. A documented alias of a subscripted
# class, Ordered = OrderedDict[str, int], says of itself that it lives in the class's module: viewcode publishes the whole
# source of Python's collections beside one's own, lists it in the overview of modules, and nothing on the documented
# page links there. An alias of the bare class does the same; one of list[str], whose module has no source, does not, so
# that it depends on what is aliased. With a library's class it is that library's code, under one's own name and licence.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile sphinx==7.4.7

mkdir source
cat > source/conf.py << 'EOF'
import sys

sys.path.insert(0, ".")
project = "mine"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.viewcode"]
EOF
printf 'Mine\n====\n\n.. automodule:: mine\n   :members:\n' > source/index.rst

cat > look.py << 'EOF'
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HEAD = '"""Mine."""\nfrom collections import OrderedDict\n'
FUNCTION = 'def first(pair):\n    """Return the first."""\n    return pair[0]\n'


def modules(alias):
    Path("source/mine.py").write_text(f'{HEAD}{alias}\n"""An alias."""\n{FUNCTION}')
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-E", "-b", "html", "source", f"out{len(alias)}"]
    subprocess.run(command, check=True, cwd=".", env={"PYTHONPATH": "source"})
    out = Path(f"out{len(alias)}")
    assert "_modules/collections" not in (out / "index.html").read_text()
    return sorted(page.stem for page in (out / "_modules").glob("*.html") if page.stem != "index")


print("versions: sphinx", version("sphinx"))
print("guess: a page of source for mine, whatever it holds")
seen = {alias: modules(alias) for alias in ("Few = list[str]", "Ordered = OrderedDict[str, int]", "Ordered = OrderedDict")}
for alias, pages in seen.items():
    print(f"seen:  {alias}: {', '.join(pages)}")
assert list(seen.values()) == [["mine"], ["collections", "mine"], ["collections", "mine"]], seen
EOF
venv/bin/python look.py 2> log || { cat log; exit 1; }
