"""One evaluation for any network: the user's own, glimpses, and what the book recorded already."""

import json
import math

import pytest

from c2f.benchmark import entries, parts, tables
from c2f.benchmark.parts import PARTS, Subject
from c2f.benchmark.run import benchmark, benchmark_name
from c2f.benchmark.tables import written
from c2f.experiments.robustness.run import attack_run
from c2f.metrics.statistics import Interval
from c2f.runs.environment import environment
from c2f.runs.folder import record_path
from c2f.runs.record import Record, RecordError, Run, add_run, read
from c2f.zoo.models import load

DATA = "fashion-mnist-sample"
OWN = """
import torch
from torch import nn
from c2f.networks import OwnNetwork

def build():
    torch.manual_seed(0)
    return OwnNetwork(nn.Sequential(nn.AvgPool2d(7), nn.Flatten(), nn.Linear(16, 10)))
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    return f"{tmp_path / 'mine.py'}:build"


def test_a_network_of_the_users_own_is_measured_in_every_respect(own, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_auto", lambda: "none")
    monkeypatch.setattr(parts, "MASKING_PICTURES", 10)
    made = ["gaussian_noise", "pixelate"]  # frost would need its photographs
    monkeypatch.setattr("c2f.corruptions.available", lambda: made)
    subject = Subject(own, DATA, 0, tmp_path / "out", pictures=20, restarts=1)
    run = benchmark(subject)
    assert run.details["left_out"].keys() == {"localization"} or not run.details["left_out"]
    assert run.values["parameters"] == 170
    assert run.values["multiply_adds"] == 160
    assert 0 <= run.values["accuracy"] <= 1
    alone = attack_run(own, DATA, 0, "contrast", output=tmp_path / "alone", pictures=20, restarts=1)
    same = {what: alone.values[what] for what in ("l2_at_50", "points_lost") if what in alone.values}
    assert same
    assert {what: run.values[f"contrast {what}"] for what in same} == same
    pgd = [run.values[f"pgd {name}"] for name in parts.EPSILONS]
    assert pgd == sorted(pgd, reverse=True)
    kinds = [value for name, value in run.values.items() if name.startswith("corrupted ")]
    assert len(kinds) == len(made)
    assert run.values["corrupted"] == pytest.approx(sum(kinds) / len(kinds))
    shown = tables.one_table(run)
    assert shown.loc[("size and cost", "parameters"), "value"] == "170"
    assert set(shown.index.get_level_values(0)) <= {part.title for part in PARTS.values()}
    assert not benchmark(subject).fresh  # recorded, so not measured again


def test_glimpses_are_attacked_by_their_last_answer(tmp_path):
    subject = Subject("mgnet_small_cnn", "scenes-fashion-mnist", 0, tmp_path)
    model = load("mgnet_small_cnn", "scenes-fashion-mnist")
    assert type(model.classifier).__name__ == "LastAnswer"
    assert type(load("lenetfc", "fashion-mnist").classifier).__name__ == "BottomUp"
    assert "Grad-CAM needs a layer" in PARTS["localization"].why_not(subject)


@pytest.mark.parametrize("network", ["lenetfc", "mgnet_small_cnn", "densenet_half"])
def test_every_kind_that_classifies_meets_bad_weather(network, tmp_path, monkeypatch):
    monkeypatch.setattr("c2f.corruptions.available", lambda: ["contrast"])
    scenes = "scenes-fashion-mnist"
    subject = Subject(network, scenes, 0, tmp_path, pictures=10, test_data=f"{scenes}-sample")
    run = benchmark(subject, ["corruptions"])
    assert run.values["corrupted"] == run.values["corrupted contrast"] > 0


def test_what_is_wrong_is_refused_before_long_work(own, tmp_path):
    subject = Subject(own, DATA, 0, tmp_path)
    with pytest.raises(ValueError, match="unknown part of the benchmark 'nois'; did you mean 'noise'"):
        benchmark(subject, ["nois"])
    with pytest.raises(ValueError, match="pictures must be"):
        Subject(own, DATA, 0, tmp_path, pictures=0)
    assert not list(tmp_path.glob("runs/*"))


def record(output, seeds=(0,), sha="a" * 64, data=DATA, **values):
    about = {"network": "x", "title": "X", "data": data, "pictures": 20}
    for seed in seeds:
        found = {"accuracy": 0.5 + seed / 10, "parameters": 170.0, **values}
        weights = {"file": "x.safetensors", "sha256": sha[:-1] + str(seed)}
        run = Run(seed, found, {"weights": weights, "by_part": {}, "left_out": {}}, environment("cpu", 1))
        add_run(output / "runs", f"x--{data}--benchmark", "benchmark", about, run)
    return read(record_path(output, f"x--{data}--benchmark"))


@pytest.mark.parametrize(
    ("ends", "factor", "expected"),
    [
        ((0.25, 0.2, 0.3), 100, "25.0 (20.0 to 30.0)"),
        ((0.12345, 0.1, 0.15), 1, "0.123 (0.1 to 0.15)"),
        ((950, 880, 1020), 1, "950 (880 to 1,020)"),
        ((999.7, math.nan, math.nan), 1, "1,000"),
        ((2.345, 2.1, math.inf), 1, "2.35 (2.1 to ∞)"),
        ((-0.0001, -0.01, 0.01), 100, "0.0 (-1.0 to 1.0)"),
    ],
)
def test_numbers_are_written_without_exponents_and_signs_of_nothing(ends, factor, expected):
    assert written(Interval(*ends), factor) == expected


def test_networks_stand_side_by_side_with_intervals_over_seeds(tmp_path):
    shown = tables.side_by_side({"X": record(tmp_path, seeds=(0, 1))}, ("accuracy", "parameters"))
    assert shown.loc["X", "accuracy (%)"] == "55.0 (-8.5 to 118.5)"
    assert shown.loc["X", "seeds"] == "2"
    with pytest.raises(ValueError, match="unknown value of a benchmark 'accurcy'; did you mean 'accuracy'"):
        tables.side_by_side({"X": record(tmp_path)}, ("accurcy",))


def test_an_entry_comes_back_as_it_was_and_becomes_a_row(tmp_path):
    given = record(tmp_path, seeds=(0, 1))
    entries.export(given, tmp_path / "board" / "x.json", "https://example.org/x at 0123abc", "somebody")
    (entry,) = entries.read_entries(tmp_path / "board")
    assert isinstance(entry.record, Record)
    assert entry.record.to_json() == given.to_json()
    text = entries.leaderboard([entry])
    assert "| X, fashion-mnist-sample | 2 | 20 | 55.0 (-8.5 to 118.5) | 170 |" in text
    assert text.endswith("| https://example.org/x at 0123abc | somebody |")
    assert entries.leaderboard([]) == "There are no entries yet."


def test_an_entry_that_is_edited_malformed_or_there_twice_is_refused(tmp_path):
    path = tmp_path / "x.json"
    entries.export(record(tmp_path / "out"), path, "code", "me")
    with pytest.raises(FileExistsError, match=r"x\.json is there already"):
        entries.export(record(tmp_path / "out"), path, "code", "me")
    content = json.loads(path.read_text())
    for change, text in (
        (lambda c: c["record"]["runs"][0]["values"].update(accuracy=0.99), "was changed after it was written"),
        (lambda c: c.update(by="somebody else"), "was changed after it was written"),
        (lambda c: c.pop("record"), "no entry of a leaderboard"),
        (lambda c: c.update(form="2"), "its form is '2'"),
    ):
        changed = json.loads(json.dumps(content))
        change(changed)
        (tmp_path / "bad.json").write_text(json.dumps(changed))
        with pytest.raises(RecordError, match=text):
            entries.read_entry(tmp_path / "bad.json")
    (tmp_path / "bad.json").write_text(path.read_text())
    with pytest.raises(RecordError, match=r"the same weights on fashion-mnist-sample are in .*bad\.json already"):
        entries.read_entries(tmp_path)
    (tmp_path / "bad.json").write_text(path.read_text()[:100])
    with pytest.raises(RecordError, match=r"bad\.json: no entry of a leaderboard"):
        entries.read_entries(tmp_path)


def test_an_entry_says_whose_it_is(tmp_path):
    with pytest.raises(ValueError, match="--code"):
        entries.export(record(tmp_path), tmp_path / "x.json", " ", "me")
    other = Record("x", "training", {"data": DATA})
    with pytest.raises(ValueError, match="record of a training"):
        entries.export(other, tmp_path / "x.json", "code", "me")


def test_the_name_is_the_files(own):
    assert benchmark_name("lenetfc", "fashion-mnist") == "lenetfc--fashion-mnist--benchmark"
    assert benchmark_name(own, DATA) == "mine.py-build--fashion-mnist-sample--benchmark"
