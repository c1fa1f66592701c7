from dataclasses import replace

import pytest
import torch
from torch import nn

from c2f.cam import grad_cam, paper_layers, upsample
from c2f.experiments.localization import compare_maps as explaining
from c2f.runs.folder import SHIPPED
from c2f.runs.record import RecordError
from c2f.zoo.samples import load_sample, predictions

PAIR = ("lenetfc", "lenetfc_td")


@pytest.fixture(scope="module")
def targets():
    return {name: load_sample(name, "fashion-mnist", 0, 30, None, "fashion-mnist-sample") for name in PAIR}


def test_pictures_that_every_network_gets_right(targets):
    right = explaining.right_for_all(targets)
    both = torch.ones(30, dtype=torch.bool)
    for target in targets.values():
        both &= predictions(target.model.network, target.images, None) == target.labels
    assert right.tolist() == [i for i in range(30) if both[i]]
    assert 10 < len(right) < 30
    chosen = explaining.choose_pictures(targets, 5)
    assert set(chosen.tolist()) <= set(right.tolist())
    assert len(targets["lenetfc"].labels[chosen].unique()) == 5  # of five classes
    assert torch.equal(explaining.choose_pictures(targets, 1000), right)


def test_what_cannot_be_compared_is_refused(targets):
    first = targets["lenetfc"]
    with pytest.raises(ValueError, match="lenetfc_td is given other pictures than lenetfc"):
        explaining.right_for_all({**targets, "lenetfc_td": replace(first, indices=first.indices + 1)})
    wrong = replace(first, labels=(predictions(first.model.network, first.images, None) + 1) % 10)
    with pytest.raises(ValueError, match="none of the 30 pictures is classified correctly by lenetfc"):
        explaining.right_for_all({"lenetfc": wrong})
    places, said = explaining.right_or_all({"lenetfc": wrong})
    assert torch.equal(places, torch.arange(30))
    assert said.startswith("0 of 30 pictures are classified\ncorrectly by all 1 networks, so all are mapped")


def test_where_some_are_right_they_are_taken(targets):
    places, said = explaining.right_or_all(targets)
    assert torch.equal(places, explaining.right_for_all(targets))
    assert said == f"{len(places)} of 30 pictures are classified\ncorrectly by all 2 networks"


def test_maps_of_all_layers_with_the_mean_subtracted(targets):
    target = targets["lenetfc_td"]
    mean = torch.full((1, 28, 28), 0.1)
    shifted = replace(target, model=replace(target.model, mean=mean))
    found = explaining.maps_by_layer("lenetfc_td", shifted, target.images[:3])
    assert list(found) == list(paper_layers("lenetfc_td"))
    expected = grad_cam(target.model.network, "stage_x2", target.images[:3] - mean)
    assert torch.equal(found["act_2"].maps, expected.maps)
    one = explaining.maps_by_layer("lenetfc_td", target, target.images[:3], {"mine": "stem_x1"}, 4, "probability")
    assert one["mine"].layer == "stem_x1"
    assert one["mine"].classes.tolist() == [4, 4, 4]
    assert one["mine"].score == "probability"


def test_a_layer_that_does_not_exist(targets):
    with pytest.raises(ValueError, match="unknown layer 'stage_x9'; did you mean 'stage_x"):
        explaining.maps_by_layer("lenetfc", targets["lenetfc"], targets["lenetfc"].images[:1], {"x": "stage_x9"})


def test_the_mean_of_scaled_maps_is_the_sum_of_raw_ones(targets):
    for name, target in targets.items():
        last = explaining.maps_by_layer(name, target, target.images)["act_4"]
        torch.testing.assert_close(explaining.per_place(last.maps).mean(dim=(1, 2)), last.scores)


def test_extent_by_hand():
    maps = torch.zeros(5, 4, 5)
    maps[0] = 3  # everywhere
    maps[1, 2, 3] = 7  # one place of 20
    maps[2, 0, :4] = 2  # four places
    maps[3] = -1  # evidence against it only
    maps[4, 0, 0], maps[4, 0, 1] = 1, 3  # (4/20)**2 / (10/20)
    assert explaining.extent(maps).tolist() == pytest.approx([1, 1 / 20, 4 / 20, 0, 0.08])
    assert explaining.extent(5 * maps).tolist() == pytest.approx(explaining.extent(maps).tolist())


def test_a_map_made_coarser_is_as_wide_as_a_coarse_one():
    fine = torch.zeros(1, 8, 8)
    fine[0, 2, 2] = 16.0
    coarse = torch.zeros(1, 2, 2)
    coarse[0, 0, 0] = 1.0
    assert torch.equal(explaining.at_resolution(fine, 2, 8), upsample(coarse, 8))
    with pytest.raises(ValueError, match="maps of 8x8 cannot be averaged to 3x3: take a divisor"):
        explaining.at_resolution(fine, 3, 8)


def test_agreement_by_hand():
    one = torch.tensor([[[1.0, 2], [3, 4]]]).repeat(4, 1, 1)
    other = torch.stack([2 * one[0] + 5, -one[0], torch.ones(2, 2), torch.tensor([[1.0, -1], [-1, 1]])])
    assert explaining.agreement(one, other).tolist() == pytest.approx([1, -1, 0, 0])


def test_what_a_map_keeps_and_leaves():
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Sigmoid(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 500))
    x = torch.rand(5, 1, 6, 6)
    cost = explaining.cost(network, "0", x)
    # The sigmoid's result and the logits; neither the weights nor what lies in front of the layer.
    wanted = 5 * 3 * 4 * 4 * 4 + 5 * 500 * 4
    assert wanted <= cost.kept_bytes < wanted + 500
    assert 0 < cost.forward_seconds < 10
    assert 0 < cost.seconds < 10
    assert explaining.cost(network, "1", x).kept_bytes < wanted


def test_what_is_there_is_loaded(tmp_path, monkeypatch):
    found, problem = explaining.load_if_there(PAIR, "fashion-mnist", 0, 10, test_data="fashion-mnist-sample")
    assert (list(found), problem) == (list(PAIR), "")
    assert len(found["lenetfc"].labels) == 10
    assert explaining.load_if_there(PAIR, None, 0) == ({}, "no data set is named")

    found, problem = explaining.load_if_there(("resnet18", "resnet18_td"), "imagenette", 3, weights=tmp_path)
    assert found == {}
    assert problem.startswith(f"{tmp_path} lack resnet18, resnet18_td on imagenette: run `c2f train resnet18 imagenet")
    assert "`c2f train resnet18_td imagenette --profile paper --seeds 3`" in problem

    for data, seed in (("fashion-mnist", 7), ("cifar10", 0)):  # these networks are there, but of other data and seeds
        found, problem = explaining.load_if_there(PAIR, data, seed)
        assert found == {}
        assert f"lack lenetfc, lenetfc_td on {data}" in problem

    monkeypatch.setenv("C2F_DATA", str(tmp_path))
    found, problem = explaining.load_if_there(PAIR, "fashion-mnist", 0, 10)
    assert found == {}
    assert "c2f fetch fashion-mnist" in problem

    with pytest.raises(ValueError, match="did you mean 'imagenette'"):
        explaining.load_if_there(PAIR, "imagenete", 0)


def test_damaged_weights_are_no_missing_ones(tmp_path):
    for part, name in (
        ("runs", "lenetfc--fashion-mnist.json"),
        ("weights", "lenetfc--fashion-mnist--seed0.safetensors"),
    ):
        (tmp_path / part).mkdir()
        (tmp_path / part / name).write_bytes((SHIPPED / part / name).read_bytes())
    (tmp_path / "weights" / "lenetfc--fashion-mnist--seed0.safetensors").write_bytes(b"")
    with pytest.raises(RecordError, match="is not the record's"):
        explaining.load_if_there(PAIR[:1], "fashion-mnist", 0, 10, tmp_path, "fashion-mnist-sample")
    (tmp_path / "weights" / "lenetfc--fashion-mnist--seed0.safetensors").unlink()  # large ones do not ship
    found, problem = explaining.load_if_there(PAIR[:1], "fashion-mnist", 0, 10, tmp_path, "fashion-mnist-sample")
    assert found == {}
    assert f"{tmp_path} lack lenetfc on fashion-mnist" in problem
