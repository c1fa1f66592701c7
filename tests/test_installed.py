"""The package as a wheel installs it: away from the clone, in an empty folder, it does what needs no chapters."""

import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from c2f.common import shipped
from c2f.common.versions import DISTRIBUTION

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "C2F_DATA")}


def run(*command, status=0, cwd=ROOT, **environment):
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def build(target, source, folder):
    """Build by the backend, which is where the tests run; nothing is downloaded."""
    code = f"from hatchling import build; print(build.build_{target}({str(folder)!r}))"
    return folder / run(sys.executable, "-c", code, cwd=source, PYTHONPATH=os.pathsep.join(sys.path)).split()[-1]


def content(wheel):
    """Return file -> digest, of all files but RECORD, which lists them in the order of the disk."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
            if not name.endswith("/RECORD")
        }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling")
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A new environment with the wheel; the libraries are those of the environment that runs the tests."""
    place = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", place)
    scripts = place / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    purelib = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--no-compile", wheel)
    (purelib / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")  # its own .pth files count for nothing
    empty = tmp_path_factory.mktemp("empty")
    offline = {"C2F_OFFLINE": "1", "C2F_DATA": str(empty / "no-data")}

    def call(*command, status=0):
        return run(scripts / command[0], *command[1:], status=status, cwd=empty, **offline)

    return SimpleNamespace(call=call, purelib=purelib, empty=empty)


WITHOUT_A_CLONE = """
import c2f
from c2f import attacks, datasets, zoo
from c2f.common import shipped, versions
from c2f.datasets.subset import read_wnids
from c2f.runs.folder import find_file
from importlib.metadata import version

assert shipped.INSTALLED and versions.commit() is None
assert version("coarse-to-fine") == c2f.__version__
assert len(read_wnids("animals398")) == 398
test = datasets.load("fashion-mnist-sample").test
every = zoo.available()
for network, data, seed in every:
    record = zoo.record(network, data)
    find_file(None, record, seed, "train")  # its checksum fits
model = zoo.load("lenetfc_td", "fashion-mnist")
pictures = (test.images[:200].float() / 255) - (0 if model.mean is None else model.mean)
right = (model.classifier(pictures).argmax(1) == test.labels[:200]).float().mean().item()
print(c2f.__file__, len(every), right)
"""


def test_the_wheel_holds_what_works_without_a_clone(wheel, installed):
    assert wheel.stat().st_size < 20e6
    assert wheel.name.startswith(f"{DISTRIBUTION.replace('-', '_')}-")
    file, weights, right = installed.call("python", "-c", WITHOUT_A_CLONE).split()
    assert Path(file).parent == installed.purelib / "c2f"
    assert int(weights) == len(list((ROOT / "data" / "weights").glob("*.safetensors")))
    assert float(right) > 0.8


def test_commands_work_in_an_empty_folder(installed):
    assert "attack" in installed.call("c2f", "--help")
    told = installed.call("c2f", "doctor")
    assert "whole (its checksums agree)" in told
    assert "of the package are there in versions that fit" in told
    assert "This machine can use the package c2f" in told
    assert str(ROOT) not in told
    attacked = ("attack", "lenetfc_td", "fashion-mnist", "--test-data", "fashion-mnist-sample", "--pictures", "10")
    installed.call("c2f", *attacked, "--attacks", "contrast")
    assert {path.name for path in (installed.empty / "output").iterdir()} >= {"runs", "attacks", "adversarial"}
    assert "clone the project" in installed.call("c2f", "run", "2", status=2)
    assert "--output" in installed.call("c2f", "reference", "--budget", "0", status=2)
    assert [path.name for path in installed.empty.iterdir()] == ["output"]


def test_a_source_archive_builds_the_same_wheel(wheel, tmp_path):
    archive = build("sdist", ROOT, tmp_path)
    run(sys.executable, "-c", f"import tarfile; tarfile.open({archive.name!r}).extractall(filter='data')", cwd=tmp_path)
    again = build("wheel", tmp_path / archive.name.removesuffix(".tar.gz"), tmp_path)
    assert content(again) == content(wheel)


def test_a_clone_s_data_are_its_own():
    assert not shipped.INSTALLED
    assert ROOT / "data" == shipped.DATA
    assert shipped.restore("lists") == "git checkout -- data/lists"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["name"] == DISTRIBUTION
    assert re.fullmatch(r"hatchling>=[\d.]+", *project["build-system"]["requires"])


def test_what_is_no_module_is_part_of_the_wheel(wheel):
    others = {f"c2f/{path.relative_to(ROOT / 'c2f').as_posix()}" for path in (ROOT / "c2f" / "sweep").rglob("*.yaml")}
    assert others
    assert {"c2f/sweep/Snakefile", *others} <= set(content(wheel))
