import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from c2f.common.streams import Streams

DRAWS = ("uniform", "normal")


@pytest.mark.parametrize("draw", DRAWS)
@settings(max_examples=25)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 2**40))
def test_a_stream_goes_on_where_it_stopped(draw, parts, picture):
    one, many = Streams(0, "contrast", [picture]), Streams(0, "contrast", [picture])
    row, shape = torch.tensor([0]), (1, 3, 5)
    whole = getattr(one, draw)(row, sum(parts), shape)
    assert torch.equal(whole, torch.cat([getattr(many, draw)(row, part, shape) for part in parts], dim=1))
    assert whole.shape == (1, sum(parts), *shape)
    assert whole.dtype == torch.float32


@pytest.mark.parametrize("draw", DRAWS)
def test_a_picture_draws_the_same_in_any_company(draw):
    alone = getattr(Streams(3, "spatial", [7]), draw)(torch.tensor([0]), 2, (4,))
    company = Streams(3, "spatial", [1, 9, 7])
    getattr(company, draw)(torch.tensor([0, 1]), 5, (4,))
    assert torch.equal(alone[0], getattr(company, draw)(torch.tensor([2, 0]), 2, (4,))[0])


def test_seed_attack_and_picture_each_change_the_numbers():
    keys = [(0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1)]
    drawn = [Streams(seed, attack, [i]).uniform(torch.tensor([0]), 1, (8,)) for seed, attack, i in keys]
    assert len({tuple(d.flatten().tolist()) for d in drawn}) == len(keys)


def test_the_ranges():
    streams = Streams(0, "a", [0])
    uniform, normal = (getattr(streams, draw)(torch.tensor([0]), 50, (200,)) for draw in DRAWS)
    assert 0 <= uniform.min() < 0.01
    assert 0.99 < uniform.max() < 1
    assert uniform.mean() == pytest.approx(0.5, abs=0.02)
    assert normal.std() == pytest.approx(1, abs=0.03)
