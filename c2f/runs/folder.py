"""An output folder and what lies in it: records, and the files that they name, with checksums verified.

Weights are safetensors files, never pickles; which file belongs to a run, and its sha256, stands in the run's record.
"""

import json
import re
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from c2f.common.files import atomic_path, sha256
from c2f.common.shipped import DATA
from c2f.datasets.data_name import DataName
from c2f.runs.record import Record, RecordError, Run, read, read_folder

SHIPPED = DATA
"""The reference runs that come with the book."""
SHORT = "short"
"""In an output folder, where runs lie that were cut short, under the names of those that they stand in for."""
Network = TypeVar("Network", bound=nn.Module)


def run_name(network: str, data: str) -> str:
    """Return the name of the record of ``network`` trained on ``data``; a folder, or a file, goes by its last part."""
    return f"{re.sub(r'[^a-z0-9_.-]', '-', Path(network).name.lower())}--{DataName.parse(data).in_file_names}"


def folder_of(output: Path | None) -> Path:
    """Return the output folder that is meant: ``output``, or for None that of the reference runs."""
    return SHIPPED if output is None else Path(output)


def record_path(output: Path | None, name: str) -> Path:
    """Return where the record ``name`` of ``output`` is, if there is one."""
    return folder_of(output) / "runs" / f"{name}.json"


def where(name: str, output: Path = SHIPPED) -> Path | None:
    """Return the folder with the record ``name``: ``output``, else that of its short runs; None if neither has it."""
    folders = (output, output / SHORT)
    return next((folder for folder in folders if record_path(folder, name).exists()), None)


def holds(output: Path | None, name: str, seed: int) -> bool:
    """Return whether ``output`` has a run of ``seed`` in its record ``name``."""
    path = record_path(output, name)
    return path.exists() and seed in read(path).seeds


def folder_with(output: Path, name: str, seed: int) -> Path:
    """Return the folder of a training's run: the book's own if that alone has it, else ``output``."""
    return SHIPPED if not holds(output, name, seed) and holds(SHIPPED, name, seed) else output


def check_folder(output: Path, name: str, parameters: dict[str, Any]) -> Record | None:
    """Return the record ``name`` that ``output`` already holds, or None; call it before any work.

    Raises:
        RecordError: it is damaged, or of other parameters; the differing ones are named.
    """
    path = record_path(output, name)
    if not path.exists():
        return None
    there = read(path)
    there.check(parameters, path)
    return there


def find_run(output: Path, name: str, seed: int, parameters: dict[str, Any]) -> Run | None:
    """Return the run of ``seed`` that ``output`` already holds of this experiment, or None.

    Raises:
        RecordError: the record there is damaged, or of other parameters.
    """
    there = check_folder(output, name, parameters)
    return None if there is None else there.run(seed)


def how_to_make(output: Path | None, *commands: str) -> str:
    """Say by which commands, without the ``c2f`` before them, what ``output`` lacks is made."""
    text = ", then ".join(f"`c2f {command} --output {output or 'output'}`" for command in commands)
    return f"make it with {text}" + (" and give the folder 'output'" if output is None else "")


def find_record(output: Path | None, name: str, *commands: str) -> Record:
    """Return the record ``name`` of ``output``, or of the reference runs.

    Args:
        output: a folder, or None for the reference runs.
        name: of the record.
        commands: what makes it, as for ``how_to_make``.

    Raises:
        RecordError: there is none (with the commands that make it), or it is damaged.
    """
    path = record_path(output, name)
    if not path.exists():
        raise RecordError(f"there is no record {path}; {how_to_make(output, *commands)}")
    return read(path)


def find_file(output: Path | None, record: Record, seed: int, *commands: str, folder: str = "weights") -> Path:
    """Return the path of what the run of ``seed`` left in ``folder``, its checksum verified.

    Args:
        output, commands: as for ``find_record``; the last command makes a recorded run anew with ``--again``.
        record: of ``output``.
        seed: of the run.
        folder: ``weights``, ``means``, ``attacks``, ``adversarial`` or ``localization``.

    Raises:
        RecordError: no such run, or a file that is missing or not the record's; each with what to do.
    """
    try:
        named = record.file(seed, folder)
    except RecordError as error:
        raise RecordError(f"{error}; {how_to_make(output, *commands)}") from error
    path = folder_of(output) / folder / named["file"]
    remedy = how_to_make(output, *commands[:-1], f"{commands[-1]} --again")
    if not path.exists():
        raise RecordError(f"{path} is missing; {remedy}")
    if sha256(path) != named["sha256"]:
        raise RecordError(f"{path} is not the record's (sha256 differs): restore the file, or {remedy}")
    return path


def save_weights(output: Path, name: str, seed: int, network: nn.Module, parameters: dict[str, Any]) -> dict[str, str]:
    """Write the state of ``network`` into ``output``; return its file name and sha256, as a record keeps them.

    The file is labelled with the seed and with what ``parameters`` say of network, data, image size, and of merge and
    scaler, which a network that is not top-down does not have.
    """
    path = output / "weights" / f"{name}--seed{seed}.safetensors"
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    about = {"merge": "none", "scaler": "none", **parameters}
    label = {key: str(about[key]) for key in ("network", "data", "merge", "scaler", "image_size")}
    with atomic_path(path) as temporary:
        # One entry: safetensors writes several in random order, and equal weights should be equal files.
        save_file(state, temporary, metadata={"c2f": json.dumps({**label, "seed": seed})})
    return {"file": path.name, "sha256": sha256(path)}


def load_weights(network: Network, output: Path | None, record: Record, seed: int, *commands: str) -> Network:
    """Give ``network`` the weights of a recorded run, and return it in inference mode.

    Arguments and errors as for ``find_file``; weights that do not fit are a ``RecordError`` too.
    """
    path = find_file(output, record, seed, *commands)
    try:
        weights, own = load_file(path), network.state_dict()
        for name, value in weights.items():
            if name in own and (value.dtype != own[name].dtype or not value.isfinite().all()):
                raise RuntimeError(f"{name} is {value.dtype}, or holds NaN or infinity")
        network.load_state_dict(weights)
    except (SafetensorError, RuntimeError) as error:
        raise RecordError(f"the weights {path} do not fit {record.parameters['network']}: {error}") from error
    return network.eval()


def records_of(kind: str, output: Path | None = None) -> list[Record]:
    """Return every record of ``kind`` (``training``, ``attack``, ...) in ``output``, or of the reference runs, by name.

    Raises:
        RecordError: a record is damaged.
    """
    return [found for found in read_folder(folder_of(output) / "runs").values() if found.kind == kind]
