"""Reference runs that attack trained networks."""

from collections.abc import Iterator
from pathlib import Path

from c2f import attacks, networks
from c2f.experiments.robustness.records import attack_name, summary_line
from c2f.experiments.robustness.run import attack_run
from c2f.experiments.robustness.scales import ablation_name, ablation_run
from c2f.reference.piece import Piece, Settings
from c2f.reference.trainings import ON_A_CPU, paper_networks
from c2f.runs.folder import folder_with, holds, run_name
from c2f.zoo.samples import PICTURES


def pieces() -> list[Piece]:
    """Return four seeds of each network in both protocols, first what a CPU can do."""
    found = []
    for seed in range(4):
        for protocol in attacks.PROTOCOLS:
            for network, data in ON_A_CPU:
                found.append(attack_piece(network, data, seed, protocol, whole_test_set=False, gpu=False))
    for seed in range(4):
        for protocol in attacks.PROTOCOLS:
            for network, data in paper_networks():
                found.append(attack_piece(network, data, seed, protocol, whole_test_set=True, gpu=True))
    return found


def attack_piece(network: str, data: str, seed: int, protocol: str, whole_test_set: bool, gpu: bool) -> Piece:
    """All ten attacks of one network, and for a top-down one which scale is fragile to each of them."""
    top_down = networks.family_name(network) != network

    def missing(output: Path) -> Iterator[tuple[str, str, bool]]:
        for attack in attacks.names():
            name = attack_name(network, data, attack, protocol, whole_test_set)
            attacked = holds(output, name, seed)
            if not attacked or (top_down and not holds(output, ablation_name(name), seed)):
                yield attack, name, attacked

    def run(settings: Settings) -> None:
        output = settings.output
        weights = folder_with(output, run_name(network, data), seed)
        for attack, name, attacked in missing(output):
            # The pictures are not carried from machine to machine: attacking again is cheaper than their bulk.
            if not attacked or not (output / "adversarial" / f"{name}--seed{seed}.safetensors").exists():
                done = attack_run(
                    network,
                    data,
                    seed,
                    attack,
                    protocol,
                    output=output,
                    pictures=None if whole_test_set else PICTURES,
                    weights=weights,
                    device=settings.device,
                    deadline=settings.deadline,
                    again=attacked,
                )
                settings.tell(summary_line(f"{name}--seed{seed}", done))
            if top_down:
                ablation_run(
                    network,
                    data,
                    seed,
                    attack,
                    protocol,
                    output=output,
                    whole_test_set=whole_test_set,
                    weights=weights,
                    device=settings.device,
                    deadline=settings.deadline,
                )

    name = f"attacks--{run_name(network, data)}--{protocol}{'--all' if whole_test_set else ''}"
    return Piece(name, seed, None, gpu, lambda output: not any(missing(output)), run)
