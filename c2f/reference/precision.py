"""Reference runs that compare trainings in bfloat16 with those in float32, over seeds.

They lie apart, in folders ``precision/float32`` and ``precision/bfloat16`` of the output folder, and have the names of
the runs that they are compared with.
"""

from typing import Any

from c2f.experiments.classification.run import train_run
from c2f.reference.piece import Piece, Settings
from c2f.runs.folder import holds, run_name
from c2f.training.recipes import recipe

FOLDER = "precision"
"""Of the output folder, and the beginning of each piece's name."""
COMPARED: dict[tuple[str, str], dict[str, Any]] = {
    ("lenetfc", "fashion-mnist"): {},
    ("lenetfc_td", "fashion-mnist"): {},
    ("nin_light", "fashion-mnist-sample"): {"epochs": 20},
}
"""(network, data) -> what the recipe is changed to. Of those by the full recipe the book has the float32 runs."""
SEEDS = 4


def pieces() -> list[Piece]:
    """Return the trainings, seed by seed."""
    found = []
    for seed in range(SEEDS):
        for (network, data), changes in COMPARED.items():
            for precision in ("float32", "bfloat16") if changes else ("bfloat16",):
                found.append(_piece(network, data, seed, precision, changes))
    return found


def _piece(network: str, data: str, seed: int, precision: str, changes: dict[str, Any]) -> Piece:
    name, folder = run_name(network, data), f"{FOLDER}/{precision}"
    piece = f"{FOLDER}--{precision}--{name}--seed{seed}"

    def run(settings: Settings) -> None:
        train_run(
            network,
            data,
            recipe(network, data, **changes),
            seed,
            settings.output / folder,
            device=settings.device,
            precision=precision,
            deadline=settings.deadline,
            on_epoch=settings.epochs_of(piece),
        )

    return Piece(
        f"{FOLDER}--{precision}--{name}", seed, None, False, lambda output: holds(output / folder, name, seed), run
    )
