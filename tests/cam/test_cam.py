import copy
import gc

import numpy as np
import pytest
import scipy.ndimage
import torch
from captum.attr import LayerGradCam
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from c2f import datasets, networks, zoo
from c2f.cam import frozen, grad_cam, hires_cam, keep_outputs, paper_layers, paper_normalise, upsample
from c2f.cam.guided import guided_grad_cam


@pytest.fixture(scope="module")
def pictures():
    return datasets.load("fashion-mnist-sample").test.images[:12].float() / 255


@pytest.fixture(scope="module")
def trained():
    return zoo.load("lenetfc_td", "fashion-mnist", 0).network


def captum_maps(network, layer, pictures, classes):
    return LayerGradCam(network, network.get_submodule(layer)).attribute(pictures, target=classes)[:, 0].detach()


def with_relus(network, make):
    """Return a copy of ``network`` that computes the same with other ReLU modules."""
    network = copy.deepcopy(network)
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ReLU):
                setattr(parent, name, make())
    return network


class Tiny(nn.Module):
    """Two convolutions and one ReLU that runs behind both; the spare layer never runs."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 5, 3, padding=1)
        self.relu, self.spare, self.pool = nn.ReLU(), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        self.dense = nn.Linear(5, 3)

    def forward(self, x):
        self.first = self.relu(self.conv1(x))
        self.second = self.relu(self.conv2(self.first))
        return self.dense(self.pool(self.second.square())[:, :, 0, 0])


@pytest.fixture
def tiny():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Tiny()


@pytest.fixture
def noise():
    return torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))


# Equal to independent implementations


@pytest.mark.parametrize("layer", ["stem_x1", "stage_x4", "stage_x2", "stage_x1", "head.0"])
def test_equal_to_captum_on_the_trained_top_down_network(trained, pictures, layer):
    result = grad_cam(trained, layer, pictures, batch_size=5)  # a short last batch
    torch.testing.assert_close(result.maps, captum_maps(trained, layer, pictures, result.classes), atol=1e-5, rtol=1e-5)
    assert result.maps.dtype == torch.float32
    assert float(result.maps.abs().max()) > 1e-3  # captum gives no zeros either


def test_an_in_place_activation_behind_the_layer_changes_nothing(trained, pictures):
    in_place = with_relus(trained, lambda: nn.ReLU(inplace=True))
    layer = "stage_x1.1.1"  # a batch norm, in front of a ReLU
    result = grad_cam(in_place, layer, pictures)
    torch.testing.assert_close(
        result.maps, captum_maps(in_place, layer, pictures, result.classes), atol=1e-5, rtol=1e-5
    )
    torch.testing.assert_close(result.maps, grad_cam(trained, layer, pictures).maps, atol=0, rtol=0)
    with keep_outputs(in_place, layer) as kept, torch.no_grad():
        in_place(pictures)
    assert kept[0].min() < 0  # what the ReLU would have overwritten


def test_every_call_of_a_shared_layer_is_the_map_of_its_own_layer(trained, pictures):
    relu = nn.ReLU()
    shared = with_relus(trained, lambda: relu)
    ran = []
    for name, module in trained.named_modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda *_, name=name: ran.append(name))
    trained(pictures)
    for module in trained.modules():
        module._forward_hooks.clear()
    for call, name in enumerate(ran):
        result = grad_cam(shared, relu, pictures, call=call)
        torch.testing.assert_close(result.maps, grad_cam(trained, name, pictures).maps, atol=0, rtol=0)
        assert (result.call, result.calls) == (call, len(ran))
    last = grad_cam(shared, relu, pictures, call=-1)
    assert last.call == len(ran) - 1
    # captum maps the last call, and does not say so
    captum = LayerGradCam(shared, relu).attribute(pictures, target=last.classes)[:, 0].detach()
    torch.testing.assert_close(captum, last.maps, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("call", [0, 1])
@pytest.mark.parametrize("score", ["logit", "probability"])
def test_equal_to_a_calculation_by_hand(tiny, noise, call, score):
    tiny.eval()
    logits = tiny(noise)
    outputs = logits if score == "logit" else logits.softmax(dim=1)
    result = grad_cam(tiny, "relu", noise, classes=2, score=score, call=call)
    features = [tiny.first, tiny.second]
    tiny(noise)
    for i in range(len(noise)):  # picture by picture
        tiny_logits = tiny(noise[i : i + 1])
        features = [tiny.first, tiny.second][call]
        value = tiny_logits[0, 2] if score == "logit" else tiny_logits.softmax(dim=1)[0, 2]
        (gradient,) = torch.autograd.grad(value, features)
        expected = sum(gradient[0, c].mean() * features[0, c] for c in range(features.shape[1]))
        torch.testing.assert_close(result.maps[i], expected.detach(), atol=1e-6, rtol=1e-4)
        torch.testing.assert_close(result.weights[i], gradient[0].mean(dim=(1, 2)), atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(result.scores, outputs[:, 2].detach())
    assert result.score == score


def test_of_the_class_maps_the_evidence_adds_up_to_the_logit(trained, pictures):
    # The logit is the mean of the class map, whose weight is one over the number of its places.
    result = grad_cam(trained, "head.0", pictures)
    torch.testing.assert_close(result.maps.sum(dim=(1, 2)), result.scores)


# Which classes, which layer, which inputs


def test_classes_are_the_predicted_ones_unless_given(trained, pictures):
    result = grad_cam(trained, "stage_x2", pictures)
    with torch.no_grad():
        logits = trained(pictures)
    assert result.classes.tolist() == result.predicted.tolist() == logits.argmax(dim=1).tolist()
    given = torch.arange(12) % 10
    chosen = grad_cam(trained, "stage_x2", pictures, classes=given)
    assert chosen.classes.tolist() == given.tolist()
    assert chosen.predicted.tolist() == result.predicted.tolist()
    torch.testing.assert_close(chosen.scores, logits.gather(1, given[:, None])[:, 0])
    same = grad_cam(trained, "stage_x2", pictures, classes=given.tolist(), batch_size=7)
    torch.testing.assert_close(same.maps, chosen.maps, atol=1e-6, rtol=1e-5)


def test_a_layer_is_its_path_or_the_module(trained, pictures):
    by_path = grad_cam(trained, "up_x2.merge_conv", pictures[:2])
    by_module = grad_cam(trained, trained.get_submodule("up_x2.merge_conv"), pictures[:2])
    assert by_path.layer == by_module.layer == "up_x2.merge_conv"
    assert torch.equal(by_path.maps, by_module.maps)


def test_one_batch_a_scale_is_taken_too(trained, pictures):
    one = grad_cam(trained, "stage_x1", pictures)
    assert torch.equal(grad_cam(trained, "stage_x1", [pictures] * 3, batch_size=64).maps, one.maps)
    blurred = grad_cam(trained, "stage_x1", [pictures * 0, pictures, pictures])
    assert not torch.allclose(blurred.maps, one.maps)


def test_it_works_inside_torchs_inference_mode(trained, pictures):
    expected = grad_cam(trained, "stage_x1", pictures, classes=1)
    with torch.inference_mode():
        result = grad_cam(trained, "stage_x1", pictures * 1, classes=torch.ones(12, dtype=torch.int64))
    assert torch.equal(result.maps, expected.maps)
    assert not result.maps.is_inference()


# Nothing is left behind


def state(network):
    return (
        [module.training for module in network.modules()],
        [parameter.requires_grad for parameter in network.parameters()],
        [parameter.grad for parameter in network.parameters()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in network.modules()],
    )


def odd_state(network):
    network.train()
    network.conv2.eval()
    network.conv1.weight.requires_grad_(False)
    return state(network)


def test_the_network_is_left_as_it_was(tiny, noise):
    before, buffers = odd_state(tiny), copy.deepcopy(tiny.state_dict())
    grad_cam(tiny, "conv1", noise)
    assert state(tiny) == before
    assert all(torch.equal(value, buffers[key]) for key, value in tiny.state_dict().items())


@pytest.mark.parametrize(
    "bad", [{"classes": 7}, {"layer": "dense"}, {"layer": "relu"}, {"pictures": torch.rand(2, 3, 8, 8)}]
)
def test_the_network_is_left_as_it_was_after_an_error(tiny, noise, bad):
    before = odd_state(tiny)
    with pytest.raises((ValueError, RuntimeError)):
        grad_cam(tiny, **{"layer": "conv1", "pictures": noise, **bad})
    assert state(tiny) == before


def test_the_context_managers_let_go_after_an_error(tiny):
    before = odd_state(tiny)

    def interrupted():
        with frozen(tiny), keep_outputs(tiny, "relu"):
            assert not any(module.training for module in tiny.modules())
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert state(tiny) == before


def live_tensors():
    return sum(issubclass(type(x), torch.Tensor) for x in gc.get_objects())


def test_memory_is_flat_over_200_calls(trained, pictures):
    x, counts = pictures[:2], []
    gc.collect()
    gc.disable()  # so that not even a cycle of references keeps a tensor alive until it is collected
    try:
        for number in range(200):
            grad_cam(trained, "stage_x2", x)
            if number in (4, 199):
                counts.append(live_tensors())
    finally:
        gc.enable()
    assert counts[1] == counts[0]


# The paper's layers and its scaling

NIN_LIGHT = [(24, 28), (48, 14), (48, 7), (10, 7)]
NIN_LIGHT_TD = [(48, 7), (48, 14), (24, 28), (10, 28)]
SHAPES = {  # (channels, size), papers/top-down.md 8.2; below the line by the same rule
    "nin_light": NIN_LIGHT,
    "nin_light_td": NIN_LIGHT_TD,
    "resnet18": [(32, 64), (32, 64), (64, 32), (128, 16), (256, 8)],
    "resnet18_td": [(256, 16), (256, 16), (128, 32), (64, 64), (32, 128)],
    "lenetfc": [(6, 28), (16, 14), (32, 7), (10, 7)],
    "lenetfc_td": [(32, 7), (16, 14), (6, 28), (10, 28)],
    "lenetfc_td_uni": [(16, 7), (16, 14), (16, 28), (10, 28)],
    "lenetfc_td_rev": [(6, 7), (16, 14), (32, 28), (10, 28)],
    "nin_light_td_uni": [(48, 7), (48, 14), (48, 28), (10, 28)],
    "nin_light_td_rev": [(48, 7), (48, 14), (48, 28), (10, 28)],
    "nin": [(96, 32), (192, 16), (192, 8), (10, 8)],
    "nin_td": [(192, 8), (192, 16), (96, 32), (10, 32)],
    "resnet32": [(16, 32), (16, 32), (32, 16), (64, 8)],
    "resnet32_td": [(64, 8), (64, 8), (32, 16), (16, 32)],
    "resnet32_td_uni": [(32, 8), (32, 8), (32, 16), (32, 32)],
    "resnet32_td_rev": [(16, 8), (16, 8), (32, 16), (64, 32)],
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_papers_layers_have_the_shapes_of_the_description(name):
    family = networks.family_of(name)
    network = networks.build(name, family.in_channels, 10, family.image_size, seed=0).eval()
    layers, blank = paper_layers(name), torch.zeros(1, family.in_channels, family.image_size, family.image_size)
    assert list(layers) == [f"act_{i + 1}" for i in range(len(SHAPES[name]))]
    ran = []
    handles = [
        network.get_submodule(path).register_forward_hook(lambda m, a, out: ran.append(out)) for path in layers.values()
    ]
    with torch.no_grad():
        network(blank)
    for handle in handles:
        handle.remove()
    assert [tuple(out.shape[1:]) for out in ran] == [(c, size, size) for c, size in SHAPES[name]]
    assert all(out.min() >= 0 for out in ran)  # behind a ReLU


def test_every_network_has_its_layers():
    for name in networks.names("classifier"):
        assert paper_layers(name)["act_4"]
    with pytest.raises(ValueError, match="did you mean 'lenetfc_td'"):
        paper_layers("lenetfc_tdd")


def by_the_description(cam, size):
    cam = cam - cam.mean()
    cam = (cam + 1e-10) / (np.linalg.norm(cam, 2) + 1e-10)
    factor = size / np.array(cam.shape)
    heat = np.maximum(scipy.ndimage.zoom(cam, factor, order=1, mode="nearest", grid_mode=True), 0)
    return heat / heat.max()


def test_paper_normalise_is_the_description_step_by_step(trained, pictures):
    for layer in paper_layers("lenetfc_td").values():
        maps = grad_cam(trained, layer, pictures, score="probability").maps
        heat = paper_normalise(maps, 28)
        expected = np.stack([by_the_description(cam, 28) for cam in maps.double().numpy()])
        np.testing.assert_allclose(heat, expected, atol=2e-4)
        assert (heat.amax(dim=(1, 2)) == 1).all()


def test_a_map_without_positive_values_is_zeros_not_nan():
    constant = torch.full((1, 3, 3), 0.1)
    assert (constant.mean() > constant).all()  # in float32 the mean is off by one digit, to above
    assert (paper_normalise(constant, 6) == 0).all()


def test_a_dead_or_vanishing_map_is_ones_as_in_the_authors_code():
    assert (paper_normalise(torch.zeros(2, 7, 7), 28) == 1).all()
    vanishing = 1e-14 * torch.rand(2, 7, 7, generator=torch.Generator().manual_seed(0))
    assert paper_normalise(vanishing, 28).min() > 0.99


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 20), st.integers(1, 20), st.integers(0, 99))
def test_upsample_has_half_pixel_centres_and_clamped_edges(h, w, height, width, seed):
    maps = torch.rand(2, h, w, generator=torch.Generator().manual_seed(seed))
    resized = upsample(maps, (height, width))
    assert resized.shape == (2, height, width)

    def matrix(n_in, n_out):
        at = np.clip((np.arange(n_out) + 0.5) * n_in / n_out - 0.5, 0, n_in - 1)
        return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(n_in)))

    expected = matrix(h, height) @ maps.double().numpy() @ matrix(w, width).T
    np.testing.assert_allclose(resized, expected, atol=1e-5)


def test_upsample_by_eye():
    assert upsample(torch.tensor([[[0.0, 4.0]]]), (1, 4)).tolist() == [[[0, 1, 3, 4]]]


# Bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": "stage_x3"}, r"unknown layer 'stage_x3'; did you mean 'stage_x\d'\?\nThere are: .*stem_x4"),
        ({"layer": ""}, "unknown layer ''"),
        ({"layer": 3}, "not as 3"),
        ({"layer": nn.ReLU()}, "the layer ReLU is no part of this TopDown"),
        ({"layer": "head.1"}, r"layer 'head.1' gives \(12, 10\), not features .* take one before the pooling"),
        ({"layer": "pyramid"}, "layer 'pyramid' gives tuple"),
        ({"classes": 10}, "there is no class 10: the network's classes run from 0 to 9"),
        ({"classes": -1}, "there is no class -1"),
        ({"classes": [0, 1]}, r"one for each of the 12 pictures: not \(2,\)"),
        ({"classes": 1.0}, "whole numbers, not torch.float32"),
        ({"classes": "boot"}, "whole numbers, not 'boot'"),
        ({"score": "logits"}, "unknown score 'logits'; did you mean 'logit'"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, not 0"),
        ({"call": 1}, "there is no call 1 of layer 'stage_x1': its calls run from 0 to 0"),
        ({"call": True}, "call must be a whole number, not True"),
        ({"pictures": torch.rand(1, 28, 28)}, r"not torch.float32 \(1, 28, 28\): add a batch axis with \[None\]"),
        ({"pictures": torch.zeros(1, 1, 28, 28, dtype=torch.uint8)}, "divide bytes by 255"),
        ({"pictures": torch.rand(0, 1, 28, 28)}, "there must be pictures to map, .* not 0"),
        ({"pictures": []}, "no pictures"),
        ({"pictures": [torch.rand(1, 1, 28, 28), torch.rand(2, 1, 28, 28)]}, "not 1 and 2"),
        ({"pictures": torch.rand(1, 3, 28, 28)}, "expected pictures of 1 channels, not 3"),
        ({"pictures": torch.rand(1, 1, 32, 32)}, r"expected pictures \(N, C, 28, 28\), not \(1, 1, 32, 32\)"),
        ({"pictures": torch.full((1, 1, 28, 28), float("nan"))}, "NaN or infinity: check its weights"),
    ],
)
def test_bad_input_is_named(trained, pictures, change, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        grad_cam(trained, **{"layer": "stage_x1", "pictures": pictures, **change})


def test_layers_that_cannot_be_mapped_say_why(tiny, noise):
    with pytest.raises(ValueError, match=r"layer 'relu' runs 2 times in a forward pass: .* call=0 to call=1"):
        grad_cam(tiny, "relu", noise)
    with pytest.raises(ValueError, match="there is no call -3 of layer 'relu'"):
        grad_cam(tiny, "relu", noise, call=-3)
    with pytest.raises(ValueError, match="layer 'spare' does not run"):
        grad_cam(tiny, "spare", noise)
    with pytest.raises(ValueError, match=r"layer 'pool' gives \(6, 5, 1, 1\)"):
        grad_cam(tiny, "pool", noise)
    with pytest.raises(ValueError, match=r"gives logits \(6, K\), but this one gives \(6, 4, 8, 8\)"):
        grad_cam(nn.Sequential(tiny.conv1), "0", noise)
    tiny.forward = lambda x: (tiny.conv1(x), torch.ones(len(x), 3))[1]
    with pytest.raises(ValueError, match="the score does not depend on what layer 'conv1' gives"):
        grad_cam(tiny, "conv1", noise)


def test_maps_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"maps must be float \(N, h, w\), not torch.float32 \(7, 7\)"):
        upsample(torch.rand(7, 7), 28)
    with pytest.raises(ValueError, match=r"maps must be float \(N, h, w\), not torch.bool"):
        paper_normalise(torch.zeros(1, 7, 7, dtype=torch.bool), 28)
    with pytest.raises(ValueError, match="height must be a whole number of at least 1, not 0"):
        upsample(torch.rand(1, 7, 7), 0)


# Layers whose channels come last


class ChannelsLast(nn.Module):
    """Features ``(N, H, W, C)`` as hierarchical vision transformers have them, through a norm and a GELU."""

    def __init__(self, channels=8):
        super().__init__()
        self.conv, self.norm, self.mix = nn.Conv2d(2, channels, 3, padding=1), nn.LayerNorm(channels), nn.GELU()
        self.dense, self.head = nn.Linear(channels, channels), nn.Linear(channels, 4)

    def forward(self, x):
        self.seen = self.mix(self.norm(self.conv(x).relu().permute(0, 2, 3, 1)))
        return self.head(self.dense(self.seen).mean(dim=(1, 2)))


@pytest.fixture
def wide():
    return torch.rand(2, 2, 20, 33, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("layer", ["norm", "mix", "dense"])
@pytest.mark.parametrize("size", [(20, 33), (16, 16)])
def test_a_layer_whose_channels_come_last_is_refused_until_that_is_said(layer, size):
    network, x = ChannelsLast().eval(), torch.rand(2, 2, *size)
    with pytest.raises(ValueError, match=r"gives \(2, .*, 8\) .* seem to come last, .* channel_axis=3 if so"):
        grad_cam(network, layer, x)
    assert grad_cam(network, layer, x, channel_axis=3).maps.shape == (2, *size)
    assert hires_cam(network, layer, x, channel_axis=3).maps.shape == (2, *size)
    assert grad_cam(network, layer, x, channel_axis=1).maps.shape == (2, size[1], 8)  # at one's own risk
    assert grad_cam(network, "conv", x).maps.shape == (2, *size)


def test_the_map_of_a_layer_whose_channels_come_last(wide):
    network = ChannelsLast().eval()
    found = grad_cam(network, "mix", wide, channel_axis=3)
    logits = network(wide)
    (gradient,) = torch.autograd.grad(logits.amax(dim=1).sum(), network.seen)
    right = (gradient.mean(dim=(1, 2))[:, None, None] * network.seen).sum(dim=3)
    torch.testing.assert_close(found.maps, right.detach())
    torch.testing.assert_close(found.weights, gradient.mean(dim=(1, 2)))
    both = hires_cam(network, "mix", wide, channel_axis=3).maps
    torch.testing.assert_close(both, (gradient * network.seen).sum(dim=3).detach())


def test_as_many_channels_as_columns_only_the_module_tells():
    network, x = ChannelsLast(16).eval(), torch.rand(2, 2, 16, 16)
    for layer in ("norm", "dense"):
        with pytest.raises(ValueError, match="seem to come last"):
            grad_cam(network, layer, x)


@pytest.mark.parametrize("size", [(28, 28), (28, 112), (61, 37)])
@pytest.mark.parametrize("channels", [3, 7, 13, 24, 28])
def test_no_layer_whose_channels_come_second_is_refused(size, channels):
    convolutions = nn.Conv2d(2, channels, 5), nn.MaxPool2d(2), nn.Conv2d(channels, channels, 5), nn.MaxPool2d(2)
    network = nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    for layer in range(4):
        grad_cam(network, str(layer), torch.rand(1, 2, *size))
    with pytest.raises(ValueError, match=r"channel_axis must be 1 .* or 3 .*, not 2"):
        grad_cam(network, "0", torch.rand(1, 2, *size), channel_axis=2)


def test_a_batch_norm_without_statistics_is_refused(noise):
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten())
    with pytest.raises(ValueError, match="batch norm '1' keeps no running statistics"):
        grad_cam(network, "0", noise)


# Guided backpropagation


class ReLUs(nn.Module):
    def __init__(self, first, second):
        super().__init__()
        self.conv1, self.conv2, self.dense = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 3)
        self.first, self.second = first, second

    def forward(self, x):
        return self.dense(self.second(self.conv2(self.first(self.conv1(x)))).mean(dim=(2, 3)))


RELU = nn.ReLU()


@pytest.mark.parametrize(
    ("first", "second", "counted"),
    [
        (nn.ReLU(), torch.relu, "of the 2 that run in this ReLUs 1 are"),
        (nn.functional.relu, torch.relu_, "of the 2 that run in this ReLUs 0 are"),
        (nn.GELU(), nn.GELU(), "of the 0 that run in this ReLUs 0 are"),
    ],
)
def test_guided_backpropagation_refuses_relus_that_are_no_modules(first, second, counted, noise):
    network = ReLUs(first, second)
    with pytest.raises(ValueError, match=f"{counted}: write each torch.relu as"):
        guided_grad_cam(network, "conv1", noise)


def test_a_relu_that_runs_twice_is_turned_twice(noise):
    torch.manual_seed(0)
    own, shared = ReLUs(nn.ReLU(), nn.ReLU(inplace=True)), ReLUs(RELU, RELU)
    shared.load_state_dict(own.state_dict())
    found, expected = (guided_grad_cam(network, "conv1", noise).gradient for network in (shared, own))
    torch.testing.assert_close(found, expected)
