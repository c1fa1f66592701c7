"""Exported networks give PyTorch's answers for any number of pictures, and say what they are."""

import json
import re

import numpy as np
import pytest
import torch

from c2f import zoo
from c2f.zoo import export as exporting
from c2f.zoo.export import export

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

EVERY_KIND = [
    ("lenetfc_td", "fashion-mnist"),
    ("segmentation_td", "fashion-mnist-sample"),
    ("densenet_half", "scenes-fashion-mnist"),
    ("mgnet_small_cnn", "scenes-fashion-mnist"),
]


@pytest.mark.parametrize(("name", "data"), EVERY_KIND)
def test_an_exported_network_answers_any_batch_as_pytorch_does(name, data, tmp_path):
    model = zoo.load(name, data)
    done = export(model, tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(done.path)
    about = model.record.parameters
    for count in (1, 5):
        pictures = torch.rand(count, about["in_channels"], about["image_size"], about["image_size"])
        logits, *more = session.run(None, {"pictures": pictures.numpy()})
        with torch.no_grad():
            wanted = model.network(pictures)
        if more:
            np.testing.assert_allclose(more[0], wanted.logits.transpose(0, 1), atol=2e-4)
            np.testing.assert_allclose(more[1], wanted.locations.transpose(0, 1), atol=1e-5)
            wanted = wanted.logits[-1]
        np.testing.assert_allclose(logits, wanted, atol=2e-4)
    told = session.get_modelmeta().custom_metadata_map
    assert (told["network"], told["data"], told["seed"]) == (name, data, "0")
    assert tuple(json.loads(told["classes"])) == model.classes
    assert str(zoo.__file__).encode() not in done.path.read_bytes()  # nothing of the machine that wrote it


def test_a_mean_picture_is_taken_off_inside(tmp_path):
    from dataclasses import replace

    model = replace(zoo.load("lenetfc", "fashion-mnist"), mean=torch.full((1, 28, 28), 0.25))
    session = onnxruntime.InferenceSession(export(model, tmp_path / "network.onnx").path)
    pictures = torch.rand(2, 1, 28, 28)
    with torch.no_grad():
        wanted = model.network(pictures - 0.25)
    np.testing.assert_allclose(session.run(None, {"pictures": pictures.numpy()})[0], wanted, atol=1e-4)


def test_what_disagrees_with_pytorch_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "_difference", lambda *_: float("nan"))
    with pytest.raises(RuntimeError, match="nothing was written"):
        export(zoo.load("lenetfc", "fashion-mnist"), tmp_path / "network.onnx")
    assert list(tmp_path.iterdir()) == []


def test_without_the_packages_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "NEEDED", ("onnx", "onnx_of_tomorrow"))
    with pytest.raises(ImportError, match=re.escape("needs onnx_of_tomorrow: pip install onnx_of_tomorrow")):
        export(zoo.load("lenetfc", "fashion-mnist"), tmp_path / "network.onnx")


def test_the_command_finds_the_data_and_says_how_near_it_is(c2f, tmp_path):
    _, said, _ = c2f("export", "mgnet_small_cnn", "--output", tmp_path)
    assert (tmp_path / "mgnet_small_cnn--scenes-fashion-mnist--seed0.onnx").is_file()
    assert "outputs logits, answers, locations" in said
    assert float(re.search(r"at most (\S+) off", said)[1]) < 1e-4


@pytest.mark.parametrize(
    ("network", "said"),
    [("lenetfc", "fashion-mnist or mnist or scenes-fashion-mnist"), ("resnet18", "c2f train resnet18 DATA")],
)
def test_the_command_asks_for_data_that_it_cannot_know(c2f, network, said, tmp_path):
    status, _, err = c2f("export", network, "--output", tmp_path)
    assert (status, said in err) == (2, True)
