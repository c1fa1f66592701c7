"""The DenseNet-FCN against the authors' own, and what its two models promise each other."""

import hashlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from c2f import networks
from c2f.cam import grad_cam
from c2f.cam.highres import class_maps, weighted_sums
from c2f.datasets import load
from c2f.networks.densenet_fcn import (
    DENSENETS,
    DenseConfig,
    build_densenet,
    check_same_scores,
    regularised_kernels,
    transfer,
)
from tests.oracles import high_res_cam_networks as oracle
from tests.oracles.top_down import TOLERANCE, difference, pictures

HOLDERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d)


def tiny(kind, size=16, seed=0, **changes):
    config = changes.pop("config", DenseConfig(blocks=2, layers=2, growth=3, stem=5, maps=4))
    return build_densenet(kind, changes.pop("num_classes", 5), size, changes.pop("in_channels", 2), config, seed).eval()


def noise(n=3, channels=2, size=16, seed=0):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed))


def stirred(network, seed=1):
    """Give batch norms and biases values of their own: fresh ones would hide what is left out or misplaced."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.ndim == 1 and name.endswith(("weight", "running_var")):
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
            elif value.ndim == 1:
                value.copy_(0.3 * torch.randn(value.shape, generator=generator))
    return network


# --- the authors' numbers -------------------------------------------------------------------------------------------


def by_name(full):
    """{their layer: our module}."""
    half, found = full.classifier, {}

    def dense(number, block):
        for i, layer in enumerate(block.layers):
            found[f"dense_{number}_{i}_bn"], found[f"dense_{number}_{i}_conv2D"] = layer[0][0], layer[1]

    def down(name, transition):
        found[f"{name}_bn"], found[f"{name}_conv2D"] = transition[0][0], transition[1]

    found["initial_conv2D"], found["initial_bn"] = half.stem[0], half.stem[1][0]
    down("tr_early", half.early)
    for i, (encode, shrink) in enumerate(zip(half.encode, half.shrink, strict=True)):
        dense(i, encode)
        down(f"tr_{i}", shrink)
    dense(4, half.bottleneck)
    for i, stage in enumerate([half.tap, *full.expand]):
        found[f"tr_up_{i}_conv2DT"] = stage.up.grow
        dense(5 + i, stage.dense)
    found |= {"tr_up_early_conv2DT": full.expand_up.grow, "main_output": full.rebuild}
    return found | {"conv_aux": half.head[0], "aux_output": half.head[2]}


@cache
def authors():
    """Our half and full model with the authors' weights."""
    full = build_densenet("full", num_classes=10, image_size=128)
    modules = by_name(full)
    layers = oracle.layer_weights()
    assert set(modules) == set(layers)
    assert len(modules) == sum(isinstance(module, HOLDERS) for module in full.modules())
    with torch.no_grad():
        for name, arrays in layers.items():
            module = modules[name]
            theirs = {kind: torch.from_numpy(array) for kind, array in arrays.items()}
            if "kernel" in theirs:
                axes = (3, 2, 0, 1) if theirs["kernel"].ndim == 4 else (1, 0)
                theirs["kernel"] = theirs["kernel"].permute(axes)
            ours = {"kernel": "weight", "gamma": "weight", "beta": "bias", "bias": "bias"} | {
                "moving_mean": "running_mean",
                "moving_variance": "running_var",
            }
            assert (module.bias is None) == ("bias" not in theirs and "beta" not in theirs), name
            for kind, value in theirs.items():
                place = getattr(module, ours[kind])
                assert place.shape == value.shape, name
                place.copy_(value)
    half = build_densenet("half", num_classes=10, image_size=128)
    half.load_state_dict(full.classifier.state_dict())
    return half.eval(), full.eval()


@cache
def noise128():
    picture = oracle.picture()
    assert hashlib.sha256(picture.tobytes()).hexdigest() == oracle.facts()["noise128"]["input_sha256"]
    return pictures(picture)


def last(x):
    """(1, C, H, W) to (H, W, C)."""
    return x[0].permute(1, 2, 0)


def test_features_and_scores_are_the_authors():
    half, full = authors()
    expected, numbers = oracle.arrays(), oracle.facts()["noise128"]
    with torch.no_grad():
        ours, theirs = half.outputs(noise128()), full.outputs(noise128())
    assert torch.equal(ours.logits, theirs.logits)
    assert difference(ours.logits[0], expected["half_logits"]) < TOLERANCE
    for name in ("half_softmax", "full_aux_softmax"):
        assert difference(ours.logits.softmax(dim=1)[0], expected[name]) < TOLERANCE
    assert int(ours.logits.argmax()) == numbers["pred"]
    assert difference(last(ours.low_features), expected["conv_aux"]) < TOLERANCE
    high, picture = last(theirs.high_features), last(theirs.reconstruction)
    assert difference(high[::8, ::8], expected["Ak_high_stride8"]) < TOLERANCE
    assert difference(high.mean(dim=(0, 1)), numbers["Ak_high_channel_mean"]) < TOLERANCE
    assert difference(picture[:16, :16], expected["main_corner16"]) < TOLERANCE
    assert difference(picture[-16:, -16:], expected["main_corner16_br"]) < TOLERANCE
    assert difference(picture[::16, ::16], expected["main_stride16"]) < TOLERANCE
    losses = numbers["loss_target3"]
    assert F.mse_loss(theirs.reconstruction, noise128()).item() == pytest.approx(losses["mse"], rel=TOLERANCE)
    assert F.cross_entropy(theirs.logits, torch.tensor([3])).item() == pytest.approx(losses["ce"], rel=TOLERANCE)


def test_class_maps_are_the_authors():
    half, full = authors()
    expected, numbers = oracle.arrays(), oracle.facts()["noise128"]
    for chosen in (0, 3):
        maps, low_only = class_maps(full, noise128(), chosen), class_maps(half, noise128(), [chosen])
        assert difference(maps.low[0], expected[f"low_cam_{chosen}"]) < TOLERANCE
        assert difference(maps.high[0, ::4, ::4], expected[f"high_cam_{chosen}_stride4"]) < TOLERANCE
        high = maps.high[0].double()
        statistics = [x.item() for x in (high.mean(), high.std(correction=0), high.min(), high.max())]
        assert difference(statistics, numbers[f"high_cam_{chosen}"]) < TOLERANCE
        assert torch.equal(low_only.low, maps.low)
        assert low_only.high is None


def test_the_l2_penalty_covers_what_the_authors_covers():
    half, full = authors()
    numbers = oracle.facts()["noise128"]
    for network, expected in ((half, numbers["half_l2"]), (full, numbers["loss_target3"]["l2"])):
        kernels = list(regularised_kernels(network))
        assert len(kernels) == {half: 1 + 5 + 1 + 1, full: 1 + 5 + 5 + 1}[network]
        assert 1e-4 * sum((kernel**2).sum().item() for kernel in kernels) == pytest.approx(expected, rel=TOLERANCE)


def test_sizes_are_those_of_the_paper():
    with torch.device("meta"):
        half, full = build_densenet("half"), build_densenet("full")
    found = networks.summary(half, 3, 224)
    assert found.parameters + found.buffers == oracle.facts()["half_params_398cls"] == 1069630
    assert found.parameters == 1056638
    assert found.stages == {
        "stem": (48, 224, 224),
        "early": (48, 112, 112),
        "encode.0": (112, 112, 112),
        "encode.1": (176, 56, 56),
        "encode.2": (240, 28, 28),
        "encode.3": (304, 14, 14),
        "bottleneck": (368, 7, 7),
        "tap": (432, 14, 14),
        "head": (16, 14, 14),
    }
    running = [b.numel() for name, b in full.named_buffers() if "running" in name]
    parameters = sum(p.numel() for p in full.parameters())
    assert (parameters + sum(running), parameters) == (1683902, 1664574)

    stages = {}
    for name in full.stage_names:
        full.get_submodule(name).register_forward_hook(
            lambda module, given, out, name=name: stages.update({name: tuple(out.shape[1:])})
        )
    outputs = full.outputs(torch.empty(1, 3, 224, 224, device="meta"))
    assert list(stages.values())[-5:] == [
        *[(368, 28, 28), (304, 56, 56), (240, 112, 112)],
        *[(16, 224, 224), (3, 224, 224)],
    ]
    assert list(stages) == list(full.stage_names)
    assert (outputs.logits.shape, outputs.low_features.shape) == ((1, 398), (1, 16, 14, 14))
    assert (outputs.high_features.shape, outputs.reconstruction.shape) == ((1, 16, 224, 224), (1, 3, 224, 224))


def test_trained_and_frozen_are_the_authors():
    with torch.device("meta"):
        full = build_densenet("full", num_classes=10, image_size=128)
    trained = sum(p.numel() for p in full.parameters() if p.requires_grad)
    every = sum(p.numel() for p in full.parameters()) + sum(b.numel() for n, b in full.named_buffers() if "run" in n)
    freeze = oracle.facts()["freeze"]
    assert (trained, every - trained) == (freeze["trainable_params"], freeze["non_trainable_params"])
    holders = [module for module in full.modules() if isinstance(module, HOLDERS)]
    learning = [module for module in holders if module.weight.requires_grad]
    assert (len(holders) - len(learning), len(learning)) == (63, 29)
    assert {(n.eps, n.momentum) for n in holders if isinstance(n, nn.BatchNorm2d)} == {(1.1e-5, 0.01)}


# --- what the two models promise --------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(
    config=st.builds(
        DenseConfig,
        blocks=st.integers(1, 3),
        layers=st.integers(1, 3),
        growth=st.integers(1, 4),
        stem=st.integers(1, 5),
        maps=st.integers(1, 4),
    ),
    in_channels=st.integers(1, 4),
    num_classes=st.integers(2, 7),
    times=st.integers(1, 2),
    seed=st.integers(0, 3),
)
def test_any_configuration_keeps_the_promises(config, in_channels, num_classes, times, seed):
    size = config.coarsest * times
    half, full = (
        build_densenet(kind, num_classes, size, in_channels, config, seed).eval() for kind in ("half", "full")
    )
    stirred(half, seed)
    x = noise(2, in_channels, size, seed)
    transfer(half, full, x)
    outputs = full.outputs(x)
    assert torch.equal(outputs.logits, half(x))
    assert torch.equal(full(x), half(x))
    assert outputs.low_features.shape == (2, config.maps, 2 * times, 2 * times)
    assert outputs.high_features.shape == (2, config.maps, size, size)
    assert outputs.high_features.min() >= 0
    assert outputs.reconstruction.shape == x.shape
    maps = class_maps(full, x)
    assert (maps.low.shape, maps.high.shape) == ((2, 2 * times, 2 * times), (2, size, size))
    bias = half.head[-1].bias[maps.classes]
    torch.testing.assert_close(maps.low.mean(dim=(1, 2)) + bias, maps.logits.amax(dim=1))


def shipped(count, side=32):
    """Real pictures, padded with black to a side that can be halved often enough."""
    images = load("fashion-mnist-sample").test.images[:count]
    border = (side - images.shape[-1]) // 2
    return F.pad(torch.as_tensor(np.asarray(images)).float() / 255, (border,) * 4)


def test_training_the_full_model_leaves_the_classifier():
    x = shipped(200)
    labels = torch.as_tensor(load("fashion-mnist-sample").test.labels[:200])
    half, full = (build_densenet(kind, 10, 32, 1, "tiny", seed=0) for kind in ("half", "full"))
    optimiser = torch.optim.Adam(half.parameters(), lr=1e-2)
    for start in range(0, 160, 20):
        optimiser.zero_grad()
        F.cross_entropy(half.train()(x[start : start + 20]), labels[start : start + 20]).backward()
        optimiser.step()
    with pytest.raises(ValueError, match=r"differ for 200 of 200 pictures, by up to .*transfer\(half, full\)"):
        check_same_scores(half, full, x, batch_size=100)
    transfer(half, full)
    assert half.training
    half.eval()

    before = {name: value.clone() for name, value in full.state_dict().items()}
    learning = [p for p in full.parameters() if p.requires_grad]
    optimiser, losses = torch.optim.Adam(learning, lr=1e-2), []
    for step in range(30):
        full.train()
        assert full.training
        assert full.expand.training
        assert not any(module.training for module in full.classifier.modules())
        batch = x[20 * (step % 8) : 20 * (step % 8) + 20]
        outputs = full.outputs(batch)
        assert torch.equal(outputs.logits, half(batch))
        optimiser.zero_grad()
        losses.append(F.mse_loss(outputs.reconstruction, batch))
        (losses[-1] + F.cross_entropy(outputs.logits, labels[:20])).backward()
        optimiser.step()
    assert np.mean([loss.item() for loss in losses[-8:]]) < 0.5 * np.mean([loss.item() for loss in losses[:8]])
    for name, value in full.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("classifier."), name
    check_same_scores(half, full, x, batch_size=100)  # and pictures that neither was trained on


def test_gradients_reach_every_parameter_that_learns():
    half, full, x = stirred(tiny("half")).train(), stirred(tiny("full")), noise()
    (half(x) * noise(3, 1, 5)[:, 0, 0]).sum().backward()
    (full.outputs(x).reconstruction * noise(seed=2)).sum().backward()
    learning = [(name, p) for name, p in full.named_parameters() if p.requires_grad]
    for name, parameter in [*half.named_parameters(), *learning]:
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    assert all(parameter.grad is None for parameter in full.classifier.parameters())
    mapped = grad_cam(half, "encode.0", x, score="logit")
    assert mapped.maps.shape == (3, 8, 8)
    with pytest.raises(ValueError, match=r"layer 'expand.0' does not run in a forward pass"):
        grad_cam(full, "expand.0", x)  # no class score depends on the expanding path


def test_the_seed_fixes_the_weights_and_leaves_the_global_state():
    state = torch.get_rng_state()
    half, full, again, other = tiny("half"), tiny("full"), tiny("full"), tiny("full", seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in full.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    for name, value in half.state_dict().items():
        assert torch.equal(value, full.classifier.state_dict()[name]), name
    assert not torch.equal(half.stem[0].weight, other.classifier.stem[0].weight)
    large = build_densenet("full", config=replace(DENSENETS["paper"], maps=32), image_size=32, seed=0)
    for weight, fan_in in [(large.classifier.stem[0].weight, 27), (large.expand_up.grow.weight, 9 * 32)]:
        assert weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
        assert weight.abs().max().item() <= 2 * (2 / fan_in) ** 0.5 / 0.8796
    assert large.expand_up.grow.bias.abs().max() == 0
    assert large.class_weights.abs().max() <= (6 / (32 + 398)) ** 0.5


def test_class_maps_take_a_class_or_one_each_and_any_batch():
    full, x = stirred(tiny("full")), noise(5)
    full.train()
    each = class_maps(full, x, [0, 4, 2, 2, 1], batch_size=2)
    assert full.training
    assert not each.low.requires_grad
    for i, chosen in enumerate([0, 4, 2, 2, 1]):
        alone = class_maps(full, x[i : i + 1], chosen)
        torch.testing.assert_close(alone.low[0], each.low[i])
        torch.testing.assert_close(alone.high[0], each.high[i])
    with torch.no_grad():
        outputs, weights = full.eval().outputs(x), full.class_weights
    for features, maps in [(outputs.low_features, each.low), (outputs.high_features, each.high)]:
        torch.testing.assert_close(sum(weights[4, m] * features[1, m] for m in range(4)), maps[1])
        torch.testing.assert_close(weighted_sums(features, weights, each.classes), maps)
    predicted = class_maps(full, x)
    assert torch.equal(predicted.classes, full(x).argmax(dim=1))
    assert torch.equal(predicted.classes, predicted.predicted)
    assert torch.equal(class_maps(full, x, predicted.classes).high, predicted.high)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "haf"}, "unknown model 'haf'; did you mean 'half'"),
        ({"config": "smal"}, "unknown configuration 'smal'; did you mean 'small'\\?\nThere are: paper, small, slim, tiny"),
        ({"config": 4}, r"config must be a name \(paper, small, slim, tiny\) or a DenseConfig, not 4"),
        ({"image_size": 112}, "4 blocks shrink pictures by 32: image_size must be a multiple of that, such as 96 or 128, not 112"),
        ({"image_size": 28}, "such as 32, not 28; fewer blocks shrink less"),
        ({"image_size": 0}, "image_size must be a whole number of at least 1, not 0"),
        ({"image_size": 64.0}, "image_size must be a whole number"),
        ({"num_classes": 1}, "num_classes must be a whole number of at least 2, not 1"),
        ({"in_channels": True}, "in_channels must be a whole number of at least 1, not True"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_densenet(**{"kind": "half", **arguments})


@pytest.mark.parametrize("field", ["blocks", "layers", "growth", "stem", "maps"])
def test_rows_of_the_table_are_checked(field):
    with pytest.raises(ValueError, match=f"{field} must be a whole number of at least 1, not 0"):
        replace(DENSENETS["tiny"], **{field: 0})


@pytest.mark.parametrize("x", [noise(size=32), noise(channels=3), noise()[0], noise().to(torch.uint8)])
def test_pictures_of_another_kind_are_refused(x):
    for model in (tiny("half"), tiny("full")):
        with pytest.raises(
            ValueError, match=r"expected float pictures \(N, 2, 16, 16\), not torch\..*; build the model"
        ):
            model(x)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 5}, "there is no class 5: the model's classes run from 0 to 4"),
        ({"classes": [0, -1, 9]}, "there is no class -1"),
        ({"classes": [0, 1]}, "one for each of the 3 pictures: not \\(2,\\)"),
        ({"classes": "boot"}, "classes must be whole numbers, not 'boot'"),
        ({"classes": 1.5}, "classes must be whole numbers, not torch.float32"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"pictures": noise()[:0]}, "there are no pictures to map"),
        ({"pictures": noise() * float("nan")}, "the maps hold NaN or infinity"),
    ],
)
def test_maps_that_cannot_be_made_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        class_maps(tiny("full"), **{"pictures": noise(), **arguments})


def test_models_that_do_not_belong_together_are_refused():
    other = DenseConfig(blocks=2, layers=2, growth=3, stem=5, maps=3)
    for changes, what in [
        ({"config": other}, "config"),
        ({"num_classes": 4}, "num_classes"),
        ({"size": 24}, "image_size"),
    ]:
        with pytest.raises(ValueError, match=f"the half model has {what} .* build both with the same values"):
            transfer(tiny("half", **changes), tiny("full"))
    with pytest.raises(ValueError, match="there are no pictures to compare"):
        check_same_scores(tiny("half"), tiny("full"), noise()[:0])
