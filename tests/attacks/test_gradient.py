import math

import eagerpy as ep
import foolbox
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from c2f import datasets, zoo
from c2f.attacks.descent import L2PGD, LinfPGD, MarginPGD
from c2f.attacks.gradient import GRADIENT, accuracy_against_epsilon, build, run
from c2f.attacks.masking import RoundedInput
from c2f.attacks.victim import victim

EPSILON = {"linf": 0.03, "l2": 0.4}


@pytest.fixture(scope="module")
def network():
    return zoo.load("lenetfc", "fashion-mnist", 0).network


@pytest.fixture(scope="module")
def model(network):
    return victim(network)


@pytest.fixture(scope="module")
def sample():
    """24 pictures, two of which the network gets wrong."""
    test = datasets.load("fashion-mnist-sample").test
    model = victim(zoo.load("lenetfc", "fashion-mnist", 0).network)
    pictures = test.images[:100].float() / 255
    right = model(pictures).argmax(dim=1) == test.labels[:100]
    rows = torch.cat([right.nonzero()[:11, 0], (~right).nonzero()[:2, 0], right.nonzero()[11:22, 0]])
    return pictures[rows], test.labels[rows]


def epsilon_of(name):
    return None if GRADIENT[name].minimal else EPSILON[GRADIENT[name].norm]


@pytest.mark.parametrize("name", GRADIENT)
def test_every_claim_is_true_on_real_weights(model, sample, name):
    pictures, labels = sample
    before = pictures.clone()
    found = run(name, model, pictures, labels, epsilon_of(name), steps=12 if name == "deepfool" else 20)
    assert torch.equal(pictures, before)
    assert torch.equal(found.success, model(found.pictures).argmax(dim=1) != labels)
    assert found.pictures.min() >= 0
    assert found.pictures.max() <= 1
    change = (found.pictures - pictures).flatten(1)
    length = change.abs().amax(dim=1) if GRADIENT[name].norm == "linf" else change.norm(dim=1)
    assert torch.allclose(found.distance[found.success], length[found.success])
    assert (found.distance[11:13] == 0).all()  # wrong from the start
    assert (found.distance[~found.success] == math.inf).all()
    assert torch.equal(found.pictures[~found.success], pictures[~found.success])
    assert found.success.sum() >= 15
    if not GRADIENT[name].minimal:
        assert length.max() <= epsilon_of(name) + 1e-6
        assert not found.success.all()


@pytest.mark.parametrize("name", GRADIENT)
def test_a_flat_network_is_attacked_in_vain_but_without_nan(network, sample, name):
    pictures, labels = sample
    found = run(name, victim(RoundedInput(network)), pictures[:6], labels[:6], epsilon_of(name) and 0.01, steps=3)
    assert torch.isfinite(found.pictures).all()
    assert not found.distance.isnan().any()


@pytest.mark.parametrize("attack", [LinfPGD, L2PGD])
def test_random_starts_do_not_depend_on_the_batch(sample, attack):
    pictures = ep.astensor(sample[0])
    one = attack(seed=3)
    one._ids = range(24)
    together = one.get_random_start(pictures, 0.1).raw
    one._ids = [20, 5]
    apart = one.get_random_start(pictures[[20, 5]], 0.1).raw
    assert torch.equal(together[[20, 5]], apart)
    assert len({row.sum().item() for row in together - sample[0]}) == 24
    other = attack(seed=4)
    other._ids = range(24)
    assert not torch.equal(other.get_random_start(pictures, 0.1).raw, together)


def test_results_do_not_depend_on_the_batch_nor_touch_torchs_random_numbers(model, sample):
    torch.manual_seed(7)
    state = torch.get_rng_state()
    together = run("pgd_linf", model, *sample, 0.02, steps=10)
    apart = run("pgd_linf", model, *sample, 0.02, steps=10, batch_size=5)
    assert torch.equal(torch.get_rng_state(), state)
    # the last digit of a gradient near zero may turn its sign
    assert (together.success != apart.success).sum() <= 1
    assert ((together.pictures - apart.pictures).abs() > 1e-6).float().mean() < 0.01


def test_the_constant_rule_is_foolboxs_own_attack(model, sample):
    picture, label = sample[0][:1], sample[1][:1]
    ours = LinfPGD(8, seed=2, step_rule="constant")(model, picture, label, epsilons=0.05, picture_ids=[9])[1]
    with torch.random.fork_rng():
        torch.manual_seed(int(np.random.SeedSequence([2, 9]).generate_state(1)[0]))
        theirs = foolbox.attacks.LinfPGD(steps=8, rel_stepsize=2.5 / 8)(model, picture, label, epsilons=0.05)[1]
    assert torch.equal(ours, theirs)


def test_the_shrinking_step_finds_more_than_the_constant_one(model):
    test = datasets.load("fashion-mnist-sample").test
    pictures, labels = test.images[100:160].float() / 255, test.labels[100:160]
    cosine, constant, plain = (
        int(attack(model, pictures, labels, epsilons=0.02)[2].sum())
        for attack in (LinfPGD(20), LinfPGD(20, step_rule="constant"), foolbox.attacks.LinfPGD(steps=20))
    )
    assert cosine >= constant
    assert cosine > plain + 3


def test_the_margin_is_the_best_other_logit_less_the_labels():
    logits = torch.tensor([[1.0, 4.0, 2.0], [5.0, 0.0, 2.5]])
    loss = MarginPGD(1).get_loss_fn(lambda _: ep.astensor(logits), ep.astensor(torch.tensor([1, 1])))
    assert loss(ep.astensor(torch.zeros(2))).item() == (2 - 4) + (5 - 0)


@settings(max_examples=5)
@given(st.lists(st.sampled_from([0.004, 0.008, 0.016, 0.03, 0.06]), min_size=1, unique=True).map(sorted))
def test_a_curve_never_rises(model, sample, epsilons):
    pictures, labels = sample[0][8:16], sample[1][8:16]
    curve = accuracy_against_epsilon("pgd_linf", model, pictures, labels, epsilons, steps=4)
    assert curve.epsilons == tuple(epsilons)
    assert curve.clean == 6 / 8
    assert sorted(curve.accuracy, reverse=True) == list(curve.accuracy)
    first = run("pgd_linf", model, pictures, labels, epsilons[0], steps=4)
    assert curve.accuracy[0] == 1 - first.success.double().mean().item()


def test_the_curve_of_a_minimal_attack_counts_its_distances(model, sample):
    curve = accuracy_against_epsilon("fmn_linf", model, *sample, [0.01, 0.02, 0.5], steps=20)
    distance = run("fmn_linf", model, *sample, steps=20).distance
    assert curve.accuracy == tuple((distance > e).double().mean().item() for e in (0.01, 0.02, 0.5))
    assert curve.norm == "linf"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "pgd_inf"}, "unknown white-box attack 'pgd_inf'; did you mean 'pgd_linf'"),
        ({"epsilon": None}, "pgd_linf attacks within a given distance: give an epsilon"),
        ({"name": "deepfool"}, "deepfool looks for the smallest distance itself: leave epsilon=0.1 out"),
        ({"epsilon": 0}, "epsilon must be a number above 0 .* not 0"),
        ({"epsilon": -0.1}, "not -0.1"),
        ({"epsilon": math.nan}, "not nan"),
        ({"steps": 0}, "steps must be a whole number of at least 1, not 0"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, not 0"),
        (
            {"pictures": torch.full((2, 1, 28, 28), 255.0)},
            r"within the model's bounds \[0, 1\], but run from 255 to 255",
        ),
        ({"pictures": torch.full((2, 1, 28, 28), math.nan)}, "within the model's bounds"),
        ({"pictures": torch.zeros(2, 1, 28, 28, dtype=torch.uint8)}, "must be float32 .* not torch.uint8"),
        ({"pictures": torch.zeros(0, 1, 28, 28), "labels": torch.zeros(0).long()}, "at least one"),
        ({"labels": torch.tensor([0])}, r"labels must be int64 \(2,\)"),
        ({"labels": torch.tensor([0, 10])}, "labels run from 0 to 10 but the network has 10 classes"),
        ({"picture_ids": [1]}, "1 picture ids for 2 pictures"),
    ],
)
def test_bad_input_is_named(model, change, message):
    arguments = {"name": "pgd_linf", "model": model, "pictures": torch.zeros(2, 1, 28, 28)}
    arguments |= {"labels": torch.tensor([0, 1]), "epsilon": 0.1} | change
    with pytest.raises(ValueError, match=message):
        run(**arguments)


class Detached(nn.Module):
    def forward(self, x):
        return x.detach().flatten(1)[:, :3] * 5


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Softmax(dim=1)), "take the softmax off"),
        (Detached(), "no gradient .* which shows nothing about robustness; use the attacks of c2f.attacks.names"),
    ],
)
def test_networks_that_cannot_be_attacked_are_refused(network, message):
    with pytest.raises(ValueError, match=message):
        run("pgd_linf", victim(network), torch.rand(2, 1, 2, 2), torch.tensor([0, 1]), 0.1)


def test_more_bad_input(model, sample):
    with pytest.raises(ValueError, match="epsilons must be at least one number, ascending"):
        accuracy_against_epsilon("pgd_linf", model, *sample, [0.2, 0.1])
    with pytest.raises(ValueError, match="unknown step rule 'cosin'; did you mean 'cosine'"):
        LinfPGD(step_rule="cosin")
    with pytest.raises(ValueError, match="build the attack with the seeds 0 to 2"):
        build("pgd_l2").repeat(3)
