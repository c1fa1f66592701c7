import math

import numpy as np
import pytest

from c2f.experiments.robustness import published
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


def record_attack(output, network, attack, protocol, l2, pictures=10, whole_test_set=False):
    import hashlib

    name = f"{network}--mnist--{attack}--{protocol}" + ("--all" if whole_test_set else "")
    file = output / "attacks" / f"{name}--seed0.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    robustness.save(results(l2), file, {})
    arrays = {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    about = {"network": network, "data": "mnist", "attack": attack, "protocol": protocol, "pictures": pictures}
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


@pytest.mark.parametrize(("data", "theirs"), published.STANDS_FOR.items())
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
    about = {"network": "lenetfc_td", "data": "mnist", "attack": "shifts", "protocol": "minimal"}
    for seed, value in enumerate((0.5, 0.25)):
        done = run(seed, values={"accuracy all": value}, details={"combinations": ["all"]})
        add_run(tmp_path / "runs", "lenetfc_td--mnist--shifts--minimal--scales", "ablation", about, done)
    (found,) = attack_tables.ablations("minimal", tmp_path)
    assert (found.attack, found.accuracy) == ("shifts", {"all": [0.5, 0.25]})
    assert attack_tables.ablations("paper", tmp_path) == []
