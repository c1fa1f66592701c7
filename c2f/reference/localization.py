"""Reference runs that measure where trained networks look."""

from functools import partial

from c2f.experiments.localization.run import FAITHFUL, localization_name, locate_run, summary_line
from c2f.experiments.localization.sample import PICTURES, THRESHOLD_PICTURES
from c2f.reference import costs
from c2f.reference.piece import Piece, Settings, Values, valued
from c2f.runs.folder import folder_with, run_name

_FAMILIES = {
    "scenes-fashion-mnist": ("lenetfc", "resnet18"),
    "fashion-mnist": ("lenetfc", "nin_light"),
    "mnist": ("lenetfc", "nin_light"),
    "tiny-imagenette": ("resnet18",),
}
"""Data -> families."""
_KINDS = {"fashion-mnist": ("paper",), "mnist": ("paper",)}
"""Of maps: what the paper says of these data is about its own maps. Elsewhere raw ones are measured as well."""
VALUES: Values = {
    r"lenetfc(_td)?--mnist--localization--paper--seed\d": (1, "chapter 7: where the small pair looks on MNIST"),
    r"resnet18(_td)?--tiny-imagenette--localization--(raw|paper)--seed[01]": (5, "chapter 7: photographs in full"),
}


def pieces() -> list[Piece]:
    """Return four seeds of each network and its top-down twin, on each data set."""
    found = []
    for seed in range(4):
        for data, families in _FAMILIES.items():
            for family in families:
                for network in (family, f"{family}_td"):
                    found += [
                        localization_piece(network, data, seed, kind) for kind in _KINDS.get(data, ("raw", "paper"))
                    ]
    return valued(found, VALUES)


def localization_piece(network: str, data: str, seed: int, kind: str, faithful: int = FAITHFUL) -> Piece:
    """Return the measurement of one trained network by one kind of map; ``faithful`` as for ``locate_run``."""
    name = localization_name(network, data, kind)
    # Tiny-Imagenette has 500 test pictures, and all that are not chosen on are scored.
    few = data == "tiny-imagenette"
    chosen_on = 100 if few else THRESHOLD_PICTURES

    def run(settings: Settings) -> None:
        done = locate_run(
            network,
            data,
            seed,
            kind,
            output=settings.output,
            threshold_pictures=chosen_on,
            pictures=None if few else PICTURES,
            faithful=faithful,
            weights=folder_with(settings.output, run_name(network, data), seed),
            device=settings.device,
            deadline=settings.deadline,
        )
        settings.tell(summary_line(network, data, kind, done))

    measured = 500 if few else chosen_on + PICTURES
    cost = partial(costs.localization, network, data, kind, faithful, measured)
    return Piece(name, seed, (name,), run, cost, needs=(f"{run_name(network, data)}--seed{seed}",))
