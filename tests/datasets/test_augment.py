import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from c2f.datasets import augment
from c2f.datasets.augment import (
    AUGMENTATIONS,
    augmentation,
    auto_augment,
    colour_axes,
    compose,
    crop,
    flip,
    pca_colour_shift,
    shift,
    shift_flip,
    translate,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(b=4, c=3, size=8, seed=0):
    return torch.rand(b, c, size, size, generator=seeded(seed))


def byte_pictures(b=4, c=3, size=8, seed=0):
    return torch.randint(0, 256, (b, c, size, size), generator=seeded(seed)) / 255


def test_a_shift_by_hand():
    x = torch.tensor([[0.0, 10.0, 20.0], [30.0, 40.0, 50.0]])[None, None]
    right = translate(x, torch.tensor([0.0]), torch.tensor([1.0]))
    torch.testing.assert_close(right[0, 0], torch.tensor([[0.0, 0, 10], [30, 30, 40]]), atol=1e-5, rtol=0)
    half_left = translate(x, torch.tensor([0.0]), torch.tensor([-0.5]))
    torch.testing.assert_close(half_left[0, 0], torch.tensor([[5.0, 15, 20], [35, 45, 50]]))
    quarter_down = translate(x, torch.tensor([0.25]), torch.tensor([0.0]))
    torch.testing.assert_close(quarter_down[0, 0], torch.tensor([[0.0, 10, 20], [22.5, 32.5, 42.5]]))
    mirrored = translate(x, torch.tensor([0.0]), torch.tensor([1.0]), mirror=torch.tensor([True]))
    torch.testing.assert_close(mirrored[0, 0], torch.tensor([[10.0, 0, 0], [40, 30, 30]]), atol=1e-5, rtol=0)


@settings(max_examples=40)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.lists(st.floats(-12, 12, width=32), min_size=4, max_size=4),
    st.integers(0, 99),
)
def test_a_shift_is_scipys(height, width, distances, seed):
    x = torch.rand(2, 2, height, width, generator=seeded(seed))
    rows, columns = torch.tensor(distances).view(2, 2)
    moved = translate(x, rows, columns)
    for i in range(2):
        for c in range(2):
            expected = scipy.ndimage.shift(
                x[i, c].double().numpy(), (float(rows[i]), float(columns[i])), order=1, mode="nearest"
            )
            np.testing.assert_allclose(moved[i, c].numpy(), expected, atol=5e-6)


def test_shift_then_flip_in_one_pass_is_both_in_turn():
    x = pictures(16, size=20)
    torch.testing.assert_close(shift_flip(x, seeded(3)), compose(shift, flip)(x, seeded(3)), atol=1e-6, rtol=0)


def test_shifts_cover_a_tenth_of_the_picture_each_way_and_no_more():
    ramp = torch.arange(40.0)
    x = (ramp[:, None] * 100 + ramp)[None, None].expand(4000, 1, 40, 40)
    centre = shift(x, seeded())[:, 0, 20, 20]
    rows = 20 - (centre / 100).round()  # columns move by at most 4, which is 0.04 rows here
    assert rows.min() == -4
    assert rows.max() == 4
    distances = augment._draw_shift(x, seeded())
    for distance in distances:
        assert -4 <= distance.min() < -3.9
        assert 3.9 < distance.max() <= 4
        assert abs(float(distance.mean())) < 0.15
    assert abs(float(torch.corrcoef(torch.stack(distances))[0, 1])) < 0.05


def test_flips_half_of_the_pictures_left_to_right():
    x = pictures(2000, 1, 3)
    flipped = flip(x, seeded())
    mirrored = (flipped == x.flip(3)).flatten(1).all(1)
    same = (flipped == x).flatten(1).all(1)
    assert (mirrored ^ same).all()
    assert 900 < mirrored.sum() < 1100


def test_crops_are_windows_at_places_drawn_uniformly():
    place = torch.arange(25.0).view(1, 1, 5, 5)
    x = torch.cat([place, place + 100], dim=1).expand(4500, 2, 5, 5)
    cut = crop(3)(x, seeded())
    assert cut.shape == (4500, 2, 3, 3)
    corner = cut[:, 0, 0, 0]
    window = torch.arange(3.0)[:, None] * 5 + torch.arange(3.0)
    assert (cut[:, 0] == corner[:, None, None] + window).all()
    assert (cut[:, 1] == cut[:, 0] + 100).all()
    seen, counts = corner.unique(return_counts=True)
    assert seen.tolist() == [0, 1, 2, 5, 6, 7, 10, 11, 12]  # rows 0..2 times columns 0..2
    assert counts.min() > 400
    assert counts.max() < 600


def test_a_crop_of_the_whole_picture_is_the_picture():
    x = pictures()
    assert torch.equal(crop(8)(x, seeded()), x)


def paper_colour_axes(picture):
    """The description's recipe for one picture (C, H, W), step by step in float64."""
    p = picture.double().numpy().reshape(len(picture), -1).T
    s = p.std(axis=0)
    z = (p - p.mean(axis=0)) / s
    u, values, _ = np.linalg.svd(z.T @ z / (len(p) - 1))
    return u * values * s[:, None]


def test_colour_axes_are_the_papers():
    x = pictures(5, size=12)
    x[:, 1] = 0.7 * x[:, 0] + 0.3 * x[:, 1] - 0.4  # correlated channels, as after mean subtraction
    axes = colour_axes(x)
    for i in range(5):
        expected = paper_colour_axes(x[i])
        sign = np.sign((axes[i].numpy() * expected).sum(0))  # an eigenvector's sign is arbitrary
        np.testing.assert_allclose(axes[i].numpy() * sign, expected, atol=1e-5)


def test_the_colour_shift_is_one_colour_a_picture_of_a_tenth_of_the_axes():
    x = pictures(1, size=12).expand(3000, 3, 12, 12)
    added = pca_colour_shift(x, seeded()) - x
    colour = added.mean(dim=(2, 3))  # (B, C)
    torch.testing.assert_close(added, colour[:, :, None, None].expand_as(added), atol=1e-6, rtol=0)
    a = torch.linalg.solve(colour_axes(x[:1])[0].double(), colour.T.double())  # (C, B), back along the axes
    torch.testing.assert_close(a.std(dim=1), torch.full((3,), 0.1, dtype=torch.float64), atol=0.005, rtol=0)
    assert a.mean(dim=1).abs().max() < 0.01
    assert (torch.corrcoef(a) - torch.eye(3)).abs().max() < 0.06


@pytest.mark.parametrize("value", [0.0, 0.7, 1 / 3])
def test_a_channel_without_contrast_stays_and_the_others_do_without_it(value):
    x = pictures(2, size=30)
    x[:, 1] = value
    shifted = pca_colour_shift(x, seeded())
    assert shifted.isfinite().all()
    assert torch.equal(shifted[:, 1], x[:, 1])
    assert not torch.equal(shifted[:, 0], x[:, 0])
    two = colour_axes(x[:, [0, 2]])
    assert torch.allclose(colour_axes(x)[:, [0, 2], :2].abs(), two.abs(), atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 3, 5, 5), (2, 1, 5, 5), (1, 3, 1, 1)])
def test_the_colour_shift_takes_one_picture_one_channel_and_blank_pictures(shape):
    assert torch.equal(pca_colour_shift(torch.full(shape, 0.3), seeded()), torch.full(shape, 0.3))
    x = torch.rand(shape, generator=seeded())
    assert pca_colour_shift(x, seeded()).isfinite().all()


@pytest.mark.parametrize("channels", [1, 3])
def test_autoaugment_gives_bytes_in_range_whatever_the_mean(channels):
    x = byte_pictures(64, channels, 16)
    mean = torch.rand(channels, 16, 16, generator=seeded(9))
    plain = auto_augment()(x, seeded(1))
    centred = auto_augment(mean)(x - mean, seeded(1))
    assert torch.equal(centred, plain - mean)
    assert torch.equal(plain, (plain * 255).round() / 255)
    assert plain.min() >= 0
    assert plain.max() <= 1
    unchanged = (plain == x).flatten(1).all(1)
    assert 0 < unchanged.sum() < 32  # bit for bit as they were where the policy does nothing


def test_autoaugment_draws_for_each_picture():
    x = byte_pictures(1, 3, 16).expand(32, 3, 16, 16)
    assert len({tuple(picture.flatten().tolist()) for picture in auto_augment()(x, seeded())}) > 10


def test_autoaugment_finds_every_grey_level_under_a_mean():
    levels = torch.arange(256).float().div(255).view(1, 1, 16, 16)
    seen = []

    class Keep:
        def __init__(self, *args, **kwargs):
            pass

        def __call__(self, picture):
            seen.append(picture)
            return picture

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(v2, "AutoAugment", Keep)
        for seed in range(20):
            mean = torch.rand(1, 16, 16, generator=seeded(seed))
            assert torch.equal(auto_augment(mean)(levels - mean, seeded()), levels - mean)
    assert all(torch.equal(picture.flatten().int(), torch.arange(256).int()) for picture in seen)


@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS if name != "none"])
def test_every_augmentation_depends_on_its_generator_alone(name):
    x = byte_pictures(6, 3, 16)
    before = x.clone()
    apply = augmentation(name, 12)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = apply(x, seeded(5))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, before)
    torch.manual_seed(2)
    assert torch.equal(apply(x, seeded(5)), first)
    assert not torch.equal(apply(x, seeded(6)), first)
    assert first.dtype == torch.float32
    assert first.isfinite().all()
    assert first.shape == (6, 3, 12, 12) if name == "pca_flip_crop" else first.shape == x.shape


def test_a_chain_goes_on_drawing_from_the_same_generator():
    x = pictures(50)
    generator = seeded(2)
    by_hand = crop(6)(flip(pca_colour_shift(x, generator), generator), generator)
    assert torch.equal(augmentation("pca_flip_crop", 6)(x, seeded(2)), by_hand)


def test_none_is_no_augmentation():
    assert augmentation("none", 32) is None


def test_bad_arguments_are_named_with_the_remedy():
    with pytest.raises(ValueError, match=r"unknown augmentation 'shift-flip'; did you mean 'shift_flip'\?"):
        augmentation("shift-flip", 32)
    with pytest.raises(ValueError, match="image_size must be a whole number of at least 1, not 0"):
        augmentation("none", 0)
    with pytest.raises(ValueError, match="cannot crop 128x128 out of pictures of 64x64: load them at 128"):
        augmentation("pca_flip_crop", 128)(pictures(size=64), seeded())
    with pytest.raises(ValueError, match="1 or 3 channels, not 2"):
        auto_augment()(pictures(c=2), seeded())
    with pytest.raises(ValueError, match=r"these run from -0.5 to .*give it the mean image that the loader subtracts"):
        auto_augment()(torch.linspace(-0.5, 0.5, 64).view(1, 1, 8, 8), seeded())
    with pytest.raises(ValueError, match=r"mean image is \(3, 4, 4\), the pictures \(3, 8, 8\)"):
        auto_augment(torch.zeros(3, 4, 4))(pictures(), seeded())
