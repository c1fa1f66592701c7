"""Trained segmentation networks."""

from pathlib import Path
from typing import Any

from c2f.common.checks import choose
from c2f.networks.segmentation import SEGMENTATION_NETWORKS, Segmentation, build_segmentation
from c2f.runs.folder import find_record, load_weights, run_name
from c2f.runs.record import Record


def segmentation_name(network: str, data: str) -> str:
    """Return the name of the record of ``network`` (``td``, ``unet``, ``fcn``) trained on meshes of ``data``."""
    choose(network, SEGMENTATION_NETWORKS, "segmentation network")
    return run_name(f"segmentation_{network}", data)


def segmentation_record(network: str, data: str, output: Path | None = None) -> Record:
    """Return the record of ``network`` on meshes of ``data``: of ``output``, or else the shipped reference runs.

    Raises:
        ValueError: an unknown network.
        RecordError: there is none (with the command that makes it), or it is damaged.
    """
    return find_record(output, segmentation_name(network, data), _command(network, data))


def _command(network: str, data: str, seed: int = 0) -> str:
    return f"segment {network} {data} --seeds {seed}"


def load_segmentation(network: str, data: str, seed: int = 0, output: Path | None = None) -> Segmentation:
    """Return ``network`` as trained on meshes of ``data`` with ``seed``, on the CPU, in inference mode.

    Arguments and errors as for ``c2f.zoo.weights.load``.
    """
    record = segmentation_record(network, data, output)
    shape: dict[str, Any] = {
        key: record.parameters[key] for key in ("num_classes", "image_size", "in_channels", "width")
    }
    model = build_segmentation(network, **shape, seed=0)
    return load_weights(model, output, record, seed, _command(network, data, seed))
