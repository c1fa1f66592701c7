import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from c2f.experiments.glimpses import cost
from c2f.experiments.glimpses.evaluation import GlimpseEvaluation
from c2f.networks import glimpse
from c2f.networks.glimpse import GlimpseSettings, LastAnswer

LOOK = GlimpseSettings(downsampling=2.0)


@pytest.fixture(scope="module")
def small():
    return glimpse.build("small_cnn", 1, 10, 32, LOOK, seed=0)


def test_resnet18_costs_what_the_paper_says():
    """One and two glimpses of ResNet18 at scale 2.33: 0.184 and 0.369 of a pass at full size; 0.554 and 0.740 follow."""
    photographs = GlimpseSettings(downsampling=2.33)
    looks = glimpse.build("torchvision-resnet18", 3, 100, 224, photographs)
    whole = glimpse.build("torchvision-resnet18", 3, 100, 224, cost.one_pass(photographs))
    full = cost.multiply_adds(whole, 3, 224)
    assert full == pytest.approx(1.8147e9, rel=1e-4)
    ratios = [count / full for count in cost.multiply_adds_by_glimpse(looks, 3, 224, 4)]
    # The authors fuse all tokens anew after each glimpse, which we do not: theirs are up to 0.004 more.
    assert ratios == pytest.approx([0.184, 0.369, 0.554, 0.740], abs=0.004)
    assert ratios[:2] == pytest.approx([0.184, 0.369], abs=0.001)


def test_counting_shapes_is_counting(small):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        small.eval()(torch.rand(1, 1, 32, 32), 3)
    assert cost.multiply_adds(LastAnswer(small, 3), 1, 32) == counter.get_total_flops() // 2
    by_hand = 12 * 12 * 16 * 25 + 6 * 6 * 32 * 16 * 25 + 3 * 3 * 64 * 32 * 9 + 1 * 128 * 64 * 9  # the convolutions
    rest = 131 * 131 * 3 + 131 * 131 + 2 * 131 + 131 * 10  # query, key, value; output; attention; classes
    assert cost.multiply_adds(LastAnswer(small, 1), 1, 32) == by_hand + rest


def test_the_equal_pass_is_the_nearest(small):
    wanted = cost.multiply_adds(small, 1, 32)
    look = cost.equal_compute("small_cnn", 1, 32, LOOK)
    assert look.glimpses == 1
    sides = {}
    for side in range(16, 33):
        alone = cost.one_pass(LOOK, cost.downsampling_to(side, 32))
        assert glimpse.glimpse_side(32, alone.downsampling) == side
        sides[side] = abs(cost.multiply_adds(glimpse.build("small_cnn", 1, 10, 32, alone), 1, 32) - wanted)
    side = glimpse.glimpse_side(32, look.downsampling)
    assert sides[side] == min(sides.values())
    with pytest.raises(ValueError, match="unknown backbone 'smal_cnn'"):
        cost.equal_compute("smal_cnn", 1, 32, LOOK)


def test_peak_bytes_of_a_chain_by_hand():
    chain = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.ReLU(), torch.nn.Conv2d(2, 8, 1))
    # 10x10 pixels of 4 bytes: 2 + 2 channels are alive at the ReLU, 2 + 8 at the last convolution
    assert cost.peak_bytes(chain, 1, 10, pictures=3) == 3 * 400 * (2 + 8)
    inplace = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.ReLU(inplace=True))
    assert cost.peak_bytes(inplace, 1, 10) == 400 * 2


def test_peak_bytes_of_looks(small):
    whole = glimpse.build("small_cnn", 1, 10, 32, cost.one_pass(LOOK), seed=0)
    assert cost.peak_bytes(small, 1, 32) < cost.peak_bytes(whole, 1, 32)
    assert cost.peak_bytes(small, 1, 32, 8) > 4 * cost.peak_bytes(small, 1, 32)
    assert cost.peak_bytes(small, 1, 32, training=True) > 2 * cost.peak_bytes(small, 1, 32)
    assert next(small.parameters()).device.type == "cpu"


def test_costs(small):
    found = cost.costs(small, torch.rand(4, 1, 32, 32), most=3, repeats=3)
    assert [each.glimpses for each in found] == [1, 2, 3]
    assert [each.multiply_adds for each in found] == cost.multiply_adds_by_glimpse(small, 1, 32, 3)
    assert all(each.milliseconds > 0 for each in found)
    with pytest.raises(ValueError, match=r"square pictures .* not \(2, 1, 32, 30\)"):
        cost.costs(small, torch.rand(2, 1, 32, 30))


def evaluation():
    """Four pictures, two glimpses: the second mends one answer and spoils none."""
    predictions = torch.tensor([[0, 1, 0, 0], [0, 1, 1, 0]])
    confidences = torch.tensor([[0.9, 0.7, 0.3, 0.5], [0.9, 0.9, 0.6, 0.6]])
    return GlimpseEvaluation(
        torch.tensor([0, 1, 1, 1]), predictions, confidences, torch.zeros(2, 4), torch.zeros(2, 4, 3), 1.0
    )


def test_a_cost_curve_by_hand():
    found = cost.cost_curve(evaluation(), [1.0, 3.0], [0.0, 0.6, 1.0])
    assert found.glimpses == [1.0, 1.5, 2.0]
    assert found.cost == [1.0, 2.0, 3.0]
    assert found.accuracy == [0.5, 0.75, 0.75]
    with pytest.raises(ValueError, match="3 costs for 2 glimpses"):
        cost.cost_curve(evaluation(), [1, 2, 3], [0.5])
