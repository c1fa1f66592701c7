import pytest
import torch
import torch.nn.functional as F
from torch import nn

from c2f import networks
from c2f.networks.blocks import KERAS_NORM
from c2f.networks.pyramid import gaussian_resize
from c2f.networks.segmentation import SEGMENTATION_NETWORKS, build_segmentation

PARAMETERS = {  # from the authors' code: total, trained, not trained
    "td": (1565564, 1562212, 3352),
    "unet": (1745468, 1742500, 2968),
    "fcn": (1153300, 1151484, 1816),
}
KERNELS = {  # inputs > outputs of every convolution, all 3x3 but the 1x1 marked by a dot, in the authors' order
    "td": "1>64 64>64 1>128 128>128 1>256 256>256 256>128. 256>128 128>128 128>128 128>64. 128>64 64>64 64>64 64>12.",
    "unet": "1>64 64>64 64>128 128>128 128>256 256>256 256>128. 256>128 128>128 128>64. 128>64 64>64 64>12.",
    "fcn": "1>64 64>64 64>128 128>128 128>256 256>256 256>12. 128>12. 64>12.",
}
STAGES = {
    "td": {"stem_x4": (256, 14), "stage_x2": (128, 28), "stage_x1": (64, 56), "head": (12, 56)},
    "unet": {"encode_x1": (64, 56), "encode_x2": (128, 28), "encode_x4": (256, 14)}
    | {"decode_x2": (128, 28), "decode_x1": (64, 56), "head": (12, 56)},
    "fcn": {"encode_x1": (64, 56), "encode_x2": (128, 28), "encode_x4": (256, 14), "head": (12, 56)},
}
NAMES = list(SEGMENTATION_NETWORKS)


def small(name, **changes):
    return build_segmentation(name, **{"num_classes": 5, "image_size": 16, "width": 4, "seed": 0, **changes}).eval()


def pictures(n=2, size=16, seed=0):
    return torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(seed))


def stirred(network):
    """Give batch norms and biases values of their own: fresh ones would hide a missing or misplaced layer."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.weight.data, module.running_var):
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
        if isinstance(module, nn.BatchNorm2d | nn.Conv2d):
            module.bias.data.copy_(0.5 * torch.randn(module.bias.shape, generator=generator))
    return network


@pytest.mark.parametrize("name", NAMES)
def test_sizes_and_order_are_those_of_the_paper(name):
    with torch.device("meta"):
        network = build_segmentation(name)
    found = networks.summary(network, 1, 56)
    assert (found.parameters + found.buffers, found.parameters, found.buffers) == PARAMETERS[name]
    assert found.stages == {stage: (c, side, side) for stage, (c, side) in STAGES[name].items()}
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    sides = {(3, 3): "", (1, 1): "."}
    kernels = [f"{m.in_channels}>{m.out_channels}{sides[m.kernel_size]}" for m in convolutions]
    assert " ".join(kernels) == KERNELS[name]
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.momentum, m.eps) for m in norms} == {(0.01, 1e-3)}
    assert network(torch.empty(2, 1, 56, 56, device="meta")).shape == (2, 12, 56, 56)


class Flat:
    """Runs a network's convolutions and batch norms one after the other, in the order of registration."""

    def __init__(self, network):
        self.layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]

    def conv(self, x):
        layer = self.layers.pop(0)
        return F.conv2d(x, layer.weight, layer.bias, padding=layer.weight.shape[-1] // 2)

    def norm(self, x):
        n = self.layers.pop(0)
        return F.batch_norm(x, n.running_mean, n.running_var, n.weight, n.bias, eps=KERAS_NORM.eps)

    def cbr(self, x, times=1):
        for _ in range(times):
            x = F.relu(self.norm(self.conv(x)))
        return x


def up2(x):
    return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


def td(flat, x):
    f1, f2, x = flat.cbr(x, 2), flat.cbr(gaussian_resize(x, 2), 2), flat.cbr(gaussian_resize(x, 4), 2)
    for fine in (f2, f1):
        z = up2(flat.cbr(x)) + fine
        x = flat.cbr(torch.cat([z, fine], dim=1), 3)
    return flat.norm(flat.conv(x))


def unet(flat, x):
    e1 = flat.cbr(x, 2)
    e2 = flat.cbr(F.max_pool2d(e1, 2), 2)
    x = flat.cbr(F.max_pool2d(e2, 2), 2)
    for skip in (e2, e1):
        x = flat.cbr(torch.cat([flat.cbr(up2(x)), skip], dim=1), 2)
    return flat.norm(flat.conv(x))


def fcn(flat, x):
    pooled = []
    for _ in range(3):
        x = F.max_pool2d(flat.cbr(x, 2), 2)
        pooled.append(x)
    x = flat.conv(pooled[2])
    for finer in (pooled[1], pooled[0]):
        x = F.interpolate(x, scale_factor=2, mode="bilinear") + flat.conv(finer)
    return flat.norm(F.interpolate(x, scale_factor=2, mode="bilinear"))


@pytest.mark.parametrize(("name", "by_hand"), [("td", td), ("unet", unet), ("fcn", fcn)])
def test_the_arithmetic_is_the_descriptions(name, by_hand):
    network, x = stirred(small(name)), pictures()
    flat = Flat(network)
    torch.testing.assert_close(network(x), by_hand(flat, x))
    assert flat.layers == []


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_parameter(name):
    network = small(name).train()
    weights = torch.randn(4, 5, 16, 16, generator=torch.Generator().manual_seed(2))
    (network(pictures(4)) * weights).sum().backward()
    for parameter_name, parameter in network.named_parameters():
        # The bias before a batch norm is taken away by it: its gradient is zero but for rounding.
        assert parameter.grad is not None, parameter_name
        if parameter.ndim == 4:
            assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_fixes_the_weights_and_leaves_the_global_state(name):
    state = torch.get_rng_state()
    a, b, c = small(name), small(name), small(name, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(next(a.parameters()), next(c.parameters()))
    kernel = next(a.parameters())  # 3x3, one channel to four: Glorot's bound
    assert kernel.abs().max() <= (6 / (9 + 36)) ** 0.5


def test_each_scale_may_have_a_picture_of_its_own():
    network, x = stirred(small("td")), pictures()
    torch.testing.assert_close(network([x, x, x]), network(x))
    for scale in range(3):
        one_changed = [pictures(seed=1) if i == scale else x for i in range(3)]
        assert (network(one_changed) - network(x)).abs().max() > 1e-3
    with pytest.raises(ValueError, match="2 pictures for the 3 scales"):
        network([x, x])
    with pytest.raises(ValueError, match="one batch of pictures, not 3"):
        small("unet")([x, x, x])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "u-net"}, "unknown segmentation network 'u-net'; did you mean 'unet'"),
        ({"name": "lenetfc_td"}, "There are: td, unet, fcn"),
        ({"name": "td", "image_size": 57}, "td shrinks pictures by 4: .* not 57"),
        ({"name": "unet", "image_size": 54}, "multiple of that, not 54"),
        ({"name": "fcn", "image_size": 60}, "fcn shrinks pictures by 8"),
        ({"name": "td", "width": 0}, "width must be a whole number of at least 1, not 0"),
        ({"name": "td", "num_classes": 1.5}, "num_classes must be"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_segmentation(**arguments)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(2, 1, 28, 28), (2, 3, 16, 16), (1, 16, 16)])
def test_pictures_of_another_shape_are_refused(name, shape):
    with pytest.raises(ValueError, match=r"expected pictures \(N, 1, 16, 16\), not "):
        small(name)(torch.zeros(shape))
