"""The fifteen corruptions: against the numbers of the published definitions, and in themselves."""

import json
import math
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from c2f import corruptions
from c2f.corruptions import apply, blur, frost, weather
from c2f.corruptions.draws import Draws
from c2f.corruptions.resampling import to_bytes
from c2f.corruptions.table import CORRUPTIONS
from c2f.datasets import DownloadError

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "corruptions.json").read_text())
CPU = torch.device("cpu")
PHOTOGRAPHS = frost.stand_in()
BYTES = np.load(Path(__file__).with_name("bytes.npz"))
"""uint8 ``(3, 32, 32)`` by type: the oracle's picture at severity 5."""


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
    """Draws from numpy's legacy generator in the order of the published code, whose channels come last."""

    def __init__(self, seed, strength, side):
        self.random, self.strength, self.side = np.random.RandomState(seed), strength, side

    def flat(self, *shape, low=0.0, high=1.0):
        return torch.from_numpy(np.asarray(self.random.uniform(low, high, (1, *shape)))).float()

    def bell(self, channels, *rows_columns):
        return self.first(self.random.standard_normal((*rows_columns, channels)))

    def counts(self, rates):
        return self.first(self.random.poisson(rates[0].double().permute(1, 2, 0).numpy()))

    @staticmethod
    def first(drawn):
        """Channels first, one picture."""
        return torch.from_numpy(np.ascontiguousarray(drawn.transpose(2, 0, 1)))[None].float()


class ImpulseDraws(LegacyDraws):
    """Which values are hit, and which of them become white: scikit-image chose them so in its time."""

    def flat(self, channels, *rows_columns):
        (share,) = self.strength
        hit, white = (self.random.choice(2, (*rows_columns, channels), p=[1 - p, p]) < 1 for p in (1 - share, 0.5))
        return self.first(np.where(hit, np.where(white, 0.75, 0.25) * share, 1))


class GlassDraws(LegacyDraws):
    """A column and a row for each pixel that moves, from the lower right."""

    def flat(self, *shape):
        shift = int(self.strength[1])
        line = np.arange(self.side - shift, shift, -1)
        offsets = np.zeros(shape)
        offsets[::-1, line[:, None], line] = self.random.randint(-shift, shift, (len(line), len(line), 2)).transpose(
            2, 0, 1
        )
        return torch.from_numpy((offsets + shift + 0.5) / (2 * shift))[None].float()


class FrostDraws(LegacyDraws):
    """One of five photographs, a row and a column."""

    def flat(self, *shape):
        which = self.random.randint(5)
        shrunk = [int(pixels * (self.strength[2] * self.side)) for pixels in photographs()[which].shape[1:]]
        places = [(self.random.randint(0, n - self.side) + 0.5) / (n - self.side) for n in shrunk]
        return torch.tensor([[(which + 0.5) / 5, *places]], dtype=torch.float64)


@lru_cache
def photographs():
    return frost.load()


DRAWS = {"impulse_noise": ImpulseDraws, "glass_blur": GlassDraws, "frost": FrostDraws}
OFF = {
    # The published lines with OpenCV 4.5.5 give our picture, to the byte.
    (64, "defocus_blur", 4): 0.0063,
    # by OpenCV's arithmetic in whole numbers, where it shrinks photographs by 0.3
    (64, "frost", 1): 0.0085,
    (64, "frost", 2): 0.0095,
    (64, "frost", 3): 0.0085,
}
"""The 4 of 225 numbers that do not agree to two decimals, and to what they do."""


@pytest.mark.parametrize("size", corruptions.SIZES)
@pytest.mark.parametrize("kind", corruptions.names())
def test_the_oracle_to_two_decimals(kind, size):
    # With the oracle's own draws: a mean over three others of such a type is off by up to 30 %.
    if kind == "frost" and not frost.there():
        pytest.skip("the photographs of frost are not here")
    picture, row = astronaut(size), CORRUPTIONS[kind]
    seeds = (0, 1, 2) if row.random and (kind, size) != ("glass_blur", 224) else (0,)
    more = [photographs()] if kind == "frost" else []
    for severity in corruptions.SEVERITIES:
        strength = row.strengths[size][severity - 1]
        draws = [DRAWS.get(kind, LegacyDraws)(seed, strength, size) for seed in seeds]
        made = [to_bytes(row.apply(picture.float(), strength, one, *more)) for one in draws]
        found = np.mean([change(picture, one) for one in made])
        tolerance = OFF.get((size, kind, severity), 0.006)
        assert found == pytest.approx(ORACLE[str(size)][kind][severity - 1], abs=tolerance), severity


@pytest.mark.parametrize("kind", corruptions.names())
def test_no_byte_changes(kind):
    # The bytes are ours, made with this line: no published ones with these draws are to be had. With this severity and
    # seed no value lies within 5e-5 (float32) or 9e-7 (float64) of where it is cut off, so that another processor's
    # rounding changes none.
    found = corruptions.corrupt(astronaut(32), kind, 5, seed=3, photographs=PHOTOGRAPHS)[0].numpy()
    differing = np.abs(found.astype(int) - BYTES[kind])
    assert not differing.any(), f"{(differing > 0).sum()} of {found.size} values, by up to {differing.max()}"


@pytest.mark.parametrize("radius", [8, 10])
def test_the_largest_discs_are_not_brought_to_one(radius):
    # Published: 1.0130 and 1.0108. The softened edge is mirrored at the border of its array.
    assert blur.disc(radius, 0.5).sum().item() == pytest.approx({8: 1.0130, 10: 1.0108}[radius], abs=5e-5)
    assert blur.disc(6, 0.5).sum().item() == pytest.approx(1, abs=1e-12)


def test_frost_shrinks_by_the_factor():
    # 527 columns by 0.2 are 105.4: OpenCV takes 105 of them, each in the middle of five.
    ramp = torch.arange(527).expand(3, 350, -1) % 256
    photograph = ramp.to(torch.uint8)
    strength = (0, 1, 0.2 / 32)
    drawn = weather.frost(torch.zeros(1, 3, 32, 32), strength, LastColumns(), [photograph])
    assert drawn[0, 0, 0].tolist() == (torch.arange(72, 104) * 5 + 2).remainder(256).tolist()


class LastColumns:
    """Draws of the part of a photograph that lies furthest to the right."""

    def flat(self, *shape):
        return torch.tensor([[0, 0, 0.999]])


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


PLAIN = ["defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "contrast", "elastic_transform", "pixelate"]


@pytest.mark.parametrize(("side", "table"), [(28, 32), (41, 64), (48, 224)])
@pytest.mark.parametrize("kind", PLAIN)
def test_plain_pictures_stay_plain(kind, side, table):
    # What is cut off to a whole grey level must not fall below it by rounding.
    plain = torch.arange(256, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, side, side).contiguous()
    for severity in corruptions.SEVERITIES:
        if kind == "defocus_blur" and (table, severity) in ((224, 4), (224, 5)):
            continue  # their discs brighten
        spoiled = corruptions.corrupt(plain, kind, severity, table=table)
        assert torch.equal(spoiled, plain), (
            severity,
            (spoiled != plain).flatten(1).any(1).nonzero().flatten().tolist(),
        )


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
        ({"severity": 3.0}, "a severity is a whole number from 1 to 5, not 3.0"),
        ({"severity": "3"}, "not '3'"),
        ({"pictures": torch.zeros(2, 3, 32, 32)}, "uint8"),
        ({"pictures": torch.zeros(2, 4, 32, 32, dtype=torch.uint8)}, "1 or 3"),
        ({"pictures": torch.zeros(2, 3, 32, 40, dtype=torch.uint8)}, "square pictures of 28 to 224 pixels, not 32x40"),
        ({"pictures": torch.zeros(2, 3, 20, 20, dtype=torch.uint8)}, "not 20x20"),
        ({"picture_ids": [1]}, "1 picture ids for 2 pictures"),
        ({"kind": "snow", "picture_ids": [1, 2.0]}, "a picture's id is a whole number of at least 0, not 2.0"),
        ({"kind": "snow", "picture_ids": [1, -2]}, "not -2"),
        ({"table": 112}, "numbers for 32, 64, 224 pixels, not for 112"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
    ],
)
def test_bad_input(change_, message):
    given = {"pictures": noisy(2, 32), "kind": "fog", "severity": 1} | change_
    with pytest.raises(ValueError, match=message):
        corruptions.corrupt(**given)


def test_whole_numbers_of_numpy_are_whole_numbers():
    given = {"severity": np.int64(3), "picture_ids": np.arange(2)}
    assert torch.equal(corruptions.corrupt(noisy(2, 32), "snow", **given), corruptions.corrupt(noisy(2, 32), "snow", 3))


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
