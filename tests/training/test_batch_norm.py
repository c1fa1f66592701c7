"""Batch norm of few channels, several pixels as one: the same numbers, and only where it is quicker."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from c2f import networks
from c2f.training import batch_norm as module
from c2f.training.batch_norm import BatchNorms, batch_norm, has_few_channels
from c2f.training.engine import Engine


def pictures(shape, seed=0):
    """Return pictures channels last, far from 0, each channel of its own mean and spread."""
    drawn = torch.Generator().manual_seed(seed)
    spread = 1 + torch.rand(1, shape[1], 1, 1, generator=drawn)
    return (5 + spread * torch.randn(shape, generator=drawn)).contiguous(memory_format=torch.channels_last)


def answers(call, x, affine):
    """Return the output, the gradients and the running statistics of a batch norm in training."""
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    channels = x.shape[1]
    trained = [(torch.arange(channels) + start).float().requires_grad_() for start in (1.0, -2.0)] if affine else []
    running = [torch.zeros(channels), torch.ones(channels)]
    out = call(x, *running, *trained, training=True, momentum=0.3, eps=1e-3)
    (out * pictures(x.shape, 1)).square().sum().backward()
    return [out.detach(), x.grad, *(one.grad for one in trained), *running]


shapes = st.tuples(st.integers(2, 5), st.integers(1, 9), st.integers(1, 7), st.integers(1, 7))


@settings(max_examples=60)
@given(shapes, st.booleans())
def test_it_is_torchs(shape, affine):
    x = pictures(shape)
    wanted, found = (answers(call, x, affine) for call in (F.batch_norm, batch_norm))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-5 * other.abs().max().item())


def test_the_layout_stays_channels_last():
    out, gradient, *_ = answers(batch_norm, pictures((4, 6, 28, 28)), affine=True)
    for made in (out, gradient):
        assert made.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("x", "together"),
    [
        (pictures((2, 6, 28, 28)), 16),  # 96 of at most 128 channels
        (pictures((2, 3, 5, 5)), 5),
        (pictures((2, 6, 1, 1)), 1),  # nothing to take together
        (pictures((2, 8, 28, 28)), 1),
        (pictures((2, 6, 28, 28)).contiguous(), 1),
        (pictures((2, 6, 28, 28)).double(), 1),
        (torch.ones(4, 6), 1),
    ],
)
def test_how_many_pixels_are_one(x, together):
    assert module._together(x) == together


def test_in_inference_it_norms_by_what_was_learnt():
    x = pictures((3, 6, 4, 4))
    mean, var = torch.full((6,), 5.0), torch.full((6,), 2.0)
    assert torch.equal(batch_norm(x, mean, var), F.batch_norm(x, mean, var))
    assert torch.equal(mean, torch.full((6,), 5.0))


@pytest.mark.parametrize(("engine", "taken"), [("channels_last", 3), ("plain", 0)])
def test_an_engine_takes_it_for_a_network_with_few_channels(engine, taken, monkeypatch):
    calls = []
    real = module._Normalise.apply
    monkeypatch.setattr(module._Normalise, "apply", lambda *given: calls.append(given[0].shape) or real(*given))
    network = nn.Sequential(
        *(nn.Sequential(nn.Conv2d(c, d, 3), nn.BatchNorm2d(d)) for c, d in ((1, 6), (6, 4), (4, 2)))
    )
    how = Engine(engine, "float32", 1)
    with how.at_work(network):
        how.forward(network, 8)(torch.rand(8, 1, 12, 12)).sum().backward()
    assert len(calls) == taken
    network(torch.rand(8, 1, 12, 12).contiguous(memory_format=torch.channels_last))
    assert len(calls) == taken  # afterwards torch's own again


@pytest.mark.parametrize(("name", "few"), [("lenetfc", True), ("lenetfc_td", True), ("nin_light", False)])
def test_which_networks_have_few_channels(name, few):
    assert has_few_channels(networks.build(name, 1, 10, 28)) is few


def test_only_batch_norms_are_replaced():
    with BatchNorms():
        assert torch.equal(torch.relu(torch.tensor([-1.0, 2.0])), torch.tensor([0.0, 2.0]))
