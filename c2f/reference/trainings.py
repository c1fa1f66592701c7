"""Reference runs that train the networks of the Top-Down paper."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from c2f import networks
from c2f.experiments.classification.run import train_run
from c2f.reference import costs
from c2f.reference.piece import Piece, Settings, Values, valued
from c2f.runs.folder import run_name
from c2f.training.recipes import recipe, recipe_name

PAPER_NETWORKS = {
    "mnist": ("lenetfc", "nin_light"),
    "fashion-mnist": ("lenetfc", "nin_light"),
    "cifar10-jpeg": ("resnet32", "nin"),
    "cifar10-jpeg-aug": ("resnet32", "nin"),
}
"""Families that the paper trains on each data set."""
_VARIANTS = "chapter 2: is it the order of the scales or their number? Uniform and reversed beside top-down"
VALUES: Values = {
    r"lenetfc(_td)?--(mnist|fashion-mnist)--seed\d": (0, "the networks that chapters 2 to 6 measure"),
    r"lenetfc_td_(uni|rev)--fashion-mnist--seed[01]": (3, _VARIANTS),
    r"lenetfc_td_(uni|rev)--mnist--seed[01]": (3.5, _VARIANTS),
    r"nin_light(_td)?--fashion-mnist--seed[01]": (6, "chapters 2, 5 and 6: the paper's second family, in full"),
    r"nin_light(_td)?--mnist--seed0": (6.5, "chapters 2, 5 and 6: the paper's second family, in full"),
}


def pieces() -> list[Piece]:
    """Return four seeds of each network."""
    found = [training_piece(network, data, seed) for seed in range(4) for network, data in paper_networks()]
    return valued(found, VALUES)


def paper_networks() -> list[tuple[str, str]]:
    """Return the paper's (network, data), in all variants."""
    return [
        (network, data)
        for data, families in PAPER_NETWORKS.items()
        for network in networks.names("classifier")
        if networks.family_name(network) in families
    ]


def training_piece(network: str, data: str, seed: int, how: Mapping[str, Any] | None = None, **changes: Any) -> Piece:
    """Return the training of one network by the recipe of its paper, with ``changes`` as for
    ``c2f.training.recipes.recipe`` and ``how`` of ``train_run``: a merge, a precision.
    """
    name, options = run_name(network, data), dict(how or {})
    chosen = recipe(network, data, profile="paper", name=recipe_name(data), **changes)

    def run(settings: Settings) -> None:
        train_run(
            network,
            data,
            chosen,
            seed,
            settings.output,
            device=settings.device,
            deadline=settings.deadline,
            on_epoch=settings.epochs_of(f"{name}--seed{seed}", chosen.epochs),
            **options,
        )

    merge, precision = options.get("merge", "sum_concat"), options.get("precision", "float32")
    return Piece(name, seed, (name,), run, partial(costs.training, network, data, chosen, merge, precision))
