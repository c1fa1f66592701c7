import pytest
import torch
from torch import nn

from c2f import networks
from c2f.attacks import build, victim
from c2f.networks.blocks import SameConv2d, SameMaxPool2d
from c2f.networks.folding import PooledConv2d, SlicedMaxPool2d, Straight, folded, for_cpu


class Outputs(nn.Module):
    """Its outputs are the first K values of a picture, times ``scale``."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, x):
        return x.flatten(1)[:, :3] * self.scale


def test_the_mean_is_subtracted_inside_and_the_network_stays_as_it_was():
    network = Outputs(2.0).train()
    pictures, mean = torch.rand(4, 1, 3, 3), torch.rand(1, 3, 3)
    model = victim(network, mean)
    assert torch.allclose(model(pictures), 2 * (pictures - mean).flatten(1)[:, :3])
    assert torch.allclose(model.fast(pictures), model(pictures))
    assert network.training
    assert network.scale.requires_grad
    assert model.bounds == (0, 1)
    assert model.device.type == "cpu"


def test_the_answer_is_float32_under_autocast():
    network = networks.build("lenetfc", 1, 10, 28, seed=0)
    model, pictures = victim(network), torch.rand(4, 1, 28, 28)
    plain = model(pictures)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(pictures).dtype == torch.bfloat16
        assert torch.equal(model(pictures), plain)
        assert model.fast(pictures).dtype == torch.float32


def test_reduced_precision_is_refused():
    with pytest.raises(ValueError, match=r"float32, but scale is torch.bfloat16: give network.float\(\)"):
        victim(Outputs().bfloat16())


def test_probabilities_and_nan_are_refused_at_the_first_call():
    with pytest.raises(ValueError, match="outputs are probabilities"):
        victim(nn.Sequential(Outputs(), nn.Softmax(dim=1)))(torch.rand(5, 1, 3, 3))
    with pytest.raises(ValueError, match="hold NaN"):
        victim(Outputs(torch.nan))(torch.rand(5, 1, 3, 3))


@pytest.mark.parametrize("mean", [torch.rand(3, 3), torch.rand(1, 3, 3).double()])
def test_a_mean_that_is_no_picture_is_refused(mean):
    with pytest.raises(ValueError, match=r"must be float32 \(C, H, W\), not"):
        victim(Outputs(), mean)


@pytest.mark.parametrize("name", ["lenetfc", "nin_light_td", "resnet32", "resnet32_td", "resnet18_td_uni"])
def test_folding_keeps_the_logits(name):
    network = networks.build(name, 1, 10, 32, seed=0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # fresh ones would fold to nothing
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    network.eval()
    quick, x = folded(network), torch.rand(3, 1, 32, 32)
    for faster in (quick, for_cpu(network)):
        assert torch.allclose(network(x), faster(x), rtol=1e-3, atol=1e-3 * network(x).abs().max().item())

    def count(n):
        return sum(isinstance(module, nn.BatchNorm2d) for module in n.modules())

    assert count(quick) < count(network)


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("size", [(8, 6), (7, 10), (3, 1)])
def test_a_sliced_pool_gives_the_pool_s_own_numbers(kernel, size):
    x = torch.randn(2, 6, *size, generator=torch.Generator().manual_seed(0)).to(memory_format=torch.channels_last)
    assert torch.equal(SlicedMaxPool2d(kernel)(x), SameMaxPool2d(kernel)(x))


@pytest.mark.parametrize(("kernel", "size"), [(5, (28, 28)), (3, (4, 10)), (1, (2, 2))])
def test_a_pooled_convolution_is_the_convolution_and_the_pool(kernel, size):
    torch.manual_seed(0)
    convolution, x = SameConv2d(2, 3, kernel), torch.randn(4, 2, *size)
    expected = SameMaxPool2d(2)(convolution(x))
    assert torch.allclose(PooledConv2d(convolution)(x), expected, rtol=1e-5, atol=1e-5)


def test_where_the_first_stage_can_be_pooled_it_is():
    def kinds(name):
        return {type(module) for module in for_cpu(networks.build(name, 1, 10, 32, seed=0)).modules()}

    assert {Straight, PooledConv2d} <= kinds("lenetfc")
    assert kinds("nin_light") == {Straight}  # its pools are of 3x3
    assert SlicedMaxPool2d in kinds("resnet18")


def trained(network):
    """Give the batch norms statistics that folding would have to take in."""
    network.train()(torch.rand(16, 3, 12, 12))
    return network.eval()


def spectral():
    return nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 8, 3))


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
@pytest.mark.parametrize(
    "convolution",
    [spectral, lambda: nn.utils.spectral_norm(nn.Conv2d(3, 8, 3)), lambda: nn.utils.weight_norm(nn.Conv2d(3, 8, 3))],
)
@pytest.mark.parametrize("norm", [nn.BatchNorm2d(8), nn.BatchNorm2d(8, affine=False)])
def test_a_network_whose_weights_are_computed_answers_unfolded(convolution, norm):
    torch.manual_seed(0)
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    network = trained(nn.Sequential(convolution(), norm, nn.ReLU(), *head))
    model, x = victim(network), torch.rand(6, 3, 12, 12)
    assert torch.equal(model(x), network(x))
    torch.testing.assert_close(model.fast(x), network(x))
    labels = network(x).argmax(dim=1)
    raw, _, success = build("contrast")(model, x, labels, epsilons=None)
    assert torch.equal(network(raw).argmax(dim=1) != labels, success)


class Standardised(nn.Conv2d):
    def forward(self, x):
        weight = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        return nn.functional.conv2d(x, weight, self.bias)


def test_what_folding_does_not_know_stays_as_it_is():
    torch.manual_seed(0)
    hooked = nn.Conv2d(3, 4, 3)
    hooked.register_forward_hook(lambda module, arguments, output: 2 * output)
    x = torch.rand(2, 3, 12, 12)
    for first, second in (
        (Standardised(3, 4, 3), nn.BatchNorm2d(4)),
        (hooked, nn.BatchNorm2d(4)),
        (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)),
    ):
        network = trained(nn.Sequential(first, second))
        assert type(folded(network)[1]) is nn.BatchNorm2d
        torch.testing.assert_close(folded(network)(x), network(x))
