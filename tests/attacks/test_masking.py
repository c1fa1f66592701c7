import sys

import pytest
import torch
from torch import nn

from c2f import datasets, zoo
from c2f.attacks import auto, masking
from c2f.attacks.auto import autoattack, square
from c2f.attacks.masking import RoundedInput, ScaledLogits, allowed, check
from c2f.attacks.victim import victim

QUICK = {"steps": 20, "more_steps": 30, "restarts": 1, "queries": 60}
TESTS = ["zero_gradient", "more_steps", "margin_loss", "autoattack", "square", "large_epsilon", "transfer"]
NETWORKS = {
    "lenetfc": lambda bottom_up, top_down: (bottom_up, top_down),
    "lenetfc_td": lambda bottom_up, top_down: (top_down, bottom_up),
    "scaled": lambda bottom_up, top_down: (ScaledLogits(bottom_up), top_down),
    "rounded": lambda bottom_up, top_down: (RoundedInput(bottom_up), top_down),
}


@pytest.fixture(scope="module")
def report():
    """Return a function that checks a network by name on 32 real pictures, once each."""
    test = datasets.load("fashion-mnist-sample").test
    both = zoo.load("lenetfc", "fashion-mnist", 0).network, zoo.load("lenetfc_td", "fashion-mnist", 0).network
    made = {}

    def get(name):
        if name not in made:
            network, twin = NETWORKS[name](*both)
            made[name] = check(network, test.images[:32].float() / 255, test.labels[:32], 0.03, twin=twin, **QUICK)
        return made[name]

    return get


@pytest.mark.parametrize("name", ["lenetfc", "lenetfc_td"])
def test_the_books_networks_are_not_suspicious(report, name):
    found = report(name)
    assert found.verdict == "no sign"
    assert [test.name for test in found.tests] == TESTS
    assert all(test.verdict == "no sign" and test.count <= found.allowed == 2 for test in found.tests)
    assert (found.given, found.epsilon, found.note) == (32, 0.03, "")
    assert 10 <= found.fooled < found.pictures <= 32
    assert found.tests[0].count == 0  # the ReLU at the head's end (O1) leaves every picture a gradient


@pytest.mark.parametrize(
    ("name", "suspicious", "silent"),
    [
        ("scaled", {"zero_gradient", "margin_loss", "autoattack", "square", "large_epsilon"}, set()),
        ("rounded", {"zero_gradient", "square", "large_epsilon"}, {"more_steps", "margin_loss"}),
    ],
)
def test_planted_cases_are_suspicious(report, name, suspicious, silent):
    found = report(name)
    verdicts = {test.name: test.verdict for test in found.tests}
    assert found.verdict == "suspicious"
    assert {name for name, verdict in verdicts.items() if verdict == "suspicious"} >= suspicious
    assert all(verdicts[name] == "no sign" for name in silent)
    assert found.tests[0].count == found.pictures
    assert found.fooled <= 2


def test_planted_cases_are_what_they_say():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    x = torch.rand(5, 1, 2, 2)
    assert torch.equal(ScaledLogits(network)(x), 1000 * network(x))
    eighths = torch.linspace(0, 1, 8).view(1, 1, 2, 4)
    rounded = RoundedInput(nn.Identity())
    assert torch.allclose(rounded(eighths + 0.07), eighths)
    assert len(rounded(torch.rand(1000)).unique()) == 8
    with pytest.raises(ValueError, match="levels must be a whole number of at least 2, not 1"):
        RoundedInput(network, levels=1)


def test_how_many_a_test_may_count():
    assert [allowed(n) for n in (0, 20, 59, 60, 1000)] == [2, 2, 2, 3, 50]


def toy(classes=4):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, classes))
    pictures = torch.rand(12, 1, 4, 4)
    return network, pictures, network(pictures).argmax(dim=1)


def test_a_network_that_gets_nothing_right_still_has_a_report():
    network, pictures, labels = toy()
    found = check(network, pictures, (labels + 1) % 4, 0.1, twin=network, **QUICK)
    assert (found.verdict, found.pictures, found.fooled) == ("not run", 0, 0)
    assert [(test.name, test.count, test.verdict) for test in found.tests] == [(n, None, "not run") for n in TESTS]
    assert found.note == "none of the 12 pictures is classified correctly: there is nothing to attack"


def test_a_network_that_falls_at_once_shows_no_sign():
    found = check(*toy(), 0.45, **QUICK)
    assert (found.verdict, found.fooled, found.pictures) == ("no sign", 12, 12)
    assert "a smaller epsilon tells more" in found.note
    assert {test.count for test in found.tests[1:-1]} == {0}
    assert found.tests[-1].verdict == "not run"  # without a twin


def test_the_table_counts_by_test_and_names_what_was_not_run():
    network, pictures, labels = toy()
    reports = {"falls": check(network, pictures, labels, 0.45, **QUICK)}
    reports["wrong"] = check(network, pictures, (labels + 1) % 4, 0.1, **QUICK)
    found = masking.table(reports)
    assert list(found.index) == [*(name.replace("_", " ") for name in TESTS), "plain attack fools", "verdict"]
    assert found["falls"].to_list()[-3:] == ["not run", "12 of 12", "no sign"]
    assert found["falls"].to_list()[:-3] == [test.count for test in reports["falls"].tests[:-1]]
    assert found["wrong"].to_list() == [*["not run"] * len(TESTS), "0 of 0", "not run"]


def test_a_sentence_says_in_which_networks_gradients_are_masked():
    def seen(verdict, pictures):
        test = masking.MaskingTest("square", "", 0, verdict)
        return masking.MaskingReport(0.1, 30, pictures, 9, 2, (test,))

    reports = {"A": seen("no sign", 23), "B": seen("suspicious", 25), "C": seen("suspicious", 24)}
    assert masking.in_words(reports) == "Masked gradients: signs in B and C, none in A (23 to 25 pictures each)"
    reports = {"A": seen("no sign", 23), "B": seen("not run", 23)}
    assert masking.in_words(reports) == "Masked gradients: none in A, not looked for in B (23 pictures each)"


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_the_check_runs_with_few_classes(classes):
    assert check(*toy(classes), 0.02, **QUICK).tests[3].count is not None


def test_the_mean_picture_is_subtracted():
    network, pictures, labels = toy()
    mean = torch.rand(1, 4, 4)
    shifted = nn.Sequential(nn.Flatten(), nn.Linear(16, 32), *network[2:])
    with torch.no_grad():
        shifted[1].weight.copy_(network[1].weight)
        shifted[1].bias.copy_(network[1].bias + network[1].weight @ mean.flatten())
    plain, meant = (
        check(network, pictures, labels, 0.02, **QUICK),
        check(shifted, pictures, labels, 0.02, mean=mean, **QUICK),
    )
    assert (plain.pictures, plain.fooled) == (meant.pictures, meant.fooled)
    assert 0 < plain.fooled < 12


def test_autoattack_as_published_fools_no_less_than_quick():
    network, pictures, labels = toy()
    model, pictures, labels = victim(network), pictures[:8], labels[:8]
    quick = autoattack(model, pictures, labels, 0.02, steps=10)
    standard = autoattack(model, pictures, labels, 0.02, steps=None)
    assert 0 < quick.sum() <= standard.sum() < 8
    assert square(model, pictures, labels, 0.02, queries=50).sum() <= standard.sum()


def test_the_package_leaves_no_trace(capsys):
    network, pictures, labels = toy()
    seen = []

    def trace(frame, event, arg):
        seen.append(event)

    torch.manual_seed(3)
    state, before = torch.get_rng_state(), sys.gettrace()
    sys.settrace(trace)
    try:
        check(ScaledLogits(network), pictures, labels, 0.02, **QUICK)
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)
    assert torch.equal(torch.get_rng_state(), state)
    assert capsys.readouterr() == ("", "")


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(auto, "find_spec", lambda name: None)
    with pytest.raises(
        ModuleNotFoundError, match=r"pip install pyautoattack==0.2.0.*or leave both out with auto='none'"
    ):
        check(*toy(), 0.1, **QUICK)
    found = check(*toy(), 0.02, auto="none", **QUICK)
    assert [test.verdict for test in found.tests][3:5] == ["not run"] * 2
    assert found.verdict == "no sign"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": 0}, "epsilon must be a number above 0 .* not 0"),
        ({"epsilon": -1.0}, "not -1.0"),
        ({"epsilon": 0.5}, "epsilon must be below 0.5, where every picture can be made plain grey, not 0.5"),
        ({"auto": "standart"}, "unknown choice of auto 'standart'; did you mean 'standard'"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"more_steps": 0}, "steps must be a whole number"),
        ({"restarts": 0}, "restarts must be a whole number"),
        ({"queries": 0}, "queries must be a whole number"),
        ({"pictures": torch.full((12, 1, 4, 4), 1.5)}, "within the model's bounds"),
        ({"labels": torch.full((12,), 4)}, "labels run from 4 to 4 but the network has 4 classes"),
        ({"network": nn.Sequential(toy()[0], nn.Softmax(dim=1))}, "take the softmax off"),
    ],
)
def test_bad_input_is_named(change, message):
    network, pictures, labels = toy()
    with pytest.raises(ValueError, match=message):
        check(**{"network": network, "pictures": pictures, "labels": labels, "epsilon": 0.1} | change)
