import builtins
import types

import pytest

from c2f import datasets, zoo
from c2f.experiments.glimpses import data as data_module
from c2f.experiments.glimpses.training import GlimpseHistory
from c2f.training import board
from tests.experiments.glimpses.test_glimpse_training import some

DATA = "scenes-fashion-mnist-sample"


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """24x24 pictures in place of any data set's."""
    monkeypatch.setattr(
        data_module.datasets, "load", lambda name, **options: datasets.DataSet(name, some(30), some(14, seed=1))
    )


def test_train_and_train_again(c2f, tmp_path):
    options = ("--epochs", 1, "--batch-size", 16, "--glimpses", 2, "--downsampling", 2.0, "--optimiser", "sgd")
    options += ("--alpha", 0.3, "--guidance", 0.5, "--weight-decay", 0.001, "--seeds", 3)
    options += ("--device", "cpu", "--output", tmp_path)
    status, text, _ = c2f("train", "mgnet_small_cnn", DATA, "--lr", 0.01, *options)
    assert status == 0
    assert "mgnet_small_cnn--scenes-fashion-mnist-sample--seed3: test accuracy after each glimpse " in text
    parameters = zoo.record("mgnet_small_cnn", DATA, tmp_path).parameters
    recipe, losses = parameters["recipe"], parameters["losses"]
    assert (recipe["epochs"], recipe["optimiser"], recipe["weight_decay"]) == (1, "sgd", 0.001)
    assert (losses["alpha"], losses["guidance"]) == (0.3, 0.5)
    assert parameters["look"]["glimpses"] == 2
    assert "seed3: already in" in c2f("train", "mgnet_small_cnn", DATA, "--lr", 0.01, *options)[1]
    status, _, complaint = c2f("train", "mgnet_small_cnn", DATA, "--lr", 0.02, *options)
    assert status == 2
    assert "recipe.lr 0.01 there and 0.02 here" in complaint


def test_a_baseline_has_the_same_options(c2f, tmp_path):
    options = ("--epochs", 1, "--lr", 0.005, "--batch-size", 16, "--seeds", 3, "--device", "cpu", "--output", tmp_path)
    status, text, _ = c2f("train", "full_small_cnn", DATA, *options)
    assert status == 0
    assert "full_small_cnn--scenes-fashion-mnist-sample--seed3: test accuracy after each" in text
    recipe = zoo.record("full_small_cnn", DATA, tmp_path).parameters["recipe"]
    assert (recipe["epochs"], recipe["lr"], recipe["batch_size"]) == (1, 0.005, 16)
    refused = c2f("train", "mgnet_small_cnn", DATA, "--merge", "sum", *options)[2]
    assert "Unrecognized" in refused
    assert "--merge (applied to c2f train)" in refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--scale-min", 0.6), "must have 0 < scale_min < scale_max < 1, not scale_min 0.6 and scale_max"),
        (("--downsampling", 0.5), "downsampling must be at least 1"),
        (("--glimpses", 1), "at least 2 glimpses, not 1: take kind 'full'"),
        (("--profile", "papr"), "unknown profile 'papr'; did you mean 'paper'"),
        (("--alpha", 1.5), "alpha must be in [0, 1], not 1.5"),
        (("--device", "gpu"), "device 'gpu' cannot be used here"),
        (("--stream",), "only a tree of class folders can be streamed"),
    ],
)
def test_bad_options(c2f, options, message, tmp_path):
    status, _, complaint = c2f("train", "mgnet_small_cnn", DATA, "--output", tmp_path, *options)
    assert status == 2
    assert message in complaint
    assert not list(tmp_path.glob("runs/*"))


def test_an_unknown_backbone_is_named_with_the_nearest(c2f):
    assert "unknown network to train 'mgnet_resnet8'; did you mean 'mgnet_" in c2f("train", "mgnet_resnet8", DATA)[2]


def test_tensorboard_is_optional(c2f, monkeypatch, tmp_path):
    real = builtins.__import__

    def without(name, *args, **options):
        if name == "torch.utils.tensorboard":
            raise ModuleNotFoundError("No module named 'tensorboard'")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    options = ("--tensorboard", tmp_path, "--output", tmp_path, "--device", "cpu")
    status, _, complaint = c2f("train", "mgnet_small_cnn", DATA, *options)
    assert status == 2
    assert "run `pip install tensorboard`, or leave --tensorboard out" in complaint


def test_an_epoch_is_written(tmp_path, monkeypatch):
    written = {}
    writer = types.SimpleNamespace(
        add_scalar=lambda name, value, epoch: written.update({name: (value, epoch)}), flush=lambda: None
    )
    history = GlimpseHistory(
        [0.1] * 2, [2.0, 1.0], [0.3, 0.4], [2.5, 1.5], [0.2, 0.6], [1, 1], [[0.1, 0.2], [0.5, 0.6]]
    )
    monkeypatch.setattr(board, "summary_writer", lambda: lambda folder: writer)
    board.Board(tmp_path, "name").write_epoch(3, history)
    assert written["train/loss"] == (1.0, 2)
    assert written["val/by_glimpse_1"] == (0.5, 2)
    assert written["val/by_glimpse_2"] == (0.6, 2)
    assert written["learning_rate"] == (0.1, 2)
