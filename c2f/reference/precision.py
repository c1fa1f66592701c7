"""Reference runs that compare trainings in bfloat16 with those in float32, over seeds.

They lie apart, in folders ``precision/float32`` and ``precision/bfloat16`` of the output folder, and have the names of
the runs that they are compared with.
"""

from typing import Any

from c2f.reference.piece import Piece, Values, apart, valued
from c2f.reference.trainings import training_piece

FOLDER = "precision"
"""Of the output folder, and the beginning of each piece's name."""
COMPARED: dict[tuple[str, str], dict[str, Any]] = {
    ("lenetfc", "fashion-mnist"): {},
    ("lenetfc_td", "fashion-mnist"): {},
    ("nin_light", "fashion-mnist-sample"): {"epochs": 20},
}
"""(network, data) -> what the recipe is changed to. Of those by the full recipe the book has the float32 runs."""
SEEDS = 4
VALUES: Values = {"precision--.*": (8.6, "whether bfloat16 trains as well as float32, so that `auto` may choose it")}


def pieces() -> list[Piece]:
    """Return the trainings, seed by seed."""
    found = []
    for seed in range(SEEDS):
        for (network, data), changes in COMPARED.items():
            for precision in ("float32", "bfloat16") if changes else ("bfloat16",):
                piece = training_piece(network, data, seed, {"precision": precision}, **changes)
                found.append(apart(piece, f"{FOLDER}/{precision}"))
    return valued(found, VALUES)
