"""Reference runs that measure every network of one size in every respect, on the same pictures: the competition.

They lie apart, in the folder ``competition`` of the output folder. Each network is trained by its own recipe for these
data, which its row says; all see the same pictures, and every attack searches once.
"""

from dataclasses import replace
from functools import partial

from c2f.benchmark.parts import Subject
from c2f.benchmark.run import benchmark, benchmark_name
from c2f.reference import costs
from c2f.reference.piece import Piece, Settings, Values, apart, valued
from c2f.reference.trainings import training_piece
from c2f.runs.execution import Execution
from c2f.runs.folder import SHIPPED, folder_with, run_name

FOLDER = "competition"
"""Of the output folder, and the beginning of each piece's name."""
PICTURES = 500
"""Test pictures that are attacked and corrupted."""
SEEDS = 4
SCENES = "scenes-fashion-mnist"
_VARIANTS = ("lenetfc", "lenetfc_td", "lenetfc_td_uni", "lenetfc_td_rev")
_TRAINED_ELSEWHERE = ("lenetfc", "lenetfc_td")
"""On scenes; the other variants are trained for the competition alone."""
ENTRANTS = {
    SCENES: (*_VARIANTS, "mgnet_small_cnn", "equal_small_cnn", "full_small_cnn"),
    "fashion-mnist": _VARIANTS,
}
"""Data -> networks."""
VALUES: Values = {
    r"competition--.*--benchmark--seed0": (3, "the competition: each network of one size in every respect"),
    r"competition--.*--benchmark--seed[1-3]": (4.5, "the competition over four seeds"),
    r"lenetfc_td_(uni|rev)--scenes-fashion-mnist--seed\d": (3, "the competition: uniform and reversed on scenes"),
}


def pieces() -> list[Piece]:
    """Return the trainings that no other part has, and the benchmarks, seed by seed."""
    found = []
    for seed in range(SEEDS):
        found += [training_piece(name, SCENES, seed) for name in _VARIANTS if name not in _TRAINED_ELSEWHERE]
        for data, entrants in ENTRANTS.items():
            found += [benchmark_piece(network, data, seed) for network in entrants]
    return valued(found, VALUES)


def benchmark_piece(network: str, data: str, seed: int) -> Piece:
    """Return the benchmark of one trained network."""
    name, trained = benchmark_name(network, data), run_name(network, data)

    def run(settings: Settings) -> None:
        weights = folder_with(settings.output.parent, trained, seed)  # the training does not lie apart
        how: Execution = {"device": settings.device, "deadline": settings.deadline}
        given = None if weights == SHIPPED else weights
        done = benchmark(Subject(network, data, seed, settings.output, PICTURES, 1, given, how))
        settings.tell(
            f"{name}--seed{seed}: accuracy {done.values['accuracy']:.4f}, corrupted {done.values['corrupted']:.4f}"
        )

    piece = apart(Piece(name, seed, (name,), run, partial(costs.benchmark, network, data)), FOLDER)
    return replace(piece, needs=(f"{trained}--seed{seed}",))
