import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from c2f.networks import glimpse
from c2f.networks.glimpse import LossSettings
from c2f.networks.glimpse.losses import diversity_loss, step_by_step_weights
from tests.oracles import multi_glimpse as oracle
from tests.oracles.multi_glimpse import LABELS


def by_hand(losses):
    """Step-by-step weights of one picture."""
    last = 0
    while last + 1 < len(losses) and losses[last + 1] <= losses[last]:
        last += 1
    weights = [0.0] * len(losses)
    for t in (last, min(last + 1, len(losses) - 1)):
        weights[t] += 0.5
    return weights


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=6))
def test_step_by_step_is_the_rule_by_hand(rows):
    each = torch.tensor(rows, dtype=torch.float32)  # (T, 3)
    assert step_by_step_weights(each).T.tolist() == [by_hand(column) for column in each.T.tolist()]


def test_guidance_points_to_better_locations():
    network, pictures = oracle.network(), oracle.pictures().repeat(8, 1, 1, 1)
    labels = LABELS.repeat(8)
    seen = network(pictures)
    found = glimpse.spatial_guidance(network, pictures, seen, labels, 0.9, torch.Generator().manual_seed(0))
    used = seen.locations[-1]
    assert torch.equal(found.proposals[:, 0], used[:, 0]), "the scale is kept"
    assert glimpse.boxes(found.proposals).abs().max() <= 1 + 1e-6
    assert ((found.proposals - used)[:, 1:].abs() <= 0.9 * (1 - used[:, :1]) + 1e-6).all()

    # the other three glimpses as they were, the last one at the proposal, all anew and as published
    crops = glimpse.take_glimpse(pictures, found.proposals, 28)
    tokens = network.token(seen.features, seen.locations).clone()
    tokens[-1] = torch.cat([network.backbone(crops), found.proposals], dim=1)
    tried = F.cross_entropy(network.classify(network.fusion.plain(tokens)[0]), labels, reduction="none")
    better = tried < F.cross_entropy(seen.logits[-1], labels, reduction="none")
    assert torch.equal(found.better, better)
    assert 0 < better.sum() < 16
    expected = better.float().mean() * F.mse_loss(used[better], found.proposals[better])
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-5)

    found.loss.backward()
    assert network.locate.fc.weight.grad.abs().sum() > 0
    assert network.classify.weight.grad is None, "trying costs no gradient"


def test_guidance_joins_the_total_in_training_only():
    network, pictures = oracle.network(), oracle.pictures()
    settings = LossSettings(guidance=2.0, guidance_reach=1.0)
    with torch.no_grad():
        losses = glimpse.total_loss(
            network, pictures, network(pictures), LABELS, settings, torch.Generator().manual_seed(4)
        )
        assert losses.total.item() == pytest.approx(
            (0.4 * losses.classification + 0.6 * losses.glimpse + 2 * losses.guidance).item()
        )
        assert losses.guidance > 0
        network.eval()
        assert glimpse.total_loss(network, pictures, network(pictures), LABELS, settings).guidance is None


def test_diversity_of_equal_and_of_distant_windows():
    whole, left, right = [1.0, 0.0, 0.0], [0.4, -0.5, 0.0], [0.4, 0.5, 0.0]
    assert diversity_loss(torch.tensor([[whole], [left], [left]])) == 1
    assert diversity_loss(torch.tensor([[whole], [left], [right]])) == 0
    assert diversity_loss(torch.tensor([[whole], [left], [right], [left]])).item() == pytest.approx(1 / 3)


def test_learning_lowers_every_answers_loss():
    network, pictures = oracle.network(), oracle.pictures()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02)
    settings = LossSettings(small_scale=0.1, guidance=0.1, diversity=0.1)
    history = []
    for _ in range(12):
        losses = glimpse.total_loss(network, pictures, network(pictures), LABELS, settings)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        history.append(losses.each.mean(dim=1).detach())
    assert (history[-1] < 0.5 * history[0]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": 1.5}, r"alpha must be in \[0, 1\], not 1\.5"),
        ({"guidance_reach": -0.1}, r"guidance_reach must be in \[0, 1\], not -0\.1"),
        ({"diversity": -1.0}, r"diversity must be 0 \(off\) or positive, not -1\.0"),
        ({"small_scale": float("nan")}, "small_scale .* not nan"),
        ({"iteration_weights": (1, -1)}, "iteration weight .* not -1"),
        ({"iteration_weights": (0, 0), "alpha": 0.0}, "leave nothing to learn from"),
        ({"iteration_weights": (1, 0, 0, 0)}, "give a later glimpse some weight or set alpha to 0"),
        ({"iteration_weights": (1, 1), "step_by_step": True}, "leave iteration_weights out"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        LossSettings(**changes)


@pytest.mark.parametrize(
    ("count", "changes", "message"),
    [
        (1, {}, "alpha 0.6 needs .* at least 2 glimpses, not 1"),
        (1, {"alpha": 0.0, "small_scale": 1.0}, "small_scale needs at least two glimpses"),
        (1, {"alpha": 0.0, "guidance": 1.0}, "guidance needs at least two glimpses"),
        (2, {"diversity": 1.0}, "at least 3, not 2"),
        (3, {"iteration_weights": (1, 2, 3, 4)}, r"4 iteration weights \(1, 2, 3, 4\) for 3 glimpses"),
    ],
)
def test_too_few_glimpses(count, changes, message):
    network, pictures = oracle.network(), oracle.pictures()
    with torch.no_grad(), pytest.raises(ValueError, match=message):
        glimpse.total_loss(network, pictures, network(pictures, count), LABELS, LossSettings(**changes))


def test_bad_labels_and_a_missing_classifier():
    network, pictures = oracle.network(glimpse_classifier=False), oracle.pictures()
    with torch.no_grad():
        seen = network(pictures)
    with pytest.raises(ValueError, match=r"expected labels \(2,\), not \(3,\)"):
        glimpse.total_loss(network, pictures, seen, torch.zeros(3, dtype=torch.long), LossSettings())
    with pytest.raises(ValueError, match="needs a network with a glimpse classifier"):
        glimpse.total_loss(network, pictures, seen, LABELS, LossSettings())
