"""Recorded attacks: their records, their results picture by picture, and their pictures, with checksums verified.

An output folder holds for each attack the record ``runs/NAME.json`` and, for each seed,
``attacks/NAME--seedS.safetensors`` (distances and classes picture by picture, which ship with the book) and
``adversarial/NAME--seedS.safetensors`` (the perturbed pictures, which do not).

Axes: N pictures, C channels, H rows, W columns.
"""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from c2f import robustness, zoo
from c2f.files import sha256
from c2f.records import Record, RecordError, Run, read
from c2f.robustness import Results
from c2f.zoo import run_name


def attack_name(network: str, data: str, attack: str, protocol: str = "minimal", whole: bool = False) -> str:
    """Return the name of the record of an attack; ``whole``: on the whole test set."""
    return f"{run_name(network, data)}--{attack}--{protocol}" + ("--all" if whole else "")


def attack_record(
    network: str, data: str, attack: str, protocol: str = "minimal", output: Path | None = None, whole: bool = False
) -> Record:
    """Return the record of an attack: of ``output``, or else of the shipped reference runs.

    Raises:
        RecordError: there is none (with the command that makes it), or it is damaged.
    """
    folder = zoo.SHIPPED if output is None else Path(output)
    path = folder / "runs" / f"{attack_name(network, data, attack, protocol, whole)}.json"
    if not path.exists():
        raise RecordError(f"there is no record {path}; {_remedy(network, data, attack, protocol, output, whole)}")
    return read(path)


def _remedy(
    network: str, data: str, attack: str, protocol: str, output: Path | None, whole: bool, seed: int = 0
) -> str:
    more = (" --pictures all" if whole else "") + ("" if output is None else f" --output {output}")
    return (
        f"make it with `c2f attack {network} {data} --attacks {attack} --protocol {protocol} --seeds {seed}{more}`"
        + (" and read it with output='output'" if output is None else "")
    )


def results(
    network: str,
    data: str,
    attack: str,
    protocol: str = "minimal",
    seed: int = 0,
    output: Path | None = None,
    whole: bool = False,
) -> Results:
    """Return a recorded attack picture by picture, its checksum verified.

    Args:
        network, data, seed: of the training.
        attack, protocol: of the attack.
        output: a folder that ``c2f attack`` wrote; by default the reference runs that come with the book.
        whole: of the whole test set.

    Raises:
        RecordError: no such run, or a file that is missing or not the record's; each with what to do.
    """
    path = _file_of(network, data, attack, protocol, seed, output, whole, "attacks")
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
    whole: bool = False,
) -> Tensor:
    """Return the perturbed pictures of a recorded attack, float32 ``(N, C, H, W)`` in [0, 1], originals among them.

    They do not come with the book: ``output`` is where they were made. Arguments and errors as for ``results``.
    """
    return load_file(_file_of(network, data, attack, protocol, seed, output, whole, "adversarial"))["perturbed"]


def _file_of(
    network: str, data: str, attack: str, protocol: str, seed: int, output: Path | None, whole: bool, kind: str
) -> Path:
    """Return the path of what a record names, in the folder ``attacks`` or ``adversarial``, its checksum verified."""
    record = attack_record(network, data, attack, protocol, output, whole)
    remedy = _remedy(network, data, attack, protocol, output, whole, seed)
    run = next((run for run in record.runs if run.seed == seed), None)
    if run is None or run.arrays is None:
        raise RecordError(f"{record.name} has no seed {seed}; seeds there: {record.seeds}; {remedy}")
    named = run.arrays if kind == "attacks" else run.details["adversarial"]
    path = (zoo.SHIPPED if output is None else Path(output)) / kind / named["file"]
    if not path.exists():
        raise RecordError(f"{path} is missing; {remedy}" + ("" if kind == "attacks" else " --again"))
    if sha256(path) != named["sha256"]:
        raise RecordError(f"{path} is not the record's (sha256 differs): restore the file, or {remedy} --again")
    return path


def told(name: str, run: Run) -> str:
    """Say in a line what an attack did."""
    values = run.values
    if "success_rate" not in values:
        return f"{name}: no picture was classified correctly, so there was nothing to attack"
    median = f"{values['median_l2']:.3f}" if "median_l2" in values else "not reached"
    refuted = f"; {run.details['refuted']} claims refuted" if run.details["refuted"] else ""
    return (
        f"{name}: accuracy {100 * values['clean_accuracy']:.1f} %, of that {values['success_rate']:.1f} % turned, "
        f"median L2 {median}; {run.details['verified']} verified{refuted}"
    )
