"""The demonstrations' modules: joined to one script each, and formatted, linted and typed by tools of pinned versions."""

import shutil
import subprocess
import sys

import pytest

from c2f.book import live
from c2f.book.chapters import ROOT
from c2f.common.outside import offline

SOURCES = ROOT / "book" / "live"
TOOLS = {
    "biome": ("@biomejs/biome@2.6.8", ["biome", "ci", "."]),
    "tsc": ("typescript@5.9.3", ["tsc", "--project", "."]),
}


def test_modules_are_joined_each_once_and_what_is_imported_first(tmp_path):
    (tmp_path / "low.js").write_text("export const low = 1;\n")
    (tmp_path / "middle.js").write_text('import { low } from "./low.js";\nexport const middle = low + 1;\n')
    (tmp_path / "top.js").write_text(
        'import { low } from "./low.js";\nimport { middle } from "./middle.js";\n'
        "export async function begin() {\n  return low + middle;\n}\n"
    )
    assert live.joined(tmp_path / "top.js") == (
        "(() => {\nconst low = 1;\nconst middle = low + 1;\nasync function begin() {\n  return low + middle;\n}\n"
        'c2fLive.demos["top"] = (stage, data) => begin(stage, data["top"]);\n})();\n'
    )


@pytest.mark.parametrize("name", live.TITLES)
def test_nothing_of_a_module_is_left_in_a_plain_script(name):
    script = live.joined(SOURCES / f"{name}.js")
    assert not [line for line in script.splitlines() if line.startswith(("import", "export"))]
    node = shutil.which("node")
    if node:
        subprocess.run([node, "--check", "-"], input=script, text=True, check=True)


def test_a_module_that_is_not_joined_is_refused(tmp_path):
    (tmp_path / "top.js").write_text('import low from "./low.js";\nexport async function begin() {}\n')
    with pytest.raises(live.LiveError, match="import low"):
        live.joined(tmp_path / "top.js")


@pytest.mark.parametrize("tool", TOOLS)
def test_sources_are_formatted_linted_and_typed(tool):
    package, command = TOOLS[tool]
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("no npx here, so that the scripts are not checked: apt install npm")
    call = [npx, "--yes", "--ignore-scripts", *(["--offline"] if offline() else []), f"--package={package}"]
    if subprocess.run([*call, "--", command[0], "--version"], capture_output=True, cwd=SOURCES).returncode:
        pytest.skip(f"{package} could not be fetched, so that the scripts are not checked by it")
    done = subprocess.run([*call, "--", *command], capture_output=True, text=True, cwd=SOURCES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_book_that_has_not_changed_waits_for_no_torch():
    said = "import sys; from c2f.book import pages, live, vendor; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], capture_output=True, text=True).stdout == "False\n"
