"""Trained weights: load a network by name, data and seed, with its checksum verified.

Weights are safetensors files, never pickles; which file belongs to a run, and its sha256, stands in the run's record.
"""

import json
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from c2f import networks
from c2f.files import atomic_path, sha256
from c2f.records import Record, RecordError, difference, read

SHIPPED = Path(__file__).resolve().parent.parent / "data"
"""The reference runs that come with a checkout of the book."""


def run_name(network: str, data: str) -> str:
    """Return the name of the record of ``network`` trained on ``data``; a folder goes by its last part."""
    if data.startswith("folder:"):
        # The name becomes part of file names: a space or an umlaut in the folder's is a hyphen in it.
        data = "folder-" + re.sub(r"[^a-z0-9_.-]", "-", Path(data.split(":")[1]).name.lower())
    return f"{network}--{data}"


def check_folder(output: Path, name: str, parameters: dict[str, Any]) -> None:
    """Raise ``RecordError`` before any work if ``output`` holds runs of ``name`` with other parameters."""
    path = output / "runs" / f"{name}.json"
    if path.exists():
        there = read(path)
        if there.parameters != parameters:
            raise RecordError(f"{path} {difference(there.parameters, parameters)}; choose another folder")


def save_weights(output: Path, name: str, seed: int, network: nn.Module, parameters: dict[str, Any]) -> dict[str, str]:
    """Write the state of ``network`` into ``output``; return its file name and sha256, as a record keeps them."""
    path = output / "weights" / f"{name}--seed{seed}.safetensors"
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    described = {key: str(parameters[key]) for key in ("network", "data", "merge", "scaler", "image_size")}
    with atomic_path(path) as temporary:
        # One entry: safetensors writes several in random order, and equal weights should be equal files.
        save_file(state, temporary, metadata={"c2f": json.dumps({**described, "seed": seed})})
    return {"file": path.name, "sha256": sha256(path)}


def record(network: str, data: str, output: Path | None = None) -> Record:
    """Return the training record of ``network`` on ``data``: of ``output``, or else the shipped reference runs.

    Raises:
        RecordError: there is none (with the command that makes it), or it is damaged.
    """
    folder = SHIPPED if output is None else Path(output)
    path = folder / "runs" / f"{run_name(network, data)}.json"
    if not path.exists():
        raise RecordError(f"there are no runs of {network} on {data} in {folder}; {_remedy(network, data, output)}")
    return read(path)


def _remedy(network: str, data: str, output: Path | None, seed: int = 0) -> str:
    where = "" if output is None else f" --output {output}"
    return f"train it with `c2f train {network} {data} --profile paper --seeds {seed}{where}`" + (
        " and load it with output='output'" if output is None else ""
    )


def load(network: str, data: str, seed: int = 0, output: Path | None = None) -> nn.Module:
    """Return ``network`` as trained on ``data`` with ``seed``, on the CPU, in inference mode.

    Args:
        network: a name in ``c2f.networks.names()``.
        data: a data set's name.
        seed: of the run.
        output: a folder that ``c2f train`` wrote; by default the weights that come with the book.

    Raises:
        ValueError: an unknown network.
        RecordError: no such run, weights missing or not those of the record; each with what
            to do.
    """
    networks.title(network)  # refuses an unknown name
    found = record(network, data, output)
    run = next((r for r in found.runs if r.seed == seed), None)
    folder = (SHIPPED if output is None else Path(output)) / "weights"
    if run is None or run.weights is None:
        raise RecordError(
            f"there are no weights of {network} on {data} with seed {seed}; seeds there: {found.seeds}; "
            + _remedy(network, data, output, seed)
        )
    path = folder / run.weights["file"]
    if not path.exists():
        raise RecordError(f"the weights {path} are missing; {_remedy(network, data, output, seed)}")
    if sha256(path) != run.weights["sha256"]:
        raise RecordError(f"the weights {path} are not those of the record (sha256 differs): restore the file")
    keys = ("in_channels", "num_classes", "image_size", "merge", "scaler")
    model = networks.build(network, **{key: found.parameters[key] for key in keys}, seed=0)
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise RecordError(f"the weights {path} do not fit {network}: {error}") from error
    return model.eval()


def available(output: Path | None = None) -> list[tuple[str, str, int]]:
    """Return (network, data, seed) of all weights in ``output``, or of those that come with the book."""
    folder = (SHIPPED if output is None else Path(output)) / "runs"
    found = [read(path) for path in sorted(folder.glob("*.json"))]
    return [
        (r.parameters["network"], r.parameters["data"], run.seed)
        for r in found
        if r.kind == "training"
        for run in r.runs
        if run.weights is not None
    ]
