import numpy as np
import pytest
import torch
from PIL import Image

from c2f.datasets.photographs import Photographs


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Two classes of five pictures, all of different sizes; of each the middle is white."""
    folder = tmp_path_factory.mktemp("tree")
    for label, name in enumerate(("n01", "n02")):
        (folder / name).mkdir()
        for k in range(5):
            height, width = 40 + 3 * k, 60 + 7 * k
            array = np.full((height, width, 3), 10 * k + 60 * label, np.uint8)
            array[height // 4 : -height // 4, width // 3 : -width // 3] = 255
            Image.fromarray(array).save(folder / name / f"{k}.png")
    return folder


def all_of(batches, epoch=0):
    parts = list(batches.epoch(epoch))
    return torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts])


def test_test_pictures_are_the_middle_in_order(tree):
    x, y = all_of(Photographs(tree, 4, size=32))
    assert x.shape == (10, 3, 32, 32)
    assert x.dtype == torch.float32
    assert y.tolist() == [0] * 5 + [1] * 5
    # the shorter side, 40, is brought to 37, and 32 are cut out of its middle: the border keeps the ground's value
    assert torch.allclose(x[3][:, 0, 0], torch.full((3,), 30 / 255))
    assert (x[:, :, 16, 16] == 1).all()


def test_training_crops_depend_on_seed_and_epoch_alone(tree):
    one = Photographs(tree, 4, size=24, train=True, seed=1)
    (x, y), (again, labels) = all_of(one), all_of(Photographs(tree, 4, size=24, train=True, seed=1, workers=1))
    assert torch.equal(x, again)
    assert torch.equal(y, labels)
    assert not torch.equal(all_of(one, 1)[0], x)
    assert sorted(y.tolist()) == [0] * 5 + [1] * 5
    assert len(one) == 3


def test_the_global_random_state_is_left_alone(tree):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    all_of(Photographs(tree, 4, size=24, train=True))
    assert torch.equal(torch.rand(1), expected)


def test_keep_only_some_files(tree):
    kept = Photographs(tree, 4, size=24).keep(torch.tensor([1, 8]))
    x, y = all_of(kept)
    assert kept.num_pictures == len(x) == 2
    assert y.tolist() == [0, 1]


def test_bad_input(tree, tmp_path):
    with pytest.raises(FileNotFoundError, match="has no class folders"):
        Photographs(tmp_path / "none", 4)
    with pytest.raises(FileNotFoundError, match="has no class folders"):
        Photographs(tmp_path, 4)
    with pytest.raises(ValueError, match=r"has no classes n03; did you mean 'n0[12]'"):
        Photographs(tree, 4, classes=["n03"])
    with pytest.raises(ValueError, match="size must be a whole number of at least 1, not 0"):
        Photographs(tree, 4, size=0)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"cannot read the picture .*broken\.png"):
        all_of(Photographs(tmp_path, 4))
