import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from c2f.datasets.augment import shift_flip
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures, mean_image


def numbered(n, channels=1, size=3):
    """Pictures of which each is known by its label; its first pixel says the label again."""
    images = torch.randint(0, 256, (n, channels, size, size), generator=torch.Generator().manual_seed(1))
    images[:, 0, 0, 0] = torch.arange(n)
    return Pictures(images.byte(), torch.arange(n), tuple(str(i) for i in range(n)))


def gather(batches, number=0):
    x, y = zip(*batches.epoch(number), strict=True)
    return torch.cat(x), torch.cat(y)


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 50), st.booleans(), st.integers(0, 5), st.integers(0, 5))
def test_every_picture_comes_once_an_epoch_with_its_label(n, batch_size, shuffle, seed, number):
    pictures = numbered(n)
    batches = Batches(pictures, batch_size, shuffle=shuffle, seed=seed)
    sizes = [len(y) for _, y in batches.epoch(number)]
    assert len(sizes) == len(batches)
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    assert 1 <= sizes[-1] <= batch_size
    x, y = gather(batches, number)
    assert y.sort().values.tolist() == list(range(n))
    assert batches.num_pictures == n
    assert torch.equal(x, pictures.images[y].float() / 255)
    if not shuffle:
        assert y.tolist() == list(range(n))


def test_types_are_what_networks_and_losses_take():
    x, y = next(Batches(numbered(5, channels=3), 4).epoch(0))
    assert x.dtype == torch.float32
    assert x.shape == (4, 3, 3, 3)
    assert y.dtype == torch.int64
    assert y.shape == (4,)


def test_an_epoch_depends_on_the_seed_and_its_number_alone():
    def epoch(seed, number, state):
        torch.manual_seed(state)
        return gather(Batches(numbered(30), 7, shuffle=True, augment=shift_flip, seed=seed), number)

    first = epoch(3, 5, state=0)
    again = epoch(3, 5, state=1)
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[1], epoch(3, 6, state=0)[1])
    assert not torch.equal(first[1], epoch(4, 5, state=0)[1])


def test_a_resumed_run_sees_what_an_unbroken_one_sees():
    batches = Batches(numbered(30), 7, shuffle=True, augment=shift_flip, seed=1)
    unbroken = [gather(batches, number) for number in range(4)]
    half_way = batches.epoch(1)
    next(half_way)  # an epoch broken off leaves no trace
    resumed = [gather(batches, number) for number in (2, 3)]
    for a, b in zip(unbroken[2:], resumed, strict=True):
        assert all(map(torch.equal, a, b))


def test_the_global_random_state_stays():
    state = torch.get_rng_state()
    gather(Batches(numbered(9), 4, shuffle=True, augment=shift_flip))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_mean_image_is_subtracted_before_the_augmentation():
    pictures = numbered(50, channels=2)
    x, _ = gather(Batches(pictures, 8, mean=mean_image(pictures)))
    assert x.mean(dim=0).abs().max() < 1e-6
    torch.testing.assert_close(x, pictures.images.float() / 255 - mean_image(pictures), atol=1e-7, rtol=0)
    seen = []

    def augment(x, generator):
        seen.append(x)
        return x[..., :2, :2]

    cropped, _ = gather(Batches(pictures, 8, mean=mean_image(pictures), augment=augment))
    assert torch.equal(torch.cat(seen), x)
    assert cropped.shape == (50, 2, 2, 2)


def test_the_pictures_themselves_stay_as_they_are():
    pictures = numbered(20)
    before = pictures.images.clone()
    for x, y in Batches(pictures, 6, mean=mean_image(pictures)).epoch(0):
        x.zero_()
        y.zero_()
    assert torch.equal(pictures.images, before)
    assert pictures.labels.tolist() == list(range(20))


def test_bad_arguments_are_named():
    for size in (0, -1, 2.0, True, "8"):
        with pytest.raises(ValueError, match=r"batch_size must be a whole number of at least 1, not "):
            Batches(numbered(3), size)
    with pytest.raises(ValueError, match="there are no pictures to make batches of"):
        Batches(numbered(0), 8)
    with pytest.raises(ValueError, match=r"the mean image must be \(1, 3, 3\), not \(3, 3\)"):
        Batches(numbered(3), 8, mean=torch.zeros(3, 3))
