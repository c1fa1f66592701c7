"""The pages say what the records say: toy records, and those that ship."""

import re
import shutil

import pytest

from c2f.book.chapters import ROOT
from c2f.reference import claims, pages
from c2f.runs.environment import environment
from c2f.runs.record import Run, add_run

PAIR = ("resnet18", "resnet18_td")


def train(output, network, accuracies, data="tiny-imagenette", epochs=50, hours=1.0, **parameters):
    about = {**environment("cpu", 1800 * hours), "threads": 2}
    recipe = {"name": "tiny-imagenet", "epochs": epochs, "validation": 0.0}
    parameters = {"network": network, "data": data, "recipe": recipe, **parameters}
    parameters |= {"trained_parameters": 1, "merge": parameters.get("merge", "sum_concat")}
    for seed, value in enumerate(accuracies):
        run = Run(seed, {"test_accuracy": value}, {"pictures": {"test": 500}}, about)
        add_run(output / "runs", f"{network}--{data}", "training", parameters, run)


@pytest.fixture
def folders(tmp_path):
    return tmp_path, tmp_path / "short"


@pytest.mark.parametrize(
    ("bottom_up", "top_down", "says"),
    [
        ([0.8], [0.7], "as the paper says"),
        ([0.7], [0.8], "the other way round"),
        ([0.8], [0.79], "cannot be told"),
        ([0.80, 0.81], [0.70, 0.71], "as the paper says"),
        ([0.80, 0.90], [0.75, 0.85], "cannot be told"),
    ],
)
def test_the_claim_on_photographs_is_judged_over_seeds_or_pictures(folders, bottom_up, top_down, says):
    for network, values in zip(PAIR, (bottom_up, top_down), strict=True):
        train(folders[0], network, values)
    text = claims.photographs(folders)
    assert text.startswith(f"**{says}** on tiny-imagenette (64x64 pixels, not Imagenette; 50 epochs")
    assert ("over 2 and 2 seeds" if len(bottom_up) > 1 else "over 500 test pictures, one seed") in text
    assert "not recorded yet" not in text


def test_newcombe_s_interval_is_his():
    """Method 10 of Newcombe (1998), written out from the ends of Wilson's intervals."""

    def wilson(share, n, z=1.959964):
        half = z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
        return [(share + z**2 / (2 * n) + sign * half) / (1 + z**2 / n) for sign in (-1, 1)]

    (low_a, high_a), (low_b, high_b) = wilson(0.8, 70), wilson(0.6, 70)
    low = 0.2 - ((0.8 - low_a) ** 2 + (high_b - 0.6) ** 2) ** 0.5
    high = 0.2 + ((high_a - 0.8) ** 2 + (0.6 - low_b) ** 2) ** 0.5
    found = claims._newcombe(0.8, 0.6, 70)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, low, high), abs=1e-6)


def test_a_short_pair_says_that_it_is_short_and_what_the_full_one_costs(folders):
    for network, value in zip(PAIR, (0.5, 0.7), strict=True):
        train(folders[1], network, [value], epochs=3)
    text = claims.photographs(folders)
    assert text.startswith(
        "**the other way round** on tiny-imagenette (64x64 pixels, not Imagenette; 3 of 50 epochs (short)"
    )
    assert re.search(r"In full it is not recorded yet \(.*`c2f reference --only resnet18--tiny-imagenette--seed0", text)
    train(folders[0], "resnet18", [0.9])  # never laid beside the short one
    assert "3 of 50 epochs (short) and 3 of 50 epochs (short)" in claims.photographs(folders)


def test_what_is_not_recorded_is_said_not_claimed(tmp_path):
    for text in (claims.photographs([tmp_path]), claims.uniform_and_reversed([tmp_path]), claims.maps([tmp_path])):
        assert text.startswith("not recorded yet (")
    assert claims.three_merges(tmp_path).startswith("not recorded yet (")


def test_merges_are_read_from_their_folders(tmp_path):
    fashion = {"network": "lenetfc_td", "data": "fashion-mnist", "epochs": 40}
    for folder, values in ((tmp_path, [0.9, 0.92, 0.91]), (tmp_path / "merges/sum", [0.8, 0.83, 0.81])):
        train(folder, accuracies=values, **fashion)
    text = claims.three_merges(tmp_path)
    assert "the sum alone is worse than both: -9.67 (" in text
    assert "The rest is not recorded yet (" in text


def test_the_table_of_what_was_spent_adds_up_and_marks_what_is_short(folders):
    train(folders[0], "resnet18", [0.8, 0.7], hours=1.5)
    train(folders[1], "resnet18_td", [0.7], epochs=3, hours=2)
    train(folders[0] / "merges" / "sum", "lenetfc_td", [0.9], "fashion-mnist", 50, hours=0.5, merge="sum")
    about = {**environment("cpu", 3600), "threads": 1}
    for name in ("contrast", "shifts"):
        parameters = {"network": "resnet18", "data": "tiny-imagenette", "attack": name}
        add_run(
            folders[0] / "runs",
            f"resnet18--tiny-imagenette--{name}",
            "attack",
            parameters,
            Run(0, {"value": 1}, {}, about),
        )
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in pages.spent_table(folders[0]).splitlines()
    ]
    by_name = {row[0]: row for row in rows[2:]}
    assert by_name["ResNet18 bottom-up"][2:6] == ["50 epochs", "2", "3.0", "75.00 (11.47 to 138.53)"]
    assert by_name["ResNet18 top-down"][2] == "3 of 50 epochs (short)"
    assert by_name["LeNetFC top-down, merged by the sum"][4] == "0.5"
    assert by_name["attack: 2 measurements"][4] == "2.0"
    assert by_name["**all**"][4] == "**8**"
    assert {len(row) for row in rows} == {8}


def test_the_pages_that_ship_are_filled(tmp_path):
    for name in ("scorecard.md", "what-it-costs.md"):
        shutil.copy(ROOT / "book" / name, tmp_path)
    pages.fill(tmp_path)
    text = (tmp_path / "scorecard.md").read_text()
    assert not re.search("<!-- (claim|records)", text + (tmp_path / "what-it-costs.md").read_text())
    rows = [line for line in text.split("High-Resolution Class")[0].splitlines() if re.match(r"\| \d \|", line)]
    assert [row.count("|") for row in rows] == [4] * 7  # no words of a claim break its row
    assert "| **all** |" in (tmp_path / "what-it-costs.md").read_text()


def test_a_place_without_words_is_refused(tmp_path):
    (tmp_path / "page.md").write_text("<!-- claim: photograps -->")
    with pytest.raises(ValueError, match=r"page.md has places \[\('claim', 'photograps'\)\]"):
        pages.fill(tmp_path)


def test_precisions_are_compared_seed_by_seed(tmp_path):
    assert pages.precision_table(tmp_path).startswith("- LeNetFC bottom-up on fashion-mnist: not recorded yet")
    recipe = {"data": "fashion-mnist", "epochs": 40}
    train(tmp_path, "lenetfc", [0.90, 0.92, 0.91, 0.95], **recipe)
    train(tmp_path / "precision" / "bfloat16", "lenetfc", [0.91, 0.93, 0.92], **recipe)
    (row,) = [line for line in pages.precision_table(tmp_path).splitlines() if line.startswith("| LeNetFC")]
    shown = row.removesuffix(" |").split(" | ")
    assert [shown[1], *shown[3:]] == [
        "fashion-mnist", "3", "91.00 (88.52 to 93.48)", "92.00 (89.52 to 94.48)", "+1.00"
    ]  # fmt: skip
    train(tmp_path / "precision" / "float32", "nin_light", [0.5, 0.6], data="fashion-mnist-sample", epochs=20)
    train(tmp_path / "precision" / "bfloat16", "nin_light", [0.5, 0.6], data="fashion-mnist-sample", epochs=20)
    (row,) = [line for line in pages.precision_table(tmp_path).splitlines() if line.startswith("| NIN")]
    assert "55.00" in row
    assert row.endswith("+0.00 |")
