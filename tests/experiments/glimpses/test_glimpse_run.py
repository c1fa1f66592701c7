import re
from dataclasses import replace

import pytest
import torch

from c2f import datasets, zoo
from c2f.experiments.glimpses import data as data_module
from c2f.experiments.glimpses.data import channel_statistics, load_data
from c2f.experiments.glimpses.evaluation import evaluate_glimpses
from c2f.experiments.glimpses.recipes import GlimpseRecipe, Setup
from c2f.experiments.glimpses.run import EXITS, glimpse_run
from c2f.networks.glimpse import GlimpseSettings, LossSettings
from c2f.networks.glimpse.names import GLIMPSE_KINDS as KINDS
from c2f.reference import glimpses as pieces_module
from c2f.runs.record import RecordError
from tests.experiments.glimpses.test_glimpse_training import some

DATA = "scenes-fashion-mnist-sample"
SETUP = Setup(
    GlimpseRecipe(epochs=1, lr=3e-3, optimiser="adam", batch_size=8, weight_decay=0.0),
    GlimpseSettings(glimpses=2, downsampling=2.0),
    LossSettings(),
)


@pytest.fixture(autouse=True, scope="module")
def tiny():
    """24x24 pictures in place of any data set's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            data_module.datasets, "load", lambda name, **options: datasets.DataSet(name, some(30), some(14, seed=1))
        )
        yield


@pytest.fixture(scope="module")
def output(tmp_path_factory, tiny):
    """A folder with a run of each kind, whichever test comes first in this process."""
    folder = tmp_path_factory.mktemp("output")
    for kind in KINDS:
        glimpse_run(f"{kind}_small_cnn", DATA, 1, folder, setup=SETUP)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_recorded_and_loaded_again(kind, output):
    run = glimpse_run(f"{kind}_small_cnn", DATA, 1, output, setup=SETUP)
    record = zoo.record(f"{kind}_small_cnn", DATA, output)
    (there,) = record.runs
    assert there.to_json() == run.to_json()
    glimpses = 2 if kind == "mgnet" else 1
    assert record.parameters["look"]["glimpses"] == glimpses
    assert record.parameters["losses"]["alpha"] == (0.6 if kind == "mgnet" else 0)
    assert len(record.parameters["multiply_adds_by_glimpse"]) == glimpses
    network = zoo.load(f"{kind}_small_cnn", DATA, 1, output).network
    assert not network.training
    found = evaluate_glimpses(network, load_data(DATA).loaders(8, 0.1, 1, "cpu", 0).test)
    assert found.accuracy[-1] == run.values["test_accuracy"]
    assert found.accuracy[0] == run.values["test_accuracy 1"]
    assert run.details["exits"]["confidence"] == list(EXITS)
    assert run.details["exits"]["accuracy"][0] == pytest.approx(found.accuracy[0])
    assert not list((output / "checkpoints").glob("*.pt"))


def test_a_baseline_is_the_backbone_once(output):
    for kind, side in (("full", 24), ("equal", 17)):
        network = zoo.load(f"{kind}_small_cnn", DATA, 1, output).network
        seen = []
        network.backbone.register_forward_hook(lambda module, inputs, out, seen=seen: seen.append(inputs[0].shape))
        network(torch.rand(3, 1, 24, 24))
        assert seen == [(3, 1, side, side)]
    costs = {kind: zoo.record(f"{kind}_small_cnn", DATA, output).parameters["multiply_adds"] for kind in KINDS}
    assert costs["full"] > 2 * costs["mgnet"]


def test_the_network_takes_pictures_in_0_1(output):
    network = zoo.load("mgnet_small_cnn", DATA, 1, output).network
    mean, std = channel_statistics(some(30))
    assert mean == [pytest.approx(some(30).images.double().mean().item() / 255, abs=1e-4)]
    assert std == [pytest.approx(some(30).images.double().std(unbiased=False).item() / 255, abs=1e-4)]
    assert network.backbone[0].mean.flatten().tolist() == pytest.approx(mean)


def test_standardising_glimpses_is_standardising_the_picture(output):
    network, x = zoo.load("mgnet_small_cnn", DATA, 1, output).network, torch.rand(4, 1, 24, 24)
    plain = zoo.load("mgnet_small_cnn", DATA, 1, output).network
    front, plain.backbone = plain.backbone[0], plain.backbone[1]
    with torch.no_grad():
        assert torch.allclose(network(x).logits, plain(front(x)).logits, atol=1e-5)


def test_a_seed_that_is_there_is_not_trained_again(output, monkeypatch):
    monkeypatch.setattr("c2f.experiments.glimpses.run.fit_glimpses", None)
    assert glimpse_run("mgnet_small_cnn", DATA, 1, output, setup=SETUP).seed == 1
    with pytest.raises(TypeError):
        glimpse_run("mgnet_small_cnn", DATA, 1, output, setup=SETUP, again=True)
    with pytest.raises(RecordError, match=re.escape("recipe.lr 0.003 there and 0.001 here; choose another folder")):
        glimpse_run("mgnet_small_cnn", DATA, 1, output, setup=replace(SETUP, recipe=replace(SETUP.recipe, lr=1e-3)))


def test_pictures_on_a_canvas(tmp_path):
    setup = replace(SETUP, image_size=48)
    found = load_data("canvas-mnist", 48, noise=0.1)
    parts = found.loaders(8, 0.2, 0, "cpu", 0)
    assert [part.num_pictures for part in (parts.train, parts.validation, parts.test)] == [24, 6, 14]
    assert all(next(part.epoch(0))[0].shape[2:] == (48, 48) for part in (parts.train, parts.validation, parts.test))
    run = glimpse_run("mgnet_small_cnn", "canvas-mnist", 0, tmp_path, setup=setup, noise=0.1)
    assert run.details["pictures"] == {"train": 27, "val": 3, "test": 14}


def test_streamed_photographs(tmp_path):
    from PIL import Image

    for part, count in (("train", 6), ("val", 2)):
        for label in ("a", "b"):
            (tmp_path / part / label).mkdir(parents=True)
            for k in range(count):
                Image.new("RGB", (40 + k, 30), (20 * k, 100, 9)).save(tmp_path / part / label / f"{k}.png")
    setup = replace(SETUP, image_size=28, recipe=replace(SETUP.recipe, batch_size=4, validation=0.25))
    run = glimpse_run(
        "mgnet_small_cnn", f"folder:{tmp_path}", 0, tmp_path / "out", setup=setup, streamed=True, workers=0
    )
    assert run.details["pictures"] == {"train": 9, "val": 3, "test": 4}
    assert run.details["classes"] == ["a", "b"]


def test_bad_input(tmp_path, monkeypatch):
    def never(*args, **options):
        raise AssertionError("data were loaded")

    with monkeypatch.context() as patch:
        patch.setattr(data_module.datasets, "load", never)
        for arguments, message in (
            (
                ("mgnt_small_cnn", DATA, 0),
                "unknown network of glimpses 'mgnt_small_cnn'; did you mean 'mgnet_small_cnn'",
            ),
            (("mgnet_small_cnn", DATA, -1), "seed must be a whole number of at least 0, not -1"),
        ):
            with pytest.raises(ValueError, match=message):
                glimpse_run(*arguments, tmp_path, setup=SETUP)
        one = replace(SETUP, look=replace(SETUP.look, glimpses=1))
        with pytest.raises(ValueError, match="at least 2 glimpses, not 1: take kind 'full' for a single pass"):
            glimpse_run("mgnet_small_cnn", DATA, 0, tmp_path, setup=one)
        with pytest.raises(ValueError, match="noise is for pictures on a canvas"):
            load_data(DATA, noise=0.1)
        with pytest.raises(ValueError, match="only a tree of class folders can be streamed"):
            load_data(DATA, streamed=True)
    oblong = some(4)
    oblong = replace(oblong, images=oblong.images[:, :, :20])
    monkeypatch.setattr(data_module.datasets, "load", lambda name, **options: datasets.DataSet(name, oblong, oblong))
    with pytest.raises(ValueError, match="glimpses are square, these pictures are 20x24: give an image size"):
        glimpse_run("mgnet_small_cnn", DATA, 0, tmp_path, setup=SETUP)


def test_what_cannot_be_loaded(output, tmp_path):
    with pytest.raises(
        RecordError, match=r"there is no record .*full_small_cnn--.*c2f train full_small_cnn .* --output"
    ):
        zoo.load("full_small_cnn", DATA, 0, tmp_path)
    with pytest.raises(RecordError, match=r"has no weights of seed 7; seeds there: \[1\]; make it with"):
        zoo.load("mgnet_small_cnn", DATA, 7, output)
    with pytest.raises(ValueError, match="unknown network 'mgnet_smallcnn'; did you mean 'mgnet_small_cnn'"):
        zoo.load("mgnet_smallcnn", DATA, 1, output)
    name = zoo.record("equal_small_cnn", DATA, output).runs[0].files["weights"]["file"]
    (output / "weights" / name).write_bytes(b"")
    with pytest.raises(RecordError, match=r"is not the record's \(sha256 differs\): restore the file, or make it with"):
        zoo.load("equal_small_cnn", DATA, 1, output)


def test_reference_pieces(monkeypatch, tmp_path):
    every = pieces_module.pieces()
    assert [piece.name for piece in every[:2]] == [f"mgnet_small_cnn--{pieces_module.SCENES}--seed{s}" for s in (0, 1)]
    assert len(every) == 3 * (4 + 4 + 4 + 1)
    assert len({piece.name for piece in every}) == len(every)
    assert not every[0].done(tmp_path)
