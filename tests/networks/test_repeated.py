from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations

from c2f import networks
from c2f.networks import repeated
from c2f.networks.blocks import MERGES, Merge, SameConv2d, upsample2

LAST = torch.channels_last


def drawn(*shape):
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return x.to(memory_format=LAST).requires_grad_()


def convolution(in_channels, out_channels, kernel):
    return SameConv2d(in_channels, out_channels, kernel).double().to(memory_format=LAST)


@pytest.fixture
def taken(monkeypatch):
    """The shapes of what was convolved without being repeated."""
    shapes, transposed = [], repeated._transposed

    def watched(x, *weights):
        shapes.append(tuple(x.shape))
        return transposed(x, *weights)

    monkeypatch.setattr(repeated, "_transposed", watched)
    return shapes


def gradients(y, *inputs):
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
    return torch.autograd.grad((weights * y).sum(), inputs)


@given(st.sampled_from([1, 3, 5]), *[st.integers(16, 20)] * 2, st.integers(1, 5), st.integers(2, 5))
@settings(max_examples=50)
def test_what_is_not_repeated_is_convolved_as_what_is(kernel, in_channels, out_channels, rows, columns):
    layer, x = convolution(in_channels, out_channels, kernel), drawn(2, in_channels, rows, columns)
    expected, found = layer(upsample2(x)), repeated.of_upsampled(layer, x)
    torch.testing.assert_close(found, expected)
    inputs = x, layer.weight, layer.bias
    torch.testing.assert_close(gradients(found, *inputs), gradients(expected, *inputs))


@pytest.mark.parametrize("method", MERGES)
def test_a_merge_is_convolved_in_two_parts(method, taken):
    merge, x, s = Merge(method), drawn(2, 16, 4, 5), drawn(2, 16, 8, 10)
    body = nn.Sequential(nn.Sequential(convolution(MERGES[method] * 16, 17, 3), nn.Tanh()), nn.Sigmoid())
    expected, found = body(merge(upsample2(x), s)), repeated.of_merged(body, merge, x, s)
    assert len(taken) == (method != "sum")
    torch.testing.assert_close(found, expected)
    inputs = x, s, *body.parameters()
    torch.testing.assert_close(gradients(found, *inputs), gradients(expected, *inputs))


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("nin_light_td", (1, 28, 28), [(48, 7, 7), (48, 14, 14)]),
        ("resnet32_td", (3, 16, 16), [(64, 4, 4), (32, 8, 8)]),
        ("segmentation_td", (1, 32, 32), [(128, 8, 8), (64, 16, 16)]),
        ("lenetfc_td", (1, 28, 28), [(16, 7, 7)]),  # the finest scale has too few channels
        ("nin_light", (1, 28, 28), []),
    ],
)
def test_networks_with_enough_channels_take_it(name, shape, expected, taken):
    network = networks.build(name, shape[0], 10, shape[1], seed=0).to(memory_format=LAST)
    network(torch.rand(2, *shape).to(memory_format=LAST))
    assert [each[1:] for each in taken] == expected


@pytest.fixture
def network():
    return networks.build("nin_light_td", 1, 10, 28, seed=0).to(memory_format=LAST)


@pytest.mark.parametrize("where", ["contiguous", "no gradient", "mixed precision", "computed weight"])
def test_elsewhere_the_modules_do_what_they_say(where, network, taken):
    x = torch.rand(2, 1, 28, 28).to(memory_format=LAST)
    if where == "contiguous":
        network.to(memory_format=torch.contiguous_format)
        x = x.contiguous()
    if where == "computed weight":
        for up in (network.up_x2, network.up_x1):
            parametrizations.weight_norm(up.merge_conv[0])
    with torch.set_grad_enabled(where != "no gradient"), torch.autocast("cpu", enabled=where == "mixed precision"):
        network(x)
    assert taken == []


@pytest.mark.parametrize("place", ["merge", "merge_conv", "merge_conv.0", "merge_conv.2"])
@pytest.mark.parametrize("kind", ["forward_pre", "forward", "full_backward_pre", "full_backward"])
def test_who_looks_at_a_merge_sees_it(place, kind, network, taken):
    seen = []
    for up in (network.up_x2, network.up_x1):
        module = up.get_submodule(place)
        getattr(module, f"register_{kind}_hook")(partial(lambda kept, *_: kept.append(1) and None, seen))
    network(torch.rand(2, 1, 28, 28).to(memory_format=LAST)).sum().backward()
    assert len(seen) == 2
    assert taken == []


def test_who_looks_at_a_block_of_a_residual_network_sees_it(taken):
    network, seen = networks.build("resnet32_td", 3, 10, 16, seed=0).to(memory_format=LAST), []
    network.up_x2.conv1.register_forward_hook(lambda *_: seen.append(1) and None)
    network(torch.rand(2, 3, 16, 16).to(memory_format=LAST))
    assert (len(seen), len(taken)) == (1, 1)
