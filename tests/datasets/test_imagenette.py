"""Imagenette end to end, from a small tree of the same form: fetched, checked, cropped, trained by both recipes."""

import functools
import hashlib
import http.server
import io
import os
import tarfile
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from c2f import datasets
from c2f.cam import grad_cam, paper_layers
from c2f.datasets import DamagedData, DownloadError, manifest
from c2f.datasets.photographs import Photographs
from c2f.datasets.registry import INFO
from c2f.datasets.streaming import StreamedBatches
from c2f.experiments.classification.run import train_run
from c2f.runs.record import read
from c2f.training.data import load_data_set, load_for
from c2f.training.recipes import recipe
from c2f.zoo.samples import load_sample

IMAGENETTE = INFO["imagenette"]
GREY = IMAGENETTE.classes[3]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def jpeg(label: int, i: int, grey: bool) -> bytes:
    pixels = np.random.default_rng(10 * label + i).integers(0, 120, (40 + 3 * i, 60 - label, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels + np.uint8(12 * label))
    packed = io.BytesIO()
    (picture.convert("L") if grey else picture).save(packed, "JPEG")
    return packed.getvalue()


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The archive, 3 training and 1 test picture a class, served from this machine; the data root, still empty."""
    (tmp_path / "site").mkdir()
    archive = tmp_path / "site" / "imagenette2.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for label, wnid in enumerate(IMAGENETTE.classes):
            for i in range(4):
                content = jpeg(label, i, grey=wnid == GREY)
                entry = tarfile.TarInfo(f"imagenette2/{'val' if i == 3 else 'train'}/{wnid}/{wnid}_{i}.JPEG")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    httpd = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path / "site"))
    )
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    packed = archive.read_bytes()
    there = replace(
        IMAGENETTE.archives[0],
        urls=(f"http://127.0.0.1:{httpd.server_port}/{archive.name}",),
        md5=hashlib.md5(packed).hexdigest(),
        size=len(packed),
    )
    monkeypatch.setitem(INFO, "imagenette", replace(IMAGENETTE, archives=(there,), unpacked=0, train=30, test=10))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("C2F_OFFLINE", raising=False)
    monkeypatch.setenv("C2F_DATA", str(tmp_path / "data"))
    load_data_set.cache_clear()
    yield tmp_path / "data"
    load_data_set.cache_clear()
    httpd.shutdown()
    httpd.server_close()


def test_fetched_trained_and_mapped(served, tmp_path):
    folder = datasets.fetch("imagenette")
    assert folder == served / "imagenette2"
    full = {network: recipe(network, "imagenette") for network in ("resnet18", "resnet18_td")}
    training, tested = load_for("imagenette", full["resnet18"])
    assert training.images.shape == (30, 3, 156, 156)
    assert tested.test.images.shape == (10, 3, 128, 128)
    assert tested.test.classes[0] == "tench"
    grey = tested.test.images[3]
    assert torch.equal(grey[0], grey[2])

    for network, published in full.items():
        small = replace(published, epochs=1, image_size=32)  # trained at 39 pixels, cropped to 32
        run = train_run(network, "imagenette", small, 0, tmp_path)
        assert run.details["pictures"] == {"train": 30, "val": 0, "test": 10}
        target = load_sample(network, "imagenette", 0, 4, tmp_path)
        assert target.model.mean.shape == (3, 32, 32)
        layer = list(paper_layers(network).values())[-1]
        maps = grad_cam(target.model.network, layer, target.images - target.model.mean).maps
        assert maps.shape == (4, *((32, 32) if network == "resnet18_td" else (2, 2)))
    kept = read(tmp_path / "runs" / "resnet18_td--imagenette.json").parameters["recipe"]
    assert (kept["lr"], kept["batch_size"], kept["weight_decay"]) == (0.05, 64, 1e-3)
    assert (kept["augmentation"], kept["pixel_mean"]) == ("pca_flip_crop", True)
    assert (full["resnet18"].lr, full["resnet18"].batch_size) == (0.1, 128)


def test_another_archive_than_the_tables_is_refused(served, monkeypatch):
    row = INFO["imagenette"]
    monkeypatch.setitem(INFO, "imagenette", replace(row, archives=(replace(row.archives[0], md5="0" * 32),)))
    with pytest.raises(DownloadError, match=r"wrong checksum: md5 .* instead of 00000000000000000000000000000000"):
        datasets.fetch("imagenette")
    assert not (served / "imagenette2").exists()


def test_a_corrupt_photograph_is_named_with_the_remedy(served):
    damaged = datasets.fetch("imagenette") / "train" / GREY / f"{GREY}_1.JPEG"
    damaged.write_bytes(damaged.read_bytes()[:-400])
    with pytest.raises(DamagedData, match=rf"{GREY}_1.JPEG (.|\n)*run `c2f fetch imagenette` again"):
        datasets.load("imagenette", image_size=32)


def spoil(path):
    """Change one pixel's worth of bytes: the picture can be read, and its size stays."""
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)


def same_time(path, change):
    status = path.stat()
    change(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_picture_that_can_be_read_and_is_another_is_named(served, tmp_path):
    folder = datasets.fetch("imagenette")
    train = folder / "train" / GREY
    whole = datasets.load("imagenette", image_size=32)
    spoil(train / f"{GREY}_1.JPEG")
    said = rf"{GREY}_1.JPEG is damaged or another file: \d+ bytes of CRC-32 \w+ instead of (.|\n)*Remove the folder"
    for read_it in (
        lambda: datasets.load("imagenette", image_size=32),
        lambda: datasets.verify("imagenette"),
        lambda: StreamedBatches(folder / "train", 4, image_size=32),
        lambda: Photographs(folder / "train", 4),
    ):
        with pytest.raises(DamagedData, match=said.partition("(.")[0]):
            read_it()
    with pytest.raises(DamagedData, match=said):
        datasets.verify("imagenette")
    spoil(train / f"{GREY}_1.JPEG")  # back again
    assert torch.equal(datasets.load("imagenette", image_size=32).train.images, whole.train.images)


def test_bytes_are_read_where_a_time_has_changed_and_when_asked_for(served, monkeypatch, c2f):
    folder = datasets.fetch("imagenette")
    path = folder / "val" / GREY / f"{GREY}_3.JPEG"
    read_them, state = [], manifest._state
    monkeypatch.setattr(manifest, "_state", lambda path: read_them.append(path.name) or state(path))
    datasets.load("imagenette", image_size=32)
    assert read_them == []
    path.touch()
    datasets.load("imagenette", image_size=32)
    datasets.load("imagenette", image_size=32)
    assert read_them == [path.name]  # once
    same_time(path, spoil)
    datasets.load("imagenette", image_size=32)
    status, _, err = c2f("fetch", "imagenette", "--verify")
    assert status == 2
    assert f"{path.name} is damaged" in err
    same_time(path, spoil)
    assert "imagenette: every file is whole" in c2f("fetch", "imagenette", "--verify")[1]
    path.unlink()
    with pytest.raises(DamagedData, match=f"{path.name} is missing"):
        datasets.verify("imagenette")


def test_of_a_folder_that_was_not_unpacked_here_nothing_is_known(served):
    folder = datasets.fetch("imagenette")
    for note in folder.rglob(manifest.CHECKED):
        note.unlink()
    spoil(folder / "train" / GREY / f"{GREY}_1.JPEG")
    datasets.load("imagenette", image_size=32)
    with pytest.raises(DamagedData, match=r"nothing is noted of the files in .*fetch it"):
        datasets.verify("imagenette")
