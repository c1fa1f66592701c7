"""The book's reference runs: what is run, in order of value, in pieces that can be stopped, resumed and carried.

Each part of the book adds its pieces to ``pieces``. A piece writes into an output folder (``data`` of the checkout,
or one that travels to another machine and back with ``pack`` and ``unpack``).
"""

import shutil
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from c2f import attacks, networks, zoo
from c2f.attack_records import attack_name
from c2f.attacking import attack_run
from c2f.checks import choose
from c2f.experiments import train_run
from c2f.files import atomic_path, sha256
from c2f.recipes import recipe, recipe_name
from c2f.records import Run, add_run, read, read_folder
from c2f.scales import ablation_name, ablation_run
from c2f.targets import PICTURES
from c2f.training import History, OutOfTime
from c2f.zoo import check_folder, run_name


@dataclass(frozen=True)
class Settings:
    """How pieces are run: the output folder, torch's device, whether through ``torch.compile``, and the deadline
    (``time.monotonic()``) or None. ``on_epoch`` is called with the piece's name and history after each epoch,
    ``on_attack`` with a name and its run after each attack.
    """

    output: Path
    device: str
    compiled: bool
    deadline: float | None
    on_epoch: Callable[[str, History], None] | None = None
    on_attack: Callable[[str, Run], None] | None = None


@dataclass(frozen=True)
class Piece:
    """One resumable piece of a reference run.

    ``name``: what ``--only`` names. ``minutes``: rough, beside a second run on two cores; None where it was never
    measured. ``gpu``: too long for a CPU, left out there unless named. ``done``: whether the output folder has it.
    ``run``: does it, or raises
    ``OutOfTime``.
    """

    name: str
    minutes: float | None
    gpu: bool
    done: Callable[[Path], bool]
    run: Callable[[Settings], None]


def _training_piece(network: str, data: str, seed: int, minutes: float | None, gpu: bool) -> Piece:
    name = run_name(network, data)

    def done(output: Path) -> bool:
        path = output / "runs" / f"{name}.json"
        return path.exists() and seed in read(path).seeds

    def run(settings: Settings) -> None:
        piece = f"{name}--seed{seed}"
        notify = settings.on_epoch
        train_run(
            network,
            data,
            recipe(network, data, profile="paper", name=recipe_name(data)),
            seed,
            settings.output,
            device=settings.device,
            compiled=settings.compiled,
            deadline=settings.deadline,
            on_epoch=None if notify is None else lambda history: notify(piece, history),
        )

    return Piece(f"{name}--seed{seed}", minutes, gpu, done, run)


def _weights_folder(output: Path, network: str, data: str, seed: int) -> Path:
    """Return the folder whose weights are attacked: ``output`` if it has them, else what comes with the book."""
    path = output / "runs" / f"{run_name(network, data)}.json"
    return output if path.exists() and seed in read(path).seeds else zoo.SHIPPED


def _attack_piece(network: str, data: str, seed: int, protocol: str, whole: bool, gpu: bool) -> Piece:
    """All ten attacks of one network, and for a top-down one which scale is fragile to each of them."""
    top_down = networks.family_name(network) != network

    def recorded(output: Path, name: str) -> bool:
        path = output / "runs" / f"{name}.json"
        return path.exists() and seed in read(path).seeds

    def missing(output: Path) -> Iterator[tuple[str, str, bool]]:
        for attack in attacks.names():
            name = attack_name(network, data, attack, protocol, whole)
            if not recorded(output, name) or (top_down and not recorded(output, ablation_name(name))):
                yield attack, name, recorded(output, name)

    def run(settings: Settings) -> None:
        output = settings.output
        weights = _weights_folder(output, network, data, seed)
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
                    pictures=None if whole else PICTURES,
                    weights=weights,
                    device=settings.device,
                    deadline=settings.deadline,
                    again=attacked,
                )
                if settings.on_attack is not None:
                    settings.on_attack(f"{name}--seed{seed}", done)
            if top_down:
                ablation_run(
                    network,
                    data,
                    seed,
                    attack,
                    protocol,
                    output=output,
                    whole=whole,
                    weights=weights,
                    device=settings.device,
                )

    name = f"attacks--{run_name(network, data)}--{protocol}{'--all' if whole else ''}--seed{seed}"
    return Piece(name, None, gpu, lambda output: not any(missing(output)), run)


_CARRIED = ("weights", "attacks", "checkpoints")
"""What travels beside the records. Adversarial pictures do not: the ablation that needs them follows each attack."""

_ON_A_CPU = {("lenetfc", "mnist"): 9, ("lenetfc", "fashion-mnist"): 7}
_ON_A_CPU |= {("lenetfc_td", "mnist"): 17, ("lenetfc_td", "fashion-mnist"): 22}
_PAPER_NETWORKS = {
    "mnist": ("lenetfc", "nin_light"),
    "fashion-mnist": ("lenetfc", "nin_light"),
    "cifar10-jpeg": ("resnet32", "nin"),
}


def pieces() -> list[Piece]:
    """Return every piece of the book's reference runs, in order of value: what a CPU can do first, seed by seed."""
    found = []
    for seed in range(4):
        for (network, data), minutes in _ON_A_CPU.items():
            found.append(_training_piece(network, data, seed, minutes, gpu=False))
    for seed in range(4):
        for protocol in attacks.PROTOCOLS:
            for network, data in _ON_A_CPU:
                found.append(_attack_piece(network, data, seed, protocol, whole=False, gpu=False))
    for seed in range(4):
        for data, families in _PAPER_NETWORKS.items():
            for network in networks.names():
                family = networks.family_name(network)
                if family in families and (network, data) not in _ON_A_CPU:
                    found.append(_training_piece(network, data, seed, None, gpu=True))
    for seed in range(4):
        for protocol in attacks.PROTOCOLS:
            for data, families in _PAPER_NETWORKS.items():
                for network in networks.names():
                    if networks.family_name(network) in families:
                        found.append(_attack_piece(network, data, seed, protocol, whole=True, gpu=True))
    return found


def select(only: Iterable[str], gpu: bool) -> list[Piece]:
    """Return the pieces that ``only`` names (a piece, or the beginning of several), or all that suit this machine.

    Raises:
        ValueError: a name that fits no piece.
    """
    every = pieces()
    wanted = list(only)
    if not wanted:
        return [piece for piece in every if gpu or not piece.gpu]
    for name in wanted:
        if not any(piece.name.startswith(name) for piece in every):
            choose(name, sorted({piece.name.split("--seed")[0] for piece in every}), "reference run")
    return [piece for piece in every if any(piece.name.startswith(name) for name in wanted)]


def run(chosen: list[Piece], settings: Settings) -> tuple[list[str], list[str]]:
    """Run what is missing, in order; return the names (finished now, still missing)."""
    finished = []
    missing = [piece for piece in chosen if not piece.done(settings.output)]
    for piece in missing:
        if settings.deadline is not None and time.monotonic() > settings.deadline:
            break
        try:
            piece.run(settings)
        except OutOfTime:
            break
        finished.append(piece.name)
    return finished, [piece.name for piece in missing if piece.name not in finished]


def pack(output: Path, archive: Path) -> int:
    """Write records, weights, results of attacks and checkpoints of ``output`` into one tar file; return how many files
    it holds.
    """
    files = [path for kind in ("runs", *_CARRIED) for path in sorted((output / kind).glob("[!.]*"))]
    with atomic_path(archive) as temporary, tarfile.open(temporary, "w") as tar:
        for path in files:
            tar.add(path, arcname=f"{path.parent.name}/{path.name}")
    return len(files)


def unpack(archive: Path, output: Path) -> int:
    """Merge a packed folder into ``output``: runs are added to the records there; return how many runs came.

    All of it is checked before anything is written.

    Raises:
        ValueError: no packed folder, or weights or results that are missing or do not fit their record.
        RecordError: a damaged record, or one of other parameters than the record in ``output``.
    """
    staging = output / ".unpacked"
    shutil.rmtree(staging, ignore_errors=True)  # what a killed call left would come along
    came = 0
    try:
        try:
            with tarfile.open(archive, "r:") as tar:
                tar.extractall(staging, filter="data")
        except tarfile.TarError as error:
            raise ValueError(f"{archive} is no packed folder or is damaged ({error}): pack it again") from error
        records = read_folder(staging / "runs")
        for record in records.values():
            check_folder(output, record.name, record.parameters)
            for run in record.runs:
                for kind, named in (("weights", run.weights), ("attacks", run.arrays)):
                    if named is None:
                        continue
                    path = staging / kind / named["file"]
                    if not path.exists() or sha256(path) != named["sha256"]:
                        raise ValueError(f"{archive}: {named['file']} is missing or is not the record's")
        for kind in _CARRIED:
            for path in (staging / kind).glob("*"):
                with atomic_path(output / kind / path.name) as temporary:
                    temporary.write_bytes(path.read_bytes())
        for record in records.values():
            for run in record.runs:
                add_run(output / "runs", record.name, record.kind, record.parameters, run)
                came += 1
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return came
