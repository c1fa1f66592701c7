import json

import numpy as np
import pytest
import torch

from c2f.experiments.glimpses import tables
from c2f.experiments.glimpses.cost import multiply_adds_by_glimpse
from c2f.networks.glimpse import GlimpseSettings, build, share_inside
from c2f.runs.record import Record, Run


def record(kind, accuracy):
    glimpses = len(accuracy[0])
    exits = {"confidence": [0.0, 1.0], "accuracy": [0.4, 0.6], "shares": [[1.0, 0.0], [0.25, 0.75]]}
    environment = dict.fromkeys(("commit", "device", "finished", "peak_memory_bytes", "seconds", "threads", "versions"))
    runs = [
        Run(seed, {f"test_accuracy {t + 1}": v for t, v in enumerate(row)}, {"exits": exits}, environment)
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
    assert table.loc[("a few glimpses", 2)].tolist() == ["70.0\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.0", 3, "2.00"]
    points = tables.cost_points(records)
    cost, accuracy = points["mgnet exit"]
    assert cost.tolist() == [[1e6, 1.75e6]] * 3
    assert accuracy.shape == (3, 2)
    assert points["equal"][1].shape == (3, 1)
    assert tables.compared({"mgnet": record("mgnet", [[0.5, 0.6]])}) == []


def test_windows_beside_those_of_others_and_random_ones():
    masks = torch.zeros(2, 5, 5, dtype=torch.bool)
    masks[0, 0, 0] = masks[1, 4, 4] = True
    corners = torch.tensor([[0.25, -0.75, -0.75], [0.25, 0.75, 0.75]])
    locations = torch.stack([torch.tensor([[1.0, 0, 0]] * 2), corners, torch.tensor([[1.0, 0, 0]] * 2)])
    found = [tables.windows_table(locations, masks, torch.Generator().manual_seed(seed)) for seed in range(8)]
    assert list(found[0].index) == ["glimpse 2", "glimpse 3"]
    assert {table.loc["glimpse 2", "chosen"] for table in found} == {"100.0%"}
    assert {table.loc["glimpse 2", "of another picture"] for table in found} == {"0.0%", "100.0%"}  # dealt, or its own
    assert all(table.loc["glimpse 3"].eq("100.0%").all() for table in found)  # the whole picture has but one place


def test_rows_that_an_object_is_brought_into(records):
    locations = torch.tensor([[[1.0, 0, 0]], [[0.5, 0, 0]]])
    table = tables.rows_table(records, locations, image_size=16, object_size=8)
    assert table["rows of pixels"].to_dict() == {"glimpse 1": 2, "glimpse 2": 4, "one pass, equal compute": 4}


def test_costs_have_a_row_a_look():
    network = build("small_cnn", 1, 3, 28, GlimpseSettings(glimpses=2, downsampling=2), seed=0).eval()
    table = tables.costs_table({"few": network}, torch.rand(2, 1, 28, 28), repeats=1)
    assert list(table.index) == [("few", 1), ("few", 2)]
    expected = [count / 1e6 for count in multiply_adds_by_glimpse(network, 1, 28, 2)]
    assert table["million multiply-adds"].to_list() == expected
    assert (table["ms a picture"] > 0).all()


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
