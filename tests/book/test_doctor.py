import builtins
import importlib
import shutil
import sys
from collections import namedtuple
from importlib import metadata

import pytest
import torch

from c2f import datasets
from c2f.book import doctor
from c2f.book.doctor import examine
from c2f.datasets import DamagedData


@pytest.fixture(autouse=True)
def plain(monkeypatch, tmp_path):
    """A machine with enough of everything, whatever this one is."""
    monkeypatch.setattr(doctor, "free_memory", lambda: 8.0)
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
    monkeypatch.setattr(doctor, "free_memory", lambda: 0.5)
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
    assert finding("fashion-mnist-sample").remedy == "git checkout -- data/fashion-mnist-sample"


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


def test_a_user_without_a_home_folder(monkeypatch):
    def nobody(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    for name in ("HOME", "C2F_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert finding("data root").remedy == "set C2F_DATA to a folder of yours"
    assert finding("fashion-mnist-sample").detail == "whole (its checksums agree)"
    assert examine().can("book")
    assert [f.what for f in examine().unmet(["data"])] == ["data root"]


# What is required


@pytest.mark.parametrize(
    ("built_for", "driver", "reason"),
    [
        (None, "13.2", "this torch is built without CUDA"),
        ("13.2", None, "there is no NVIDIA driver"),
        ("13.2", "12.10", "the NVIDIA driver takes CUDA up to 12.10, and torch is built for CUDA 13.2"),
        ("12.10", "12.4", "the NVIDIA driver takes CUDA up to 12.4, and torch is built for CUDA 12.10"),
        ("12.4", "12.10", "there is an NVIDIA driver for CUDA 12.10 but no GPU to be seen (CUDA_VISIBLE_DEVICES=-1)"),
    ],
)
def test_why_there_is_no_cuda(c2f, monkeypatch, built_for, driver, reason):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    monkeypatch.setattr(doctor, "_driver_cuda", lambda: driver)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert finding("GPU").detail == f"none that torch can use: {reason}"
    status, _, err = c2f("doctor", "--require", "cuda")
    assert (status, err) == (1, f"c2f doctor: cuda is required; GPU: none that torch can use: {reason}\n")


def test_a_gpu_that_does_not_compute_is_none(monkeypatch):
    def fails(*arguments, **more):
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla K80")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**33, 2**34))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch, "ones", fails)
    (unmet,) = examine().unmet(["cuda"])
    assert unmet.detail.startswith("Tesla K80 does not compute: CUDA error: no kernel image")
    assert examine().gpu == ""
    monkeypatch.setattr(torch, "ones", lambda *arguments, **more: torch.zeros(1))
    assert examine().unmet(["cuda"]) == []
    assert finding("GPU").detail == "Tesla K80, 8.0 of 16.0 GiB free"


def test_data_and_disk_can_be_required(c2f, monkeypatch):
    status, _, err = c2f("doctor", "--require", "data,disk")
    assert status == 1
    assert err.startswith("c2f doctor: data is required; paper profile: lacks fashion-mnist")
    monkeypatch.setattr(doctor, "_wanted", lambda known: {"fashion-mnist-sample"})
    assert c2f("doctor", "--require", "data,disk")[0] == 0
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("usage", "total used free")(2**40, 2**40, 2**20))
    assert "disk is required; output: 0.0 GiB free" in c2f("doctor", "--require", "data,disk")[2]
    status, _, err = c2f("doctor", "--require", "data, cudda")
    assert (status, err) == (2, "c2f: unknown requirement 'cudda'; did you mean 'cuda'?\nThere are: data, cuda, disk\n")
    assert c2f("doctor")[0] == 0  # nothing is required
