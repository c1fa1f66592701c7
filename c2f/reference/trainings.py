"""Reference runs that train the networks of the Top-Down paper."""

from typing import Any

from c2f import networks
from c2f.experiments.classification.run import train_run
from c2f.reference.piece import Piece, Settings, seed_piece
from c2f.runs.folder import run_name
from c2f.training.recipes import recipe, recipe_name

ON_A_CPU = {("lenetfc", "mnist"): 9, ("lenetfc", "fashion-mnist"): 7}
ON_A_CPU |= {("lenetfc_td", "mnist"): 17, ("lenetfc_td", "fashion-mnist"): 22}
PAPER_NETWORKS = {
    "mnist": ("lenetfc", "nin_light"),
    "fashion-mnist": ("lenetfc", "nin_light"),
    "cifar10-jpeg": ("resnet32", "nin"),
}
"""Families that the paper trains on each data set."""


def pieces() -> list[Piece]:
    """Return four seeds of each network, first what a CPU can do."""
    found = []
    for seed in range(4):
        for (network, data), minutes in ON_A_CPU.items():
            found.append(training_piece(network, data, seed, minutes, gpu=False))
    for seed in range(4):
        for network, data in paper_networks():
            if (network, data) not in ON_A_CPU:
                found.append(training_piece(network, data, seed, None, gpu=True))
    return found


def paper_networks() -> list[tuple[str, str]]:
    """Return the paper's (network, data), in all variants."""
    return [
        (network, data)
        for data, families in PAPER_NETWORKS.items()
        for network in networks.names("classifier")
        if networks.family_name(network) in families
    ]


def training_piece(network: str, data: str, seed: int, minutes: float | None, gpu: bool, **changes: Any) -> Piece:
    """Return the training of one network by the recipe of its paper, with ``changes`` as for
    ``c2f.training.recipes.recipe``.
    """
    name = run_name(network, data)
    piece = f"{name}--seed{seed}"

    def run(settings: Settings) -> None:
        train_run(
            network,
            data,
            recipe(network, data, profile="paper", name=recipe_name(data), **changes),
            seed,
            settings.output,
            device=settings.device,
            deadline=settings.deadline,
            on_epoch=settings.epochs_of(piece),
        )

    return seed_piece(name, seed, minutes, gpu, run)
