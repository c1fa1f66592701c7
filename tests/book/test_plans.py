"""Plans: a network's operations and weights, as the page's engine reads them."""

import base64
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from c2f.book.chapters import ROOT
from c2f.book.plans import OPERATIONS, PlanError, packed, plan


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        self.dense = nn.Linear(2, 3)

    def forward(self, x):
        return self.dense(torch.relu(self.convolution(x)).mean(dim=(2, 3))), x


def test_a_plan_has_the_operations_in_order_with_batch_norms_folded():
    made, weights = plan(Small().eval(), torch.rand(1, 1, 5, 5))
    assert [step["op"] for step in made["steps"]] == ["conv2d", "relu", "mean", "linear"]
    assert made["outputs"] == [made["steps"][-1]["out"], made["inputs"][0]]
    assert made["steps"][1]["args"] == [{"of": made["steps"][0]["out"]}]
    assert {tuple(w.shape) for w in weights.values()} == {(2, 1, 3, 3), (2,), (3, 2), (3,)}


def test_weights_are_read_back_by_their_places():
    weights = {"a": torch.rand(2, 3), "b": torch.rand(4)}
    about = packed(weights)
    numbers = np.frombuffer(base64.b64decode(about["numbers"]), "<f4")
    for name, weight in weights.items():
        start, shape = about["places"][name]
        np.testing.assert_array_equal(numbers[start : start + weight.numel()].reshape(shape), weight)


@settings(max_examples=50)
@given(hnp.arrays(np.float32, (2, 3), elements=st.floats(-8, 8, width=32)))
def test_short_weights_are_off_by_half_a_step_at_the_most(numbers):
    about = packed({"a": torch.tensor(numbers), "none": torch.zeros(2)}, short=True)
    whole = np.frombuffer(base64.b64decode(about["numbers"]), "<i2")
    step = about["steps"]["a"]
    assert np.abs(whole[:6].reshape(2, 3) * step - numbers).max() <= step * 0.501
    assert (whole[6:] == 0).all()
    assert np.abs(whole).max() in (0, 32767)


def test_an_operation_that_the_page_does_not_know_is_named():
    with pytest.raises(PlanError, match="cumsum is no operation"):
        plan(nn.Sequential(_Sums()), torch.rand(1, 4))


class _Sums(nn.Module):
    def forward(self, x):
        return x.cumsum(dim=1)


def test_the_engine_knows_what_plans_may_hold():
    script = (ROOT / "book" / "live" / "engine.js").read_text(encoding="utf-8")
    table = script[script.index("const OPERATIONS") : script.index("\n};")]
    assert set(re.findall(r"^  (\w+)(?=[:(])", table, re.MULTILINE)) == set(OPERATIONS)
