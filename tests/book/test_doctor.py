import builtins
import importlib
import shutil
import sys
from collections import namedtuple
from importlib import metadata

import pytest

from c2f import datasets
from c2f.book import doctor
from c2f.book.doctor import examine
from c2f.datasets import DamagedData


@pytest.fixture(autouse=True)
def plain(monkeypatch, tmp_path):
    """A machine with enough of everything, whatever this one is."""
    monkeypatch.setattr(doctor, "_free_memory", lambda: 8.0)
    monkeypatch.setenv("C2F_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("C2F_OFFLINE", raising=False)


def finding(what):
    return next(f for f in examine().findings if f.what == what)


def test_a_machine_that_can_run_the_book():
    diagnosis = examine()
    assert [f for f in diagnosis.findings if f.stops in ("all", "book")] == []
    assert diagnosis.verdict.startswith("This machine can run the book in the quick profile.")
    assert finding("fashion-mnist-sample").detail == "whole (its checksums agree)"
    assert str(doctor.ROOT) not in finding("data root").detail


def test_nothing_is_written(tmp_path):
    examine()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ImportError("No module named 'torch'"), OSError("libcudart.so: cannot open\nmore")])
def test_torch_missing_or_broken(monkeypatch, error):
    def broken(name):
        if name == "torch":
            raise error
        return importlib.__import__(name)

    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    diagnosis = examine()
    torch = next(f for f in diagnosis.findings if f.what == "torch")
    assert torch.detail == f"does not import: {str(error).splitlines()[0]}"
    assert "pip install --force-reinstall torch torchvision" in torch.remedy
    assert not diagnosis.can("all")
    assert diagnosis.verdict == "This machine cannot run c2f yet: see the remedies above."
    assert diagnosis.findings[-1].detail == "not looked at, as the package does not run yet"


def test_the_doctor_itself_needs_no_torch(monkeypatch):
    taken = builtins.__import__

    def without_torch(name, *rest):
        if name.partition(".")[0] == "torch":
            raise ImportError(name)
        return taken(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    monkeypatch.delitem(sys.modules, "c2f.book.doctor")
    importlib.import_module("c2f.book.doctor")


def test_a_package_that_is_missing_or_old(monkeypatch):
    true = metadata.version
    versions = {"papermill": "1.0", "numpy": "1.20"}

    def version(name):
        if name == "seaborn":
            raise metadata.PackageNotFoundError(name)
        return versions.get(name) or true(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    assert (finding("papermill").detail, finding("papermill").stops) == ("1.0, wanted >=2.6", "book")
    assert (finding("numpy").stops, finding("numpy").remedy) == ("all", "pip install 'numpy>=1.26'")
    assert finding("seaborn").detail == "not installed"


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(doctor, "_OLDEST_PYTHON", (4, 0))
    assert finding("Python").remedy == "make the environment with Python 4.0 or newer"


def test_little_memory_and_disk(monkeypatch):
    monkeypatch.setattr(doctor, "_free_memory", lambda: 0.5)
    usage = namedtuple("usage", "total used free")(2**40, 2**40, 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert finding("memory").detail == "0.5 GiB free"
    assert finding("output").remedy == "make room there"
    assert not examine().can("book")
    assert examine().can("all")
    assert "can use the package" in examine().verdict


def test_a_damaged_sample(monkeypatch):
    def damaged(folder):
        raise DamagedData("train.xz is damaged")

    monkeypatch.setattr(datasets, "check_sample", damaged)
    assert finding("fashion-mnist-sample").detail == "train.xz is damaged"
    assert finding("fashion-mnist-sample").remedy == "git checkout -- data"


def test_a_data_root_that_is_a_file(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("C2F_DATA", str(tmp_path / "file" / "data"))
    assert finding("data root").remedy == "set C2F_DATA to a folder of yours"


def test_offline(monkeypatch):
    monkeypatch.setenv("C2F_OFFLINE", "1")
    assert finding("downloads").detail == "forbidden by C2F_OFFLINE=1"


def test_the_data_of_the_paper_profile(monkeypatch):
    monkeypatch.setattr(doctor, "_wanted", lambda known: {"mnist", "fashion-mnist-sample"})
    paper = finding("paper profile")
    assert paper.detail.startswith("lacks mnist (")
    assert paper.remedy == "c2f fetch mnist"
    assert examine().can("book")
    assert not examine().can("paper")
    assert examine().verdict.endswith("The paper profile wants the remedies above.")
