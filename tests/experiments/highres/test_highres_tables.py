from types import SimpleNamespace

import pytest
import torch

from c2f import zoo
from c2f.experiments.highres.decoders import decoders_record
from c2f.experiments.highres.maps_run import Resemblance, maps_record
from c2f.experiments.highres.recipes import departures
from c2f.experiments.highres.tables import (
    FINDINGS,
    LOCATED,
    RESEMBLANCE,
    Comparison,
    Value,
    compare,
    decoders_finding,
    decoders_table,
    findings,
    findings_table,
    located_findings,
    located_table,
    photographs_finding,
    reordered_finding,
    resemblance_finding,
    resemblance_table,
    trainings_table,
)
from c2f.networks.densenet_fcn import FULL, HALF
from c2f.runs.record import Run


def run(values, intervals):
    return Run(0, values, {"intervals": intervals}, {})


def test_a_sign_says_whether_the_intervals_lie_apart():
    low, middle, high = Value(0.1, 0.0, 0.2), Value(0.3, 0.2, 0.4), Value(0.5, 0.41, 0.6)
    assert [Comparison(low, high).sign, Comparison(high, middle).sign, Comparison(low, middle).sign] == ["<", ">", "~"]
    assert str(Comparison(low, Value(0.5, 0.5, 0.5))) == "0.10 (0.00 to 0.20) < 0.50"


def test_values_come_with_their_intervals_and_baselines_without():
    made = run(
        {"px_ap low": 0.5, "px_ap random map": 0.2, "to_low": 0.1}, {"px_ap low": [0.4, 0.6], "to_low": [-0.1, 0.3]}
    )
    assert str(compare(made, "px_ap low", "px_ap random map")) == "50 % (40 to 60) > 20 %"
    assert compare(made, "to_low", None).sign == "~"
    assert str(compare(made, "to_low", None)) == "0.10 (-0.10 to 0.30) ~ 0.00"  # a correlation is no share
    with pytest.raises(ValueError, match="unknown value 'px_ap lwo'; did you mean 'px_ap low'"):
        compare(made, "px_ap lwo", None)


def test_every_finding_is_in_a_record():
    found = findings(maps_record("scenes-fashion-mnist").runs[0])
    assert list(found) == list(FINDINGS)
    assert {pair.sign for pair in found.values()} <= set("<>~")


def test_departures_from_a_recipe_are_named_with_both_values():
    parameters = maps_record("scenes-fashion-mnist").parameters
    assert departures(parameters) == {}
    changed = {**parameters, "recipe": {**parameters["recipe"], "epochs": 1, "lr": 0.5}}
    assert departures(changed) == {"epochs": (1, 3), "lr": (0.5, 1.0)}


DATA = "scenes-fashion-mnist"


def test_the_recorded_models_side_by_side():
    records = {name: zoo.record(name, DATA) for name in (HALF, FULL)}
    table = trainings_table(records)
    half, full = records.values()
    accuracy = f"{100 * half.summary['test_accuracy'].mean:.1f}"
    assert table.loc["accuracy (%)"].to_list() == [accuracy] * 2  # of the same scores
    error = f"{full.summary['test_rebuilt_error'].mean:.3g}"
    assert table.loc["rebuilt error (grey levels)"].to_list() == ["", error]
    assert list(table.index)[9:11] == ["rebuilt error (grey levels)", "parameters"]
    assert table.index[0] == "loss (nats)"
    assert table.loc["parameters", FULL] == f"{full.parameters['parameters']:,}"
    assert table.loc["of them trained", FULL] == f"{full.parameters['trained_parameters']:,}"
    assert table.loc["recipe"].tolist() == ["as it is"] * 2
    assert table.loc["seeds", HALF] == len(half.runs)


def test_what_maps_resemble_has_a_column_each():
    values = dict(zip(RESEMBLANCE, (0.125, 0.5, 1, 0, -0.25, 0.3), strict=True))
    table = resemblance_table({"here": values, "there": {**values, "to_low": 0.9}})
    assert table["here"].to_list() == ["0.12", "50 %", "100 %", "0 %", "-0.25", "0.30"]
    assert table.loc["high and low map of the same class (r)"].to_list() == ["0.12", "0.90"]


def test_decoders_and_maps_by_their_records():
    record = decoders_record(DATA)
    table = decoders_table(record)
    assert list(table.index) == record.seeds
    first = record.runs[0]
    assert table.loc[first.seed, "high and low map (r)"] == f"{first.values['to_low']:+.3f}"
    assert table.loc[first.seed, "explained by colours"] == f"{100 * first.values['to_colours']:.0f} %"
    maps = maps_record(DATA).runs[0]
    table = findings_table({"scenes": maps})
    assert list(table.index) == [*FINDINGS, "other orders that do as well"]
    assert table["scenes"].to_list()[:-1] == [str(pair) for pair in findings(maps).values()]


def test_maps_are_called_by_their_titles():
    found = {
        "high": SimpleNamespace(values=dict.fromkeys(LOCATED, 0.5)),
        "centre box": SimpleNamespace(values=dict.fromkeys(LOCATED, 1)),
    }
    table = located_table(found)
    assert list(table.index) == ["high-resolution CAM", "centre box"]
    assert table["PxAP (%)"].to_list() == ["50", "100"]


def test_what_another_order_does_in_words():
    found = torch.linspace(-1, 1, 201).reshape(3, 67).double()
    text = reordered_finding(found, found / 2)
    assert text.startswith("**Nothing fixes the order of the decoded maps.**")
    assert (
        "anything from -0.95 to 0.95 (95 % of 3 orders x 67 pictures, blurred; mean size 0.50, as they are 0." in text
    )


ALIKE = {"to_colours": 0.7, "low_to_colours": 0.4, "to_low": 0.1}


@pytest.mark.parametrize(("to_low", "near"), [(0.1, "the picture's colours"), (0.95, "the low-resolution map")])
def test_a_map_is_said_to_resemble_what_explains_more_of_it(to_low, near):
    text = resemblance_finding(run(ALIKE | {"to_low": to_low}, {"to_colours": [0.6, 0.8]}), 500)
    assert text.startswith(f"**The high-resolution map resembles {near} most.** A mixture")
    assert "explains 70 % (60 to 80) of its variance and 40 % of" in text
    assert f"it correlates {to_low:.2f} (recorded, seed 0, 500 pictures" in text


def test_what_was_not_recorded_is_said_alike():
    values = torch.linspace(0, 1, 5, dtype=torch.float64)
    values[1] = torch.nan  # a map that is the same everywhere has no correlation
    found = Resemblance(values, torch.zeros(3, 5), *[values] * 4).as_run(2, resamples=50)
    low, high = found.details["intervals"]["to_low"]
    assert found.values["to_low"] == pytest.approx((0 + 0.5 + 0.75 + 1) / 4)
    assert low < found.values["to_low"] < high
    assert "orders" not in found.details["intervals"]
    assert "(here, seed 2, 5 pictures" in resemblance_finding(found, 5, "here")


def decoders(excess, shares):
    runs = [
        Run(i, {"to_low": x, "orders": 0.0, "orders_as_good": s}, {}, {})
        for i, (x, s) in enumerate(zip(excess, shares, strict=True))
    ]
    return SimpleNamespace(runs=runs, values=lambda name: [one.values[name] for one in runs])


def test_decoders_agree_with_the_argument_or_are_the_one_in_twenty():
    even = [0.1, 0.4, 0.6, 0.9]
    text = decoders_finding(decoders([-0.02, 0.01, -0.01, 0.02], even))
    assert "over decoders in brackets): which holds the 0 that the argument gives. Shares" in text
    assert "not contradicted" in text
    text = decoders_finding(decoders([0.02, 0.03, 0.02, 0.03], [0.01, 0.01, 0.02, 0.0]))
    assert "misses by luck, as this one does. Shares spread evenly from 0 to 100 % are contradicted (" in text


def located(high, refined):
    names = ("low", "high", "refined", "refined_grey")
    middles = dict(zip(names, (0.5, high, refined, 0.4), strict=True))
    values = {f"{m} {name}": x for m in ("px_ap", "pointing") for name, x in middles.items()}
    spans = {name: [x - 0.02, x + 0.02] for name, x in values.items()}
    return run(values | {"px_ap random map": 0.17}, spans)


@pytest.mark.parametrize(
    ("high", "refined", "words"),
    [
        (0.2, 0.4, ("worse than", "not told apart from")),
        (0.7, 0.6, ("better than",) * 2),
        (0.5, 0.1, ("not told apart from", "worse than")),
    ],
)
def test_which_map_finds_the_object_better(high, refined, words):
    first, second = located_findings(located(high, refined))
    assert first.startswith(f"**At finding the object the high-resolution map is {words[0]} the low-resolution one**: ")
    assert f"PxAP {100 * high:.0f} % (" in first
    assert first.endswith("random values have a PxAP of 17 %.")
    assert second.startswith(f"**The refined map is {words[1]} its control**")


def test_photographs_against_scenes():
    scenes = maps_record(DATA).runs[0]
    count = len(FINDINGS)
    same = photographs_finding(scenes, scenes)
    assert same == f"**On photographs {count} of {count} comparisons come out as on the scenes** (seed 0)."
    other = run(scenes.values | {"px_ap high": 0.9}, dict(scenes.details["intervals"]) | {"px_ap high": [0.88, 0.92]})
    text = photographs_finding(scenes, other)
    assert text.startswith(f"**On photographs {count - 1} of {count} comparisons come out")
    assert "; not so: PxAP, high against low (seed 0)." in text
