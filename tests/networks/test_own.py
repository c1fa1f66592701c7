"""A network of the user's own in the place of a name, in every command that takes one."""

import json

import pytest
import torch

from c2f import networks, zoo
from tests.toys import write_own

OWN = """
import torch
from torch import nn
from c2f.networks import OwnNetwork


def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))


def standardised():
    return OwnNetwork(build(), mean=[0.5], std=[0.25])
"""
DATA = "fashion-mnist-sample"


@pytest.fixture
def own(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    return f"{tmp_path / 'mine.py'}:build"


def test_what_the_file_does_not_say_is_the_datas(own):
    model = zoo.load(own, DATA)
    assert (model.in_channels, model.image_size, len(model.classes)) == (1, 28, 10)
    assert networks.kind_of(own) == "classifier"
    x = torch.rand(2, 1, 28, 28)
    plain, standardised = model.network(x * 4 - 2), zoo.load(own.replace("build", "standardised"), DATA).network(x)
    assert torch.allclose(plain, standardised, atol=1e-5)


def test_other_weights_are_known_by_their_checksum(own, tmp_path):
    first = zoo.load(own, DATA).weights
    (tmp_path / "mine.py").write_text(OWN.replace("manual_seed(0)", "manual_seed(1)"))
    assert zoo.load(own, DATA).weights["sha256"] != first["sha256"]


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("attack", ("--attacks", "contrast", "--pictures", 10)),
        ("corrupt", ("--types", "brightness", "--pictures", 10)),
        ("locate", ("--pictures", 10, "--threshold-pictures", 10, "--faithful", 0)),
        ("evaluate", ()),
    ],
)
def test_commands_take_it(command, more, own, c2f, tmp_path, few_of_the_sample):
    few_of_the_sample(DATA, 20, 30)
    status, _, err = c2f(command, own, DATA, *more, "--output", tmp_path / "out", "--device", "cpu")
    assert status == 0, err
    (record,) = (tmp_path / "out/runs").glob("*.json")
    assert record.name.startswith("mine.py-build--fashion-mnist-sample--")
    assert json.loads(record.read_text())["runs"][0]["details"]["weights"]["file"] == "mine.py"
    if command == "locate":
        assert json.loads(record.read_text())["parameters"]["layers"] == {"1": "1"}


def test_what_is_no_network_of_the_users_is_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown network"):
        networks.build("mine.py:build")
    with pytest.raises(ValueError, match="mean and std go together"):
        networks.OwnNetwork(torch.nn.Identity(), mean=[0.5])
    with pytest.raises(ValueError, match="a list of different names"):
        networks.OwnNetwork(torch.nn.Identity(), classes=["a", "a"])
    with pytest.raises(ValueError, match="does not name its classes"):
        zoo.load(write_own(tmp_path).replace("build", "bare"), "")
