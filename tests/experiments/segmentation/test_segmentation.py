import math
import os
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from c2f import datasets, zoo
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures
from c2f.experiments.segmentation import (
    Meshes,
    MeshRecipe,
    class_weights,
    evaluate_meshes,
    fit_meshes,
    load_meshes,
    make_meshes,
    masked_loss,
    mesh_layout,
    pixel_confusion,
    pixel_labels,
    pixel_scores,
    predict,
    segmentation_run,
)
from c2f.experiments.segmentation import run as experiment_module
from c2f.networks.segmentation import build_segmentation
from c2f.runs.parts import OutOfTime
from c2f.runs.record import RecordError, read

DATA = "fashion-mnist-sample"
RECIPE = MeshRecipe(epochs=2, batch_size=16, lr=0.05)


@pytest.fixture(scope="module")
def sample():
    return datasets.load(DATA)


@pytest.fixture(scope="module")
def found(sample):
    """64 training and 16 test meshes of the shipped pictures."""
    few = [part.select(torch.arange(n)) for part, n in ((sample.train, 256), (sample.test, 64))]
    return tuple(make_meshes(part) for part in few)


# Labels and meshes


def test_labels_follow_the_grey_level():
    images = torch.tensor([0, 1, 51, 52, 255, 0], dtype=torch.uint8).reshape(1, 1, 2, 3)
    labels = pixel_labels(images, torch.tensor([7]))
    assert labels.dtype == torch.int64
    assert labels.tolist() == [[[10, 11, 11], [7, 7, 10]]]


def test_the_threshold_is_the_authors_in_float32():
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    x = images[:, 0].numpy().astype(np.float32) / np.float32(255)
    expected = np.where(x == 0, 10, np.where(x <= np.float32(0.2), 11, 3))
    assert np.array_equal(pixel_labels(images, torch.tensor([3])).numpy(), expected)


@pytest.mark.parametrize(
    ("images", "classes", "message"),
    [
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(2), "must have 1 channel, not 3; take fashion-mnist"),
        (torch.zeros(2, 1, 4, 4), torch.zeros(2), "must be uint8"),
        (torch.zeros(2, 4, 4, dtype=torch.uint8), torch.zeros(2), r"must be uint8 .*\(2, 4, 4\)"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(3), "2 pictures but classes of shape"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 10]), "run from 0 to 10 but num_classes is 10"),
    ],
)
def test_what_has_no_pixel_labels_is_refused(images, classes, message):
    with pytest.raises(ValueError, match=message):
        pixel_labels(images, classes.long())


def test_a_mesh_is_filled_column_by_column():
    parts = torch.tensor([[[[1]], [[2]], [[3]], [[4]]]])
    assert mesh_layout(parts).tolist() == [[[1, 3], [2, 4]]]
    parts = torch.arange(2 * 4 * 2 * 3).reshape(2, 4, 2, 3)
    mesh = mesh_layout(parts)
    assert mesh.shape == (2, 4, 6)
    assert torch.equal(mesh[1, 2:, :3], parts[1, 1])
    assert torch.equal(mesh[1, :2, 3:], parts[1, 2])


def test_meshes_hold_each_picture_once_and_labels_fit_their_pixels(sample):
    # 9 pictures, told apart by one pixel each; the last one is left over.
    images = sample.train.images[:9].clone()
    images[:, 0, 0, 0] = torch.arange(101, 110).byte()
    meshes = make_meshes(replace(sample.train, images=images, labels=sample.train.labels[:9]))
    assert meshes.images.shape == (2, 1, 56, 56)
    assert meshes.labels.shape == (2, 56, 56)
    assert meshes.classes == (*sample.train.classes, "background", "ignore")
    seen = []
    for mesh in range(2):
        for top, left in ((0, 0), (28, 0), (0, 28), (28, 28)):
            window = (mesh, slice(top, top + 28), slice(left, left + 28))
            seen.append(int(meshes.images[:, 0][window][0, 0]) - 101)
            expected = pixel_labels(images[seen[-1] :][:1], sample.train.labels[seen[-1] :][:1])[0]
            assert torch.equal(meshes.images[:, 0][window], images[seen[-1], 0])
            assert torch.equal(meshes.labels[window].long(), expected)
    assert len(set(seen)) == 8


def test_the_seed_decides_who_shares_a_mesh(sample):
    few = sample.test.select(torch.arange(40))
    assert torch.equal(make_meshes(few, 3).images, make_meshes(few, 3).images)
    assert not torch.equal(make_meshes(few, 3).images, make_meshes(few, 4).images)


def test_the_sample_gives_2500_and_500_meshes():
    train, test = load_meshes(DATA)
    assert (len(train), len(test)) == (2500, 500)
    weights = class_weights(train)
    counts = train.labels.long().flatten().bincount(minlength=12)
    assert weights[10] == 1
    assert weights[11] == 0
    # Every class weighs as much in total as the background does.
    torch.testing.assert_close((weights * counts)[:11], counts[10].float().expand(11))


def test_class_weights_by_hand():
    labels = torch.tensor([[[0, 0, 1, 2], [2, 2, 2, 3]]], dtype=torch.uint8)
    meshes = Meshes(torch.zeros(1, 1, 2, 4, dtype=torch.uint8), labels, ("a", "b", "background", "ignore"))
    assert class_weights(meshes).tolist() == [2, 4, 1, 0]


def test_a_class_without_a_pixel_is_refused(sample):
    some = sample.train.select(sample.train.labels < 9)
    with pytest.raises(ValueError, match="belongs to Ankle boot, so no weight"):
        class_weights(make_meshes(some))
    faint = replace(sample.train, images=sample.train.images[:40] // 6, labels=sample.train.labels[:40])
    with pytest.raises(ValueError, match=r"belongs to T-shirt/top, Trouser, .* brighter than 51"):
        class_weights(make_meshes(faint))
    inverted = replace(sample.train, images=255 - sample.train.images[:400] // 2, labels=sample.train.labels[:400])
    with pytest.raises(ValueError, match="belongs to background, so no weight"):
        class_weights(make_meshes(inverted))


def test_too_few_pictures_and_colour_pictures_are_refused(sample):
    with pytest.raises(ValueError, match="takes 4 pictures and there are only 3"):
        make_meshes(sample.train.select(torch.arange(3)))
    colour = Pictures(torch.zeros(8, 3, 32, 32, dtype=torch.uint8), torch.zeros(8).long(), ("a",))
    with pytest.raises(ValueError, match="must have 1 channel, not 3"):
        make_meshes(colour)


@pytest.mark.parametrize("data", ["scenes-fashion-mnist-sample", "cifar10", "imagenette"])
def test_coloured_data_are_refused_before_they_are_read(monkeypatch, data):
    monkeypatch.setattr(datasets, "load", lambda name: pytest.fail(f"{name} was read"))
    with pytest.raises(ValueError, match=f"{data} has coloured ones: take one of .*fashion-mnist-sample"):
        load_meshes(data)


def test_what_the_table_calls_grey_is_grey():
    for name in ("fashion-mnist-sample", "scenes-fashion-mnist-sample"):
        assert datasets.info(name).grey == (datasets.load(name).test.images.shape[1] == 1)


def test_meshes_check_their_labels(found):
    with pytest.raises(ValueError, match=r"labels of meshes must be torch.uint8 \(64, 56, 56\), not torch.int64"):
        replace(found[0], labels=found[0].labels.long())
    with pytest.raises(ValueError, match="a label is 11 but there are 10 classes"):
        replace(found[0], classes=found[0].classes[:10])


# Loss and scores


def test_the_loss_is_the_mean_over_all_pixels_ignored_ones_too():
    logits = torch.tensor([[[0.0, 1.0]], [[2.0, 0.0]], [[0.0, 5.0]]])[None]  # (1, 3 classes, 1, 2)
    labels = torch.tensor([[[1, 2]]], dtype=torch.uint8)
    weights = torch.tensor([4.0, 3.0, 0.0])
    first = -math.log(math.exp(2) / (math.exp(2) + 2))
    assert masked_loss(logits, labels, weights).item() == pytest.approx(3 * first / 2)


def test_the_loss_is_the_authors_but_for_their_clipping():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, 12, 8, 8, generator=generator, dtype=torch.float64)
    labels = torch.randint(12, (2, 8, 8), generator=generator)
    weights = torch.rand(12, generator=generator, dtype=torch.float64).index_fill_(0, torch.tensor([11]), 0.0)
    p = logits.softmax(1)
    p = (p / p.sum(1, keepdim=True)).clip(1e-7, 1 - 1e-7)
    y = nn.functional.one_hot(labels, 12).movedim(-1, 1)
    theirs = -(y * weights[:, None, None] * p.log()).sum(1).mean()
    assert masked_loss(logits, labels, weights).item() == pytest.approx(theirs.item(), rel=1e-6)
    # What the network says on ignored pixels has no influence.
    logits[:, 3][labels == 11] += 7
    assert masked_loss(logits, labels, weights).item() == pytest.approx(theirs.item(), rel=1e-6)


HAND = torch.tensor([[0, 0, 1, 1, 2, 2], [2, 2, 3, 3, 3, 0]])[None]  # classes 0, 1; background 2; ignore 3
SAID = torch.tensor([[0, 1, 1, 1, 2, 2], [2, 0, 0, 1, 2, 0]])[None]


def test_iou_by_hand_with_ignored_pixels_counted_nowhere():
    counts = pixel_confusion(HAND, SAID, 4)
    assert counts.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 3]]
    scores = pixel_scores(counts)
    assert scores.iou.tolist() == pytest.approx([2 / 4, 2 / 3, 3 / 4])
    assert scores.mean_iou == pytest.approx((2 / 4 + 2 / 3 + 3 / 4) / 3)
    assert scores.accuracy == pytest.approx(7 / 9)


def test_iou_as_published_lets_ignored_pixels_into_the_union():
    said = SAID.clone()
    said[0, 1, 4] = 3
    scores = pixel_scores(pixel_confusion(HAND, said, 4, "published"), "published")
    assert scores.iou.tolist() == pytest.approx([2 / 5, 2 / 4, 3 / 4, 1 / 3])
    assert scores.mean_iou == pytest.approx((2 / 5 + 2 / 4 + 3 / 4 + 1 / 3) / 4)
    assert scores.accuracy == pytest.approx(8 / 12)


def test_the_answer_ignore_is_only_open_as_published():
    logits = torch.tensor([1.0, 3.0, 2.0, 9.0]).reshape(1, 4, 1, 1)
    assert predict(logits).tolist() == [[[1]]]
    assert predict(logits, "published").tolist() == [[[3]]]
    with pytest.raises(ValueError, match=r"unknown definition 'publishd'; did you mean 'published'"):
        predict(logits, "publishd")
    with pytest.raises(ValueError, match="run from 0 to 3 but there are 3 classes"):
        pixel_confusion(torch.tensor([[[0, 1]]]), torch.tensor([[[0, 3]]]), 4)
    with pytest.raises(ValueError, match="labels but"):
        pixel_confusion(HAND, SAID[:, :1], 4)


def test_a_class_that_is_nowhere():
    counts = torch.tensor([[3, 1, 0], [0, 2, 0], [0, 0, 0]])
    scores = pixel_scores(counts)
    assert scores.iou[:2].tolist() == pytest.approx([3 / 4, 2 / 3])
    assert scores.iou[2].isnan()
    assert scores.mean_iou == pytest.approx((3 / 4 + 2 / 3) / 2)
    published = pixel_scores(counts, "published")
    assert published.iou[2] == 0
    assert published.mean_iou == pytest.approx((3 / 4 + 2 / 3) / 3)


maps = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@given(maps)
@settings(max_examples=60)
def test_scores_agree_with_sets_of_pixels(pairs):
    truth, answer = torch.tensor(pairs).T[:, None, None]
    published = pixel_scores(pixel_confusion(truth, answer, 5, "published"), "published")
    for c, iou in enumerate(published.iou.tolist()):
        union = ((truth == c) | (answer == c)).sum().item()
        both = ((truth == c) & (answer == c)).sum().item()
        assert iou == pytest.approx(both / (union + 1e-32))
    # Masked equals filtered: what is predicted where the truth is "ignore" changes nothing.
    answer = answer.clamp(max=3)
    kept = truth != 4
    counts = pixel_confusion(truth, answer, 5)
    assert torch.equal(counts, pixel_confusion(truth[kept][None, None], answer[kept][None, None], 5))
    for c, iou in enumerate(pixel_scores(counts).iou.tolist()):
        union = (((truth == c) | (answer == c)) & kept).sum().item()
        both = ((truth == c) & (answer == c) & kept).sum().item()
        assert math.isnan(iou) if union == 0 else iou == pytest.approx(both / union)


class Oracle(nn.Module):
    """Answers the labels of the pictures that it was given, from their grey levels."""

    def __init__(self, found):
        super().__init__()
        self.answers = {image.numpy().tobytes(): label for image, label in zip(found.images, found.labels, strict=True)}

    def forward(self, x):
        grey = (x * 255).round().byte()
        labels = torch.stack([self.answers[image.numpy().tobytes()] for image in grey])
        return 50 * nn.functional.one_hot(labels.long(), 12).movedim(-1, 1).float()


def test_perfect_answers_score_one_whatever_the_batches(found):
    oracle = Oracle(found[1]).train()
    weights = class_weights(found[0])
    for batch_size in (5, 16):
        result = evaluate_meshes(oracle, Batches(found[1], batch_size), weights)
        assert result.loss == pytest.approx(0, abs=1e-6)
        for definition, classes in (("correct", 11), ("published", 12)):
            scores = result.scores(definition)
            assert scores.iou.tolist() == [1] * classes
            assert (scores.mean_iou, scores.accuracy) == (1, 1)
        assert result.confusions["correct"].sum() == (found[1].labels != 11).sum()
    assert oracle.training


def test_evaluation_is_the_loss_and_the_counts_of_all_meshes_at_once(found):
    network, weights = build_segmentation("fcn", width=2, seed=0).eval(), class_weights(found[0])
    result = evaluate_meshes(network, Batches(found[1], 5), weights)
    with torch.no_grad():
        logits = network(found[1].images / 255)
    assert result.loss == pytest.approx(masked_loss(logits, found[1].labels, weights).item(), rel=1e-5)
    assert torch.equal(result.confusions["correct"], pixel_confusion(found[1].labels, predict(logits), 12))
    with pytest.raises(ValueError, match="unknown definition"):
        result.scores("theirs")


# Training


def fit(found, network=None, recipe=RECIPE, seed=0, **more):
    network = network or build_segmentation("td", width=4, seed=seed)
    train = Batches(found[0], recipe.batch_size, shuffle=True, seed=seed)
    weights = class_weights(found[0])
    return network, fit_meshes(network, train, Batches(found[1], 16), recipe, weights, seed=seed, **more)


def summary_line(history):
    return {key: value for key, value in vars(history).items() if key != "seconds"}


def same_weights(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize("name", ["td", "unet", "fcn"])
def test_the_loss_falls(found, name):
    network = build_segmentation(name, width=4, seed=0)
    _, history = fit(found, network, replace(RECIPE, epochs=3))
    assert history.train_loss[2] < history.train_loss[1] < history.train_loss[0]
    assert history.train_accuracy[-1] > history.train_accuracy[0]
    assert len(history) == 3
    assert list(history.frame()) == ["epoch", *vars(history)]
    assert history.learning_rate == [0.05] * 3


def test_one_seed_gives_one_result_also_after_a_stop(found, tmp_path):
    seen = []
    whole, history = fit(found)
    again, history_again = fit(found, on_epoch=lambda h: seen.append(len(h)))
    assert seen == [1, 2]
    assert same_weights(whole, again)
    assert summary_line(history) == summary_line(history_again)

    class Killed(Exception):
        pass

    def kill(history):
        raise Killed

    checkpoint = tmp_path / "run.pt"
    with pytest.raises(Killed):
        fit(found, checkpoint=checkpoint, on_epoch=kill)
    resumed, history_resumed = fit(found, checkpoint=checkpoint, on_epoch=lambda h: seen.append(len(h)))
    assert seen == [1, 2, 1, 2]
    assert same_weights(whole, resumed)
    assert summary_line(history) == summary_line(history_resumed)

    with pytest.raises(ValueError, match=r"of another run, .*: seed "):
        fit(found, build_segmentation("td", width=4, seed=1), seed=1, checkpoint=checkpoint)
    with pytest.raises(ValueError, match=r"of another run, .*: lr "):
        fit(found, recipe=replace(RECIPE, lr=0.1), checkpoint=checkpoint)


def test_a_deadline_in_the_past_stops_before_the_first_epoch(found):
    with pytest.raises(OutOfTime, match="before epoch 1 of 2"):
        fit(found, deadline=0)


def test_a_loss_that_is_not_finite_is_told(found):
    network = build_segmentation("fcn", width=2, seed=0)
    nn.init.constant_(network.score_x2.bias, float("nan"))
    with pytest.raises(FloatingPointError, match=r"epoch 1 at learning rate 0\.05: try a lower one"):
        fit(found, network)


@given(st.lists(st.integers(0, 8), max_size=30), st.integers(2, 5))
def test_the_learning_rate_is_keras_plateau(steps, patience):
    # torch waits for one more bad epoch than Keras; halves of min_delta stay clear of rounding.
    losses = [1 - 0.5e-4 * 1.01 * step for step in steps]
    recipe = MeshRecipe(patience=patience)
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=recipe.lr)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, factor=0.2, patience=patience - 1, threshold=1e-4, threshold_mode="abs", min_lr=0.001
    )
    for count, loss in enumerate(losses):
        assert recipe.learning_rate(losses[:count]) == pytest.approx(optimiser.param_groups[0]["lr"])
        scheduler.step(loss)


def test_the_papers_learning_rates_without_any_improvement():
    rates = [MeshRecipe().learning_rate([1.0] * count) for count in range(20)]
    assert rates == pytest.approx([0.01] * 6 + [0.002] * 5 + [0.001] * 9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, not 0"),
        ({"lr": "0.1"}, "lr must be a number above 0, not '0.1'"),
        ({"validation": 0}, "validation must be a number above 0 and below 1, not 0"),
        ({"momentum": 1}, "momentum must be a number of at least 0 and below 1, not 1"),
        ({"min_delta": float("nan")}, "min_delta must be .* not nan"),
    ],
)
def test_a_recipe_out_of_range_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        MeshRecipe(**changes)


# The experiment


@pytest.fixture
def few_meshes(monkeypatch, found):
    monkeypatch.setattr(experiment_module.meshes, "load_meshes", lambda data, seed: found)


def run(output, seed=0, recipe=RECIPE, **more):
    return segmentation_run("td", DATA, seed, output, recipe=recipe, width=4, **more)


@pytest.mark.usefixtures("few_meshes")
def test_a_run_is_recorded_and_its_weights_can_be_loaded(tmp_path, found):
    name = f"segmentation_td--{DATA}"
    first = run(tmp_path)
    second = run(tmp_path, seed=1)
    assert os.listdir(tmp_path / "checkpoints") == []
    record = read(tmp_path / "runs" / f"{name}.json")
    assert record.kind == "segmentation"
    assert record.seeds == [0, 1]
    assert record.parameters["recipe"] == asdict(RECIPE)
    assert record.parameters["num_classes"] == 12
    assert record.parameters["trained_parameters"] == sum(
        p.numel() for p in build_segmentation("td", width=4).parameters()
    )
    assert record.summary["test_mean_iou"].n == 2
    assert first.details["meshes"] == {"train": 57, "val": 7, "test": 16}
    assert first.details["confusions"] != second.details["confusions"]
    assert {"published iou ignore", "iou background"} <= set(first.values)
    assert "iou ignore" not in first.values

    network = zoo.load("segmentation_td", DATA, 0, tmp_path).network
    assert not network.training
    result = evaluate_meshes(network, Batches(found[1], 16), class_weights(found[0]))
    assert result.confusions["correct"].tolist() == first.details["confusions"]["correct"]
    assert result.scores("published").mean_iou == first.values["published test_mean_iou"]

    there = segmentation_run("td", DATA, 1, tmp_path, recipe=RECIPE, width=4)
    assert (there.values, there.fresh) == (second.values, False)
    with pytest.raises(RecordError, match="width 4 there and 5 here"):
        segmentation_run("td", DATA, 1, tmp_path, recipe=RECIPE, width=5)

    again = run(tmp_path, again=True)  # the same seed once more: the same file
    assert again.files["weights"] == first.files["weights"]

    with pytest.raises(RecordError, match=r"recipe.epochs 2 there and 3 here"):
        run(tmp_path, recipe=replace(RECIPE, epochs=3))
    with pytest.raises(
        RecordError, match=r"seed 5; seeds there: \[0, 1\]; make it with `c2f train segmentation_td .*--seeds 5"
    ):
        zoo.load("segmentation_td", DATA, 5, tmp_path)
    (tmp_path / "weights" / first.files["weights"]["file"]).write_bytes(b"")
    with pytest.raises(RecordError, match=r"is not the record's \(sha256 differs\)"):
        zoo.load("segmentation_td", DATA, 0, tmp_path)


@pytest.mark.usefixtures("few_meshes")
def test_the_seed_draws_the_validation_meshes(tmp_path, monkeypatch):
    drawn = []

    def split(meshes, fraction, seed):
        drawn.append((len(meshes), fraction, seed))
        raise OutOfTime

    monkeypatch.setattr(experiment_module, "split_validation", split)
    for seed in (0, 3):
        with pytest.raises(OutOfTime):
            run(tmp_path, seed=seed)
    assert drawn == [(64, 0.1, 0), (64, 0.1, 3)]


def test_bad_requests_are_refused_before_any_work(tmp_path):
    with pytest.raises(ValueError, match="unknown segmentation network 'tdd'; did you mean 'td'"):
        segmentation_run("tdd", DATA, 0, tmp_path)
    with pytest.raises(ValueError, match="seed must be a whole number of at least 0, not -1"):
        segmentation_run("td", DATA, -1, tmp_path)
    with pytest.raises(ValueError, match="did you mean 'fashion-mnist"):
        segmentation_run("td", "fashion-mnst", 0, tmp_path)
    with pytest.raises(RecordError, match=r"no record .*segmentation_td--fashion.* `c2f train segmentation_td fashion"):
        zoo.record("segmentation_td", DATA, tmp_path)
    assert os.listdir(tmp_path) == []
