import pytest

from c2f.experiments.highres.maps_run import maps_record
from c2f.experiments.highres.recipes import departures
from c2f.experiments.highres.tables import FINDINGS, Comparison, Value, compare, findings
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
