"""Trained networks of glimpses, and the baselines that look once."""

from pathlib import Path
from typing import Any

from c2f.common.checks import choose
from c2f.networks.glimpse.backbones import backbone_names
from c2f.networks.glimpse.network import GlimpseSettings, MultiGlimpse, build
from c2f.runs.folder import find_record, load_weights, run_name
from c2f.runs.record import Record

KINDS = {
    "mgnet": "a few glimpses",
    "full": "one pass, full size",
    "equal": "one pass, equal compute",
}
"""What is trained, and how figures call it.

The Multi-Glimpse Network; its backbone once over the whole picture at full size; and its backbone once over the picture
shrunk so far that it costs as much as all glimpses. The two baselines are the same network with one glimpse, as in the
paper, sampled in the same way.
"""


def glimpse_name(data: str, kind: str = "mgnet", backbone: str = "small_cnn") -> str:
    """Return the name of the record of ``kind`` with ``backbone`` trained on ``data``.

    Raises:
        ValueError: an unknown kind or backbone.
    """
    choose(kind, KINDS, "kind of network")
    choose(backbone, backbone_names(), "backbone")
    return run_name(f"{kind}_{backbone}", data)


def _build(described: dict[str, Any], seed: int) -> MultiGlimpse:
    return build(
        described["backbone"],
        described["in_channels"],
        described["num_classes"],
        described["image_size"],
        GlimpseSettings(**described["look"]),
        seed=seed,
        standard=(described["mean"], described["std"]),
    )


def glimpse_record(data: str, kind: str = "mgnet", folder: Path | None = None, backbone: str = "small_cnn") -> Record:
    """Return the record of ``kind`` on ``data``: of ``folder``, or else of the runs that come with the book.

    Raises:
        ValueError: an unknown kind or backbone.
        RecordError: there is none (with the command that makes it), or it is damaged.
    """
    return find_record(folder, glimpse_name(data, kind, backbone), _command(data, kind, backbone))


def _command(data: str, kind: str, backbone: str, seed: int = 0) -> str:
    return f"glimpse {kind} {data} --backbone {backbone} --profile paper --seeds {seed}"


def load_glimpse(
    data: str, seed: int = 0, folder: Path | None = None, kind: str = "mgnet", backbone: str = "small_cnn"
) -> MultiGlimpse:
    """Return a trained network, on the CPU, in inference mode. It takes pictures ``(N, C, H, H)`` in [0, 1].

    Args:
        data: the name of the data set that it was trained on.
        seed: of the run.
        folder: what ``c2f glimpse`` wrote; by default the weights that come with the book.
        kind: a name in ``KINDS``; the baselines have one glimpse, and are otherwise the same.
        backbone: its name.

    Raises:
        ValueError: an unknown kind or backbone.
        RecordError: no such run, weights missing or not those of the record; each with what to do.
    """
    record = glimpse_record(data, kind, folder, backbone)
    network = _build(record.parameters, 0)
    return load_weights(network, folder, record, seed, _command(data, kind, backbone, seed))
