"""Heat maps, windows, boxes and contact sheets of picture files."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from c2f import cam, networks, zoo
from c2f.experiments.explanation import drawing
from c2f.experiments.explanation import run as explanation
from c2f.experiments.explanation.drawing import Settings
from c2f.experiments.explanation.maps import explain
from c2f.experiments.explanation.pictures import find_pictures, read_for, seen_region
from c2f.experiments.explanation.run import explain_files
from c2f.plotting import overlays
from c2f.runs.record import Record
from c2f.zoo.models import TrainedModel
from tests.toys import write_colours, write_own


def model_of(network, size, classes=("a", "b", "c"), channels=3, name="lenetfc_td", kind="training", **more):
    about = {"network": name, "data": "d", "image_size": size, "in_channels": channels, **more}
    return TrainedModel(
        name, network.eval(), Record(f"{name}--d", kind, about), 0, {"file": "w", "sha256": "0"}, classes, None
    )


class Net(nn.Module):
    """A mean over space and a linear layer behind two convolutions."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU())
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        return self.fc(self.body(x).mean(dim=(2, 3)))


X = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_the_last_layer_is_the_outermost_that_the_logits_depend_on():
    assert cam.last_features(Net(), X[:1]) == "body"
    with pytest.raises(ValueError, match="has no layer whose output is"):
        cam.last_features(nn.Sequential(nn.Flatten(), nn.Linear(768, 3)), X[:1])


def test_a_class_map_adds_up_to_the_logit_and_a_difference_to_the_difference():
    model = model_of(Net(), 16)
    with torch.no_grad():
        logits = model.network(X)
    found = explain(model, X, "cam", "body", of=1)
    assert torch.allclose(found.maps.mean(dim=(1, 2)) + model.network.fc.bias[1], logits[:, 1], atol=1e-6)
    both = explain(model, X, "grad-cam", "body", of=1, against=2)
    ones = [cam.grad_cam(model.network, "body", X, k).maps for k in (1, 2)]
    assert torch.allclose(both.maps, ones[0] - ones[1])
    assert explain(model, X, "hires-cam", "body").classes.equal(logits.argmax(1))
    with pytest.raises(ValueError, match="does not end in a mean over space"):
        explain(model, X, "cam", "body.0")
    with pytest.raises(ValueError, match="high is for densenet_full"):
        explain(model, X, "high", "body")
    with pytest.raises(ValueError, match="no difference of two classes"):
        explain(model, X, "guided-grad-cam", "body", against=0)


def test_the_full_densenet_has_all_of_its_maps():
    torch.manual_seed(0)
    full = networks.build("densenet_full", 3, 3, 64, config="slim")
    model = model_of(full, 64, name="densenet_full", kind="densenet")
    x = torch.rand(2, 3, 64, 64)
    maps = cam.class_maps(full, x)
    assert torch.equal(explain(model, x, "high", "").maps, maps.high)
    assert torch.equal(explain(model, x, "cam", "").maps, maps.low)
    refined = explain(model, x, "refined", "").maps
    assert refined.shape == (2, 64, 64)
    assert 0 < (refined > 0).float().mean() <= 0.15 + 1 / 32
    path = cam.last_features(full, x[:1])
    assert cam.grad_cam(full, path, x).maps.abs().max() > 0  # and none that only the decoder reads


@pytest.fixture
def files(tmp_path):
    """A wide picture, red at its left and blue at its right; and the same lying on its side, with a tag that says so."""
    levels = np.zeros((24, 40, 3), np.uint8)
    levels[:, :20, 0], levels[:, 20:, 2] = 200, 200
    (tmp_path / "in").mkdir()
    Image.fromarray(levels).save(tmp_path / "in/wide.png")
    turned = Image.fromarray(np.rot90(levels).copy())
    tag = Image.Exif()
    tag[0x0112] = 6  # to be turned clockwise
    turned.save(tmp_path / "in/turned.png", exif=tag)
    return find_pictures([str(tmp_path / "in")])


def test_pictures_keep_their_size_and_stand_upright(files, tmp_path):
    model = zoo.load(write_own(tmp_path), "own")
    done = explain_files(model, files, tmp_path / "out", Settings(of="red", layer="conv", threshold=0.5))
    assert done.fresh
    for number, name in ((1, "turned"), (2, "wide")):
        with Image.open(done.folder / f"{number}-{name}.png") as painted:
            assert painted.size == (40, 24)
        heat = np.load(done.folder / f"{number}-{name}.npy")
        assert heat.shape == (16, 16)
        assert (heat[:, :7] > 0.01).all()  # red is at the left in both
        assert (abs(heat[:, 9:]) < 1e-6).all()
    # The red half, columns 0 to 19, as the network sees it in 16 pixels for 40, one more for what resizing blurs.
    for _, row in done.pictures.iterrows():
        assert row[["x0", "y0", "y1"]].tolist() == [0, 0, 23]
        assert 19 <= row["x1"] <= 22
    about = json.loads((done.folder / "explanation.json").read_text())
    assert about["limits"] == [0, done.pictures["highest"].max()]
    assert {"sheet.png", "scale.png", "pictures.csv"} <= {path.name for path in done.folder.iterdir()}
    assert not explain_files(model, files, tmp_path / "out", Settings(of="red", layer="conv", threshold=0.5)).fresh
    with pytest.raises(ValueError, match="made of other pictures, weights or settings"):
        explain_files(model, files, tmp_path / "out", Settings(of="blue", layer="conv"))
    assert explain_files(model, files[1:], tmp_path / "out", Settings(of="blue"), again=True).fresh
    assert {path.name for path in done.folder.glob("*.npy")} == {"1-wide.npy"}


def test_a_scale_that_is_shared_and_each_pictures_own(tmp_path):
    write_colours(tmp_path / "in", 1)
    Image.fromarray(np.full((20, 24, 3), 30, np.uint8)).save(tmp_path / "in/dark.png")
    paths = find_pictures([str(tmp_path / "in")])
    model = zoo.load(write_own(tmp_path), "own")
    by_scale = {}
    for scale in ("shared", "own"):
        done = explain_files(model, paths, tmp_path / scale, Settings(of="red", scale=scale))
        number = [path.stem for path in paths].index("dark") + 1
        by_scale[scale] = np.asarray(Image.open(done.folder / f"{number}-dark.png")).mean()
    assert by_scale["own"] > 2 * by_scale["shared"]  # the dark picture's own highest value is bright


def test_what_was_killed_goes_on_where_it_was(files, tmp_path, monkeypatch):
    monkeypatch.setattr(explanation, "AT_ONCE", 1)
    model, asked, whole = zoo.load(write_own(tmp_path), "own"), [], drawing.explain

    def killed(*arguments):
        asked.append(1)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(drawing, "explain", killed)
    with pytest.raises(KeyboardInterrupt):
        explain_files(model, files, tmp_path / "out")
    done = explain_files(model, files, tmp_path / "out")
    assert len(asked) == 3
    assert not list(done.folder.glob("*.part"))


def test_the_windows_of_glimpses(files, tmp_path):
    network = networks.build("mgnet_small_cnn", 3, 3, 48, seed=0)
    about = {"mean": [0.5] * 3, "std": [0.5] * 3}
    model = model_of(network, 48, name="mgnet_small_cnn", kind="glimpse", **about)
    done = explain_files(model, files, tmp_path / "out")
    with torch.no_grad():
        seen = network.eval()(read_for(model, files))
    assert np.allclose(np.load(done.folder / "2-wide.npy"), seen.locations[:, 1], atol=1e-6)
    assert done.pictures["answer 4"].tolist() == [model.classes[k] for k in seen.logits[-1].argmax(1)]
    with Image.open(done.folder / "2-wide--crops.png") as strip:
        assert strip.size == (48, 12)
    with pytest.raises(ValueError, match="its windows are shown"):
        explain_files(model, files, tmp_path / "out", Settings(of="a"))


def test_what_a_network_of_crops_sees():
    assert seen_region(400, 256, False) == (0, 0, 400, 256)
    assert seen_region(400, 256, True) == (88, 16, 312, 240)


def test_only_the_region_is_painted():
    picture = Image.new("RGB", (6, 4), "white")
    painted = np.asarray(overlays.paint(picture, np.zeros((4, 2)), (0, 1), (2, 0, 4, 4)))
    assert (painted[:, :2] == 255).all()
    assert (painted[:, 4:] == 255).all()
    assert (painted[:, 2:4] < 100).all()
    with pytest.raises(ValueError, match="resize the map first"):
        overlays.paint(picture, np.zeros((4, 2)), (0, 1), (0, 0, 6, 4))


def test_the_command(c2f, files, tmp_path):
    own = write_own(tmp_path)
    status, out, err = c2f(
        "explain", own, tmp_path / "in", "--output", tmp_path / "out", "--against", "green", "--device", "cpu"
    )
    assert (status, "2 pictures, sheet.png" in out) == (0, True), err
    for words, message in (
        ((tmp_path / "none.png",), "there is no picture and no folder"),
        ((files[0], "--of", "rad"), "unknown class 'rad'; did you mean 'red'"),
        ((files[0], "--method", "gradcam"), "unknown method 'gradcam'; did you mean 'grad-cam'"),
        ((files[0], "--layer", "cnov"), "unknown layer 'cnov'; did you mean 'conv'"),
        ((files[0], "--threshold", "1.5"), "from 0 to below 1"),
    ):
        status, _, err = c2f("explain", own, *words, "--output", tmp_path / "out2", "--device", "cpu")
        assert (status, message in err) == (2, True), err
