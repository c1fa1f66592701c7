import gzip
import json
import lzma
import os
import pickle
import shutil
from dataclasses import replace
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin, features
from torchvision.datasets import CIFAR10, MNIST, ImageFolder

from c2f import datasets
from c2f.common.files import sha256
from c2f.datasets import INFO, DamagedData, Info, decoding, manifest, verified
from c2f.datasets.decoding import decode, resize, resize_boxes
from c2f.datasets.idx import open_idx, read_idx, write_idx
from c2f.datasets.readers import read_mnist
from c2f.datasets.streaming import StreamedBatches
from c2f.datasets.tiny_imagenet import read_tiny_imagenet

# idx


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_idx_comes_back_as_it_was(tmp_path_factory, shape):
    folder = tmp_path_factory.mktemp("idx")
    array = torch.randint(0, 256, shape, dtype=torch.uint8)
    for suffix, pack in (("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)):
        (folder / f"a{len(suffix)}{suffix}").write_bytes(pack(write_idx(array)))
        assert torch.equal(read_idx(folder / f"a{len(suffix)}", len(shape)), array)


def mnist(folder: Path, pictures=6, labels=None):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "t10k"):
        (folder / f"{name}-images-idx3-ubyte").write_bytes(
            write_idx(torch.arange(pictures * 4).view(pictures, 2, 2).byte())
        )
        values = torch.arange(pictures) if labels is None else torch.tensor(labels)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(write_idx(values.byte()))


def in_the_table(monkeypatch, name, train, test, **changes):
    """Let the table's data set have so few pictures, and no checksums but those in ``changes``."""
    monkeypatch.setitem(INFO, name, replace(INFO[name], train=train, test=test, **{"sha256": {}, **changes}))


def test_the_same_pictures_as_torchvision(tmp_path, monkeypatch):
    in_the_table(monkeypatch, "mnist", 6, 6)
    mnist(tmp_path / "MNIST" / "raw")
    ours, theirs = datasets.load("mnist", root=tmp_path), MNIST(tmp_path, train=False)
    assert torch.equal(ours.test.images[:, 0], theirs.data)
    assert torch.equal(ours.test.labels, theirs.targets)
    assert ours.test.classes == tuple("0123456789")
    assert (ours.name, ours.train.boxes) == ("mnist", None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing, not 00 00 08 03"),
        (b"\x00\x00\x08\x01" + bytes(12), "begins with 00 00 08 01"),
        (b"<!DOCTYPE html>", "begins with 3c 21 44 4f"),
        (
            write_idx(torch.zeros(3, 2, 2).byte())[:-1],
            "cut short: its header announces 3 x 2 x 2 = 12 bytes, 11 follow",
        ),
        (write_idx(torch.zeros(3, 2, 2).byte())[:9], "cut short: its header announces"),
        (write_idx(torch.zeros(3, 2, 2).byte()) + b"!", "too long: .* 13 follow"),
    ],
)
def test_damaged_idx_files(tmp_path, content, message):
    mnist(tmp_path / "MNIST" / "raw")
    damaged = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    damaged.write_bytes(content)
    with pytest.raises(DamagedData, match=message) as raised:
        datasets.load("mnist", root=tmp_path)
    assert str(damaged) in str(raised.value)
    assert "run `c2f fetch mnist` again" in str(raised.value)


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_damaged_packed_idx_files(tmp_path, suffix, pack):
    packed = pack(write_idx(torch.arange(200).byte()))
    path = tmp_path / f"a{suffix}"
    for damaged in (packed[:-9], packed[:20] + b"xxxx" + packed[24:], b"nothing of the kind"):
        path.write_bytes(damaged)
        with pytest.raises(DamagedData, match=rf"a\{suffix} cannot be unpacked"):
            read_idx(tmp_path / "a", 1)
    with pytest.raises(FileNotFoundError, match=r"neither .*b nor b.gz nor b.xz"):
        read_idx(tmp_path / "b", 1)


def test_labels_that_do_not_belong(tmp_path):
    mnist(tmp_path, labels=[0, 1, 2])
    with pytest.raises(DamagedData, match="6 pictures but 3 labels in its train files"):
        read_mnist(tmp_path, tuple("0123456789"))
    mnist(tmp_path, labels=[0, 1, 2, 3, 4, 10])
    with pytest.raises(DamagedData, match=r"labels in .* reach 10, there are 10 classes"):
        read_mnist(tmp_path, tuple("0123456789"))


@pytest.mark.parametrize("packing", ["", ".gz"])
@pytest.mark.parametrize("place", ["{0}/{0}", "{1}", "{1}/{1}", "{0}/{1}"])
def test_files_called_and_placed_as_data_portals_do(tmp_path, monkeypatch, place, packing):
    in_the_table(monkeypatch, "mnist", 6, 6)
    folder = tmp_path / "MNIST" / "raw"
    mnist(folder)
    for name in INFO["mnist"].files:
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        target = folder / (place.format(name, name.replace("-idx", ".idx")) + packing)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(gzip.compress(content) if packing else content)
    assert datasets.load("mnist", root=tmp_path).train.labels.tolist() == list(range(6))
    target.unlink()
    with pytest.raises(FileNotFoundError, match=f"It lacks {name}"):
        datasets.load("mnist", root=tmp_path)


@pytest.mark.parametrize("name", ["fashion-mnist", "scenes-fashion-mnist"])
def test_another_data_set_in_the_place_of_one_of_the_table(tmp_path, name):
    mnist(tmp_path / "FashionMNIST" / "raw")
    said = r"raw holds 6 training and 6 test pictures, where 60,000 and 10,000 should be(?s:.*)c2f fetch"
    with pytest.raises(DamagedData, match=said):
        datasets.load(name, root=tmp_path)


def test_a_tree_that_has_lost_pictures(tree, monkeypatch):
    monkeypatch.setattr(Info, "where", lambda row, root: tree)
    in_the_table(monkeypatch, "cifar10-jpeg", 8, 2)
    monkeypatch.setattr(decoding, "open_picture", None)  # it is said before any picture is read
    with pytest.raises(DamagedData, match="pets holds 7 training and 2 test pictures, where 8 and 2 should be"):
        datasets.load("cifar10-jpeg")


def flip(path):
    """Change one bit of a file, in the place of a picture."""
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)


def test_one_flipped_bit_is_seen_and_whole_files_are_read_once(tmp_path, monkeypatch):
    folder = tmp_path / "MNIST" / "raw"
    mnist(folder)
    sums = {name: sha256(folder / name) for name in INFO["mnist"].files}
    in_the_table(monkeypatch, "mnist", 6, 6, sha256=sums)
    opened = []
    monkeypatch.setattr(verified, "open_idx", lambda path: opened.append(path.name) or open_idx(path))
    for _ in range(2):
        datasets.load("mnist", root=tmp_path)
        assert sorted(opened) == sorted(sums)
    os.utime(folder / "t10k-labels-idx1-ubyte", ns=(0, 0))  # touched: looked at again, and no other
    datasets.load("mnist", root=tmp_path)
    assert opened[4:] == ["t10k-labels-idx1-ubyte"]
    flip(folder / "train-images-idx3-ubyte")
    for _ in range(2):
        with pytest.raises(
            DamagedData, match=r"train-images-idx3-ubyte is damaged or another file: sha256 .*instead of"
        ):
            datasets.load("mnist", root=tmp_path)
    flip(folder / "train-images-idx3-ubyte")
    datasets.load("mnist", root=tmp_path)


@pytest.mark.parametrize("kept", ["", "[]", "[" * 100_000, '{"train-images-idx3-ubyte": 7}'])
def test_what_is_remembered_may_be_damaged_or_not_to_be_written(tmp_path, monkeypatch, kept):
    folder = tmp_path / "MNIST" / "raw"
    mnist(folder)
    sums = {name: sha256(folder / name) for name in INFO["mnist"].files}
    in_the_table(monkeypatch, "mnist", 6, 6, sha256=sums)
    (folder / manifest.CHECKED).write_text(kept)
    datasets.load("mnist", root=tmp_path)
    assert len(json.loads((folder / manifest.CHECKED).read_text())) == 4
    (folder / manifest.CHECKED).unlink()

    def refused(path, text):
        raise PermissionError("read-only")

    monkeypatch.setattr(manifest, "write_text", refused)
    assert len(datasets.load("mnist", root=tmp_path).train) == 6
    assert not (folder / manifest.CHECKED).exists()


# CIFAR-10


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """A CIFAR-10 of four pictures a batch, with torchvision's checksums set to it."""
    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    generator = np.random.default_rng(0)
    sums = {}
    for name, _ in [*CIFAR10.train_list, *CIFAR10.test_list]:
        batch = {"data": generator.integers(0, 256, (4, 3072), dtype=np.uint8), "labels": [3, 1, 4, 1]}
        (folder / name).write_bytes(pickle.dumps(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {i}" for i in range(10)]}))
    for path in folder.iterdir():
        sums[path.name] = md5(path.read_bytes()).hexdigest()
    monkeypatch.setattr(CIFAR10, "train_list", [[name, sums[name]] for name, _ in CIFAR10.train_list])
    monkeypatch.setattr(CIFAR10, "test_list", [[name, sums[name]] for name, _ in CIFAR10.test_list])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"]})
    return tmp_path


def test_cifar10(cifar, monkeypatch):
    in_the_table(monkeypatch, "cifar10", 20, 4)
    data = datasets.load("cifar10", root=cifar)
    assert data.train.images.shape == (20, 3, 32, 32)
    assert data.test.labels.tolist() == [3, 1, 4, 1]
    assert data.test.classes[3] == "class 3"
    raw = pickle.loads((cifar / CIFAR10.base_folder / "test_batch").read_bytes())["data"]
    assert torch.equal(data.test.images, torch.from_numpy(raw).view(4, 3, 32, 32))  # red plane, rows, columns
    assert datasets.load("cifar10", root=cifar, image_size=16).train.images.shape == (20, 3, 16, 16)


def test_a_cifar_file_that_is_not_the_true_one_is_not_opened(cifar):
    (cifar / CIFAR10.base_folder / "data_batch_3").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(DamagedData, match=r"right md5: data_batch_3\n.*c2f fetch cifar10"):
        datasets.load("cifar10", root=cifar)
    (cifar / CIFAR10.base_folder / "data_batch_3").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks data_batch_3"):
        datasets.load("cifar10", root=cifar)


# class folders


def picture(path: Path, shade: int, size=(8, 8), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(shade)
    noise = generator.integers(0, 100, (size[1], size[0], 3), dtype=np.uint8) + np.uint8(shade)
    Image.fromarray(noise).convert(mode).save(path, **options)


@pytest.fixture
def tree(tmp_path):
    """Pets/{train,test}/{cat,dog}: every format, 8x8, train 4 + 3, test 1 + 1."""
    root = tmp_path / "pets"
    for i, name in enumerate(("a.png", "b.jpg", "c.bmp", "sub/d.webp")):
        picture(root / "train" / "cat" / name, 10 * i)
    for i, name in enumerate(("a.JPEG", "b.tif", "c.ppm")):
        picture(root / "train" / "dog" / name, 100 + 10 * i)
    picture(root / "test" / "cat" / "e.png", 50)
    picture(root / "test" / "dog" / "e.png", 150)
    (root / "train" / "notes.txt").write_text("no class")
    (root / "train" / "dog" / "notes.txt").write_text("no picture")
    return root


def test_the_same_pictures_as_image_folder(tree):
    (tree / "train" / ".ipynb_checkpoints").mkdir()
    ours = datasets.load(f"folder:{tree}")
    (tree / "train" / ".ipynb_checkpoints").rmdir()
    theirs = ImageFolder(tree / "train")
    assert ours.train.classes == tuple(theirs.classes) == ("cat", "dog")
    assert ours.train.labels.tolist() == theirs.targets == [0, 0, 0, 0, 1, 1, 1]
    for image, (expected, _) in zip(ours.train.images, theirs, strict=True):
        assert np.array_equal(image.permute(1, 2, 0).numpy(), np.asarray(expected))
    assert ours.test.images.shape == (2, 3, 8, 8)
    assert ours.name == f"folder:{tree}"


def test_one_folder_each_and_val_for_test(tree):
    one = datasets.load(f"folder:{tree}")
    each = datasets.load(f"folder:{tree / 'train'}::{tree / 'test'}")
    (tree / "test").rename(tree / "val")
    val = datasets.load(f"folder:{tree}")
    for other in (each, val):
        assert torch.equal(one.train.images, other.train.images)
        assert torch.equal(one.test.images, other.test.images)
    (tree / "val").rename(tree.parent / "with:colon")
    assert len(datasets.load(f"folder:{tree}/train::{tree.parent}/with:colon").test) == 2


def test_classes_pick_and_order(tree):
    data = datasets.load(f"folder:{tree}", classes=["dog"])
    assert (data.train.classes, len(data.train), len(data.test)) == (("dog",), 3, 1)
    assert data.name.endswith("[dog]")
    assert datasets.load(f"folder:{tree}", classes=["dog", "cat"]).train.labels.bincount().tolist() == [3, 4]


@pytest.mark.parametrize("pool_from", [1, 10**9])
def test_pictures_of_different_sizes(tree, monkeypatch, pool_from):
    monkeypatch.setattr(decoding, "POOL_FROM", pool_from)
    picture(tree / "train" / "dog" / "wide.png", 0, size=(20, 10))
    with pytest.raises(ValueError, match=r"differ in size .*a.png is 8x8, .*wide.png is 10x20\): give image_size="):
        datasets.load(f"folder:{tree}")
    data = datasets.load(f"folder:{tree}", image_size=(5, 4))
    assert data.train.images.shape == (8, 3, 5, 5)
    assert data.test.images.shape == (2, 3, 4, 4)
    with Image.open(tree / "train" / "dog" / "wide.png") as wide:
        expected = np.asarray(wide.resize((5, 5), Image.Resampling.BILINEAR))
    assert np.array_equal(data.train.images[-1].permute(1, 2, 0).numpy(), expected)
    (tree / "train" / "cat" / "a.png").unlink()
    picture(tree / "train" / "cat" / "a.png", 0, size=(20, 10))
    with pytest.raises(ValueError, match=r"a.png is 10x20, not square: give image_size="):
        datasets.load(f"folder:{tree}")


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    picture(path, 5, mode=mode)
    images, sizes = decode([path])
    with Image.open(path) as expected:
        assert np.array_equal(images[0].permute(1, 2, 0).numpy(), np.asarray(expected.convert("RGB")))
    assert sizes.tolist() == [[8, 8]]
    if mode == "L":
        assert torch.equal(images[0, 0], images[0, 2])


def test_damaged_pictures_are_named(tree):
    target = tree / "test" / "dog" / "e.png"
    whole = target.read_bytes()
    for content in (b"", b"no picture", whole[: len(whole) // 2], whole[:40] + bytes(8) + whole[48:]):
        target.write_bytes(content)
        with pytest.raises(DamagedData, match=rf"cannot read the picture {target}"):
            datasets.load(f"folder:{tree}")
    picture(tree / "train" / "dog" / "cut.jpg", 0, size=(64, 64))
    cut = tree / "train" / "dog" / "cut.jpg"
    cut.write_bytes(cut.read_bytes()[:-300])
    with pytest.raises(DamagedData, match=r"cut.jpg: .*truncated"):
        datasets.load(f"folder:{tree}", image_size=8)
    for name, kind in (("cut.tif", np.int32), ("cut.tiff", np.float32)):
        cut.unlink()
        cut = cut.with_name(name)
        Image.fromarray(np.zeros((8, 8), dtype=kind)).save(cut)
        with pytest.raises(DamagedData, match=rf"{name}: more than 16 bits a pixel"):
            datasets.load(f"folder:{tree}")


# what a picture file means: orientation, transparency, 16 bits


def rgb(path) -> np.ndarray:
    """``(H, W, 3)`` as read."""
    return np.asarray(decoding.open_picture(path))


@pytest.mark.parametrize("ending", ["png", "tif", "webp", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_heeded(tmp_path, orientation, ending):
    upright = np.random.default_rng(0).integers(0, 256, (3, 2, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    held = {  # how the rows and columns of a picture so tagged lie in its file (Exif 2.3, table 6)
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    tags = Image.Exif()
    tags[0x0112] = orientation
    options = {"webp": {"lossless": True}, "jpg": {"quality": 100, "subsampling": 0}}.get(ending, {})
    path = tmp_path / f"a.{ending}"
    Image.fromarray(np.ascontiguousarray(held)).save(path, exif=tags, **options)
    assert np.abs(rgb(path).astype(int) - upright).max() <= (3 if ending == "jpg" else 0)
    assert decode([path], 8)[1].tolist() == [[48, 32]]


def test_tags_in_disorder_leave_a_picture_as_it_is(tmp_path):
    tags = PngImagePlugin.PngInfo()
    tags.add_text("Raw profile type exif", "\nexif\n4\nno number")
    picture(tmp_path / "plain.png", 3)
    picture(tmp_path / "tagged.png", 3, pnginfo=tags)
    assert np.array_equal(rgb(tmp_path / "tagged.png"), rgb(tmp_path / "plain.png"))


def test_white_shows_through_what_is_transparent(tmp_path):
    alpha = np.array([[0, 128, 255]], dtype=np.uint8)
    drawing = np.zeros((1, 3, 4), dtype=np.uint8)
    drawing[..., 3] = alpha
    expected = np.repeat(255 - alpha[..., None], 3, axis=2)
    Image.fromarray(drawing).save(tmp_path / "rgba.png")
    Image.fromarray(drawing).convert("LA").save(tmp_path / "la.png")
    Image.fromarray(drawing).save(tmp_path / "rgba.webp", lossless=True)
    for name in ("rgba.png", "la.png", "rgba.webp"):
        assert np.array_equal(rgb(tmp_path / name), expected)
    entries = Image.fromarray(np.array([[0, 1, 1]], dtype=np.uint8), mode="P")
    entries.putpalette([0, 0, 0, 10, 20, 30])
    for ending in ("png", "gif"):
        entries.save(tmp_path / f"p.{ending}", transparency=0)
        assert rgb(tmp_path / f"p.{ending}").tolist() == [[[255] * 3, [10, 20, 30], [10, 20, 30]]]
    Image.fromarray(np.array([[[1, 2, 3], [9, 9, 9]]], dtype=np.uint8)).save(tmp_path / "k.png", transparency=(1, 2, 3))
    assert rgb(tmp_path / "k.png").tolist() == [[[255] * 3, [9] * 3]]


@pytest.mark.parametrize("ending", ["png", "tif", "pgm", "jp2"])
def test_grey_of_16_bits_is_scaled(tmp_path, ending):
    levels = np.array([[0, 128, 129, 257 * 100, 257 * 100 + 128, 65535]], dtype=np.uint16).repeat(6, 0)
    Image.fromarray(levels).save(tmp_path / f"a.{ending}")
    assert rgb(tmp_path / f"a.{ending}")[0, :, 0].tolist() == [0, 0, 1, 100, 100, 255]


def test_of_pictures_that_move_the_first(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for ending in ("gif", "webp"):
        frames[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:], duration=100)
        assert rgb(tmp_path / f"a.{ending}")[0, 0, 0] > 250


# what lies in class folders


def test_files_passed_over_are_told(tree, caplog):
    for i in range(3):
        (tree / "train" / "cat" / f"{i}.heic").write_bytes(b"")
    (tree / "train" / "cat" / "sub" / "noending").write_bytes(b"")
    for part in ("train", "train/cat", "train/cat/sub"):
        (tree / part / "@eaDir").mkdir()
        picture(tree / part / "@eaDir" / "a.png", 0)
    for load in (lambda: datasets.load(f"folder:{tree}"), lambda: StreamedBatches(tree / "train", 4)):
        load()
        assert len(caplog.records) == 1  # the same tree twice, one warning
    assert "train: passed over 3 .heic, 3 @eaDir/, 1 .txt, 1 without an ending; a picture's name ends" in caplog.text


def test_more_endings_and_none_hidden(tmp_path):
    for part in ("train", "test"):
        for i, name in enumerate(("a.jfif", "b.JPE", "c.gif", "d.jp2", "e.avif")):
            if not name.endswith("avif") or features.check("avif"):
                kind = {"jfif": "JPEG", "JPE": "JPEG", "gif": "GIF", "jp2": "JPEG2000", "avif": "AVIF"}
                picture(tmp_path / part / "cat" / name, i, format=kind[name[2:]])
    there = len(list((tmp_path / "train" / "cat").iterdir()))
    (tmp_path / "train" / "cat" / "._a.jpg").write_bytes(b"a Macintosh's notes")
    for name in (".ipynb_checkpoints", "@eaDir", "__MACOSX"):
        shutil.copytree(tmp_path / "test" / "cat", tmp_path / "train" / "cat" / name)
        shutil.copytree(tmp_path / "test" / "cat", tmp_path / "train" / name)
    data = datasets.load(f"folder:{tmp_path}")
    assert data.train.classes == ("cat",)
    assert len(data.train) == len(data.test) == there


def test_links_are_followed_but_not_in_circles(tree):
    before = datasets.load(f"folder:{tree}")
    (tree / "train" / "cat" / "sub" / "up").symlink_to(tree / "train" / "cat")
    (tree / "train" / "cat" / "other").symlink_to(tree / "train" / "dog")
    (tree / "train" / "dog" / "other").symlink_to(tree / "train" / "cat")
    data = datasets.load(f"folder:{tree}")
    assert data.train.labels.bincount().tolist() == [7, 7]
    assert torch.equal(data.test.images, before.test.images)


def test_trees_that_are_none(tree, tmp_path):
    for name, error, message in (
        ("folder:", ValueError, "must be folder:PATH or folder:TRAIN_PATH::TEST_PATH"),
        ("folder:a::b::c", ValueError, "must be folder:PATH"),
        ("folder:a::", ValueError, "must be folder:PATH"),
        (f"folder:{tmp_path}/nowhere", FileNotFoundError, "there is no folder .*nowhere"),
        (f"folder:{tmp_path}", FileNotFoundError, r"must hold the folders train and test \(or val\)"),
        (
            f"folder:{tree}/train/cat::{tree}/test",
            FileNotFoundError,
            "cat/sub|no class folders|different classes",
        ),
    ):
        with pytest.raises((error, ValueError), match=message):
            datasets.load(name)
    with pytest.raises(FileNotFoundError, match="dog has no class folders"):
        datasets.load(f"folder:{tree}/train/dog::{tree}/test")
    (tree / "train" / "bird").mkdir()
    with pytest.raises(ValueError, match=r"different classes: only in .*train: \['bird'\]; only in .*test: none"):
        datasets.load(f"folder:{tree}")
    (tree / "test" / "bird").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"train has no pictures of 1 of 3 classes: bird\n.*what else is there: 1 .txt"
    ):
        datasets.load(f"folder:{tree}")


def test_classes_that_are_none(tree):
    for classes, message in (
        (["cats"], "has no classes cats; did you mean 'cat'"),
        ([], "at least one class folder"),
        ("cat", "must be a list .* not 'cat'"),
        (["cat", "dog", "cat"], "names cat more than once"),
    ):
        with pytest.raises(ValueError, match=message):
            datasets.load(f"folder:{tree}", classes=classes)


def test_more_pictures_than_memory(tree):
    with pytest.raises(MemoryError, match=r"7 pictures of 3x1000000x1000000 bytes need 21000.0 GB, this machine has"):
        datasets.load(f"folder:{tree}", image_size=1_000_000)


@settings(max_examples=25)
@given(size=st.integers(1, 12), new=st.integers(1, 12), channels=st.sampled_from([1, 3]))
def test_resize_is_pillows(size, new, channels):
    images = torch.randint(0, 256, (2, channels, size, size), dtype=torch.uint8)
    small = resize(images, new)
    assert small.shape == (2, channels, new, new)
    for image, result in zip(images.flatten(0, 1), small.flatten(0, 1), strict=True):
        expected = Image.fromarray(image.numpy()).resize((new, new), Image.Resampling.BILINEAR)
        assert np.array_equal(result.numpy(), np.asarray(expected))


def test_resizing_averages_when_it_shrinks():
    board = (torch.arange(64).view(8, 8) + torch.arange(8)[:, None]) % 2 * 200
    small = resize(board.byte()[None, None], 2)
    assert ((small.int() - 100).abs() < 20).all()  # antialiased: not the 0 or 200 of single pixels


# Tiny-ImageNet


@pytest.fixture
def tiny(tmp_path):
    """Three classes of three training and one test picture, in the zip's layout."""
    folder = tmp_path / "tiny-imagenet-200"
    wnids = ("n03", "n01", "n02")
    annotations = ""
    for c, wnid in enumerate(wnids):
        boxes = ""
        for i in range(3):
            picture(
                folder / "train" / wnid / "images" / f"{wnid}_{i}.JPEG",
                50 * c + i,
                size=(64, 64),
                mode="L" if i else "RGB",
            )
            boxes += f"{wnid}_{i}.JPEG\t{c}\t{i}\t{40 + c}\t63\n"
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text(boxes)
        picture(folder / "val" / "images" / f"val_{c}.JPEG", 50 * c, size=(64, 64))
        annotations += f"val_{c}.JPEG\t{wnid}\t0\t31\t60\t60\n"
    (folder / "val" / "val_annotations.txt").write_text(annotations)
    (folder / "words.txt").write_text("n01\tgoldfish, Carassius auratus\nn02\tking penguin\nn04\tnothing here\n")
    return folder


def test_tiny_imagenet(tiny):
    train, test = read_tiny_imagenet(tiny)
    assert train.classes == ("goldfish", "king penguin", "n03")
    assert train.images.shape == (9, 3, 64, 64)
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert train.boxes[1].tolist() == [1, 1, 41, 63]
    assert test.labels.tolist() == [2, 0, 1]  # in the order of the file
    assert test.boxes[0].tolist() == [0, 31, 60, 60]


def test_tiny_imagenet_by_name_and_classes(tiny):
    root = tiny.parent
    data = datasets.load("tiny-imagenet", root=root, classes=["n02", "n01"], image_size=(128, 32))
    assert data.name == "tiny-imagenet[n02,n01]"
    assert data.train.classes == ("king penguin", "goldfish")
    assert data.train.images.shape == (6, 3, 128, 128)
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.train.boxes[0].tolist() == [4, 0, 85, 127]
    assert data.test.boxes[0].tolist() == [0, 15, 30, 30]
    with pytest.raises(FileNotFoundError, match=r"lacks 197 of its 200 classes \(the 3 that are there can be"):
        datasets.load("tiny-imagenet", root=root)
    with pytest.raises(FileNotFoundError, match=r"tiny-animals is not in .* lacks train/n01443537.* and 10 more"):
        datasets.load("tiny-animals", root=root)
    with pytest.raises(ValueError, match=r"has no classes n99, n98.*\nThere are: n01, n02, n03"):
        datasets.load("tiny-imagenet", root=root, classes=["n01", "n99", "n98"])
    with pytest.raises(ValueError, match="tiny-animals has no classes n01\n"):
        datasets.load("tiny-animals", root=root, classes=["n01"])


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("train/n01/n01_boxes.txt", "n01_0.JPEG\t0\t0\t5\n", r"n01_boxes.txt, line 1: expected 5 entries"),
        ("train/n01/n01_boxes.txt", "n01_0.JPEG\t0\t0\t5\tx\n", "line 1: 0 0 5 x is no box"),
        ("train/n01/n01_boxes.txt", "n01_0.JPEG\t9\t0\t5\t5\n", "line 1: 9 0 5 5 is no box"),
        (
            "train/n01/n01_boxes.txt",
            "n01_0.JPEG\t0\t0\t64\t5\n",
            r"the box \[0, 0, 64, 5\] of .* beyond the picture",
        ),
        ("train/n01/n01_boxes.txt", "n01_7.JPEG\t0\t0\t5\t5\n", "picture .*n01_7.JPEG is missing"),
        ("train/n01/n01_boxes.txt", "", "train has no pictures of n01"),
        ("train/n01/n01_boxes.txt", None, "n01_boxes.txt is missing"),
        ("val/val_annotations.txt", "val_0.JPEG\tn03\t0\t0\t5\t5\n", "no pictures of n01, n02"),
        ("val/images/val_1.JPEG", "no picture", "cannot read the picture .*val_1.JPEG"),
    ],
)
def test_damaged_tiny_imagenet(tiny, file, text, message):
    (tiny / file).unlink()
    if text is not None:
        (tiny / file).write_text(text)
    with pytest.raises(DamagedData, match=message) as raised:
        datasets.load("tiny-imagenet", root=tiny.parent, classes=["n01", "n02", "n03"])
    assert "c2f fetch tiny-imagenet` again" in str(raised.value)


@given(
    st.integers(1, 20), st.integers(1, 20), st.integers(1, 40),
    st.tuples(*[st.floats(0, 0.999)] * 4),
)  # fmt: skip
def test_boxes_stay_inside_and_around_the_object(rows, columns, new, corners):
    x = sorted(int(c * columns) for c in corners[:2])
    y = sorted(int(c * rows) for c in corners[2:])
    box = resize_boxes(torch.tensor([[x[0], y[0], x[1], y[1]]]), torch.tensor([[rows, columns]]), new)[0].tolist()
    for (low, high), (old_low, old_high), size in (
        ((box[0], box[2]), x, columns),
        ((box[1], box[3]), y, rows),
    ):
        assert 0 <= low <= high < new
        assert low * size <= old_low * new
        assert (high + 1) * size >= (old_high + 1) * new
        assert (low + 1) * size > old_low * new  # no whole pixel too many
        assert high * size < (old_high + 1) * new
