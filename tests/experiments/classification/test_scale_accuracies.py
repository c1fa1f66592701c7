import pytest
import torch

from c2f.experiments.classification import scales
from c2f.experiments.classification.scales import Kept

CLASSES = ["cat", "dog"]


def kept(scale, variance, right):
    return Kept(scale, 28 // scales.FACTORS[scale], variance, torch.tensor(right).bool())


def test_a_scale_has_a_share_of_the_numbers_and_of_right_answers():
    coarse = kept("coarse", 0.6, [1, 1, 1, 0])
    assert (coarse.side, coarse.numbers, coarse.accuracy) == (7, 1 / 16, 0.75)


def test_the_difference_is_taken_picture_by_picture():
    fine = kept("fine", 1.0, [1, 0] * 500)
    assert fine.less(fine) == kept("middle", 0.8, [1, 0] * 500).less(fine)
    assert (fine.less(fine).low, fine.less(fine).high) == (0, 0)  # two shares of 1,000 pictures leave 3 points open
    gap = kept("coarse", 0.5, [1, 0] * 490 + [0, 0] * 10).less(fine)
    assert gap.value == pytest.approx(-0.01)
    assert -0.02 < gap.low < gap.high < 0


@pytest.mark.parametrize(
    ("right", "verdict"),
    [
        ([1] * 800 + [0] * 200, "tells the classes apart as well as the fine one"),
        ([1] * 700 + [0] * 300, "loses accuracy, and not by the luck of the pictures"),
        ([1] * 900 + [0] * 100, "gains accuracy, and not by the luck of the pictures"),
        ([1] * 795 + [0, 1] * 5 + [0] * 195, "tells the classes apart as well as the fine one"),
    ],
)
def test_the_verdict_turns_with_the_interval(right, verdict):
    fine, coarse = kept("fine", 1.0, [1] * 800 + [0] * 200), kept("coarse", 0.64, right)
    labels = torch.tensor([0, 1] * 500)
    first, _ = scales.kept_findings([fine, coarse], labels, CLASSES)
    assert first.startswith("With 6.25 % of the numbers the coarse scale **" + verdict)
    assert "over the same 1,000 pictures" in first
    assert first.endswith("It keeps 64 % of the variance.")


def test_the_class_that_loses_most_is_named_and_one_that_gains():
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    fine, middle, coarse = (
        kept("fine", 1.0, [1, 1, 1, 0, 0, 0]),
        kept("middle", 0.8, [1, 1, 1, 0, 0, 0]),
        kept("coarse", 0.6, [1, 0, 0, 0, 1, 0]),
    )
    said = scales.kept_findings([fine, middle, coarse], labels, [*CLASSES, "eel"])  # of eels there is no picture
    assert [line.split(" of the numbers")[0] for line in said[:2]] == ["With 6.25 %", "With 25 %"]
    assert said[2] == (
        "At the coarse scale most is lost by *cat* from 75 to 25 % (n = 4); *dog* from 0 to 50 % (n = 2) gains."
    )
    assert scales.kept_findings([fine, fine], labels, CLASSES)[1].startswith("No class loses at the fine scale")
    assert "nothing to compare" in scales.kept_findings([fine], labels, CLASSES)[0]


def test_table_and_captions_say_what_they_are_of():
    found = [kept("fine", 1.0, [1, 1, 1, 0]), kept("coarse", 0.5, [1, 0, 1, 0])]
    table = scales.kept_table(found)
    assert list(table.columns)[3:] == ["accuracy (%, n = 4 pictures)", "less fine (points, 95 %)"]
    assert table.loc["coarse"].tolist()[:4] == ["7 x 7", "6.2", "50.0", "50.0"]
    assert table.iloc[1, 4].startswith("-25.00 (")
    assert "falls by 50 points, the accuracy of nearest neighbours by 25.00" in scales.kept_caption(found)
    assert scales.limit_finding(["middle", "coarse"], [0.221, 0.38]) == (
        "At its own limit the middle scale still holds 22 % and the coarse scale 38 % of the amplitude."
    )
    assert scales.limit_finding([], []) == "There is no shrunk scale."
    rests = [torch.zeros(2, 2), torch.tensor([[0.5, -0.5], [0.0, 0.0]])]
    assert "fine 0.000, coarse 0.250" in scales.residual_caption(["fine", "coarse"], rests)
