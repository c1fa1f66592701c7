"""Reference runs of Multi-Glimpse Networks and their baselines in bad weather and under attack."""

from c2f.corruption_runs import corruption_name, corruption_run
from c2f.glimpse.attack_runs import pgd_name, pgd_run
from c2f.glimpse.experiment import KINDS, glimpse_name
from c2f.reference.piece import Piece, Settings, seed_piece
from c2f.zoo import folder_with

DATA = "scenes-fashion-mnist"


def pieces() -> list[Piece]:
    """Return four seeds of the small network and both its baselines, on 1,000 pictures each."""
    found = [corruption_piece(kind, DATA, seed) for seed in range(4) for kind in KINDS]
    return found + [pgd_piece(kind, DATA, seed) for seed in range(4) for kind in KINDS]


def corruption_piece(kind: str, data: str, seed: int) -> Piece:
    """All fifteen types in five severities; frost needs its photographs (`c2f fetch frost`)."""
    trained = glimpse_name(data, kind)
    name = corruption_name(trained)

    def run(settings: Settings) -> None:
        done = corruption_run(
            kind,
            data,
            seed,
            output=settings.output,
            weights=folder_with(settings.output, trained, seed),
            device=settings.device,
            deadline=settings.deadline,
        )
        settings.tell(f"{name}--seed{seed}: mean accuracy {100 * done.values['mean']:.1f} %")

    return seed_piece(name, seed, None, False, run)


def pgd_piece(kind: str, data: str, seed: int) -> Piece:
    """Projected gradient descent as published and as one should, and the check of the gradients."""
    trained, name = glimpse_name(data, kind), pgd_name(data, kind)

    def run(settings: Settings) -> None:
        done = pgd_run(
            kind,
            data,
            seed,
            output=settings.output,
            weights=folder_with(settings.output, trained, seed),
            device=settings.device,
            deadline=settings.deadline,
        )
        told = ", ".join(f"{key} {100 * value:.1f} %" for key, value in done.values.items() if key.startswith("robust"))
        settings.tell(f"{name}--seed{seed}: {told}")

    return seed_piece(name, seed, None, False, run)
