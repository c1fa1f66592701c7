"""The authors' weights from files of their form: by order of creation, by name, and tensors alone."""

import argparse
import pathlib

import numpy as np
import pytest
import torch

from c2f import zoo
from c2f.zoo import importing, keras_weights
from c2f.zoo.importing import Import, import_weights
from c2f.zoo.lightning_weights import read_state
from tests.oracles import high_res_cam_networks, multi_glimpse, top_down
from tests.oracles.weights import input_batch, layer_weights

KERAS = {"Conv2D": "conv2d", "BatchNormalization": "batch_normalization", "Dense": "dense"}
KINDS = {"BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance")}


def write_h5(path, layers, text=str, within=None):
    """Write ``layers``, name -> kind -> array, as Keras 2 does: names in attributes, arrays in groups of groups."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        root = file if within is None else file.create_group(within)
        root.attrs["layer_names"] = [text(name) for name in layers]
        for name, arrays in layers.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [text(f"{name}/{kind}:0") for kind in arrays]
            for kind, array in arrays.items():
                group.create_dataset(f"{name}/{kind}:0", data=array)


def authors_layers(theirs, first=1):
    """The oracle's layers in the order of the file (depth), numbered class by class as they are made."""
    rows = top_down.facts()["models"][theirs]["weight_layers"]
    numbers = {}
    for cls in KERAS:
        made = sorted((row for row in rows if row["cls"] == cls), key=lambda row: row["code_order"])
        for number, row in enumerate(made, start=first):
            numbers[row["i_weightlayer"]] = f"{KERAS[cls]}_{number}" if number else KERAS[cls]
    layers = {"input_1": {}}
    for row in sorted(rows, key=lambda row: row["i_weightlayer"]):
        arrays = layer_weights(row["i_weightlayer"], row["cls"], row["shapes"], "B")
        kinds = KINDS.get(row["cls"], ("kernel", "bias"))
        layers[numbers[row["i_weightlayer"]]] = dict(zip(kinds, arrays, strict=True))
    return layers


def encoded(name):
    return np.bytes_(name)


@pytest.mark.parametrize(
    ("theirs", "ours", "data", "first", "text", "within"),
    [
        ("LeNetFC", "lenetfc", "fashion-mnist-sample", 1, str, None),
        ("LeNetFC_TD", "lenetfc_td", "fashion-mnist-sample", 0, encoded, None),
        ("ResNet", "resnet32", "cifar10", 21, encoded, "model_weights"),
        ("ResNet_TD", "resnet32_td", "cifar10", 1, str, None),
    ],
)
def test_keras_layers_come_in_the_order_in_which_they_were_made(
    theirs, ours, data, first, text, within, tmp_path, monkeypatch
):
    monkeypatch.setattr(importing, "mean_image", lambda pictures: torch.zeros(3, 32, 32))
    monkeypatch.setattr(importing, "load_data_set", lambda *_: argparse.Namespace(train=None))
    write_h5(tmp_path / "theirs.h5", authors_layers(theirs, first), text, within)
    import_weights(tmp_path / "theirs.h5", ours, data, tmp_path / "out")
    network = zoo.load(ours, data, 0, tmp_path / "out").network
    x = top_down.pictures(input_batch(12345, top_down.facts()["models"][theirs]["input_hwc"]))
    with torch.no_grad():
        assert top_down.difference(network(x), top_down.arrays()[f"{theirs}_B_presoftmax"]) < top_down.TOLERANCE


def test_the_authors_densenet_by_the_names_of_its_layers(tmp_path):
    layers = dict(reversed(high_res_cam_networks.layer_weights().items()))  # by name, whatever their order
    write_h5(tmp_path / "full.h5", layers)
    how = Import(image_size=128)
    import_weights(tmp_path / "full.h5", "densenet_full", "cifar10", tmp_path / "out", how)
    network = zoo.load("densenet_full", "cifar10", 0, tmp_path / "out").network
    x = top_down.pictures(high_res_cam_networks.picture())
    with torch.no_grad():
        logits = network(x)
    assert (
        top_down.difference(logits, high_res_cam_networks.arrays()["half_logits"].reshape(1, 10)) < top_down.TOLERANCE
    )
    half = {
        name: arrays for name, arrays in layers.items() if name in keras_weights.densenet_layers(network.classifier)
    }
    write_h5(tmp_path / "half.h5", half)
    import_weights(tmp_path / "half.h5", "densenet_half", "cifar10", tmp_path / "out", how)
    with torch.no_grad():
        assert torch.equal(zoo.load("densenet_half", "cifar10", 0, tmp_path / "out").network(x), logits)


def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path):
    layers = authors_layers("LeNetFC_TD")

    def refused(changed, match, name="lenetfc_td"):
        write_h5(tmp_path / "x.h5", changed)
        with pytest.raises(ValueError, match=match):
            import_weights(tmp_path / "x.h5", name, "fashion-mnist-sample", tmp_path / "out")
        assert not (tmp_path / "out").exists()

    refused({name: arrays for name, arrays in layers.items() if name != "conv2d_3"}, "9 layers conv2d in the file, 10")
    refused(layers, "is another network|layers conv2d in the file", "lenetfc")
    refused(layers | {"conv2d_2": layers["conv2d_1"]}, r"kernel of the layer conv2d_\d+ is .*, but ours is")
    refused(
        layers | {"conv2d_1": {"kernel": layers["conv2d_1"]["kernel"]}}, "layer conv2d_1 holds kernel, but ours bias"
    )
    refused(
        {("my_conv" if name == "conv2d_1" else name): a for name, a in layers.items()}, "layer 'my_conv' is not called"
    )
    broken = dict(layers["conv2d_1"], bias=np.full_like(layers["conv2d_1"]["bias"], np.nan))
    refused(layers | {"conv2d_1": broken}, "bias of the layer conv2d_1 holds NaN")
    (tmp_path / "x.h5").write_bytes(b"no")
    with pytest.raises(ValueError, match="is no whole HDF5 file"):
        import_weights(tmp_path / "x.h5", "lenetfc", "fashion-mnist-sample", tmp_path / "out")


class Bomb:
    def __reduce__(self):
        return (pathlib.Path.touch, (pathlib.Path("exploded"),))


@pytest.mark.parametrize("prefix", ["", "model.", "net._orig_mod."])
def test_a_checkpoint_of_lightning_gives_its_tensors_and_runs_nothing(prefix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    back = {ours: theirs for theirs, ours in multi_glimpse.OURS.items()}
    state = {}
    for name, value in multi_glimpse.weights().items():
        part = next((ours for ours in back if name.startswith(f"{ours}.")), None)
        state[prefix + (name.replace(part, back[part], 1) if part else name)] = value
    content = {
        "state_dict": state, "epoch": 3, "hyper_parameters": argparse.Namespace(lr=1), "callbacks": {Bomb: [Bomb()]},
        "path": pathlib.Path("x"), "optimizer_states": [{"state": {0: {"step": torch.ones(1)}}}],
    }  # fmt: skip
    torch.save(content, "theirs.ckpt")
    import_weights(pathlib.Path("theirs.ckpt"), "mgnet_small_cnn", "fashion-mnist-sample", tmp_path / "out")
    assert not (tmp_path / "exploded").exists()
    network = zoo.load("mgnet_small_cnn", "fashion-mnist-sample", 0, tmp_path / "out").network
    with torch.no_grad():
        seen = network(multi_glimpse.pictures())
    for glimpse in range(4):
        expected = multi_glimpse.arrays()["n_logit"][glimpse]
        assert multi_glimpse.difference(seen.logits[glimpse], expected) < multi_glimpse.TOLERANCE


def test_what_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "a.ckpt").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match="is no checkpoint as torch has written them"):
        read_state(tmp_path / "a.ckpt")
    torch.save({"epoch": 1}, tmp_path / "b.ckpt")
    with pytest.raises(ValueError, match="holds no state_dict"):
        read_state(tmp_path / "b.ckpt")
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(tmp_path / "c.ckpt"))
    with pytest.raises(ValueError, match="TorchScript"):
        read_state(tmp_path / "c.ckpt")


def test_the_command(c2f, tmp_path):
    write_h5(tmp_path / "theirs.h5", authors_layers("LeNetFC_TD"))
    status, out, err = c2f("import", tmp_path / "theirs.h5", "lenetfc_td", "fashion-mnist-sample", "--output", tmp_path)
    assert (status, "every shape as it should be" in out) == (0, True), err
    status, _, err = c2f("import", tmp_path / "no.h5", "lenetfc_td", "fashion-mnist-sample", "--output", tmp_path)
    assert (status, "there is no file" in err) == (2, True)
