import importlib.util
import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from c2f import datasets
from c2f.common.files import sha256
from c2f.datasets import DamagedData
from c2f.datasets import sample as module

DATA = Path(__file__).parents[2] / "data"
FOLDER = DATA / "fashion-mnist-sample"


@pytest.fixture(scope="module")
def make_sample():
    spec = importlib.util.spec_from_file_location("make_sample", DATA / "make_sample.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def sample():
    return datasets.load("fashion-mnist-sample")


def test_the_sample_is_what_it_says(sample):
    assert sample.train.images.shape == (10_000, 1, 28, 28)
    assert sample.test.images.shape == (2_000, 1, 28, 28)
    assert sample.train.labels.bincount().tolist() == [1_000] * 10
    assert sample.test.labels.bincount().tolist() == [200] * 10
    assert sample.train.classes[0] == "T-shirt/top"
    assert 72 < sample.train.images.float().mean() < 74  # the full set's is 72.94
    assert len(sample.train.images.flatten(1).unique(dim=0)) > 9_990  # pictures, not copies of one
    assert len(sample.train.labels[:100].unique()) == 10  # mixed, as in the full set


def test_its_record():
    record = module.read_record(FOLDER)
    assert set(record) == {"title", "source", "licence", "citation", "drawn", "files"}
    assert record["licence"].startswith("MIT")
    assert "1708.07747" in record["citation"]
    assert record["drawn"]["seed"] == 0
    assert set(record["files"]) | {"sample.json"} == {p.name for p in FOLDER.iterdir()}
    for name, entry in record["files"].items():
        assert entry == {"bytes": (FOLDER / name).stat().st_size, "sha256": sha256(FOLDER / name)}
    assert sum(entry["bytes"] for entry in record["files"].values()) <= 5_000_000


def test_the_readme_says_the_same():
    text = (DATA / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\S+\.xz) \| [\d,]+ \| `(\w{64})` \|$", text, re.MULTILINE))
    record = module.read_record(FOLDER)
    assert rows == {name: entry["sha256"] for name, entry in record["files"].items()}
    for needed in ("MIT License", "Copyright (c) 2017 Zalando SE", record["source"], "data/make_sample.py"):
        assert needed in text


def test_the_draw(make_sample):
    labels = torch.tensor([2, 0, 1] * 20)
    drawn = make_sample.draw(labels, 4, seed=0)
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    assert labels[drawn].bincount().tolist() == [4, 4, 4]
    assert torch.equal(drawn, make_sample.draw(labels, 4, seed=0))
    assert not torch.equal(drawn, make_sample.draw(labels, 4, seed=1))


def test_it_is_drawn_from_the_full_set(sample, make_sample):
    try:
        full = datasets.load("fashion-mnist")
    except FileNotFoundError:
        pytest.skip("the full Fashion-MNIST is not on this machine")
    for part, whole, prefix in ((sample.train, full.train, "train"), (sample.test, full.test, "t10k")):
        drawn = whole.select(make_sample.draw(whole.labels, make_sample.PER_CLASS[prefix], make_sample.SEED))
        assert torch.equal(part.images, drawn.images)
        assert torch.equal(part.labels, drawn.labels)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the sample that ``load`` takes for the shipped one."""
    target = tmp_path / "fashion-mnist-sample"
    shutil.copytree(FOLDER, target)
    monkeypatch.setattr(datasets.Info, "where", lambda row, root: target)
    return target


@pytest.mark.parametrize("content", [b"", b"half"])
def test_a_damaged_sample_is_named(copy, content):
    (copy / "train-images-idx3-ubyte.xz").write_bytes(content)
    with pytest.raises(DamagedData, match=r"train-images-idx3-ubyte.xz is damaged: \d bytes.*has 3766092") as raised:
        datasets.load("fashion-mnist-sample")
    assert "git checkout -- data/fashion-mnist-sample" in str(raised.value)


def test_a_missing_file_or_record(copy):
    (copy / "t10k-labels-idx1-ubyte.xz").unlink()
    with pytest.raises(FileNotFoundError, match=r"(?s)lacks t10k-labels-idx1-ubyte.*git checkout -- data"):
        datasets.load("fashion-mnist-sample")
    (copy / "t10k-labels-idx1-ubyte.gz").write_bytes(b"")
    with pytest.raises(DamagedData, match=r"t10k-labels-idx1-ubyte.xz is missing"):
        datasets.load("fashion-mnist-sample")
    for text in ("no json", "[]", json.dumps({"files": {"a": {}}})):
        (copy / "sample.json").write_text(text)
        with pytest.raises(DamagedData, match=r"sample.json is not the sample's record"):
            datasets.load("fashion-mnist-sample")
    shutil.rmtree(copy)
    with pytest.raises(FileNotFoundError, match=r"fashion-mnist-sample is not in .*\n.*git checkout -- data"):
        datasets.load("fashion-mnist-sample")
