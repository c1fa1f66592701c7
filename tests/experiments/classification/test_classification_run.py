import os
import time
from dataclasses import asdict, replace

import pytest
import torch

from c2f import zoo
from c2f.datasets.pictures import DataSet, Pictures, mean_image
from c2f.experiments.classification import run as experiments
from c2f.experiments.classification.run import train_run
from c2f.runs.parts import OutOfTime
from c2f.runs.record import RecordError, read
from c2f.training import data as training_data
from c2f.training.data import load_for
from c2f.training.recipes import Recipe, recipe

DATA = "fashion-mnist-sample"
NAME = f"lenetfc--{DATA}"
RECIPE = Recipe("tiny", epochs=2, batch_size=64)


@pytest.fixture(autouse=True)
def sample(few_of_the_sample):
    return few_of_the_sample(DATA, train=300, test=100)


def train(output, seed=0, recipe=RECIPE, network="lenetfc", **more):
    return train_run(network, DATA, recipe, seed, output, **more)


def same_but_for_the_clock(a, b):
    def timeless(run):
        details = {**run.details, "history": {**run.details["history"], "seconds": None}}
        return [value for name, value in run.values.items() if "seconds" not in name], details, run.files["weights"]

    return timeless(a) == timeless(b)


def test_a_run_writes_its_record_and_its_weights(tmp_path, sample):
    seen = []
    run = train(tmp_path, on_epoch=lambda history: seen.append(len(history)))
    assert seen == [1, 2]
    assert sorted(os.listdir(tmp_path)) == ["checkpoints", "runs", "weights"]
    assert os.listdir(tmp_path / "checkpoints") == []
    assert os.listdir(tmp_path / "weights") == [f"{NAME}--seed0.safetensors"]

    record = read(tmp_path / "runs" / f"{NAME}.json")
    assert record.kind == "training"
    assert record.parameters == {
        "network": "lenetfc",
        "data": DATA,
        "recipe": asdict(RECIPE),
        "merge": "sum_concat",
        "scaler": "gaussian_resize",
        "in_channels": 1,
        "image_size": 28,
        "num_classes": 10,
        "trained_parameters": 7670,
        "multiply_adds": 829472,
    }
    assert same_but_for_the_clock(record.runs[0], run)
    assert set(run.values) == {
        "test_accuracy",
        "test_loss",
        "train_accuracy",
        "val_accuracy",
        "train_seconds",
        "inference_seconds_per_1000",
    }
    assert run.details["pictures"] == {"train": 270, "val": 30, "test": 100}
    assert run.details["classes"][0] == "T-shirt/top"
    assert run.values["train_seconds"] == pytest.approx(sum(run.details["history"]["seconds"]))
    assert run.values["val_accuracy"] == run.details["history"]["val_accuracy"][-1]

    confusion = torch.tensor(run.details["confusion"])
    assert confusion.sum(dim=1).tolist() == sample.test.labels.bincount(minlength=10).tolist()
    assert run.values["test_accuracy"] == pytest.approx(float(confusion.trace() / 100))
    with torch.no_grad():
        logits = zoo.load("lenetfc", DATA, 0, tmp_path).network(sample.test.images.float() / 255)
    assert torch.nn.functional.cross_entropy(logits, sample.test.labels).item() == pytest.approx(
        run.values["test_loss"], rel=1e-5
    )


def test_another_seed_is_added_and_the_same_one_gives_the_same_again(tmp_path):
    first, second = train(tmp_path, 0), train(tmp_path, 1)
    record = read(tmp_path / "runs" / f"{NAME}.json")
    assert record.seeds == [0, 1]
    assert not same_but_for_the_clock(first, second)
    assert first.files["weights"]["sha256"] != second.files["weights"]["sha256"]
    again = train(tmp_path, 0)
    assert same_but_for_the_clock(again, first)
    assert read(tmp_path / "runs" / f"{NAME}.json").seeds == [0, 1]


class Killed(BaseException):
    pass


def killed_after(epochs):
    def kill(history):
        if len(history) == epochs:
            raise Killed

    return kill


def test_an_interrupted_run_goes_on_and_ends_as_if_unbroken(tmp_path):
    unbroken = train(tmp_path / "unbroken", network="lenetfc_td", merge="sum")
    broken = tmp_path / "broken"
    with pytest.raises(Killed):
        train(broken, network="lenetfc_td", merge="sum", on_epoch=killed_after(1))
    assert os.listdir(broken) == ["checkpoints"]
    seen = []
    resumed = train(broken, network="lenetfc_td", merge="sum", on_epoch=lambda history: seen.append(len(history)))
    assert seen == [1, 2]
    assert same_but_for_the_clock(resumed, unbroken)
    assert os.listdir(broken / "checkpoints") == []


@pytest.mark.parametrize("changes", [{"merge": "concat"}, {"scaler": "max_pool"}])
def test_the_checkpoint_of_another_network_of_the_same_shapes_is_refused(tmp_path, changes):
    with pytest.raises(Killed):
        train(tmp_path, network="lenetfc_td", on_epoch=killed_after(1))
    with pytest.raises(ValueError, match=rf"is of another run, .*: {next(iter(changes))} "):
        train(tmp_path, network="lenetfc_td", **changes)


def no_work(*arguments, **options):
    pytest.fail("work was begun")


def test_another_recipe_in_the_same_folder_is_refused_before_any_work(tmp_path, monkeypatch):
    train(tmp_path)
    monkeypatch.setattr(experiments, "fit", no_work)
    monkeypatch.setattr(experiments, "split_validation", no_work)
    with pytest.raises(RecordError, match=r"recipe\.lr 0\.1 there and 0\.05 here; choose another folder"):
        train(tmp_path, 1, replace(RECIPE, lr=0.05))
    with pytest.raises(RecordError, match=r"merge 'sum_concat' there and 'sum' here; choose another folder"):
        train(tmp_path, 1, merge="sum")
    path = tmp_path / "runs" / f"{NAME}.json"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(RecordError, match="damaged or truncated"):
        train(tmp_path, 1)


def test_bad_arguments_are_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "fit", no_work)
    with pytest.raises(ValueError, match="seed must be a whole number of at least 0, not -1"):
        train(tmp_path, -1)
    with pytest.raises(ValueError, match="unknown network 'lenet'; did you mean"):
        train(tmp_path, network="lenet")
    with pytest.raises(ValueError, match="unknown merge 'add'"):
        train(tmp_path, merge="add")
    with pytest.raises(ValueError, match="unknown scaler 'blur'"):
        train(tmp_path, scaler="blur")
    (tmp_path / "file").write_text("")
    with pytest.raises(PermissionError, match="Choose another folder or mend this one"):
        train(tmp_path / "file")
    assert os.listdir(tmp_path) == ["file"]


def test_the_deadline_is_passed_on_and_nothing_is_recorded(tmp_path):
    with pytest.raises(OutOfTime):
        train(tmp_path, deadline=time.monotonic() - 1)
    assert os.listdir(tmp_path) == []


def test_without_a_validation_part_there_is_none(tmp_path):
    run = train(tmp_path, recipe=replace(RECIPE, validation=0.0, epochs=1))
    assert "val_accuracy" not in run.values
    assert run.details["pictures"] == {"train": 300, "val": 0, "test": 100}
    assert read(tmp_path / "runs" / f"{NAME}.json").runs[0].details["history"]["val_accuracy"] == [None]


def coloured(n, size, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    images = torch.randint(0, 128, (n, 3, size, size), generator=generator) + 100 * labels[:, None, None, None]
    return Pictures(images.byte(), labels, ("dark", "bright"))


def test_the_mean_image_the_larger_training_pictures_and_the_crop(tmp_path, monkeypatch):
    """Imagenette's chain at a small size: train at 20 pixels, crop 16, test at 16 minus the training mean at 16."""
    asked = []

    def load(data, image_size):
        asked.append(image_size)
        return DataSet(data, coloured(40, image_size, 0), coloured(10, image_size, 1))

    monkeypatch.setattr(training_data, "load_data_set", load)
    seen = {}

    def watch(network, train, recipe, *, validation, **options):
        seen.update(train=next(train.epoch(0)), mean=train.mean, validation=next(validation.epoch(0)))
        return fit(network, train, recipe, validation=validation, **options)

    fit = experiments.fit
    monkeypatch.setattr(experiments, "fit", watch)
    imagenette = recipe("resnet18", "imagenette")
    small = replace(imagenette, epochs=1, image_size=16, train_scale=1.25, validation=0.1, batch_size=16)
    run = train_run("resnet32", "somewhere", small, 0, tmp_path)
    assert asked == [16, 20]
    assert seen["train"][0].shape == (16, 3, 16, 16)
    assert torch.equal(seen["mean"], mean_image(coloured(40, 20, 0)))
    x, _ = seen["validation"]
    assert x.shape == (4, 3, 16, 16)
    restored = (x + mean_image(coloured(40, 16, 0))) * 255
    assert (restored - restored.round()).abs().max() < 1e-3  # whole grey levels: not augmented
    assert run.details["pictures"] == {"train": 36, "val": 4, "test": 10}
    parameters = read(tmp_path / "runs" / "resnet32--somewhere.json").parameters
    assert parameters["image_size"] == 16
    assert parameters["num_classes"] == 2


def test_pictures_are_loaded_at_the_sizes_of_the_recipe(monkeypatch):
    monkeypatch.setattr(
        training_data, "load_data_set", lambda data, size: DataSet(data, *[coloured(4, size or 64, 0)] * 2)
    )
    for network, data, sizes in (
        ("resnet18", "imagenette", (156, 128)),
        ("resnet18", "tiny-imagenette", (78, 64)),
        ("resnet32", "cifar10", (64, 64)),
    ):
        training, tested = load_for(data, recipe(network, data))
        assert (training.image_size, tested.test.image_size) == sizes
