import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures
from c2f.metrics.classification import class_scores, confusion_matrix, evaluate, inference_time, normalise_by_true

# Three classes, ten pictures: five of class 0, three of class 1, two of class 2.
LABELS = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 2, 2])
PREDICTIONS = torch.tensor([0, 0, 0, 1, 2, 1, 1, 0, 2, 1])
CONFUSION = [[3, 1, 1], [1, 2, 0], [0, 1, 1]]


class Reads(nn.Module):
    """Its logits are twice the first three grey levels of a picture, in [0, 1]."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)  # in inference mode it must not act

    def forward(self, x):
        return 2 * self.drop(x[:, 0, 0, :3])


def loader(batch_size, logits=None, labels=LABELS):
    if logits is None:
        logits = 255 * torch.eye(3)[PREDICTIONS]
    images = torch.zeros(len(labels), 1, 3, 3, dtype=torch.uint8)
    images[:, 0, 0] = logits.byte()
    return Batches(Pictures(images, labels, ("a", "b", "c")), batch_size)


def test_a_case_that_can_be_checked_by_hand():
    found = evaluate(Reads(), loader(4), 3)
    assert found.accuracy == pytest.approx(0.6, abs=1e-12)
    assert found.predictions.tolist() == PREDICTIONS.tolist()
    assert found.labels.tolist() == LABELS.tolist()
    assert found.confusion.tolist() == CONFUSION
    # A logit of 2 against two of 0: -log(e^2 / (e^2 + 2)) where it is right, -log(1 / (e^2 + 2)) where it is wrong.
    right, wrong = math.log(math.e**2 + 2) - 2, math.log(math.e**2 + 2)
    assert found.loss == pytest.approx(0.6 * right + 0.4 * wrong, rel=1e-6)
    assert found.seconds > 0


@settings(max_examples=30)
@given(st.integers(1, 12), st.integers(0, 100))
def test_batches_change_nothing(batch_size, seed):
    logits = torch.randint(0, 256, (10, 3), generator=torch.Generator().manual_seed(seed))
    whole, parts = evaluate(Reads(), loader(10, logits), 3), evaluate(Reads(), loader(batch_size, logits), 3)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-6)
    assert parts.accuracy == whole.accuracy
    assert torch.equal(parts.predictions, whole.predictions)
    assert torch.equal(parts.confusion, whole.confusion)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_stays_even_if_it_fails(training):
    network = Reads().train(training)
    evaluate(network, loader(4), 3)
    inference_time(network, torch.rand(2, 1, 3, 3), repeats=2)
    with pytest.raises(ValueError, match="predictions run from 0 to 2 but there are 2 classes: give the num_classes"):
        evaluate(network, loader(4, labels=LABELS % 2), 2)
    network.drop.forward = None
    with pytest.raises(TypeError):
        evaluate(network, loader(4), 3)
    assert {m.training for m in network.modules()} == {training}


def test_confusion_counts_true_classes_in_rows():
    assert confusion_matrix(LABELS, PREDICTIONS, 3).tolist() == CONFUSION
    assert confusion_matrix(torch.tensor([0]), torch.tensor([1]), 2).tolist() == [[0, 1], [0, 0]]
    assert confusion_matrix(torch.tensor([1]), torch.tensor([1]), 4).sum() == 1
    empty = torch.tensor([], dtype=torch.int64)
    assert confusion_matrix(empty, empty, 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([0, 1], [0], r"\(2,\) labels but \(1,\) predictions"),
        ([0, 3], [0, 1], "labels run from 0 to 3 but there are 3 classes"),
        ([0, 1], [0, 5], "predictions run from 0 to 5 but there are 3 classes"),
        ([-1, 1], [0, 0], "labels run from -1 to 1 but there are 3 classes"),
    ],
)
def test_confusion_refuses_what_it_cannot_count(labels, predictions, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(torch.tensor(labels), torch.tensor(predictions), 3)


def test_normalisation_is_by_the_true_class():
    # The authors' code divides along the other axis (oddity O17), which is wrong where classes differ in size.
    shares = normalise_by_true(torch.tensor(CONFUSION))
    expected = torch.tensor([[0.6, 0.2, 0.2], [1 / 3, 2 / 3, 0], [0, 0.5, 0.5]], dtype=torch.float64)
    torch.testing.assert_close(shares, expected)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(3, dtype=torch.float64))
    assert not torch.allclose(shares.sum(dim=0), torch.ones(3, dtype=torch.float64))


def test_nothing_is_known_of_a_class_without_pictures():
    shares = normalise_by_true(torch.tensor([[3, 1], [0, 0]]))
    assert shares[0].tolist() == [0.75, 0.25]
    assert shares[1].isnan().all()


def test_precision_recall_and_f1_by_hand():
    scores = class_scores(torch.tensor(CONFUSION))
    # Called a: 4, of which 3 are. Called b: 4, of which 2. Called c: 2, of which 1.
    assert scores.precision.tolist() == [0.75, 0.5, 0.5]
    assert scores.recall.tolist() == pytest.approx([0.6, 2 / 3, 0.5])
    assert scores.f1.tolist() == pytest.approx([2 / 3, 4 / 7, 0.5])
    assert scores.support.tolist() == [5, 3, 2]
    harmonic = 2 / (1 / scores.precision + 1 / scores.recall)
    torch.testing.assert_close(scores.f1, harmonic)


def test_scores_without_a_denominator_are_zero():
    # No picture is of class 1, none is called so; class 2 is never called, class 0 never right.
    scores = class_scores(torch.tensor([[0, 0, 0, 4], [0, 0, 0, 0], [3, 0, 0, 0], [0, 0, 0, 2]]))
    assert scores.precision.tolist() == pytest.approx([0, 0, 0, 1 / 3])
    assert scores.recall.tolist() == [0, 0, 0, 1]
    assert scores.f1.tolist() == pytest.approx([0, 0, 0, 0.5])
    assert scores.support.tolist() == [4, 0, 3, 2]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_accuracy_is_the_trace_and_recall_weighted_by_support(pairs):
    labels, predictions = torch.tensor(pairs).T
    confusion = confusion_matrix(labels, predictions, 4)
    scores = class_scores(confusion)
    accuracy = float((labels == predictions).double().mean())
    assert float(confusion.trace() / confusion.sum()) == pytest.approx(accuracy)
    assert float((scores.recall * scores.support).sum() / len(pairs)) == pytest.approx(accuracy)
    assert confusion.sum() == len(pairs)


def test_inference_time_is_a_median_without_the_first_call(monkeypatch):
    # Calls take 100, 5, 1, 3, 9, 7 seconds by this clock; the first warms up.
    clock = iter([0, 100, 0, 5, 0, 1, 0, 3, 0, 9, 0, 7])
    monkeypatch.setattr("c2f.metrics.classification.time.perf_counter", lambda: next(clock))
    assert inference_time(Reads(), torch.rand(2, 1, 3, 3), repeats=5) == 5
