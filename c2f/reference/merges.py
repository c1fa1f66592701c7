"""Reference runs that compare the ways in which a top-down network merges what two scales saw, over seeds.

They lie apart, in folders ``merges/MERGE`` of the output folder, and have the names of the runs of the paper's own
merge (``sum_concat``), which are among the other trainings.
"""

from c2f.reference.piece import Piece, Values, apart, valued
from c2f.reference.trainings import training_piece

FOLDER = "merges"
"""Of the output folder, and the beginning of each piece's name."""
MERGES = ("sum", "concat")
VALUES: Values = {"merges--.*": (4, "chapter 1: the paper's three merges, how much each of them gives")}


def pieces() -> list[Piece]:
    """Return the trainings, seed by seed."""
    found = []
    for seed in range(4):
        for merge in MERGES:
            piece = training_piece("lenetfc_td", "fashion-mnist", seed, {"merge": merge})
            found.append(apart(piece, f"{FOLDER}/{merge}"))
    return valued(found, VALUES)
