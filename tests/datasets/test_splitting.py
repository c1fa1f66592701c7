"""What is told of a folder of pictures, and how it is parted."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from c2f import datasets
from c2f.datasets import survey
from c2f.datasets.splitting import split_folder
from c2f.datasets.survey import can_hash, report, survey_folder
from tests.toys import write_colours

HASH = pytest.mark.skipif(not can_hash(), reason="ImageHash is not installed")


def sides(folder):
    """What each side holds: class/file, by side."""
    return {
        side: {str(p.relative_to(folder / side)) for p in (folder / side).rglob("*.*")} for side in ("train", "test")
    }


@pytest.fixture
def photographs(tmp_path):
    return write_colours(tmp_path / "photos", 10)


def test_a_fifth_of_each_class_is_for_the_test_and_every_picture_on_one_side(photographs):
    made = split_folder(photographs, near=False)
    assert made.folder == photographs.with_name("photos-split")
    assert made.test == {"blue": 2, "green": 2, "red": 2}
    assert made.train == {"blue": 8, "green": 8, "red": 8}
    found = sides(made.folder)
    assert not found["train"] & found["test"]
    assert len(found["train"] | found["test"]) == 30
    assert len(datasets.load(f"folder:{made.folder}", image_size=8).test) == 6
    with pytest.raises(ValueError, match="is there already"):
        split_folder(photographs, near=False)


def test_the_side_depends_on_the_bytes_and_the_seed_alone(photographs, tmp_path):
    first = sides(split_folder(photographs, tmp_path / "a", near=False).folder)
    again = sides(split_folder(photographs, tmp_path / "b", copy=True, near=False).folder)
    assert first == again
    assert not (tmp_path / "b/train").rglob("*.png").__next__().is_symlink()
    other = sides(split_folder(photographs, tmp_path / "c", seed=1, near=False).folder)
    assert other != first
    for path in sorted(photographs.glob("*/*.png")):  # other names, and so another order
        path.rename(path.with_name(f"{100 - int(path.stem)}.png"))
    renamed = sides(split_folder(photographs, tmp_path / "d", near=False).folder)
    back = {
        side: {f"{p.split('/')[0]}/{100 - int(p.split('/')[1][:-4])}.png" for p in files}
        for side, files in renamed.items()
    }
    assert back == first


def test_the_same_picture_stays_on_one_side_whatever_it_is_called(photographs, tmp_path):
    for i in range(10):
        shutil.copy(photographs / f"red/{i}.png", photographs / f"red/copy-{i}.png")
    made = split_folder(photographs, near=False)
    for side, files in sides(made.folder).items():
        reds = {file for file in files if file.startswith("red/")}
        assert {file.replace("red/copy-", "red/") for file in reds if "copy" in file} == {
            file for file in reds if "copy" not in file
        }, side
    assert made.test["red"] == 4
    assert "10 pictures there again, the same, bit for bit" in report(made.survey)


def scene(seed):
    """A picture of smooth shapes, as photographs are and noise is not."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:96, :128] / 96
    picture = np.zeros((96, 128, 3))
    for cy, cx, r, *colour in random.random((8, 6)):
        picture += np.exp(-((rows - cy) ** 2 + (columns - 1.3 * cx) ** 2) / (0.01 + 0.05 * r))[..., None] * colour
    return Image.fromarray((255 * picture / picture.max()).astype(np.uint8))


@HASH
def test_near_duplicates_are_found_and_different_pictures_are_not(tmp_path):
    (tmp_path / "in/a").mkdir(parents=True)
    for i in range(12):
        scene(i).save(tmp_path / f"in/a/{i:02d}.png")
    scene(3).save(tmp_path / "in/a/again.jpg", quality=60)
    scene(5).resize((64, 48)).save(tmp_path / "in/a/small.png")
    found = survey_folder(tmp_path / "in")
    names = [sorted(found.pictures[i].name.rsplit("/", 1)[1] for i in group) for group in found.groups()]
    assert sorted(group for group in names if len(group) > 1) == [["03.png", "again.jpg"], ["05.png", "small.png"]]


@HASH
def test_a_near_hash_alone_is_no_duplicate(tmp_path, whole_sample, monkeypatch):
    """Plain pictures share hashes: pixels decide, and no two of these garments are the same."""
    for i, image in enumerate(whole_sample.test.images[:400, 0].numpy()):
        (tmp_path / "in/a").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / f"in/a/{i}.png")
    found = survey_folder(tmp_path / "in")
    assert len(found.groups()) == 400
    monkeypatch.setattr(survey, "ALIKE", 0.01)
    assert len(found.groups()) < 400


def test_what_is_broken_passed_over_or_in_two_classes_is_told(photographs, tmp_path):
    (photographs / "red/cut.png").write_bytes((photographs / "red/0.png").read_bytes()[:200])
    (photographs / "red/notes.txt").write_text("x")
    (photographs / "red/.ipynb_checkpoints").mkdir()
    (photographs / "blue/@eaDir").mkdir()
    (photographs / "README.md").write_text("x")
    shutil.copy(photographs / "green/0.png", photographs / "red/green.png")
    Image.new("L", (5, 9)).save(photographs / "blue/grey.png")
    text = "\n".join(report(survey_folder(photographs, near=False)))
    for line in (
        "32 pictures of 3 classes",
        "  red: 11",
        "sizes (columns x rows): 24x20 (31), 5x9 (1)",
        "modes: RGB (31), L (1)",
        "cut.png: ",
        "passed over: 1 file, no picture's ending: .txt",
        "passed over: 1 file, a folder of copies",
        "passed over: 1 file, lies beside the class folders",
        "one picture in several classes, green, red: ",
    ):
        assert line in text
    made = split_folder(photographs, near=False)
    assert list(json.loads((made.folder / "split.json").read_text())["broken"]) == [str(photographs / "red/cut.png")]
    assert not list(made.folder.rglob("cut.png"))


def test_what_cannot_be_parted_is_refused_before_anything_is_made(photographs):
    for path in list((photographs / "red").glob("*.png"))[1:]:
        path.unlink()
    shutil.copy(next((photographs / "red").glob("*.png")), photographs / "red/copy.png")
    with pytest.raises(ValueError, match=r"less than two different pictures cannot be parted: red \(1\)"):
        split_folder(photographs, near=False)
    assert [path.name for path in photographs.parent.iterdir()] == ["photos"]
    for share in (0, 1, True, -0.1):
        with pytest.raises(ValueError, match="share must be above 0"):
            split_folder(photographs, share=share)
    with pytest.raises(FileNotFoundError, match="has no class folders"):
        split_folder(photographs / "red", near=False)


def test_a_killed_split_leaves_nothing_that_is_taken_for_one(photographs, monkeypatch):
    from c2f.datasets import splitting

    monkeypatch.setattr(splitting, "write_text", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        split_folder(photographs, near=False)
    monkeypatch.undo()
    assert not photographs.with_name("photos-split").exists()
    split_folder(photographs, near=False)
    assert sorted(path.name for path in photographs.parent.iterdir()) == ["photos", "photos-split"]


def test_the_commands(c2f, photographs):
    status, out, err = c2f("split", photographs, "--exact")
    assert (status, "24 pictures to train on, 6 to test on" in out) == (0, True), err
    split = photographs.with_name("photos-split")
    for data in (f"folder:{split}", split):
        status, out, err = c2f("doctor", data)
        assert (status, "no test picture is in the training part" in out) == (0, True), err
    shutil.copy(next((split / "test/red").iterdir()), split / "train/red/leak.png")
    status, out, _ = c2f("doctor", f"folder:{split}")
    assert "1 test pictures are in the training part too: " in out
    status, out, err = c2f("doctor", photographs)
    assert (status, "30 pictures of 3 classes" in out) == (0, True), err
    status, out, err = c2f("doctor", "fashion-mnist-sample")
    assert (status, "sizes (columns x rows): 28x28 (2000)" in out) == (0, True), err
    status, out, err = c2f("doctor", "fashion-mnits")
    assert (status, "unknown data set 'fashion-mnits'" in err) == (2, True)
