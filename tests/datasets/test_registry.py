import re
from pathlib import Path

import pytest
from torchvision.datasets import CIFAR10, MNIST, FashionMNIST, Imagenette

from c2f import datasets
from c2f.book import doctor
from c2f.datasets import INFO


def test_names():
    assert datasets.names() == [
        "mnist",
        "fashion-mnist",
        "fashion-mnist-sample",
        "cifar10",
        "cifar10-aug",
        "cifar10-jpeg",
        "cifar10-jpeg-aug",
        "imagenette",
        "tiny-imagenet",
        "tiny-imagenette",
        "tiny-animals",
        "scenes-fashion-mnist-sample",
        "scenes-fashion-mnist",
        "scenes-mnist",
    ]


@pytest.mark.parametrize("row", INFO.values(), ids=INFO)
def test_every_row_is_complete(row):
    assert row.licence
    assert row.citation
    assert re.match(r"https?://", row.home)
    assert row.files
    assert bool(row.archives) != bool(row.by_hand)  # there is one way to get it
    assert bool(row.archives) == bool(row.unpacked)
    for archive in row.archives:
        assert re.fullmatch(r"[0-9a-f]{32}", archive.md5)
        assert archive.size > 1_000
        assert archive.urls
        assert all(url.endswith("/" + archive.name) for url in archive.urls)
    assert set(row.sha256) in (set(), set(row.files))
    if row.classes is not None:
        assert len(set(row.classes)) == len(row.classes)


def test_torchvisions_own_numbers():
    for name, theirs in (("mnist", MNIST), ("fashion-mnist", FashionMNIST)):
        row = INFO[name]
        assert [(archive.name, archive.md5) for archive in row.archives] == list(theirs.resources)
        for archive in row.archives:
            assert archive.urls[: len(theirs.mirrors)] == tuple(mirror + archive.name for mirror in theirs.mirrors)
        assert row.files == tuple(archive.name.removesuffix(".gz") for archive in row.archives)
        assert row.label_names == tuple(label.split(" - ")[0] for label in theirs.classes)
    row = INFO["cifar10"]
    (archive,) = row.archives
    assert (archive.name, archive.urls, archive.md5) == (CIFAR10.filename, (CIFAR10.url,), CIFAR10.tgz_md5)
    assert row.folder == CIFAR10.base_folder
    assert row.files == (*(file for file, _ in CIFAR10.train_list + CIFAR10.test_list), CIFAR10.meta["filename"])
    row = INFO["imagenette"]
    assert [(archive.urls, archive.md5) for archive in row.archives] == [
        ((url,), md5) for url, md5 in [Imagenette._ARCHIVES["full"]]
    ]
    assert row.class_names == {wnid: words[0] for wnid, words in Imagenette._WNID_TO_CLASS.items()}
    assert row.classes == tuple(sorted(Imagenette._WNID_TO_CLASS))


def test_the_subsets_of_tiny_imagenet():
    tiny = INFO["tiny-imagenet"].archives
    for name, n in (("tiny-imagenette", 10), ("tiny-animals", 15)):
        row = INFO[name]
        assert row.archives == tiny
        assert len(row.classes) == n
        assert (row.train, row.test) == (500 * n, 50 * n)


def test_the_data_root(monkeypatch, tmp_path):
    monkeypatch.setenv("C2F_DATA", str(tmp_path / "a"))
    assert datasets.data_root() == tmp_path / "a"
    assert datasets.data_root(tmp_path) == tmp_path
    monkeypatch.setenv("C2F_DATA", "~/b")
    assert datasets.data_root() == Path.home() / "b"
    monkeypatch.setenv("C2F_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert datasets.data_root() == tmp_path / "c2f" / "data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert datasets.data_root() == Path.home() / ".cache" / "c2f" / "data"


def test_without_a_home_the_remedy_is_said(monkeypatch):
    for name in ("HOME", "C2F_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(number):
        raise KeyError(f"uid not found: {number}")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    for ask in (datasets.data_root, datasets.table, lambda: datasets.load("mnist")):
        with pytest.raises(FileNotFoundError, match=r"no home folder for ~/.cache/c2f/data: set HOME, or set C2F_DATA"):
            ask()
    with pytest.raises(FileNotFoundError, match=r"no home folder for ~/pets: set HOME, or write the path without ~"):
        datasets.load("folder:~/pets")
    assert len(datasets.load("fashion-mnist-sample").test) == 2_000  # it ships
    found = {finding.what: finding for finding in doctor.examine().findings}
    assert "set C2F_DATA" in found["data root"].detail
    assert found["fashion-mnist-sample"].stops == ""


def test_the_table_of_what_is_here(tmp_path):
    rows = {row.name: row for row in datasets.table(tmp_path)}
    assert list(rows) == datasets.names()
    shipped = {"fashion-mnist-sample", "scenes-fashion-mnist-sample"}
    assert {name for name, row in rows.items() if row.present} == shipped
    assert rows["tiny-imagenet"].size == 248_100_043
    assert rows["fashion-mnist-sample"].size == 0
    assert rows["mnist"].where == tmp_path / "MNIST" / "raw"
    assert rows["mnist"].licence == "CC BY-SA 3.0"
    assert list(tmp_path.iterdir()) == []
    for part in ("train", "test"):
        (tmp_path / "cifar10-jpeg" / part).mkdir(parents=True)
    assert {row.name for row in datasets.table(tmp_path) if row.present} == {
        *shipped,
        "cifar10-jpeg",
        "cifar10-jpeg-aug",
    }


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("fashion-mist", {}, "unknown data set 'fashion-mist'; did you mean 'fashion-mnist'"),
        ("CIFAR10", {}, "did you mean 'cifar10'"),
        ("folder", {}, r"There are: .*folder:PATH"),
        ("mnist", {"image_size": 0}, "image_size must be a whole number of at least 1, not 0"),
        ("mnist", {"image_size": 28.0}, "not 28.0"),
        ("mnist", {"image_size": (28, 28, 28)}, "a pair for train and test"),
        ("mnist", {"image_size": (28, "28")}, "not '28'"),
        ("mnist", {"classes": ["1"]}, "mnist has no class folders"),
        (
            "imagenette",
            {"classes": ["n01440765"]},
            "imagenette has no classes n01440765; did you mean 'n01440764'",
        ),
        ("tiny-imagenet", {"classes": "n01440765"}, "classes must be a list"),
        ("tiny-imagenet", {"classes": []}, "at least one class folder"),
        ("tiny-animals", {"classes": [1443537]}, "tiny-animals has no classes 1443537"),
    ],
)
def test_bad_names_and_arguments(tmp_path, name, arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.load(name, root=tmp_path, **arguments)


@pytest.mark.parametrize("name", [n for n in INFO if not INFO[n].shipped])
def test_what_is_not_here_says_what_to_do(tmp_path, name):
    remedy = "put the pictures into" if name.startswith("cifar10-jpeg") else rf"Run `c2f fetch {name}`, or set C2F_DATA"
    with pytest.raises(FileNotFoundError, match=rf"{name} is not in {tmp_path}.*\n.*{remedy}"):
        datasets.load(name, root=tmp_path, image_size=64)
