"""Tables of evidence maps, by numbers that a person can check."""

from pathlib import Path

import pytest
import torch

from c2f.datasets.pictures import Pictures
from c2f.experiments.localization import tables
from c2f.metrics.localization.suite import Measures
from c2f.metrics.statistics import Interval, interval
from c2f.runs.record import Record, Run, add_run

UP, DOWN = "lenetfc", "lenetfc_td"


def measured(energy):
    """Measures of two pictures."""
    each = torch.tensor(energy, dtype=torch.float64)
    return Measures({"energy": each}, {"energy": float(each.mean()), "px_ap": 0.5}, {}, {})


def record(network, by_seed, layers=("act_1", "act_2")):
    """A record of maps. ``by_seed``: of each seed, the energy of the classes cat and dog, in every layer."""
    runs = []
    for seed, classes in enumerate(by_seed):
        values = {f"{layer} energy": 0.1 * (at + 1) + seed / 50 for at, layer in enumerate(layers)}
        values |= {f"{layer} {what}": 0.25 for layer in (*layers, "random map") for what in tables.FAITHFULNESS}
        details = {
            "classes": ["cat", "dog"],
            "layers": {layer: {"by_class": {"energy": classes}} for layer in layers},
            "baselines": {"centre box": {"energy": 0.3}},
        }
        runs.append(Run(seed, values, details, {}))
    about = {"network": network, "data": "fashion-mnist", "layers": list(layers)}
    about["recipe"] = {"name": "fashion-mnist", "epochs": 40}
    return Record(f"{network}--fashion-mnist--localization--raw", "localization", about, runs)


def test_measures_are_laid_out_by_their_titles():
    found = {UP: {"act_1": measured([0.2, 0.4])}, DOWN: {"act_1": measured([0.5, 0.7]), "act_2": measured([0, 1])}}
    table = tables.layers_table(found, ["px_ap", "energy"])
    assert list(table.index) == [("bottom-up", "act_1"), ("top-down", "act_1"), ("top-down", "act_2")]
    assert list(table.columns) == ["PxAP", "energy in the object"]
    assert table["energy in the object"].tolist() == pytest.approx([30, 60, 50])


def test_versions_stand_beside_what_they_are_compared_with():
    base, other = measured([0.2, 0.4]), measured([0.5, 0.9])
    table = tables.versions_table(base, {"as it is": other}, ["energy"], resamples=20)
    gap = interval([torch.tensor([0.3, 0.5], dtype=torch.float64)], resamples=20)
    assert table.loc["energy in the object"].to_dict() == {
        "bottom-up (%)": "30",
        "top-down as it is (%)": "70",
        "its lead, as it is (points)": tables.points(gap),
    }
    assert gap.value == pytest.approx(0.4)


def test_differences_come_with_their_verdict():
    gaps = {"energy": Interval(0.1, 0.05, 0.2), "f1": Interval(-0.1, -0.2, 0.01), "iou": Interval(-0.1, -0.2, -0.01)}
    table = tables.gaps_table(gaps)
    assert table["more"].to_dict() == {
        "energy in the object": "top-down",
        "F1": "cannot be told",
        "IoU": "bottom-up",
    }
    assert table.loc["F1"].tolist() == ["-10.0 (-20.0 to +1.0)", "cannot be told"]


def test_classes_show_their_lowest_seed():
    records = {UP: record(UP, [[0.5, 0.9], [0.7, 0.7]]), DOWN: record(DOWN, [[0.8, 0.4]])}
    table = tables.classes_table(records, "act_2", ["energy"])
    assert table["energy in the object (%)", "bottom-up"].to_dict() == {"cat": "60 (50)", "dog": "80 (70)"}
    assert table["energy in the object (%)", "top-down"].to_dict() == {"cat": "80 (80)", "dog": "40 (40)"}
    assert tables.lowest_class(records, "act_2", "energy") == tables.ClassShare(0.4, DOWN, 0, 1)
    assert tables.lowest_class({UP: records[UP]}, "act_2", "energy") == tables.ClassShare(0.5, UP, 0, 0)


def test_a_network_of_the_users_own_is_in_no_table_of_the_books(tmp_path):
    place = {"commit": None, "device": "cpu", "finished": "", "seconds": 1.0, "threads": 1, "versions": {}}
    place |= {"peak_memory_bytes": 0}
    for network in (DOWN, "mine.py-build", UP):
        about = {"network": network, "data": "scenes", "maps": "raw"}
        run = Run(0, {"f1": 0.5}, {}, place)
        add_run(tmp_path / "runs", f"{network}--scenes--localization--raw", "localization", about, run)
    found = tables.recorded("raw", tmp_path)
    assert {data: list(by_network) for data, by_network in found.items()} == {"scenes": [UP, DOWN]}


def test_recorded_maps_and_behind_them_what_needs_no_network():
    found = {"fashion-mnist": {UP: (record(UP, [[0, 0], [0, 0]]), Path())}}
    table = tables.recorded_table(found, ["energy"])
    assert table["energy in the object (%)"].to_dict() == {
        ("fashion-mnist", "LeNetFC bottom-up"): "21\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}1",
        ("fashion-mnist", "centre box"): "30",
    }
    assert table[["trained for", "seeds"]].to_numpy().tolist() == [["40 epochs", "2"], ["", ""]]


def test_faithfulness_has_a_row_for_chance():
    table = tables.faithfulness_table({UP: record(UP, [[0, 0]])})
    assert list(table.index) == [("bottom-up", layer) for layer in ("act_1", "act_2", "random map")]
    assert table.to_numpy().tolist() == [["25.0", "25.0"]] * 3


def test_planted_evidence_by_hand():
    masks = torch.zeros(2, 2, 2, dtype=torch.bool)
    masks[:, 0, 0] = True
    garments = torch.zeros_like(masks)
    garments[:, 1] = True
    pictures = Pictures(torch.zeros(2, 3, 2, 2, dtype=torch.uint8), torch.tensor([0, 1]), ("red", "blue"), masks=masks)
    heat = torch.tensor([[[1.0, 0], [0, 0]], [[0, 0], [0, 1.0]]])  # at the patch, at the garment
    table = tables.planted_table({"net": (heat, torch.tensor([0, 0])), "blind": (heat, None)}, pictures, garments)
    expected = {"accuracy": 50, "points at the patch": 50, "points at the garment": 50}
    assert table.loc["net"].to_dict() == {**expected, "patch, red": 100, "patch, blue": 0}
    assert table["accuracy"].isna().tolist() == [False, True, True]
    assert table.loc["by chance", ["points at the patch", "points at the garment"]].tolist() == [25, 50]
