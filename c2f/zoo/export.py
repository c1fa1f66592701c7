"""Trained networks for other programs: ``export`` writes one as an ONNX file, compared with PyTorch.

Axes: N pictures, C channels, H rows and columns, T glimpses, K classes.
"""

import contextlib
import io
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import c2f
from c2f.common.files import atomic_path, check_writable
from c2f.networks.glimpse.network import MultiGlimpse
from c2f.networks.modes import copied
from c2f.zoo.models import TrainedModel

NEEDED = ("onnx", "onnxscript", "onnxruntime")
"""Packages that only an export needs; the extra ``export`` installs them."""
BATCHES = (1, 3, 8)
"""How many pictures the written file and the network are compared on, one batch after the other."""
TOLERANCE = 1e-4
"""The largest difference that is let pass, as a share of the largest output, or of 1 where that is larger."""


@dataclass(frozen=True)
class Exported:
    """What was written. ``path`` and its ``size`` in bytes; ``outputs``: their names in order; ``difference``: the
    largest to PyTorch's, over all outputs of ``pictures`` random pictures.
    """

    path: Path
    size: int
    outputs: tuple[str, ...]
    difference: float
    pictures: int


class _LessMean(nn.Module):
    """A network that takes pictures as they are: the mean picture that it was trained without is taken off inside."""

    mean: Tensor | None

    def __init__(self, network: nn.Module, mean: Tensor | None):
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean)

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Map ``(N, C, H, H)`` in [0, 1] to the logits."""
        return (self.network(pictures if self.mean is None else pictures - self.mean),)


class _EveryGlimpse(nn.Module):
    """A network of glimpses whose answers have the pictures in front: last logits, all logits, locations."""

    def __init__(self, network: MultiGlimpse):
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Map ``(N, C, H, H)`` in [0, 1] to ``(N, K)``, ``(N, T, K)`` and ``(N, T, 3)``."""
        seen = self.network(pictures)
        return seen.logits[-1], seen.logits.transpose(0, 1), seen.locations.transpose(0, 1)


def export(model: TrainedModel, path: Path) -> Exported:
    """Write ``model`` as an ONNX file that takes batches of any size, all that it does to pictures inside.

    The input ``pictures`` is float32 ``(N, C, H, H)`` in [0, 1]. The outputs: ``logits`` ``(N, K)``, of a segmentation
    network ``(N, K, H, H)``; of a network of glimpses those of the last glimpse, and with them ``answers``
    ``(N, T, K)`` and ``locations`` ``(N, T, 3)``. The file's metadata names the network, its data, seed, weights and
    classes. What is written was run by onnxruntime on random pictures, and gave what PyTorch gives.

    Raises:
        ImportError: a package of ``NEEDED`` is missing.
        PermissionError, OSError: the file cannot be written.
        RuntimeError: the two do not agree within ``TOLERANCE``; nothing is written.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ImportError(f"an export needs {', '.join(missing)}: pip install {' '.join(missing)}")
    check_writable(path.parent)
    about = model.record.parameters
    shape = (about["in_channels"], about["image_size"], about["image_size"])
    inner = copied(model.network).eval()
    network = _EveryGlimpse(inner) if isinstance(inner, MultiGlimpse) else _LessMean(inner, model.mean)
    outputs = ("logits", "answers", "locations") if isinstance(inner, MultiGlimpse) else ("logits",)
    content = _onnx(network.eval(), shape, outputs, _metadata(model))
    difference = _difference(network, shape, content)
    if not difference <= TOLERANCE:
        raise RuntimeError(
            f"{model.name} as ONNX is {difference:.1e} off PyTorch, and at most {TOLERANCE:.0e} is let pass: nothing "
            "was written; try other versions of torch, onnxscript and onnxruntime"
        )
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return Exported(path, len(content), outputs, difference, sum(BATCHES))


def _metadata(model: TrainedModel) -> dict[str, str]:
    return {
        "network": model.name,
        "data": model.record.parameters["data"],
        "seed": str(model.seed),
        "classes": json.dumps(model.classes),
        "input": "float32 pictures (N, C, H, H) in [0, 1]; whatever else is done to them is inside",
        "weights_sha256": model.weights["sha256"],
        "c2f": c2f.__version__,
    }


def _onnx(network: nn.Module, shape: tuple[int, ...], outputs: tuple[str, ...], metadata: dict[str, str]) -> bytes:
    example = torch.zeros(2, *shape)  # with one picture some networks are exported for batches of one, without a word
    with contextlib.redirect_stdout(io.StringIO()):  # it tells of its steps
        program: Any = torch.onnx.export(
            network,
            (example,),
            input_names=["pictures"],
            output_names=list(outputs),
            dynamic_shapes=({0: "N"},),
            dynamo=True,
            verbose=False,
        )
    program.model.metadata_props.update(metadata)
    for node in program.model.graph:  # where in which file on this machine each was made
        node.metadata_props.clear()
    return program.model_proto.SerializeToString()


def _difference(network: nn.Module, shape: tuple[int, ...], content: bytes) -> float:
    """Return the largest difference of any output, as a share of its largest value or of 1."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    generator, largest = torch.Generator().manual_seed(0), 0.0
    for count in BATCHES:
        pictures = torch.rand(count, *shape, generator=generator)
        with torch.no_grad():
            wanted = network(pictures)
        given = [torch.from_numpy(output) for output in session.run(None, {"pictures": pictures.numpy()})]
        for one, other in zip(given, wanted, strict=True):
            if one.shape != other.shape:
                return float("inf")
            share = float((one - other).abs().max() / other.abs().max().clamp(min=1))
            if not share <= largest:  # NaN too
                largest = share
    return largest
