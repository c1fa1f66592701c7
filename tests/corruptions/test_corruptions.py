"""The fifteen corruptions: against the numbers of the published definitions, and in themselves."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from c2f import corruptions
from c2f.corruptions import apply, blur, frost
from c2f.corruptions.draws import Draws
from c2f.corruptions.resampling import to_bytes
from c2f.corruptions.table import CORRUPTIONS
from c2f.datasets import DownloadError

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "corruptions.json").read_text())
CPU = torch.device("cpu")
PHOTOGRAPHS = frost.stand_in()
FIXED = [name for name, row in CORRUPTIONS.items() if not row.random]
MANY_DRAWS = ["gaussian_noise", "shot_noise", "glass_blur"]


def astronaut(size):
    """The oracle's picture: uint8 (1, 3, size, size)."""
    image = Image.fromarray(skimage.data.astronaut()).resize((size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None]


def change(before, after):
    return (after.float() - before.float()).abs().mean().item()


def noisy(count, side, channels=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 8, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    return (255 * smooth).to(torch.uint8)


class LegacyDraws:
    """Draws from numpy's legacy generator in the order of the published code."""

    def __init__(self, seed):
        self.random = np.random.RandomState(seed)

    def flat(self, *shape, low=0.0, high=1.0):
        return torch.from_numpy(np.asarray(self.random.uniform(low, high, (1, *shape)))).float()

    def bell(self, *shape):
        return torch.from_numpy(self.random.standard_normal((1, *shape))).float()


@pytest.mark.parametrize("size", [32, 64, 224])
@pytest.mark.parametrize("kind", FIXED)
def test_the_oracle_where_nothing_is_random(kind, size):
    picture = astronaut(size)
    for severity in (1, 5) if size == 224 else corruptions.SEVERITIES:
        found = change(picture, corruptions.corrupt(picture, kind, severity))
        assert found == pytest.approx(ORACLE[str(size)][kind][severity - 1], rel=0.01)


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("kind", ["elastic_transform", "motion_blur", "fog", "snow"])
def test_the_oracle_with_its_own_random_numbers(kind, size):
    # A mean over three draws of such a type is off by up to 30 %, so the oracle's own draws are taken.
    picture, row = astronaut(size), CORRUPTIONS[kind]
    for severity in corruptions.SEVERITIES:
        strength = row.strengths[size][severity - 1]
        made = [to_bytes(row.apply(picture.float(), strength, LegacyDraws(seed))) for seed in (0, 1, 2)]
        found = np.mean([change(picture, one) for one in made])
        assert found == pytest.approx(ORACLE[str(size)][kind][severity - 1], rel=0.01)


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("kind", MANY_DRAWS)
def test_the_oracle_with_random_numbers_of_ours(kind, size):
    pictures = astronaut(size).expand(8, -1, -1, -1).contiguous()
    for severity in corruptions.SEVERITIES:
        found = change(pictures, corruptions.corrupt(pictures, kind, severity))
        assert found == pytest.approx(ORACLE[str(size)][kind][severity - 1], rel=0.05)


def test_impulse_noise_sets_the_share_it_says_to_black_or_white():
    # The oracle's three draws of so few values are off by 10 %, and they are not numpy's legacy generator's.
    grey = torch.full((20, 3, 64, 64), 128, dtype=torch.uint8)
    for severity, (share,) in enumerate(CORRUPTIONS["impulse_noise"].strengths[64], start=1):
        noised = corruptions.corrupt(grey, "impulse_noise", severity)
        for value in (0, 255):
            assert (noised == value).float().mean().item() == pytest.approx(share / 2, rel=0.05)
        assert set(noised.unique().tolist()) == {0, 128, 255}


@pytest.mark.skipif(not frost.there(), reason="the photographs of frost are not here")
def test_the_oracle_of_frost():
    picture = astronaut(64)
    for severity in corruptions.SEVERITIES:
        each = change(picture, corruptions.corrupt(picture.expand(100, -1, -1, -1).contiguous(), "frost", severity))
        # The oracle's three draws happen to be dark photographs.
        assert 0.8 < each / ORACLE["64"]["frost"][severity - 1] < 1.7


@pytest.mark.parametrize("kind", corruptions.names())
def test_a_picture_does_not_depend_on_its_neighbours(kind):
    pictures = noisy(7, 40)
    options = {"seed": 3, "photographs": PHOTOGRAPHS}
    together = corruptions.corrupt(pictures, kind, 4, **options)
    alone = corruptions.corrupt(pictures[5:], kind, 4, picture_ids=[5, 6], **options)
    assert torch.equal(together[5:], alone)
    assert together.dtype == torch.uint8
    assert together.shape == pictures.shape
    other = corruptions.corrupt(pictures, kind, 4, seed=4, photographs=PHOTOGRAPHS)
    assert torch.equal(together, other) != CORRUPTIONS[kind].random
    assert not torch.equal(together, pictures)


@pytest.mark.parametrize("kind", corruptions.names())
def test_parts_change_no_result(kind, monkeypatch):
    pictures = noisy(5, 32)
    whole = corruptions.corrupt(pictures, kind, 3, photographs=PHOTOGRAPHS)
    monkeypatch.setitem(apply.VALUES_AT_A_TIME, "cpu", 2 * pictures[0].numel())
    assert torch.equal(whole, corruptions.corrupt(pictures, kind, 3, photographs=PHOTOGRAPHS))


@pytest.mark.parametrize(
    "kind", [k for k in corruptions.names() if "noise" not in k and k not in ("frost", "shot_noise")]
)
def test_a_grey_picture_is_treated_as_a_channel_of_a_coloured_one(kind):
    grey = noisy(3, 32, channels=1)
    coloured = grey.expand(-1, 3, -1, -1).contiguous()
    for severity in (1, 5):
        ours = corruptions.corrupt(grey, kind, severity).int()
        theirs = corruptions.corrupt(coloured, kind, severity).int()
        assert (ours - theirs[:, :1]).abs().max() <= 1 + 2 * (kind == "jpeg_compression")


def test_every_type_takes_digits_and_large_pictures():
    for kind in corruptions.names():
        for pictures in (noisy(2, 28, channels=1), noisy(1, 96), noisy(1, 224)):
            spoiled = corruptions.corrupt(pictures, kind, 5, photographs=PHOTOGRAPHS)
            assert spoiled.shape == pictures.shape
            assert change(pictures, spoiled) > 0.3


def test_a_table_for_larger_pictures_overdoes_it():
    picture = astronaut(64)
    own, large = (change(picture, corruptions.corrupt(picture, "defocus_blur", 3, table=size)) for size in (None, 224))
    assert large > 1.5 * own
    assert own == change(picture, corruptions.corrupt(picture, "defocus_blur", 3, table=64))


def test_small_pictures_are_padded_by_their_edge():
    digits = noisy(2, 28, channels=1)
    padded = torch.nn.functional.pad(digits.float(), (2, 2, 2, 2), mode="replicate").to(torch.uint8)
    for kind in ("fog", "gaussian_noise", "zoom_blur"):
        expected = corruptions.corrupt(padded, kind, 2)[:, :, 2:-2, 2:-2]
        assert torch.equal(corruptions.corrupt(digits, kind, 2), expected)


def test_sizes_get_the_nearest_table():
    assert [corruptions.table_for(side) for side in (28, 32, 48, 49, 64, 112, 144, 145, 224)] == [
        *(32, 32, 32, 64, 64, 64, 64, 224, 224)
    ]


def test_glass_is_the_plain_loop():
    side, shift = 9, 2
    offsets = torch.randint(-shift, shift, (3, 2, side, side), generator=torch.Generator().manual_seed(0))
    for n, source in enumerate(blur.shuffled(offsets, shift)):
        plain = np.arange(side * side).reshape(side, side)
        for row in range(side - shift, shift, -1):
            for column in range(side - shift, shift, -1):
                down, right = offsets[n, :, row, column].tolist()
                plain[row, column] = plain[row + down, column + right]
        assert source.tolist() == plain.flatten().tolist()


def test_fast_blurs_are_the_plain_ones(monkeypatch):
    x = noisy(2, 48).float()
    draws = Draws(0, "none", 1, [0, 1], CPU)
    for strength in ((0.5, 0.6), (3, 0.1)):
        fast = blur.defocus_blur(x, strength, draws)
        with monkeypatch.context() as patch:
            patch.setattr(blur, "FEW", 0)
            torch.testing.assert_close(fast, blur.defocus_blur(x, strength, draws), atol=1e-3, rtol=0)
    factors = np.arange(1, 1.26, 0.03)
    plain = (x + sum(blur.centre_zoom(x, f) for f in factors)) / (len(factors) + 1)
    torch.testing.assert_close(blur.zoom_blur(x, (1.26, 0.03), draws), plain, atol=1e-3, rtol=0)


def test_plain_pictures_stay_plain():
    # What is cut off to a whole grey level must not fall below it by the rounding of float32.
    for value in (0, 1, 128, 255):
        plain = torch.full((1, 3, 64, 64), value, dtype=torch.uint8)
        for kind in (
            "defocus_blur",
            "glass_blur",
            "motion_blur",
            "zoom_blur",
            "contrast",
            "elastic_transform",
            "pixelate",
        ):
            for severity in corruptions.SEVERITIES:
                assert torch.equal(corruptions.corrupt(plain, kind, severity), plain), (kind, severity, value)


def test_storing_takes_noise_away():
    picture = astronaut(64)
    raw = corruptions.corrupt(picture, "gaussian_noise", 5)
    stored = corruptions.corrupt(picture, "gaussian_noise", 5, stored_as="tiny-imagenet-c")
    assert change(raw, stored) > 5
    with pytest.raises(ValueError, match="did you mean 'imagenet-c'"):
        corruptions.corrupt(picture, "fog", 1, stored_as="imagenetc")


@pytest.mark.parametrize(
    ("change_", "message"),
    [
        ({"kind": "gausian_noise"}, "did you mean 'gaussian_noise'"),
        ({"severity": 0}, "from 1 to 5, not 0"),
        ({"severity": True}, "not True"),
        ({"pictures": torch.zeros(2, 3, 32, 32)}, "uint8"),
        ({"pictures": torch.zeros(2, 4, 32, 32, dtype=torch.uint8)}, "1 or 3"),
        ({"pictures": torch.zeros(2, 3, 32, 40, dtype=torch.uint8)}, "square pictures of 28 to 224 pixels, not 32x40"),
        ({"pictures": torch.zeros(2, 3, 20, 20, dtype=torch.uint8)}, "not 20x20"),
        ({"picture_ids": [1]}, "1 picture ids for 2 pictures"),
        ({"table": 112}, "numbers for 32, 64, 224 pixels, not for 112"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
    ],
)
def test_bad_input(change_, message):
    given = {"pictures": noisy(2, 32), "kind": "fog", "severity": 1} | change_
    with pytest.raises(ValueError, match=message):
        corruptions.corrupt(**given)


def test_no_pictures_are_no_error():
    assert corruptions.corrupt(noisy(2, 32)[:0], "snow", 3).shape == (0, 3, 32, 32)


def test_frost_says_how_to_get_its_photographs(tmp_path, monkeypatch):
    monkeypatch.setenv("C2F_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="Run `c2f fetch frost`"):
        corruptions.corrupt(noisy(1, 32), "frost", 1)
    assert corruptions.available() == [name for name in corruptions.names() if name != "frost"]
    (tmp_path / "frost").mkdir()
    for photograph in frost.PHOTOGRAPHS:
        (tmp_path / "frost" / photograph.name).write_bytes(b"no photograph")
    with pytest.raises(ValueError, match=r"frost1\.png is damaged or another file"):
        frost.load()
    with pytest.raises(ValueError, match="too small for pictures of 64 pixels"):
        corruptions.corrupt(noisy(1, 64), "frost", 1, photographs=[torch.zeros(3, 100, 300, dtype=torch.uint8)])


def test_the_command_fetches_frost_too(tmp_path, monkeypatch, capsys):
    from c2f.cli import app

    monkeypatch.setenv("C2F_DATA", str(tmp_path))
    monkeypatch.setenv("C2F_OFFLINE", "1")
    with pytest.raises(DownloadError, match="C2F_OFFLINE forbids downloads: unset it, or put the file from https"):
        app.cli(args=["fetch", "frost"])
    app.cli(args=["fetch", "--list"])
    assert re.search(r"^frost +- +2 MB +Apache 2.0$", capsys.readouterr().out, re.MULTILINE)


def test_frost_is_fetched_once_and_checked(tmp_path, monkeypatch):
    asked = []

    def download(urls, path, *, md5, size):
        asked.append(urls)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")

    monkeypatch.setattr(frost, "download", download)
    assert frost.fetch(tmp_path) == tmp_path / "frost"
    assert len(asked) == 5
    assert all(url.startswith("https://") for urls in asked for url in urls)
    with pytest.raises(ValueError, match="Remove it and run `c2f fetch frost`"):
        frost.fetch(tmp_path)


@pytest.mark.parametrize("side", [0, -3, math.nan, 32.0])
def test_no_table_is_for_pictures_of_no_size(side):
    with pytest.raises(ValueError, match="side must be a whole number of at least 1, not"):
        corruptions.table_for(side)
