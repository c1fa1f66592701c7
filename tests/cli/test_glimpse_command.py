import builtins
import types

import pytest

from c2f import datasets
from c2f.cli.glimpses import glimpse
from c2f.cli.training import train
from c2f.experiments.glimpses import data as data_module
from c2f.experiments.glimpses import tensorboard
from c2f.experiments.glimpses.training import GlimpseHistory
from c2f.zoo.glimpse import glimpse_record
from tests.experiments.glimpses.test_glimpse_training import some

DATA = "scenes-fashion-mnist-sample"


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """24x24 pictures in place of any data set's."""
    monkeypatch.setattr(
        data_module.datasets, "load", lambda name, **options: datasets.DataSet(name, some(30), some(14, seed=1))
    )


def test_train_and_train_again(tmp_path, capsys):
    options = {"epochs": 1, "batch_size": 16, "glimpses": 2, "downsampling": 2.0, "device": "cpu", "output": tmp_path}
    glimpse("mgnet", DATA, seeds=(3,), optimiser="sgd", lr=0.01, alpha=0.3, guidance=0.5, **options)
    told = capsys.readouterr().out
    assert "mgnet_small_cnn--scenes-fashion-mnist-sample--seed3: test accuracy after each glimpse 0." in told
    parameters = glimpse_record(DATA, folder=tmp_path).parameters
    assert (parameters["recipe"]["epochs"], parameters["recipe"]["optimiser"]) == (1, "sgd")
    assert (parameters["losses"]["alpha"], parameters["losses"]["guidance"]) == (0.3, 0.5)
    assert parameters["look"]["glimpses"] == 2
    with pytest.raises(ValueError, match=r"recipe\.lr 0\.01 there and 0\.02 here"):
        glimpse("mgnet", DATA, seeds=(3,), optimiser="sgd", lr=0.02, alpha=0.3, guidance=0.5, **options)


def test_train_knows_these_networks_too(tmp_path, capsys):
    options = {"epochs": 1, "lr": 0.005, "batch_size": 16, "device": "cpu", "output": tmp_path}
    train("full", DATA, seeds=(3,), **options)
    assert "full_small_cnn--scenes-fashion-mnist-sample--seed3: test accuracy after each" in capsys.readouterr().out
    recipe = glimpse_record(DATA, "full", tmp_path).parameters["recipe"]
    assert (recipe["epochs"], recipe["lr"], recipe["batch_size"]) == (1, 0.005, 16)
    with pytest.raises(
        ValueError, match="--weight-decay, --merge, --compile means nothing to mgnet: see the options of"
    ):
        train("mgnet", DATA, weight_decay=0.1, merge="sum", compile=True, output=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale_min": 0.6}, "must have 0 < scale_min < scale_max < 1, not scale_min 0.6 and scale_max"),
        ({"downsampling": 0.5}, "downsampling must be at least 1"),
        ({"glimpses": 1}, "at least 2 glimpses, not 1: take kind 'full'"),
        ({"profile": "papr"}, "unknown profile 'papr'; did you mean 'paper'"),
        ({"backbone": "resnet8"}, "unknown backbone 'resnet8'; did you mean"),
        ({"alpha": 1.5}, r"alpha must be in \[0, 1\], not 1.5"),
        ({"device": "gpu"}, "device 'gpu' cannot be used here"),
        ({"streamed": True}, "only a tree of class folders can be streamed"),
    ],
)
def test_bad_options(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        glimpse("mgnet", DATA, output=tmp_path, **options)
    assert not list(tmp_path.glob("runs/*"))


def test_tensorboard_is_optional(monkeypatch, tmp_path):
    real = builtins.__import__

    def without(name, *args, **options):
        if name == "torch.utils.tensorboard":
            raise ModuleNotFoundError("No module named 'tensorboard'")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="run `pip install tensorboard`, or leave --tensorboard out"):
        glimpse("mgnet", DATA, tensorboard=tmp_path, output=tmp_path, device="cpu")


def test_an_epoch_is_written():
    written = {}
    writer = types.SimpleNamespace(
        add_scalar=lambda name, value, epoch: written.update({name: (value, epoch)}), flush=lambda: None
    )
    history = GlimpseHistory(
        [0.1] * 2, [2.0, 1.0], [0.3, 0.4], [2.5, 1.5], [0.2, 0.6], [1, 1], [[0.1, 0.2], [0.5, 0.6]]
    )
    tensorboard.write_epoch(writer, history)
    assert written["train/loss"] == (1.0, 2)
    assert written["val/accuracy_1"] == (0.5, 2)
    assert written["val/accuracy_2"] == (0.6, 2)
    assert written["learning_rate"] == (0.1, 2)
