from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, prune

from c2f import networks
from c2f.networks import repeated
from c2f.networks.blocks import MERGES, ConvNormReLU, Merge, SameConv2d, upsample2
from c2f.training.engine import Engine

LAST = torch.channels_last


def drawn(*shape):
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return x.to(memory_format=LAST).requires_grad_()


def convolution(in_channels, out_channels, kernel, stride=1):
    return SameConv2d(in_channels, out_channels, kernel, stride).double().to(memory_format=LAST)


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
    assert repeated._replaceable(layer, in_channels)
    expected, found = layer(upsample2(x)), repeated.of_upsampled(layer, x)
    torch.testing.assert_close(found, expected)
    inputs = x, layer.weight, layer.bias
    torch.testing.assert_close(gradients(found, *inputs), gradients(expected, *inputs))


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("method", MERGES)
def test_a_merge_is_convolved_in_two_parts(method, kernel, taken):
    merge, x, s = Merge(method), drawn(2, 16, 4, 5), drawn(2, 16, 8, 10)
    body = nn.Sequential(nn.Sequential(convolution(MERGES[method] * 16, 17, kernel), nn.Tanh()), nn.Sigmoid())
    expected, found = body(merge(upsample2(x), s)), repeated.of_merged(body, merge, x, s)
    assert len(taken) == (method != "sum")
    torch.testing.assert_close(found, expected)
    inputs = x, s, *body.parameters()
    torch.testing.assert_close(gradients(found, *inputs), gradients(expected, *inputs))


@pytest.mark.parametrize(
    "layer",
    [
        convolution(16, 16, 4),
        convolution(16, 16, 3, stride=2),
        convolution(16, 15, 3),
        convolution(15, 16, 3),
        nn.Conv2d(16, 16, 3).double(),
        nn.Conv2d(16, 16, 3, padding=1, padding_mode="circular").double(),
    ],
    ids=str,
)
def test_other_convolutions_see_repeated_pixels(layer, taken):
    x = drawn(2, layer.in_channels, 4, 5)
    torch.testing.assert_close(repeated.of_upsampled(layer, x), layer(upsample2(x)), rtol=0, atol=0)
    assert taken == []


TRAINED = Engine("channels_last", threads=1)


def asked(network, *shape, engine=TRAINED):
    """What the network answers while it is trained."""
    x = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    with engine.at_work(network):
        return engine.forward(network, 2)(x)


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
def test_networks_with_enough_channels_are_trained_so(name, shape, expected, taken):
    network = networks.build(name, shape[0], 10, shape[1], seed=0)
    asked(network, *shape)
    assert [each[1:] for each in taken] == expected
    network(torch.rand(2, *shape))
    assert len(taken) == len(expected)  # afterwards it does what its modules say


@pytest.fixture
def network():
    return networks.build("nin_light_td", 1, 10, 28, seed=0).eval()


@pytest.mark.parametrize("engine", [Engine("plain", threads=1), Engine("channels_last", "bfloat16", 1)], ids=str)
def test_other_engines_repeat_pixels(engine, network, taken):
    asked(network, 1, 28, 28, engine=engine)
    assert taken == []


def test_without_a_gradient_pixels_are_repeated(network, taken):
    with torch.no_grad():
        asked(network, 1, 28, 28)
    assert taken == []


def test_outside_of_a_training_a_network_does_what_its_modules_say(network, taken):
    network.to(memory_format=LAST)
    x = torch.rand(2, 1, 28, 28).to(memory_format=LAST)
    one_by_one = torch.func.vmap(lambda picture: network(picture[None]))(x)
    torch.testing.assert_close(one_by_one[:, 0], network(x), rtol=1e-4, atol=1e-5)
    assert taken == []


class OwnMerge(Merge):
    def forward(self, x, s):
        return super().forward(x, 0 * s)


class OwnStage(ConvNormReLU):
    def forward(self, x):
        return 2 * super().forward(x)


def other_merge(up):
    up.merge = OwnMerge("sum_concat")


def other_stage(up):
    body, own = up.merge_conv, OwnStage(96, 48, 3, networks.table.FAMILIES["nin_light"].norm)
    own.load_state_dict(body.state_dict())
    up.merge_conv = own


def other_forward(place):
    def change(up):
        module = up.get_submodule(place)
        forward = module.forward
        module.forward = lambda *inputs: 2 * forward(*inputs)

    return change


def other_padding(up):
    up.merge_conv[0].padding_mode = "circular"
    up.merge_conv[0]._reversed_padding_repeated_twice = [1, 1, 1, 1]


def another_layer(up):
    up.merge_conv = nn.Conv2d(96, 48, 3, padding=1)


@pytest.mark.parametrize(
    "change",
    [
        *(other_merge, other_stage, other_padding, another_layer),
        *map(other_forward, ("merge", "merge_conv", "merge_conv.0")),
        lambda up: parametrizations.weight_norm(up.merge_conv[0]),
        lambda up: prune.random_unstructured(up.merge_conv[0], "weight", 0.5),
    ],
)
def test_parts_that_were_changed_keep_what_they_do(change, network, taken):
    for up in (network.up_x2, network.up_x1):
        change(up)
    x = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(asked(network, 1, 28, 28), network(x), rtol=1e-4, atol=1e-6)
    assert taken == []


def test_batches_of_different_sizes_are_refused(network):
    x = [torch.rand(count, 1, 28, 28) for count in (1, 2, 2)]
    with TRAINED.at_work(network), pytest.raises(RuntimeError, match="must match"):
        network(x)


@pytest.mark.parametrize("place", ["merge", "merge_conv", "merge_conv.0", "merge_conv.2"])
@pytest.mark.parametrize("kind", ["forward_pre", "forward", "full_backward_pre", "full_backward"])
def test_who_looks_at_a_merge_sees_it(place, kind, network, taken):
    seen = []
    for up in (network.up_x2, network.up_x1):
        module = up.get_submodule(place)
        getattr(module, f"register_{kind}_hook")(partial(lambda kept, *_: kept.append(1) and None, seen))
    asked(network, 1, 28, 28).sum().backward()
    assert len(seen) == 2
    assert taken == []


def test_who_looks_at_a_block_of_a_residual_network_sees_it(taken):
    network, seen = networks.build("resnet32_td", 3, 10, 16, seed=0), []
    network.up_x2.conv1.register_forward_hook(lambda *_: seen.append(1) and None)
    asked(network, 3, 16, 16)
    assert (len(seen), len(taken)) == (1, 1)
