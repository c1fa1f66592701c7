import math

import pytest
import torch
from torch import nn

from c2f import networks, zoo
from c2f.experiments.robustness import scales
from c2f.experiments.robustness.run import attack_run
from c2f.experiments.robustness.scales import ablate, ablation_run, combinations
from c2f.runs.environment import environment
from c2f.runs.folder import save_weights
from c2f.runs.record import RecordError, Run, add_run, read

DATA = "fashion-mnist"
NAME = f"lenetfc_td--{DATA}--contrast--minimal"


@pytest.fixture(autouse=True)
def pictures_of_the_sample(few_of_the_sample):
    few_of_the_sample(DATA, train=100, test=60)


@pytest.fixture(scope="module")
def pictures(whole_sample):
    test = whole_sample.test.select(torch.arange(200))
    return test.images.float() / 255, test.labels


def noisy(clean, strength=0.3):
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    return (clean + strength * noise).clamp(0, 1)


def test_the_papers_nine_combinations_in_its_order():
    assert combinations((1, 2, 4)) == {
        "clean": (False, False, False),
        "multi clean": (False, False, False),
        "fine": (True, False, False),
        "middle": (False, True, False),
        "coarse": (False, False, True),
        "fine+middle": (True, True, False),
        "fine+coarse": (True, False, True),
        "middle+coarse": (False, True, True),
        "all": (True, True, True),
    }


@pytest.mark.parametrize("factors", [(1, 2), (1, 2, 4), (1, 2, 4, 8), (1, 2, 4, 8, 16)])
def test_combinations_are_all_of_at_most_two_scales_and_all(factors):
    n = len(factors)
    found = combinations(factors)
    seen = list(found.values())[1:]
    assert len(set(seen)) == len(seen)
    assert set(seen) == {s for s in {*seen} if sum(s) <= 2 or sum(s) == n}
    assert len(seen) == 1 + n + (math.comb(n, 2) if n > 2 else 0) + 1
    if n == 5:
        assert found["1/1+1/16"] == (True, False, False, False, True)


@pytest.mark.parametrize("name", [name for name in networks.names("classifier") if "_td" in name])
def test_every_top_down_network_of_the_table(name):
    network = networks.build(name, 1, 3, 16, seed=0)
    clean, labels = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 2])
    found = ablate(network, clean, noisy(clean), labels)
    assert len(found) == (18 if name.startswith("resnet18") else 9)
    assert found["multi clean"] == found["clean"]
    assert len({score.loss for score in found.values()}) == len(found) - 1


def test_real_weights_by_hand(pictures):
    clean, labels = pictures
    perturbed = noisy(clean)
    network = zoo.load("lenetfc_td", DATA).network
    found = ablate(network, clean, perturbed, labels)
    with torch.no_grad():
        by_hand = {
            "clean": network(clean),
            "multi clean": network([clean] * 3),
            "fine": network([perturbed, clean, clean]),
            "middle": network([clean, perturbed, clean]),
            "middle+coarse": network([clean, perturbed, perturbed]),
            "all": network(perturbed),  # the single input
        }
    for name, logits in by_hand.items():
        assert found[name].accuracy == pytest.approx((logits.argmax(1) == labels).double().mean().item()), name
        assert found[name].loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), rel=1e-5), name
    assert found["multi clean"] == found["clean"]
    assert found["clean"].accuracy > found["fine"].accuracy > found["all"].accuracy


def test_the_mean_picture_is_subtracted_from_every_input(pictures):
    clean, labels = pictures
    perturbed, mean = noisy(clean), clean.mean(dim=0)
    network = zoo.load("lenetfc_td", DATA).network
    found = ablate(network, clean, perturbed, labels, mean)
    with torch.no_grad():
        logits = network([perturbed - mean, clean - mean, clean - mean])
    assert found["fine"].accuracy == (logits.argmax(1) == labels).double().mean().item()
    assert found["fine"].loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)


def test_what_does_not_belong_together_is_refused(pictures):
    clean, labels = pictures
    with pytest.raises(ValueError, match=r"BottomUp has one input only: give a top-down network, e.g. lenetfc_td"):
        ablate(zoo.load("lenetfc", DATA).network, clean, clean, labels)
    network = zoo.load("lenetfc_td", DATA).network
    for bad in ((clean[:3], clean, labels), (clean, clean, labels[:3]), (clean[:0], clean[:0], labels[:0])):
        with pytest.raises(ValueError, match="do not belong together: give one of each for every picture"):
            ablate(network, *bad)


def attack(output, **more):
    return attack_run("lenetfc_td", DATA, 0, "contrast", output=output, **{"pictures": 40, **more})


def test_a_recorded_attack_is_fed_back_and_recorded(tmp_path):
    attacked = attack(tmp_path)
    run = ablation_run("lenetfc_td", DATA, 0, "contrast", output=tmp_path)
    record = read(tmp_path / "runs" / f"{NAME}--scales.json")
    assert record.kind == "ablation"
    assert record.runs == [run]
    assert record.parameters == read(tmp_path / "runs" / f"{NAME}.json").parameters
    assert run.details["combinations"] == list(combinations((1, 2, 4)))
    assert run.values["accuracy clean"] == attacked.values["clean_accuracy"]
    # Where all inputs are perturbed, just the turned pictures are lost.
    lost = 100 * (run.values["accuracy clean"] - run.values["accuracy all"])
    assert lost == pytest.approx(attacked.values["points_lost"])
    assert run.values["accuracy all"] < run.values["accuracy fine"] <= run.values["accuracy clean"]


def test_a_whole_test_set_has_its_own(tmp_path):
    attack(tmp_path, pictures=None)
    ablation_run("lenetfc_td", DATA, 0, "contrast", output=tmp_path, whole_test_set=True)
    assert (tmp_path / "runs" / f"{NAME}--all--scales.json").exists()


def test_bad_input_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(ValueError, match="unknown top-down network 'lenetfc'; did you mean 'lenetfc_td'"):
        ablation_run("lenetfc", DATA, 0, "contrast", output=tmp_path)
    with pytest.raises(
        RecordError, match=r"no record .*make it with `c2f attack lenetfc_td fashion-mnist --attacks con"
    ):
        ablation_run("lenetfc_td", DATA, 0, "contrast", output=tmp_path)
    attack(tmp_path)
    trained, other = zoo.record("lenetfc_td", DATA), tmp_path / "retrained"
    network = networks.build("lenetfc_td", 1, 10, 28, seed=5)
    weights = save_weights(other, trained.name, 0, network, trained.parameters)
    run = Run(0, {"x": 1}, trained.runs[0].details, environment("cpu", 1), {"weights": weights})
    add_run(other / "runs", trained.name, "training", trained.parameters, run)
    with pytest.raises(
        RecordError, match=r"attacked other weights of seed 0 than those of .* now: attack again, with --ag"
    ):
        ablation_run("lenetfc_td", DATA, 0, "contrast", output=tmp_path, weights=other)
    (tmp_path / "adversarial" / f"{NAME}--seed0.safetensors").unlink()
    with pytest.raises(RecordError, match=r"seed0\.safetensors is missing; make it with .* --again --output "):
        ablation_run("lenetfc_td", DATA, 0, "contrast", output=tmp_path)
    assert scales.ablation_name(NAME) == f"{NAME}--scales"
