"""The ten attacks on real weights: what they claim is so, and is no worse than what Foolbox 3 finds."""

from contextlib import contextmanager
from functools import cache
from itertools import product
from unittest import mock

import foolbox
import numpy as np
import pytest
import torch
from eagerpy.tensor import PyTorchTensor
from foolbox import attacks as fa
from foolbox.attacks.spatial_attack_transformations import rotate_and_shift
from foolbox.distances import l2
from scipy.ndimage import map_coordinates
from torch import nn

from c2f import attacks, zoo
from c2f.attacks.filters import blur_matrix
from c2f.attacks.spatial import GRID, move, sampling_grids
from c2f.common.streams import Streams
from c2f.datasets import load

N = 6
RUNS = list(product(attacks.names(), attacks.PROTOCOLS))


@cache
def fashion():
    test = load("fashion-mnist-sample").test
    return test.images[:50].float() / 255, test.labels[:50]


@cache
def network(name="lenetfc"):
    return zoo.load(name, "fashion-mnist", 0).network


@cache
def found(name, protocol="minimal", seed=0, n=N):
    """What the attack returns on the first pictures, run once for all tests."""
    x, y = fashion()
    return attacks.build(name, protocol, seed)(attacks.victim(network()), x[:n], y[:n], epsilons=None)


def distances(perturbed, success):
    x, _ = fashion()
    sizes = (perturbed - x[: len(perturbed)]).flatten(1).norm(dim=1)
    return torch.where(success, sizes, torch.inf)


def count(protocol):
    return N if protocol == "minimal" else 4


@pytest.mark.parametrize(("name", "protocol"), RUNS)
def test_a_claimed_success_is_a_misclassification_within_bounds(name, protocol):
    n = count(protocol)
    x, y = (part[:n] for part in fashion())
    raw, clipped, success = found(name, protocol, n=n)
    with torch.no_grad():
        assert torch.equal(network()(raw).argmax(dim=1) != y, success)
        wrong = network()(x).argmax(dim=1) != y
    assert torch.equal(raw, clipped)
    assert raw.dtype == torch.float32
    assert raw.min() >= 0
    assert raw.max() <= 1
    unchanged = (raw == x).flatten(1).all(dim=1)
    assert torch.equal(unchanged, wrong | ~success)
    assert (success & ~wrong).any() or name == "single_pixel"


@pytest.mark.parametrize("mean", [None, torch.full((1, 28, 28), 0.02)])
@pytest.mark.parametrize("protocol", attacks.PROTOCOLS)
def test_the_single_pixel_is_that_of_the_search_among_whole_pictures(protocol, mean):
    (x, _), quick, whole = fashion(), *(attacks.victim(network(), mean) for _ in range(2))
    whole.one_pixel = None
    largest = whole(x).topk(2).values
    x = x[(largest[:, 0] - largest[:, 1]).argsort()[:6]]  # those that one pixel may turn
    y = whole(x).argmax(dim=1)
    attack = attacks.build("single_pixel", protocol)
    found, expected = (attack(model, x, y, epsilons=None) for model in (quick, whole))
    assert torch.equal(found[0], expected[0])
    assert 0 < found[2].sum() < len(x)


# Where the decision is driven to the very boundary, rounding, which depends on the batch, has the last word.
@pytest.mark.parametrize(("name", "protocol"), RUNS)
def test_the_batch_changes_nothing(name, protocol):
    n = count(protocol)
    x, y = fashion()
    attack, model = attacks.build(name, protocol), attacks.victim(network())
    parts = []
    for rows in (torch.arange(3), torch.arange(3, n).flip(0)):
        parts.append(attack(model, x[rows], y[rows], epsilons=None, picture_ids=rows.tolist()))
    raw = torch.cat([parts[0][0], parts[1][0].flip(0)])
    assert (raw - found(name, protocol, n=n)[0]).abs().max() < (2e-3 if name == "pointwise" else 1e-5)
    assert torch.equal(torch.cat([parts[0][2], parts[1][2].flip(0)]), found(name, protocol, n=n)[2])


@pytest.mark.parametrize("name", ["contrast", "shifts", "blended_uniform"])
def test_batches_of_seven_and_of_fifty(name):
    x, y = fashion()
    attack, model = attacks.build(name), attacks.victim(network())
    sevens = [attack(model, x[i], y[i], epsilons=None, picture_ids=i.tolist())[0] for i in torch.arange(50).split(7)]
    assert (torch.cat(sevens) - attack(model, x, y, epsilons=None)[0]).abs().max() < 1e-5


# Not Pointwise and the nearest salt and pepper: slow, and their draws are the streams' like all others'.
QUICK = [run for run in RUNS if run[0] != "pointwise" and run != ("salt_and_pepper", "minimal")]


@pytest.mark.parametrize(("name", "protocol"), QUICK)
def test_another_seed_gives_another_result_only_where_there_is_chance(name, protocol):
    x, y = (part[:2] for part in fashion())
    attack = attacks.build(name, protocol, seed=1)
    other = attack(attacks.victim(network()), x, y, epsilons=None)[0]
    randomised = attacks.ATTACKS[name].randomised[attacks.PROTOCOLS.index(protocol)]
    if name == "single_pixel" and randomised:  # it may find nothing in either
        return
    assert torch.equal(other, found(name, protocol, n=count(protocol))[0][:2]) == (not randomised)


@contextmanager
def our_random_numbers(name):
    """Let Foolbox draw from our streams; Pointwise's order too."""
    streams, rows, keys, calls = Streams(0, name, range(N)), torch.arange(N), [], 0

    def uniform(self, shape, low=0.0, high=1.0):
        return PyTorchTensor(streams.uniform(rows, 1, tuple(shape[1:]))[:, 0] * (high - low) + low)

    def permutation(places):
        nonlocal calls
        if not keys:
            keys.extend(streams.uniform(rows, 1, (784,))[:, 0].numpy())
        places = np.array(places, dtype=np.int64)
        calls += 1
        return places[keys[(calls - 1) % N][places].argsort()]

    with mock.patch.object(PyTorchTensor, "uniform", uniform), mock.patch.object(np.random, "permutation", permutation):
        yield


COUNTERPARTS = {
    "contrast": lambda: fa.LinearSearchContrastReductionAttack(distance=l2),
    "gaussian_blur": lambda: fa.GaussianBlurAttack(distance=l2),
    "blended_uniform": lambda: fa.LinearSearchBlendedUniformNoiseAttack(distance=l2),
    "salt_and_pepper": fa.SaltAndPepperNoiseAttack,
    "pointwise": fa.PointwiseAttack,
    "spatial": fa.SpatialAttack,
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", COUNTERPARTS)
def test_no_worse_than_plain_foolbox_and_mostly_the_same(name):
    x, y = (part[:N] for part in fashion())
    model = foolbox.PyTorchModel(network(), bounds=(0, 1), device="cpu")
    with our_random_numbers(name):
        plain, _, success = COUNTERPARTS[name]()(model, x, y, epsilons=None)
    ours, _, ours_success = found(name)
    assert distances(ours, ours_success).median() <= distances(plain, success).median() + 1e-4
    if name != "spatial":  # its default grid is another
        assert torch.equal(success, ours_success)
        assert (ours - plain)[success].abs().max() < (2e-3 if name == "pointwise" else 1e-4)


def test_the_plain_search_with_additive_noise_finds_the_same():
    x, y = (part[:N] for part in fashion())
    streams, rows = Streams(0, "additive_uniform", range(N)), torch.arange(N)
    result, done = x.clone(), network()(x).argmax(dim=1) != y
    for step in range(1, 1001):
        noise = streams.uniform(rows, 1, (1, 28, 28))[:, 0] * 2 - 1
        made = (x + step / 1000 * noise).clamp(0, 1)
        with torch.no_grad():
            new = (network()(made).argmax(dim=1) != y) & ~done
        result[new], done = made[new], done | new
        if done.all():
            break
    assert (found("additive_uniform")[0] - result).abs().max() < 1e-6


def test_the_published_noise_is_scaled_twice():
    x = torch.full((1, 1, 4, 4), 0.5)

    class Loud(nn.Module):  # class 1 as soon as a value is further than 0.2 from grey
        def forward(self, x):
            far = (x - 0.5).abs().amax(dim=(1, 2, 3)) - 0.2
            return torch.stack([torch.zeros_like(far), far], dim=1)

    sizes = {}
    for protocol in attacks.PROTOCOLS:
        made = attacks.build("additive_uniform", protocol)(
            attacks.victim(Loud()), x, torch.zeros(1, dtype=torch.int64), epsilons=None
        )[0]
        streams = Streams(0, "additive_uniform", [0])
        noise = streams.uniform(torch.tensor([0]), 1000, (1, 4, 4))[0] * 2 - 1
        strength = torch.arange(1, 1001) / 1000
        strength = strength**2 if protocol == "paper" else strength
        step = int((strength * noise.abs().amax(dim=(1, 2, 3)) > 0.2).int().argmax())
        sizes[protocol] = step
        assert torch.allclose(made, x + strength[step] * noise[step], atol=1e-6)
    assert sizes["paper"] > sizes["minimal"]


def test_shifts_and_rotations_are_foolbox_s_and_the_smallest_is_the_smallest():
    x, y = (part[:3] for part in fashion())
    transforms = [(-5.0, 5 / 9, 5.0), (5 / 3, -5.0, 0.0)]
    for (row, column, angle), grid in zip(transforms, sampling_grids(transforms, x), strict=True):
        theirs = rotate_and_shift(PyTorchTensor(x), translation=(column, row), rotation=angle).raw
        assert torch.allclose(move(x, grid), theirs, atol=1e-5)
    grids = sampling_grids([(row, column, 0) for row in GRID for column in GRID], x)
    made = torch.stack([move(x, grid) for grid in grids])  # (100, 3, 1, 28, 28)
    with torch.no_grad():
        fooled = (network()(made.flatten(0, 1)).argmax(dim=1) != y.repeat(100)).view(100, 3)
    sizes = (made - x).flatten(2).norm(dim=2).masked_fill(~fooled, torch.inf)
    assert torch.allclose(distances(*found("shifts")[::2])[:3], sizes.amin(dim=0), atol=1e-5)
    first = found("shifts", "paper", n=4)[0][:3]
    for i in fooled.any(dim=0).nonzero()[:, 0].tolist():
        assert torch.allclose(first[i], made[fooled[:, i].int().argmax(), i], atol=1e-6)


def test_the_blur_is_scipy_s():
    from scipy.ndimage import gaussian_filter

    x = fashion()[0][:2]
    for sigma in (0.028, 1.0, 9.0, 28.0):
        ours = blur_matrix(28, sigma) @ x @ blur_matrix(28, sigma).T
        assert np.allclose(ours.numpy(), gaussian_filter(x.numpy(), [0, 0, sigma, sigma]), atol=1e-6)


class Counts(nn.Module):
    """Class 1 as soon as more than two of the first eight values are above 0.5; colour pictures of 4 x 4."""

    def forward(self, x):
        bright = (x.flatten(1)[:, :8] > 0.5).sum(dim=1).float()
        return torch.stack([torch.full_like(bright, 2.5), bright], dim=1)


def test_pointwise_leaves_only_what_is_needed():
    x, y = torch.full((2, 3, 4, 4), 0.25), torch.zeros(2, dtype=torch.int64)
    made, _, success = attacks.build("pointwise")(attacks.victim(Counts()), x, y, epsilons=None)
    assert success.all()
    changed = made - x
    # Three values just above 0.5 each, and the last halving leaves less than a thousandth of the way.
    assert ((changed != 0).flatten(1).sum(dim=1) == 3).all()
    assert changed[changed != 0].numpy() == pytest.approx(0.25, abs=2e-3)


def test_a_single_pixel_is_set_in_all_channels():
    x = torch.full((1, 3, 4, 4), 0.25)

    class OnePixel(nn.Module):  # class 1 if pixel 5 is dark, or pixel 6 bright
        def forward(self, x):
            flat = x.flatten(2).mean(dim=1)
            hit = torch.maximum(0.1 - flat[:, 5], flat[:, 6] - 0.9)
            return torch.stack([torch.zeros_like(hit), hit], dim=1)

    label = torch.zeros(1, dtype=torch.int64)
    made = attacks.build("single_pixel")(attacks.victim(OnePixel()), x, label, epsilons=None)[0]
    changed = (made - x).flatten(2)[0]
    assert changed[:, 5].tolist() == [-0.25] * 3  # nearer than setting pixel 6 to 1
    assert changed.count_nonzero() == 3
    places = set()
    for seed in range(8):
        attack = attacks.build("single_pixel", "paper", seed)
        places.add(
            int((attack(attacks.victim(OnePixel()), x, label, epsilons=None)[0] - x).abs().flatten(2)[0, 0].argmax())
        )
    assert places == {5, 6}


def test_a_success_under_autocast_holds_in_float32():
    x, y = (part[:20] for part in fashion())
    for name in ("lenetfc", "lenetfc_td"):
        model = attacks.victim(network(name))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            raw, _, success = attacks.build("contrast")(model, x, y, epsilons=None)
        with torch.no_grad():
            assert torch.equal(network(name)(raw).argmax(dim=1) != y, success)
        assert torch.equal(raw, attacks.build("contrast")(model, x, y, epsilons=None)[0])


def test_the_names_are_the_ten_of_the_paper():
    assert len(attacks.names()) == 10
    assert attacks.title("salt_and_pepper") == "Salt and pepper"


def hand_moved(picture, row, column, angle):
    """Read ``picture`` ``(H, W)`` bilinearly at every pixel's place after a turn about the centre, in pixels."""
    height, width = picture.shape
    y, x = np.mgrid[:height, :width]
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    sin, cos = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    row, column = row * (height - 1) / height, column * (width - 1) / width  # the published scaling
    places = [sin * x + cos * y + row + (height - 1) / 2, cos * x - sin * y + column + (width - 1) / 2]
    return map_coordinates(picture, places, order=1, mode="grid-constant")


@pytest.mark.parametrize("size", [(28, 112), (32, 64), (64, 32), (9, 9), (7, 2)])
def test_a_shift_is_in_pixels_and_a_rotation_no_shear_whatever_the_aspect(size):
    x = torch.rand(1, 2, *size, generator=torch.Generator().manual_seed(0))
    for transform in ((5.0, 0.0, 0.0), (0.0, -5.0, 0.0), (-5 / 3, 5 / 9, 5.0), (0.0, 0.0, -30.0)):
        made = move(x, sampling_grids([transform], x)[0])[0]
        for channel, picture in enumerate(x[0].double().numpy()):
            np.testing.assert_allclose(made[channel], hand_moved(picture, *transform), atol=2e-5)
