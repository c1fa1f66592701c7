"""Reference runs of Multi-Glimpse Networks and their baselines in bad weather and under attack."""

from collections.abc import Callable
from functools import partial

from c2f.experiments.corruptions.run import corruption_name, corruption_run
from c2f.experiments.glimpses.pgd_run import pgd_name, pgd_run
from c2f.reference import costs
from c2f.reference.piece import Piece, Settings
from c2f.runs.folder import folder_with, run_name
from c2f.runs.record import Run

DATA = "scenes-fashion-mnist"
NETWORKS = ("mgnet_small_cnn", "full_small_cnn", "equal_small_cnn")


def pieces() -> list[Piece]:
    """Return four seeds of the small network and both its baselines, on 1,000 pictures each.

    First all fifteen corruptions in five severities, of which frost needs its photographs (`c2f fetch frost`); then
    projected gradient descent as published and as one should, with the check of the gradients.
    """
    each = [(seed, network) for seed in range(4) for network in NETWORKS]
    return [
        *(_piece(corruption_name(run_name(n, DATA)), n, seed, "corruptions", corruption_run) for seed, n in each),
        *(_piece(pgd_name(n, DATA), n, seed, "pgd", pgd_run) for seed, n in each),
    ]


def _piece(name: str, network: str, seed: int, kind: str, evaluate: Callable[..., Run]) -> Piece:
    """Return the piece that adds what ``evaluate`` finds about a trained network to the record ``name`` of ``kind``."""
    trained = run_name(network, DATA)

    def run(settings: Settings) -> None:
        done = evaluate(
            network,
            DATA,
            seed,
            output=settings.output,
            weights=folder_with(settings.output, trained, seed),
            device=settings.device,
            deadline=settings.deadline,
        )
        shown = {key: value for key, value in done.values.items() if key == "mean" or key.startswith("robust")}
        settings.tell(f"{name}--seed{seed}: {', '.join(f'{key} {100 * value:.1f} %' for key, value in shown.items())}")

    cost = partial(costs.evaluation, kind, network, DATA)
    return Piece(name, seed, (name,), run, cost, needs=(f"{trained}--seed{seed}",))
