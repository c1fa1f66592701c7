"""Captions say what is drawn: the numbers by hand, and not over sixty words."""

import numpy as np
import pytest

from c2f.experiments.glimpses import captions
from c2f.experiments.glimpses.pgd_tables import Lines
from c2f.networks.glimpse.names import GLIMPSE_KINDS

LINES = Lines([1 / 255, 8 / 255], [[0.6, 0.8], [0.6, 0.9]], [[[0.5, 0.6], [0.1, 0.2]], [[0.5, 0.7], [0.1, 0.2]]])
STAYS = np.broadcast_to([[[1.0, 0, 0]], [[0.5, 0.5, 0.5]], [[0.5, 0.5, 0.5]]], (3, 10, 3))
MOVES = STAYS.copy()
MOVES[1:, :5, 1:] = -0.5  # half of the windows at the upper left
ACCURACIES = {"mgnet": np.array([[0.5, 0.7], [0.6, 0.7]]), "full": np.array([[0.9], [0.8]]), "equal": np.array([[0.7]])}
COSTS = {kind: (np.broadcast_to([1.0, 2.0][: a.shape[1]], a.shape), a) for kind, a in ACCURACIES.items()}


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        (
            captions.training([[0.1, 0.2, 0.2], [0.41, 0.45, 0.44]], 1000),
            ["After 2 epochs", "1 to 3 are right for 41.0, 45.0 and 44.0 % of 1,000 pictures", "worth +3.0 points"],
        ),
        (
            captions.accuracy(ACCURACIES),
            ["From 55.0 % after the first glimpse to 70.0 % after the last", "one pass, full size 85.0 %", "(n = 2)"],
        ),
        (captions.accuracy({"mgnet": ACCURACIES["mgnet"]}), ["70.0 % after the last. Thin lines"]),
        (
            captions.looks([1, 0, 2], [[1, 1, 1], [1, 0, 1]], "hats"),
            ["Of these 3 hats, 1 are named rightly after the first glimpse, 2 after the last"],
        ),
        (
            captions.coverage_maps(STAYS),
            ["25 % of the picture is in at least nine of ten windows, 75 % in at most one", "share of 10 pictures"],
        ),
        (captions.coverage_maps(MOVES), ["0 % of the picture is in at least nine of ten windows, 50 % in at most one"]),
        (captions.centres(STAYS), ["x = +0.50, y = +0.50", "vary by 0.00 and 0.00", "10 pictures"]),
        (
            captions.cost(COSTS | {"mgnet exit": COSTS["mgnet"]}, GLIMPSE_KINDS),
            ["A few glimpses 70.0 % at 2.0 million; one pass, full size 85.0 % at 1.0 million; one pass, equal"],
        ),
        (
            captions.strengths(LINES, 60),
            ["keeps of 85 % when values change by so many grey levels: 1: 65 %; 8: 20 %", "60 pictures, 2 seeds"],
        ),
        (
            captions.attacks(dict.fromkeys(GLIMPSE_KINDS.values(), LINES), 1000),
            [
                "65, 65 and 65 % are left at 1 of 255 grey levels, 20, 20 and 20 % at 8 (a few glimpses; one pass, full",
                "(2 seeds); 1,000 pictures",
            ],
        ),
    ],
)
def test_a_caption_holds_its_numbers_and_is_short(said, holds):
    for part in holds:
        assert part in said
    assert len(said.split()) <= 60
