"""Recorded attacks: their records, their results picture by picture, and their pictures, with checksums verified.

An output folder holds for each attack the record ``runs/NAME.json`` and, for each seed,
``attacks/NAME--seedS.safetensors`` (distances and classes picture by picture, which ship with the book) and
``adversarial/NAME--seedS.safetensors`` (the perturbed pictures, which do not).

Axes: N pictures, C channels, H rows, W columns.
"""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from c2f.metrics import robustness
from c2f.metrics.robustness import Results
from c2f.runs.folder import find_file, find_record, run_name
from c2f.runs.record import Record, RecordError, Run


def attack_name(network: str, data: str, attack: str, protocol: str = "minimal", whole_test_set: bool = False) -> str:
    """Return the name of the record of an attack; ``whole_test_set``: on the whole test set."""
    return f"{run_name(network, data)}--{attack}--{protocol}" + ("--all" if whole_test_set else "")


def attack_record(
    network: str,
    data: str,
    attack: str,
    protocol: str = "minimal",
    output: Path | None = None,
    whole_test_set: bool = False,
) -> Record:
    """Return the record of an attack: of ``output``, or else of the shipped reference runs.

    Raises:
        RecordError: there is none (with the command that makes it), or it is damaged.
    """
    name = attack_name(network, data, attack, protocol, whole_test_set)
    return find_record(output, name, _command(network, data, attack, protocol, whole_test_set))


def _command(network: str, data: str, attack: str, protocol: str, whole_test_set: bool, seed: int = 0) -> str:
    command = f"attack {network} {data} --attacks {attack} --protocol {protocol} --seeds {seed}"
    return command + (" --pictures all" if whole_test_set else "")


def results(
    network: str,
    data: str,
    attack: str,
    protocol: str = "minimal",
    seed: int = 0,
    output: Path | None = None,
    whole_test_set: bool = False,
) -> Results:
    """Return a recorded attack picture by picture, its checksum verified.

    Args:
        network, data, seed: of the training.
        attack, protocol: of the attack.
        output: a folder that ``c2f attack`` wrote; by default the reference runs that come with the book.
        whole_test_set: of the whole test set.

    Raises:
        RecordError: no such run, or a file that is missing or not the record's; each with what to do.
    """
    path = _file_of(network, data, attack, protocol, seed, output, whole_test_set, "attacks")
    try:
        return robustness.load(path)
    except ValueError as error:
        raise RecordError(str(error)) from error


def adversarial(
    network: str,
    data: str,
    attack: str,
    protocol: str = "minimal",
    seed: int = 0,
    output: Path | None = None,
    whole_test_set: bool = False,
) -> Tensor:
    """Return the perturbed pictures of a recorded attack, float32 ``(N, C, H, W)`` in [0, 1], originals among them.

    They do not come with the book: ``output`` is where they were made. Arguments and errors as for ``results``.
    """
    return load_file(_file_of(network, data, attack, protocol, seed, output, whole_test_set, "adversarial"))[
        "perturbed"
    ]


def _file_of(
    network: str,
    data: str,
    attack: str,
    protocol: str,
    seed: int,
    output: Path | None,
    whole_test_set: bool,
    folder: str,
) -> Path:
    """Return the path of what a record names, in the folder ``attacks`` or ``adversarial``, its checksum verified."""
    record = attack_record(network, data, attack, protocol, output, whole_test_set)
    command = _command(network, data, attack, protocol, whole_test_set, seed)
    return find_file(output, record, seed, command, folder=folder)


def summary_line(name: str, run: Run) -> str:
    """Say in a line what an attack did."""
    values = run.values
    if "success_rate" not in values:
        return f"{name}: no picture was classified correctly, so there was nothing to attack"
    half = f"50 points lost at L2 {values['l2_at_50']:.3f}" if "l2_at_50" in values else "50 points are never lost"
    refuted = f"; {run.details['refuted']} claims refuted" if run.details["refuted"] else ""
    return (
        f"{name}: accuracy {100 * values['clean_accuracy']:.1f} %, of that {values['success_rate']:.1f} % turned, "
        f"{half}; {run.details['verified']} verified{refuted}"
    )
