"""Reference runs that measure the small networks of all three systems on the same pictures: the competition.

They lie apart, in the folder ``competition`` of the output folder. The rule: as many epochs for all, four on scenes and
the paper's forty on Fashion-MNIST, each with its own system's optimiser and batch; what four epochs cost differs, and
stands beside the results. All are measured on the same pictures, and every attack searches once.
"""

from dataclasses import replace
from functools import partial

from c2f.benchmark.competition import ENTRANTS, FOLDER, SCENES, VARIANTS
from c2f.benchmark.parts import Subject
from c2f.benchmark.run import benchmark, benchmark_name
from c2f.reference import costs
from c2f.reference.piece import Piece, Settings, Values, apart, valued
from c2f.reference.trainings import training_piece
from c2f.runs.execution import Execution
from c2f.runs.folder import SHIPPED, folder_with, run_name

PICTURES = 250
"""Test pictures that are attacked and corrupted."""
SEEDS = 4
EPOCHS = 4
"""Of the variants on scenes, as many as the other systems'. Their recipe takes six, for the maps of chapter 7."""
VALUES: Values = {
    r"competition--.*--benchmark--seed0": (3, "the competition: each small network in every respect"),
    r"competition--.*--benchmark--seed[1-3]": (4.5, "the competition over four seeds"),
    r"competition--lenetfc.*--scenes-fashion-mnist--seed0": (3, "the competition: as many epochs for all"),
    r"competition--lenetfc.*--scenes-fashion-mnist--seed[1-3]": (4.5, "the competition over four seeds"),
}


def pieces() -> list[Piece]:
    """Return the trainings that no other part has, and the benchmarks, seed by seed."""
    found = []
    for seed in range(SEEDS):
        found += [apart(training_piece(name, SCENES, seed, epochs=EPOCHS), FOLDER) for name in VARIANTS]
        for data, entrants in ENTRANTS.items():
            found += [benchmark_piece(network, data, seed) for network in entrants]
    return valued(found, VALUES)


def benchmark_piece(network: str, data: str, seed: int) -> Piece:
    """Return the benchmark of one trained network."""
    name, trained = benchmark_name(network, data), run_name(network, data)
    trained_here = data == SCENES and network in VARIANTS

    def run(settings: Settings) -> None:
        weights = settings.output if trained_here else folder_with(settings.output.parent, trained, seed)
        how: Execution = {"device": settings.device, "deadline": settings.deadline}
        given = None if weights == SHIPPED else weights
        done = benchmark(Subject(network, data, seed, settings.output, PICTURES, 1, given, how))
        settings.tell(
            f"{name}--seed{seed}: accuracy {done.values['accuracy']:.4f}, corrupted {done.values['corrupted']:.4f}"
        )

    piece = apart(Piece(name, seed, (name,), run, partial(costs.benchmark, network, data)), FOLDER)
    needs = f"{FOLDER}--{trained}" if trained_here else trained
    return replace(piece, needs=(f"{needs}--seed{seed}",))
