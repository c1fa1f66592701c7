"""Reference runs that the papers' recipes make too long for a CPU, shortened until one can do them.

They lie apart, in the folder ``short`` of the output folder, and have the names of the runs that they stand in for. A
text that shows one says that it is short, and a full run takes its place as soon as there is one.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from c2f.reference.glimpses import glimpse_piece
from c2f.reference.highres import densenet_piece, maps_piece
from c2f.reference.localization import localization_piece
from c2f.reference.piece import Piece
from c2f.reference.trainings import training_piece
from c2f.runs.folder import SHIPPED, record_path

FOLDER = "short"
"""Of the output folder, and the beginning of each piece's name."""

_NETWORKS = (
    # data, kind of map, what the recipe is changed to, (network, seeds, minutes a seed)
    ("fashion-mnist", "paper", {"epochs": 1, "batch_size": 64}, (("nin_light", 1, 4), ("nin_light_td", 1, 11))),
    ("tiny-imagenette", "raw", {"epochs": 3, "batch_size": 32}, (("resnet18", 1, 7), ("resnet18_td", 1, 30))),
)
_DENSENETS = {
    "densenet_half": ({"config": "slim", "epochs": 8}, 20),
    "densenet_full": ({"config": "slim", "epochs": 4}, 12),
}
"""Model -> what its recipe is changed to on tiny-animals, minutes."""
_ON_A_CANVAS: dict[str, Any] = {"epochs": 4, "batch_size": 64, "optimiser": "adam", "lr": 2e-3, "weight_decay": 0.0}
"""What the paper's recipe for digits on a canvas is changed to: that for scenes, with larger batches."""
_GLIMPSES = {"mgnet": (4, 10), "equal": (4, 8), "full": (1, 35)}
"""Kind of network -> seeds, minutes a seed, on garments on a canvas."""


def pieces() -> list[Piece]:
    """Return each network's training and what its maps show, and glimpses of garments on a canvas."""
    found = []
    for data, kind, changes, networks in _NETWORKS:
        for network, seeds, minutes in networks:
            for seed in range(seeds):
                found.append(training_piece(network, data, seed, minutes, gpu=False, **changes))
                found.append(localization_piece(network, data, seed, kind, gpu=False, faithful=0))
    data = "tiny-animals"
    for model, (smaller, minutes) in _DENSENETS.items():
        found.append(densenet_piece(model, data, 0, minutes, gpu=False, **smaller))
    found.append(maps_piece(data, 0, None, gpu=False))
    for kind, (seeds, minutes) in _GLIMPSES.items():
        for seed in range(seeds):
            found.append(glimpse_piece(kind, "canvas-fashion-mnist", seed, minutes, gpu=False, **_ON_A_CANVAS))
    return [_apart(piece) for piece in found]


def where(name: str, output: Path = SHIPPED) -> Path | None:
    """Return the folder with the record ``name``: ``output``, else that of its short runs; None if neither has it."""
    folders = (output, output / FOLDER)
    return next((folder for folder in folders if record_path(folder, name).exists()), None)


def _apart(piece: Piece) -> Piece:
    """Return the piece with its results in the folder of the short runs."""
    return replace(
        piece,
        runs_of=f"{FOLDER}--{piece.runs_of}",
        done=lambda output: piece.done(output / FOLDER),
        run=lambda settings: piece.run(replace(settings, output=settings.output / FOLDER)),
    )
