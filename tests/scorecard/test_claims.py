"""The scorecard follows its records and its rules, and no page types a verdict."""

import re
import shlex
from dataclasses import replace

import pytest

from c2f.book.chapters import ROOT, chapters
from c2f.reference import pieces
from c2f.runs.environment import environment
from c2f.runs.record import Run, add_run
from c2f.scorecard import claims, page, top_down
from c2f.scorecard.verdict import NOT, NOT_TRIED, PARTLY, REPRODUCED, UNDECIDED, Above, Near

BY_KEY = {claim.key: claim for claim in claims.CLAIMS}
COUNTED = ("sizes", "hr-sizes", "mg-sizes", "mg-cost")
RECIPES = {"tiny-imagenette": "tiny-imagenet"}
WORDS = (REPRODUCED, PARTLY, NOT, UNDECIDED, NOT_TRIED)


def train(output, network, accuracies, data="tiny-imagenette", epochs=50, **parameters):
    parameters = {
        "network": network,
        "data": data,
        "recipe": {"name": RECIPES.get(data, data), "epochs": epochs},
        **parameters,
    }
    parameters |= {"trained_parameters": 1, "merge": parameters.get("merge", "sum_concat")}
    for seed, value in enumerate(accuracies):
        run = Run(seed, {"test_accuracy": value}, {"pictures": {"test": 500}}, environment("cpu", 60))
        add_run(output / "runs", f"{network}--{data}", "training", parameters, run)


@pytest.fixture
def folders(tmp_path):
    return tmp_path, tmp_path / "short"


def word(key, folders, **changed):
    claim = replace(BY_KEY[key], **changed)
    return claim.verdict(claim.findings(folders)).word


def test_there_are_enough_claims_of_each_paper_under_names_of_their_own():
    assert len(BY_KEY) == len(claims.CLAIMS) >= 25
    for paper in claims.PAPERS:
        assert sum(claim.paper == paper for claim in claims.CLAIMS) >= 5


@pytest.mark.parametrize("key", ["noise", "scales-mnist"])
def test_what_was_run_says_on_what_device_and_at_which_commit(key):
    found = BY_KEY[key].findings(page.FOLDERS)
    assert found
    assert all(re.fullmatch(r".+?(; [0-9a-f]{9})+", one.where) for one in found)


@pytest.mark.parametrize(
    ("bottom_up", "top_down", "says"),
    [
        ([0.80, 0.81], [0.70, 0.71], REPRODUCED),
        ([0.70, 0.71], [0.80, 0.81], NOT),
        ([0.80, 0.90], [0.75, 0.85], UNDECIDED),
        ([0.8], [0.7], PARTLY),  # of one seed
        ([0.8], [0.79], UNDECIDED),
        ([0.7], [0.8], NOT),
    ],
)
def test_a_verdict_flips_with_its_records(folders, bottom_up, top_down, says):
    assert word("accuracy-photographs", folders) == NOT_TRIED
    train(folders[0], "resnet18", bottom_up)
    train(folders[0], "resnet18_td", top_down)
    assert word("accuracy-photographs", folders) == says


def test_a_verdict_flips_with_its_rule(folders):
    train(folders[0], "lenetfc", [0.990, 0.991, 0.992], "mnist")
    train(folders[0], "lenetfc_td", [0.992, 0.993, 0.994], "mnist", epochs=30)
    assert word("accuracy-mnist", folders) == REPRODUCED
    assert word("accuracy-mnist", folders, rule=Near(0, 0.1)) == UNDECIDED
    assert word("accuracy-mnist", folders, rule=Above(5)) == NOT
    assert word("accuracy-mnist", folders, least=4) == PARTLY


def test_a_short_training_is_never_laid_beside_a_full_one(folders):
    for network, value in (("resnet18", 0.5), ("resnet18_td", 0.7)):
        train(folders[1], network, [value], epochs=3)
    train(folders[0], "resnet18", [0.9])
    (found,) = BY_KEY["accuracy-photographs"].findings(folders)
    assert "3 of 50 epochs (short)" in found.about
    assert found.found.value == pytest.approx(-20)
    train(folders[1], "lenetfc", [0.5], "mnist", epochs=3)
    train(folders[1], "lenetfc_td", [0.5], "mnist", epochs=3)
    assert word("accuracy-mnist", folders) == NOT_TRIED  # the paper's claim is about its recipes


def test_merges_are_compared_seed_by_seed(folders):
    train(folders[0], "lenetfc_td", [0.90, 0.92, 0.91], "fashion-mnist", 40)
    for merge, values in (("sum", [0.80, 0.83, 0.81]), ("concat", [0.90, 0.92, 0.91])):
        train(folders[0] / "merges" / merge, "lenetfc_td", values, "fashion-mnist", 40, merge=merge)
    by_merge = {one.what.split(" less the ")[1].split()[0]: one for one in BY_KEY["merges"].findings(folders)}
    assert len(by_merge) == 2
    assert word("merges", folders) == PARTLY
    best = max(by_merge.values(), key=lambda one: one.found.value)
    assert best.found.value == pytest.approx(100 * (0.10 + 0.09 + 0.10) / 3)


def test_of_nothing_recorded_no_claim_is_judged_but_what_is_counted(folders):
    for claim in claims.CLAIMS:
        if claim.key not in COUNTED:
            assert claim.verdict(claim.findings(folders)).word == NOT_TRIED, claim.key


def test_every_claim_names_a_chapter_pieces_and_a_command_that_are_there():
    names, known = {chapter.name[3:] for chapter in chapters()}, [piece.name for piece in pieces()]
    commands = (ROOT / "c2f" / "cli").glob("*.py")
    defined = set(re.findall(r"^def (\w+)", "\n".join(path.read_text() for path in commands), re.MULTILINE))
    defined |= {"train", "attack", "locate", "corrupt", "list", "reference"}
    for claim in claims.CLAIMS:
        assert claim.chapter in names, claim.key
        for start in claim.pieces:
            assert any(name.startswith(start) for name in known), start
        command, *arguments = shlex.split(claim.again)
        assert command in defined
        if command == "reference":
            assert any(name.startswith(arguments[1]) for name in known), claim.again


def test_the_page_is_the_table(folders, monkeypatch):
    train(folders[0], "resnet18", [0.80, 0.81])
    train(folders[0], "resnet18_td", [0.70, 0.71])
    monkeypatch.setattr(top_down, "_counted", lambda: {"lenetfc": 7798})
    text = page.table(claims.TOP_DOWN, folders)
    row = next(line for line in text.splitlines() if "On Imagenette" in line and line.startswith("|"))
    assert row.split(" | ")[2] == "**reproduced**"
    assert "+10.00 (" in row
    assert "2 seeds each" in row
    assert text.count(":::{dropdown}") == sum(claim.paper == claims.TOP_DOWN for claim in claims.CLAIMS)
    other = next(line for line in text.splitlines() if "on MNIST." in line and line.startswith("|"))
    assert "c2f reference --only nin_light--mnist--seed0" in other
    assert other.split(" | ")[2] == "**not tried**"


def test_no_verdict_is_typed():
    """The words that a verdict may have stand in bold nowhere but where the scorecard explains them."""
    typed = re.compile(rf"\*\*({'|'.join(WORDS)})\*\*")
    for path in [*(ROOT / "book").glob("*.md"), *(ROOT / "book").glob("*.ipynb"), ROOT / "README.md"]:
        found = typed.findall(path.read_text(encoding="utf-8"))
        assert sorted(found) == (sorted(WORDS) if path.name == "scorecard.md" else []), path.name
