"""Every ``run:`` step of the workflows, executed as GitHub does in a fresh clone with no data; what takes long is faked.

Real are the shell code, git, make and the parsing of every ``c2f`` command. Faked are ``.venv/bin`` (the tools of make,
which note how they are called) and, behind the command line, the work: no GPU, no download, no training.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml

from c2f import datasets, reference
from c2f.book import doctor
from c2f.book.chapters import ROOT, chapters
from c2f.corruptions import frost

WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}

TOOL = """#!/bin/sh
echo "$(basename "$0") $*" >> "$LOG"
case "$(basename "$0") $*" in *"${FAIL:-nothing fails}"*) exit 1;; esac
"""
C2F = """#!{python}
import os, pathlib, sys
from types import SimpleNamespace
from unittest.mock import MagicMock

sys.path.insert(0, {clone!r})
words = " ".join(["c2f", *sys.argv[1:]])
with open(os.environ["LOG"], "a") as log:
    print(words, file=log)


def work(result, writes=None):
    def done(*arguments, **more):
        if os.environ.get("FAIL", "nothing fails") in words:
            raise RuntimeError("it fails, as the test wants it")
        if writes:
            path = pathlib.Path(writes(*arguments))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        return result
    return done


if not os.environ.get("REAL_DOCTOR"):
    from c2f.book import doctor, execute

    doctor.examine = work(doctor.Diagnosis((), "a GPU"))
    done = SimpleNamespace(chapter="a chapter", seconds=1, peak_mib=1, output="")
    execute.run = work(done, lambda chapter, given, profile, output: output)
    html = pathlib.Path("book/_build/quick/html/index.html")
    chapter = pathlib.Path("book/_build/quick/html/_sources/book/01-a.ipynb")
    chapter.parent.mkdir(parents=True, exist_ok=True)
    chapter.write_text("a chapter")
    report = SimpleNamespace(pages=1, figures=1)
    built = SimpleNamespace(report=report, seconds=1, sphinx_seconds=1, index=html.resolve())
    sys.modules["c2f.book.build"] = SimpleNamespace(build=work(built, lambda *_: html))
    sys.modules["c2f.datasets"] = SimpleNamespace(info=str, fetch=work("where it is"))
    sys.modules["c2f.corruptions"] = SimpleNamespace(frost=SimpleNamespace(NAME="frost", fetch=work("where it is")))
    sys.modules["c2f.reference"] = MagicMock(
        run=work((["a piece"], [])), unpack=work(1), pack=work(1, lambda folder, archive: archive)
    )
    entry = SimpleNamespace(planned=SimpleNamespace(job=SimpleNamespace(name="a job")), state="missing", minutes=1)
    sweep = SimpleNamespace(
        find_profile=lambda name: SimpleNamespace(local=True),
        plan=lambda found: [entry],
        slots=lambda slots, threads: 1,
        carry_out=work(SimpleNamespace(failed={{}}, said="", done=["a job"])),
    )
    tables = SimpleNamespace(write=lambda found: SimpleNamespace(csv="table.csv", markdown="table.md"))
    sys.modules["c2f.sweep"] = SimpleNamespace(run=sweep, tables=tables)
    sys.modules["c2f.sweep.plan"] = SimpleNamespace(read=lambda file: SimpleNamespace(threads=1, file=file.read_text()))
    sys.modules["c2f.book.ran"] = SimpleNamespace(ran=work([]), page=work("# What ran\\n"))
    for heavy in ("c2f.runs.folder", "c2f.training.device"):
        sys.modules[heavy] = MagicMock()

from c2f.__main__ import main

main()
"""


def git(folder, *arguments):
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    return subprocess.run(
        ["git", "-C", folder, *identity, *arguments], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A clone of this checkout as it lies here, its changes committed."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    clone = tmp_path_factory.mktemp("fresh") / "clone"
    git(ROOT, "clone", "--quiet", "--local", str(ROOT), str(clone))
    changed = git(ROOT, "diff", "--name-only", "-z", "HEAD") + git(ROOT, "ls-files", "-z", "-o", "--exclude-standard")
    for name in filter(None, changed.split("\0")):
        (clone / name).unlink(missing_ok=True)
        if (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "As it lies here")
    return clone


@pytest.fixture
def machine(fresh, tmp_path):
    """What runs the steps: the clone, cleaned, and fakes in its .venv."""
    git(fresh, "clean", "-dffxq")
    (fresh / ".venv" / "bin").mkdir(parents=True)
    for tool in ("python", "ruff", "mypy", "jupyter-book"):
        (fresh / ".venv" / "bin" / tool).write_text(TOOL)
    (fresh / ".venv" / "bin" / "c2f").write_text(C2F.format(python=sys.executable, clone=str(fresh)))
    for path in (fresh / ".venv" / "bin").iterdir():
        path.chmod(0o755)
    return SimpleNamespace(clone=fresh, home=tmp_path, log=tmp_path / "log", more={}, ran=set())


def value(text, contexts):
    """Fill in ``${{ name }}``; a name that the test does not know is an error."""
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda match: contexts[match[1]], str(text))


def holds(condition, contexts):
    """Whether a job or step runs, going by its ``if:``."""
    python = condition.replace("&&", " and ").replace("||", " or ").replace("always()", "True").replace("\n", " ")
    python = re.sub(r"\b(\w+(\.\w+)+)\b", lambda match: repr(contexts[match[1]]), python)
    return bool(eval(python, {"__builtins__": {}}))


def play(machine, workflow, job, contexts):
    """Execute the ``run:`` steps of a job; return the first that failed, by name, or None, and what was printed."""
    steps = WORKFLOWS[workflow]["jobs"][job]["steps"]
    output, failed, printed = machine.home / "github-output", None, ""
    output.write_text("")
    everywhere = {**WORKFLOWS[workflow].get("env", {}), **WORKFLOWS[workflow]["jobs"][job].get("env", {})}
    for number, step in enumerate(steps):
        condition = step.get("if", "True")
        if "run" not in step or (failed and "always()" not in condition) or not holds(condition, contexts):
            continue
        machine.ran.add((workflow, job, number))
        declared = {name: value(text, contexts) for name, text in {**everywhere, **step.get("env", {})}.items()}
        environment = {
            "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
            "HOME": str(machine.home),
            "LOG": str(machine.log),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(machine.home / "summary.md"),
            **declared,
            **machine.more,
        }
        script = machine.home / "step.sh"
        script.write_text(value(step["run"], contexts))
        done = subprocess.run(
            ["bash", "-e", script], cwd=machine.clone, env=environment, capture_output=True, text=True, timeout=60
        )
        printed += done.stdout + done.stderr
        if done.returncode:
            failed = failed or step.get("name", step["run"])
    machine.outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return failed, printed


def called(machine):
    return machine.log.read_text().splitlines() if machine.log.exists() else []


LABELS = '["self-hosted", "linux", "gpu"]'
WEEKLY = {"github.event_name": "schedule", "vars.GPU_RUNNER": LABELS, "inputs.work": ""}
CPU = {"matrix.constraints": "constraints.txt", "matrix.versions": "tested", "github.event_name": "push"}
SYSTEM = {"matrix.system": "windows-latest"}
PAGES = {"github.token": "secret", "github.repository": "us/book"}
CHAPTER, REFERENCE, SWEEP = (
    {"matrix.work": name, "matrix.kind": kind, "matrix.minutes": "30"}
    for name, kind in ((chapters()[0].name, "chapter"), ("reference", "reference"), ("sweep-more-seeds", "sweep"))
)


def test_every_step_runs_in_a_fresh_clone(machine):
    git(machine.home, "init", "--quiet", "--bare", "published.git")
    machine.more["REMOTE"] = str(machine.home / "published.git")
    jobs = [("cpu", "test", CPU | {"github.event_name": "schedule"}), ("cpu", "test", CPU | {"matrix.constraints": ""})]
    jobs += [("cpu", "nightly", CPU), ("pages", "build", PAGES)]
    jobs += [
        ("gpu", "run", CHAPTER),
        ("gpu", "run", SWEEP),
        ("gpu", "run", REFERENCE),
        ("gpu", "run", REFERENCE),
        ("gpu", "page", WEEKLY),
    ]
    jobs += [("cpu", "systems", SYSTEM), ("gpu", "work", WEEKLY)]
    for workflow, job, contexts in jobs:
        if contexts is SYSTEM:  # without a .venv: what setup-python brings is found first
            machine.more["PATH"] = f"{machine.clone / '.venv/bin'}:{os.environ['PATH']}"
        failed, printed = play(machine, workflow, job, contexts)
        assert failed is None, f"{workflow}, {job}, step {failed!r}:\n{printed}"
    every = {
        (workflow, job, number)
        for workflow, content in WORKFLOWS.items()
        for job in content["jobs"]
        for number, step in enumerate(content["jobs"][job]["steps"])
        if "run" in step
    }
    assert machine.ran == every
    log = called(machine)
    name = chapters()[0].name
    assert f"c2f run {name} --profile paper --notebook output/{name}.paper.ipynb" in log
    assert log.count("python -m pytest --numprocesses 2 --dist worksteal") == 3
    (quick,) = [line for line in log if line.startswith("python -m pytest --numprocesses auto")]
    assert all((machine.clone / name).exists() for name in quick.split() if name.startswith("tests/"))
    assert sum("--pre" in line for line in log) == 1
    assert sum("--builder linkcheck" in line for line in log) == 1  # of the weekly run alone, as the browser
    assert log.count("python -m tests.browser book/_build/quick/html") == 1  # of the weekly run alone
    assert log.count("c2f reference --unpack output/reference.tar") == 1  # there was none before the first time
    assert {path.name for path in (machine.clone / "output").iterdir()} == {
        f"{name}.paper.ipynb",
        "reference.tar",
        "week",
        "what-ran.md",
    }
    assert (machine.home / "summary.md").read_text() == "# What ran\n"
    assert git(machine.home / "published.git", "show", "notebooks:book/01-a.ipynb") == "a chapter"
    assert git(machine.clone, "status", "--porcelain") == ""  # all that was written is ignored
    listed = json.loads(machine.outputs["list"])
    assert [one["work"] for one in listed] == [*(c.name for c in chapters()), "reference", "sweep-more-seeds"]
    assert [one["kind"] for one in listed] == ["chapter"] * len(chapters()) + ["reference", "sweep"]
    assert all(10 <= one["minutes"] < 360 for one in listed)


@pytest.mark.parametrize(
    ("fails", "workflow", "job", "contexts", "step"),
    [
        ("ruff", "cpu", "test", CPU, "Install, lint, types, tests, every chapter at its smallest, strict book"),
        ("-m pytest", "cpu", "test", CPU, "Install, lint, types, tests, every chapter at its smallest, strict book"),
        ("c2f book", "cpu", "test", CPU, "The quick book"),
        ("c2f book", "pages", "build", PAGES, "make book"),
        ("pip install", "gpu", "run", CHAPTER, "Install"),
        ("--require cuda", "gpu", "run", CHAPTER, "Is there a GPU that torch can use, and room"),
        ("c2f fetch", "gpu", "run", CHAPTER, "Fetch the data"),
        ("--require data", "gpu", "run", REFERENCE, "Are the data there"),
        ("c2f run", "gpu", "run", CHAPTER, "Execute the chapter"),
        ("linkcheck", "cpu", "test", CPU | {"github.event_name": "schedule"}, "Every link to elsewhere"),
        ("--pre", "cpu", "nightly", CPU, "Install the newest of everything, then torch of last night"),
        ("-m pytest", "cpu", "nightly", CPU, "Lint, types, tests"),
        ("c2f ran", "gpu", "page", WEEKLY, "What ran in the last week, where, how long, on which device and driver"),
        ("c2f sweep", "gpu", "run", SWEEP, "Carry out the sweep"),
        ("c2f reference --device", "gpu", "run", REFERENCE, "Go on with the reference runs whose data can be fetched"),
    ],
)
def test_a_step_fails_where_its_work_does(machine, fails, workflow, job, contexts, step):
    machine.more["FAIL"] = fails
    assert play(machine, workflow, job, contexts)[0] == step
    log = called(machine)
    if contexts is REFERENCE:
        assert log.pop() == "c2f reference --list --pack output/reference.tar"  # what there is is kept all the same
    assert fails in log[-1]


def test_a_machine_without_a_gpu_stops_before_anything_is_fetched(machine):
    machine.more |= {"REAL_DOCTOR": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    failed, printed = play(machine, "gpu", "run", CHAPTER)
    assert failed == "Is there a GPU that torch can use, and room"
    assert "c2f doctor: cuda is required; GPU: none that torch can use: " in printed
    assert "lacks fashion-mnist imagenette" in printed  # the data folder is empty
    assert called(machine)[-1] == "c2f doctor --require cuda,disk"


@pytest.mark.parametrize(
    ("contexts", "listed"),
    [
        ({"inputs.work": "1 reference 01"}, [chapters()[0].name, "reference"]),
        ({"inputs.work": "sweep-more-seeds 2"}, [chapters()[1].name, "sweep-more-seeds"]),
        ({"inputs.work": "sweep-no-such"}, None),
        ({"vars.GPU_RUNNER": ""}, []),
        ({"vars.GPU_RUNNER": "self-hosted"}, None),
        ({"vars.GPU_RUNNER": '"self-hosted"'}, None),
        ({"inputs.work": "1 no-such"}, None),
    ],
)
def test_what_is_to_be_done_is_listed(machine, contexts, listed):
    failed, printed = play(machine, "gpu", "work", WEEKLY | contexts)
    assert (failed is None) == (listed is not None), printed
    if listed is not None:
        assert [one["work"] for one in json.loads(machine.outputs["list"])] == listed
        assert ("::notice title=Nothing runs on a GPU::" in printed) == (not listed)


def test_a_pull_request_runs_the_chapters_that_it_touches(machine):
    pull_request = WEEKLY | {"github.event_name": "pull_request"}
    commit = git(machine.clone, "rev-parse", "HEAD").strip()
    touched, gone = chapters()[4], chapters()[5]
    try:
        for text, names in (("more", []), ("chapters", [touched.name])):
            with open(machine.clone / "README.md", "a") as readme:
                readme.write(text)
            if names:
                shutil.copy(
                    machine.clone / "book" / chapters()[3].path.name, machine.clone / "book" / touched.path.name
                )
                (machine.clone / "book" / gone.path.name).unlink()
            git(machine.clone, "commit", "--all", "--quiet", "--message", text)
            failed, printed = play(machine, "gpu", "work", pull_request)
            assert failed is None, printed
            assert [one["work"] for one in json.loads(machine.outputs["list"])] == names
    finally:
        git(machine.clone, "reset", "--hard", "--quiet", commit)


@pytest.mark.parametrize(
    ("event", "label", "repository", "runs"),
    [
        ("schedule", "", "", True),
        ("pull_request", "gpu", "us/book", True),
        ("pull_request", "gpu", "fork/book", False),
        ("pull_request", "typo", "us/book", False),
    ],
)
def test_only_maintainers_code_with_the_label_runs_on_the_gpu(event, label, repository, runs):
    jobs = WORKFLOWS["gpu"]["jobs"]
    contexts = {
        "github.event_name": event,
        "github.event.label.name": label,
        "github.event.pull_request.head.repo.full_name": repository,
        "github.repository": "us/book",
    }
    assert holds(jobs["work"]["if"], contexts) == runs
    assert jobs["run"]["needs"] == "work"
    assert holds(jobs["run"]["if"], {"needs.work.outputs.list": "[{}]"})
    assert not holds(jobs["run"]["if"], {"needs.work.outputs.list": "[]"})


def test_what_is_fetched_is_what_is_needed():
    steps = WORKFLOWS["gpu"]["jobs"]["run"]["steps"]
    fetch = next(step["run"] for step in steps if step.get("name") == "Fetch the data")
    names = set(fetch.partition(" fetch ")[2].split()) - {frost.NAME}
    folders = {datasets.info(name).folder for name in names}
    assert {datasets.info(name).folder for name in doctor._wanted(set(datasets.INFO))} <= folders
    only = next(step["env"]["ONLY"] for step in steps if "ONLY" in step.get("env", {}))
    chosen = {piece.name for piece in reference.select(only.split())}
    by_hand = {piece.name for piece in reference.pieces() if re.search("cifar10|imagenet100", piece.name)}
    assert not chosen & by_hand
    assert {piece.name for piece in reference.pieces() if not piece.folder} <= chosen | by_hand
