from dataclasses import replace

import pytest
import torch

from c2f import datasets, zoo
from c2f.experiments.segmentation import MESH_PROFILES, make_meshes
from c2f.experiments.segmentation import run as experiment
from c2f.reference import segmentation as reference
from c2f.reference.costs import Known
from c2f.reference.piece import Settings
from c2f.runs.folder import SHIPPED
from c2f.runs.parts import OutOfTime
from c2f.runs.record import read

DATA = "fashion-mnist-sample"


@pytest.fixture
def few_meshes(monkeypatch):
    """40 training and 8 test meshes."""
    sample = datasets.load(DATA)
    found = tuple(make_meshes(part.select(torch.arange(n))) for part, n in ((sample.train, 160), (sample.test, 32)))
    monkeypatch.setattr(experiment.meshes, "load_meshes", lambda data, seed: found)


SMALL = ("--width", 2, "--epochs", 2, "--device", "cpu")


@pytest.mark.usefixtures("few_meshes")
def test_segment_records_each_seed_once_and_refuses_other_parameters(c2f, tmp_path):
    status, out, _ = c2f("train", "segmentation_fcn", DATA, "--seeds", 0, 2, *SMALL, "--output", tmp_path)
    assert status == 0
    lines = out.splitlines()
    assert sum("mean IoU" in line for line in lines) == 2
    assert f"segmentation_fcn--{DATA}--seed2: epoch 2 of 2" in out
    record = read(tmp_path / "runs" / f"segmentation_fcn--{DATA}.json")
    assert record.seeds == [0, 2]
    assert (record.parameters["width"], record.parameters["recipe"]["epochs"]) == (2, 2)
    assert zoo.load("segmentation_fcn", DATA, 2, tmp_path).network(torch.zeros(1, 1, 56, 56)).shape == (1, 12, 56, 56)

    status, out, _ = c2f("train", "segmentation_fcn", DATA, "--seeds", 2, *SMALL, "--output", tmp_path)
    assert status == 0
    assert "seed2: already in" in out
    assert "epoch" not in out
    status, out, err = c2f("train", "segmentation_fcn", DATA, *SMALL, "--lr", 0.1, "--output", tmp_path)
    assert (status, out) == (2, "")
    assert "recipe.lr 0.05 there and 0.1 here; choose another folder" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("segmentation_unett", DATA),
            "unknown network to train 'segmentation_unett'; did you mean 'segmentation_unet'?",
        ),
        (("segmentation_td", "fashion-mnist-sampl"), "did you mean 'fashion-mnist-sample'?"),
        (("segmentation_td", DATA, "--profile", "papr"), "unknown profile 'papr'; did you mean 'paper'?"),
        (("segmentation_td", DATA, "--seeds", -1), "seed must be a whole number of at least 0, not -1"),
        (("segmentation_td", DATA, "--width", 0), "width must be a whole number of at least 1, not 0"),
        (("segmentation_td", DATA, "--lr", 0), "lr must be a number above 0"),
    ],
)
def test_bad_requests_get_one_line(c2f, tmp_path, arguments, message):
    status, out, err = c2f("train", *arguments, "--device", "cpu", "--output", tmp_path / "new")
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "new").exists()


def test_there_are_four_seeds_of_three_networks_by_both_profiles():
    pieces = reference.pieces()
    assert len({piece.name for piece in pieces}) == len(pieces) == 24
    assert [piece.name for piece in pieces[:4]] == [
        f"segmentation_{network}--{DATA}--seed{seed}"
        for network, seed in (("td", 0), ("unet", 0), ("fcn", 0), ("td", 1))
    ]
    known = Known(SHIPPED)
    assert [piece.cost(known) is not None for piece in pieces] == [True] * 12 + [False] * 12  # none of that width yet


@pytest.mark.usefixtures("few_meshes")
def test_a_piece_runs_its_profile_and_knows_when_it_is_done(tmp_path, monkeypatch):
    recipe, _ = MESH_PROFILES["quick"]
    monkeypatch.setitem(MESH_PROFILES, "quick", (replace(recipe, epochs=1), 2))
    piece = reference.segmentation_piece("td", DATA, "quick", 1)
    assert not piece.done(tmp_path)
    with pytest.raises(OutOfTime):
        piece.run(Settings(tmp_path, "cpu", 0))
    text = []
    piece.run(Settings(tmp_path, "cpu", None, text.append))
    assert piece.done(tmp_path)
    assert [line.split(",")[0] for line in text] == [f"segmentation_td--{DATA}--seed1: epoch 1 of 1"]
    record = read(tmp_path / "runs" / f"segmentation_td--{DATA}.json")
    assert (record.seeds, record.parameters["width"]) == ([1], 2)
