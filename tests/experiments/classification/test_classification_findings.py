from types import SimpleNamespace

import pytest
import torch

from c2f.experiments.classification import findings, tables
from tests.experiments.classification.test_classification_tables import record, run

BOTTOM_UP = [0.90, 0.91, 0.905]


def pair(accuracies, data="fashion-mnist"):
    return [record(BOTTOM_UP, "lenetfc", data), record(accuracies, data=data)]


@pytest.mark.parametrize(
    ("accuracies", "verdict", "rest"),
    [
        ((0.80, 0.81, 0.805), "less accurate", "40 epochs)."),
        ((0.95, 0.96, 0.955), "more accurate", "40 epochs)."),
        ((0.89, 0.92, 0.905), "not to be told from its twin", "points is not ruled out."),
        ((0.80, 0.80, 0.80), "not to be told from its twin", "40 epochs)."),  # no spread is known
    ],
)
def test_the_verdict_turns_with_the_seeds(accuracies, verdict, rest):
    (said,) = findings.accuracy_findings(pair(accuracies))
    assert said.startswith(f"LeNetFC top-down on fashion-mnist is **{verdict}**: ")
    assert said.endswith(rest)
    assert "points against LeNetFC bottom-up (95 % interval over 3 seeds each; 40 epochs)" in said
    assert findings.accuracy_verdict(pair(accuracies)) == f"LeNetFC top-down is **{verdict}** on fashion-mnist"


def test_verdicts_are_put_together_and_single_runs_and_short_ones_left_out():
    records = [*pair((0.80, 0.81, 0.805)), *pair((0.89, 0.92, 0.905), "mnist"), *pair((0.8,), "tiny-imagenette")]
    assert findings.accuracy_verdict(records) == (
        "LeNetFC top-down is **less accurate** on fashion-mnist and **not to be told from its twin** on mnist"
    )
    assert len(findings.accuracy_findings(records)) == 2
    assert findings.accuracy_findings([record(BOTTOM_UP, "lenetfc"), record([0.1, 0.2], epochs=2)]) == []
    assert findings.accuracy_verdict(records[:1]) == "No two networks can be compared yet"


def test_the_paper_s_number_stands_beside_ours_where_there_is_one():
    both = [record([0.91, 0.92], "nin_light", epochs=50), record([0.93, 0.94], "nin_light_td", epochs=50)]
    assert findings.accuracy_findings(both)[0].endswith(" The paper has 92.8 %.")


def test_one_seed_of_a_chapter_is_no_ranking():
    runs = {"lenetfc": [run(0, 0.5), run(1, 0.6)], "lenetfc_td": [run(0, 0.7), run(1, 0.9)]}
    assert findings.result(runs, "lenetfc_td", "lenetfc").startswith("LeNetFC top-down is 25.00 points above")
    runs["lenetfc"].pop()
    assert findings.result(runs, "lenetfc_td", "lenetfc") == "One seed is no ranking: give more of them."


def test_what_it_costs_is_a_quotient():
    sizes = {
        "lenetfc": SimpleNamespace(parameters=100, multiply_adds=10),
        "lenetfc_td": SimpleNamespace(parameters=150, multiply_adds=45),
    }
    said = findings.cost_finding(sizes, "lenetfc_td", "lenetfc")
    assert "**1.5 times the parameters**" in said
    assert "**4.5 times the multiply-adds**" in said


def test_the_most_frequent_mistake_is_a_share_of_its_own_class():
    counts = torch.tensor([[90, 10, 0], [1, 4, 0], [0, 0, 0]])  # 10 % of 100, 20 % of 5; nothing known of the third
    classes = ["cat", "dog", "eel"]
    assert findings.worst_mistake(counts, classes) == "20 % of *dog* are called *cat*"
    assert findings.worst_mistake(torch.diag(torch.tensor([3, 4, 5])), classes) == "no picture is called wrongly"
    runs = [run(seed, 0.5, confusion=[[3, 1], [0, 4]]) for seed in range(2)]
    said = findings.confusion_caption("lenetfc_td", runs, classes[:2])
    assert said.startswith("LeNetFC top-down is right on 87.5 %; its most frequent mistake: 25 % of *cat*")
    assert said.endswith("n = 8 test pictures, 2 seeds together.")


def test_a_mean_is_rounded_as_in_the_table():
    """0.90145 is 90.14 or 90.15 by the way it is put together; it must be the same everywhere."""
    found = record([0.907, 0.8991, 0.9018, 0.8979])
    cell = tables.recorded_table([found])["accuracy (%)"].iloc[0]
    assert findings.mean_of(found) == f"LeNetFC top-down on fashion-mnist {cell} % (4 seeds)"
