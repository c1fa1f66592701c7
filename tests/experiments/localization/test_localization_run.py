from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from c2f import datasets
from c2f.cam import grad_cam, paper_layers, paper_normalise, upsample
from c2f.cli.localization import locate as locate_command
from c2f.cli.options import Measurement
from c2f.datasets.decoding import resize
from c2f.datasets.pictures import Pictures
from c2f.datasets.planted import COLOURS, planted
from c2f.datasets.scenes import scenes
from c2f.experiments.localization import plots as localization_plots
from c2f.experiments.localization import run as localization_run
from c2f.experiments.localization import tables as localization_tables
from c2f.experiments.localization.measure import KINDS, evidence, measure_layer
from c2f.experiments.localization.run import (
    compare,
    localization_name,
    localization_record,
    locate_run,
    scores,
    summary_line,
)
from c2f.experiments.localization.sample import load_localization_sample
from c2f.metrics import localization
from c2f.metrics.localization.objects import Objects, find_objects
from c2f.metrics.localization.suite import POOLED, SINGLE, baselines, measure, measure_box
from c2f.plotting.heatmaps import box_outline, mask_outline
from c2f.reference import localization as pieces
from c2f.runs.record import RecordError
from c2f.training import data as training_data

DATA = "fashion-mnist"  # its shipped weights, on pictures of the shipped sample
SMALL = {"threshold_pictures": 10, "pictures": 20}


@pytest.fixture(autouse=True)
def sample(few_of_the_sample):
    return few_of_the_sample(DATA, train=100, test=150)


@pytest.fixture
def trial(sample):
    return load_localization_sample("lenetfc", DATA, **SMALL)


def locate(output, network="lenetfc", seed=0, **more):
    return locate_run(
        network, DATA, seed, output=output, **{"layers": ["act_3"], "faithful": 3, "resamples": 20, **SMALL, **more}
    )


# Where the object is


def some(channels=1, masks=None, boxes=None):
    images = torch.zeros(2, channels, 4, 5, dtype=torch.uint8)
    images[0, :, 1:3, 2:4] = 200
    images[0, :, 0, 0] = 25  # not above the grey level
    images[1, :, 3, 0] = 26
    return Pictures(images, torch.zeros(2, dtype=torch.int64), ("thing",), boxes, masks)


def test_the_object_is_known_by_its_mask_its_box_or_its_pixels():
    bright = find_objects(some(), "these")
    assert bright.known == "bright pixels"
    assert bright.boxes.tolist() == [[2, 1, 3, 2], [0, 3, 0, 3]]
    assert bright.masks.sum(dim=(1, 2)).tolist() == [4, 1]
    boxes = torch.tensor([[0, 0, 2, 1], [4, 3, 4, 3]])
    boxed = find_objects(some(3, boxes=boxes), "these")
    assert (boxed.known, boxed.boxes.tolist()) == ("boxes", boxes.tolist())
    assert boxed.masks.sum(dim=(1, 2)).tolist() == [6, 1]
    masked = find_objects(some(3, masks=bright.masks, boxes=boxes), "these")
    assert (masked.known, masked.boxes.tolist()) == ("masks", bright.boxes.tolist())
    assert masked.select(torch.tensor([1])).boxes.tolist() == [[0, 3, 0, 3]]


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (some(3), "cifar10 has coloured pictures with neither boxes nor masks.*tiny-imagenette"),
        (some(1, masks=torch.zeros(2, 4, 5, dtype=torch.bool)), "no pixel of an object in masks 0, 1 of 2"),
        (some(3, boxes=torch.tensor([[0, 0, 2, 1], [3, 3, 2, 1]])), "picture 1 ends before it begins: boxes are x0"),
        (some(3, boxes=torch.tensor([[0, 0, 5, 3], [0, 0, 2, 1]])), "picture 0 reaches outside its 4x5 pixels"),
    ],
)
def test_pictures_whose_object_is_not_known_are_refused(pictures, message):
    with pytest.raises(ValueError, match=message):
        find_objects(pictures, "cifar10")


def test_thresholds_and_scores_have_pictures_of_their_own(trial, sample):
    assert (int(trial.for_thresholds.sum()), int(trial.scored.sum())) == (10, 20)
    assert trial.labels[trial.for_thresholds].bincount(minlength=10).tolist() == [1] * 10
    assert trial.labels[trial.scored].bincount(minlength=10).tolist() == [2] * 10
    assert len(trial.tested.indices.unique()) == 30
    again = load_localization_sample("lenetfc_td", DATA, 1, **SMALL)
    assert torch.equal(again.tested.indices, trial.tested.indices)
    assert torch.equal(again.for_thresholds, trial.for_thresholds)
    masks = sample.test.images[trial.tested.indices, 0] > 25
    assert torch.equal(trial.objects.masks, masks)
    assert int(load_localization_sample("lenetfc", DATA, threshold_pictures=30, pictures=None).scored.sum()) == 120


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold_pictures": 150, "pictures": None}, "threshold_pictures is 150 of 150 test pictures: leave some"),
        ({"threshold_pictures": 0}, "threshold_pictures must be a whole number of at least 1, not 0"),
        ({"pictures": 0}, "pictures must be a whole number of at least 1, not 0"),
        ({"pictures": 145}, "the test set of fashion-mnist has 150"),
        (
            {"threshold_pictures": 9000, "pictures": 1001},
            "9000 pictures to choose thresholds on and 1001 to score are more than the 10000 test",
        ),
        ({"data": "fashion-mnst"}, "unknown data set 'fashion-mnst'; did you mean 'fashion-mnist'"),
        ({"test_data": "fashion"}, "unknown data set 'fashion'; did you mean 'fashion-mnist'"),
    ],
)
def test_parts_that_cannot_be_drawn_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        load_localization_sample("lenetfc", **{"data": DATA, **SMALL, **change})


def test_pictures_of_another_size_are_refused(monkeypatch, sample):
    images = torch.zeros(len(sample.test), 3, 32, 32, dtype=torch.uint8)
    other = replace(sample, test=replace(sample.test, images=images))
    monkeypatch.setattr(training_data, "load_data_set", lambda data, image_size: other)
    text = r"fashion-mnist, pictures of 1x28x28 \(channels, rows, columns\), but cifar10-jpeg has 3x32x32"
    with pytest.raises(ValueError, match=text):
        load_localization_sample("lenetfc", DATA, test_data="cifar10-jpeg", **SMALL)


# Maps and measures


def test_kinds_of_maps(trial):
    path, x = paper_layers("lenetfc")["act_2"], trial.images[:5]
    network = trial.model.network
    maps = {kind: evidence(network, path, x, kind, batch_size=2) for kind in KINDS}
    raw = grad_cam(network, path, x)
    assert torch.equal(maps["raw"][1], raw.predicted)
    torch.testing.assert_close(maps["raw"][0], upsample(raw.maps, 28))
    torch.testing.assert_close(maps["clamped"][0], upsample(raw.maps.clamp(min=0), 28))
    probability = grad_cam(network, path, x, score="probability")
    torch.testing.assert_close(maps["paper"][0], paper_normalise(probability.maps, 28))
    with pytest.raises(ValueError, match="unknown kind of map 'clampd'; did you mean 'clamped'"):
        evidence(network, path, x, "clampd")


def boxes_at_random(count, seed):
    generator = torch.Generator().manual_seed(seed)
    low = torch.randint(0, 6, (count, 2), generator=generator)
    boxes = torch.cat([low, low + torch.randint(2, 6, (count, 2), generator=generator)], dim=1)
    return Objects(boxes, localization.boxes_to_masks(boxes, 12, 12), "boxes")


def test_measures_are_those_of_the_package_at_thresholds_from_elsewhere():
    first, second = boxes_at_random(30, 0), boxes_at_random(40, 1)
    noise = localization.random_maps(70, 12, 12, 2)
    choosing, maps = 2 * first.masks + noise[:30], 1.5 * second.masks + noise[30:]
    found = measure(choosing, first, maps, second, resamples=30)
    assert found.thresholds["f1"] == localization.choose_threshold(choosing, first.masks, "f1")
    assert found.thresholds["box_acc"] == localization.choose_threshold(choosing, first.boxes, "box_acc")
    covered = localization.mask_scores(maps, second.masks, found.thresholds["f1"])
    assert torch.equal(found.each["recall"], covered.recall)
    boxed = localization.score(maps, second.boxes, found.thresholds["box_acc"])
    assert found.values["box_acc"] == boxed.mean <= found.values["max_box_acc"]
    assert found.values["max_box_acc"] == localization.max_box_acc(maps, second.boxes).value
    assert found.values["max_box_acc_v2"] == localization.max_box_acc_v2(maps, second.boxes).value
    assert found.values["px_ap"] == localization.px_ap(maps, second.masks).value
    assert set(found.values) == set(found.intervals) == {*SINGLE, *POOLED}
    for name, interval in found.intervals.items():
        assert interval.low <= interval.value <= interval.high, name
        assert interval.value == pytest.approx(found.values[name]), name
    others = measure(choosing, first, noise[30:], second)
    assert others.thresholds == found.thresholds  # they do not depend on what is scored
    assert others.intervals == {}


def test_a_box_by_hand():
    mask = torch.zeros(1, 4, 5, dtype=torch.bool)
    mask[0, 1:3, 1:4] = True  # six of twenty pixels
    found = Objects(torch.tensor([[1, 1, 3, 2]]), mask, "masks")
    box = measure_box(torch.tensor([2, 1, 4, 3]), found)  # nine pixels, four on the object
    assert {name: round(float(x), 9) for name, x in box.each.items()} == {
        "pointing": round(4 / 9, 9),
        "energy": round(4 / 9, 9),
        "box_acc": 0,
        "box_acc_v2": round(1 / 3, 9),
        "iou": round(4 / 11, 9),
        "precision": round(4 / 9, 9),
        "recall": round(4 / 6, 9),
        "f1": round(8 / 15, 9),
    }
    assert box.values["px_ap"] == pytest.approx(4 / 9 * 4 / 6 + 6 / 20 * 2 / 6)
    whole = baselines(found, found)["whole picture"].values
    assert whole["pointing"] == whole["precision"] == whole["iou"] == whole["px_ap"] == pytest.approx(0.3)
    assert whole["recall"] == 1
    assert baselines(found, found)["centre box"].values["recall"] == 1


# Planted evidence


@pytest.fixture(scope="module")
def clothes():
    return datasets.load("fashion-mnist-sample").test


def test_planted_pictures_have_one_patch_and_its_colour_is_the_class(clothes):
    made = planted(clothes, 60, seed=3)
    colours = torch.tensor(list(COLOURS.values()))
    for image, label, mask, box in zip(made.images, made.labels, made.masks, made.boxes, strict=True):
        assert (image[:, mask] == colours[label][:, None]).all()
        assert (image[:, ~mask] == image[:1, ~mask]).all()  # grey
        x0, y0, x1, y1 = box.tolist()
        assert mask.sum() == (x1 - x0 + 1) * (y1 - y0 + 1)
        assert x1 - x0 == y1 - y0
    grey = 0.6 * scenes(clothes, 60, size=40, difficulty=1, seed=3).images.float().mean(dim=1)
    assert torch.equal(made.images[:, 0][~made.masks], grey.byte()[~made.masks])


def test_coloured_pictures_are_the_grounds_themselves():
    colours = (torch.arange(3 * 3 * 50 * 60) % 251).reshape(3, 3, 50, 60).byte()
    made = planted(Pictures(colours, torch.tensor([0, 1, 0]), ("a", "b")), 20, size=40)
    grounds = (0.6 * resize(colours, 40).float().mean(dim=1)).byte()
    for image, mask in zip(made.images, made.masks, strict=True):
        assert (image[:, ~mask] == image[:1, ~mask]).all()
        assert any(torch.equal(image[0][~mask], ground[~mask]) for ground in grounds)
    with pytest.raises(ValueError, match="the size of a scene must be a whole number of at least 32, not 8"):
        planted(Pictures(colours, torch.tensor([0, 1, 0]), ("a", "b")), 20, size=8)


@pytest.fixture(scope="module")
def reader(clothes):
    """A network of two convolutions, trained on planted pictures, with its maps of others."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 4, 1), nn.AdaptiveMaxPool2d(1), nn.Flatten()
    )
    train, test = planted(clothes, 400, seed=0), planted(clothes, 200, seed=1)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(120):
        batch = torch.arange(step * 32, step * 32 + 32) % 400
        # One class against all others: by a softmax, a class can be known from the absence of the other colours.
        wanted = nn.functional.one_hot(train.labels[batch], 4).float()
        loss = nn.functional.binary_cross_entropy_with_logits(network(train.images[batch] / 255 - 0.5), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network, test, evidence(network, "2", test.images / 255 - 0.5)


def test_a_network_that_must_look_at_the_patch_points_at_it(reader):
    _, test, (maps, predicted) = reader
    assert (predicted == test.labels).double().mean() > 0.95
    assert localization.pointing_game(maps, test.masks).mean() > 0.95
    assert localization.energy_in_object(maps, test.masks).mean() > 0.5


def test_the_same_maps_do_not_point_at_the_garment_and_random_ones_are_at_chance(reader, clothes):
    _, test, (maps, _) = reader
    garment = scenes(clothes, 200, size=40, difficulty=1, seed=1).masks & ~test.masks
    assert localization.pointing_game(maps, garment).mean() < 0.1
    chance = localization.chance_level(test.masks)
    blind = localization.random_maps(200, 40, 40, 5)
    spread = (chance * (1 - chance) / 200) ** 0.5
    assert abs(float(localization.pointing_game(blind, test.masks).mean()) - chance) < 3.5 * spread
    assert float(localization.energy_in_object(blind, test.masks).mean()) == pytest.approx(chance, abs=0.005)


# Records


def test_a_run_records_what_it_measured(tmp_path, trial):
    run = locate(tmp_path)
    found = measure_layer(trial, "act_3")
    for name, value in found.values.items():
        assert run.values[f"act_3 {name}"] == pytest.approx(value), name
    details = run.details["layers"]["act_3"]
    assert details["thresholds"] == found.thresholds
    assert details["path"] == "stage_x4"
    assert details["intervals"]["f1"][0] <= run.values["act_3 f1"] <= details["intervals"]["f1"][1]
    assert run.values["accuracy"] > 0.7
    assert run.details["chance_level"] == pytest.approx(run.details["baselines"]["whole picture"]["pointing"])
    record = localization_record("lenetfc", DATA, output=tmp_path)
    assert (record.kind, record.parameters["object"], record.parameters["chosen"]) == (
        "localization",
        "bright pixels",
        10,
    )
    text = summary_line("lenetfc", DATA, "raw", run)
    assert text.startswith("lenetfc--fashion-mnist--localization--raw--seed0: act_3: pointing game")
    each = scores("lenetfc", DATA, "act_3", "f1", output=tmp_path)[0]
    torch.testing.assert_close(each.double(), found.each["f1"], atol=1e-6, rtol=0)
    for what in ("insertion", "deletion"):
        assert scores("lenetfc", DATA, "act_3", what, output=tmp_path)[0].shape == (3,)
        assert 0 < run.values[f"random map {what}"] < 1


def test_what_is_there_is_not_measured_again(tmp_path, monkeypatch):
    first = locate(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(localization_run, "evidence", None)
        assert locate(tmp_path) == first
        with pytest.raises(TypeError):
            locate(tmp_path, again=True)
        with pytest.raises(RecordError, match="pictures 20 there and 30 here"):
            locate(tmp_path, pictures=30)


def test_networks_are_compared_on_the_same_pictures(tmp_path):
    for network in ("lenetfc", "lenetfc_td"):
        for seed in (0, 1):
            locate(tmp_path, network, seed, faithful=0, resamples=1)
    a, b = ("lenetfc", "act_3"), ("lenetfc_td", "act_3")
    found = compare(a, b, DATA, "energy", output=tmp_path, resamples=50)
    bottom_up, top_down = (scores(net, DATA, at, "energy", output=tmp_path) for net, at in (a, b))
    by_hand = torch.stack([top_down[s] - bottom_up[s] for s in (0, 1)]).mean()
    assert found.value == pytest.approx(float(by_hand))
    assert found.low <= found.value <= found.high
    assert compare(a, a, DATA, "energy", output=tmp_path, resamples=5).high == 0
    pooled, records = compare(a, b, DATA, "px_ap", output=tmp_path), localization_tables.recorded(output=tmp_path)[DATA]
    by_hand = [np.mean(records[net].values(f"{at} px_ap")) for net, at in (a, b)]
    assert pooled.value == pytest.approx(by_hand[1] - by_hand[0])
    assert pooled.low < pooled.value < pooled.high
    tables = localization_tables.recorded(output=tmp_path)
    assert {data: list(by_network) for data, by_network in tables.items()} == {DATA: ["lenetfc", "lenetfc_td"]}
    by_layer = localization_tables.by_layer(tables[DATA], "energy")
    assert by_layer["lenetfc_td"] == {"act_3": pytest.approx([float(top_down[s].mean()) for s in (0, 1)])}
    assert localization_tables.recorded("paper", tmp_path) == {}
    verdict = localization_tables.verdict(found)
    assert verdict == ("top-down" if found.low > 0 else "bottom-up" if found.high < 0 else "cannot be told")
    with pytest.raises(ValueError, match="unknown measure 'enrgy'; did you mean 'energy'"):
        compare(a, b, DATA, "enrgy", output=tmp_path)
    with pytest.raises(ValueError, match="unknown layer 'act_4'; did you mean 'act_3'"):
        compare(a, ("lenetfc_td", "act_4"), DATA, "energy", output=tmp_path)
    with pytest.raises(ValueError, match="unknown measure of act_3 'insertion'"):
        scores("lenetfc", DATA, "act_3", "insertion", output=tmp_path)
    with pytest.raises(
        RecordError, match=r"there is no record .*c2f locate nin_light fashion-mnist --map raw --seeds 0 --output"
    ):
        compare(a, ("nin_light", "act_3"), DATA, "energy", output=tmp_path)
    file = next((tmp_path / "localization").glob("lenetfc_td*seed1*"))
    file.write_bytes(b"")
    with pytest.raises(
        RecordError, match=r"is not the record's .sha256 differs.: restore the file, or .* --seeds 1 --again"
    ):
        compare(a, b, DATA, "energy", output=tmp_path)


def test_a_full_run_takes_the_place_of_a_short_one(tmp_path, monkeypatch):
    full, short = tmp_path, tmp_path / "short"
    for folder, network in ((full, "lenetfc"), (short, "lenetfc"), (short, "lenetfc_td")):
        locate(folder, network, layers=["act_2", "act_3"], faithful=0, resamples=1)
    found = localization_tables.first_recorded([full, short])[DATA]
    assert {network: folder for network, (_, folder) in found.items()} == {"lenetfc": full, "lenetfc_td": short}
    assert found["lenetfc"][0] == localization_record("lenetfc", DATA, output=full)
    pair = ("lenetfc", "lenetfc_td")
    records, home = localization_tables.pair_recorded([full, short], DATA, pair)
    assert (list(records), home) == ([*pair], short)  # not one of each
    locate(full, "lenetfc_td", layers=["act_2", "act_3"], faithful=0, resamples=1)
    records, home = localization_tables.pair_recorded([full, short], DATA, pair)
    assert home == full
    monkeypatch.setattr(localization_tables, "best_layer", lambda record, measure: "act_2")
    table = localization_tables.pair_table(records, home, ["energy", "px_ap"], resamples=5)
    gap = compare(("lenetfc", "act_3"), ("lenetfc_td", "act_3"), DATA, "energy", output=home, resamples=5)
    difference = "difference (points)"
    assert table.loc[("last layer", "energy in the object"), difference] == localization_tables.points(gap)
    below, above = (100 * records[name].runs[0].values["act_3 px_ap"] for name in pair)
    assert table.loc[("last layer", "PxAP"), "top-down (%)"] == f"{above:.0f} (act_3)"
    assert table.loc[("last layer", "PxAP"), difference].startswith(f"{above - below:+.0f} (")
    best = 100 * records["lenetfc_td"].runs[0].values["act_2 px_ap"]
    assert table.loc[("best layer", "PxAP"), "top-down (%)"] == f"{best:.0f} (act_2)"
    assert localization_tables.pair_recorded([full, short], "mnist", pair) is None
    assert localization_tables.pair_recorded([tmp_path / "nowhere"], DATA, pair) is None
    assert localization_tables.first_recorded([tmp_path / "nowhere"]) == {}


def test_what_a_table_says_of_a_record(tmp_path):
    locate(tmp_path, layers=["act_2", "act_3"], faithful=0, resamples=1)
    record = localization_record("lenetfc", DATA, output=tmp_path)
    assert localization_tables.training_length(record) == "40 epochs"
    shorter = {**record.parameters, "recipe": {**record.parameters["recipe"], "epochs": 2}}
    assert localization_tables.training_length(replace(record, parameters=shorter)) == "2 of 40 epochs"
    means = {layer: record.runs[0].values[f"{layer} energy"] for layer in ("act_2", "act_3")}
    assert localization_tables.best_layer(record, "energy") == max(means, key=means.get)
    with pytest.raises(ValueError, match="unknown measure 'enrgy'"):
        localization_tables.best_layer(record, "enrgy")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": ["act_5"]}, "unknown layer 'act_5'; did you mean 'act_"),
        ({"kind": "relu"}, "unknown kind of map 'relu'\nThere are: raw, clamped, paper"),
        ({"faithful": -1}, "faithful must be a whole number of at least 0, not -1"),
        ({"network": "lenetfc_tdd"}, "unknown network 'lenetfc_tdd'; did you mean 'lenetfc_td'"),
        ({"seed": 9}, "lenetfc--fashion-mnist has no weights of seed 9"),
    ],
)
def test_bad_runs_are_refused_before_any_work(change, message, tmp_path, monkeypatch):
    monkeypatch.setattr(localization_run, "evidence", None)
    with pytest.raises(ValueError, match=message):
        locate(tmp_path, **change)
    assert not list(tmp_path.iterdir())


def test_the_command_says_what_was_found(tmp_path, capsys):
    locate_command(
        "lenetfc",
        DATA,
        layers=("act_4",),
        pictures=20,
        threshold_pictures=10,
        faithful=0,
        measurement=Measurement(device="cpu", output=tmp_path),
    )
    text, where = capsys.readouterr().out.splitlines()
    assert text.startswith("lenetfc--fashion-mnist--localization--raw--seed0: act_4: pointing game 0.")
    assert where.endswith(str(tmp_path))
    assert localization_record("lenetfc", DATA, output=tmp_path).parameters["layers"] == {"act_4": "head.0"}


def test_reference_pieces(tmp_path):
    found = {piece.name: piece for piece in pieces.pieces()}
    assert len(found) == len(pieces.pieces()) == 4 * 2 * (2 * 2 + 2 + 2 + 2)
    name = f"{localization_name('lenetfc_td', DATA, 'paper')}--seed3"
    assert not found[name].done(tmp_path)
    assert found[name].needs == (f"lenetfc_td--{DATA}--seed3",)


# Figures


def test_outlines_follow_the_pixels_edges():
    figure, ax = plt.subplots()
    mask = torch.zeros(4, 5, dtype=torch.bool)
    mask[1, 1:3] = True
    mask[3, 4] = True
    mask_outline(ax, mask)
    lines = ax.collections[-1]
    segments = {tuple(map(tuple, s.tolist())) for s in lines.get_segments()}
    assert len(segments) == 6 + 4
    assert ((0.5, 0.5), (1.5, 0.5)) in segments  # above pixel 1, 1
    assert ((4.5, 2.5), (4.5, 3.5)) in segments  # right of pixel 3, 4
    box_outline(ax, [1, 1, 2, 1], "red")
    box_outline(ax, [1, 1, 2, 1], "red", room=0.25)
    assert [patch.get_bbox().bounds for patch in ax.patches] == [(0.5, 0.5, 2, 1), (0.25, 0.25, 2.5, 1.5)]
    plt.close(figure)


def test_a_map_panel_outlines_the_object_and_the_region():
    figure, ax = plt.subplots()
    heat = torch.tensor([[-1.0, 0.0, 1.0]])  # by its own range 0, 0.5, 1
    mask = torch.tensor([[True, False, False]])
    localization_plots.map_panel(ax, torch.zeros(1, 1, 3), heat, mask, 0.4)
    _, region, _, thing = ax.collections
    assert len(region.get_segments()) == 6  # two pixels side by side
    assert len(thing.get_segments()) == 4
    assert ax.images[0].get_array().tolist() == [[0, 0.5, 1]]
    plt.close(figure)


def test_layer_dots_show_every_seed():
    figure, ax = plt.subplots()
    values = {"lenetfc": {"act_1": [0.1, 0.3], "act_2": [0.5]}, "lenetfc_td": {"act_1": [0.7], "act_2": [0.9]}}
    localization_plots.layer_dots(ax, values, {"chance": 0.2}, "pointing")
    means, dots = ax.lines[0], ax.lines[1]
    assert means.get_ydata().tolist() == pytest.approx([20, 50])
    assert list(dots.get_ydata()) == [10, 30]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["act_1", "act_2"]
    assert ax.get_ylim() == (0, 100)
    plt.close(figure)
