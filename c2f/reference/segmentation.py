"""Reference runs of the segmentation experiment: small ones on the sample, and the paper's table."""

from functools import partial

from c2f.experiments.segmentation import MESH_PROFILES, segmentation_run
from c2f.networks.segmentation import SEGMENTATION_NETWORKS
from c2f.reference import costs
from c2f.reference.piece import Piece, Settings
from c2f.runs.folder import run_name

PROFILES = {"quick": "fashion-mnist-sample", "paper": "fashion-mnist"}
"""Profile -> data."""


def pieces() -> list[Piece]:
    """Return four seeds of each of the three networks by each profile."""
    return [
        segmentation_piece(network, data, profile, seed)
        for profile, data in PROFILES.items()
        for seed in range(4)
        for network in SEGMENTATION_NETWORKS
    ]


def segmentation_piece(network: str, data: str, profile: str, seed: int) -> Piece:
    """Return the training of one segmentation network by a profile of
    ``c2f.experiments.segmentation.MESH_PROFILES``.
    """
    name = run_name(f"segmentation_{network}", data)
    piece = f"{name}--seed{seed}"
    recipe, width = MESH_PROFILES[profile]

    def run(settings: Settings) -> None:
        segmentation_run(
            network,
            data,
            seed,
            settings.output,
            recipe=recipe,
            width=width,
            device=settings.device,
            deadline=settings.deadline,
            on_epoch=settings.epochs_of(piece, recipe.epochs),
        )

    cost = partial(costs.segmentation, network, data, recipe, width)
    return Piece(name, seed, (name,), run, cost)
