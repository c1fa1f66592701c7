"""The networks against the authors' own, with the same weights."""

import pytest
import torch
from torch import nn

from c2f import networks
from tests.oracles import top_down as oracle
from tests.oracles.weights import input_batch, layer_weights

OURS = {
    "LeNetFC": "lenetfc",
    "LeNetFC_TD": "lenetfc_td",
    "LeNetFC_TD_multi": "lenetfc_td",
    "ResNet": "resnet32",
    "ResNet_TD": "resnet32_td",
}


def with_weights(theirs, rule):
    """Our network with the authors' weights, loaded in the order in which its modules are registered."""
    row = oracle.facts()["models"][theirs]
    size, _, channels = row["input_hwc"]
    network = networks.build(OURS[theirs], channels, 10, size)
    layers = sorted(row["weight_layers"], key=lambda layer: layer["code_order"])
    modules = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.BatchNorm2d)]
    for module, layer in zip(modules, layers, strict=True):
        arrays = layer_weights(layer["i_weightlayer"], layer["cls"], layer["shapes"], rule)
        first, second, *rest = map(torch.from_numpy, arrays)
        with torch.no_grad():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.copy_(rest[0])
                module.running_var.copy_(rest[1])
            else:
                first = first.permute(3, 2, 0, 1) if isinstance(module, nn.Conv2d) else first.T
            assert module.weight.shape == first.shape
            module.weight.copy_(first)
            module.bias.copy_(second)
    return network.eval(), list(zip(modules, layers, strict=True))


def inputs(theirs):
    shape = oracle.facts()["models"][theirs]["input_hwc"]
    each = [oracle.pictures(input_batch(12345 + i, shape)) for i in range(3)]
    return each if theirs.endswith("_multi") else each[0]


@pytest.mark.parametrize("rule", ["A", "B"])
@pytest.mark.parametrize("theirs", OURS)
def test_outputs_are_the_authors(theirs, rule):
    network, _ = with_weights(theirs, rule)
    with torch.no_grad():
        logits = network(inputs(theirs))
    expected = oracle.arrays()
    assert oracle.difference(logits, expected[f"{theirs}_{rule}_presoftmax"]) < oracle.TOLERANCE
    if rule == "B":  # under rule A deep networks explode, and the softmax with them
        assert oracle.difference(logits.softmax(dim=1), expected[f"{theirs}_B_probs"]) < oracle.TOLERANCE


@pytest.mark.parametrize("theirs", OURS)
def test_layers_are_the_authors_in_their_order(theirs):
    _, pairs = with_weights(theirs, "B")
    for module, layer in pairs:
        if layer["cls"] == "BatchNormalization":
            assert module.eps == pytest.approx(layer["epsilon"])
            assert module.momentum == pytest.approx(1 - layer["momentum"])  # torch's is the weight of the new batch
        else:
            assert getattr(module, "regularised", True) == layer["l2_regularised"]
        if layer["cls"] == "Conv2D":
            assert list(module.kernel_size) == layer["kernel_size"]
            assert list(module.stride) == layer["strides"]


@pytest.mark.parametrize("theirs", OURS)
def test_parameter_counts_are_the_authors(theirs):
    row = oracle.facts()["models"][theirs]
    size, _, channels = row["input_hwc"]
    found = networks.summary(networks.build(OURS[theirs], channels, 10, size), channels, size)
    assert found.parameters == row["trainable"]
    assert found.buffers == row["non_trainable"]
    assert found.parameters + found.buffers == row["total"]


def test_pictures_of_their_own_matter():
    """The oracle of three pictures is not that of one: the two networks above are told apart."""
    network, _ = with_weights("LeNetFC_TD_multi", "B")
    three = inputs("LeNetFC_TD_multi")
    with torch.no_grad():
        assert oracle.difference(network(three[0]), network(three)) > 100 * oracle.TOLERANCE
