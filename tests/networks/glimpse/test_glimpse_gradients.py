import pytest
import torch

from c2f.networks import glimpse
from c2f.networks.glimpse import GradientEquilibrium, LossSettings, equilibrium_ratio
from c2f.networks.glimpse.gradients import rescale_gradient
from tests.oracles import multi_glimpse as oracle
from tests.oracles.multi_glimpse import LABELS


def gradients(ratio=None, finish=True):
    """The parameters' gradients of one training step, and the equilibrium after it."""
    network, pictures = oracle.network(gradient_scale=1.0), oracle.pictures()
    equilibrium = None if ratio is None else GradientEquilibrium(ratio)
    seen = network(pictures, equilibrium=equilibrium)
    glimpse.total_loss(network, pictures, seen, LABELS, LossSettings()).total.backward()
    if equilibrium is not None and finish:
        equilibrium.finish(network.locate)
    return {name: p.grad for name, p in network.named_parameters()}, equilibrium


def test_rescaling_leaves_values_and_scales_gradients():
    x = torch.randn(5, 3, requires_grad=True)
    y = rescale_gradient(x, 0.02)
    assert torch.equal(x, y)
    y.sum().backward()
    assert torch.allclose(x.grad, torch.full_like(x, 0.02))


def test_rescaling_can_be_switched_off_for_a_while():
    network, pictures = oracle.network().eval(), oracle.pictures().requires_grad_()

    def gradient():
        return torch.autograd.grad(network(pictures).logits[-1].sum(), pictures)[0]

    scaled = gradient()
    with glimpse.without_rescaling(network):
        true = gradient()
    assert torch.equal(gradient(), scaled)
    with pytest.raises(RuntimeError), glimpse.without_rescaling(network):
        raise RuntimeError
    assert network.locate.gradient_scale == 0.02
    assert not torch.allclose(true, scaled, rtol=0.1)
    unscaled = oracle.network(gradient_scale=1.0).eval()
    assert torch.equal(true, torch.autograd.grad(unscaled(pictures).logits[-1].sum(), pictures)[0])


def test_equilibrium_measures_without_changing_anything():
    plain, _ = gradients()
    measured, equilibrium = gradients(ratio=0)
    assert all(torch.equal(plain[name], measured[name]) for name in plain)
    assert sorted(equilibrium.classification) == [0, 1, 2, 3]
    assert sorted(equilibrium.location) == [0, 1, 2]
    assert equilibrium.scale == 1


def test_equilibrium_brings_the_location_gradient_into_proportion():
    equilibrium = GradientEquilibrium(ratio=10)
    earlier, later = torch.randn(4, 6, requires_grad=True), torch.randn(4, 6, requires_grad=True)
    located = equilibrium.watch_location(earlier, 0)
    classified = equilibrium.watch_classification(later + 0 * located.sum(), 1)
    (located * torch.randn(4, 6)).sum().backward(retain_graph=True)
    assert equilibrium.scale == 1, "the classification has no gradient yet"
    earlier.grad = None
    ((classified**3).sum() + (located**2).sum()).backward()
    assert earlier.grad.std().item() == pytest.approx(equilibrium.classification[1] / 10, rel=1e-5)
    assert equilibrium.scale == pytest.approx(10 * equilibrium.location[0] / equilibrium.classification[1])


def test_equilibrium_in_the_network():
    plain, _ = gradients()
    balanced, equilibrium = gradients(ratio=10, finish=False)
    finished, _ = gradients(ratio=10)
    assert equilibrium.scale > 1
    assert equilibrium.scale == pytest.approx(
        10 * sum(equilibrium.location.values()) / sum(equilibrium.classification[t] for t in (1, 2, 3))
    )
    assert torch.equal(plain["classify.weight"], balanced["classify.weight"]), "the classifier's are untouched"
    assert not torch.allclose(plain["fusion.norm.weight"], balanced["fusion.norm.weight"], rtol=0.01)
    for name, gradient in finished.items():
        scale = equilibrium.scale if name.startswith("locate") else 1
        assert torch.allclose(gradient * scale, balanced[name], rtol=1e-5), name


def test_the_ratio_goes_from_first_to_last():
    ratios = [equilibrium_ratio(epoch, 10, 20.0, 4.0) for epoch in range(11)]
    assert ratios[0] == 20
    assert ratios[5] == pytest.approx(12)
    assert ratios[-1] == 4
    assert ratios == sorted(ratios, reverse=True)
    assert equilibrium_ratio(3, 10, 5.0, 5.0) == 5


def test_bad_input():
    with pytest.raises(ValueError, match=r"ratio must be positive, .* not -1"):
        GradientEquilibrium(-1)
    with pytest.raises(ValueError, match=r"epoch must be between 0 and 10, not 11"):
        equilibrium_ratio(11, 10, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"epochs must be .* not 0"):
        equilibrium_ratio(0, 0, 1.0, 1.0)
