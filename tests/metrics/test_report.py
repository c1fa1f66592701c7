import pytest
import torch

from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures
from c2f.metrics.report import averages, ranks, report


def test_averages_of_a_confusion_that_one_can_check_by_hand():
    found = averages(torch.tensor([[2, 1, 0], [0, 1, 0], [0, 0, 0]]))  # the third class does not occur
    assert vars(found["macro"]) == pytest.approx({"precision": 3 / 4, "recall": 5 / 6, "f1": (4 / 5 + 2 / 3) / 2})
    assert vars(found["micro"]) == pytest.approx({"precision": 3 / 4, "recall": 3 / 4, "f1": 3 / 4})
    assert vars(found["weighted"]) == pytest.approx({"precision": 7 / 8, "recall": 3 / 4, "f1": (3 * 0.8 + 2 / 3) / 4})


def test_a_class_that_is_only_predicted_costs_in_the_macro_average():
    found = averages(torch.tensor([[2, 0, 1], [0, 1, 0], [0, 0, 0]]))
    assert found["macro"].precision == pytest.approx(2 / 3)
    assert found["macro"].recall == pytest.approx((2 / 3 + 1 + 0) / 3)
    with pytest.raises(ValueError, match="no pictures to average"):
        averages(torch.zeros(3, 3, dtype=torch.int64))


def test_ranks_count_the_classes_before_the_right_one():
    logits = torch.tensor([[3.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 5.0, 5.0]])
    assert ranks(logits, torch.tensor([1, 1, 2])).tolist() == [2, 1, 1]
    with pytest.raises(ValueError, match="NaN or infinity"):
        ranks(torch.tensor([[1.0, float("nan")]]), torch.tensor([0]))


class Bright(torch.nn.Module):
    """Logits of four classes, highest for the class whose quarter of the grey levels a picture has."""

    def forward(self, x):
        level = 4 * x.mean(dim=(1, 2, 3))
        return -((level[:, None] - torch.arange(4) - 0.5) ** 2)


def test_a_report_counts_every_picture_once():
    images = torch.tensor([10, 80, 140, 250, 110])[:, None, None, None].expand(-1, 1, 2, 2).byte()
    data = Pictures(images.contiguous(), torch.tensor([0, 1, 2, 3, 2]), tuple("abcd"))
    found = report(Bright(), Batches(data, 2), 4)
    assert found.accuracy == pytest.approx(4 / 5)
    assert found.top(1) == found.accuracy
    assert found.top(2) == 1
    assert found.confusion[2].tolist() == [0, 1, 1, 0]
    assert found.by_class.recall.tolist() == [1, 1, 0.5, 1]
    assert found.averages["micro"].f1 == found.accuracy
    with pytest.raises(ValueError, match="k must be at most the 4 classes"):
        found.top(5)
