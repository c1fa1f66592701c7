import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from c2f.networks import glimpse
from c2f.networks.glimpse.geometry import box_overlap, sampling_grid, take_glimpse


def ramp(size):
    """A picture whose two channels are its own coordinates x and y, in [-1, 1]: a glimpse of it shows where it is."""
    line = torch.linspace(-1, 1, size, dtype=torch.float64)
    return torch.stack([line.expand(size, size), line[:, None].expand(size, size)])[None]


@settings(max_examples=50)
@given(
    scale=st.floats(0.05, 1.0),
    shares=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    size=st.integers(8, 40),
    side=st.integers(2, 20),
)
def test_a_glimpse_reads_where_its_place_says(scale, shares, size, side):
    x, y = (share * (1 - scale) for share in shares)
    crop = glimpse.take_glimpse(ramp(size), torch.tensor([[scale, x, y]], dtype=torch.float64), side)[0]
    steps = torch.linspace(-1, 1, side, dtype=torch.float64)
    inside = slice(1, -1)  # a border pixel may fall a rounding error outside, where zeros begin
    assert torch.allclose(crop[0, inside, inside], (x + scale * steps).expand(side, side)[inside, inside], atol=1e-9)
    columns = (y + scale * steps)[:, None].expand(side, side)
    assert torch.allclose(crop[1, inside, inside], columns[inside, inside], atol=1e-9)


@pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid")  # of a single pixel
@pytest.mark.parametrize("side", [1, 2, 16, 27])
def test_the_grid_is_that_of_torch(side):
    locations = torch.rand(5, 3, dtype=torch.float64, requires_grad=True)
    scale, x, y = locations.unbind(dim=1)
    zero = torch.zeros_like(scale)
    matrices = torch.stack([scale, zero, x, zero, scale, y], dim=1).reshape(-1, 2, 3)
    theirs = torch.nn.functional.affine_grid(matrices, [5, 1, side, side], align_corners=True)
    ours = sampling_grid(locations, side)
    assert torch.allclose(ours, theirs, atol=1e-15)
    weights = torch.rand_like(ours)
    of_ours, of_theirs = (torch.autograd.grad((weights * grid).sum(), locations)[0] for grid in (ours, theirs))
    assert torch.allclose(of_ours, of_theirs, atol=1e-12)


def test_the_whole_picture_at_its_own_size_is_the_picture():
    pictures = torch.rand(2, 3, 30, 30)
    assert torch.allclose(glimpse.take_glimpse(pictures, glimpse.whole_picture(pictures), 30), pictures, atol=4e-5)


def test_beyond_the_picture_is_zero():
    crop = glimpse.take_glimpse(torch.ones(1, 1, 20, 20), torch.tensor([[0.5, 2.0, 0.0]]), 8)
    assert crop.abs().max() == 0


def test_a_picture_that_is_not_square_is_squeezed_by_its_height():
    assert glimpse.glimpse_side(100, 2.33) == 42
    crop = glimpse.take_glimpse(torch.rand(1, 1, 100, 200), torch.tensor([[1.0, 0.0, 0.0]]), 42)
    assert crop.shape == (1, 1, 42, 42)


SIGMA = st.lists(st.floats(0, 1), min_size=3, max_size=3)
SCALES = st.tuples(st.floats(0.05, 0.9), st.floats(0.01, 0.09)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@settings(max_examples=50)
@given(sigma=SIGMA, scales=SCALES)
def test_a_tight_crop_never_leaves_the_picture(sigma, scales):
    location = glimpse.locations_from(torch.tensor([sigma], dtype=torch.float64), "tight_crop", *scales)
    assert scales[0] - 1e-12 <= location[0, 0] <= scales[1] + 1e-12
    assert glimpse.boxes(location).abs().max() <= 1 + 1e-12


def test_the_rules_agree_for_the_smallest_window_only():
    smallest, largest = torch.tensor([[0.0, 0.9, 0.1]]), torch.tensor([[1.0, 0.9, 0.1]])
    at = {rule: glimpse.locations_from(smallest, rule, 0.2, 0.5)[0].tolist() for rule in glimpse.TRANSLATIONS}
    for location in at.values():
        assert location == pytest.approx([0.2, 0.64, -0.64])
    reach = {rule: glimpse.locations_from(largest, rule, 0.2, 0.5)[0, 1].item() for rule in glimpse.TRANSLATIONS}
    assert reach == pytest.approx({"tight_crop": 0.4, "centre_invariant": 1.6, "naive": 0.64})


def test_overlap_by_eye():
    whole, quarter = torch.tensor([-1.0, -1, 1, 1]), torch.tensor([0.0, 0, 1, 1])
    assert box_overlap(whole, whole) == 1
    assert box_overlap(whole, quarter) == 0.25
    assert box_overlap(quarter, -quarter.flip(0)) == 0  # they touch in a corner


def test_pixel_boxes_of_a_wide_picture():
    assert glimpse.pixel_boxes(torch.tensor([0.5, 0.5, 0.0]), 100, 200).tolist() == [100, 25, 199, 75]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: glimpse.glimpse_side(112, 0.5), r"at least 1 .* not 0\.5"),
        (lambda: glimpse.glimpse_side(28, 40.0), "nothing is left of 28 pixels at downsampling 40.0"),
        (lambda: glimpse.glimpse_side(0, 4), "height .* not 0"),
        (lambda: glimpse.take_glimpse(torch.rand(28, 28), torch.rand(1, 3), 7), r"\(N, C, H, W\), not \(28, 28\)"),
        (lambda: glimpse.take_glimpse(torch.rand(2, 1, 8, 8), torch.rand(1, 3), 4), r"\(2, 3\), not \(1, 3\)"),
        (lambda: glimpse.take_glimpse(torch.rand(1, 1, 8, 8), torch.rand(1, 3), 0), "side .* not 0"),
        (lambda: glimpse.locations_from(torch.rand(1, 3), "tight-crop", 0.2, 0.5), "did you mean 'tight_crop'"),
        (lambda: glimpse.locations_from(torch.rand(1, 3), "naive", 0.5, 0.2), r"scale_min 0\.5 and scale_max 0\.2"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("height", "side", "rows"), [(64, 16, 28), (112, 28, 52)])
def test_at_a_quarter_of_the_size_four_fifths_of_the_pixels_are_never_read(height, side, rows):
    # points lie 63 / 15 and 111 / 27 pixels apart: four of them on a pixel, the others between two
    whole = torch.zeros(1, 1, height, height, requires_grad=True)
    take_glimpse(whole, torch.tensor([[1.0, 0, 0]]), side).sum().backward()
    read = whole.grad[0, 0] > 1e-4
    assert (read.any(dim=0).sum(), read.any(dim=1).sum()) == (rows, rows)
    assert (~read).double().mean().item() == pytest.approx(0.8, abs=0.02)
