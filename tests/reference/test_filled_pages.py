"""The pages say what the records say: toy records, and those that ship."""

import re
import shutil

import pytest

from c2f import networks
from c2f.book.chapters import ROOT
from c2f.reference import pages
from c2f.runs.environment import environment
from c2f.runs.record import Run, add_run
from c2f.scorecard.claims import CLAIMS

PAIR = ("resnet18", "resnet18_td")


def train(output, network, accuracies, data="tiny-imagenette", epochs=50, hours=1.0, kind="training", **parameters):
    about = {**environment("cpu", 1800 * hours), "threads": 2}
    recipe = {"name": "tiny-imagenet", "epochs": epochs, "validation": 0.0}
    parameters = {"network": network, "data": data, "recipe": recipe, **parameters}
    parameters |= {"trained_parameters": 1, "merge": parameters.get("merge", "sum_concat")}
    for seed, value in enumerate(accuracies):
        run = Run(seed, {"test_accuracy": value}, {"pictures": {"test": 500}}, about)
        add_run(output / "runs", f"{network}--{data}", kind, parameters, run)


@pytest.fixture
def folders(tmp_path):
    return tmp_path, tmp_path / "short"


def test_the_table_of_what_was_spent_adds_up_and_marks_what_is_short(folders):
    train(folders[0], "resnet18", [0.8, 0.7], hours=1.5)
    train(folders[1], "resnet18_td", [0.7], epochs=3, hours=2)
    train(folders[0] / "merges" / "sum", "lenetfc_td", [0.9], "fashion-mnist", 50, hours=0.5, merge="sum")
    train(folders[0], "densenet_half", [0.5], "tiny-animals", kind="densenet", hours=0)
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
    trained = [re.split(r", | \(", row[0])[0] for row in rows[2:] if row[3]]
    assert trained == sorted(trained, key=[networks.title(name) for name in networks.names()].index)
    assert by_name["ResNet18 bottom-up"][2:6] == ["50 epochs", "2", "3.0", "75.00 (11.47 to 138.53)"]
    assert by_name["ResNet18 top-down"][2] == "3 of 50 epochs (short)"
    assert by_name["LeNetFC top-down, merged by the sum"][4] == "0.5"
    assert by_name["attack: 2 measurements"][4] == "2.0"
    assert by_name["half model (DenseNet)"][5] == "50.00 (45.63 to 54.37)"  # one run: over its 500 pictures
    assert by_name["**all**"][4] == "**8**"
    assert {len(row) for row in rows} == {8}


def test_the_pages_that_ship_are_filled(tmp_path):
    for name in ("scorecard.md", "what-it-costs.md"):
        shutil.copy(ROOT / "book" / name, tmp_path)
    pages.fill(tmp_path)
    text = (tmp_path / "scorecard.md").read_text()
    assert not re.search("<!-- (claims|records)", text + (tmp_path / "what-it-costs.md").read_text())
    rows = [line for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(rows) == len(CLAIMS)
    assert {row.count("|") for row in rows} == {6}  # no words of a claim break its row
    counted = [row for row in rows if "parameters of the authors' code" in row or "multiply-adds" in row]
    assert len(counted) == 4
    assert all(row.split(" | ")[2] == "**reproduced**" for row in counted)
    assert "| **all** |" in (tmp_path / "what-it-costs.md").read_text()


def test_a_place_without_words_is_refused(tmp_path):
    (tmp_path / "page.md").write_text("<!-- claims: photograps -->")
    with pytest.raises(ValueError, match=r"page.md has places \[\('claims', 'photograps'\)\]"):
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
