"""Corrupted pictures of others: class folders by words or WordNet numbers, and numpy files as CIFAR-10-C."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from c2f import corruptions, datasets
from c2f.corruptions.arrays import Arrays
from c2f.datasets.registry import INFO
from c2f.experiments.corruptions import run as corruption_runs
from c2f.experiments.corruptions.run import Origin, corruption_run, scores
from c2f.runs.folder import run_name

KINDS = ("brightness", "contrast")
CIFAR10 = INFO["cifar10"].label_names


def save(path, label, side=32):
    """Write a plain picture of the class ``label``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side, 3), 16 * label + 8, dtype=np.uint8)).save(path)


def by_shade(x):
    """Answer with the class that a plain picture ``(N, C, H, H)`` shows."""
    label = (255 * x.mean(dim=(1, 2, 3)) / 16).long()
    return torch.nn.functional.one_hot(label, 20).float()[None]


def write_tree(folder, names):
    for kind in KINDS:
        for severity in corruptions.SEVERITIES:
            for label, name in enumerate(names):
                save(folder / kind / str(severity) / name / "0.png", label)
    return folder


@pytest.fixture
def evaluated(tmp_path, monkeypatch):
    """Evaluate a network that tells plain pictures by their shade, as trained on ``data`` with ``classes``."""

    def evaluate(tree, data, classes, *, channels=3, size=32, **origin):
        about = {"network": "nin_light", "data": data, "in_channels": channels, "image_size": size}
        record = SimpleNamespace(name=run_name("nin_light", data), parameters=about)
        model = SimpleNamespace(classes=tuple(classes), record=record, weights={"file": "none", "sha256": "0" * 64})
        monkeypatch.setattr(corruption_runs, "_load", lambda *given: model)

        def predict(x):
            assert x.shape[1:] == (channels, size, size)
            return by_shade(x)

        monkeypatch.setattr(corruption_runs, "predict_fn_of", lambda model, device: predict)
        origin = Origin(tree=tree, workers=0, **origin)
        return scores(corruption_run("nin_light", data, 0, output=tmp_path / "out", types=KINDS, origin=origin))

    return evaluate


def all_right(found):
    return all(right == [found.pictures] for kind in KINDS for right in found.correct[kind])


@pytest.fixture
def tiny_imagenette(tmp_path, monkeypatch):
    """Tiny-Imagenette under C2F_DATA, a picture a class."""
    monkeypatch.setenv("C2F_DATA", str(tmp_path / "data"))
    folder, rows = tmp_path / "data" / "tiny-imagenet-200", []
    for label, wnid in enumerate(INFO["tiny-imagenette"].classes):
        save(folder / "train" / wnid / "images" / "0.JPEG", label, 64)
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text("0.JPEG\t0\t0\t63\t63\n")
        save(folder / "val" / "images" / f"{label}.JPEG", label, 64)
        rows.append(f"{label}.JPEG\t{wnid}\t0\t0\t63\t63\n")
    words = [f"{wnid}\tword {k}, other\n" for k, wnid in enumerate(INFO["tiny-imagenette"].classes)]
    (folder / "words.txt").write_text("".join(words))
    (folder / "val" / "val_annotations.txt").write_text("".join(rows))
    return folder


def test_a_tree_is_read_by_wordnet_numbers(tiny_imagenette, evaluated, tmp_path, monkeypatch):
    monkeypatch.setitem(INFO, "tiny-imagenette", replace(INFO["tiny-imagenette"], train=10, test=10))
    recorded = datasets.load("tiny-imagenette").test.classes
    assert recorded[0] == "word 0"
    folders = INFO["tiny-imagenette"].classes
    assert list(folders) != sorted(folders)  # so that the order of the folders is another than that of the labels
    found = evaluated(write_tree(tmp_path / "tiny-c", folders), "tiny-imagenette", recorded, size=64)
    assert found.pictures == 10
    assert all_right(found)


@pytest.mark.parametrize(
    "data", ["tiny-animals", "imagenette", "cifar10-jpeg", "mnist", "scenes-mnist", "canvas-mnist"]
)
def test_folders_of_every_kind_of_data(data, evaluated, tmp_path):
    row = INFO.get(data, INFO["mnist"])
    classes = row.label_names or [row.class_names.get(f, f"word {f}") for f in row.classes or CIFAR10]
    classes, folders = (CIFAR10, CIFAR10) if data == "cifar10-jpeg" else (classes, row.classes or classes)
    # Of a grey network's tree the grey level is taken; nothing of the data set itself has to be here.
    found = evaluated(write_tree(tmp_path / "c", folders), data, classes, channels=1 if row.grey else 3)
    assert found.pictures == len(folders)
    assert all_right(found)


def test_folders_of_the_whole_tiny_imagenet(tiny_imagenette):
    named = [f"n{i:08d}" for i in range(190)]
    for wnid in named:
        (tiny_imagenette / "train" / wnid).mkdir()
    folders = sorted([*named, *INFO["tiny-imagenette"].classes])
    words = {wnid: f"word {k}" for k, wnid in enumerate(INFO["tiny-imagenette"].classes)}
    recorded = [words.get(wnid, wnid) for wnid in folders]
    assert datasets.class_folders_of("tiny-imagenet", recorded) == tuple(folders)
    with pytest.raises(ValueError, match=r"tiny-imagenet has 200 classes, n00000000, .* these are others, n00000001, "):
        datasets.class_folders_of("tiny-imagenet", [*recorded[1:], recorded[0]])
    with pytest.raises(ValueError, match=r"imagenette has 10 classes, n01440764, .* these are others, tench$"):
        datasets.class_folders_of("imagenette", ["tench"])
    (tiny_imagenette / "train" / "n00000000").rmdir()
    with pytest.raises(FileNotFoundError, match="1 of its 200 classes"):
        datasets.class_folders_of("tiny-imagenet", recorded)


def test_clean_pictures_are_as_many(evaluated, tmp_path):
    tree = write_tree(tmp_path / "c", CIFAR10)
    for label, name in enumerate(CIFAR10):
        save(tmp_path / "clean" / name / "0.png", label)
    assert evaluated(tree, "cifar10-jpeg", CIFAR10, clean=tmp_path / "clean").clean == [10]
    save(tmp_path / "clean" / "ship" / "1.png", 8)
    with pytest.raises(ValueError, match=r"clean pictures are different numbers of pictures: \[10, 11\]"):
        evaluated(tree, "folder:other", CIFAR10, clean=tmp_path / "clean")


LABELS = np.tile(np.array([3, 0, 9, 1, 3, 8]), 5)


def write_arrays(folder):
    """Write CIFAR-10-C in small: six pictures a severity; at severity 3 of contrast each shows the next class."""
    folder.mkdir()
    np.save(folder / "labels.npy", LABELS)
    shown = np.repeat(16 * LABELS.astype(np.uint8) + 8, 32 * 32 * 3).reshape(-1, 32, 32, 3)
    np.save(folder / "brightness.npy", shown)
    shown[12:18] += 16
    np.save(folder / "contrast.npy", shown)
    return folder


@pytest.mark.parametrize(("data", "size"), [("cifar10", 32), ("cifar10-jpeg", 32), ("folder:cifar", 16)])
def test_numpy_files_like_cifar_10_c(data, size, evaluated, tmp_path):
    found = evaluated(write_arrays(tmp_path / "CIFAR-10-C"), data, CIFAR10, size=size)
    assert found.pictures == 6
    assert found.clean is None
    assert found.correct == {"brightness": [[6]] * 5, "contrast": [[6], [6], [0], [6], [6]]}


def test_labels_go_by_their_names(tmp_path):
    turned = CIFAR10[::-1]
    source = Arrays(write_arrays(tmp_path / "c"), KINDS, classes=turned, image_size=32)
    [(images, labels)] = source.batches("brightness", 5)
    assert [turned[label] for label in labels] == [CIFAR10[label] for label in LABELS[:6]]
    assert images.dtype == torch.uint8
    assert images.shape == (6, 3, 32, 32)


def test_numpy_files_are_read_where_a_batch_lies(tmp_path, monkeypatch):
    folder = write_arrays(tmp_path / "c")
    opened = []
    real = np.lib.format.open_memmap
    monkeypatch.setattr(np.lib.format, "open_memmap", lambda *a, **k: opened.append(real(*a, **k)) or opened[-1])
    next(Arrays(folder, KINDS, classes=CIFAR10, image_size=32).batches("contrast", 2))
    assert len(opened) == 4
    assert all(isinstance(array, np.memmap) for array in opened)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("contrast.npy", None, r"has no file contrast.npy; there are: brightness.npy, labels.npy\. Put it there"),
        ("labels.npy", None, "has no file labels.npy"),
        ("labels.npy", np.where(np.arange(30) > 27, 10, LABELS), "2 labels in .*labels.npy .* first is 10 at place 28"),
        (
            "labels.npy",
            np.where(np.arange(30) == 4, -1, LABELS),
            "1 labels in .* is -1 at place 4: they run from 0 to 9",
        ),
        ("labels.npy", LABELS[:28], r"five severities of as many, not int64 \(28,\)"),
        ("labels.npy", LABELS.astype(float), r"whole numbers, .* not float64 \(30,\)"),
        ("labels.npy", LABELS[:25], r"brightness.npy must be uint8 \(25, H, H, 3\), .* not uint8 \(30, 32, 32, 3\)"),
        ("contrast.npy", np.zeros((30, 3, 32, 32), np.uint8), r"contrast.npy must be uint8 \(30, H, H, 3\)"),
        ("contrast.npy", np.zeros((30, 32, 32, 3), np.float32), "not float32"),
        ("contrast.npy", np.zeros(30, np.uint8), r"not uint8 \(30,\)"),
        ("contrast.npy", b"no array", "contrast.npy is no whole numpy array"),
        ("contrast.npy", 500, "contrast.npy is no whole numpy array"),
        ("contrast.npy", b"", "contrast.npy is no whole numpy array"),
    ],
)
def test_numpy_files_that_are_refused(file, content, message, tmp_path):
    path = write_arrays(tmp_path / "c") / file
    if isinstance(content, np.ndarray):
        np.save(path, content)
    elif isinstance(content, int):
        path.write_bytes(path.read_bytes()[:content])
    elif content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        Arrays(path.parent, KINDS, classes=CIFAR10, image_size=32)


def test_numpy_files_want_a_network_of_cifar_10(evaluated, tmp_path):
    folder = write_arrays(tmp_path / "c")
    with pytest.raises(ValueError, match=r"are CIFAR-10's, airplane, .* trained on other classes: 0, 1, "):
        evaluated(folder, "mnist", INFO["mnist"].label_names)
    with pytest.raises(ValueError, match="take a network of 3 channels"):
        evaluated(folder, "cifar10", CIFAR10, channels=1)
    with pytest.raises(ValueError, match="leave clean out"):
        evaluated(folder, "cifar10", CIFAR10, clean=tmp_path)
