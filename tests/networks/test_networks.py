import math

import pytest
import torch
from torch import nn

from c2f import networks
from c2f.networks.blocks import MERGES, Merge, ResidualBlock, SameConv2d, SameMaxPool2d, kernels, same_padding
from c2f.networks.pyramid import SCALERS
from c2f.networks.table import FAMILIES

PARAMETERS = {  # section 3 of the paper, from the authors' code: total, trained, not trained
    "lenetfc": (7798, 7670, 128),
    "lenetfc_td": (14712, 14452, 260),
    "lenetfc_td_uni": (23730, 23486, 244),
    "lenetfc_td_rev": (58262, 57846, 416),
    "nin_light": (62818, 62094, 724),
    "nin_light_td": (213778, 212670, 1108),
    "nin_light_td_uni": (215906, 214734, 1172),
    "nin_light_td_rev": (215410, 214206, 1204),
    "nin": (972658, 969822, 2836),
    "nin_td": (3372850, 3368478, 4372),
    "nin_td_uni": (3402098, 3397470, 4628),
    "nin_td_rev": (3393202, 3388446, 4756),
    "resnet32": (470218, 467946, 2272),
    "resnet32_td": (530602, 528042, 2560),
    "resnet32_td_uni": (321866, 319626, 2240),
    "resnet32_td_rev": (565930, 563274, 2656),
    "resnet18": (2803018, 2799114, 3904),
    "resnet18_td": (4972810, 4966538, 6272),
}

STAGES = {  # (channels, side) of each stage as it runs, the classes' map or the features before the mean last
    "lenetfc": [(6, 28), (16, 14), (32, 7), (10, 7)],
    "lenetfc_td": [(32, 7), (16, 14), (6, 28), (10, 28)],
    "lenetfc_td_uni": [(16, 7), (16, 14), (16, 28), (10, 28)],
    "lenetfc_td_rev": [(6, 7), (16, 14), (32, 28), (10, 28)],
    "nin_light": [(24, 28), (48, 14), (48, 7), (10, 7)],
    "nin_light_td": [(48, 7), (48, 14), (24, 28), (10, 28)],
    "nin_light_td_uni": [(48, 7), (48, 14), (48, 28), (10, 28)],
    "nin_light_td_rev": [(48, 7), (48, 14), (48, 28), (10, 28)],
    "nin": [(96, 32), (192, 16), (192, 8), (10, 8)],
    "nin_td": [(192, 8), (192, 16), (96, 32), (10, 32)],
    "nin_td_uni": [(192, 8), (192, 16), (192, 32), (10, 32)],
    "nin_td_rev": [(192, 8), (192, 16), (192, 32), (10, 32)],
    "resnet32": [(16, 32), (32, 16), (64, 8), (64, 8)],
    "resnet32_td": [(64, 8), (32, 16), (16, 32), (16, 32)],
    "resnet32_td_uni": [(32, 8), (32, 16), (32, 32), (32, 32)],
    "resnet32_td_rev": [(16, 8), (32, 16), (64, 32), (64, 32)],
    "resnet18": [(32, 64), (64, 32), (128, 16), (256, 8), (256, 8)],
    "resnet18_td": [(256, 16), (128, 32), (64, 64), (32, 128), (32, 128)],
    "resnet18_td_uni": [(64, 16), (64, 32), (64, 64), (64, 128), (64, 128)],
    "resnet18_td_rev": [(32, 16), (64, 32), (128, 64), (256, 128), (256, 128)],
}
SMALL = {"lenetfc": 16, "nin_light": 16, "nin": 8, "resnet32": 16, "resnet18": 16}
TOP_DOWN = [name for name in networks.names("classifier") if "_td" in name]


def build(name, **changes):
    row = networks.family_of(name)
    return networks.build(name, **{"in_channels": row.in_channels, "image_size": row.image_size, **changes})


def unreal(name, **changes):
    """A network without memory, whose forward pass gives shapes alone: full size costs nothing."""
    with torch.device("meta"):
        return build(name, **changes)


def small(name, merge="sum_concat", **changes):
    size = SMALL[networks.family_name(name)]
    return build(name, image_size=size, merge=merge, seed=0, **changes), pictures(name, size)


def pictures(name, size, n=2, seed=0):
    channels = networks.family_of(name).in_channels
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed))


def test_the_tables_above_are_whole():
    assert list(STAGES) == networks.names("classifier")
    assert set(PARAMETERS) == set(networks.names("classifier")) - {
        "resnet18_td_uni",
        "resnet18_td_rev",
    }  # not in the paper


@pytest.mark.parametrize("name", networks.names("classifier"))
def test_sizes_are_those_of_the_paper(name):
    row = networks.family_of(name)
    found = networks.summary(unreal(name), row.in_channels, row.image_size)
    if name in PARAMETERS:
        assert (found.parameters + found.buffers, found.parameters, found.buffers) == PARAMETERS[name]
    assert list(found.stages.values()) == [(c, side, side) for c, side in STAGES[name]]
    assert list(found.stages) == [*(f"stage_x{row.image_size // side}" for _, side in STAGES[name][:-1]), "head"]


@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("name", networks.names("classifier"))
def test_every_row_maps_pictures_of_its_own_size_to_logits(name, merge):
    row = networks.family_of(name)
    x = torch.empty(2, row.in_channels, row.image_size, row.image_size, device="meta")
    assert unreal(name, merge=merge)(x).shape == (2, 10)


def gradients(name, merge, training):
    network, x = small(name, merge)
    # Pictures about zero, as the mean is subtracted; enough of them that no unit is dead in all.
    x = torch.cat([x, pictures(name, x.shape[-1], n=6, seed=1)]) - 0.5
    weights = torch.randn(8, 10, generator=torch.Generator().manual_seed(2))
    (network.train(training)(x) * weights).sum().backward()
    return network


MERGED = [(name, "sum_concat") for name in networks.names("classifier")] + [
    (name, merge)
    for name in ("lenetfc_td", "lenetfc_td_uni", "nin_light_td", "nin_light_td_rev", "resnet32_td", "resnet18_td_uni")
    for merge in ("sum", "concat")
]


@pytest.mark.parametrize(("name", "merge"), MERGED)
def test_gradients_reach_every_parameter(name, merge):
    torch.manual_seed(0)  # of the dropout
    network = gradients(name, merge, training=True)
    largest = {key: float(p.grad.abs().max()) for key, p in network.named_parameters()}
    scale = max(largest.values())
    for key, gradient in largest.items():
        layer = network.get_submodule(key.rpartition(".")[0])
        if isinstance(layer, nn.Conv2d) and key.endswith("bias"):
            # Every convolution's bias is taken out again by a batch norm that follows: only rounding is left.
            assert gradient < 1e-4 * scale, key
        else:
            assert gradient > 1e-6 * scale, key


@pytest.mark.parametrize(
    "name", ["lenetfc", "lenetfc_td", "nin_light_td_rev", "resnet32", "resnet32_td", "resnet18_td"]
)
def test_in_inference_mode_gradients_reach_the_biases_too(name):
    network = gradients(name, "sum_concat", training=False)
    assert [key for key, p in network.named_parameters() if not p.grad.abs().max() > 0] == []


@pytest.mark.parametrize(
    ("name", "channels", "classes", "size"),
    [
        ("lenetfc", 3, 7, 64),
        ("lenetfc_td", 2, 1, 4),
        ("nin_light_td", 3, 200, 36),
        ("nin", 1, 3, 12),
        ("resnet32", 4, 5, 20),
        ("resnet32_td_uni", 1, 15, 28),
        ("resnet18", 1, 2, 48),
        ("resnet18_td_uni", 1, 2, 16),
    ],
)
def test_other_channels_classes_and_sizes(name, channels, classes, size):
    network = networks.build(name, channels, classes, size, seed=0).eval()
    with torch.no_grad():
        logits = network(torch.rand(3, channels, size, size))
    assert logits.shape == (3, classes)
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", ["lenetfc", "lenetfc_td", "nin_light_td", "resnet32_td", "resnet18"])
def test_a_batch_is_its_pictures_one_by_one(name):
    network, x = small(name)
    network.eval()
    with torch.no_grad():
        torch.testing.assert_close(network(x), torch.cat([network(p[None]) for p in x]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("name", ["lenetfc_td", "resnet32_td"])
def test_the_same_picture_at_every_scale_is_the_picture(name, scaler):
    network, x = small(name, scaler=scaler)
    network.eval()
    with torch.no_grad():
        assert torch.equal(network([x, x, x]), network(x))


@pytest.mark.parametrize("name", ["lenetfc_td", "nin_light_td_uni", "resnet32_td_rev", "resnet18_td_uni"])
def test_every_scale_is_seen(name):
    network, x = small(name)
    network.eval()
    scales = len(network.pyramid.factors)
    with torch.no_grad():
        plain = network(x)
        for i in range(scales):
            other = [x] * scales
            other[i] = 1 - x
            assert not torch.allclose(network(other), plain), i


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_networks_have_no_negative_scores_and_residual_ones_do(family):
    for name in (family, f"{family}_td"):
        network, x = small(name)
        with torch.no_grad():
            lowest = float(network.eval()(torch.cat([x, 1 - x])).min())
        assert (lowest >= 0) == (FAMILIES[family].style == "plain"), name


def test_the_penalty_covers_what_the_authors_did():
    exceptions = {
        "nin": {"head.0.0"},
        **{name: {"stem_x1.0", "stem_x2.0", "stem_x4.0"} for name in TOP_DOWN if name.startswith("lenetfc")},
    }
    for name in networks.names("classifier"):
        network = unreal(name)
        free = {key for key, m in network.named_modules() if getattr(m, "regularised", True) is False}
        assert free == exceptions.get(name, set()), name
        assert len(list(kernels(network))) == sum(isinstance(m, nn.Conv2d | nn.Linear) for m in network.modules())
        assert sum(not covered for _, covered in kernels(network)) == len(free)


def test_dropout_is_where_the_paper_has_it():
    for name in networks.names("classifier"):
        rates = [m.p for m in unreal(name).modules() if isinstance(m, nn.Dropout) and m.p]
        assert rates == ([0.5, 0.5] if name.startswith("nin") else []), name


def test_batch_norm_constants():
    for name in networks.names("classifier"):
        network = unreal(name)
        found = {(key, m.momentum, m.eps) for key, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)}
        residual = networks.family_of(name).style == "residual"
        expected = (0.1, 1e-5) if residual else (0.01, 1e-3)
        others = {key: constants for key, *constants in found if tuple(constants) != expected}
        mirror = {"pool_mirror.merge_norm.0": [0.01, 1e-3]} if name.startswith("resnet18_td") else {}  # oddity O4
        assert others == mirror


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_state():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first, again, other = (build("resnet32_td", seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["stem_x1.weight"], other["stem_x1.weight"])
    drawn = build("lenetfc").state_dict()["head.0.0.weight"]
    assert not torch.equal(torch.get_rng_state(), state)  # without a seed the global generator is drawn from
    torch.manual_seed(7)
    assert torch.equal(build("lenetfc").state_dict()["head.0.0.weight"], drawn)


@pytest.mark.parametrize("name", ["lenetfc_td_rev", "nin_light", "resnet32_td", "resnet32"])
def test_kernels_are_drawn_as_keras_draws_them(name):
    network = build(name, seed=0)
    residual = networks.family_of(name).style == "residual"
    for weight, _ in kernels(network):
        receptive = weight[0, 0].numel()
        fan_in, fan_out = weight.shape[1] * receptive, weight.shape[0] * receptive
        largest = float(weight.detach().abs().max())
        if residual:
            variance, bound = 2 / fan_in, 2 * math.sqrt(2 / fan_in) / 0.87962566
        else:
            bound = math.sqrt(6 / (fan_in + fan_out))
            variance = bound**2 / 3
        assert largest <= bound * (1 + 1e-6)
        n = weight.numel()
        assert float(weight.detach().square().mean()) == pytest.approx(variance, rel=6 / math.sqrt(n))
        if n > 500:
            assert largest > 0.95 * bound
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert not module.bias.detach().any()
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert not module.bias.detach().any()


def test_he_kernels_have_the_variance_asked_for():
    # All of a network's kernels together, each divided by its deviation: 470,000 draws.
    network = build("resnet32", seed=0)
    drawn = torch.cat([(w.detach() / math.sqrt(2 / w[0].numel())).flatten() for w, _ in kernels(network)])
    assert float(drawn.var()) == pytest.approx(1, abs=0.01)
    assert float(drawn.mean()) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (4, 3, 2, (0, 1)),  # even sizes: nothing before, one after; torch's padding=1 is wrong here
        (5, 3, 2, (1, 1)),
        (28, 5, 1, (2, 2)),
        (28, 3, 1, (1, 1)),
        (32, 1, 2, (0, 0)),
        (28, 2, 2, (0, 0)),
        (7, 2, 2, (0, 1)),
        (8, 2, 1, (0, 1)),
        (2, 5, 2, (1, 2)),
    ],
)
def test_same_padding_by_hand(size, kernel, stride, expected):
    assert same_padding(size, kernel, stride) == expected


COUNTED = torch.arange(16.0).reshape(1, 1, 4, 4)


def test_a_convolution_of_stride_two_by_hand():
    conv = SameConv2d(1, 1, 3, stride=2)
    nn.init.ones_(conv.weight)
    nn.init.zeros_(conv.bias)
    # Sums of the 3x3 windows that begin at rows and columns 0 and 2; beyond the picture there are zeros.
    assert conv(COUNTED).tolist() == [[[[45.0, 39.0], [66.0, 50.0]]]]
    point = SameConv2d(1, 1, 1, stride=2)
    nn.init.ones_(point.weight)
    nn.init.zeros_(point.bias)
    assert point(COUNTED).tolist() == [[[[0.0, 2.0], [8.0, 10.0]]]]


def test_max_pooling_by_hand():
    assert SameMaxPool2d(3)(COUNTED - 100).tolist() == [[[[-90.0, -89.0], [-86.0, -85.0]]]]
    assert SameMaxPool2d(2)(COUNTED - 100).tolist() == [[[[-95.0, -93.0], [-87.0, -85.0]]]]


def test_merges_by_hand():
    x, s = torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1), torch.tensor([10.0, 20.0]).reshape(1, 2, 1, 1)
    assert Merge("sum")(x, s).flatten().tolist() == [11, 22]
    assert Merge("concat")(x, s).flatten().tolist() == [1, 2, 10, 20]
    assert Merge("sum_concat")(x, s).flatten().tolist() == [11, 22, 10, 20]
    with pytest.raises(ValueError, match="unknown merge 'add'"):
        Merge("add")


def test_a_block_that_keeps_the_resolution_keeps_the_width():
    with pytest.raises(ValueError, match="a block of stride 1 keeps its width: 16 in, 32 out"):
        ResidualBlock(16, 32)


def test_multiply_adds_of_lenet_by_hand():
    found = networks.summary(build("lenetfc"), 1, 28)
    by_hand = 28**2 * 25 * 1 * 6 + 14**2 * 25 * 6 * 16 + 7**2 * 9 * 16 * 32 + 7**2 * 32 * 10
    assert found.multiply_adds == by_hand
    dense = networks.summary(build("resnet32", num_classes=110), 3, 32).multiply_adds
    assert dense - networks.summary(build("resnet32"), 3, 32).multiply_adds == 64 * 100


def hooks(network):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())


@pytest.mark.parametrize("training", [True, False])
def test_a_summary_leaves_the_network_as_it_was(training):
    network = build("lenetfc_td", seed=0).train(training)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = torch.get_rng_state()
    networks.summary(network, 1, 28)
    with pytest.raises(
        ValueError, match="expected pictures of 1 channels, not 3; build the network with in_channels=3"
    ):
        networks.summary(network, 3, 28)
    assert hooks(network) == 0
    assert {m.training for m in network.modules()} == {training}
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_names_are_families_with_four_endings():
    assert len(networks.names("classifier")) == 4 * len(FAMILIES) == 20
    assert networks.names("classifier")[:4] == ["lenetfc", "lenetfc_td", "lenetfc_td_uni", "lenetfc_td_rev"]
    assert networks.family_name("nin_light_td_uni") == "nin_light"
    assert networks.family_name("nin_td_uni") == "nin"
    assert networks.title("nin_light_td_rev") == "NIN-light top-down reversed"
    assert networks.title("resnet18") == "ResNet18 bottom-up"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "lenet_td"},
            r"unknown network 'lenet_td'; did you mean 'lenetfc_td'\?\nThere are: lenetfc, lenetfc_td",
        ),
        ({"name": "ResNet32_TD"}, r"unknown network 'ResNet32_TD'; did you mean 'resnet32_td'\?"),
        ({"name": "transformer"}, r"unknown network 'transformer'\nThere are: lenetfc,"),
        ({"name": ""}, "unknown network ''"),
        ({"name": "lenetfc_td", "merge": "sumconcat"}, "unknown merge 'sumconcat'; did you mean 'sum_concat'"),
        ({"name": "lenetfc", "merge": "no"}, "unknown merge 'no'"),  # though bottom-up networks have none
        ({"name": "lenetfc", "scaler": "gaussian"}, "unknown scaler 'gaussian'; did you mean 'gaussian_resize'"),
        (
            {"name": "resnet32", "image_size": 30},
            "resnet32 shrinks pictures by up to 4: image_size must be a multiple of 4, not 30",
        ),
        ({"name": "resnet18_td", "image_size": 120}, "by up to 16: image_size must be a multiple of 16, not 120"),
        ({"name": "resnet18", "image_size": 8}, "a multiple of 16, not 8"),
        ({"name": "nin", "image_size": 0}, "image_size must be a whole number of at least 1, not 0"),
        ({"name": "nin", "image_size": 32.0}, r"image_size must be a whole number of at least 1, not 32\.0"),
        ({"name": "nin", "in_channels": -1}, "in_channels must be a whole number of at least 1, not -1"),
        ({"name": "nin", "num_classes": 0}, "num_classes must be a whole number of at least 1, not 0"),
        ({"name": "nin", "num_classes": "10"}, "num_classes must be a whole number of at least 1, not '10'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        networks.build(**arguments)


def test_pictures_of_another_shape_are_refused():
    bottom_up, top_down = build("lenetfc"), build("lenetfc_td")
    with pytest.raises(
        ValueError, match=r"expected pictures \(N, 1, 28, 28\), not \(2, 3, 28, 28\); build the network"
    ):
        bottom_up(torch.rand(2, 3, 28, 28))
    with pytest.raises(ValueError, match=r"expected pictures \(N, 1, 28, 28\), not \(1, 28, 28\)"):
        bottom_up(torch.rand(1, 28, 28))
    with pytest.raises(ValueError, match="expected pictures of 1 channels, not 3"):
        top_down(torch.rand(2, 3, 28, 28))
    with pytest.raises(ValueError, match=r"expected pictures \(N, C, 28, 28\), not \(2, 1, 32, 32\)"):
        top_down(torch.rand(2, 1, 32, 32))
    with pytest.raises(ValueError, match="2 pictures for the 3 scales"):
        top_down([torch.rand(2, 1, 28, 28)] * 2)
    for name in ("nothing", "lenetfc_tdd"):
        with pytest.raises(ValueError, match=f"unknown network '{name}'"):
            networks.title(name)
