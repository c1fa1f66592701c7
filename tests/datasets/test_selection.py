import pytest
import torch

from c2f.datasets.selection import split_places, stratified_subset


@pytest.mark.parametrize("count", [-1, 1.0, True])
def test_a_count_that_is_none_is_refused(count):
    with pytest.raises(
        ValueError, match=f"number of pictures to draw must be a whole number of at least 0, not {count}"
    ):
        stratified_subset(torch.arange(10), count)


def test_none_and_more_than_there_are():
    labels = torch.tensor([0, 1, 1, 0, 2])
    assert stratified_subset(labels, 0).tolist() == []
    assert stratified_subset(labels, 100).tolist() == [0, 1, 2, 3, 4]


def test_a_share_that_leaves_nothing_to_train_on():
    train, held_out = split_places(10, 0.9, 0)
    assert (len(train), len(held_out)) == (1, 9)
    with pytest.raises(ValueError, match=r"a validation fraction of 0.91 leaves none of 10 pictures to train on"):
        split_places(10, 0.91, 0)
