import numpy as np
import pytest
import torch
from PIL import Image

from c2f.datasets.augment import augmentation
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import mean_image
from c2f.datasets.readers import read_folders
from c2f.datasets.streaming import StreamedBatches, streamed_mean_image
from c2f.metrics.classification import evaluate


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Two classes of eleven pictures: JPEG and PNG, grey, colour and palette, each of its own size."""
    folder, random = tmp_path_factory.mktemp("tree"), np.random.default_rng(0)
    for name, count in (("ant", 7), ("bee", 4)):
        (folder / name).mkdir()
        for i in range(count):
            height, width = (int(side) for side in random.integers(20, 40, 2))
            shape = (height, width) if i == 1 else (height, width, 3)
            picture = Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8))
            if i == 2:
                picture = picture.quantize(16)
            picture.save(folder / name / (f"{i}.png" if i % 2 == 0 else f"{i}.JPEG"))
    (folder / "ant" / "notes.txt").write_text("no picture")
    (folder / ".hidden").mkdir()
    return folder


@pytest.mark.parametrize("workers", [0, 2])
def test_a_streamed_epoch_is_the_one_in_memory_bit_for_bit(tree, workers):
    pictures, _ = read_folders(tree, tree, (18, 18))
    mean, augment = mean_image(pictures), augmentation("pca_flip_crop", 16)
    memory = Batches(pictures, 4, shuffle=True, mean=mean, augment=augment, seed=7)
    streamed = StreamedBatches(
        tree, 4, image_size=18, workers=workers, shuffle=True, mean=mean, augment=augment, seed=7
    )
    assert streamed.classes == pictures.classes == ("ant", "bee")
    assert (len(streamed), streamed.num_pictures, streamed.image_size) == (len(memory), 11, 18)
    state = torch.get_rng_state()
    for number in (0, 1):
        for (x, y), (a, b) in zip(streamed.epoch(number), memory.epoch(number), strict=True):
            assert x.dtype == torch.float32
            assert y.dtype == torch.int64
            assert torch.equal(x, a)
            assert torch.equal(y, b)
    assert torch.equal(torch.get_rng_state(), state)


def test_pictures_come_in_order_as_pillow_reads_and_resizes_them(tree):
    files = [*sorted((tree / "ant").glob("[0-9]*")), *sorted((tree / "bee").iterdir())]
    batches = list(StreamedBatches(tree, 4, image_size=18).epoch(0))
    assert [len(y) for _, y in batches] == [4, 4, 3]
    x, y = torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])
    assert y.tolist() == [0] * 7 + [1] * 4
    for picture, file in zip(x, files, strict=True):
        expected = Image.open(file).convert("RGB").resize((18, 18), Image.Resampling.BILINEAR)
        assert np.array_equal(picture.permute(1, 2, 0).numpy(), np.asarray(expected, dtype=np.float32) / 255)


def test_some_classes_in_an_order_of_ones_own(tree):
    streamed = StreamedBatches(tree, 8, image_size=18, classes=["bee", "ant"])
    assert streamed.classes == ("bee", "ant")
    pictures, _ = read_folders(tree, tree, (18, 18), classes=["bee", "ant"])
    assert torch.equal(next(streamed.epoch(0))[1], pictures.labels[:8])
    assert pictures.labels.tolist() == [1] * 7 + [0] * 4  # files in the order of their folders
    assert StreamedBatches(tree, 8, image_size=18, classes=["bee"]).num_pictures == 4


def test_the_streamed_mean_image_is_the_one_in_memory(tree):
    pictures, _ = read_folders(tree, tree, (18, 18))
    mean = torch.full((3, 18, 18), 0.25)
    streamed = StreamedBatches(tree, 4, image_size=18, shuffle=True, mean=mean, workers=2)
    assert torch.equal(streamed_mean_image(streamed), mean_image(pictures))


def test_an_epoch_broken_off_leaves_no_trace(tree):
    streamed = StreamedBatches(tree, 2, image_size=18, shuffle=True, workers=2)
    first = [y.tolist() for _, y in streamed.epoch(0)]
    epoch = streamed.epoch(0)
    next(epoch)
    epoch.close()
    assert [y.tolist() for _, y in streamed.epoch(0)] == first


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("damage", ["cut short", "no picture", "deleted"])
def test_a_damaged_file_is_named(tmp_path, workers, damage):
    (tmp_path / "ant").mkdir()
    for i in range(4):
        noise = np.random.default_rng(i).integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "ant" / f"{i}.jpg")
    streamed = StreamedBatches(tmp_path, 2, workers=workers)
    bad = tmp_path / "ant" / "3.jpg"
    if damage == "cut short":
        bad.write_bytes(bad.read_bytes()[:400])
    elif damage == "no picture":
        bad.write_text("hello")
    else:
        bad.unlink()
    epoch = streamed.epoch(0)
    next(epoch)
    with pytest.raises(ValueError, match=r"ant.3\.jpg") as raised:
        next(epoch)
    assert "Traceback" not in str(raised.value)


def test_pictures_of_several_sizes_need_a_size(tmp_path):
    (tmp_path / "ant").mkdir()
    for i, side in enumerate((20, 20, 24, 24)):
        Image.new("RGB", (side, side)).save(tmp_path / "ant" / f"{i}.png")
    for batch_size in (2, 3):  # the odd one begins a batch, or lies within one
        with pytest.raises(ValueError, match=r"2\.png is 24x24\): give image_size=, e\.g\. image_size=20"):
            list(StreamedBatches(tmp_path, batch_size).epoch(0))
    assert len(list(StreamedBatches(tmp_path, 2, image_size=24).epoch(0))) == 2


def test_bad_arguments_are_named(tree, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"there is no folder .*nowhere: give one that holds a folder for each class"
    ):
        StreamedBatches(tmp_path / "nowhere", 4)
    with pytest.raises(FileNotFoundError, match="has no class folders"):
        StreamedBatches(tmp_path, 4)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"has no pictures of 1 of 1 classes: empty"):
        StreamedBatches(tmp_path, 4)
    with pytest.raises(ValueError, match=r"has no classes be; did you mean 'bee'\?"):
        StreamedBatches(tree, 4, image_size=18, classes=["be"])
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1, not 0"):
        StreamedBatches(tree, 0)
    with pytest.raises(ValueError, match="workers must be a whole number of at least 0, not -1"):
        StreamedBatches(tree, 4, workers=-1)
    with pytest.raises(ValueError, match="image_size must be a whole number of at least 1, not 0"):
        StreamedBatches(tree, 4, image_size=0)
    with pytest.raises(ValueError, match="not square"):
        StreamedBatches(tree, 4)
    with pytest.raises(ValueError, match=r"the mean image must be \(3, 18, 18\), not \(1, 18, 18\)"):
        StreamedBatches(tree, 4, image_size=18, mean=torch.zeros(1, 18, 18))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_network_is_evaluated_on_streamed_pictures(tree, workers):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 18 * 18, 2))
    pictures, _ = read_folders(tree, tree, (18, 18))
    found = evaluate(network, StreamedBatches(tree, 4, image_size=18, workers=workers), 2)
    assert found.predictions.tolist() == evaluate(network, Batches(pictures, 4), 2).predictions.tolist()
