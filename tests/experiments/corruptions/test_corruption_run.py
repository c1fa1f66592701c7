"""Recorded evaluations: in bad weather and under attack, interrupted and resumed, and collected into a table."""

import json
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from c2f import corruptions, zoo
from c2f.experiments.corruptions import evaluation
from c2f.experiments.corruptions import plots as corruption_plots
from c2f.experiments.corruptions import tables as corruption_tables
from c2f.experiments.corruptions.evaluation import Scores
from c2f.experiments.corruptions.run import Origin, corruption_run, scores
from c2f.experiments.glimpses import pgd as robustness
from c2f.experiments.glimpses import pgd_run as attack_runs
from c2f.experiments.glimpses import pgd_tables as attack_tables
from c2f.experiments.glimpses.pgd_run import pgd_run, strength_text
from c2f.experiments.glimpses.plots import glimpse_lines
from c2f.experiments.glimpses.recipes import GlimpseRecipe, Setup
from c2f.experiments.glimpses.run import glimpse_run
from c2f.metrics.statistics import seeds_interval
from c2f.networks.glimpse.losses import LossSettings
from c2f.networks.glimpse.network import GlimpseSettings
from c2f.plotting.colours import LINES
from c2f.runs.parts import OutOfTime
from c2f.runs.record import RecordError, read
from c2f.zoo.predict import predict_fn_of

KINDS = ("fog", "contrast")


def write(place, count, bright, seed):
    place.mkdir(parents=True)
    noise = torch.randint(0, 60, (count, 32, 32, 3), generator=torch.Generator().manual_seed(seed))
    noise += 150 * bright
    noise[-1] = 100 * (1 - bright)  # one that every network takes for the other class
    for i, picture in enumerate(noise.to(torch.uint8).numpy()):
        Image.fromarray(picture).save(place / f"{i:02d}.png")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(data, the folder of its trainings): a network of two glimpses and its baseline, hardly trained, two seeds."""
    root, output = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("trained")
    for i, (part, count) in enumerate((("train", 24), ("test", 10))):
        for bright, name in enumerate(("bright", "dark")):
            write(root / part / name, count, 1 - bright, 2 * i + bright)
    recipe = GlimpseRecipe(epochs=2, lr=5e-3, optimiser="adam", weight_decay=0.0, batch_size=8, validation=0.0)
    setup = Setup(recipe, GlimpseSettings(glimpses=2, downsampling=2), LossSettings())
    data = f"folder:{root}"
    for kind in ("mgnet", "full"):
        for seed in (0, 1):
            glimpse_run(f"{kind}_small_cnn", data, seed, output, setup=setup)
    return data, output


def test_a_recorded_run_is_found_again(trained, tmp_path):
    data, weights = trained
    run = corruption_run("mgnet_small_cnn", data, 0, output=tmp_path, types=KINDS, pictures=12, weights=weights)
    found = scores(run)
    assert list(found.correct) == list(KINDS)
    assert found.pictures == 12
    assert found.answers == 2
    assert run.values["mean"] == pytest.approx((run.values["fog"] + run.values["contrast"]) / 2)
    assert run.values["mean"] == run.values["mean 2"]
    assert run.values["clean"] == found.clean[1] / 12
    [path] = (tmp_path / "runs").glob("*.json")
    assert read(path).kind == "corruptions"
    assert not list((tmp_path / "checkpoints").glob("*.json"))
    again = corruption_run("mgnet_small_cnn", data, 0, output=tmp_path, types=KINDS, pictures=12, weights=weights)
    assert again.environment == run.environment
    with pytest.raises(RecordError, match="pictures 12 there and 8 here; choose another folder"):
        corruption_run("mgnet_small_cnn", data, 0, output=tmp_path, types=KINDS, pictures=8, weights=weights)
    with pytest.raises(ValueError, match=r"pictures is 21 but the test set of folder:.* has 20"):
        corruption_run("mgnet_small_cnn", data, 0, output=tmp_path / "b", types=KINDS, pictures=21, weights=weights)


def test_an_interrupted_run_goes_on(trained, tmp_path, monkeypatch):
    data, weights = trained
    calls, limit = [], 4
    real = evaluation.corrupt

    def counted(images, kind, severity, **options):
        if len(calls) == limit:
            raise KeyboardInterrupt
        calls.append((kind, severity))
        return real(images, kind, severity, **options)

    monkeypatch.setattr(evaluation, "corrupt", counted)
    given = {"output": tmp_path, "types": KINDS, "pictures": 12, "weights": weights}
    with pytest.raises(KeyboardInterrupt):
        corruption_run("mgnet_small_cnn", data, 0, **given)
    with pytest.raises(OutOfTime, match="stopped before fog 5; run it again to go on"):
        corruption_run("mgnet_small_cnn", data, 0, **given, deadline=0.0)
    limit = 100
    resumed = corruption_run("mgnet_small_cnn", data, 0, **given)
    assert calls == [(kind, severity) for kind in KINDS for severity in corruptions.SEVERITIES]
    whole = corruption_run("mgnet_small_cnn", data, 0, **given | {"output": tmp_path / "whole"})
    assert whole.details == resumed.details


def test_a_tree_like_imagenet_c(trained, tmp_path):
    data, weights = trained
    for kind in KINDS:
        for severity in corruptions.SEVERITIES:
            for bright, name in enumerate(("bright", "dark")):
                write(tmp_path / "c" / kind / str(severity) / name, 3, 1 - bright, severity)
    origin = Origin(tree=tmp_path / "c", workers=0)
    run = corruption_run("mgnet_small_cnn", data, 0, output=tmp_path, types=KINDS, weights=weights, origin=origin)
    assert scores(run).pictures == 6
    assert "clean" not in run.values
    assert [path.name.endswith("--folder-c--corruptions.json") for path in (tmp_path / "runs").glob("*.json")] == [True]
    with pytest.raises(FileNotFoundError, match="has no folder gaussian_noise"):
        corruption_run("mgnet_small_cnn", data, 0, output=tmp_path, weights=weights, origin=origin)
    with pytest.raises(ValueError, match="goes with a tree"):
        Origin(clean=tmp_path)
    with pytest.raises(ValueError, match="leave test_data and stored_as out"):
        Origin(tree=tmp_path, stored_as="imagenet-c")


def test_the_table(trained, tmp_path):
    data, weights = trained
    for kind in ("mgnet", "full"):
        for seed in (0, 1):
            corruption_run(f"{kind}_small_cnn", data, seed, output=tmp_path, types=KINDS, pictures=12, weights=weights)
    records = corruption_tables.recorded(tmp_path)
    assert len(records) == 2
    [baseline] = corruption_tables.columns(next(r for n, r in records.items() if n.startswith("full")), "one pass")
    ours = corruption_tables.columns(next(r for n, r in records.items() if n.startswith("mgnet")), "glimpses")
    assert [column.title for column in ours] == ["glimpses, after 1", "glimpses, after 2"]
    table = corruption_tables.table([baseline, *ours], baseline)
    assert list(table.index) == ["Fog", "Contrast", "Clean", "Mean", "mCE"]
    assert table.loc["mCE", "one pass"] == pytest.approx(100)
    assert table.loc["Mean"].tolist() == pytest.approx(table.loc[["Fog", "Contrast"]].mean().tolist())
    record = next(r for n, r in records.items() if n.startswith("mgnet"))
    assert table.loc["Mean", "glimpses, after 2"] == pytest.approx(100 * record.summary["mean"].mean)
    assert len(corruption_tables.by_severity(ours[0], "fog")) == 2
    off = corruption_tables.lost(ours)
    expected = table.loc["Clean", "glimpses, after 2"] - table.loc["Fog", "glimpses, after 2"]
    assert off.loc["Fog", "glimpses, after 2"] == pytest.approx(expected)
    gain = corruption_tables.gain(ours[1], baseline)
    assert np.mean(gain.corrupted) == pytest.approx(
        table.loc["Mean", "glimpses, after 2"] - table.loc["Mean", "one pass"]
    )
    assert np.mean(gain.clean) == pytest.approx(
        table.loc["Clean", "glimpses, after 2"] - table.loc["Clean", "one pass"]
    )
    gains = corruption_tables.gains_table(ours[1], {"one pass": baseline})
    assert gain.robustness == pytest.approx(np.subtract(gain.corrupted, gain.clean))
    each = (f"{seeds_interval(points):+.1f}" for points in (gain.corrupted, gain.clean, gain.robustness))
    assert gains.loc["one pass"].to_list() == list(each)
    assert len(corruption_tables.columns(record, "glimpses", seeds=[1])[0].scores) == 1
    with pytest.raises(ValueError, match="1 seeds, one pass 2: record the same"):
        corruption_tables.table(corruption_tables.columns(record, "glimpses", seeds=[1]), baseline)
    figure, axes = plt.subplots(1, 2)
    corruption_plots.types_chart(axes[0], [baseline, *ours], LINES[:3])
    assert [text.get_text() for text in axes[0].get_yticklabels()] == ["Fog", "Contrast"]
    marks = {line.get_label(): line.get_xdata() for line in axes[0].lines if not line.get_label().startswith("_")}
    assert marks["glimpses, after 2"][0] == pytest.approx(table.loc["Fog", "glimpses, after 2"])
    corruption_plots.severity_panels(axes[1:], ours, {"one": ["fog"]}, LINES[:2])
    assert axes[1].get_title() == "one"
    assert axes[1].lines[1].get_ydata()[0] == pytest.approx(table.loc["Clean", "glimpses, after 2"])
    assert axes[1].lines[1].get_ydata()[1:].mean() == pytest.approx(table.loc["Fog", "glimpses, after 2"])
    plt.close(figure)
    with pytest.raises(ValueError, match="did you mean 'fog'"):
        corruption_tables.by_severity(ours[0], "frog")


def column(title, seeds, clean):
    """A column of one answer: how many of 100 pictures are right at each severity of fog and of contrast, by seed."""
    found = [
        Scores({"fog": [[right]] * 5, "contrast": [[right - 10]] * 5}, 100, [unspoiled])
        for right, unspoiled in zip(seeds, clean, strict=True)
    ]
    return corruption_tables.Column(title, found, 1)


@pytest.mark.parametrize(
    ("clean", "verdict"),
    [
        ([60, 62, 61], "bad weather costs it less, +15.0 (+12.5 to +17.5) points (n = 3 seeds)."),
        ([90, 92, 91], "bad weather costs it more, -15.0"),
        ([75, 76, 77], "as far as these seeds can tell bad weather costs both as much"),
    ],
)
def test_whether_a_gain_is_robustness(clean, verdict):
    ours, theirs = column("looks", [60, 61, 62], clean), column("once", [50, 51, 52], [65, 66, 67])
    said = corruption_tables.gain_verdict(ours, theirs, "one pass")
    assert f"Next to one pass the network of glimpses has {np.mean(clean) - 66:+.1f}" in said
    assert "in bad weather: " in said
    assert verdict in said
    alone = column("looks", [60], [70]), column("once", [50], [65])
    assert "one seed does not tell" in corruption_tables.gain_verdict(*alone, "one pass")


@pytest.mark.parametrize(
    ("theirs", "begin"),
    [
        ([50, 51, 53], "In bad weather glimpses gain over the full pass, as the paper has it (+4.76 points"),
        ([70, 71, 73], "In bad weather glimpses lose against the full pass, not as in the paper (+4.76 points"),
        ([50, 71, 62], "Whether glimpses gain in bad weather over the full pass cannot be told"),
    ],
)
def test_the_paper_s_gain_beside_ours(theirs, begin):
    ours = column("looks", [60, 61, 62], [70, 70, 70])
    said = corruption_tables.published_claim(ours, column("once", theirs, [70, 70, 70]))
    assert said.startswith(begin)
    assert said.endswith(corruption_tables.gain_verdict(ours, column("once", theirs, [70, 70, 70]), "once"))


def test_captions_of_bad_weather():
    columns = [column("looks", [60, 62], [70, 70]), column("once", [50, 52], [80, 80])]
    lost = corruption_tables.lost(columns)
    assert lost.loc["Fog"].to_dict() == pytest.approx({"looks": 9, "once": 29})
    assert lost.columns.name == "points lost; n = 100 pictures, 2 seeds"
    said = corruption_plots.types_caption(columns)
    assert said.startswith("Lowest under Contrast (41 %), highest under Fog (51 %): once.")
    assert "100 pictures at each severity, seeds: 2" in said
    said = corruption_plots.severity_caption(columns, ["fog", "contrast"])
    assert "looks 56 to 56 %; once 46 to 46 %" in said
    said = corruption_plots.ladder_caption(columns, ["fog"])
    assert "Fog: from 51 to 61 % at severity 1, from 51 to 61 % at severity 5" in said
    scene = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    spoiled = {"fog": scene + 7, "contrast": scene + 2, "snow": scene + 5}
    found = corruption_plots.changes(scene, spoiled)
    assert found == {"Fog": 7, "Contrast": 2, "Snow": 5}
    for kinds, rows in ((["fog"], 1), (["fog", "contrast", "snow"], 1), (["fog", "contrast", "snow", "frost"], 2)):
        figure = plt.figure()
        axes = corruption_plots.gallery(figure, scene, dict.fromkeys(kinds, scene))
        assert axes.shape == (rows, 4)
        assert figure.get_size_inches()[1] < 2 * rows
        assert [len(ax.images) for ax in axes.flat] == [1] * (len(kinds) + 1) + [0] * (4 * rows - len(kinds) - 1)
        plt.close(figure)
    said = corruption_plots.gallery_caption(found)
    assert "Fog changes this scene most, by 7 grey levels on average, Contrast least, by 2" in said
    assert corruption_plots.groups(["fog", "contrast", "snow"]) == {"weather": ["fog", "snow"], "digital": ["contrast"]}


def test_the_networks_of_the_book_answer_once():
    predict = predict_fn_of(zoo.load("lenetfc_td", "fashion-mnist"))
    assert predict(torch.rand(3, 1, 28, 28)).shape == (1, 3, 10)
    with pytest.raises(ValueError, match="did you mean 'lenetfc_td'"):
        zoo.load("lenetfc_dt", "fashion-mnist")
    with pytest.raises(ValueError, match="segmentation_td does not classify pictures"):
        corruption_run("segmentation_td", "fashion-mnist", 0, output=Path("nowhere"))


def test_a_recorded_attack(trained, tmp_path, monkeypatch):
    data, weights = trained
    quick = partial(robustness.masking_check, steps=3, more_steps=3, restarts=1)
    monkeypatch.setattr(attack_runs, "masking_check", quick)
    given = {"output": tmp_path, "epsilons": [1 / 255, 0.2], "steps": 3, "restarts": 1, "pictures": 10, "checked": 2}
    with pytest.raises(OutOfTime, match="stopped before published"):
        pgd_run("mgnet_small_cnn", data, 0, weights=weights, auto="none", **given, deadline=0.0)
    run = pgd_run("mgnet_small_cnn", data, 0, weights=weights, auto="none", **given)
    names = ["clean", "published", "published straight", "robust 1/255", "robust 51/255"]
    assert sorted(run.values) == sorted(f"{name} {t}" for name in names for t in (1, 2))
    for t in (1, 2):
        falling = [run.values[f"{name} {t}"] for name in ("clean", "robust 1/255", "robust 51/255")]
        assert falling == sorted(falling, reverse=True)
    assert run.details["masking"]["pictures"] <= 2
    assert {test["name"] for test in run.details["masking_rescaled"]["tests"]} >= {"zero_gradient", "more_steps"}
    record = attack_tables.recorded(data, tmp_path)["mgnet"]
    assert record.kind == "pgd"
    lines = attack_tables.lines(record)
    assert np.shape(lines.robust) == (1, 2, 2)
    assert lines.robust[0][1][1] == run.values["robust 51/255 2"]
    assert list(attack_tables.recorded(data, tmp_path)) == ["mgnet"]
    table = attack_tables.table({"glimpses": record})
    assert table.columns.name == "accuracy (%), n = 10 pictures, seeds: 1"
    assert table.loc["1/255 in pixels", "glimpses"] == f"{100 * run.values['robust 1/255 2']:.1f}"
    checks = attack_tables.checks_table({"glimpses": record})
    assert checks.loc["glimpses", "suspicious, factor switched off"] in ("0 of 1 seeds", "1 of 1 seeds")
    figure, ax = plt.subplots()
    glimpse_lines(ax, lines)
    assert ax.lines[1].get_xdata() == pytest.approx([0, 1, 51])
    assert ax.lines[1].get_ydata()[0] == pytest.approx(100 * run.values["clean 2"])
    plt.close(figure)
    assert json.dumps(pgd_run("mgnet_small_cnn", data, 0, weights=weights, auto="none", **given).details) == json.dumps(
        run.details
    )
    single = pgd_run("full_small_cnn", data, 0, weights=weights, auto="none", **given | {"checked": 0})
    assert "published straight 1" not in single.values
    assert single.details["masking"] is None
    both = attack_tables.table({"one pass": attack_tables.recorded(data, tmp_path)["full"], "glimpses": record})
    assert list(both.index[:3]) == ["no attack", "as published", "with the right gradient"]
    assert list(both.index[3:]) == ["1/255 in pixels", "51/255 in pixels"]
    assert both.loc["with the right gradient", "one pass"] == ""
    with pytest.raises(ValueError, match="did you mean 'full_small_cnn'"):
        pgd_run("ful_small_cnn", data, 0, weights=weights, **given)
    with pytest.raises(ValueError, match="unknown choice of auto 'quik'; did you mean 'quick'"):
        pgd_run("full_small_cnn", data, 0, weights=weights, auto="quik", **given | {"checked": 0})


def test_strengths_are_named_in_grey_levels():
    assert [strength_text(e) for e in (0.5 / 255, 1 / 255, 4 / 255, 1)] == ["0.5/255", "1/255", "4/255", "255/255"]
