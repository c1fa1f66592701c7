"""What is asked several steps ahead finds what is found step by step."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from c2f.attacks.pixels import STEPS, nearest_salt_and_pepper
from c2f.attacks.pointwise import pointwise, up_to_the_first
from c2f.attacks.search import Search
from c2f.common.streams import Streams

SHAPE = (2, 5, 4)


def noisy(seed, n=3, window=1):
    """A search that n pictures lose whose values weigh enough, by weights and thresholds of their own."""
    generator = torch.Generator().manual_seed(seed)
    pictures, weights = (torch.rand(n, *SHAPE, generator=generator) for _ in range(2))
    thresholds = torch.rand(n, generator=generator) * 4
    asked = []

    def fools(made, rows):
        asked.append(len(made))
        weighed = (weights[rows] * (made - pictures[rows])).abs().flatten(1)
        return weighed.sum(dim=1) + weighed.sin().prod(dim=1) > thresholds[rows]  # rises by fits and starts

    return Search(pictures, (0.0, 1.0), Streams(seed, "toy", range(n)), fools, window), asked


@settings(max_examples=8)
@given(st.integers(0, 999), st.sampled_from([2, 7, 60]))
def test_salt_and_pepper_several_steps_ahead_is_that_step_by_step(seed, window):
    alone, one_by_one = noisy(seed)
    ahead, many = noisy(seed, window=window)
    assert torch.equal(nearest_salt_and_pepper(ahead), nearest_salt_and_pepper(alone))
    assert len(many) < len(one_by_one)
    follows = (search.streams.uniform(torch.arange(3), 1, (4,)) for search in (alone, ahead))
    assert torch.equal(*follows)  # no number was drawn too many


def reduced_by(most, fools, x, start, keys):
    """What ``pointwise`` returns if at most ``most`` of what it yields are answered, and how often it was asked."""
    trial, answer, rounds = pointwise(x, start, keys), None, 0
    try:
        while True:
            asked = trial.send(answer)[:most]
            answer, rounds = up_to_the_first(torch.tensor([fools(some) for some in asked])), rounds + 1
    except StopIteration as end:
        return end.value, rounds


def by_hand(fools, x, start, keys):
    """Pointwise as described: one value after the other, one question after the other."""
    made, original = start.copy(), x.reshape(-1)
    flat = made.reshape(-1)
    for halvings in (0, 10):
        improved = True
        while improved:
            improved = False
            places = np.flatnonzero(flat != original)
            for place in places[keys[places].argsort()]:
                good, bad = flat[place], original[place]
                old, flat[place] = good, bad
                if fools(made):
                    improved = True
                    continue
                for _ in range(halvings):
                    flat[place] = (good + bad) / 2
                    good, bad = (flat[place], bad) if fools(made) else (good, flat[place])
                flat[place] = good
                improved |= bool(good != old)
    return made


@settings(max_examples=30)
@given(st.integers(0, 999), st.sampled_from([1, 3, 64]))
def test_pointwise_asked_ahead_is_pointwise_by_hand(seed, most):
    random = np.random.default_rng(seed)
    x, start, weights = random.random((3, *SHAPE), dtype=np.float32)
    enough, keys = random.uniform(0.2, 0.95) * (weights * np.abs(start - x)).sum(), random.random(x.size)

    def fools(made):
        return bool((weights * np.abs(made - x)).sum() > enough)

    found, rounds = reduced_by(most, fools, x, start, keys)
    np.testing.assert_array_equal(found, by_hand(fools, x, start, keys))
    assert rounds < reduced_by(1, fools, x, start, keys)[1] or most == 1


@pytest.mark.parametrize(("fools", "expected"), [([0, 0, 0], (3, False)), ([0, 1, 1], (2, True)), ([1], (1, True))])
def test_answers_count_up_to_the_first_that_fools(fools, expected):
    assert up_to_the_first(torch.tensor(fools, dtype=torch.bool)) == expected


def test_where_nothing_fools_every_step_is_asked_about_once():
    search, asked = noisy(0, window=60)

    def never(made, rows):
        asked.append(len(made))
        return torch.zeros(len(made), dtype=torch.bool)

    search = replace(search, fools=never)
    assert torch.equal(nearest_salt_and_pepper(search), search.pictures)
    assert 0.9 * 3 * STEPS < sum(asked) <= 3 * STEPS  # not where the noise changes nothing
