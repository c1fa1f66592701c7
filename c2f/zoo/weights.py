"""Output folders and the trained weights in them: found by name, data and seed, with checksums verified.

Weights are safetensors files, never pickles; which file belongs to a run, and its sha256, stands in the run's record.
"""

from pathlib import Path

from torch import nn

from c2f import networks
from c2f.runs.folder import find_record, load_weights, records_of, run_name
from c2f.runs.record import Record


def _command(network: str, data: str, seed: int = 0) -> str:
    return f"train {network} {data} --profile paper --seeds {seed}"


def record(network: str, data: str, output: Path | None = None) -> Record:
    """Return the training record of ``network`` on ``data``: of ``output``, or else the shipped reference runs.

    Raises:
        RecordError: there is none (with the command that makes it), or it is damaged.
    """
    return find_record(output, run_name(network, data), _command(network, data))


def load(network: str, data: str, seed: int = 0, output: Path | None = None) -> nn.Module:
    """Return ``network`` as trained on ``data`` with ``seed``, on the CPU, in inference mode.

    Args:
        network: a name in ``c2f.networks.names()``.
        data: a data set's name.
        seed: of the run.
        output: a folder that ``c2f train`` wrote; by default the weights that come with the book.

    Raises:
        ValueError: an unknown network.
        RecordError: no such run, weights missing or not those of the record; each with what to do.
    """
    networks.title(network)  # refuses an unknown name
    found = record(network, data, output)
    keys = ("in_channels", "num_classes", "image_size", "merge", "scaler")
    model = networks.build(network, **{key: found.parameters[key] for key in keys}, seed=0)
    return load_weights(model, output, found, seed, _command(network, data, seed))


def available(output: Path | None = None) -> list[tuple[str, str, int]]:
    """Return (network, data, seed) of all weights in ``output``, or of those that come with the book."""
    return [
        (found.parameters["network"], found.parameters["data"], run.seed)
        for found in records_of("training", output)
        for run in found.runs
        if "weights" in run.files
    ]
