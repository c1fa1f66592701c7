import pytest
import torch
from torch import nn

from c2f import datasets, zoo
from c2f.metrics.faithfulness import deletion, insertion, pixel_order
from c2f.metrics.localization import random_maps


class Weighs(nn.Module):
    """Two classes; the first one's logit is log(3) for each of the weighted pixels that is 1, the second one's is 0."""

    def __init__(self, weights):
        super().__init__()
        self.weights = weights
        self.drop = nn.Dropout(0.5)  # in inference mode it must not act
        self.calls = []

    def forward(self, x):
        self.calls.append(len(x))
        logit = (self.drop(x)[:, 0] * self.weights).sum(dim=(1, 2)) * torch.tensor(3.0).log()
        return torch.stack([logit, torch.zeros_like(logit)], dim=1)


WEIGHTS = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
PICTURES = torch.ones(1, 1, 2, 2)


def test_order_is_by_value_and_of_equal_values_by_place():
    maps = torch.tensor([[[1.0, 3.0], [3.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]]])
    assert pixel_order(maps).tolist() == [[1, 2, 3, 0], [0, 1, 2, 3]]
    many = (torch.arange(4096.0) % 3).reshape(1, 64, 64)
    places = torch.arange(4096)
    assert torch.equal(pixel_order(many)[0], torch.cat([places[2::3], places[1::3], places[::3]]))


def test_curves_by_hand():
    # With 0, 1, 2 of the weighted pixels there, the probability of the first class is 1/2, 3/4, 9/10.
    network = Weighs(WEIGHTS).train()
    faithful = WEIGHTS[None]
    found = deletion(network, PICTURES, faithful, step=1)
    assert found.classes.tolist() == [0]
    assert found.share.tolist() == [0, 0.25, 0.5, 0.75, 1]
    torch.testing.assert_close(found.scores, torch.tensor([[0.9, 0.75, 0.5, 0.5, 0.5]]))
    assert found.area == pytest.approx(((0.9 + 0.5) / 2 + 0.75 + 0.5 + 0.5) / 4)
    found = insertion(network, PICTURES, faithful, step=1, substrate="zero")
    torch.testing.assert_close(found.scores, torch.tensor([[0.5, 0.75, 0.9, 0.9, 0.9]]))
    found = insertion(network, PICTURES, -faithful, step=3, substrate="zero")  # the last step is one pixel
    assert found.share.tolist() == [0, 0.75, 1]
    torch.testing.assert_close(found.scores, torch.tensor([[0.5, 0.75, 0.9]]))
    assert found.area == pytest.approx(0.75 * (0.5 + 0.75) / 2 + 0.25 * (0.75 + 0.9) / 2)
    found = deletion(network, PICTURES, faithful, classes=torch.tensor([1]))  # by default a row's worth of pixels
    torch.testing.assert_close(found.scores, torch.tensor([[0.1, 0.5, 0.5]]))
    found = deletion(network, PICTURES, faithful, substrate="mean")  # of a picture of ones: no change at all
    torch.testing.assert_close(found.scores, torch.full((1, 3), 0.9))
    assert network.training


@pytest.fixture(scope="module")
def real():
    network = zoo.load("lenetfc", "fashion-mnist", 0).network
    pictures = datasets.load("fashion-mnist-sample").test.images[:12].float() / 255
    return network, pictures


@torch.inference_mode()
def occlusion_maps(network, pictures, side=4):
    """The loss of the predicted class's logit when a square is blanked: a map that is faithful by its making."""
    logits = network(pictures)
    classes = logits.argmax(dim=1, keepdim=True)
    maps = torch.zeros(len(pictures), *pictures.shape[-2:])
    for y in range(0, pictures.shape[-2], side):
        for x in range(0, pictures.shape[-1], side):
            blanked = pictures.clone()
            blanked[:, :, y : y + side, x : x + side] = 0
            maps[:, y : y + side, x : x + side] = (logits - network(blanked)).gather(1, classes)[:, :, None]
    return maps


def test_a_faithful_map_beats_a_random_order_on_a_trained_network(real):
    network, pictures = real
    maps, noise = occlusion_maps(network, pictures), random_maps(len(pictures), 28, 28, seed=0)
    faithful, random = deletion(network, pictures, maps), deletion(network, pictures, noise)
    assert faithful.area < random.area - 0.1
    assert deletion(network, pictures, -maps).area > faithful.area + 0.3
    # Into black, as the map was made by blanking: with a blurred substrate the order of pixels says little here.
    inserted = insertion(network, pictures, maps, substrate="zero")
    assert inserted.area > insertion(network, pictures, noise, substrate="zero").area + 0.1
    for curve in (faithful, random, inserted, insertion(network, pictures, maps)):
        assert curve.scores.shape == (12, 29)
        assert curve.areas.shape == (12,)
        assert curve.scores.min() >= 0
        assert curve.scores.max() <= 1


def test_ends_of_the_curves_are_the_whole_pictures(real):
    network, pictures = real
    maps = random_maps(len(pictures), 28, 28, seed=1)
    with torch.inference_mode():
        whole = network(pictures).softmax(dim=1).max(dim=1)
        empty = network(torch.zeros_like(pictures)).softmax(dim=1)
    found = deletion(network, pictures, maps, step=300)
    assert found.share.tolist() == pytest.approx([0, 300 / 784, 600 / 784, 1])
    assert torch.equal(found.classes, whole.indices)
    torch.testing.assert_close(found.scores[:, 0], whole.values)
    torch.testing.assert_close(found.scores[:, -1], empty[torch.arange(12), whole.indices])
    torch.testing.assert_close(insertion(network, pictures, maps, step=300).scores[:, -1], whole.values)


def test_batches_and_the_range_of_maps_change_nothing(real):
    network, pictures = real
    maps = (random_maps(len(pictures), 28, 28, seed=2) * 256).round()  # with ties
    whole = deletion(network, pictures, maps, step=100)
    torch.testing.assert_close(deletion(network, pictures, maps, step=100, batch_size=7).scores, whole.scores)
    torch.testing.assert_close(deletion(network, pictures, 8 * maps - 64, step=100).scores, whole.scores)


def test_no_batch_is_larger_than_asked_for():
    network = Weighs(WEIGHTS)
    deletion(network, PICTURES.expand(5, -1, -1, -1), WEIGHTS.expand(5, -1, -1), step=1, batch_size=4)
    assert max(network.calls) == 4
    assert sum(network.calls) == 5 + 5 * 5


def test_the_mode_stays_even_if_it_fails():
    for training in (True, False):
        network = Weighs(WEIGHTS).train(training)
        with pytest.raises(ValueError, match="class 2 is asked for but the network has 2"):
            deletion(network, PICTURES, WEIGHTS[None], classes=torch.tensor([2]))
        assert network.training is training


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maps": torch.zeros(1, 7, 7)}, r"maps must be \(1, 2, 2\) for these pictures, not \(1, 7, 7\): resize them"),
        ({"maps": torch.full((1, 2, 2), float("nan"))}, "values that are not finite in 1 of 1 maps, first in map 0"),
        ({"pictures": PICTURES.byte()}, "pictures must be float .*not torch.uint8.*images.float"),
        ({"pictures": PICTURES[0]}, r"pictures must be float \(N, C, H, W\).*not torch.float32 \(1, 2, 2\)"),
        ({"classes": torch.tensor([0, 1])}, r"classes must be int64 \(1,\), not torch.int64 \(2,\)"),
        ({"classes": torch.tensor([-1])}, "a class is at least 0, not -1"),
        ({"step": 0}, "step must be a whole number of at least 1, not 0"),
        ({"substrate": "blurr"}, "unknown substrate 'blurr'; did you mean 'blur'"),
        ({"substrate": "blur"}, "pictures of 2x2 are too small for a blur of 11 pixels; take the substrate mean"),
    ],
)
def test_bad_input_is_refused(change, message):
    arguments = {"pictures": PICTURES, "maps": WEIGHTS[None], **change}
    with pytest.raises(ValueError, match=message):
        deletion(Weighs(WEIGHTS), **arguments)
