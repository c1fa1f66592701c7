import math

import numpy as np
import pandas as pd
import pytest

from c2f.datasets.registry import STANDS_FOR
from c2f.experiments.robustness import ablation_tables, published
from c2f.experiments.robustness import tables as attack_tables
from c2f.experiments.robustness.published import Pair
from c2f.experiments.robustness.tables import Beside, beside_published, protocol_gaps
from c2f.metrics import robustness
from c2f.metrics.robustness import Results
from c2f.metrics.statistics import Interval
from c2f.runs.record import Run, add_run


def results(l2):
    """Ten pictures of class 0, all classified correctly, turned at these distances (inf: not turned)."""
    l2 = np.asarray(l2, dtype=np.float32)
    n = len(l2)
    after = np.where(np.isfinite(l2), 1, -1)
    return Results(np.arange(n), np.zeros(n), np.zeros(n), after, l2, l2, l2, l2, entries=784)


def run(seed, **more):
    place = {
        "commit": None,
        "device": "cpu",
        "finished": "",
        "peak_memory_bytes": 0,
        "seconds": 1.0,
        "threads": 1,
        "versions": {},
    }
    return Run(seed, {"accuracy all": 0.5, **more.pop("values", {})}, more.pop("details", {}), place, **more)


def record_attack(output, network, attack, protocol, l2, pictures=10, whole_test_set=False, epochs=50):
    import hashlib

    name = f"{network}--mnist--{attack}--{protocol}" + ("--all" if whole_test_set else "")
    file = output / "attacks" / f"{name}--seed0.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    robustness.save(results(l2), file, {})
    arrays = {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    about = {"network": network, "data": "mnist", "attack": attack, "protocol": protocol, "pictures": pictures}
    about["recipe"] = {"name": "mnist", "epochs": epochs}
    add_run(output / "runs", name, "attack", about, run(0, files={"attacks": arrays}))


def test_recorded_attacks_come_in_the_papers_order_and_the_whole_test_set_counts(tmp_path):
    record_attack(tmp_path, "lenetfc_td", "contrast", "minimal", [3] * 10)
    record_attack(tmp_path, "lenetfc", "contrast", "minimal", [1] * 10)
    record_attack(tmp_path, "lenetfc", "contrast", "minimal", [2] * 10, pictures=20, whole_test_set=True)
    record_attack(tmp_path, "lenetfc", "salt_and_pepper", "minimal", [1] * 10)
    record_attack(tmp_path, "lenetfc", "contrast", "paper", [9] * 10)
    found = attack_tables.recorded("minimal", tmp_path)
    assert list(found) == [
        ("mnist", "lenetfc", "salt_and_pepper"),
        ("mnist", "lenetfc", "contrast"),
        ("mnist", "lenetfc_td", "contrast"),
    ]
    assert float(found["mnist", "lenetfc", "contrast"][0].l2[0]) == 2
    with pytest.raises(ValueError, match="did you mean 'minimal'"):
        attack_tables.recorded("minimall", tmp_path)


def test_published_numbers_stand_beside_ours():
    found = {("mnist", n, "contrast"): [results([level] * 10)] for n, level in (("lenetfc", 1), ("lenetfc_td", 2))}
    (row,) = beside_published(found)
    assert row.published == published.L2_AT_50["mnist", "lenetfc", "contrast"]
    assert (row.bottom_up.value, row.top_down.value) == (1, 2)
    assert row.we_find == "top-down"
    assert row.paper_says == "alike"  # 1.6 and 1.7 differ by less than two reading errors
    assert row.data_noted == "mnist"
    assert beside_published({("mnist", "lenetfc", "contrast"): [results([1])]}) == []


@pytest.mark.parametrize(("data", "theirs"), STANDS_FOR.items())
def test_jpeg_files_stand_beside_the_papers_pictures_with_a_note(data, theirs):
    found = {(data, network, "contrast"): [results([1] * 10)] for network in ("nin", "nin_td")}
    (row,) = beside_published(found)
    assert row.published == published.L2_AT_50[theirs, "nin", "contrast"]
    assert row.data_noted == f"{data} (the paper: {theirs}, not from JPEG files)"


@pytest.mark.parametrize(
    ("quantity", "pair", "says"),
    [
        (attack_tables.AT_50, Pair(2.0, 3.3), "top-down"),
        (attack_tables.AT_50, Pair(4.5, 4.2), "bottom-up"),
        (attack_tables.LOST, Pair(44, 45), "alike"),
        (attack_tables.LOST, Pair(14, 4), "top-down"),
        (attack_tables.LOST, Pair(26, 31), "bottom-up"),
    ],
)
def test_who_the_paper_says_is_harder_to_fool(quantity, pair, says):
    wide, gap = Interval(1, 0, 2), Interval(0.5, -0.1, 1)
    row = Beside("mnist", "lenetfc", "contrast", quantity, pair, wide, wide, gap)
    assert row.paper_says == says
    assert row.we_find == "alike"


def test_never_reached_by_both_is_alike_and_by_one_is_not():
    never, soon = results([1, *[math.inf] * 9]), results([1] * 5 + [2] * 5)
    for pair, says in (((never, never), "alike"), ((soon, never), "alike"), ((results([0.5] * 10), never), "top-down")):
        names = ("lenetfc", "lenetfc_td")
        (row,) = beside_published({("mnist", n, "contrast"): [run] for n, run in zip(names, pair, strict=True)})
        assert row.we_find == says


def test_the_pictures_that_are_hard_for_both_networks_hide_no_difference():
    spread = np.linspace(1, 5, 100)
    found = {("mnist", n, "contrast"): [results(spread + more)] for n, more in (("lenetfc", 0), ("lenetfc_td", 0.1))}
    (row,) = beside_published(found)
    assert row.top_down.low < row.bottom_up.high
    assert row.difference.low > 0.09
    assert row.we_find == "top-down"
    (row,) = beside_published({key: runs * 3 for key, runs in found.items()})  # seeds that happen to be equal
    assert row.we_find == "top-down"


def test_the_gap_between_protocols_is_a_ratio_of_medians():
    key = ("mnist", "lenetfc", "shifts")
    minimal, paper = {key: [results([1, 2, 3])]}, {key: [results([2, 4, 6])], ("mnist", "nin", "shifts"): []}
    (gap,) = protocol_gaps(minimal, paper)
    assert (gap.minimal, gap.paper, gap.ratio) == (2, 4, 2)
    (gap,) = protocol_gaps(minimal, {key: [results([2, math.inf, math.inf])]})
    assert math.isnan(gap.ratio)


def test_ablations_keep_the_accuracy_of_every_seed(tmp_path):
    about = {"network": "lenetfc_td", "data": "mnist", "attack": "shifts", "protocol": "minimal", "pictures": 10}
    for seed, value in enumerate((0.5, 0.25)):
        done = run(seed, values={"accuracy all": value}, details={"combinations": ["all"]})
        add_run(tmp_path / "runs", "lenetfc_td--mnist--shifts--minimal--scales", "ablation", about, done)
    (found,) = ablation_tables.ablations("minimal", tmp_path)
    assert (found.attack, found.accuracy) == ("shifts", {"all": [0.5, 0.25]})
    assert ablation_tables.ablations("paper", tmp_path) == []


def test_a_task_at_full_length_takes_the_place_of_a_short_one_as_a_whole(tmp_path):
    short, full = tmp_path / "short", tmp_path
    for network in ("lenetfc", "lenetfc_td", "lenetfc_td_uni"):
        record_attack(short, network, "contrast", "minimal", [1] * 10, epochs=3)
    (task,) = attack_tables.tasks("minimal", [full, short])
    assert task.networks == ["lenetfc", "lenetfc_td", "lenetfc_td_uni"]
    assert "top-down 1 seed, 3 of 30 epochs; uniform 1 seed, 3 of 30 epochs" in task.about
    record_attack(full, "lenetfc", "contrast", "minimal", [2] * 10)
    record_attack(full, "lenetfc", "shifts", "minimal", [2] * 10)
    (task,) = attack_tables.tasks("minimal", [full, short])
    assert (task.networks, task.attacks) == (["lenetfc"], ["contrast", "shifts"])
    assert task.title == "LeNetFC on mnist"
    assert task.about == "10 pictures, protocol minimal; bottom-up 1 seed, 50 epochs"
    assert task.medians()["lenetfc", "shifts"].value == 2


def task_of(protocol="minimal", **levels):
    """A task on MNIST; network -> the level of the L2 of its ten pictures, under contrast."""
    runs = {(network, "contrast"): [results(np.linspace(1, 2, 10) + more)] for network, more in levels.items()}
    return attack_tables.Task("mnist", "lenetfc", protocol, runs, dict.fromkeys(levels, "50 epochs"))


def test_the_papers_protocol_comes_first_and_what_is_missing_is_counted():
    minimal, paper = task_of(lenetfc=0, lenetfc_td=1), task_of("paper", lenetfc=1, lenetfc_td=0)
    rows = attack_tables.beside_tasks([minimal, paper])
    assert [(row.protocol, row.pictures, row.seeds, row.we_find) for row in rows] == [
        ("paper", 10, (1, 1), "bottom-up")
    ]
    assert [row.we_find for row in attack_tables.beside_tasks([minimal])] == ["top-down"]
    counted = attack_tables.counted_table(rows)
    assert [*list(counted["recorded"])[:2], counted["recorded"]["all"]] == ["1 of 10", "0 of 10", "1 of 80"]
    assert list(counted.loc["all"])[1:4] == [0, 1, 0]
    table = attack_tables.published_table(rows)
    assert list(table["ours: protocol, pictures, seeds"]) == ["paper, 10, 1 / 1"]
    (line,) = attack_tables.published_verdicts(rows)
    assert line.startswith("mnist: of 1 attacks the top-down network is harder to fool in 0, the bottom-up one in 1")


def ablation(data="fashion-mnist", network="lenetfc_td", attack="contrast", protocol="minimal", **scales):
    accuracy = {"clean": [0.9], "multi clean": [0.9], **{k: [v] for k, v in scales.items()}, "all": [0.0]}
    return ablation_tables.Ablation(data, network, attack, accuracy, protocol, 500)


def test_ranges_say_whose_network_they_are_of_and_the_papers_own_comes_first():
    scales = {"high": 0.8, "medium": 0.5, "low": 0.7}
    found = [ablation(**scales), ablation(attack="shifts", high=0.9, medium=0.4, low=0.7)]
    found += [ablation(network="nin_light_td", protocol="paper", **scales), ablation(data="mnist", **scales)]
    table = ablation_tables.ranges_table(found)
    assert list(table.index.get_level_values("our network")) == ["NIN-light top-down"] * 3 + ["LeNetFC top-down"] * 3
    cell = table.loc["fashion-mnist", "LeNetFC top-down", "minimal, 500, 1", "medium"]
    assert list(cell) == ["73 to 92", "40.0 to 50.0", "NIN-light top-down, paper, 10,000"]
    assert ablation_tables.ranges_table([ablation(data="mnist", **scales)]).empty
    line = ablation_tables.ablation_verdicts(found)[0]
    assert line == (
        "LeNetFC top-down on fashion-mnist, protocol minimal, 500 pictures, 1 seed, 2 attacks; most fragile first: "
        "medium (45.0 %), then low (70.0 %), then high (85.0 %); clean 90.0 %."
    )
    table = ablation_tables.ablation_table(found)
    assert isinstance(table, pd.DataFrame)
    assert table.loc["fashion-mnist", "LeNetFC top-down", "Shifts"]["medium"] == "40.0"


def test_medians_of_protocols_stand_in_the_papers_order():
    gaps = [attack_tables.ProtocolGap("mnist", "lenetfc", a, 1.0, math.inf) for a in ("shifts", "contrast")]
    table = attack_tables.gaps_table(gaps)
    assert list(table.index) == ["Contrast reduction", "Shifts"]
    assert table.iloc[0, 0] == "1.00 / \N{INFINITY}"
