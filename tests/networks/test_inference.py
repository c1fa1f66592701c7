"""The quick copies of networks against the networks themselves."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from c2f import networks
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures
from c2f.metrics.classification import evaluate
from c2f.networks import inference
from c2f.networks.folding import for_cpu
from c2f.networks.inference import Inference, Quick, close
from c2f.networks.one_pixel import OnePixel

CPU = torch.device("cpu")


def lived_in(name, channels=1, size=32):
    """A network whose batch norms have seen something, so that folding has to take it in."""
    network = networks.build(name, channels, 10, size, seed=0)
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
            nn.init.uniform_(module.bias, -0.2, 0.5, generator=generator)
    return network.eval()


@pytest.mark.parametrize("name", networks.names("classifier") + networks.names("densenet") + ["segmentation_td"])
@torch.no_grad()
def test_the_quick_copy_gives_the_networks_logits(name):
    network, x = lived_in(name), torch.rand(5, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    expected = network(x)
    torch.testing.assert_close(Quick(network, CPU)(x), expected, rtol=0, atol=1e-5 * expected.abs().max().item())


class Made(TorchDispatchMode):
    """Notes the largest of all tensors that are made, also by what a function of torch calls in turn."""

    size = 0

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        made = operation(*arguments, **(options or {}))
        self.size = max([self.size, *(x.numel() for x in tree_leaves(made) if isinstance(x, torch.Tensor))])
        return made


@pytest.mark.parametrize("name", networks.names("classifier") + networks.names("densenet"))
@torch.no_grad()
def test_the_largest_features_are_found(name):
    copy, x = Quick(lived_in(name), CPU)._copy, torch.rand(1, 1, 32, 32)
    with Made() as made:
        copy(x)
    with inference._Largest() as largest:
        copy(x)
    assert largest.size == made.size


@torch.no_grad()
def test_pictures_in_parts_are_answered_in_order(monkeypatch):
    monkeypatch.setattr(inference, "CACHED", 1)
    network, x = lived_in("lenetfc", size=28), torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(Quick(network, CPU)(x), network(x), rtol=1e-5, atol=1e-5)


@pytest.fixture
def two_threads(monkeypatch):
    """Two of torch's threads, each with pictures of its own."""
    monkeypatch.setattr(inference, "WORTH", 1)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", ["lenetfc", "nin_light", "resnet32_td", "densenet_half"])
@torch.no_grad()
def test_threads_with_pictures_of_their_own_say_what_one_says(name, two_threads):
    network, x = lived_in(name), torch.rand(7, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    found, copy = Quick(network, CPU)(x), for_cpu(network)
    torch.set_num_threads(1)
    assert torch.equal(found, torch.cat([copy(x[:4]), copy(x[4:])]))
    torch.testing.assert_close(found, network(x), rtol=0, atol=1e-5 * found.abs().max().item())


class Threads(nn.Module):
    """Notes who answers, and with how many threads; refuses pictures of ones."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append((threading.current_thread(), torch.get_num_threads(), torch.is_grad_enabled()))
        if x.amin() == 1:
            raise ValueError("pictures of ones")
        return x.flatten(1)[:, :3]


def test_each_thread_has_one_of_torch_s_and_the_caller_keeps_its_own(two_threads, monkeypatch):
    monkeypatch.setattr(inference, "KNOWN", (Threads,))
    quick, x = Quick(Threads(), CPU), torch.rand(8, 1, 4, 4)
    assert torch.equal(quick(x), x.flatten(1)[:, :3])
    (first, *_), *shares = quick._copy.seen
    assert first is threading.current_thread()  # looks at one picture
    assert [share[1:] for share in shares] == [(1, False)] * 2
    assert first not in {share[0] for share in shares}
    with ThreadPoolExecutor(1) as new:
        assert new.submit(torch.get_num_threads).result() == torch.get_num_threads() == 2


@pytest.mark.parametrize("known", [False, True])
def test_networks_that_may_keep_something_are_asked_by_one_thread(known, two_threads, monkeypatch):
    monkeypatch.setattr(inference, "KNOWN", (Threads,) if known else ())
    network = Threads()
    if known:
        network.register_forward_hook(lambda module, arguments, output: None)
    quick = Quick(network, CPU)
    quick(torch.rand(8, 1, 4, 4))
    assert [seen[:2] for seen in quick._copy.seen] == [(threading.current_thread(), 2)] * 2


def test_an_error_in_a_thread_comes_through_and_the_next_answer_is_right(two_threads, monkeypatch):
    monkeypatch.setattr(inference, "KNOWN", (Threads,))
    quick, x = Quick(Threads(), CPU), torch.rand(8, 1, 4, 4)
    with pytest.raises(ValueError, match="pictures of ones"):
        quick(torch.cat([x, torch.ones(8, 1, 4, 4)]))
    assert torch.equal(quick(x), x.flatten(1)[:, :3])
    assert torch.get_num_threads() == 2


def test_asking_does_not_import_the_compiler():
    probe = (
        "import sys, torch; from c2f import networks; from c2f.networks.inference import Inference; "
        "Inference(networks.build('lenetfc', 1, 10, 28))(torch.rand(2, 1, 28, 28)); print('torch._dynamo' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_where_logits_are_close_the_network_itself_answers():
    logits = torch.tensor([[1.0, 2.0, 0.0], [2.0, 2.0 - 1e-6, 0.0], [0.0, 0.0, 0.0]])
    assert close(logits).tolist() == [False, True, True]
    network, x = lived_in("lenetfc", size=28), torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    answer = Inference(network)
    answer(x)
    tied = torch.ones(4, 10)
    answer._quick = lambda pictures: tied.clone()
    with torch.no_grad():
        assert torch.equal(answer(x), network(x))
    answer._quick = lambda pictures: torch.eye(10)[:4]
    assert torch.equal(answer(x), torch.eye(10)[:4])


def test_a_copy_that_says_something_else_is_not_asked(monkeypatch):
    network, x = lived_in("lenetfc", size=28), torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(Quick, "__call__", lambda self, pictures: torch.eye(10)[: len(pictures)])
    with torch.no_grad():
        assert torch.equal(Inference(network)(x), network(x))


class Calls(nn.Module):
    """A network of another's own, which notes how often it is asked."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x.flatten(1)[:, :3]


def test_a_network_that_is_not_known_is_run_as_it_is_and_its_modes_stay():
    network = Calls().train()
    Inference(network)(torch.rand(2, 1, 3, 3))
    assert network.calls == 1
    assert network.training


@pytest.mark.parametrize("name", ["lenetfc", "resnet32", "lenetfc_td"])
def test_measurements_stay_in_float32_under_autocast(name):
    network = lived_in(name)
    images = torch.randint(0, 256, (20, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    loader = Batches(Pictures(images, torch.arange(20) % 10, tuple("abcdefghij")), 7)
    found = evaluate(network, loader, 10)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = evaluate(network, loader, 10)
        assert Inference(network)(images.float() / 255).dtype == torch.float32
    assert under.loss == found.loss
    assert torch.equal(under.predictions, found.predictions)


@settings(max_examples=12)
@given(st.sampled_from(["lenetfc", "nin_light"]), st.integers(1, 3), st.sampled_from([4, 8, 28]), st.data())
@torch.no_grad()
def test_a_changed_pixel_gives_the_logits_of_the_changed_picture(name, channels, size, data):
    network, generator = lived_in(name, channels, size), torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    quick, x = OnePixel.of(network), torch.rand(channels, size, size, generator=generator)
    rows = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=9))
    pixels = torch.stack([torch.tensor(rows), torch.randint(size, (len(rows),), generator=generator)], dim=1)
    changes = torch.randn(len(rows), channels, generator=generator)
    made = x.repeat(len(rows), 1, 1, 1)
    made[torch.arange(len(rows)), :, pixels[:, 0], pixels[:, 1]] += changes
    expected = network(made)
    quick.see(x)
    quick.part = data.draw(st.sampled_from([2, quick.part]))
    torch.testing.assert_close(quick(pixels, changes), expected, rtol=0, atol=1e-5 * expected.abs().max().item())


def test_single_pixels_are_quick_of_plain_bottom_up_networks_alone():
    assert OnePixel.of(lived_in("nin")) is not None
    for network in (lived_in("lenetfc_td"), lived_in("resnet32"), nn.Sequential(nn.Conv2d(1, 2, 3))):
        assert OnePixel.of(network) is None
    hooked = lived_in("lenetfc")
    hooked.stage_x1.register_forward_hook(lambda module, arguments, output: output * 2)
    assert OnePixel.of(hooked) is None
