"""The files that install, run and publish the project, without a network."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import metadata

import pytest
import yaml
from packaging.requirements import Requirement

from c2f.book import site
from c2f.book.chapters import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CONDA_NAMES = {"torch": "pytorch"}


def load(path):
    workflow = yaml.safe_load(path.read_text())
    workflow["on"] = workflow.pop(True)  # YAML 1.1 reads on as true
    return workflow


def run_lines():
    """Yield (file, line) for every shell line of the workflows and of the Makefile's recipes."""
    for path in WORKFLOWS:
        for job in load(path)["jobs"].values():
            for step in job["steps"]:
                for line in step.get("run", "").splitlines():
                    yield path.name, line
    for line in (ROOT / "Makefile").read_text().splitlines():
        if line.startswith("\t"):
            yield "Makefile", line


def test_the_three_workflows_are_there():
    assert [path.stem for path in WORKFLOWS] == ["cpu", "gpu", "pages"]


@pytest.mark.parametrize(
    ("schema", "files"),
    [("github-workflows", WORKFLOWS), ("citation-file-format", [ROOT / "CITATION.cff"])],
)
def test_the_published_schema_holds(schema, files):
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        f"vendor.{schema}",
        *map(str, files),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_command_of_c2f_exists():
    sources = [ast.parse(path.read_text()) for path in (ROOT / "c2f" / "cli").glob("*.py")]
    known = {node.name for source in sources for node in ast.walk(source) if isinstance(node, ast.FunctionDef)}
    calls = re.compile(r"(?:\bbin|BIN\))/c2f (\w+)")
    used = {(file, command) for file, line in run_lines() for command in calls.findall(line)}
    assert {command for _, command in used} >= {"book", "run", "doctor"}
    for file, command in used:
        assert command in known, f"{file} calls 'c2f {command}', which is not there"


def test_every_make_target_and_file_named_exists():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets >= {"help", "install", "book", "test", "lint", "clean"}
    for file, line in run_lines():
        for target in re.findall(r"\bmake (\w+)", line) if file != "Makefile" else ():
            assert target in targets, f"{file} calls 'make {target}', which is not there"
    for entry in load(WORKFLOWS[0])["jobs"]["test"]["strategy"]["matrix"]["include"]:
        assert not entry["constraints"] or (ROOT / entry["constraints"]).is_file()


def test_actions_are_pinned_and_get_no_credentials():
    for path in WORKFLOWS:
        used = re.findall(r"uses: (.+)", path.read_text())
        assert used
        for line in used:
            assert re.fullmatch(r"actions/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), f"{path.name}: {line}"
        for job in load(path)["jobs"].values():
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] is False


def test_the_gpu_s_machine_is_named_by_a_variable_and_keeps_what_was_done():
    run = load(WORKFLOWS[1])["jobs"]["run"]
    assert run["runs-on"] == "${{ fromJSON(vars.GPU_RUNNER) }}"
    assert run["strategy"]["fail-fast"] is False
    checkout, *steps = run["steps"]
    assert checkout["with"]["clean"] is False
    assert [s["timeout-minutes"] for s in steps if "timeout-minutes" in s] == ["${{ matrix.minutes }}"] * 3
    saved = next(s for s in steps if s.get("uses", "").startswith("actions/cache/save@"))
    restored = next(s for s in steps if s.get("uses", "").startswith("actions/cache/restore@"))
    assert saved["if"] == "always()"
    assert (saved["with"]["path"], saved["with"]["key"]) == (restored["with"]["path"], restored["with"]["key"])
    assert saved["with"]["key"].startswith(restored["with"]["restore-keys"])
    for files in re.findall(r"hashFiles\((.+?)\)", (ROOT / ".github/workflows/gpu.yml").read_text()):
        assert all((ROOT / name).is_file() for name in re.findall(r"'(.+?)'", files))


def test_results_are_kept_also_of_a_failure():
    for name in ("cpu", "gpu"):
        steps = [s for job in load(ROOT / f".github/workflows/{name}.yml")["jobs"].values() for s in job["steps"]]
        uploads = [s for s in steps if s.get("uses", "").startswith("actions/upload-artifact")]
        assert uploads
        assert all(s["if"] == "always()" for s in uploads)


def test_what_is_weekly_never_keeps_a_push_waiting():
    jobs = load(WORKFLOWS[0])["jobs"]
    assert set(jobs) == {"test", "nightly", "systems"}
    assert all("schedule" in jobs[name]["if"] and "push" not in jobs[name]["if"] for name in ("nightly", "systems"))
    assert jobs["systems"]["strategy"]["matrix"] == {"system": ["macos-latest", "windows-latest"]}
    versions = [entry["versions"] for entry in jobs["test"]["strategy"]["matrix"]["include"]]
    assert versions == ["oldest", "tested", "newest"]


def test_chapters_run_on_as_many_runners_as_there_are_and_are_told_of():
    jobs = load(WORKFLOWS[1])["jobs"]
    assert "max-parallel" not in jobs["run"]["strategy"]
    assert jobs["page"]["needs"] == ["work", "run"]
    assert "always()" in jobs["page"]["if"]
    assert jobs["page"]["runs-on"] == "ubuntu-latest"


def test_triggers():
    gpu, pages = load(WORKFLOWS[1])["on"], load(WORKFLOWS[2])["on"]
    assert set(gpu) == {"schedule", "pull_request", "workflow_dispatch"}
    assert gpu["pull_request"]["types"] == ["labeled"]
    assert pages["push"]["tags"] == ["v*"]


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements():
    found = [Requirement(text) for text in project()["dependencies"]]
    for extra in project()["optional-dependencies"].values():
        found += [Requirement(text) for text in extra]
    return found


def test_the_oldest_versions_are_the_lower_bounds():
    """Of all that a user installs; the tools of the tests are the newest, for their verdict changes with them."""
    lines = (ROOT / ".github" / "constraints-oldest.txt").read_text().split()
    extras = {extra: needed for extra, needed in project()["optional-dependencies"].items() if extra != "test"}
    used = {Requirement(text) for text in sum(extras.values(), project()["dependencies"])}
    bounds = {f"{r.name}=={bound.version}" for r in used for bound in r.specifier if bound.operator == ">="}
    assert {r.name for r in used} == {Requirement(line).name for line in lines}
    assert lines == sorted(bounds)


def test_conda_installs_the_same_set():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    by_pip = next(d["pip"] for d in dependencies if isinstance(d, dict))
    lines = [d for d in [*dependencies, *by_pip] if isinstance(d, str) and not d.startswith("--")]
    conda = {r.name.lower(): r.specifier for r in map(Requirement, lines)}
    assert str(conda.pop("python")) == project()["requires-python"]
    conda.pop("pip")
    wanted = {CONDA_NAMES.get(r.name.lower(), r.name.lower()): r.specifier for r in requirements()}
    assert conda == wanted


def test_binder_installs_what_conda_and_the_notebooks_do():
    binder = yaml.safe_load((ROOT / ".binder" / "environment.yml").read_text())["dependencies"]
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert set(binder) - {"jupyterlab"} <= {one for one in conda if isinstance(one, str)}
    script = ROOT / ".binder" / "postBuild"
    assert script.stat().st_mode & 0o111
    installed = site.install_cell(site.Site("https://github.com/us/book"))["source"]
    for extra in ("[attacks]", "captum>=0.9"):
        assert extra in script.read_text()
        assert extra in installed


def test_constraints_pin_and_fit_the_bounds():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line) for line in lines)
    pinned = {line.partition("==")[0].lower().replace("_", "-"): line.partition("==")[2] for line in lines}
    for requirement in requirements():
        version = pinned.get(requirement.name.lower().replace("_", "-"))
        assert version is not None, f"constraints.txt lacks {requirement.name}"
        assert requirement.specifier.contains(version), f"{requirement.name} {version} is out of bounds"


def test_continuous_integration_runs_make_test():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().splitlines()[-1] == "exec make test"


@pytest.fixture
def make(tmp_path):
    """Calls ``make install`` for a virtual environment in ``tmp_path``."""
    if shutil.which("make") is None:
        pytest.skip("there is no make")

    def call(python):
        command = ["make", "-C", str(ROOT), "install", f"VENV={tmp_path / 'venv'}", "CONSTRAINTS=", f"PYTHON={python}"]
        return subprocess.run(command, capture_output=True, text=True)

    return call


def python_before(path, version):
    """Write a Python to ``path`` that says it is older than ``version`` by one patch."""
    before = [*map(int, version.split("."))]
    before[-1] -= 1
    path.parent.mkdir(exist_ok=True, parents=True)
    pretend = f"import sys; sys.version_info = (*{before}, 'final', 0)"
    path.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c \"{pretend}\n$2\"\n")
    path.chmod(0o755)


def test_make_says_what_is_missing(make, tmp_path):
    oldest = metadata("coarse-to-fine")["Requires-Python"].removeprefix(">=")
    old = tmp_path / "old-python"
    python_before(old, oldest)
    refused = make(old)
    assert refused.returncode != 0
    assert f"Python {oldest} or newer is needed, {old} is " in refused.stderr
    nothing = make("")
    assert nothing.returncode != 0
    assert f"Python {oldest} or newer is needed and was not found" in nothing.stderr
    assert not (tmp_path / "venv").exists()


def test_make_replaces_an_environment_that_is_too_old_and_nothing_else(make, tmp_path):
    there, asked, new = tmp_path / "venv", tmp_path / "asked", tmp_path / "python"
    python_before(there / "bin" / "python", metadata("coarse-to-fine")["Requires-Python"].removeprefix(">="))
    new.write_text(f"#!/bin/sh\n[ $1 = -c ] && exec '{sys.executable}' \"$@\"\necho \"$@\" > '{asked}'\nexit 1\n")
    new.chmod(0o755)
    assert f"{there} is there and no virtual environment" in make(new).stderr
    assert not asked.exists()
    (there / "pyvenv.cfg").touch()
    refused = make(new)
    assert f"{there} is made anew" in refused.stdout
    assert "No virtual environment could be made" in refused.stderr
    assert asked.read_text() == f"-m venv --clear {there}\n"
