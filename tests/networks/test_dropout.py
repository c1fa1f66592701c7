import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from c2f.networks.dropout import Dropout, random_bytes


def dropped(layer, x, seed=0):
    """Return the answer and the gradient of its sum."""
    x = x.detach().requires_grad_()
    torch.manual_seed(seed)
    y = layer(x)
    y.sum().backward()
    return y.detach(), x.grad


@pytest.fixture
def x():
    return torch.rand(7, 5, 3, 4, generator=torch.Generator().manual_seed(0)) + 1


def test_memory_format_precision_and_compilation_drop_the_same_units(x):
    layer = Dropout(0.5)
    plain, gradient = dropped(layer, x)
    ways = [
        (layer, x.contiguous(memory_format=torch.channels_last)),
        (layer, x.bfloat16()),
        (torch.compile(layer, backend="aot_eager"), x),  # the backend that draws like eager mode, needs no compiler
    ]
    for way, pictures in ways:
        other, other_gradient = dropped(way, pictures)
        assert torch.equal(other != 0, plain != 0)
        assert torch.equal(other_gradient.float(), gradient)


def test_what_is_kept_is_scaled_and_so_is_its_gradient(x):
    y, gradient = dropped(Dropout(0.5), x)
    kept = y != 0
    assert torch.equal(y, torch.where(kept, 2 * x, 0))
    assert torch.equal(gradient, torch.where(kept, 2.0, 0))


@given(share=st.floats(0.01, 0.99))
@settings(max_examples=20)
def test_on_average_nothing_changes(share):
    ones = torch.ones(20, 50, 20, 20)
    y, _ = dropped(Dropout(share), ones)
    kept = round(256 * (1 - share)) / 256
    spread = (kept * (1 - kept) / ones.numel()) ** 0.5
    assert abs((y != 0).double().mean().item() - kept) < 5 * spread
    assert abs(y.double().mean().item() - 1) < 5 * spread / kept


def test_every_place_is_dropped_as_often():
    """Of int64 as torch's ``random_`` draws it, every eighth byte would be below 128, and its unit always kept."""
    bytes_ = random_bytes(8 * 20_000).view(-1, 8)
    assert (bytes_.double().mean(dim=0) - 127.5).abs().max() < 5 * 74 / 20_000**0.5
    assert (bytes_.amin(dim=0) == 0).all()
    assert (bytes_.amax(dim=0) == 255).all()


def test_seeds_and_calls_differ_and_threads_do_not(x):
    layer = Dropout(0.5)
    first, _ = dropped(layer, x)
    assert not torch.equal(dropped(layer, x, seed=1)[0], first)
    torch.manual_seed(0)
    assert not torch.equal(layer(x), layer(x))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert torch.equal(dropped(layer, x)[0], first)
    finally:
        torch.set_num_threads(threads)


def test_in_inference_and_with_nothing_to_drop_it_is_the_identity(x):
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
    assert not Dropout(1.0)(x).any()
