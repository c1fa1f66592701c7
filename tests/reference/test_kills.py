import json
import subprocess
import sys
from pathlib import Path

import pytest

_CLOCKS = ("environment", "checksum")
"""Of a record: when and how fast it was made, and the digest of that too; numbers in seconds are the others."""


def without_clocks(value):
    if isinstance(value, dict):
        kept = {key: entry for key, entry in value.items() if key not in _CLOCKS and "seconds" not in key}
        return {key: without_clocks(entry) for key, entry in kept.items()}
    return [without_clocks(entry) for entry in value] if isinstance(value, list) else value


def contents(folder):
    """All files by their paths, locks left out: bytes, and of records all but what a clock says."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {
        str(path.relative_to(folder)): without_clocks(json.loads(path.read_text()))
        if path.suffix == ".json"
        else path.read_bytes()
        for path in files
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("kills")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("kills.py"), place], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    at_random, at_writes = map(int, done.stdout.splitlines()[-1].split())
    assert at_random >= 4
    assert at_writes >= 15
    return place


@pytest.mark.parametrize("way", ["random", "write"])
def test_runs_that_were_killed_again_and_again_are_those_of_an_unbroken_call(folders, way):
    unbroken, broken = contents(folders / "never"), contents(folders / way)
    assert len(unbroken) == 16
    assert sorted(broken) == sorted(unbroken)  # and nothing is left over
    for name, content in unbroken.items():
        assert broken[name] == content, name
