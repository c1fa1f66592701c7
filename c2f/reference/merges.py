"""Reference runs that compare the ways in which a top-down network merges what two scales saw, over seeds.

They lie apart, in folders ``merges/MERGE`` of the output folder, and have the names of the runs of the paper's own
merge (``sum_concat``), which are among the other trainings.
"""

from pathlib import Path

from c2f.reference.piece import Piece, Values, apart, valued
from c2f.reference.trainings import training_piece
from c2f.runs.folder import SHIPPED, record_path, run_name
from c2f.runs.record import Record, read

FOLDER = "merges"
"""Of the output folder, and the beginning of each piece's name."""
MERGES = ("sum", "concat")
NETWORK, DATA = "lenetfc_td", "fashion-mnist"
VALUES: Values = {"merges--.*": (4, "chapter 2: the paper's three merges, how much each of them gives")}


def pieces() -> list[Piece]:
    """Return the trainings, seed by seed."""
    found = []
    for seed in range(4):
        for merge in MERGES:
            piece = training_piece(NETWORK, DATA, seed, {"merge": merge})
            found.append(apart(piece, f"{FOLDER}/{merge}"))
    return valued(found, VALUES)


def recorded(output: Path = SHIPPED) -> dict[str, Record]:
    """Return the recorded trainings by merge, those of the paper's own last; what is not recorded is left out.

    Raises:
        c2f.runs.record.RecordError: a damaged record.
    """
    folders = {**{merge: output / FOLDER / merge for merge in MERGES}, "sum_concat": output}
    paths = {merge: record_path(folder, run_name(NETWORK, DATA)) for merge, folder in folders.items()}
    return {merge: read(path) for merge, path in paths.items() if path.exists()}
