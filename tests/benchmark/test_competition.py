"""Who is best at what, from records of a competition made up here."""

import math
from dataclasses import replace

import matplotlib.pyplot as plt
import pytest

from c2f.benchmark import competition, plots
from c2f.benchmark.run import benchmark_name
from c2f.benchmark.tables import called
from c2f.runs.environment import environment
from c2f.runs.record import Record, RecordError, Run, add_run

RECIPE = {"epochs": 4, "batch_size": 64}


def record(network, accuracies, madds, **more):
    """A benchmark of as many seeds as ``accuracies`` has numbers."""
    parameters = {"network": network, "pictures": 500, "recipe": RECIPE}
    runs = [
        Run(
            seed,
            {"accuracy": value, "multiply_adds": madds, "parameters": 1000.0, **more},
            {},
            environment("cpu", 1.0),
            {},
        )
        for seed, value in enumerate(accuracies)
    ]
    return Record(benchmark_name(network, competition.SCENES), "benchmark", parameters, runs)


@pytest.fixture
def three():
    """The second is dearer and better; the third is beaten by both."""
    return {
        "lenetfc": record("lenetfc", [0.60, 0.61, 0.62], 1e6, energy=0.3),
        "mgnet_small_cnn": record("mgnet_small_cnn", [0.80, 0.81, 0.82], 4e6),
        "lenetfc_td": record("lenetfc_td", [0.40, 0.41, 0.42], 5e6, energy=0.5),
    }


def test_less_is_better_where_something_is_spent_or_lost():
    fewer = [value for value in competition.NEEDS.values() if competition.fewer_is_better(value)]
    assert fewer == ["multiply_adds", "parameters", "ms at batch 1"]
    assert competition.fewer_is_better("shifts points_lost")


def test_the_front_and_how_sure_it_is(three):
    found = competition.trade_off(three, "multiply_adds", "accuracy")
    assert found.front == ["lenetfc", "mgnet_small_cnn"]
    assert found.shares["lenetfc"] == 1
    assert found.shares["mgnet_small_cnn"] > 0.99
    assert found.shares["lenetfc_td"] < 0.01
    assert "LeNetFC bottom-up (100%)" in found.caption()


def test_who_lacks_a_value_is_not_in_the_trade_off(three):
    found = competition.trade_off(three, "accuracy", "energy")
    assert set(found.found) == {"lenetfc", "lenetfc_td"}
    assert found.front == ["lenetfc_td", "lenetfc"]
    with pytest.raises(ValueError, match="pgd"):
        competition.trade_off(three, "accuracy", "pgd 2/255")


def test_the_best_and_who_cannot_be_told_from_it(three):
    choice = competition.choose_for(three, "accuracy")
    assert (choice.best, choice.level) == ("mgnet_small_cnn", [])
    near = three | {"full_small_cnn": record("full_small_cnn", [0.79, 0.80, 0.83], 9e6)}
    assert competition.choose_for(near, "accuracy").level == ["full_small_cnn"]
    assert competition.choose_for(three, "multiply_adds").best == "lenetfc"
    assert competition.choose_for(three, "corrupted") is None


def test_one_seed_is_level_only_where_it_is_as_good(three):
    alone = replace(three["mgnet_small_cnn"], runs=three["mgnet_small_cnn"].runs[:1])
    four = three | {"full_small_cnn": alone}
    assert competition.choose_for(four, "accuracy").level == []
    found = competition.trade_off(four, "multiply_adds", "accuracy")
    assert found.surely("full_small_cnn") == "one pass, full size (small_cnn) (one seed)"  # its spread is not known


def test_the_best_of_one_seed_is_said_to_have_one(three):
    best = three["lenetfc_td"]
    found = three | {"lenetfc_td": replace(best, runs=best.runs[:1])}
    row = competition.advice_table(found).loc["a map that lies on the object"]
    assert (row["best"], row["best in redrawn means"]) == ("LeNetFC top-down", "one seed")
    told = competition.findings(found)[0]
    assert "**LeNetFC top-down** (one seed) for a map that lies on the object" in told
    assert "**a few glimpses (small_cnn)** for right answers" in told


def test_advice_says_where_a_plain_pass_would_do(three):
    table = competition.advice_table(three)
    assert table["a plain pass would do"].to_dict() == {
        "right answers": "no",
        "little arithmetic": "yes",
        "few parameters": "yes",
        "a map that lies on the object": "no",
    }
    assert table.loc["right answers", "its mean (95 % over seeds)"].startswith("81.0 (")
    first, second = competition.findings(three)
    assert "**a few glimpses (small_cnn)** for right answers" in first
    assert second.startswith("For 2 of 4 needs")
    assert "needed for right answers and a map that lies on the object" in second


def test_a_comparison_has_its_interval(three):
    text = competition.compare(three, "mgnet_small_cnn", "lenetfc", ["accuracy", "corrupted"])
    assert "accuracy (%) +20.0 (+17.7 to +22.3)" in text
    assert competition.compare(three, "mgnet_small_cnn", "densenet_half", ["accuracy"]) == ""


def test_rules_name_what_training_took(three):
    row = competition.rules_table(three).loc["LeNetFC bottom-up"]
    assert row["in training, for each training picture"] == "12"  # three times one million, four epochs
    assert row["optimiser"] == "SGD, momentum"


def test_who_has_trained_for_longer_elsewhere_is_told(three):
    text = competition.longer(three, competition.SCENES)
    assert "LeNetFC bottom-up " in text
    assert " % after 6 epochs, 61.0 (58.5 to 63.5) % after 4" in text
    assert "glimpses" not in text  # whose recipe is of four epochs


def test_records_are_read_in_the_order_of_entrants(three, tmp_path):
    for each in reversed(three.values()):
        folder = tmp_path / competition.FOLDER / "runs"
        for run in each.runs:
            add_run(folder, each.name, each.kind, each.parameters, run)
    assert list(competition.recorded(competition.SCENES, tmp_path)) == ["lenetfc", "lenetfc_td", "mgnet_small_cnn"]
    assert competition.recorded("fashion-mnist", tmp_path) == {}
    with pytest.raises(ValueError, match="fashion-mnist"):
        competition.recorded("mnist", tmp_path)
    next(folder.glob("*.json")).write_text("{")
    with pytest.raises(RecordError):
        competition.recorded(competition.SCENES, tmp_path)


def test_the_book_has_how_the_glimpses_stop_early():
    found = competition.stops(competition.SCENES)
    costs = [table[0, 0] for table in found.glimpses]
    assert costs == sorted(costs)
    assert costs[0] <= found.sure[:, 0].min() <= found.sure[:, 0].max() <= costs[-1]
    assert competition.stops("fashion-mnist") is None


def test_dots_lie_where_the_means_are(three):
    figure, ax = plt.subplots()
    found = competition.trade_off(three, "multiply_adds", "accuracy")
    plots.trade_off_dots(ax, found, labels=True)
    drawn = {
        tuple(round(float(v), 6) for v in line.get_xydata()[0]) for line in ax.lines if len(line.get_xydata()) == 1
    }
    assert {(1, 61), (4, 81), (5, 41)} <= drawn
    assert ax.get_xlabel().endswith("less is better")
    assert not math.isnan(ax.get_xlim()[0])
    plt.close(figure)


@pytest.mark.parametrize("name", [name for names in competition.ENTRANTS.values() for name in names])
def test_every_entrant_has_its_colour(name):
    assert plots.colour_of(name).startswith("#")


@pytest.mark.parametrize(
    ("value", "name", "factor"),
    [
        ("accuracy", "accuracy (%)", 100),
        ("energy", "energy in the object (%)", 100),
        ("px_ap of a centre box", "PxAP of a centre box (%)", 100),
        ("suspicious", "tests that find signs of masked gradients", 1),
        ("corrupted gaussian_noise", "accuracy under gaussian noise (%)", 100),
        ("parameters", "parameters", 1),
    ],
)
def test_a_measure_is_called_what_the_chapters_call_it(value, name, factor):
    assert called(value) == (name, factor)
