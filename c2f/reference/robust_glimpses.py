"""Reference runs of Multi-Glimpse Networks and their baselines in bad weather and under attack."""

from collections.abc import Callable
from functools import partial

from c2f.experiments.corruptions.run import corruption_name, corruption_run
from c2f.experiments.glimpses.pgd_run import pgd_name, pgd_run
from c2f.reference.piece import Piece, Settings, seed_piece
from c2f.runs.folder import folder_with, run_name
from c2f.runs.record import Run

DATA = "scenes-fashion-mnist"
MINUTES = {"mgnet": (1, 3), "full": (2, 5), "equal": (1, 1)}
"""Kind of network -> minutes a seed of corruptions and of attacks, on one core."""


def pieces() -> list[Piece]:
    """Return four seeds of the small network and both its baselines, on 1,000 pictures each.

    First all fifteen corruptions in five severities, of which frost needs its photographs (`c2f fetch frost`); then
    projected gradient descent as published and as one should, with the check of the gradients.
    """
    networks = {kind: f"{kind}_small_cnn" for kind in MINUTES}
    found = []
    for seed in range(4):
        for kind, network in networks.items():
            trained, work = run_name(network, DATA), partial(corruption_run, network, DATA, seed)
            found.append(_piece(corruption_name(trained), trained, seed, MINUTES[kind][0], work))
    for seed in range(4):
        for kind, network in networks.items():
            trained, work = run_name(network, DATA), partial(pgd_run, network, DATA, seed)
            found.append(_piece(pgd_name(network, DATA), trained, seed, MINUTES[kind][1], work))
    return found


def _piece(name: str, trained: str, seed: int, minutes: float, evaluate: Callable[..., Run]) -> Piece:
    """Return the piece that evaluates the network of the record ``trained``."""

    def run(settings: Settings) -> None:
        done = evaluate(
            output=settings.output,
            weights=folder_with(settings.output, trained, seed),
            device=settings.device,
            deadline=settings.deadline,
        )
        shown = {key: value for key, value in done.values.items() if key == "mean" or key.startswith("robust")}
        settings.tell(f"{name}--seed{seed}: {', '.join(f'{key} {100 * value:.1f} %' for key, value in shown.items())}")

    return seed_piece(name, seed, minutes, False, run)
