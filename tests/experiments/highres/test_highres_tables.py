from types import SimpleNamespace

import pytest

from c2f import zoo
from c2f.experiments.highres.decoders import decoders_record
from c2f.experiments.highres.maps_run import maps_record
from c2f.experiments.highres.recipes import departures
from c2f.experiments.highres.tables import (
    FINDINGS,
    LOCATED,
    RESEMBLANCE,
    Comparison,
    Value,
    compare,
    decoders_table,
    findings,
    findings_table,
    located_table,
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
    assert str(Comparison(low, Value(0.5, 0.5, 0.5))) == "0.10 [0.00, 0.20] < 0.50"


def test_values_come_with_their_intervals_and_baselines_without():
    made = run(
        {"px_ap low": 0.5, "px_ap random map": 0.2, "to_low": 0.1}, {"px_ap low": [0.4, 0.6], "to_low": [-0.1, 0.3]}
    )
    assert str(compare(made, "px_ap low", "px_ap random map")) == "0.50 [0.40, 0.60] > 0.20"
    assert compare(made, "to_low", None).sign == "~"
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
    assert table.loc["accuracy"].to_list() == [f"{half.summary['test_accuracy'].mean:.4g}"] * 2  # of the same scores
    assert table.loc["rebuilt error"].to_list() == ["", f"{full.summary['test_rebuilt_error'].mean:.4g}"]
    assert list(table.index)[9:11] == ["rebuilt error", "parameters"]
    assert table.loc["parameters", FULL] == f"{full.parameters['parameters']:,}"
    assert table.loc["of them trained", FULL] == f"{full.parameters['trained_parameters']:,}"
    assert table.loc["recipe"].tolist() == ["as it is"] * 2
    assert table.loc["seeds", HALF] == len(half.runs)


def test_what_maps_resemble_has_a_column_each():
    values = dict(zip(RESEMBLANCE, (0.125, 0.5, 1, 0, -0.25, 0.3), strict=True))
    table = resemblance_table({"here": values, "there": {**values, "to_low": 0.9}})
    assert table["here"].to_list() == ["0.12", "0.50", "1.00", "0.00", "-0.25", "0.30"]
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
    assert table["PxAP"].to_list() == ["0.50", "1.00"]
