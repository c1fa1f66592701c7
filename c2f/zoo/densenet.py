"""Trained half and full models of the high-resolution class maps."""

from pathlib import Path

from c2f.common.checks import choose
from c2f.networks.densenet_fcn import FullDenseNet, HalfDenseNet, build_densenet
from c2f.runs.folder import find_record, load_weights, run_name
from c2f.runs.record import Record

MODELS = ("densenet_half", "densenet_full")
"""The classifier, and the model that holds it, frozen, and is trained to rebuild the picture."""
HALF, FULL = MODELS
DenseNet = HalfDenseNet | FullDenseNet


def _kind(model: str) -> str:
    return choose(model, MODELS, "model").removeprefix("densenet_")


def densenet_name(model: str, data: str) -> str:
    """Return the name of the record of ``model`` (``densenet_half``, ``densenet_full``) trained on ``data``."""
    _kind(model)
    return run_name(model, data)


def densenet_record(model: str, data: str, output: Path | None = None) -> Record:
    """Return the record of ``model`` on ``data``: of ``output``, or else of the shipped reference runs.

    Raises:
        ValueError: an unknown model.
        RecordError: there is none (with the command that makes it), or it is damaged.
    """
    return find_record(output, densenet_name(model, data), *_commands(model, data))


def _commands(model: str, data: str, seed: int = 0) -> list[str]:
    wanted = (HALF,) if model == HALF else (HALF, FULL)
    return [f"train {name} {data} --profile paper --seeds {seed}" for name in wanted]


def load_densenet(model: str, data: str, seed: int = 0, output: Path | None = None) -> DenseNet:
    """Return ``model`` as trained on ``data`` with ``seed``, on the CPU, in inference mode.

    Arguments and errors as for ``c2f.zoo.weights.load``.
    """
    record = densenet_record(model, data, output)
    shape = {key: record.parameters[key] for key in ("num_classes", "image_size", "in_channels")}
    network = build_densenet(_kind(model), **shape, config=record.parameters["recipe"]["config"], seed=0)
    return load_weights(network, output, record, seed, *_commands(model, data, seed))
