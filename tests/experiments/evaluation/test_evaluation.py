"""Evaluation of a trained network on pictures of any form."""

import numpy as np
import pandas as pd
import pytest
import torch

from c2f import zoo
from c2f.datasets.idx import write_idx
from c2f.experiments.evaluation import run as evaluation
from c2f.experiments.evaluation import tables
from c2f.experiments.evaluation.run import evaluation_run
from c2f.experiments.evaluation.sources import open_tested
from c2f.runs.record import RecordError
from tests.toys import write_colours, write_own


@pytest.fixture
def own(tmp_path):
    return write_own(tmp_path)


@pytest.fixture
def photographs(tmp_path):
    """Four of each colour, of which one green one lies in the folder of the red ones."""
    folder = write_colours(tmp_path / "photos")
    (folder / "green/0.png").rename(folder / "red/stray.png")
    return folder


def test_class_folders_of_photographs(own, photographs, tmp_path):
    found = evaluation_run(own, str(photographs), output=tmp_path / "out")
    assert found.details["confusion"] == [[4, 0, 0], [0, 3, 0], [0, 1, 4]]
    assert found.values["accuracy"] == pytest.approx(11 / 12)
    assert found.values["macro precision"] == pytest.approx((1 + 3 / 4 + 1) / 3)
    assert found.values["weighted recall"] == pytest.approx(11 / 12)
    assert "top5" not in found.values  # of three classes
    each = tables.pictures(found, tmp_path / "out")
    wrong = each[each["class"] != each["predicted"]]
    assert [path.rsplit("/", 1)[1] for path in wrong["picture"]] == ["stray.png"]
    assert found.values["loss"] == pytest.approx(each["loss"].mean())
    again = evaluation_run(own, str(photographs), output=tmp_path / "out")
    assert not again.fresh
    (photographs / "red/stray.png").unlink()
    assert evaluation_run(own, str(photographs), output=tmp_path / "out").values["accuracy"] == 1  # other pictures now


def test_what_was_killed_goes_on_where_it_was(own, photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "AT_ONCE", 4)
    whole, asked = evaluation._classify, []

    def killed(predict, source, places, device):
        asked.append(int(places[0]))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return whole(predict, source, places, device)

    monkeypatch.setattr(evaluation, "_classify", killed)
    with pytest.raises(KeyboardInterrupt):
        evaluation_run(own, str(photographs), output=tmp_path / "out")
    found = evaluation_run(own, str(photographs), output=tmp_path / "out")
    assert asked == [0, 4, 4, 8]
    assert found.details["confusion"] == [[4, 0, 0], [0, 3, 0], [0, 1, 4]]


def test_classes_are_matched_by_name_and_others_refused_with_both_lists(own, tmp_path):
    write_colours(tmp_path / "de", names={"blue": "rot", "green": "gruen", "red": "blau"})
    with pytest.raises(ValueError, match=r"knows the 3 classes blue, green, red, but .*de has 3: blau, gruen, rot"):
        evaluation_run(own, str(tmp_path / "de"), output=tmp_path / "out")
    (tmp_path / "mine.py").write_text(
        (tmp_path / "mine.py").read_text().replace('("blue", "green", "red")', '("red", "green", "blue")')
    )
    found = evaluation_run(own, str(write_colours(tmp_path / "en")), output=tmp_path / "out")
    assert found.details["confusion"] == [[0, 0, 4], [0, 4, 0], [4, 0, 0]]  # rows in the order of the network's names


def test_a_tree_of_corrupted_pictures_by_type_and_severity(own, tmp_path):
    for kind, severity, count in (("fog", 1, 2), ("fog", 3, 2), ("mist", 2, 3)):
        write_colours(tmp_path / f"tree/{kind}/{severity}", count)
        write_colours(tmp_path / f"tree/{kind}/{severity}", 1, {"red": "yellow"})  # a class that is not the network's
    found = evaluation_run(own, str(tmp_path / "tree"), output=tmp_path / "out")
    assert found.details["pictures"] == {"fog 1": 6, "fog 3": 6, "mist 2": 9}
    assert found.values["fog 3 accuracy"] == 1
    assert list(tables.summary(found).index) == ["all pictures", "fog 1", "fog 3", "mist 2"]


CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def test_cifar10_c_a_folder_and_one_file(tmp_path):
    (tmp_path / "ten.py").write_text(f"""
import torch
from torch import nn
from c2f.networks import OwnNetwork


class Level(nn.Module):
    def forward(self, x):
        return -((255 * x.mean(dim=(1, 2, 3)))[:, None] - 20 * torch.arange(10)).abs()


def build():
    return OwnNetwork(Level(), 32, {CIFAR[::-1]})
""")
    labels = np.tile(np.arange(4), 5)
    (tmp_path / "c").mkdir()
    np.save(tmp_path / "c/labels.npy", labels)
    ours = 20 * (9 - labels)  # the network's classes run the other way
    ours[-1] = 0  # the last picture of the strongest severity is taken for another one
    for kind in ("fog", "snow"):
        np.save(
            tmp_path / f"c/{kind}.npy", np.broadcast_to(ours[:, None, None, None], (20, 32, 32, 3)).astype(np.uint8)
        )
    found = evaluation_run(f"{tmp_path}/ten.py:build", f"{tmp_path}/c", output=tmp_path / "out")
    assert found.values["fog 4 accuracy"] == 1
    assert found.values["fog 5 accuracy"] == found.values["snow 5 accuracy"] == 3 / 4
    assert found.values["accuracy"] == 38 / 40
    assert found.values["top5"] == pytest.approx(38 / 40)
    one = evaluation_run(f"{tmp_path}/ten.py:build", f"{tmp_path}/c/snow.npy", output=tmp_path / "out")
    assert sum(one.details["pictures"].values()) == 20
    assert one.values["accuracy"] == 19 / 20


def test_mnists_format(tmp_path, own):
    levels, labels = torch.tensor([10, 90, 200, 90], dtype=torch.uint8), torch.tensor([0, 1, 2, 0], dtype=torch.uint8)
    (tmp_path / "raw").mkdir()
    file = tmp_path / "raw/t10k-images-idx3-ubyte"
    file.write_bytes(write_idx(levels[:, None, None].expand(4, 28, 28)))
    (tmp_path / "raw/t10k-labels-idx1-ubyte").write_bytes(write_idx(labels))
    (tmp_path / "grey.py").write_text("""
import torch
from torch import nn
from c2f.networks import OwnNetwork


class Level(nn.Module):
    def forward(self, x):
        return -(x.mean(dim=(1, 2, 3))[:, None] - torch.tensor([0.0, 0.4, 0.8])).abs()


def build():
    return OwnNetwork(Level(), 28, ("dark", "middle", "bright"), in_channels=1)
""")
    for data in (tmp_path / "raw", file):
        found = evaluation_run(f"{tmp_path}/grey.py:build", str(data), output=tmp_path / "out")
        assert found.values["accuracy"] == 3 / 4
    (tmp_path / "raw/t10k-labels-idx1-ubyte").write_bytes(write_idx(labels + 7))
    with pytest.raises(ValueError, match=r"4 labels up to 9, but .* knows 3 classes: dark, middle, bright"):
        evaluation_run(f"{tmp_path}/grey.py:build", str(file), output=tmp_path / "out")


def test_weights_by_their_path_and_what_the_book_ships(c2f, tmp_path, few_of_the_sample, monkeypatch):
    few_of_the_sample("fashion-mnist-sample", 20, 40)
    weights = "data/weights/lenetfc--fashion-mnist--seed1.safetensors"
    status, out, err = c2f(
        "evaluate", weights, "fashion-mnist-sample", "--output", tmp_path, "--picture", "--device", "cpu"
    )
    assert status == 0, err
    stem = tmp_path / "evaluation/lenetfc--fashion-mnist--evaluation--fashion-mnist-sample--seed1"
    assert stem.with_name(stem.name + ".png").read_bytes().startswith(b"\x89PNG")
    classes = pd.read_csv(stem.with_name(stem.name + "--classes.csv"), index_col=0)
    assert classes.loc["macro mean", "pictures"] == 40
    assert "macro mean" in out
    model = zoo.load("lenetfc", "fashion-mnist", 1)
    images = open_tested(model, "fashion-mnist-sample").sources[0]
    x, y = next(images.read(torch.arange(40)))
    right = (model.network(x).argmax(1) == y).double().mean()
    assert f"{100 * right:.2f}".rstrip("0").rstrip(".") in out


@pytest.mark.parametrize(
    ("network", "data", "text"),
    [
        ("{own}", "photo", "there are no pictures 'photo'"),
        ("{own}", "{tmp}", "holds no class folders"),
        ("{tmp}/none.safetensors", "{tmp}", "are no weights that `c2f train` wrote"),
        ("lenetfx", "mnist", "unknown network 'lenetfx'; did you mean 'lenetfc'"),
        ("{tmp}/no.py:build", "{tmp}", "there is no file"),
        ("{tmp}/mine.py:biuld", "{tmp}/photos", "has no function 'biuld'; did you mean 'build'"),
        ("{tmp}/mine.py:broken", "{tmp}/photos", "returned dict: return a torch.nn.Module or"),
        ("{tmp}/mine.py:fails", "{tmp}/photos", "fails failed: KeyError: 'weights'"),
        ("{tmp}/mine.py:bare", "folder:{tmp}", "does not say of what size its pictures are"),
        ("segmentation_td", "fashion-mnist-sample", "classifies pixels"),
    ],
)
def test_what_is_wrong_is_refused_by_name(network, data, text, own, tmp_path):
    (tmp_path / "photos").mkdir() if "photos" in data else None
    if "{own}" in network and data == "{tmp}":
        (tmp_path / "empty").mkdir()
        data = "{tmp}/empty"
    names = {"own": own, "tmp": tmp_path}
    with pytest.raises((ValueError, RecordError, FileNotFoundError), match=text):
        evaluation_run(network.format(**names), data.format(**names), output=tmp_path / "out")
