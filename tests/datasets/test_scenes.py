import math
from dataclasses import replace

import pytest
import scipy.stats
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torchvision.ops import masks_to_boxes

from c2f import datasets
from c2f.datasets import Pictures
from c2f.datasets.scenes import OBJECT_ABOVE, layers, making, scenes
from c2f.datasets.scenes.colours import TONES, colour, draw_palette
from c2f.datasets.scenes.draws import Draws
from c2f.datasets.scenes.source import Source, take_source

FIELDS = ("images", "labels", "boxes", "masks")


@pytest.fixture(scope="module")
def fashion():
    return datasets.load("fashion-mnist-sample").test


@pytest.fixture(scope="module")
def made(fashion):
    return scenes(fashion, 1000, difficulty=0.5)


def squares(classes=2, side=12, size=20, per_class=1):
    """Grey pictures of one bright square in the middle of black."""
    images = torch.zeros(classes * per_class, 1, size, size, dtype=torch.uint8)
    low = (size - side) // 2
    images[:, :, low : low + side, low : low + side] = 200
    return Pictures(images, torch.arange(classes).repeat(per_class), tuple("abcdefghij"[:classes]))


def test_what_a_scene_holds(made, fashion):
    assert made.images.shape == (1000, 3, 64, 64)
    assert made.classes == fashion.classes
    assert torch.equal(made.boxes, masks_to_boxes(made.masks).long())
    assert made.labels.bincount().min() > 70
    x0, y0, x1, y1 = made.boxes.T
    assert min(x0.min(), y0.min()) > 0  # the border never holds the target
    assert max(x1.max(), y1.max()) < 63
    i = 7
    row, column = made.masks[i].nonzero().T
    assert made.boxes[i].tolist() == [column.min(), row.min(), column.max(), row.max()]
    assert len(made.images.flatten(1).unique(dim=0)) == 1000


def test_the_mask_is_exactly_where_the_target_is_seen(fashion):
    """Turn all bits of the target's colours: its pixels all change, and no other does."""

    def turned(*args):
        colours = draw_palette(*args)
        colours[:, -TONES:] ^= 255  # the target is the last layer
        return colours

    before = scenes(fashion, 200, difficulty=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "draw_palette", turned)
        after = scenes(fashion, 200, difficulty=1)
    assert torch.equal((before.images != after.images).any(dim=1), before.masks)


def test_a_scene_by_hand():
    """A square of 12 in a picture of 20: its frame is 20/12 of its side, its pixels are one colour."""
    made = scenes(squares(), 200, size=100, difficulty=0)
    x0, y0, x1, y1 = made.boxes.T
    width, height = x1 - x0 + 1, y1 - y0 + 1
    assert (width - height).abs().max() <= 1
    # Bilinear edges spread a bright pixel by up to one of the picture's own, of which OBJECT_ABOVE keeps most.
    frame = width / (12 + 2 * (0.5 - OBJECT_ABOVE / 200)) * 20
    assert 53 < frame.min() < 58
    assert 87 < frame.max() < 93
    share = made.masks.sum(dim=(1, 2)) / (width * height)
    assert 0.98 < share.min() <= share.max() <= 1  # all but the corners, where both edges fade
    inner = made.images[0, :, y0[0] + 8 : y1[0] - 7, x0[0] + 8 : x1[0] - 7].flatten(1)
    assert (inner == inner[:, :1]).all()


def test_the_object_is_resized_as_torch_does(fashion):
    """tents against antialiased bilinear interpolation, where the frame is of whole pixels in a whole place."""
    x = fashion.images[:3].float()
    for side in (17, 28, 41):
        start = torch.full((3,), 5.0)
        weights = layers.tents(start, torch.full((3,), float(side)), 28, 64)
        placed = weights @ x[:, 0] @ weights.mT
        expected = F.interpolate(x, size=(side, side), mode="bilinear", antialias=True)[:, 0]
        torch.testing.assert_close(placed[:, 5 : 5 + side, 5 : 5 + side], expected, atol=1e-2, rtol=0)
        assert placed[:, :5].abs().sum() == placed[:, 5 + side :].abs().sum() == 0


@settings(max_examples=12)
@example(8, 4490, 50, 0.0, 1)  # one pixel on the border between two tones
@given(
    st.integers(1, 90), st.integers(0, 2**63 - 1), st.sampled_from([32, 50, 64]), st.floats(0, 1), st.integers(1, 2**17)
)
def test_a_scene_depends_on_the_seed_and_its_number_alone(count, seed, size, difficulty, at_a_time):
    pictures = squares(3, per_class=4)
    whole = scenes(pictures, 90, size=size, difficulty=difficulty, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "PIXELS_AT_A_TIME", at_a_time)
        part = scenes(pictures, count, size=size, difficulty=difficulty, seed=seed)
    for field in set(FIELDS) - {"images"}:
        assert torch.equal(getattr(part, field), getattr(whole, field)[:count])
    apart = (part.images.int() - whole.images[:count]).abs()
    assert apart.max() <= 10  # a tone
    assert (apart > 0).any(dim=1).sum() <= 2  # pixels


def test_seeds_differ_and_the_global_state_stays(fashion):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first, second = scenes(fashion, 50, seed=0), scenes(fashion, 50, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first.labels, second.labels)
    assert (first.images != second.images).flatten(1).any(dim=1).all()


def test_another_size_is_the_same_composition(fashion):
    small, large = scenes(fashion, 40, size=64), scenes(fashion, 40, size=128)
    assert torch.equal(small.labels, large.labels)
    both = small.masks & (F.avg_pool2d(large.masks.float(), 2) > 0.5)
    either = small.masks | (F.avg_pool2d(large.masks.float(), 2) > 0.5)
    assert (both.sum(dim=(1, 2)) / either.sum(dim=(1, 2))).median() > 0.9
    shrunk = F.avg_pool2d(large.images.float(), 2)
    away = (shrunk - small.images).abs().flatten(1).mean(dim=1)
    assert away.median() < 15  # grain and the places of pieces differ by a pixel


def test_difficulty_moves_everything_one_way(fashion):
    steps = [scenes(fashion, 300, difficulty=d) for d in (0, 0.25, 0.5, 0.75, 1)]
    area = torch.stack([step.masks.sum(dim=(1, 2)) for step in steps]).float()
    assert (area.diff(dim=0) < 0).all()  # in every scene
    assert 0.34 < (area[4] / area[0]).mean() < 0.38  # 0.6 squared
    contrast, hue = [], []
    for step in steps:
        on, off = mean_colours(step)
        contrast.append((on.mean(dim=1) - off.mean(dim=1)).abs().mean())
        on, off = on - on.mean(dim=1, keepdim=True), off - off.mean(dim=1, keepdim=True)
        hue.append(-F.cosine_similarity(on, off).mean())
    for values in (contrast, hue):
        assert torch.stack(values).diff().max() < 0


@pytest.mark.parametrize("difficulty", [0, 0.5, 1])
def test_colours_keep_the_contrasts_of_the_table(difficulty):
    palette = draw_palette(Draws(0, 0, 2000), difficulty).view(2000, -1, TONES, 4)[..., :3].float()
    middle, quarter = TONES // 2, TONES // 4  # shades 0 and 1 apart from it
    ground, target = palette[:, 0, middle], palette[:, -1, middle]  # (N, 3)
    level = (target.mean(dim=1) - ground.mean(dim=1)).abs()
    assert abs(float(level.median()) - (95 - 60 * difficulty)) < 2
    spread = (palette[:, 0, middle + quarter] - ground).mean(dim=1).abs()
    assert abs(float(spread.median()) - (15 + 25 * difficulty)) < 2
    unclipped = ((palette[:, [0, -1], middle] > 0) & (palette[:, [0, -1], middle] < 255)).flatten(1).all(dim=1)
    hues = [colour - colour.mean(dim=1, keepdim=True) for colour in (ground[unclipped], target[unclipped])]
    turn = F.cosine_similarity(*hues).clamp(-1, 1).acos().rad2deg()
    assert abs(float(turn.median()) - 180 * (1 - 0.75 * difficulty)) < 5


def mean_colours(pictures):
    """Mean colours on and off the object, float32 (N, 3) each."""
    masks = (pictures.masks[:, None], ~pictures.masks[:, None])
    return [(pictures.images * m).sum(dim=(2, 3)) / m.sum(dim=(2, 3)) for m in masks]


@pytest.mark.parametrize("difficulty", [0, 0.3, 0.5, 1])
def test_how_much_clutter_there_is(difficulty):
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("draw_shapes", "draw_quarters"):
            make = getattr(making, name)

            def spy(*args, make=make):
                masks, shades = make(*args)
                seen.append(masks.flatten(2).any(dim=2).sum(dim=1).float())
                return masks, shades

            patch.setattr(making, name, spy)
        scenes(squares(3), 100, difficulty=difficulty)  # every quarter of a square shows
    shapes, quarters = seen
    for counts, most in ((shapes, layers.SHAPES), (quarters, layers.QUARTERS)):
        assert counts.max() <= math.ceil(most * difficulty)
        assert abs(float(counts.mean()) - most * difficulty) < 0.2


def test_quarters_are_of_other_classes_and_no_more_than_quarters(fashion):
    source = take_source(fashion, 64)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        picture = Source.picture

        def spy(self, labels, u):
            seen.append((labels, picture(self, labels, u)))
            return seen[-1][1]

        patch.setattr(Source, "picture", spy)
        made = scenes(fashion, 128, difficulty=1)
    (labels, _), (others, which) = seen
    assert torch.equal(labels, made.labels)
    assert (others != labels[:, None]).all()
    assert torch.equal(fashion.labels.sort(stable=True).values[which], others)
    assert others.flatten().bincount(minlength=10).min() > 30  # all classes occur
    draws = Draws(0, 0, 64)
    masks, _ = layers.draw_quarters(draws, source, torch.zeros(64, dtype=torch.int64), torch.full((64,), 4), 64)
    assert masks.shape == (64, 4, 18, 18)  # of a target's frame of at least 0.33 * 64 = 21


@pytest.mark.parametrize("difficulty", [0, 1])
def test_the_surroundings_do_not_tell_the_class(fashion, difficulty):
    known = scenes(fashion, 2000, difficulty=difficulty, seed=0)
    asked = scenes(fashion, 2000, difficulty=difficulty, seed=1)
    on, off = mean_colours(known)
    for values in (*off.T, (on - off).mean(dim=1), *on.T):
        groups = [values[known.labels == c].numpy() for c in range(10)]
        assert scipy.stats.f_oneway(*groups).pvalue > 0.001

    ring = torch.ones(64, 64, dtype=torch.bool)
    ring[2:-2, 2:-2] = False
    known_ring, asked_ring = known.images[..., ring].flatten(1).float(), asked.images[..., ring].flatten(1).float()
    means = torch.stack([known_ring[known.labels == c].mean(dim=0) for c in range(10)])
    right = (torch.cdist(asked_ring, means).argmin(dim=1) == asked.labels).float().mean()
    assert right < 0.1 + 4 * math.sqrt(0.1 * 0.9 / 2000)


def test_frames_lie_anywhere_whatever_the_class(fashion):
    """The draws of place and side, as the targets' boxes show them, against the classes and each other."""
    made = scenes(squares(4), 3000, difficulty=0.5)
    x0, y0, x1, y1 = made.boxes.T.double()
    side = x1 - x0
    room = 64 - 2 * round(0.03 * 64)
    across = (x0 + x1) / 2 / room
    down = (y0 + y1) / 2 / room
    for values in (side, across, down):
        groups = [values[made.labels == c].numpy() for c in range(4)]
        assert scipy.stats.f_oneway(*groups).pvalue > 0.001
    assert torch.corrcoef(torch.stack([across, down, side]))[[0, 0, 1], [1, 2, 2]].abs().max() < 0.06
    for value in (across, down):
        assert abs(float(value.mean()) - 31.5 / room) < 0.01


def planted(count, size=64, seed=0):
    """Scenes whose class is the hue of one patch, their mask: four classes, all else grey and darker.

    Images uint8 (N, 3, size, size); the patch is a square of an eighth to a quarter of the side, anywhere.
    """
    ground = scenes(squares(2), count, size=size, difficulty=1, seed=seed).images.float().mean(dim=1) * 0.6
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (count,), generator=generator)
    side = torch.randint(size // 8, size // 4 + 1, (count,), generator=generator)
    x0, y0 = (torch.rand(2, count, generator=generator) * (size - side + 1)).long()
    at = torch.arange(size)
    across, down = ((at >= low[:, None]) & (at < (low + side)[:, None]) for low in (x0, y0))
    masks = down[:, :, None] & across[:, None, :]
    colours = colour(torch.full((4,), 127.0), torch.arange(4) / 4, 100)[labels]
    images = torch.where(masks[:, None], colours[:, :, None, None], ground[:, None])
    return Pictures(images.byte(), labels, tuple("abcd"), masks_to_boxes(masks).long(), masks)


def test_a_network_that_reads_a_planted_patch_points_at_it():
    made = planted(400)
    hues = colour(torch.zeros(4), torch.arange(4) / 4, 1)  # (4, 3)
    evidence = F.relu(F.conv2d(made.images.float() / 255 - 0.5, hues[..., None, None], torch.full((4,), -0.5)))
    logits = evidence.mean(dim=(2, 3))
    assert (logits.argmax(dim=1) == made.labels).all()
    maps = evidence[torch.arange(400), made.labels]  # Grad-CAM of a 1x1 convolution and a mean is the evidence itself
    points = maps.flatten(1).argmax(dim=1)
    assert made.masks.flatten(1).gather(1, points[:, None]).float().mean() > 0.95
    chance = made.masks.float().mean()
    anywhere = torch.rand(maps.shape, generator=torch.Generator().manual_seed(1)).flatten(1).argmax(dim=1)
    assert abs(made.masks.flatten(1).gather(1, anywhere[:, None]).float().mean() - chance) < 0.05


def test_loaded_by_name():
    loaded = datasets.load("scenes-fashion-mnist-sample", image_size=(40, 32))
    assert loaded.name == "scenes-fashion-mnist-sample"
    row = datasets.INFO[loaded.name]
    assert loaded.train.images.shape == (row.train, 3, 40, 40) == (5000, 3, 40, 40)
    assert loaded.test.images.shape == (row.test, 3, 32, 32) == (1000, 3, 32, 32)
    sample = datasets.load("fashion-mnist-sample")
    assert torch.equal(loaded.train.select(torch.arange(9)).images, scenes(sample.train, 9, size=40, seed=0).images)
    assert torch.equal(loaded.test.select(torch.arange(9)).masks, scenes(sample.test, 9, size=32, seed=1).masks)


@pytest.mark.parametrize("name", ["fashion-mnist", "mnist"])
def test_they_are_fetched_by_fetching_their_source(name, tmp_path):
    scene_row, row = datasets.INFO[f"scenes-{name}"], datasets.INFO[name]
    assert (scene_row.archives, scene_row.licence) == (row.archives, row.licence)
    assert scene_row.where(tmp_path) == row.where(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"Run `c2f fetch scenes-{name}`"):
        datasets.load(f"scenes-{name}", root=tmp_path)


def test_large_scenes(fashion):
    made = scenes(fashion, 6, size=224, difficulty=1)
    assert made.images.shape == (6, 3, 224, 224)
    assert made.masks.flatten(1).any(dim=1).all()
    assert scenes(fashion, 1, size=512).images.shape == (1, 3, 512, 512)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 31}, "size of a scene must be a whole number of at least 32, not 31"),
        ({"size": 513}, "from 32 to 512 pixels, not 513"),
        ({"size": 64.0}, "not 64.0"),
        ({"difficulty": 1.01}, r"difficulty must be from 0 \(easy\) to 1 \(hard\), not 1.01"),
        ({"difficulty": -0.1}, "not -0.1"),
        ({"difficulty": math.nan}, "not nan"),
        ({"difficulty": "hard"}, "not 'hard'"),
        ({"count": 0}, "count must be a whole number of at least 1, not 0"),
        ({"count": True}, "not True"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        scenes(squares(), **{"count": 2, **arguments})


def test_bad_pictures():
    good = squares(3, per_class=2)
    with pytest.raises(ValueError, match=r"grey pictures \(1 channel\), not of 3 channels"):
        scenes(replace(good, images=good.images.expand(-1, 3, -1, -1)), 2)
    with pytest.raises(ValueError, match="the pictures are 40x40, the scenes 40x40: they must be larger"):
        scenes(squares(size=40), 2, size=40)
    with pytest.raises(ValueError, match="there are no pictures of b: give some, or drop the class"):
        scenes(good.select(good.labels != 1), 2)
    with pytest.raises(ValueError, match=r"there is one class \(a\)"):
        scenes(squares(1), 2)
    blank = good.images.clone()
    blank[4] = OBJECT_ABOVE
    with pytest.raises(ValueError, match="picture 4 has no pixel above grey level 25: leave it out"):
        scenes(replace(good, images=blank), 2)
    blank[4, 0, 3, 3] = OBJECT_ABOVE + 1
    blank[4] *= blank[4] > OBJECT_ABOVE
    with pytest.raises(ValueError, match="a picture of b has too few bright pixels to be seen at this size"):
        scenes(replace(good, images=blank), 20, size=32)
    with pytest.raises(MemoryError, match="make fewer or smaller ones"):
        scenes(good, 10**10)


@pytest.mark.parametrize("size", [31, 600])
def test_a_bad_size_is_refused_before_anything_is_read(size, tmp_path):
    with pytest.raises(ValueError, match=f"not {size}"):
        datasets.load("scenes-mnist", root=tmp_path, image_size=size)
