"""Sentences about evidence maps: each with a case where its verdict is the other one."""

import math
from pathlib import Path

import pandas as pd
import pytest
import torch

from c2f.experiments.localization import findings
from c2f.experiments.localization.findings import Compared
from c2f.metrics.localization.suite import Measures
from c2f.metrics.statistics import Interval
from c2f.runs.record import Record, Run

UP, DOWN = "lenetfc", "lenetfc_td"
MORE, LESS, SAME = Interval(0.1, 0.05, 0.15), Interval(-0.1, -0.15, -0.05), Interval(0.01, -0.1, 0.12)
UNKNOWN = Interval(0.1, math.nan, math.nan)


def test_a_gap_over_seeds_has_an_interval_where_there_are_two():
    found = findings.seed_gap([0.3, 0.5], [0.1, 0.2])
    assert found.value == pytest.approx(0.25)
    assert found.low < 0.25 < found.high
    alone = findings.seed_gap([0.3], [0.1])
    assert alone.value == pytest.approx(0.2)
    assert math.isnan(alone.low)


@pytest.mark.parametrize(
    ("gap", "pen_gap", "begin", "left"),
    [
        (LESS, SAME, "**Sharper as it is drawn, as the paper says**", "**With the same pen nothing is left"),
        (LESS, LESS, "**Sharper", "**With the same pen it is sharper still**"),
        (MORE, MORE, "**Wider as it is drawn**", "**With the same pen it is wider**"),
        (SAME, SAME, "**Not to be told as it is drawn**", "**With the same pen nothing"),
        (UNKNOWN, UNKNOWN, "**Not to be told as it is drawn**", "**With the same pen nothing"),
    ],
)
def test_sharper_as_drawn_and_with_the_same_pen(gap, pen_gap, begin, left):
    one, other = findings.extents((0.78, 0.67, 0.79), gap, pen_gap, 7, "4 seeds, 81 pictures")
    assert one.startswith(begin)
    assert "78 % of the picture in the bottom-up network and over 67 %" in one
    assert "(4 seeds, 81 pictures)" in one
    assert other.startswith(left)
    assert "7x7 places, the top-down maps extend over 79 %" in other
    assert "-10.0 (-15.0 to -5.0) points" in one or gap is not LESS


def test_maps_of_two_seeds_are_alike_or_not():
    assert findings.alike({"bottom-up": [0.2, 0.4], "top-down": [0.1, 0.1]}, 9).startswith("**Little in common")
    assert "r = 0.30 (bottom-up), 0.10 (top-down), mean of 2 pairs of seeds, 9 pictures" in findings.alike(
        {"bottom-up": [0.2, 0.4], "top-down": [0.1, 0.1]}, 9
    )
    assert findings.alike({"bottom-up": [0.8], "top-down": [0.9]}, 9).startswith("**Much in common")
    assert findings.alike({"bottom-up": [], "top-down": []}, 9).startswith("One seed")


def test_hindsight_gains_points_or_none():
    found = findings.hindsight({10: 0.16, 100: 0.09}, {10: 0.06, 100: 0.05})
    assert found.startswith("**10 points of luck**")
    assert "16 % against 6 % with 10 pictures and 9 % against 5 % with 100 pictures" in found
    assert findings.hindsight({10: 0.1}, {10: 0.1}).startswith("**No luck this time**")


def test_the_best_baseline_by_measure():
    centre, whole = (Measures({}, values, {}, {}) for values in ({"f1": 0.5, "recall": 0.6}, {"f1": 0.3, "recall": 1}))
    found = findings.best_baselines({"centre box": centre, "whole picture": whole, "random map": whole})
    assert found.endswith("the centre box by F1 (50 %); the whole picture by recall (100 %).")


def planted(at, past=0.0, red=100.0, blue=100.0, accuracy=100.0):
    names = ["accuracy", "points at the patch", "points at the garment", "patch, red", "patch, blue"]
    rows = {"net": [accuracy, at, past, red, blue], "by chance": [math.nan, 4.0, 9.0, math.nan, math.nan]}
    return pd.DataFrame(rows, index=names).T


def test_a_ruler_works_where_it_finds_what_is_planted():
    assert findings.ruler(planted(100), "net", 200).startswith("**The ruler works**")
    assert findings.ruler(planted(4), "net", 200).startswith("**The ruler does not work**")
    assert findings.ruler(planted(60, past=70), "net", 200).startswith("**The ruler does not work**")


def test_a_class_known_by_exclusion_is_named():
    found = findings.exclusion(planted(50, blue=0), "net", ("red", "blue"))
    assert found.startswith("**A class known by exclusion**")
    assert "where the patch is blue it points at it in 0 %" in found
    assert findings.exclusion(planted(50, blue=80), "net", ("red", "blue")).startswith("**No class known")
    assert findings.exclusion(planted(50, blue=0, accuracy=60), "net", ("red", "blue")).startswith("**No class known")


def test_verdicts_are_counted_and_none_is_left_out():
    found = findings.verdicts({"energy": MORE, "f1": SAME, "px_ap": LESS}, "act_4", "4 seeds, 500 pictures")
    assert found[0].startswith("**In part as the paper says**: by 1 of 3 measures")
    assert "by 1 the bottom-up one's (4 seeds, 500 pictures)" in found[0]
    assert "energy in the object +10.0 (+5.0 to +15.0). **More bottom-up**: PxAP -10.0" in found[1]
    assert found[2] == "**Not to be told**: F1 +1.0 (-10.0 to +12.0)."
    assert findings.verdicts({"energy": MORE}, "act_4", "")[0].startswith("**As the paper says**")
    assert findings.verdicts({"energy": SAME}, "act_4", "")[0].startswith("**Not as the paper says**")


def test_layers_count_the_higher_means():
    values = {"energy": {UP: {"act_4": [0.2, 0.4]}, DOWN: {"act_4": [0.5, 0.5]}}}
    assert findings.layers(values, "act_4").startswith("At act_4 the top-down network is higher by 1 of 1 measures")
    assert "energy in the object 30 and 50 %" in findings.layers(values, "act_4")


def test_the_eye_or_the_pen():
    def measured(*scores):
        return Measures({"f1": torch.tensor(scores, dtype=torch.float64)}, {}, {}, {})

    base, ahead, level = measured(0.1, 0.2, 0.3), measured(0.4, 0.5, 0.7), measured(0.1, 0.2, 0.3)
    for drawn, same, begin in ((ahead, ahead, "The eye too"), (ahead, level, "The pen"), (level, level, "No lead")):
        assert findings.pen(base, drawn, same, ["f1"], 7, 20).startswith(f"**{begin}")


def pair(gap):
    return Compared("mnist", "LeNetFC", "2 of 50 epochs", 1, {"f1": (0.4, 0.5)}, {"f1": gap})


def test_pairs_are_told_and_counted():
    assert findings.pair_lines([pair(MORE)]) == (
        "- mnist, LeNetFC (2 of 50 epochs, 1 seed): F1 40 % bottom-up, 50 % top-down, +10.0 (+5.0 to +15.0) points: "
        "top-down"
    )
    assert findings.counted([pair(MORE), pair(SAME)], "f1", "digits").startswith("**More top-down on digits**: of 2")
    assert findings.counted([pair(LESS)], "f1", "digits").startswith("**More bottom-up on digits**: of 1 pair the")
    assert findings.counted([pair(LESS), pair(MORE)], "f1", "digits").startswith("**No side ahead on digits**")


@pytest.mark.parametrize(("gap", "more", "less"), [(MORE, 2, 0), (LESS, 0, 2), (SAME, 0, 0)])
def test_photographs_of_one_seed_say_so(monkeypatch, gap, more, less):
    monkeypatch.setattr(findings, "compare", lambda *arguments: gap)
    about = {"network": "resnet18", "data": "tiny-imagenette", "maps": "raw", "layers": ["act_5"], "pictures": 400}
    about["recipe"] = {"name": "imagenette", "epochs": 3}
    records = {name: Record(name, "localization", about, [Run(0, {}, {}, {})]) for name in ("resnet18", "resnet18_td")}
    found = findings.photographs(records, Path(), ["f1", "energy"], 5)
    assert f"more by {more} of 2 measures, the bottom-up one by {less}" in found
    assert found.endswith("400 pictures). Another seed may say otherwise.")
    assert ", 1 seed**" in found


def test_an_order_that_gains_nothing():
    high, low = torch.tensor([0.5, 0.6, 0.7]), torch.tensor([0.1, 0.2, 0.2])
    assert findings.orders({UP: (high, low), DOWN: (high, low)}, 20).startswith("**Better than a random order**")
    assert findings.orders({UP: (high, low), DOWN: (low, low)}, 20).startswith(
        "**Better than a random order for one network only**"
    )
    assert findings.orders({UP: (low, high), DOWN: (low, low)}, 20).startswith(
        "**No gain over a random order can be told**"
    )
