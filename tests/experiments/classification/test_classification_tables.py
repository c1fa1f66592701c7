import math
from types import SimpleNamespace

import pytest

from c2f.experiments.classification import tables
from c2f.runs.environment import environment
from c2f.runs.record import Record, Run, add_run


def run(seed, accuracy, **details):
    values = {"test_accuracy": accuracy, "train_seconds": 10.0}
    details = {"history": {"seconds": [1.0, 2.0]}, "pictures": {"test": 10_000}, **details}
    return Run(seed, values, details, environment("cpu", 1))


def record(accuracies, network="lenetfc_td", data="fashion-mnist", epochs=40, **details):
    parameters = {
        "network": network,
        "data": data,
        "recipe": {"name": "fashion-mnist", "epochs": epochs},
        "trained_parameters": 14452,
    }
    runs = [run(seed, value, **details) for seed, value in enumerate(accuracies)]
    return Record(f"{network}--{data}", "training", parameters, runs)


def test_the_table_says_how_long_how_often_how_precisely_and_beside_what():
    short = record([0.8], "nin_light_td", epochs=2, precision="bfloat16")
    jpeg = record([0.7, 0.7], "resnet32", "cifar10-jpeg", 40)
    table = tables.recorded_table([record([0.90, 0.91]), short, jpeg]).reset_index().astype(str)
    assert list(table["network"]) == ["LeNetFC top-down", "NIN-light top-down", "ResNet32 bottom-up"]
    assert list(table["data"])[-1] == "cifar10-jpeg (the paper: cifar10, not from JPEG files)"
    assert list(table["trained for"])[:2] == ["40 epochs", "2 of 50 epochs (short)"]
    assert list(table["paper (%)"]) == ["", "92.8", "at least 88.3"]
    assert list(table["precision"]) == ["float32", "bfloat16", "float32"]
    # One run, or equal ones, know no spread over seeds: the interval is over the pictures.
    assert list(table["interval over"]) == ["2 seeds", "10,000 pictures", "10,000 pictures"]
    assert table["accuracy (%)"][0] == "90.50 (84.15 to 96.85)"  # t of one degree of freedom: 12.7 times 0.5
    assert table["accuracy (%)"][1].startswith("80.00 (79.2")


def test_runs_at_full_length_take_the_place_of_short_ones(tmp_path):
    def write(folder, found):
        for one in found.runs:
            add_run(folder / "runs", found.name, found.kind, found.parameters, one)

    write(tmp_path / "short", record([0.5], epochs=2))
    assert [tables.length(r) for r in tables.recorded([tmp_path, tmp_path / "short"])] == ["2 of 40 epochs (short)"]
    write(tmp_path, record([0.9]))
    assert [tables.length(r) for r in tables.recorded([tmp_path, tmp_path / "short"])] == ["40 epochs"]


def test_twins_are_compared_over_seeds_and_short_ones_are_not():
    pair = [record([0.90, 0.91, 0.92], "lenetfc"), record([0.80, 0.81, 0.83])]
    (line,) = tables.compared([*pair, record([0.5, 0.6], "lenetfc_td_uni", epochs=3)])
    assert line.startswith("On fashion-mnist, LeNetFC top-down is 9.67 points below LeNetFC bottom-up (95 % interval")
    assert tables.compared([pair[0], record([0.8])])[0].endswith("have 1 and 3 runs: too few to compare.")


def merges(sums, both=(0.90, 0.92, 0.91)):
    return {"sum": record(sums), "sum_concat": record(both)}


@pytest.mark.parametrize(
    ("sums", "finds"),
    [
        ((0.89, 0.91, 0.899), "worse than both"),
        ((0.91, 0.93, 0.921), "better than both"),
        ((0.91, 0.90, 0.91), "cannot be told from both"),
        ((0.80, 0.82, 0.81), "cannot be told from both"),  # equal differences, of which no spread is known
        ((0.80,), "cannot be told from both"),
    ],
)
def test_merges_are_compared_in_pairs_of_seeds(sums, finds):
    (less,) = tables.compare_merges(merges(sums))
    assert less.finds == finds
    assert less.seeds == list(range(len(sums)))
    if len(sums) == 1:
        assert math.isnan(less.difference.low)


def test_pairs_are_of_equal_seeds_not_of_equal_places():
    found = merges((0.8, 0.8))
    found["sum"].runs[:] = [run(2, 0.90), run(7, 0.1)]
    (less,) = tables.compare_merges(found)
    assert (less.seeds, less.difference.value) == ([2], pytest.approx(-0.01))


def test_the_verdict_on_merges_needs_both_parts():
    found = merges((0.89, 0.91, 0.899))
    assert (
        "**holds in part** for LeNetFC top-down on fashion-mnist, 40 epochs: the sum alone is worse"
        in tables.merges_verdict(found)
    )
    found = {"sum": found["sum"], "concat": record((0.88, 0.90, 0.889)), "sum_concat": found["sum_concat"]}
    assert "**holds**" in tables.merges_verdict(found)
    found["sum"] = found["concat"] = record((0.91, 0.93, 0.921))
    assert "**does not hold**" in tables.merges_verdict(found)
    found["sum"] = found["concat"] = record((0.91, 0.90, 0.91))
    said = tables.merges_verdict(found)
    assert "**cannot be told**" in said
    assert "the sum alone cannot be told from both: " in said
    assert tables.merges_verdict({"sum_concat": found["sum_concat"]}) == ""
    table = tables.merges_table(found)
    assert list(table.index) == ["the sum", "the concatenation", "both"]
    assert list(table["pairs"]) == ["3", "3", ""]


def test_a_chapters_own_runs_by_network_and_by_class():
    runs = {"lenetfc": [run(0, 0.5, confusion=[[3, 1], [0, 4]]), run(1, 0.7, confusion=[[3, 1], [0, 4]])]}
    table = tables.runs_table(runs, {"lenetfc": SimpleNamespace(parameters=7670, multiply_adds=829472)})
    assert table.loc["LeNetFC bottom-up"].tolist() == [
        "60.00\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}14.14 (n = 2)",
        "7,670",
        "0.83",
        "10",
    ]
    by_class = tables.class_table(runs, ["cat", "dog"])
    assert by_class["LeNetFC bottom-up", "precision (%)"].tolist() == ["100.0", "80.0"]
    assert by_class["LeNetFC bottom-up", "recall (%)"].tolist() == ["75.0", "100.0"]
