"""The suite of benchmarks: turns, ratios, records, the command line, and real rows at tiny size."""

import dataclasses
import itertools
import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import attacks, command, growth, inference, machine, seeds, suite, training
from benchmarks.suite import Case, Sides, interleaved, measure
from benchmarks.training import Training
from c2f.networks.dropout import Dropout
from c2f.runs import costs as records
from c2f.runs.costs import PLAIN, Costs, Fit, Growth, Row
from c2f.runs.environment import environment
from c2f.runs.record import RecordError


class Clock:
    """Goes forward only when somebody works."""

    now = 0.0

    def __call__(self):
        return self.now

    def work(self, name, seconds, log):
        def run():
            log.append(name)
            self.now += next(seconds)

        return run


def test_the_sides_take_turns_and_the_first_round_is_not_counted():
    clock, log = Clock(), []
    runs = {"plain": clock.work("A", iter([9, 2, 6, 4]), log), "c2f": clock.work("B", iter([9, 1, 2, 4]), log)}
    taken = interleaved(runs, 3, clock=clock)
    assert log == ["A", "B"] * 4
    assert taken == {"plain": [2, 6, 4], "c2f": [1, 2, 4]}
    assert interleaved({"c2f": clock.work("A", iter([5, 7]), log)}, 2, warm=False, clock=clock) == {"c2f": [5, 7]}


def test_a_number_that_a_side_returns_is_its_value():
    assert interleaved({"c2f": lambda: 12.5, "tensor": lambda: torch.ones(1)}, 1, clock=lambda: 3.0) == {
        "c2f": [12.5],
        "tensor": [0.0],
    }


def test_times_are_taken_round_by_round():
    taken = {"plain": [2.0, 6.0, 4.0], "c2f": [1.0, 2.0, 4.0]}
    assert Row("s", "n", "w", "s", 1, taken).times("c2f") == records.Times(2.0, 1.0, 3.0)
    assert Row("s", "n", "w", "pictures/s", 1, taken).times("c2f") == records.Times(0.5, 1 / 3, 1.0)


def test_a_case_is_measured_in_its_unit_and_leaves_the_threads_alone(monkeypatch):
    clock, log = Clock(), []
    monkeypatch.setattr(suite.time, "process_time", clock)
    before, seen = torch.get_num_threads(), []
    runs = {"c2f": clock.work("A", itertools.cycle([0.5]), log)}

    def prepare():
        seen.append(torch.get_num_threads())
        return Sides(runs, lambda: 3)

    row = measure("s", Case("n", prepare, "w", amount=10, threads=1, rounds=2), rounds=5)
    assert (row.sides, row.threads, row.differ) == ({"c2f": [20.0, 20.0]}, 1, 3)
    assert (seen, torch.get_num_threads()) == ([1], before)
    assert "c2f 20" in suite.line(row)


@given(st.floats(-1, 3), st.floats(0.001, 10))
def test_a_fit_finds_the_law_that_made_the_seconds(exponent, scale):
    sizes = [1, 2, 4, 8]
    found = growth.fit(sizes, [[scale * size**exponent] * 3 for size in sizes], "power")
    assert found.slope == pytest.approx(exponent, abs=1e-6)
    assert math.exp(found.intercept) == pytest.approx(scale)
    line = growth.fit(sizes, [[scale + 2 * size] for size in sizes], "line")
    assert (line.slope, line.intercept) == (pytest.approx(2), pytest.approx(scale, abs=1e-6))


def test_the_interval_is_students():
    found = growth.fit([1, 2, 3, 4], [[1.0], [3.0], [2.0], [4.0]], "line")
    # slope 0.8, residuals' variance 0.9, sum of squares of x 5: standard error sqrt(0.9 / 5); t of 2 degrees 4.3027
    half = 4.302653 * math.sqrt(0.9 / 5)
    assert (found.slope, found.low, found.high) == pytest.approx((0.8, 0.8 - half, 0.8 + half))


# Records


def a_growth(**other):
    fields = {"sizes": [1.0, 2.0, 4.0], "seconds": [[1.0], [2.0], [4.0]], "gflop": [10.0, 20.0, 40.0]}
    return Growth("a step", "glimpses", **{**fields, "fit": Fit("power", 1.0, 0.9, 1.1, 0.0), **other})


def some_costs(rows=None, growth=None):
    rows = [Row("training", "lenetfc", "says", "pictures/s", 1, {PLAIN: [1.0], "c2f": [2.0]})] if rows is None else rows
    return Costs(1, environment("cpu", 1.0), rows, growth if growth is not None else [a_growth()])


def test_a_record_comes_back_as_it_was_written(tmp_path):
    costs = some_costs()
    records.write(costs, tmp_path / "costs.json")
    assert records.read(tmp_path / "costs.json") == costs


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        (
            some_costs([Row("a", "n", "w", "s", 1, {"c2f": [0.0]})]),
            r"rows\[0\].sides.c2f\[0\] must be bigger than 0, not 0.0",
        ),
        (some_costs([Row("a", "n", "w", "s", 1, {"c2f": [math.nan]})]), "must be number, not None"),
        (some_costs([Row("a", "n", "w", "s", 1, {PLAIN: [1.0], "c2f": [1.0, 2.0]})]), "the sides of n have unlike"),
        (some_costs(growth=[a_growth(gflop=[1.0])]), "a step has unlike numbers"),
    ],
)
def test_a_record_that_is_not_valid_is_not_written(tmp_path, costs, message):
    with pytest.raises(RecordError, match=message):
        records.write(costs, tmp_path / "costs.json")
    assert not (tmp_path / "costs.json").exists()


def test_a_record_that_was_changed_cut_off_or_is_missing_is_refused(tmp_path):
    path = tmp_path / "costs.json"
    with pytest.raises(RecordError, match=r"costs.json: no record .*python -m benchmarks"):
        records.read(path)
    records.write(some_costs(), path)
    text = path.read_text()
    path.write_text(text.replace("2.0", "3.0"))
    with pytest.raises(RecordError, match="was changed after it was written"):
        records.read(path)
    path.write_text(text[:-20])
    with pytest.raises(RecordError, match="no record of costs"):
        records.read(path)
    path.write_text(json.dumps({**json.loads(text), "rounds": "5"}))
    with pytest.raises(RecordError, match=r"not a valid record of costs: \$.rounds must be integer, not '5'"):
        records.read(path)


# The command line


def test_the_list_names_every_subject_and_measures_nothing(capsys, monkeypatch):
    monkeypatch.setattr(command, "measure", None)
    command.main(["--list"])
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line and not line.startswith(" ")] == list(command.NAMES)
    assert any(line.startswith("  resnet32_td") for line in said)
    command.main(["--list", "--only", "scenes"])
    assert capsys.readouterr().out.split()[0] == "scenes"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "trainin"], "unknown subject 'trainin'"),
        (["--rounds", "0"], "--rounds must be"),
        (["--output", "costs.txt"], "--output must be a file that ends in .json, not 'costs.txt'"),
    ],
)
def test_what_will_not_do_is_said_before_anything_is_measured(arguments, message, capsys):
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert message in capsys.readouterr().err


def test_one_subject_is_measured_and_recorded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(machine, "SIDE", 32)
    case = Case("product", lambda: machine.product(torch.float32, 32), "peak", "GFLOP/s", 1e-6)
    monkeypatch.setitem(command.SUBJECTS, "machine", lambda: [case])
    command.main(["--only", "machine", "--rounds", "2", "--output", str(tmp_path / "new" / "costs.json")])
    found = records.read(tmp_path / "new" / "costs.json")
    assert [(row.name, len(row.sides["torch"])) for row in found.of("machine")] == [("product", 2)]
    assert found.environment["commit"] is None or len(found.environment["commit"]) >= 40
    with pytest.raises(RecordError, match="nothing about training"):
        found.of("training")


# Real rows, tiny


@pytest.mark.parametrize(
    "one",
    [
        Training("nin_light", 1, 28, 2, 1),
        Training("segmentation_td", 1, 64, 1, 1),
        Training("densenet_half", 3, 32, 2, 1),
        Training("mgnet_small_cnn", 3, 64, 2, 1),
    ],
    ids=lambda one: one.network,
)
def test_every_engine_trains_what_the_plain_loop_trains(one):
    row = measure("training", Case("n", lambda: training.sides(one), "w", amount=one.batch), 1)
    assert {PLAIN, "plain float32", "channels_last float32"} <= set(row.sides)
    assert all(values[0] > 0 for values in row.sides.values())


def test_the_plain_loop_has_torchs_dropout_and_loses_what_ours_loses():
    found, loss = training.begun(Training("nin_light", 1, 28, 2, 1))
    plain = training.with_torchs_dropout(found.network)
    kinds = [type(module) for module in plain.modules() if isinstance(module, torch.nn.Dropout)]
    assert kinds == [torch.nn.Dropout] * len(kinds)
    assert kinds
    assert any(isinstance(module, Dropout) for module in found.network.modules())
    x, y = found.batch()
    for network in (plain, found.network):
        network.eval()
    ours, _ = found.begin(found.network, training.plain(found.device))(x, y)
    assert loss(plain, x, y).item() == pytest.approx(ours.item(), rel=1e-5)


@pytest.mark.parametrize("network", ["lenetfc", "mgnet_small_cnn", "segmentation_td"])
def test_inference_gives_the_classes_of_the_network(network):
    one = Training(network, 1 if network != "mgnet_small_cnn" else 3, 28 if network == "lenetfc" else 64, 1, 1)
    row = measure("inference", Case("n", lambda: inference.sides(one, 5), "w"), 1)
    assert (row.differ, set(row.sides)) == (0, {PLAIN, "c2f"})


def test_an_attack_gives_the_same_results_and_the_ten_are_added_up():
    row = measure("attacks", Case("contrast", lambda: attacks.sides(attacks.comparisons()["contrast"], 4), "w", "s"), 1)
    assert (row.differ, set(row.sides)) == (0, {PLAIN, "c2f"})
    rows = [Row("attacks", name, "w", "s", 1, {PLAIN: [4.0, 2.0], "c2f": [1.0, 2.0]}, 2, 1) for name in "abc"]
    sum_ = attacks.together([*rows, Row("attacks", "shifts", "w", "s", 1, {PLAIN: [9.0], "c2f": [9.0]})])
    assert (sum_.sides, sum_.differ) == ({PLAIN: [12.0, 6.0], "c2f": [3.0, 6.0]}, 3)


# Growth


@pytest.mark.parametrize("curve", growth.CURVES[:3], ids=lambda curve: curve.axis)
def test_a_curve_is_measured_and_its_operations_are_counted(curve):
    sizes = {"pictures": (2, 4, 8), "side in pixels": (16, 32, 64), "glimpses": (2, 3, 4)}[curve.axis]
    found = growth.measure(dataclasses.replace(curve, sizes=sizes, rounds=1, warm=False), 1)
    assert found.sizes == list(sizes)
    assert all(values[0] > 0 for values in found.seconds)
    assert found.gflop == sorted(found.gflop)
    if curve.axis == "pictures":
        assert found.gflop[2] == pytest.approx(4 * found.gflop[0])


def test_a_curve_starts_where_its_work_is_possible():
    for curve in growth.CURVES:
        if curve.axis == "glimpses":
            assert curve.at(min(curve.sizes))[1] > 0
            curve.at(min(curve.sizes))[0]()


def test_what_was_measured_before_an_error_is_kept_beside_a_whole_record(tmp_path, monkeypatch):
    path = tmp_path / "costs.json"
    path.write_text("whole")
    good = Case("product", lambda: machine.product(torch.float32, 8), "peak", "GFLOP/s", 1e-6)
    bad = Case("bad", lambda: 1 / 0, "fails")
    monkeypatch.setitem(command.SUBJECTS, "machine", lambda: [good, bad])
    with pytest.raises(ZeroDivisionError):
        command.main(["--only", "machine", "--rounds", "1", "--output", str(path)])
    assert path.read_text() == "whole"
    assert [row.name for row in records.read(tmp_path / "costs.partial.json").rows] == ["product"]


def test_seeds_in_turn_are_trained_not_only_asked_for(monkeypatch):
    trained = []
    monkeypatch.setattr(seeds, "train", lambda seed, on_epoch, epochs: trained.append((seed, epochs)))
    seeds.run((0, 1), processes=1, epochs=2)
    assert trained == [(0, 2), (1, 2)]
