"""Several seeds at once are the runs they are one by one."""

import time
from functools import partial

import pytest
import torch

from c2f.training.checkpoints import History
from c2f.training.seeds import at_once, train_seeds


def tell(seed, on_epoch, failing=None):
    """Stands in for a training: two epochs, and what it ran by."""
    torch.manual_seed(seed)
    history = History()
    for _ in range(2):
        time.sleep(0.05)
        history.append(**dict.fromkeys(vars(History()), float(seed)))
        on_epoch(history)
    if seed == failing:
        raise FloatingPointError(f"the training loss of seed {seed} is nan")
    return seed, torch.get_num_threads(), torch.rand(1).item()


@pytest.mark.parametrize("processes", [1, 2])
def test_each_seed_is_told_of_and_returned_in_its_order(processes):
    seen = []
    results = train_seeds(tell, [3, 0, 5], processes, lambda seed, history: seen.append((seed, len(history))))
    runs = {seed: result() for seed, result in results}
    assert list(runs) == [3, 0, 5]
    assert sorted(seen) == [(0, 1), (0, 2), (3, 1), (3, 2), (5, 1), (5, 2)]
    expected = {}
    for seed in runs:
        torch.manual_seed(seed)
        expected[seed] = torch.rand(1).item()
    assert {seed: value for seed, _, value in runs.values()} == expected
    assert {threads for _, threads, _ in runs.values()} == {1}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_seed_that_fails_says_so_after_those_before_it_and_stops_no_other(processes):
    runs = train_seeds(partial(tell, failing=1), [0, 1, 2], processes, lambda seed, history: None)
    assert next(runs)[1]()[0] == 0
    with pytest.raises(FloatingPointError, match="the training loss of seed 1 is nan"):
        next(runs)[1]()
    assert next(runs)[1]()[0] == 2


def test_how_many_at_once():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert [at_once(range(n), "cpu") for n in (0, 1, 2, 5)] == [1, 1, 2, 2]
        assert at_once(range(5), "cuda:0") == 1
    finally:
        torch.set_num_threads(threads)
