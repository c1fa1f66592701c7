"""Reference runs that measure where trained networks look."""

from c2f.experiments.localization.run import FAITHFUL, localization_name, locate_run, summary_line
from c2f.experiments.localization.sample import PICTURES, THRESHOLD_PICTURES
from c2f.reference.piece import Piece, Settings, seed_piece
from c2f.runs.folder import folder_with, run_name

_FAMILIES = {
    # data -> families, and whether a CPU can do them
    "scenes-fashion-mnist": (("lenetfc", True), ("resnet18", False)),
    "fashion-mnist": (("lenetfc", True), ("nin_light", False)),
    "mnist": (("lenetfc", True), ("nin_light", False)),
    "tiny-imagenette": (("resnet18", False),),
}
_KINDS = {"fashion-mnist": ("paper",), "mnist": ("paper",)}
"""Of maps: what the paper says of these data is about its own maps. Elsewhere raw ones are measured as well."""


def pieces() -> list[Piece]:
    """Return four seeds of each network and its top-down twin, on each data set."""
    found = []
    for seed in range(4):
        for data, families in _FAMILIES.items():
            for family, on_a_cpu in families:
                for network in (family, f"{family}_td"):
                    found += [
                        localization_piece(network, data, seed, kind, gpu=not on_a_cpu)
                        for kind in _KINDS.get(data, ("raw", "paper"))
                    ]
    return found


def localization_piece(network: str, data: str, seed: int, kind: str, gpu: bool, faithful: int = FAITHFUL) -> Piece:
    """Return the measurement of one trained network by one kind of map; ``faithful`` as for ``locate_run``."""
    name = localization_name(network, data, kind)
    # Tiny-Imagenette has 500 test pictures, and all that are not chosen on are scored.
    few = data == "tiny-imagenette"

    def run(settings: Settings) -> None:
        done = locate_run(
            network,
            data,
            seed,
            kind,
            output=settings.output,
            threshold_pictures=100 if few else THRESHOLD_PICTURES,
            pictures=None if few else PICTURES,
            faithful=faithful,
            weights=folder_with(settings.output, run_name(network, data), seed),
            device=settings.device,
            deadline=settings.deadline,
        )
        settings.tell(summary_line(network, data, kind, done))

    return seed_piece(name, seed, None, gpu, run)
