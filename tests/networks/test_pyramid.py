import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from c2f.networks.blocks import upsample2
from c2f.networks.pyramid import SCALERS, Pyramid, gaussian_kernel, gaussian_resize, resize_matrix
from tests.oracles import top_down as oracle

SIX_TAPS = torch.tensor([0.01755951, 0.12974823, 0.35269226, 0.35269226, 0.12974823, 0.01755951])
TF_NAMES = [
    ("tf_f2", "gaussian_resize", 2),
    ("tf_f4", "gaussian_resize", 4),
    ("gaussian_s1_f2", "blur_subsample", 2),
    ("noblur_f2", "subsample", 2),
    ("pool_f2", "max_pool", 2),
    ("antialias_f2", "blur_pool", 2),
]


def pictures(n=2, channels=3, size=32, seed=0):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [28, 32])
@pytest.mark.parametrize(("theirs", "scaler", "factor"), TF_NAMES)
def test_every_scaler_is_the_authors(size, theirs, scaler, factor):
    x = oracle.pictures(oracle.arrays()[f"pyramid__in_{size}"])
    expected = oracle.pictures(oracle.arrays()[f"pyramid__{size}__{theirs}"])
    assert oracle.difference(SCALERS[scaler](x, factor), expected) < oracle.TOLERANCE
    _, level = Pyramid(size, (1, factor), scaler)(x)
    assert oracle.difference(level, expected) < oracle.TOLERANCE


def test_upsampling_is_the_authors():
    x = oracle.pictures(oracle.arrays()["pyramid__in_7x2"])
    assert torch.equal(upsample2(x), oracle.pictures(oracle.arrays()["pyramid__7x2__up_nearest_f2"]))


def test_every_scaler_has_an_oracle():
    assert {scaler for _, scaler, _ in TF_NAMES} == set(SCALERS)


@settings(max_examples=60)
@given(st.integers(1, 70), st.integers(1, 70))
def test_the_rows_of_a_resize_sum_to_one_and_have_no_negative_weight(size_in, size_out):
    matrix = resize_matrix(size_in, size_out)
    assert matrix.shape == (size_out, size_in)
    assert matrix.dtype == torch.float32
    assert (matrix >= 0).all()
    torch.testing.assert_close(matrix.sum(dim=1), torch.ones(size_out), atol=3e-7, rtol=0)


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_inner_rows_have_three_times_the_factor_taps_and_start_one_factor_before(factor):
    matrix = resize_matrix(8 * factor, 8)
    for o in range(1, 7):
        assert matrix[o].nonzero().flatten().tolist() == list(range(factor * o - factor, factor * o + 2 * factor))
        torch.testing.assert_close(matrix[o], matrix[1].roll(factor * (o - 1)))


def test_the_six_taps_of_factor_two():
    matrix = resize_matrix(32, 16)
    for o in range(1, 15):
        torch.testing.assert_close(matrix[o, 2 * o - 2 : 2 * o + 4], SIX_TAPS, atol=1e-7, rtol=0)


def test_at_the_edge_the_taps_that_are_left_are_renormalised():
    matrix = resize_matrix(32, 16)
    assert [round(w, 4) for w in matrix[0, :5].tolist()] == [0.4136, 0.4136, 0.1522, 0.0206, 0.0]
    torch.testing.assert_close(matrix[0, :4], SIX_TAPS[2:] / SIX_TAPS[2:].sum(), atol=1e-7, rtol=0)
    torch.testing.assert_close(matrix.flip(0, 1), matrix)


def test_enlarging_does_not_blur_more_than_one_pixel_of_the_picture():
    # Without shrinking, the kernel keeps its size in pixels of the picture: a resize to the same size is a blur of
    # sigma 0.5, of the weights exp(0), exp(-2) on the neighbours.
    row = resize_matrix(9, 9)[4, 3:6]
    side = math.exp(-2) / (1 + 2 * math.exp(-2))
    torch.testing.assert_close(row, torch.tensor([side, 1 - 2 * side, side]))


@settings(max_examples=40)
@given(
    st.floats(-100, 100, width=32),
    st.sampled_from([16, 32, 48]),
    st.sampled_from(["gaussian_resize", "blur_subsample", "subsample", "max_pool"]),
)
def test_a_constant_picture_stays_as_it_is(value, size, scaler):
    for level in Pyramid(size, (1, 2, 4, 8), scaler)(torch.full((1, 2, size, size), value)):
        torch.testing.assert_close(level, torch.full_like(level, value), atol=1e-6, rtol=2e-6)


@pytest.mark.parametrize("scaler", SCALERS)
def test_a_batch_is_its_pictures_one_by_one(scaler):
    x = pictures(5)
    pyramid = Pyramid(32, (1, 2, 4), scaler)
    together = pyramid(x)
    for level, alone in zip(together, zip(*(pyramid(p[None]) for p in x), strict=True), strict=True):
        torch.testing.assert_close(level, torch.cat(alone), atol=1e-6, rtol=0)


@pytest.mark.parametrize("scaler", SCALERS)
def test_channels_do_not_mix(scaler):
    x = pictures(1)
    pyramid = Pyramid(32, (2, 4), scaler)
    for level, *alone in zip(pyramid(x), *(pyramid(x[:, c : c + 1]) for c in range(3)), strict=True):
        torch.testing.assert_close(level, torch.cat(alone, dim=1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("scaler", SCALERS)
def test_one_picture_a_scale_gives_each_its_own_level(scaler):
    pyramid = Pyramid(32, (1, 2, 4), scaler)
    three = [pictures(seed=i) for i in range(3)]
    for i, level in enumerate(pyramid(three)):
        assert torch.equal(level, pyramid(three[i])[i])
    same = pyramid([three[0]] * 3)
    assert all(map(torch.equal, same, pyramid(three[0])))


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("factors", [(1,), (4,), (1, 2, 4, 8), (8, 1)])
def test_levels_have_the_sizes_of_their_factors(scaler, factors):
    levels = Pyramid(32, factors, scaler)(pictures())
    assert [tuple(level.shape) for level in levels] == [(2, 3, 32 // f, 32 // f) for f in factors]
    if 1 in factors:
        assert torch.equal(levels[factors.index(1)], pictures())


def test_a_resize_by_four_is_not_two_by_two():
    x = pictures()
    once, twice = gaussian_resize(x, 4), gaussian_resize(gaussian_resize(x, 2), 2)
    assert (once - twice).abs().max() > 0.01
    assert torch.equal(Pyramid(32)(x)[2], once)


def test_without_blur_and_with_max_pooling_two_by_two_is_four():
    x = pictures()
    for scaler in ("subsample", "max_pool"):
        shrink = SCALERS[scaler]
        assert torch.equal(shrink(x, 4), shrink(shrink(x, 2), 2))


def test_blur_subsample_blurs_with_half_the_factor():
    # A bright pixel far from the edges leaves the kernel itself behind, read at every fourth place.
    x = torch.zeros(1, 1, 64, 64)
    x[..., 32, 32] = 1
    kernel = gaussian_kernel(2.0)
    assert kernel.shape == (13, 13)
    expected = F.pad(kernel, (26, 25, 26, 25))[::4, ::4]
    torch.testing.assert_close(SCALERS["blur_subsample"](x, 4)[0, 0], expected)


def test_other_precisions_and_the_gradient_pass():
    x = pictures().double().requires_grad_()
    levels = Pyramid(32)(x)
    assert {level.dtype for level in levels} == {torch.float64}
    levels[2].sum().backward()
    torch.testing.assert_close(x.grad.sum(), torch.tensor(2 * 3 * 8 * 8.0, dtype=torch.float64), rtol=1e-6, atol=0)


def test_nothing_of_it_is_trained_or_saved():
    assert list(Pyramid(32).parameters()) == []
    assert Pyramid(32).state_dict() == {}
    assert repr(Pyramid(28, (1, 4))) == "Pyramid(image_size=28, factors=(1, 4), scaler='gaussian_resize')"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((32, (1, 2), "gausian_resize"), "unknown scaler 'gausian_resize'; did you mean 'gaussian_resize'"),
        ((32, (1, 2), "tf"), "unknown scaler 'tf'\nThere are: gaussian_resize, blur_subsample"),
        ((30, (1, 2, 4)), "image_size 30 is not divisible by 4: use a multiple of 4"),
        ((0,), "image_size must be a whole number of at least 1, not 0"),
        ((32.0,), r"image_size must be a whole number of at least 1, not 32\.0"),
        ((32, ()), "a pyramid needs at least one factor"),
        ((30, (1, 3)), "a pyramid factor must be a power of two, not 3"),
        ((32, (1, 0)), "a pyramid factor must be a whole number of at least 1, not 0"),
        ((32, (1, True)), "a pyramid factor must be a whole number of at least 1, not True"),
    ],
)
def test_bad_configurations_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Pyramid(*arguments)


def test_bad_pictures_are_refused():
    pyramid = Pyramid(32)
    with pytest.raises(ValueError, match=r"expected pictures \(N, C, 32, 32\), not \(2, 3, 28, 28\); build the"):
        pyramid(pictures(size=28))
    with pytest.raises(ValueError, match=r"not \(3, 32, 32\)"):
        pyramid(pictures()[0])
    with pytest.raises(ValueError, match=r"2 pictures for the 3 scales \(1, 2, 4\): give one tensor, or one a scale"):
        pyramid([pictures()] * 2)
    with pytest.raises(ValueError, match="a picture of 8x8 is too small to blur for factor 8"):
        Pyramid(8, (1, 8), "blur_subsample")(pictures(size=8))
    for bad in (0, -1, 2.5):
        with pytest.raises(ValueError, match="size_out must be a whole number"):
            resize_matrix(8, bad)
        with pytest.raises(ValueError, match="size_in must be a whole number"):
            resize_matrix(bad, 8)


@pytest.mark.parametrize("scaler", SCALERS)
def test_a_scaler_refuses_bytes_and_what_it_would_crop_or_stretch(scaler):
    shrink = SCALERS[scaler]
    with pytest.raises(ValueError, match=r"must be float \(N, C, H, W\), not torch.uint8 .* images.float\(\) / 255"):
        shrink(torch.full((1, 1, 8, 8), 255, dtype=torch.uint8), 2)
    with pytest.raises(ValueError, match=r"not torch.float32 \(32, 32\)"):
        shrink(torch.rand(32, 32), 2)
    for size, factor in (((28, 28), 3), ((28, 30), 4), ((30, 28), 4)):
        with pytest.raises(ValueError, match=rf"pictures of {size[0]}x{size[1]} cannot be shrunk by {factor}"):
            shrink(torch.rand(1, 1, *size), factor)
    for bad in (0, -2, 2.0):
        with pytest.raises(ValueError, match="a factor must be a whole number of at least 1"):
            shrink(torch.rand(1, 1, 8, 8), bad)
    assert shrink(torch.rand(1, 1, 16, 24), 2).shape == (1, 1, 8, 12)


def test_a_pyramid_refuses_bytes_and_a_blur_of_no_pixels():
    with pytest.raises(ValueError, match=r"not torch\.uint8"):
        Pyramid(32)(torch.zeros(1, 1, 32, 32, dtype=torch.uint8))
    for sigma in (0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="sigma must be a finite number of pixels above 0, not"):
            gaussian_kernel(sigma)
    with pytest.raises(ValueError, match="must be a power of two, not 3"):
        SCALERS["blur_pool"](torch.rand(1, 1, 9, 9), 3)
