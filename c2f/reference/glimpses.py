"""Reference runs of the Multi-Glimpse Network and its two baselines."""

from dataclasses import replace
from typing import Any

from c2f.experiments.glimpses.recipes import SETUPS, setup_name
from c2f.experiments.glimpses.run import glimpse_run
from c2f.experiments.glimpses.training import GlimpseHistory
from c2f.networks.glimpse.names import GLIMPSE_KINDS
from c2f.reference.piece import Piece, Settings, seed_piece
from c2f.runs.folder import run_name
from c2f.training.recipes import changed

SCENES = "scenes-fashion-mnist"
MINUTES = {"mgnet": 2, "equal": 2, "full": 5}
"""On one core that has nothing else to do, for the scenes."""
ON_A_GPU = (("canvas-mnist", False), ("canvas-fashion-mnist", False), ("folder:imagenet100", True))
"""The paper's data and garments like its digits, and whether they are streamed; ImageNet100 is a tree of class folders
in the folder at work.
"""


def pieces() -> list[Piece]:
    """Return four seeds of each network on scenes, then on the paper's data."""
    found = [
        glimpse_piece(kind, SCENES, seed, minutes, gpu=False) for kind, minutes in MINUTES.items() for seed in range(4)
    ]
    for data, streamed in ON_A_GPU:
        for seed in range(1 if streamed else 4):
            found += [glimpse_piece(kind, data, seed, None, gpu=True, streamed=streamed) for kind in GLIMPSE_KINDS]
    return found


def glimpse_piece(
    kind: str, data: str, seed: int, minutes: float | None, gpu: bool, streamed: bool = False, **changes: Any
) -> Piece:
    """Return the training of one network by the recipe of its data, or one with ``changes`` (``GlimpseRecipe``)."""
    usual = SETUPS[setup_name(data, streamed)]
    setup = replace(usual, recipe=changed(usual.recipe, **changes))
    network = f"{kind}_{setup.backbone}"
    name = run_name(network, data)
    piece = f"{name}--seed{seed}"

    def run(settings: Settings) -> None:
        def on_epoch(history: GlimpseHistory) -> None:
            if len(history):
                accuracy = ", ".join(f"{100 * value:.1f}" for value in history.val_by_glimpse[-1])
                settings.tell(f"{piece}: epoch {len(history)}, accuracy {accuracy} %, {history.seconds[-1]:.1f} s")

        glimpse_run(
            network,
            data,
            seed,
            settings.output,
            setup=setup,
            streamed=streamed,
            device=settings.device,
            deadline=settings.deadline,
            on_epoch=on_epoch,
        )

    return seed_piece(name, seed, minutes, gpu, run)
