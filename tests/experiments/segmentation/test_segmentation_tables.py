import pytest
import torch
from torch import nn

from c2f.experiments.segmentation import (
    class_values,
    definition_ladder,
    influence,
    mesh_profile,
    pixel_confusion,
    recorded_segmentations,
    seen_from,
    tables,
    where_and_what,
    where_and_what_over_seeds,
)
from c2f.metrics.statistics import Difference
from c2f.networks.segmentation import build_segmentation
from c2f.runs.record import RecordError, Run, add_run

CLASSES = ["a", "b", "background", "ignore"]
LABELS = torch.tensor([[0, 0, 1, 1, 2, 2], [2, 2, 3, 3, 3, 0]])[None]
ANSWERS = torch.tensor([[0, 1, 1, 1, 2, 2], [3, 0, 0, 1, 3, 0]])[None]


def run(seed, answers=ANSWERS, **more):
    """A run whose answers are these by the published definition, and never "ignore" by the correct one."""
    counts = {
        "correct": pixel_confusion(LABELS, answers.clamp(max=2), 4),
        "published": pixel_confusion(LABELS, answers, 4, "published"),
    }
    details = {"confusions": {name: found.tolist() for name, found in counts.items()}, "classes": CLASSES}
    details |= {"history": {"seconds": [2.0, 9.0, 4.0]}, "meshes": {"train": 9, "val": 1, "test": 2}}
    values = {"iou a": 0.5 + seed / 10, "iou background": 0.75, "test_mean_iou": 0.25, "published test_mean_iou": 0.2}
    values["test_accuracy"] = 0.8
    return Run(seed, values | more, details, dict.fromkeys(ENVIRONMENT, 0))


ENVIRONMENT = ("commit", "device", "finished", "peak_memory_bytes", "seconds", "threads", "versions")


@pytest.fixture
def folder(tmp_path):
    for data in ("mnist", "fashion-mnist"):
        for network in ("unet", "td"):
            for seed in (0, 1):
                about = {"network": network, "data": data, "width": 8, "recipe": {"epochs": 3}}
                name = f"segmentation_{network}--{data}"
                more = {"iou b": 0.1} if seed == 0 else {}
                add_run(tmp_path / "runs", name, "segmentation", about, run(seed, **more))
    add_run(tmp_path / "runs", "lenetfc--mnist", "training", {"network": "lenetfc", "data": "mnist"}, run(0))
    return tmp_path


def test_segmentations_are_found_by_data_and_network(folder, tmp_path_factory):
    found = recorded_segmentations(folder)
    assert {data: list(records) for data, records in found.items()} == {
        "fashion-mnist": ["td", "unet"],
        "mnist": ["td", "unet"],
    }
    assert found["mnist"]["td"].name == "segmentation_td--mnist"
    with pytest.raises(
        RecordError, match=r"no segmentation runs in .*; make some, e\.g\. with `c2f train segmentation_td"
    ):
        recorded_segmentations(tmp_path_factory.mktemp("empty"))


def test_a_class_is_scored_by_every_run_or_left_out(folder):
    record = recorded_segmentations(folder)["mnist"]["td"]
    assert class_values(record) == {"a": [0.5, 0.6], "background": [0.75] * 2, "mean": [0.25] * 2}
    assert class_values(record, "published") == {"mean": [0.2, 0.2]}
    with pytest.raises(ValueError, match="unknown definition 'corect'; did you mean 'correct'"):
        class_values(record, "corect")


def test_the_ladder_goes_from_one_definition_to_the_other_by_hand():
    # By row: class a, class b, background, and in the end ignore.
    steps = [(2 / 4, 2 / 3, 3 / 4), (2 / 4, 2 / 3, 2 / 4), (2 / 5, 2 / 4, 2 / 4), (2 / 5, 2 / 4, 2 / 4, 1 / 4)]
    assert list(definition_ladder(run(0)).values()) == pytest.approx([sum(step) / len(step) for step in steps])


def test_where_and_what_by_hand():
    #                        a  b  background
    counts = torch.tensor([[6, 2, 1], [0, 4, 1], [2, 0, 20]])
    where, what = where_and_what(counts)
    assert where == pytest.approx(12 / (36 - 20))
    assert what == pytest.approx(10 / 12)
    perfect = torch.diag(torch.tensor([3, 4, 5]))
    assert where_and_what(perfect) == (1, 1)


def test_where_and_what_over_seeds(folder):
    where, what = where_and_what_over_seeds(recorded_segmentations(folder)["mnist"]["td"])
    expected = where_and_what(pixel_confusion(LABELS, ANSWERS.clamp(max=2), 4))
    assert (where, what) == ([expected[0]] * 2, [expected[1]] * 2)


SPREAD = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"


def test_tables_of_the_records(folder):
    recorded = recorded_segmentations(folder)
    who = ("mnist", "Top-down")
    assert tables.runs_table(recorded).loc[who].to_dict() == {
        "seeds": 2,
        "test meshes": 2,
        "width": 8,
        "epochs": 3,
        "mean IoU (%)": f"25.0{SPREAD}0.0",
        "right pixels (%)": f"80.0{SPREAD}0.0",
        "seconds an epoch": "4",
        "device": 0,
    }
    by_class = {"a": f"55.0{SPREAD}7.1", "background": f"75.0{SPREAD}0.0", "mean": f"25.0{SPREAD}0.0"}
    assert tables.classes_table(recorded)[who].to_dict() == by_class
    where, what = (f"{100 * each[0]:.1f}{SPREAD}0.0" for each in where_and_what_over_seeds(recorded["mnist"]["td"]))
    both = tables.recorded_where_and_what(recorded)
    assert both.loc[who].to_dict() == {"where (%)": where, "what (%)": what}
    assert list(both.index) == [(data, net) for data in ("fashion-mnist", "mnist") for net in ("Top-down", "U-Net")]
    *steps, ignored = tables.ladder_table(recorded)[who].to_list()
    assert steps == [f"{100 * value:.1f}" for value in definition_ladder(run(0)).values()]
    assert ignored == "4 of 24"  # two of twelve pixels, in both runs


def test_where_and_what_by_any_name():
    found = tables.where_and_what_table({"coarse": ([0.5, 0.75], [0.25])})
    assert found.loc["coarse"].to_list() == [f"62.5{SPREAD}17.7", "25.0"]


def gap(mean, low, high, p, **where):
    about = {"data": "mnist", "other": "FCN", "measure": "where"} | where
    return tables.Gap(difference=Difference(mean, low, high, p, (4, 3)), **about)


def test_a_gap_is_a_verdict_only_where_its_interval_leaves_out_zero():
    better, alike, worse = gap(0.03, 0.01, 0.05, 0.02), gap(0.03, -0.01, 0.07, 0.1), gap(-0.3, -0.4, -0.2, 0.001)
    assert [one.finds for one in (better, alike, worse)] == ["better than", "not told apart from", "worse than"]
    assert str(better) == "+3.0 (+1.0 to +5.0)"
    assert str(gap(0.03, float("nan"), float("nan"), float("nan"))) == "+3.0"  # runs of one network are all equal
    lines = tables.gap_findings([better, gap(-0.3, -0.4, -0.2, 0.001, other="U-Net"), gap(0, -1, 1, 1, measure="what")])
    assert lines[0].startswith("**Where** (mnist): the top-down network is better than the FCN, +3.0 (+1.0 to +5.0); ")
    assert lines[1].startswith("**What** (mnist): the top-down network is not told apart")
    # 3 comparisons: 0.02 is no longer below 0.05 when taken three times, 0.001 is.
    assert "over at least 3 seeds" in lines[1]
    assert "Of 3 intervals 2 leave out zero by themselves, and 1 when corrected" in lines[1]
    assert "and none when corrected" in tables.gap_findings([gap(0.03, 0.01, 0.05, 0.05)])[-1]
    assert tables.gap_findings([]) == [
        "Too few runs are recorded to compare: it takes two seeds of the top-down network and of another."
    ]


def test_gaps_are_of_the_top_down_network_less_the_others(folder):
    recorded = recorded_segmentations(folder)
    found = tables.gaps(recorded)
    assert [(one.data, one.other, one.measure) for one in found] == [
        (data, "U-Net", measure) for data in recorded for measure in ("mean IoU", "where", "what")
    ]
    assert all(one.difference.mean == 0 for one in found)
    assert tables.gaps_table(found).loc[("mnist", "Top-down less U-Net, n = 2 and 2"), "where (points)"] == "+0.0"
    assert tables.gaps({"mnist": {"unet": recorded["mnist"]["unet"]}}) == []


def test_what_the_published_definition_takes_off(folder):
    correct, *_, published = definition_ladder(run(0)).values()
    lost = f"{100 * (correct - published):.1f}"
    lines = tables.definition_findings(recorded_segmentations(folder))
    assert lines[1] == (
        f"**The published definition** takes {lost} (Top-down), {lost} (U-Net) points off the mean IoU of the very same "
        "answers (mnist)."
    )


def test_the_hardest_and_the_easiest_class(folder):
    recorded = recorded_segmentations(folder)
    for record in recorded["fashion-mnist"].values():  # b is scored in both runs only here
        for one in record.runs:
            one.values["iou b"] = 0.1
    assert tables.classes_finding(recorded) == (
        "Of fashion-mnist the hardest class is b (Top-down 10 %, U-Net 10 %), the easiest a (Top-down 55 %, U-Net 55 %). "
        "Of mnist the hardest class is a (Top-down 55 %, U-Net 55 %), the easiest a (Top-down 55 %, U-Net 55 %)."
    )


def test_right_pixels_are_counted_where_a_label_counts():
    labels, said = torch.tensor([[[0, 1, 2, 3]]]), torch.tensor([[[0, 1, 1, 3]]])
    assert tables.right_pixels({"FCN": said, "U-Net": labels}, labels, ignore=3) == "FCN 67 %, U-Net 100 %"


def test_the_scale_that_is_needed_is_the_one_whose_lie_costs_most():
    honest = [(0.9, 0.7), (0.8, 0.7)]
    found = {"none": honest, "coarse": [(0.9, 0.2), (0.8, 0.22)], "middle": honest, "fine": [(0.4, 0.7), (0.32, 0.7)]}
    where, what = tables.lies_findings({**found, "coarse and middle": [(0, 0), (0, 0)]})
    assert where.startswith("**Where comes from the fine scale:** a lie to the fine one costs 49.0 points (95 % int")
    assert "(95 % interval over 2 seeds: 36.3 to 61.7), coarse 0.0, middle 0.0." in where
    assert what.startswith("**What comes from the coarse scale:** a lie to the coarse one costs 49.0 points (95 ")
    assert what.endswith("), middle 0.0, fine 0.0.")
    found["coarse"], found["fine"] = found["fine"], found["coarse"]
    assert tables.lies_findings(found)[0].startswith("**Where comes from the coarse scale:**")
    one_seed = tables.lies_findings({lie: pairs[:1] for lie, pairs in found.items()})[0]
    assert one_seed.startswith("**Where comes from no scale that could be told:** ")
    assert "points (n = 1, no interval)" in one_seed
    flat = {"none": honest, "coarse": [(0.8, 0.7), (0.85, 0.7)], "fine": honest}  # an interval that holds zero
    assert tables.lies_findings(flat)[0].startswith("**Where comes from no scale that could be told:**")


def test_sizes_grow_with_the_width():
    table = tables.size_table([1, 2], in_channels=1, num_classes=3, image_size=16)
    network = build_segmentation("fcn", 3, 16, width=2, seed=0)
    assert list(table.index) == [(f"width {w}", title) for w in (1, 2) for title in ("Top-down", "U-Net", "FCN")]
    assert table.loc[("width 2", "FCN"), "parameters"] == f"{sum(p.numel() for p in network.parameters()):,}"


# What an answer depends on


@pytest.mark.parametrize("name", ["td", "unet", "fcn"])
def test_influence_is_a_share_and_leaves_nothing_behind(name):
    network = build_segmentation(name, width=2, seed=0).train()
    pictures = torch.rand(2, 1, 56, 56, generator=torch.Generator().manual_seed(0))
    found = influence(network, pictures, 14, 14)
    assert found.shape == (56, 56)
    assert found.min() >= 0
    assert found.sum().item() == pytest.approx(1, abs=1e-5)
    assert network.training
    assert all(p.grad is None for p in network.parameters())
    assert not pictures.requires_grad
    # Far away, where no path leads, a change moves nothing.
    moved = pictures.clone()
    moved[..., 50:, 50:] = 1 - moved[..., 50:, 50:]
    with torch.no_grad():
        before, after = (network.eval()(x)[:, :, 14, 14] for x in (pictures, moved))
    assert found[50:, 50:].eq(0).all()
    assert torch.equal(before, after)


def test_influence_of_a_plain_convolution_is_its_window():
    network = nn.Conv2d(1, 2, 5, padding=2)
    nn.init.ones_(network.weight)
    found = influence(network, torch.rand(1, 1, 12, 12), 0, 6)
    assert seen_from(found) == (4, 0, 8, 2)  # cut off by the upper border
    torch.testing.assert_close(found[0:3, 4:9], torch.full((3, 5), 1 / 15))


def test_influence_refuses_what_makes_no_sense():
    network = nn.Conv2d(1, 2, 3, padding=1)
    with pytest.raises(ValueError, match=r"pixel \(12, 0\) is outside pictures of 12 x 12"):
        influence(network, torch.rand(1, 1, 12, 12), 12, 0)
    nn.init.zeros_(network.weight)
    with pytest.raises(ValueError, match="depends on no pixel"):
        influence(network, torch.rand(1, 1, 12, 12), 0, 0)


# Profiles


def test_profiles_and_what_is_given_in_place_of_their_numbers():
    recipe, width = mesh_profile("paper")
    assert (recipe.epochs, recipe.lr, recipe.batch_size, width) == (20, 0.01, 128, 64)
    recipe, width = mesh_profile("quick", epochs=3, width=4)
    assert (recipe.epochs, width) == (3, 4)
    assert recipe.batch_size == mesh_profile("quick")[0].batch_size
    with pytest.raises(ValueError, match="unknown profile 'papr'; did you mean 'paper'"):
        mesh_profile("papr")
    with pytest.raises(ValueError, match="epochs must be a whole number of at least 1, not 0"):
        mesh_profile("quick", epochs=0)
