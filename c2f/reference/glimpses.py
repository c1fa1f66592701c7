"""Reference runs of the Multi-Glimpse Network and its two baselines."""

from dataclasses import replace
from functools import partial
from typing import Any

from c2f.experiments.glimpses.recipes import SETUPS, setup_name
from c2f.experiments.glimpses.run import glimpse_run
from c2f.experiments.glimpses.training import GlimpseHistory
from c2f.networks.glimpse.names import GLIMPSE_KINDS
from c2f.reference import costs
from c2f.reference.piece import Piece, Settings, Values, valued
from c2f.runs.folder import run_name
from c2f.training.recipes import changed

SCENES = "scenes-fashion-mnist"
PAPER_DATA = (("canvas-mnist", False), ("canvas-fashion-mnist", False), ("folder:imagenet100", True))
"""The paper's data and garments like its digits, and whether they are streamed; ImageNet100 is a tree of class folders
in the folder at work.
"""
VALUES: Values = {
    r"(mgnet|equal)_small_cnn--canvas-mnist--seed[01]": (8, "chapter 10: the paper's digits on a canvas, in full"),
}


def pieces() -> list[Piece]:
    """Return four seeds of each network on scenes, then on the paper's data."""
    found = [glimpse_piece(kind, SCENES, seed) for kind in GLIMPSE_KINDS for seed in range(4)]
    for data, streamed in PAPER_DATA:
        for seed in range(1 if streamed else 4):
            found += [glimpse_piece(kind, data, seed, streamed=streamed) for kind in GLIMPSE_KINDS]
    return valued(found, VALUES)


def glimpse_piece(kind: str, data: str, seed: int, streamed: bool = False, **changes: Any) -> Piece:
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
                settings.tell_epoch(piece, setup.recipe.epochs, history.seconds, f"accuracy {accuracy} %")

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

    return Piece(name, seed, (name,), run, partial(costs.glimpses, network, data, setup.recipe))
