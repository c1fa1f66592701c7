"""Maps of trained networks side by side: which pictures, which layers, how wide the evidence is, what a map costs.

Axes: N pictures, C channels of a picture, H rows, W columns, h rows and w columns of a layer.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from c2f import datasets
from c2f.cam import CamResult, grad_cam, paper_layers, upsample
from c2f.datasets.data_name import DataName
from c2f.datasets.selection import stratified_subset
from c2f.runs.folder import folder_of, holds, record_path, run_name
from c2f.runs.record import read
from c2f.zoo.samples import TestSample, load_sample, predictions


def right_for_all(samples: Mapping[str, TestSample], device: str = "cpu") -> Tensor:
    """Return the places, int64 ascending, of the pictures that every one of ``samples`` classifies correctly.

    Raises:
        ValueError: the samples do not hold the same pictures, or there is no such picture.
    """
    right = _right(samples, device)
    if not right.any():
        raise ValueError(f"none of the {len(right)} pictures is classified correctly by {', '.join(samples)}")
    return right.nonzero()[:, 0]


def _right(samples: Mapping[str, TestSample], device: str) -> Tensor:
    """Return which pictures every one of ``samples`` classifies correctly, bool ``(N,)``."""
    first = next(iter(samples.values()))
    right = torch.ones(len(first.labels), dtype=torch.bool)
    for name, sample in samples.items():
        if not torch.equal(sample.indices, first.indices) or sample.images.shape != first.images.shape:
            raise ValueError(f"{name} is given other pictures than {next(iter(samples))}: load all with the same data")
        right &= predictions(sample.model.network, sample.images, sample.model.mean, device) == sample.labels
    return right


def right_or_all(samples: Mapping[str, TestSample], device: str = "cpu") -> tuple[Tensor, str]:
    """Return the places of ``right_for_all``, or where there are none those of all pictures, and what they are.

    Raises:
        ValueError: the samples do not hold the same pictures.
    """
    count = len(next(iter(samples.values())).labels)
    right = _right(samples, device)
    found = right.nonzero()[:, 0] if right.any() else torch.arange(count)
    said = f"{int(right.sum())} of {count} pictures are classified\ncorrectly by all {len(samples)} networks"
    return found, said if right.any() else f"{said}, so all are mapped, for the class that each network calls them"


def choose_pictures(samples: Mapping[str, TestSample], count: int, device: str = "cpu") -> Tensor:
    """Return ``count`` places, int64 ascending, of ``right_for_all``, as many of each class as there are; fewer where
    there are not so many."""
    right = right_for_all(samples, device)
    labels = next(iter(samples.values())).labels
    return right[stratified_subset(labels[right], count)]


def maps_by_layer(
    name: str,
    sample: TestSample,
    images: Tensor,
    layers: Mapping[str, str] | None = None,
    classes: Tensor | int | None = None,
    score: str = "logit",
    device: str = "cpu",
) -> dict[str, CamResult]:
    """Map the evidence in pictures at several layers of a trained network.

    Args:
        name: in ``c2f.networks.names()``.
        sample: the trained network; its mean picture is subtracted here.
        images: float ``(N, C, H, W)`` in [0, 1], as ``sample.images``.
        layers: their paths by what they are to be called; None takes the paper's, ``paper_layers``.
        classes: the classes to map, as for ``grad_cam``; None takes the predicted ones.
        score: ``logit`` or ``probability``.
        device: as torch names it.

    Raises:
        ValueError: as ``grad_cam``.
    """
    network, mean = sample.model.network.to(device), 0 if sample.model.mean is None else sample.model.mean.to(device)
    x = images.to(device) - mean
    layers = paper_layers(name) if layers is None else layers
    return {title: grad_cam(network, path, x, classes, score) for title, path in layers.items()}


def per_place(maps: Tensor) -> Tensor:
    """Return raw maps ``(N, h, w)`` times h * w, so that layers of different resolutions can share one colour scale.

    Grad-CAM's weights are means over the h * w places: in a finer layer each place has its smaller share of the same
    evidence. Times their number, the *mean* of a map is what the sum was before.
    """
    return maps * maps.shape[-2:].numel()


def extent(maps: Tensor) -> Tensor:
    """Return over which share of the picture the positive evidence of maps ``(N, H, W)`` extends, ``(N,)`` in [0, 1].

    The square of the mean over the mean of the squares, known as the sparseness of Treves and Rolls (1991): k places
    with equal evidence and none elsewhere give k / (H W). Without any positive evidence it is 0. It depends on the
    resolution: ``upsample`` maps that are to be compared to one size.
    """
    positive = maps.double().clamp(min=0).flatten(1)  # (N, HW)
    squares = (positive**2).mean(dim=1)
    return positive.mean(dim=1) ** 2 / torch.where(squares > 0, squares, 1)


def at_resolution(maps: Tensor, rows: int, size: int) -> Tensor:
    """Return maps ``(N, H, H)`` averaged to ``rows`` x ``rows`` and brought to ``size``: as if the layer were coarser.

    Raises:
        ValueError: ``rows`` is no divisor of H.
    """
    if rows < 1 or maps.shape[-1] % rows:
        raise ValueError(
            f"maps of {maps.shape[-2]}x{maps.shape[-1]} cannot be averaged to {rows}x{rows}: take a divisor"
        )
    return upsample(nn.functional.avg_pool2d(maps, maps.shape[-1] // rows), size)


def agreement(one: Tensor, other: Tensor) -> Tensor:
    """Return the correlation of each map of ``one`` ``(N, H, W)`` with its partner in ``other``, ``(N,)`` in [-1, 1].

    A map that is the same everywhere agrees with none: 0.
    """
    a, b = (maps.double().flatten(1) - maps.double().flatten(1).mean(dim=1, keepdim=True) for maps in (one, other))
    size = a.norm(dim=1) * b.norm(dim=1)
    return (a * b).sum(dim=1) / torch.where(size > 0, size, 1)


@dataclass(frozen=True)
class Cost:
    """What maps cost: ``forward_seconds`` of the plain network, ``seconds`` of Grad-CAM, and ``kept_bytes`` that it
    holds for its backward pass, weights not counted; all for one batch."""

    forward_seconds: float
    seconds: float
    kept_bytes: int


def cost(network: nn.Module, layer: str, pictures: Tensor) -> Cost:
    """Measure what Grad-CAM of ``pictures`` ``(N, C, H, W)`` at ``layer`` costs, in one batch; the best of 3 runs."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        grad_cam(network, layer, pictures, batch_size=len(pictures))
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}

    def seconds(maps: bool) -> float:
        start = time.perf_counter()
        if maps:
            grad_cam(network, layer, pictures, batch_size=len(pictures))
        else:
            with torch.inference_mode():
                network(pictures).sum().item()
        return time.perf_counter() - start

    return Cost(
        forward_seconds=min(seconds(maps=False) for _ in range(3)),
        seconds=min(seconds(maps=True) for _ in range(3)),
        kept_bytes=sum(size for place, size in kept.items() if place not in weights),
    )


def load_if_there(
    names: Sequence[str],
    data: str | None,
    seed: int,
    pictures: int | None = None,
    weights: Path | None = None,
    test_data: str | None = None,
) -> tuple[dict[str, TestSample], str]:
    """Load trained networks by name, with test pictures, where both are on this machine; or say what to do.

    Args:
        names: the networks, all trained on ``data`` with ``seed``.
        data: a data set or ``folder:PATH``; None for none.
        seed: of the training.
        pictures, weights, test_data: as for ``load_sample``.

    Returns:
        The samples and an empty text; or none, and what is missing and the remedy.

    Raises:
        ValueError: an unknown data set, or as ``load_sample``.
        c2f.runs.record.RecordError: weights that are there but damaged.
    """
    if data is None:
        return {}, "no data set is named"
    if not DataName.parse(data).folders:
        datasets.info(data)
    if missing := [name for name in names if not _weights_there(name, data, seed, weights)]:
        where = "the weights that come with the book" if weights is None else str(weights)
        commands = " and ".join(f"`c2f train {name} {data} --profile paper --seeds {seed}`" for name in missing)
        return {}, f"{where} lack {', '.join(missing)} on {data}: run {commands}, then name the folder (output)"
    try:
        return {name: load_sample(name, data, seed, pictures, weights, test_data) for name in names}, ""
    except FileNotFoundError as error:
        return {}, str(error)


def _weights_there(name: str, data: str, seed: int, weights: Path | None) -> bool:
    """Return whether the run is recorded and the files that it names lie there; records ship without large ones."""
    record = run_name(name, data)
    if not holds(weights, record, seed):
        return False
    run = read(record_path(weights, record)).run(seed)
    named = {} if run is None else run.files
    return all((folder_of(weights) / folder / file["file"]).exists() for folder, file in named.items())
