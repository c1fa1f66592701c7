"""Class names, mean picture and pictures belong to the trained network, not to what the folder of its data holds today."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from c2f import datasets, zoo
from c2f.experiments.classification.run import train_run
from c2f.runs.record import RecordError
from c2f.training import data as training_data
from c2f.training.recipes import recipe
from c2f.zoo import samples
from c2f.zoo.samples import load_sample

LIGHT, DARK = 190, 60


def write(root, part, name, count, level, first=0):
    random = np.random.default_rng(first)
    folder = root / part / name
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        pixels = np.clip(random.normal(level, 30, (16, 16)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


@pytest.fixture
def pictures(tmp_path):
    for name, level in (("cat", LIGHT), ("dog", DARK)):
        write(tmp_path / "en", "train", name, 20, level)
        write(tmp_path / "en", "test", name, 5, level)
    return tmp_path


def train(root, **more):
    data = f"folder:{root / 'en'}"
    changes = {"epochs": 3, "batch_size": 8, "lr": 0.05, "validation": 0.0, "pixel_mean": True}
    training_data.load_data_set.cache_clear()  # as in a process of its own
    return train_run("lenetfc", data, recipe("lenetfc", data, name="mnist", **changes), 0, root / "out", **more)


def test_the_mean_picture_is_the_trainings(pictures):
    run = train(pictures)
    for name in ("cat", "dog"):
        write(pictures / "en", "train", name, 200, 250, first=1000)
    training_data.load_data_set.cache_clear()
    sample = load_sample("lenetfc", f"folder:{pictures / 'en'}", 0, None, pictures / "out")
    with torch.no_grad():
        loss = F.cross_entropy(sample.model.network(sample.images - sample.model.mean), sample.labels)
    assert loss.item() == pytest.approx(run.values["test_loss"], abs=1e-6)
    (pictures / "out" / "means" / run.files["means"]["file"]).unlink()
    with pytest.raises(RecordError, match=r"means.* is missing; make it with `c2f train lenetfc folder:.* --again"):
        zoo.load("lenetfc", f"folder:{pictures / 'en'}", 0, pictures / "out")


def test_a_record_of_other_pictures_is_not_already_there(pictures, monkeypatch):
    train(pictures)
    assert not train(pictures).fresh
    monkeypatch.chdir(pictures)
    assert not train(Path()).fresh  # folder:en is the same folder
    for part in ("train", "test"):
        write(pictures / "en", part, "dog", 40, LIGHT, first=100)
    with pytest.raises(
        RecordError, match=r"on other pictures of that name: pictures .*'test': 10.*'test': 50.*--again"
    ):
        train(pictures)
    assert train(pictures, again=True).details["pictures"]["test"] == 50


def test_as_many_other_pictures_are_noticed(pictures, caplog):
    train(pictures)
    replaced = sorted((pictures / "en" / "test" / "dog").iterdir())[0]
    replaced.unlink()
    write(pictures / "en", "test", "dog", 1, LIGHT, first=500)
    training_data.load_data_set.cache_clear()
    load_sample("lenetfc", f"folder:{pictures / 'en'}", 0, None, pictures / "out")
    assert "holds other test pictures than those that lenetfc was tested on in training" in caplog.text
    with pytest.raises(RecordError, match=r"on other pictures of that name: test_files \w+ there and \w+ now"):
        train(pictures)


def test_test_pictures_are_labelled_by_the_names_that_were_learnt(pictures):
    train(pictures)
    for tree, names in (("de", ("Katze", "Hund")), ("other", ("dog", "cat"))):
        for name, level in zip(names, (LIGHT, DARK) if tree == "de" else (DARK, LIGHT), strict=True):
            for part in ("train", "test"):
                write(pictures / tree, part, name, 5, level)
    given = ("lenetfc", f"folder:{pictures / 'en'}", 0, None, pictures / "out")
    with pytest.raises(
        ValueError, match=r"classes cat, dog, but folder:.*de has 2, Hund, Katze: give test_data of the"
    ):
        load_sample(*given, f"folder:{pictures / 'de'}")
    sample = load_sample(*given, f"folder:{pictures / 'other'}")
    answers = sample.model.network(sample.images - sample.model.mean).argmax(dim=1)
    assert (answers == sample.labels).double().mean() > 0.85
    turned = replace(sample.model, classes=sample.model.classes[::-1])  # as if it had learnt them the other way round
    assert samples.test_pictures(turned, f"folder:{pictures / 'other'}").labels.tolist() == [1] * 5 + [0] * 5


def imagenette(model):
    """``model`` as if it had learnt the ten classes of Imagenette, whose names are words."""
    row = datasets.info("imagenette")
    words = tuple(row.class_names[folder] for folder in row.classes)
    record = replace(model.record, parameters={**model.record.parameters, "data": "imagenette"})
    return replace(model, classes=words, record=record), row.classes


def test_folders_called_by_wordnet_numbers_are_labelled_by_them(pictures):
    train(pictures)
    trained, folders = imagenette(load_sample("lenetfc", f"folder:{pictures / 'en'}", 0, None, pictures / "out").model)
    for i, name in enumerate(folders):
        for part in ("train", "test"):
            write(pictures / "wnids", part, name, 1, 10 + 20 * i)
    data = f"folder:{pictures / 'wnids'}"
    found = samples.test_pictures(trained, data)
    assert found.classes[:2] == trained.classes[:2] == ("tench", "English springer")
    assert found.labels.tolist() == list(range(10))
    # The order is that of the labels as trained, not of the folders.
    row = replace(datasets.INFO["imagenette"], classes=folders[::-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(datasets.INFO, "imagenette", row)
        backwards = samples.test_pictures(replace(trained, classes=trained.classes[::-1]), data)
    assert backwards.labels.tolist() == list(range(10))[::-1]
    assert backwards.classes == trained.classes[::-1]
    shutil.rmtree(pictures / "wnids" / "test" / folders[0])
    shutil.rmtree(pictures / "wnids" / "train" / folders[0])
    training_data.load_data_set.cache_clear()
    with pytest.raises(
        ValueError,
        match=r"10 classes tench, .*parachute \(folders n01440764, .*\), but folder:.* has 9, n02102040, .*n03888257:",
    ):
        samples.test_pictures(trained, data)
