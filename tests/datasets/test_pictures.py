import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from c2f.datasets import Pictures, mean_image, split_validation


def pictures(n=10, channels=1, size=4, classes=3, boxes=False, masks=False):
    generator = torch.Generator().manual_seed(n)
    return Pictures(
        torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8, generator=generator),
        torch.arange(n) % classes,
        tuple("abcdefghij"[:classes]),
        torch.arange(4 * n).view(n, 4) if boxes else None,
        torch.arange(n * size * size).view(n, size, size) % 2 == 0 if masks else None,
    )


def test_a_part_takes_everything_along():
    whole = pictures(6, boxes=True, masks=True)
    for index in (torch.tensor([4, 1]), torch.tensor([False, True, False, False, True, False])):
        part = whole.select(index)
        assert len(part) == 2
        assert part.classes == whole.classes
        for field in ("images", "labels", "boxes", "masks"):
            assert torch.equal(getattr(part, field), getattr(whole, field)[index])
    assert whole.select(torch.tensor([], dtype=torch.int64)).images.shape == (0, 1, 4, 4)
    assert (whole.in_channels, whole.image_size) == (1, 4)


def test_to_moves_everything():
    device = "cuda" if torch.cuda.is_available() else "cpu"
    whole = pictures(2, boxes=True, masks=True)
    moved = whole.to(device)
    for field in ("images", "labels", "boxes", "masks"):
        assert getattr(moved, field).device.type == device
        assert torch.equal(getattr(moved, field).cpu(), getattr(whole, field))
    assert moved.classes == whole.classes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(3, 1, 4, 4)}, "uint8 .* not torch.float32"),
        ({"images": torch.zeros(3, 4, 4, dtype=torch.uint8)}, r"not torch.uint8 \(3, 4, 4\)"),
        ({"labels": torch.zeros(2, dtype=torch.int64)}, r"labels must be torch.int64 \(3,\)"),
        ({"labels": torch.zeros(3, dtype=torch.int32)}, "not torch.int32"),
        ({"labels": torch.tensor([0, 1, 2])}, "labels run from 0 to 2 but there are 2 classes"),
        ({"labels": torch.tensor([0, -1, 1])}, "from -1 to 1"),
        ({"boxes": torch.zeros(3, 3, dtype=torch.int64)}, r"boxes must be torch.int64 \(3, 4\)"),
        ({"masks": torch.zeros(3, 4, 5, dtype=torch.bool)}, r"masks must be torch.bool \(3, 4, 4\)"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, message):
    good = {
        "images": torch.zeros(3, 1, 4, 4, dtype=torch.uint8),
        "labels": torch.zeros(3, dtype=torch.int64),
        "classes": ("a", "b"),
    }
    Pictures(**good)
    with pytest.raises(ValueError, match=message):
        Pictures(**{**good, **change})


def test_the_mean_image_by_hand():
    images = torch.tensor([[[[0, 255]]], [[[255, 255]]], [[[255, 0]]]], dtype=torch.uint8)
    mean = mean_image(Pictures(images, torch.zeros(3, dtype=torch.int64), ("a",)))
    assert mean.dtype == torch.float32
    torch.testing.assert_close(mean, torch.tensor([[[2 / 3, 2 / 3]]]))


def test_the_mean_image_is_exact_for_many_pictures():
    images = torch.full((70_000, 1, 1, 1), 255, dtype=torch.uint8)
    assert mean_image(Pictures(images, torch.zeros(70_000, dtype=torch.int64), ("a",))).item() == 1.0


def test_no_pictures_have_no_mean():
    with pytest.raises(ValueError, match="no pictures to take the mean of"):
        mean_image(pictures(3).select(torch.arange(0)))


@given(n=st.integers(1, 60), hundredths=st.integers(0, 99), seed=st.integers(0, 5))
def test_the_validation_draw_parts_the_pictures(n, hundredths, seed):
    whole = pictures(n)
    if math.ceil(hundredths / 100 * n) == n:
        with pytest.raises(ValueError, match=f"leaves none of {n} pictures to train on"):
            split_validation(whole, hundredths / 100, seed)
        return
    train, validation = split_validation(whole, hundredths / 100, seed)
    assert len(validation) == math.ceil(hundredths / 100 * n)
    rows = torch.cat([train.images, validation.images]).flatten(1).tolist()
    assert sorted(rows) == sorted(whole.images.flatten(1).tolist())
    again = split_validation(whole, hundredths / 100, seed)[1]
    assert torch.equal(again.images, validation.images)


def test_seeds_draw_differently_and_keep_the_order():
    whole = pictures(100, classes=10)
    numbered = Pictures(whole.images, whole.labels, whole.classes, torch.arange(400).view(100, 4))
    draws = [split_validation(numbered, 0.1, seed)[1].boxes[:, 0].tolist() for seed in range(5)]
    assert all(draw == sorted(draw) and len(draw) == 10 for draw in draws)
    assert len({tuple(draw) for draw in draws}) == 5


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5])
def test_a_fraction_out_of_range(fraction):
    with pytest.raises(ValueError, match="fraction must be in"):
        split_validation(pictures(), fraction, 0)
