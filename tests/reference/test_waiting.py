"""What is missing is said with its cost and the command that makes it."""

from dataclasses import replace

import pytest

from c2f import reference
from c2f.reference.piece import Piece
from c2f.reference.waiting import waiting, waiting_list
from c2f.runs.environment import environment
from c2f.runs.record import Run, add_run


def record(output, name):
    add_run(output / "runs", name, "toy", {}, Run(0, {"value": 1}, {}, environment("cpu", 1)))


@pytest.fixture
def toys(monkeypatch):
    """A training of 100 core-minutes, and an attack of 23.4 that needs it."""
    training = Piece("net", 0, ("net",), lambda settings: None, lambda known: 100.0)
    attack = replace(training, runs_of="attack", records=("attack",), cost=lambda known: 23.4, needs=("net--seed0",))
    found = [training, attack]
    monkeypatch.setattr(reference, "pieces", lambda: found)
    return found


def test_what_is_missing_comes_with_what_it_needs_and_costs(toys, tmp_path):
    assert waiting("attack", output=tmp_path) == (
        "not recorded yet (about 120 core-minutes: `c2f reference --only net--seed0 attack`)"
    )
    record(tmp_path, "net")
    assert (
        waiting("attack", output=tmp_path) == "not recorded yet (about 23 core-minutes: `c2f reference --only attack`)"
    )
    record(tmp_path, "attack")
    assert waiting("attack", "net", output=tmp_path) == ""


def test_what_is_recorded_already_is_not_asked_for_again(toys, tmp_path):
    record(tmp_path, "net")
    assert waiting("net", "attack", output=tmp_path) == (
        "not recorded yet (1 of 2 pieces, about 23 core-minutes: `c2f reference --only attack--seed0`)"
    )


def test_of_many_pieces_the_first_is_named(toys, tmp_path):
    toys.extend(replace(toys[0], seed=seed) for seed in range(1, 6))
    names = [f"net--seed{seed}" for seed in range(6)]
    assert waiting(*names, output=tmp_path) == (
        "not recorded yet (about 600 core-minutes in 6 pieces, beginning with `c2f reference --only net--seed0`)"
    )
    record(tmp_path, "net")
    assert waiting(*names, output=tmp_path) == (
        "not recorded yet (5 of 6 pieces, about 500 core-minutes in 5 pieces, beginning with "
        "`c2f reference --only net--seed1`)"
    )


def test_an_unknown_cost_is_not_guessed_and_a_misspelt_piece_is_refused(toys, tmp_path):
    toys[0] = replace(toys[0], cost=lambda known: None)
    assert "at a cost that is not known" in waiting("net", output=tmp_path)
    with pytest.raises(ValueError, match="did you mean"):
        waiting("nett", output=tmp_path)


def test_a_list_leaves_out_what_is_there(toys, tmp_path):
    wanted = {"The training": ["net"], "The attack": ["attack"]}
    record(tmp_path, "net")
    assert waiting_list(wanted, output=tmp_path).startswith("- The attack: not recorded yet (about 23 core-minutes")
    record(tmp_path, "attack")
    assert waiting_list(wanted, output=tmp_path) == "All that belongs here is recorded."
