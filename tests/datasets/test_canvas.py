import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from c2f import datasets
from c2f.datasets import canvas
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures


def small(count=40, side=6):
    images = torch.randint(
        1, 256, (count, 1, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    return Pictures(images, torch.arange(count) % 3, ("a", "b", "c"))


def found_at(pictures):
    """Rows and columns of the first pixel that is not black."""
    places = [torch.nonzero(x[0]).min(dim=0).values for x in pictures]
    return torch.stack(places).T


def test_a_picture_is_put_whole_at_its_place():
    x = torch.rand(3, 2, 4, 4) + 0.1
    made = canvas.put(x, torch.tensor([0, 3, 6]), torch.tensor([6, 0, 2]), size=10)
    assert made.shape == (3, 2, 10, 10)
    for one, here, row, column in zip(made, x, (0, 3, 6), (6, 0, 2), strict=True):
        assert torch.equal(one[:, row : row + 4, column : column + 4], here)
        assert one.count_nonzero() == here.numel()


def test_places_are_those_of_padding_and_a_random_affine_move():
    """The authors' way: pad, and torchvision's RandomAffine with translation, zeros outside."""
    x = torch.rand(1, 28, 28) + 0.1
    padded = torch.nn.functional.pad(x, (42, 42, 42, 42))
    moved = v2.functional.affine(padded, angle=0, translate=[-42, 17], scale=1, shear=[0.0, 0.0])
    assert torch.allclose(canvas.put(x[None], torch.tensor([42 + 17]), torch.tensor([0]))[0], moved, atol=1e-6)


def test_places_are_uniform_but_for_the_two_outermost():
    rows, columns = canvas._draw(40_000, 2, torch.Generator().manual_seed(0))
    for places in (rows, columns):
        shares = torch.bincount(places, minlength=5) / len(places)
        assert torch.allclose(shares, torch.tensor([1, 2, 2, 2, 1]) / 8, atol=0.01)
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.02


def test_an_epoch_has_its_own_places_and_can_be_had_again():
    batches = Batches(small(), 16, augment=canvas.on_canvas(20), seed=3)
    epochs = [torch.cat([x for x, _ in batches.epoch(number)]) for number in (0, 1, 0)]
    assert epochs[0].shape == (40, 1, 20, 20)
    assert torch.equal(epochs[0], epochs[2])
    assert not torch.equal(found_at(epochs[0]), found_at(epochs[1]))
    assert found_at(epochs[0]).min() >= 0
    assert found_at(epochs[0]).max() <= 14


def test_test_pictures_stay_where_they_are():
    one, other = canvas.fixed(small(), 20), canvas.fixed(small(), 20)
    assert one.images.dtype == torch.uint8
    assert torch.equal(one.images, other.images)
    assert not torch.equal(canvas.fixed(small(), 20, seed=2).images, one.images)
    row, column = found_at(one.images)[:, 7]
    assert torch.equal(one.images[7, :, row : row + 6, column : column + 6], small().images[7])


def test_noise_stays_between_the_least_and_the_largest_value():
    x = torch.rand(8, 1, 6, 6, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.2
    plain = canvas.on_canvas(60)(x, torch.Generator().manual_seed(5))
    noisy = canvas.on_canvas(60, noise=0.1)(x, torch.Generator().manual_seed(5))
    assert torch.equal(noisy.amax(dim=(1, 2, 3)), plain.amax(dim=(1, 2, 3)))
    assert noisy.min() == 0
    black = noisy[plain == 0]
    assert 0.45 < (black > 0).float().mean() < 0.55  # what is below black is clamped
    assert abs(float(black[black > 0].square().mean().sqrt()) - 0.1) < 0.01


def test_load_canvas(monkeypatch):
    monkeypatch.setattr(datasets, "load", lambda name: datasets.DataSet(name, small(50), small(20)))
    found = canvas.load_canvas("canvas-mnist", size=30, noise=0.1)
    assert found.train.images.shape == (50, 1, 6, 6)
    assert found.test.images.shape == (20, 1, 30, 30)
    assert found.place(torch.rand(2, 1, 6, 6), torch.Generator()).shape == (2, 1, 30, 30)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: canvas.load_canvas("canvas-mnst"),
            "unknown canvas data set 'canvas-mnst'; did you mean 'canvas-mnist'",
        ),
        (lambda: canvas.on_canvas(0), "size of a canvas must be a whole number of at least 1, not 0"),
        (lambda: canvas.on_canvas(noise=-1), "noise is a standard deviation of at least 0, not -1"),
        (lambda: canvas.fixed(small(), 19), "a picture of 6 pixels has no middle on a canvas of 19: take 20"),
        (
            lambda: canvas.put(torch.rand(1, 1, 4, 5), torch.zeros(1).long(), torch.zeros(1).long(), 9),
            "of 4x5 do not fit",
        ),
        (lambda: canvas.fixed(small(), 4), "pictures of 6x6 do not fit on a canvas of 4x4"),
        (lambda: canvas.put(torch.rand(1, 1, 4, 4), torch.tensor([6]), torch.tensor([0]), 9), "from 0 to 5 .* 0 to 6"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
