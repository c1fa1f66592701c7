"""What a chapter takes of a reader's own pictures: parted, trained on once, and nothing of others."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from c2f.reference import own_pictures
from c2f.reference.own_pictures import HOME, IMAGE_SIZE, STEPS, Taken, length, take


def write(folder, count, first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        pixels = np.random.default_rng([len(folder.name), number]).integers(
            0, 256, (20 + number, 31, 3), dtype=np.uint8
        )
        Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.fixture
def things(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own_pictures, "STEPS", 2)
    for name in ("cat", "giraffe"):
        write(tmp_path / "things" / name, 10)
    return tmp_path / "things"


def test_a_data_set_by_its_name_is_left_as_it_is(things):
    assert take("mnist", ["lenetfc"]) == Taken("mnist", None, None)
    found = take("mnist", ["lenetfc"], test_data="fashion-mnist", weights="output")
    assert found == Taken("mnist", "fashion-mnist", Path("output"))
    assert (found.own, found.at_most(10**6), found.epochs(5, 100, 10), found.image_size("lenetfc")) == (
        False,
        10**6,
        5,
        None,
    )
    assert not HOME.exists()


def test_class_folders_are_parted_and_trained_on_once(things):
    found = take("folder:things", ["lenetfc"], [0, 1], test_data="fashion-mnist-sample")
    assert found.own
    assert (found.test_data, found.tested, found.at_most(100), found.at_most(3)) == (None, 4, 4, 3)
    assert found.weights.parent == HOME
    assert found.data == f"folder:{found.weights / 'things'}"
    assert "16 to train on and 4 to test on, of 2 classes (cat, giraffe)" in found.note
    assert "lenetfc, seed 0" in found.note
    weights = {path: path.stat().st_mtime_ns for path in (found.weights / "weights").iterdir()}
    assert len(weights) == 2
    for data in ("folder:things", found.data, f"folder:{things}"):  # as a cell that is run again gives it
        again = take(data, ["lenetfc"], [0, 1])
        assert (again.data, again.weights, again.note) == (found.data, found.weights, found.note)
    assert {path: path.stat().st_mtime_ns for path in weights} == weights
    write(things / "cat", 3, first=50)
    other = take("folder:things")
    assert other.weights != found.weights
    assert other.tested == 5


def test_train_and_test_are_left_as_they_are(things):
    (things / "train").mkdir()
    (things / "train/cat").symlink_to(things / "cat")
    (things / "train/giraffe").symlink_to(things / "giraffe")
    write(things / "test/cat", 1)
    write(things / "test/giraffe", 2)
    found = take("folder:things")
    assert (found.data, found.tested) == ("folder:things", 3)
    assert "trained on them" not in found.note
    both = take("folder:things/train::things/test")
    assert (both.data, both.tested) == ("folder:things/train::things/test", 3)


def test_train_may_be_a_class(things):
    things.joinpath("cat").rename(things / "train")
    assert "2 classes (giraffe, train)" in take("folder:things").note


def test_nothing_is_trained_beside_weights_of_ones_own(things):
    found = take("folder:things", ["lenetfc"], weights="mine")
    assert found.weights == Path("mine")
    assert not list(HOME.glob("*/weights"))
    assert found.image_size("lenetfc") == IMAGE_SIZE


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        ("folder:nowhere", FileNotFoundError, "there is no folder nowhere: give folder:PATH"),
        ("folder:things/cat", FileNotFoundError, "things/cat has no class folders"),
        ("folder:one", ValueError, "has one class"),
        ("folder:few", ValueError, "less than two different pictures"),
    ],
)
def test_what_cannot_be_a_data_set_is_refused_before_anything_is_trained(things, data, error, said):
    things.joinpath("one").mkdir()
    write(Path("one/cat"), 4)
    write(Path("few/cat"), 4)
    write(Path("few/giraffe"), 1)
    with pytest.raises(error, match=said):
        take(data, ["lenetfc"])
    assert not list(Path().glob("output/own-pictures/*/weights"))


@given(st.integers(1, 10**6))
def test_a_training_has_steps_enough_and_three_epochs(pictures):
    epochs, batch_size = length(pictures)
    assert epochs >= 3
    assert 8 <= batch_size <= 64
    steps = -(-pictures // batch_size)
    assert epochs * steps >= STEPS
    assert epochs == 3 or (epochs - 1) * steps < STEPS


def test_few_pictures_are_passed_over_more_often():
    found = Taken("folder:things", None, Path("output"), tested=4)
    assert found.epochs(5, 4500, 50) == 450
    assert found.epochs(5, 40, 50) == 5
