import json
import math

import numpy as np
import pytest
import torch

from c2f.experiments.glimpses import tables, windows
from c2f.experiments.glimpses.cost import multiply_adds_by_glimpse, published_share
from c2f.experiments.glimpses.evaluation import GlimpseEvaluation
from c2f.networks.glimpse import GlimpseSettings, build, share_inside
from c2f.runs.record import Record, Run


def record(kind, accuracy):
    glimpses = len(accuracy[0])
    exits = {"confidence": [0.0, 1.0], "accuracy": [0.4, 0.6], "shares": [[1.0, 0.0], [0.25, 0.75]]}
    environment = dict.fromkeys(("commit", "device", "finished", "peak_memory_bytes", "seconds", "threads", "versions"))
    counts = {"pictures": {"test": 1000}}
    runs = [
        Run(
            seed, {f"test_accuracy {t + 1}": v for t, v in enumerate(row)}, {"exits": dict(exits)} | counts, environment
        )
        for seed, row in enumerate(accuracy)
    ]
    costs = [1e6 * (t + 1) for t in range(glimpses)]
    look = {"glimpses": glimpses, "downsampling": 4.0 if kind == "mgnet" else 2.0}
    return Record(f"{kind}_small_cnn--mnist", "glimpse", {"look": look, "multiply_adds_by_glimpse": costs}, runs)


@pytest.fixture
def records():
    return {
        "mgnet": record("mgnet", [[0.5, 0.7], [0.6, 0.7], [0.55, 0.7]]),
        "equal": record("equal", [[0.4], [0.42], [0.41]]),
    }


def test_only_what_is_there(records, tmp_path):
    assert tables.recorded("mnist", tmp_path) == {}
    (tmp_path / "runs").mkdir()
    there = records["equal"]
    (tmp_path / "runs" / f"{there.name}.json").write_text(there.to_json())
    found = tables.recorded("mnist", tmp_path)
    assert list(found) == ["equal"]
    assert json.loads(found["equal"].to_json()) == json.loads(there.to_json())


def test_gain_by_hand(records):
    found = tables.gain(tables.accuracies(records["mgnet"]))
    assert found.each == pytest.approx([0.2, 0.1, 0.15])
    assert (found.mean, found.sd) == pytest.approx((0.15, 0.05))
    half = 4.302653 * 0.05 / np.sqrt(3)  # Student's t for two degrees of freedom
    assert (found.low, found.high) == pytest.approx((0.15 - half, 0.15 + half), abs=1e-6)
    assert found.beyond_spread
    assert not tables.gain(np.array([[0.5, 0.6], [0.6, 0.5]])).beyond_spread
    assert str(found) == (
        "From the first glimpse to the last: +20.0, +10.0, +15.0 points (n = 3 seeds). Mean 15.0, sd 5.0, 95 % interval "
        "2.6 to 27.4: more than the spread over seeds."
    )
    one = tables.gain(np.array([[0.5, 0.6]]))
    assert not one.beyond_spread  # one seed knows no spread
    assert str(one) == "From the first glimpse to the last: +10.0 points (n = 1 seed)."


def test_tables_and_points(records):
    (line,) = tables.compared(records)
    assert "29.00 points above one pass, equal compute" in line
    table = tables.accuracy_table(records)
    assert table.loc[("a few glimpses", 2)].tolist() == [
        "70.0\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.0",
        3,
        "1,000",
        "2.00",
    ]
    points = tables.cost_points(records)
    cost, accuracy = points["mgnet exit"]
    assert cost.tolist() == [[1e6, 1.75e6]] * 3
    assert accuracy.shape == (3, 2)
    assert points["equal"][1].shape == (3, 1)
    assert tables.compared({"mgnet": record("mgnet", [[0.5, 0.6]])}) == []


def look_at(locations):
    """An evaluation in which nothing but the locations ``(T, N, 3)`` counts."""
    shape = locations.shape[:2]
    labels = torch.zeros(shape[1], dtype=torch.int64)
    return GlimpseEvaluation(labels, torch.zeros(shape).long(), torch.ones(shape), torch.zeros(shape), locations, 0.0)


def test_windows_beside_those_of_others_and_random_ones():
    masks = torch.zeros(2, 5, 5, dtype=torch.bool)
    masks[0, 0, 0] = masks[1, 4, 4] = True
    corners = torch.tensor([[0.25, -0.75, -0.75], [0.25, 0.75, 0.75]])
    locations = torch.stack([torch.tensor([[1.0, 0, 0]] * 2), corners, corners])
    found = windows.habits_by_seed({seed: look_at(locations) for seed in range(8)}, masks, 0.25)
    assert list(found) == list(range(8))
    assert {h.chosen for h in found.values()} == {1}
    assert {h.dealt for h in found.values()} == {0, 0.5, 1}  # dealt, or its own, twice
    one = found[0]
    assert (one.pictures, one.largest, one.moved) == (2, 1, 0)
    assert one.spread == pytest.approx(np.std([-0.75, 0.75], ddof=1) / 2)
    anywhere = torch.tensor([[1.0, 0, 0]] * 2).expand(2, 2, 3)
    assert windows.habits(anywhere, masks, 1.0).random == 1  # the whole picture has but one place
    moving = windows.habits(torch.stack([corners, corners, corners.flip(0)]), masks, 0.5)
    assert (moving.largest, moving.moved) == (0, pytest.approx(np.hypot(1.5, 1.5) / 2))
    unknown = windows.habits(locations, None, 0.25)
    assert (unknown.pictures, unknown.largest, unknown.spread) == (one.pictures, one.largest, one.spread)
    assert all(map(math.isnan, (unknown.chosen, unknown.dealt, unknown.random)))
    table = windows.habits_table({3: one})
    assert table.loc["seed 3"].tolist() == pytest.approx([100, 100 * one.spread, 0])
    assert table.columns.name == "n = 2 pictures"
    assert windows.objects_table({3: one}, "dot").loc["seed 3", "its window (% of the dot)"] == 100


@pytest.mark.parametrize(
    ("chosen", "begin"),
    [
        ([0.9, 0.92, 0.91], "The windows follow the picture:"),
        ([0.62, 0.63, 0.62], "The windows follow the picture a little"),
        ([0.62, 0.58, 0.6], "The windows do not follow the picture"),
        ([0.3, 0.32, 0.31], "The windows do not follow the picture"),
        ([0.9], "Of one seed alone"),
    ],
)
def test_whether_windows_follow_the_picture(chosen, begin):
    found = {s: windows.Habits(10, 1, 0.05, 0.02, each, 0.6, 0.5) for s, each in enumerate(chosen)}
    said = windows.following(found, "hat")
    assert said.startswith(begin)
    assert f"holds {100 * np.mean(chosen):.1f} % of its hat" in said
    assert "one chosen for another picture 60.0 %, one at random 50.0 %" in said


def test_how_many_networks_have_one_view_for_all():
    still, moves = (windows.Habits(10, large, 0.05, moved, 1, 1, 1) for large, moved in ((1, 0.02), (0.5, 0.3)))
    said = windows.habit_verdict({0: still, 1: still, 2: moves})
    assert said.startswith("In 2 of 3 seeds nearly all windows are as large as they may be; in 2 they move by less")
    assert "(at most 30 %)" in said


def test_rows_that_an_object_is_brought_into(records):
    for run, scale in zip(records["mgnet"].runs, (0.4, 0.5, 0.6), strict=True):
        run.details["places"] = {"mean": [[1.0, 0, 0], [scale, 0, 0]]}
    table = windows.rows_table(records, image_size=16, object_size=8)
    assert table["rows of pixels for 8"].to_dict() == pytest.approx(
        {"glimpse 1": 2, "glimpse 2": 4, "one pass, equal compute": 4}
    )


@pytest.mark.parametrize(
    ("last", "begin"),
    [
        ([0.7, 0.7, 0.7], "Looking again helps on hats: "),
        ([0.5, 0.6, 0.55], "Looking again does not help as far as these seeds can tell on hats: "),
        ([0.3, 0.41, 0.35], "Looking again harms on hats: "),
        ([0.7], "One run on hats does not tell whether looking again helps: "),
    ],
)
def test_what_looking_again_is_worth(last, begin):
    firsts = [0.5, 0.6, 0.56][: len(last)]
    accuracy = np.array([[a, (a + b) / 2, b] for a, b in zip(firsts, last, strict=True)])
    said = tables.looking_again(accuracy, "on hats")
    assert said.startswith(begin)
    points = 100 * np.mean(accuracy[:, 2] - accuracy[:, 0])
    assert f"changes by {points:+.1f}" in said
    assert f"{points / 2:+.1f} of them with the second look" in said


@pytest.mark.parametrize(
    ("equal", "begin"),
    [
        ([[0.4], [0.42], [0.41]], "At equal cost several looks are better than one on hats: "),
        ([[0.9], [0.92], [0.91]], "At equal cost one look is better on hats: "),
        ([[0.6], [0.8], [0.71]], "At equal cost neither several looks nor one is better"),
    ],
)
def test_what_is_better_at_equal_cost(equal, begin):
    ours = record("mgnet", [[0.5, 0.7], [0.6, 0.71], [0.55, 0.69]])
    said = tables.at_equal_cost({"mgnet": ours, "equal": record("equal", equal)}, "on hats")
    assert said.startswith(begin)
    assert f"after the last glimpse 70.0 %, in one pass {100 * np.mean(equal):.1f} %" in said
    assert tables.at_equal_cost({"mgnet": ours}, "on hats") == ""


@pytest.mark.parametrize(
    ("early", "begin", "gained"),
    [
        (0.8, "Early exit pays: ", 10),
        (0.5, "Early exit does not pay: ", -20),
        (0.7, "Whether early exit pays cannot be told", 0),
    ],
)
def test_whether_early_exit_pays(early, begin, gained):
    spread = np.array([-0.01, 0.0, 0.01])
    level, fixed = np.array([[1.0, 2, 3]] * 3), np.array([[0.6, 0.7, 0.75]] * 3)
    spent = np.array([[1.0, 1.5, 2.5, 3]] * 3)
    # at the cost of two glimpses, halfway between the two middle thresholds
    right = np.stack([[0.6, early - 0.05 + d, early + 0.05 + d, 0.75] for d in spread])
    gains = tables.early_exit_gains({"mgnet": (level, fixed), "mgnet exit": (spent, right)})
    assert [each[0] for each in gains] == pytest.approx([60, 70, 75])
    assert gains[1][1] == pytest.approx(100 * early)
    assert gains[1][2].value == pytest.approx(gained)
    assert gains[0][2].value == gains[2][2].value == 0
    assert tables.early_exit_verdict(gains).startswith(begin)
    table = tables.early_exit_table(gains, 3)
    assert table.columns.name == "glimpses; n = 3"
    assert table.loc[2, "gain (points)"] == f"{gains[1][2]:+.1f}"


def test_costs_have_a_row_a_look():
    network = build("small_cnn", 1, 3, 28, GlimpseSettings(glimpses=2, downsampling=2), seed=0).eval()
    table = tables.costs_table({"few": network}, torch.rand(2, 1, 28, 28), repeats=1)
    assert list(table.index) == [("few", 1), ("few", 2)]
    expected = [count / 1e6 for count in multiply_adds_by_glimpse(network, 1, 28, 2)]
    assert table["million multiply-adds"].to_list() == expected
    assert (table["ms a picture"] > 0).all()


def test_the_paper_s_share_of_a_full_pass():
    assert "take 36.8 % of a full pass's multiply-adds; the paper's 36.9 % is confirmed." in published_share(0.368)
    assert published_share(0.4).endswith("is not confirmed.")


def test_share_inside_by_hand():
    masks = torch.zeros(2, 5, 5, dtype=torch.bool)
    masks[0, 2, :] = True  # a row across the middle
    masks[1, 0, 0] = masks[1, 4, 4] = True
    locations = torch.tensor([[[1.0, 0, 0], [1.0, 0, 0]], [[0.5, 0.0, 0.0], [0.25, 0.75, 0.75]]])
    # centres of pixels are at -1, -0.5, 0, 0.5, 1
    assert share_inside(locations, masks).tolist() == [[1.0, 1.0], [pytest.approx(0.6), 0.5]]
    with pytest.raises(ValueError, match="mask 1 is empty"):
        share_inside(locations, masks & torch.tensor([True, False])[:, None, None])
    with pytest.raises(ValueError, match=r"expected locations \(..., 2, 3\) for 2 masks, not \(3,\)"):
        share_inside(locations[0, 0], masks)
