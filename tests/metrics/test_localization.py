import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from c2f.metrics import localization
from c2f.metrics.localization import (
    THRESHOLDS,
    box_accuracy,
    box_iou,
    box_ious,
    boxes_from_map,
    boxes_to_masks,
    by_class,
    centre_box,
    chance_level,
    choose_threshold,
    energy_in_object,
    mask_scores,
    masks_to_boxes,
    max_box_acc,
    max_box_acc_v2,
    oracle_accuracy,
    pixel_histograms,
    pointing_game,
    pooled_precision,
    px_ap,
    random_maps,
    score,
    whole_picture,
)
from c2f.metrics.statistics import interval

FIFTHS = np.arange(0, 1, 0.2).tolist()
# One peak, rows from top to bottom.
PEAK = torch.tensor(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.4, 0.4, 0.4, 0.6],
        [0.0, 0.4, 1.0, 0.8, 0.6],
        [0.0, 0.4, 0.4, 0.4, 0.6],
    ]
)
# Several: above 0.2 there are three pixels at the upper left that enclose half a square, and a bent line of five.
PIECES = torch.tensor(
    [
        [0.4, 0.0, 0.2, 0.2, 0.2],
        [0.4, 0.4, 0.0, 0.4, 0.0],
        [0.0, 0.0, 0.0, 0.4, 0.0],
        [1.0, 0.6, 0.8, 0.2, 0.2],
    ]
)
# A ring of ten pixels around a hole of two, and a pixel of its own.
RING = torch.tensor(
    [
        [1.0, 1.0, 1.0, 1.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        [1.0, 1.0, 1.0, 1.0, 0.0, 1.0],
    ]
)


def smooth(count, size, seed):
    small = torch.rand(count, 1, 5, 5, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(small, size=size, mode="bilinear")[:, 0]


def rectangles(count, height, width, seed):
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.integers(0, width, (count, 2))), np.sort(rng.integers(0, height, (count, 2)))
    return torch.from_numpy(np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1))


@pytest.mark.parametrize(
    ("map", "rule", "expected"),
    [
        # The expected boxes of wsolevaluation's own tests.
        (PEAK, "published", [[1, 1, 4, 3], [1, 1, 4, 3], [2, 1, 4, 3], [2, 2, 4, 3], [2, 2, 3, 3]]),
        (PIECES, "published", [[0, 0, 4, 3], [0, 0, 2, 2], [0, 3, 3, 3], [2, 3, 3, 3], [0, 3, 1, 3]]),
        (torch.zeros(3, 3), "published", [[0, 0, 0, 0]] * 5),
        # By eye: both ends inside, and five pixels are more than three.
        (PEAK, "tight", [[1, 1, 4, 3], [1, 1, 4, 3], [2, 1, 4, 3], [2, 2, 3, 2], [2, 2, 2, 2]]),
        (PIECES, "tight", [[0, 0, 4, 3], [0, 1, 3, 3], [0, 3, 2, 3], [2, 3, 2, 3], [0, 3, 0, 3]]),
    ],
)
def test_the_largest_region_has_the_box_that_one_sees(map, rule, expected):
    assert [boxes_from_map(map, t, rule=rule).tolist() for t in FIFTHS] == [[box] for box in expected]


def test_all_regions_and_under_the_published_rule_holes_too():
    assert boxes_from_map(RING, 0.5, multi=True).tolist() == [[0, 0, 3, 2], [5, 2, 5, 2]]
    published = boxes_from_map(RING[:, :5], 0.5, multi=True, rule="published").tolist()
    assert published == [[0, 0, 4, 2], [0, 0, 4, 2]]  # the ring, and the outline of its hole
    assert boxes_from_map(PIECES, 0.2, multi=True).tolist() == [[0, 0, 1, 1], [0, 1, 3, 3]]
    assert boxes_from_map(torch.ones(4, 5), 0, multi=True).shape == (0, 4)
    assert boxes_from_map(PEAK, 1).shape == (0, 4)  # nothing is above the largest value


def test_a_region_may_lie_in_the_hole_of_another():
    map = torch.ones(7, 7)
    map[1:6, 1:6] = 0
    map[3, 3] = 1
    assert boxes_from_map(map, 0.5, multi=True).tolist() == [[0, 0, 6, 6], [3, 3, 3, 3]]
    assert boxes_from_map(map, 0.5, rule="published").tolist() == [[0, 0, 6, 6]]
    found = boxes_from_map(map, 0.5, multi=True, rule="published").tolist()
    assert sorted(found) == [[0, 0, 6, 6], [0, 0, 6, 6], [3, 3, 4, 4]]


def test_a_map_is_cut_to_eight_bits_and_the_threshold_is_too():
    levels = torch.arange(256.0)[None]
    for threshold, first in ((0, 1), (0.2, 52), (0.11, 29), (0.99, 253)):  # 0.11 is 28.05 of 255, 0.99 is 252.45
        assert boxes_from_map(levels, threshold).tolist() == [[first, 0, 255, 0]]
    assert boxes_from_map(torch.tensor([[0.0, 52.5, 52.9, 255.0]]), 0.204).tolist() == [[3, 0, 3, 0]]  # 52.02


def test_overlap_of_boxes_counts_both_ends():
    a, b = torch.tensor([[1, 2, 5, 6], [0, 0, 0, 0]]), torch.tensor([[3, 1, 4, 5], [0, 0, 0, 0]])
    assert box_iou(a, b).tolist() == [[8 / 27, 0], [0, 1]]


def test_box_accuracy_by_hand():
    maps, box = torch.stack([PEAK, PEAK]), torch.tensor([[2, 1, 4, 3], [2, 2, 2, 2]])
    tight = box_ious(maps, box, FIFTHS, rule="tight")
    assert tight.tolist() == [[9 / 12, 9 / 12, 1, 2 / 9, 1 / 9], [1 / 12, 1 / 12, 1 / 9, 1 / 2, 1]]
    published = box_ious(maps, box, FIFTHS)
    assert published.tolist() == [[9 / 12, 9 / 12, 1, 6 / 9, 4 / 9], [1 / 12, 1 / 12, 1 / 9, 1 / 6, 1 / 4]]
    found = max_box_acc(maps, box, FIFTHS, rule="tight")
    assert (found.value, found.thresholds) == (0.5, (0.0,))
    found = oracle_accuracy(tight, (0.3, 0.5, 0.7), FIFTHS)
    # 0.3: the first map at 0 to 0.4, the second at 0.6 and 0.8. So for 0.5 and 0.7, each one map of two.
    assert (found.accuracies, found.thresholds) == ((0.5, 0.5, 0.5), (0.0, 0.0, 0.0))
    assert oracle_accuracy(torch.tensor([[0.5]]), (0.5,), (0.0,)).value == 1  # at least, not above
    found = oracle_accuracy(torch.tensor([[0.75, 0.4], [0.2, 0.4]]), (0.3, 0.5, 0.7), (0.0, 0.5))
    assert (found.accuracies, found.thresholds) == ((1.0, 0.5, 0.5), (0.5, 0.0, 0.0))
    assert found.value == pytest.approx(2 / 3)


def test_the_second_version_takes_the_best_region_and_several_objects_the_best_box():
    box = torch.tensor([[5, 2, 5, 2]])
    assert box_ious(RING[None], box, [0.5], rule="tight").item() == 0
    assert box_ious(RING[None], box, [0.5], multi=True, rule="tight").item() == 1
    both = [torch.tensor([[5, 2, 5, 2], [0, 0, 3, 2]])]
    assert box_ious(RING[None], both, [0.5], rule="tight").item() == 1
    assert max_box_acc_v2(RING[None], box, rule="tight").value == 1
    assert max_box_acc_v2(RING[None], both).value == 1  # the ring is 12 of the 15 pixels of its published box


def one_by_one(map, box, threshold, multi):
    """The tight rule again, a threshold at a time."""
    scaled = (map - map.min()) / (map.max() - map.min()) if map.max() > map.min() else np.zeros_like(map)
    labels, number = ndimage.label((scaled * 255).astype(np.uint8) > int(threshold * 255), np.ones((3, 3)))
    ious, sizes = [], []
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        found = np.array([[columns.start, rows.start, columns.stop - 1, rows.stop - 1]])
        ious.append(box_iou(torch.from_numpy(found), box[None]).item())
        sizes.append((np.sum(labels == label), label))
    if not number:
        return 0.0
    return max(ious) if multi else ious[sizes.index(max(sizes))]


GREY = hnp.arrays(np.float64, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 9).map(float))


@settings(max_examples=60)
@given(GREY, st.integers(0, 10**6), st.booleans())
def test_the_sheet_of_all_thresholds_changes_nothing(map, seed, multi):
    box = rectangles(1, *map.shape, seed)
    thresholds = [0, 0.1, 0.5, 0.5, 0.99, 1]
    found = box_ious(torch.from_numpy(map)[None], box, thresholds, multi, "tight")[0]
    assert found.tolist() == [one_by_one(map, box[0], t, multi) for t in thresholds]


def enclosed(region):
    """The area inside the outline through the pixel centres of a region without holes, square by square."""
    corners = sum(
        region[i : len(region) - 1 + i, j : len(region[0]) - 1 + j].astype(int) for i in (0, 1) for j in (0, 1)
    )
    return np.sum(corners == 4) + np.sum(corners == 3) / 2


@settings(max_examples=150)
@given(hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_the_published_largest_region_encloses_most(mask):
    labels, number = ndimage.label(ndimage.binary_fill_holes(mask), np.ones((3, 3)))
    found = boxes_from_map(torch.from_numpy(mask.astype(np.float32)), 0.5, rule="published").tolist()
    if not number or mask.all():
        assert found == [[0, 0, 0, 0]]  # nothing there, or the same everywhere
        return
    _, largest = max((enclosed(labels == label), label) for label in range(1, number + 1))
    (rows, columns), (height, width) = ndimage.find_objects(labels)[largest - 1], mask.shape
    assert found == [[columns.start, rows.start, min(columns.stop, width - 1), min(rows.stop, height - 1)]]


@settings(max_examples=40)
@given(GREY)
def test_the_published_box_is_the_tight_one_with_a_pixel_more_for_a_region_of_its_own(map):
    height, width = map.shape
    tight = boxes_from_map(torch.from_numpy(map), 0.5, multi=True)
    published = boxes_from_map(torch.from_numpy(map), 0.5, multi=True, rule="published")
    wider = torch.stack([tight[:, 0], tight[:, 1], tight[:, 2] + 1, tight[:, 3] + 1], dim=1)
    limit = torch.tensor([width, height, width, height]) - 1
    assert {tuple(b) for b in torch.minimum(wider, limit).tolist()} <= {tuple(b) for b in published.tolist()} or (
        not len(tight) and published.tolist() == [[0, 0, 0, 0]]
    )


def test_mask_scores_by_hand():
    masks = torch.zeros(1, 4, 5, dtype=torch.bool)
    masks[0, 2:, 1:4] = True  # six pixels: 0.4 1 0.8 / 0.4 0.4 0.4
    found = mask_scores(PEAK[None], masks, 0.4)  # the region: five pixels, two of them on the object
    assert [float(v) for v in (found.precision, found.recall, found.iou)] == [2 / 5, 2 / 6, 2 / 9]
    assert float(found.f1) == pytest.approx(2 * (2 / 5) * (2 / 6) / (2 / 5 + 2 / 6))
    ignore = torch.zeros_like(masks)
    ignore[0, :, 4] = True  # three pixels of the region
    ignore[0, 2, 2] = True  # on the object: without effect
    found = mask_scores(PEAK[None], masks, 0.4, ignore)
    assert [float(v) for v in (found.precision, found.recall, found.iou)] == [1, 2 / 6, 2 / 6]
    found = mask_scores(torch.ones(1, 4, 5), masks, 0.0)
    assert [float(v) for v in (found.precision, found.recall, found.f1, found.iou)] == [0, 0, 0, 0]


def test_px_ap_by_hand():
    maps = torch.tensor([[[1.0, 0.5], [0.25, 0.0]]])
    masks = torch.tensor([[[True, False], [True, False]]])
    found = px_ap(maps, masks)
    assert found.value == pytest.approx(1 / 2 + 2 / 3 * 1 / 2)  # precision 1 up to recall 1/2, 2/3 up to 1
    assert found.recall[[0, -1]].tolist() == [0.5, 1]
    assert found.precision[-1] == 0.5
    assert px_ap(maps, masks, ignore=maps == 0.5).value == 1
    # Pixels are pooled over the pictures: a flat map counts as 0 everywhere.
    assert px_ap(torch.full((1, 2, 2), 7.0), masks).value == 0.5
    both = px_ap(torch.cat([maps, torch.zeros(1, 2, 2)]), masks.expand(2, -1, -1))
    assert both.value == pytest.approx(1 / 4 + 2 / 3 * 1 / 4 + 4 / 8 * 1 / 2)


def test_px_ap_is_the_published_sum():
    maps, masks = smooth(20, 16, 0), boxes_to_masks(rectangles(20, 16, 16, 1), 16, 16)
    ignore = smooth(20, 16, 2) > 0.7
    scaled = localization.boxes.unit_range(maps.double().numpy())
    edges = np.append(np.arange(0, 1, 0.01), [1, 2, 3])
    on = np.histogram(scaled[masks], edges)[0][::-1].cumsum()
    off = np.histogram(scaled[~masks & ~ignore], edges)[0][::-1].cumsum()
    precision, recall = on / np.maximum(on + off, 1), on / on[-1]
    assert px_ap(maps, masks, ignore).value == pytest.approx((precision[1:] * np.diff(recall)).sum(), abs=1e-12)


def test_pointing_and_energy_by_hand():
    masks = torch.zeros(1, 4, 5, dtype=torch.bool)
    masks[0, 2:, 1:4] = True
    assert pointing_game(PEAK[None], masks).item() == 1
    assert energy_in_object(PEAK[None], masks).item() == pytest.approx(3.4 / 6.4)
    assert energy_in_object(PEAK[None] - 0.5, masks).item() == pytest.approx(0.8 / 1.1)
    assert energy_in_object(-PEAK[None], masks).item() == 0
    two = torch.zeros(1, 4, 5)
    two[0, 0, 0] = two[0, 3, 3] = 5
    assert pointing_game(two, masks).item() == 0.5  # one peak of two hits
    assert pointing_game(two, masks, tolerance=2.2).item() == 0.5  # 0, 0 is 1 column and 2 rows away, 2.236 pixels
    assert pointing_game(two, masks, tolerance=2.3).item() == 1
    flat = torch.full((1, 4, 5), -3.0)
    assert pointing_game(flat, masks).item() == energy_in_object(-flat, masks).item() == chance_level(masks) == 0.3


def test_a_random_map_scores_at_its_chance_level():
    count = 2000
    masks = boxes_to_masks(rectangles(count, 12, 12, 0), 12, 12)
    maps, chance = random_maps(count, 12, 12, 1), chance_level(masks)
    share = masks.double().mean(dim=(1, 2))
    spread = float((share * (1 - share)).sum().sqrt()) / count  # of a mean of hits with these chances
    assert abs(float(pointing_game(maps, masks).mean()) - chance) < 3.5 * spread
    assert float(energy_in_object(maps, masks).mean()) == pytest.approx(chance, abs=0.005)
    assert px_ap(maps, masks).value == pytest.approx(chance, abs=0.005)


def test_a_perfect_map_scores_one_and_a_reversed_one_zero():
    boxes = torch.tensor([[2, 3, 14, 12], [0, 0, 9, 9], [6, 6, 19, 19]])
    masks = boxes_to_masks(boxes, 20, 20)
    maps = 3 * masks.float() - 5
    assert torch.equal(masks_to_boxes(masks), boxes)
    for rule in localization.RULES:
        assert max_box_acc(maps, boxes, rule=rule).value == max_box_acc_v2(maps, boxes, rule=rule).value == 1
    assert px_ap(maps, masks).value == 1
    assert pointing_game(maps, masks).tolist() == energy_in_object(maps + 5, masks).tolist() == [1, 1, 1]
    for metric, targets in (("box_acc", boxes), ("box_acc_v2", boxes), ("iou", masks), ("f1", masks)):
        assert score(maps, targets, choose_threshold(maps, targets, metric), metric).values.tolist() == [1, 1, 1]
    assert pointing_game(-maps, masks).tolist() == energy_in_object(-maps - 2, masks).tolist() == [0, 0, 0]
    assert mask_scores(-maps, masks, 0.5).iou.tolist() == [0, 0, 0]


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([(1,), (2,), (1, 2)]), st.floats(0, 0.95))
def test_turning_map_and_mask_together_changes_nothing(seed, axes, threshold):
    boxes = rectangles(4, 9, 9, seed)
    maps, masks = smooth(4, 9, seed), boxes_to_masks(boxes, 9, 9)
    turned_maps, turned_masks = maps.flip(axes), masks.flip(axes)
    for measure in (
        pointing_game,
        lambda m, k: energy_in_object(m, k).float(),
        lambda m, k: mask_scores(m, k, threshold).f1,
        lambda m, k: mask_scores(m, k, threshold).iou,
        lambda m, k: torch.tensor(px_ap(m, k).value),
        lambda m, k: box_ious(m, masks_to_boxes(k), [threshold], multi=True, rule="tight"),
    ):
        torch.testing.assert_close(measure(maps, masks), measure(turned_maps, turned_masks), rtol=1e-6, atol=0)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([0.25, 1, 8]), st.sampled_from([0, 1, -4]))
def test_the_range_of_a_map_does_not_matter(seed, scale, shift):
    # Multiples of 1/256, so that the new range is exact.
    maps = (smooth(3, 9, seed) * 256).round() / 256
    boxes = rectangles(3, 9, 9, seed)
    assert torch.equal(box_ious(maps, boxes), box_ious(maps * scale + shift, boxes))
    masks = boxes_to_masks(boxes, 9, 9)
    assert px_ap(maps, masks).value == px_ap(maps * scale + shift, masks).value


def test_the_threshold_comes_from_the_labelled_part():
    # In the labelled part the object is the whole peak (above 0), in the other only its top (above 0.6).
    whole, top = torch.tensor([[1, 1, 4, 3]]), torch.tensor([[2, 2, 3, 2]])
    chosen = choose_threshold(PEAK[None], whole, "box_acc")
    assert chosen == 0.0
    assert score(PEAK[None], whole, chosen).mean == 1
    found = score(PEAK[None], top, chosen)
    assert (found.metric, found.threshold, found.mean) == ("box_acc", 0.0, 0)
    assert max_box_acc(PEAK[None], torch.tensor([[2, 2, 4, 3]])).value == 1  # the oracle chooses here
    masks = boxes_to_masks(top, 4, 5)
    chosen = choose_threshold(PEAK[None], masks, "iou")
    assert chosen == 0.6
    assert score(PEAK[None], masks, chosen, "iou").mean == 1
    v2 = score(PEAK[None], top, 0.6, "box_acc_v2")  # the published box is 2, 2, 4, 3: an overlap of 2 / 6
    assert v2.mean == pytest.approx(1 / 3)


@settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_no_chosen_threshold_beats_the_oracle(seed):
    maps, boxes = smooth(6, 12, seed), rectangles(6, 12, 12, seed)
    chosen = choose_threshold(maps[:3], boxes[:3])
    assert score(maps[3:], boxes[3:], chosen).mean <= max_box_acc(maps[3:], boxes[3:]).value
    chosen = choose_threshold(maps[:3], boxes[:3], "box_acc_v2")
    v2 = max_box_acc_v2(maps[3:], boxes[3:])
    assert score(maps[3:], boxes[3:], chosen, "box_acc_v2").mean <= v2.value + 1e-12
    assert v2.accuracies[0] >= v2.accuracies[1] >= v2.accuracies[2]


def test_baselines():
    assert whole_picture(4, 5).tolist() == [0, 0, 4, 3]
    boxes = torch.tensor([[0, 0, 3, 3], [2, 2, 9, 9]])  # 16 and 64 pixels, 40 on average: a side of 6.3
    assert centre_box(boxes, 10, 10).tolist() == [2, 2, 7, 7]
    assert centre_box(boxes_to_masks(boxes, 10, 10), 10, 10).tolist() == [2, 2, 7, 7]
    assert centre_box([boxes], 10, 20).tolist() == [5, 3, 13, 6]  # 40 of 200 pixels, in the picture's shape
    assert centre_box(whole_picture(7, 3)[None], 7, 3).tolist() == [0, 0, 2, 6]
    assert box_accuracy(torch.tensor([2, 2, 7, 7]), boxes, 10, 10).tolist() == [0, 1]  # 4 / 48 and 36 / 64
    assert box_accuracy(torch.tensor([2, 2, 7, 7]), [boxes, boxes[:1]], 10, 10).tolist() == [1, 0]
    assert box_accuracy(boxes, boxes, 10, 10, iou=1).tolist() == [1, 1]
    assert torch.equal(random_maps(2, 3, 4, 5), random_maps(2, 3, 4, 5))
    assert not torch.equal(random_maps(2, 3, 4, 5), random_maps(2, 3, 4, 6))


def test_by_class():
    found = by_class(torch.tensor([1.0, 0.0, 0.5]), torch.tensor([0, 0, 2]), 3)
    assert found[[0, 2]].tolist() == [0.5, 0.5]
    assert found[1].isnan()
    with pytest.raises(ValueError, match="labels run from 0 to 2 but there are 2 classes"):
        by_class(torch.zeros(3), torch.tensor([0, 0, 2]), 2)
    with pytest.raises(ValueError, match=r"values \(3,\) and labels \(2,\) must both be"):
        by_class(torch.zeros(3), torch.tensor([0, 0]), 2)


def test_an_interval_of_a_run_is_as_wide_as_theory_says():
    values = (torch.arange(400) % 4 == 0).double()
    found = interval([values])
    width = 2 * 1.96 * (0.25 * 0.75 / 400) ** 0.5
    assert found.value == 0.25
    assert found.low < 0.25 < found.high
    assert found.high - found.low == pytest.approx(width, rel=0.15)
    assert interval([values]) == found


def test_an_interval_of_a_pooled_measure():
    maps, boxes = smooth(30, 12, 3), rectangles(30, 12, 12, 3)
    histograms = pixel_histograms(maps, boxes_to_masks(boxes, 12, 12))
    found = interval([histograms], lambda counts: pooled_precision(counts).value, resamples=100)
    assert found.low < found.value == px_ap(maps, boxes_to_masks(boxes, 12, 12)).value < found.high
    ious = box_ious(maps, boxes)
    found = interval([ious], lambda drawn: oracle_accuracy(drawn).value, resamples=50)
    assert found.low < found.value == max_box_acc(maps, boxes).value < found.high


MAPS, BOXES = smooth(3, 8, 0), torch.tensor([[1, 1, 4, 4]] * 3)
MASKS = boxes_to_masks(BOXES, 8, 8)


def changed(values, index, value):
    values = values.clone()
    values[index] = value
    return values


@pytest.mark.parametrize(
    ("maps", "masks", "message"),
    [
        (MAPS[0], MASKS, r"maps must be \(N, H, W\).*not \(8, 8\); add an axis to a single map"),
        (MAPS[:, None], MASKS, r"not \(3, 1, 8, 8\); leave the channel axis out"),
        (MAPS[:0], MASKS[:0], r"N at least 1, not \(0, 8, 8\)"),
        (changed(MAPS, (1, 0, 0), float("nan")), MASKS, "values that are not finite in map 1 of 3"),
        (changed(MAPS, (slice(1, 3), 0, 0), float("inf")), MASKS, "values that are not finite in maps 1, 2 of 3"),
        (MAPS, MASKS[:2], r"masks \(2, 8, 8\) do not fit maps \(3, 8, 8\): resize the maps"),
        (MAPS, MASKS.float(), r"masks must be bool \(N, H, W\), not torch.float32.*try masks > 0"),
        (MAPS, changed(MASKS, slice(0, 2), False), "no pixel of an object in masks 0, 1 of 3"),
    ],
)
def test_maps_and_masks_that_do_not_fit_are_refused(maps, masks, message):
    for measure in (px_ap, pointing_game, energy_in_object, lambda m, k: mask_scores(m, k, 0.5)):
        with pytest.raises(ValueError, match=message):
            measure(maps, masks)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (BOXES[:2], "2 pictures have boxes but there are 3 maps"),
        (BOXES.float(), r"boxes of picture 0 must be int64 \(B, 4\), not torch.float32"),
        (BOXES[0], r"boxes must be int64 \(N, 4\), not torch.int64 \(4,\); use boxes\[None\]"),
        (MASKS, "use a mask metric or masks_to_boxes"),
        ([BOXES, BOXES[:0], BOXES[:0]], "no box for pictures 1, 2 of 3: leave them out"),
        (
            changed(BOXES, 2, torch.tensor([3, 3, 2, 2])),
            r"box \[3, 3, 2, 2\] of picture 2 ends before it begins.*x \+ width",
        ),
        (changed(BOXES, 1, torch.tensor([0, 0, 7, 8])), r"box \[0, 0, 7, 8\] of picture 1 reaches outside its 8x8"),
        (changed(BOXES, 1, torch.tensor([-1, 0, 7, 7])), r"box \[-1, 0, 7, 7\] of picture 1 reaches outside"),
    ],
)
def test_boxes_that_do_not_fit_are_refused(boxes, message):
    with pytest.raises(ValueError, match=message):
        max_box_acc(MAPS, boxes)


@pytest.mark.parametrize("threshold", [-0.01, 1.5, float("nan")])
def test_thresholds_lie_between_zero_and_one(threshold):
    for measure in (
        lambda: boxes_from_map(MAPS[0], threshold),
        lambda: mask_scores(MAPS, MASKS, threshold),
        lambda: score(MAPS, BOXES, threshold),
        lambda: choose_threshold(MAPS, BOXES, thresholds=[0.5, threshold]),
        lambda: px_ap(MAPS, MASKS, thresholds=[0, threshold]),
    ):
        with pytest.raises(ValueError, match=r"a threshold must be in \[0, 1\], not"):
            measure()


def test_other_bad_input():
    with pytest.raises(ValueError, match="unknown rule 'publish'; did you mean 'published'"):
        box_ious(MAPS, BOXES, rule="publish")
    with pytest.raises(ValueError, match="unknown metric 'boxacc'; did you mean 'box_acc'"):
        choose_threshold(MAPS, BOXES, "boxacc")
    with pytest.raises(ValueError, match=r"a map must be \(H, W\), not \(3, 8, 8\); give one of them"):
        boxes_from_map(MAPS, 0.5)
    with pytest.raises(ValueError, match="rise from 0 to below 1"):
        px_ap(MAPS, MASKS, thresholds=THRESHOLDS[::-1])
    with pytest.raises(ValueError, match="tolerance must be a distance"):
        pointing_game(MAPS, MASKS, -1)
    with pytest.raises(ValueError, match=r"ignore \(2, 8, 8\) do not fit"):
        px_ap(MAPS, MASKS, MASKS[:2])
    with pytest.raises(ValueError, match=r"iou must be in \(0, 1\]"):
        box_accuracy(BOXES, BOXES, 8, 8, iou=50)
    with pytest.raises(ValueError, match="count must be a whole number"):
        random_maps(0, 3, 3, 0)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, 4, dtype=torch.int64)),
        (torch.zeros(1, 4, dtype=torch.int64), torch.zeros(4, dtype=torch.int64)),
        (torch.tensor([[5, 5, 2, 2]]), torch.tensor([[0, 0, 3, 3]])),
    ],
)
def test_what_is_no_box_has_no_overlap(a, b):
    with pytest.raises(ValueError, match=r"boxes must be \(B, 4\), each x0, y0, x1, y1"):
        box_iou(a, b)


def test_the_thresholds_of_an_oracle_are_those_of_the_overlaps():
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    maps = torch.stack([torch.exp(-((rows - 10 - i) ** 2 + (columns - 12) ** 2) / 60.0) for i in range(6)])
    boxes = torch.tensor([[8, 6 + i, 16, 14 + i] for i in range(6)])
    thresholds = [0.2, 0.4, 0.6, 0.8]
    ious = box_ious(maps, boxes, thresholds)
    assert oracle_accuracy(ious, thresholds=thresholds).thresholds == (0.6,)
    for other in (ious, ious.repeat(1, 50), ious[:0], ious[0]):
        with pytest.raises(ValueError, match="do not go with 100 thresholds: give the thresholds that box_ious"):
            oracle_accuracy(other)
