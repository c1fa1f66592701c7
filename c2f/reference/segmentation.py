"""Reference runs of the segmentation experiment: what a CPU can do on the sample, and the paper's table."""

from c2f.experiments.segmentation import MESH_PROFILES, segmentation_run
from c2f.networks.segmentation import SEGMENTATION_NETWORKS
from c2f.reference.piece import Piece, Settings, seed_piece
from c2f.runs.folder import run_name

ON_A_CPU = {"fcn": 3, "unet": 5, "td": 5}
"""Network -> minutes a seed, with the profile ``quick`` on the sample."""


def pieces() -> list[Piece]:
    """Return four seeds of each of the three networks, first what a CPU can do."""
    quick = [
        segmentation_piece(network, "fashion-mnist-sample", "quick", seed, ON_A_CPU[network], gpu=False)
        for seed in range(4)
        for network in SEGMENTATION_NETWORKS
    ]
    paper = [
        segmentation_piece(network, "fashion-mnist", "paper", seed, None, gpu=True)
        for seed in range(4)
        for network in SEGMENTATION_NETWORKS
    ]
    return [*quick, *paper]


def segmentation_piece(network: str, data: str, profile: str, seed: int, minutes: float | None, gpu: bool) -> Piece:
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
            on_epoch=settings.epochs_of(piece),
        )

    return seed_piece(name, seed, minutes, gpu, run)
