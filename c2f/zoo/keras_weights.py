"""The authors' weights as Keras wrote them (HDF5), laid into our networks: the Top-Down networks and the DenseNet-FCN.

In every network of ours, modules that hold weights are registered in the order in which the authors' code makes its
layers. Keras 2 lists the layers of a file in the order of their depth, but counts them, class by class, as they are
made: ``conv2d_7`` is made after ``conv2d_6``. Where all layers have such names, those of each class in the order of
their numbers are our modules of that class. Where the authors named them (DenseNet-FCN), ``NAMED`` says which is which.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from c2f.networks.densenet_models import FullDenseNet, HalfDenseNet

# layer -> kind of its arrays (kernel, gamma, moving_mean, ...) -> them
Layers = dict[str, dict[str, np.ndarray]]
_NUMBERED = re.compile(r"(conv2d|batch_normalization|dense)(?:_(\d+))?")
_KINDS: dict[str, type[nn.Module]] = {"conv2d": nn.Conv2d, "batch_normalization": nn.BatchNorm2d, "dense": nn.Linear}
_OURS = {
    "kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def read_layers(path: Path) -> Layers:
    """Return the layers of a file that ``model.save_weights`` or ``model.save`` of Keras 2 wrote, in the file's order.

    Arrays are known by their names, not by their place: HDF5 lists ``beta`` before ``gamma``.

    Raises:
        ImportError: h5py is not installed; the remedy.
        ValueError: no HDF5, another program's, Keras 3's ``.weights.h5`` (which numbers layers anew, by another rule),
            or an array of an unknown kind.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError("Keras's files are read by h5py: pip install h5py") from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path} is no whole HDF5 file: {error}") from error
    with file:
        root = file.get("model_weights", file)
        if "layer_names" not in root.attrs:
            raise ValueError(
                f"{path} is not of Keras 2: it lacks layer_names. A .weights.h5 of Keras 3 loses the order of "
                "creation: load it in Keras and save it as .h5 with legacy names"
            )
        layers: Layers = {}
        for name in map(_text, root.attrs["layer_names"]):
            arrays = {_kind(_text(w), path): np.asarray(root[name][_text(w)]) for w in root[name].attrs["weight_names"]}
            if arrays:
                layers[name] = arrays
    if not layers:
        raise ValueError(f"{path} holds no weights")
    return layers


def _text(name: str | bytes) -> str:  # bytes in older files
    return name.decode() if isinstance(name, bytes) else str(name)


def _kind(name: str, path: Path) -> str:
    kind = name.rpartition("/")[2].partition(":")[0]
    if kind not in _OURS:
        raise ValueError(f"{path} holds {name}: none of {', '.join(_OURS)}")
    return kind


def match(network: nn.Module, layers: Layers) -> dict[str, nn.Module]:
    """Return layer -> our module.

    Raises:
        ValueError: names that are neither numbered nor those of the authors' DenseNet-FCN, or other numbers of layers
            of a class than the network has.
    """
    if isinstance(network, FullDenseNet | HalfDenseNet):
        named = densenet_layers(network)
        if set(layers) != set(named):
            only = sorted(set(layers) ^ set(named))
            raise ValueError(f"{len(layers)} layers in the file, {len(named)} in the network; only in one: {only[:5]}")
        return named
    by_class: dict[str, list[tuple[int, str]]] = {kind: [] for kind in _KINDS}
    for name in layers:
        found = _NUMBERED.fullmatch(name)
        if found is None:
            raise ValueError(f"the layer {name!r} is not called as Keras calls one (conv2d_1, ...): which is it?")
        by_class[found[1]].append((int(found[2] or 0), name))
    matched: dict[str, nn.Module] = {}
    for kind, numbered in by_class.items():
        modules = [module for module in network.modules() if isinstance(module, _KINDS[kind])]
        if len(modules) != len(numbered):
            raise ValueError(f"{len(numbered)} layers {kind} in the file, {len(modules)} in the network")
        matched |= {name: module for (_, name), module in zip(sorted(numbered), modules, strict=True)}
    return matched


def densenet_layers(network: FullDenseNet | HalfDenseNet) -> dict[str, nn.Module]:
    """Return what the authors call the layers of the half or the full model -> our module."""
    half: Any = network.classifier if isinstance(network, FullDenseNet) else network
    found: dict[str, nn.Module] = {"initial_conv2D": half.stem[0], "initial_bn": half.stem[1][0]}

    def dense(number: int, block: Any) -> None:
        for i, layer in enumerate(block.layers):
            found[f"dense_{number}_{i}_bn"], found[f"dense_{number}_{i}_conv2D"] = layer[0][0], layer[1]

    def down(name: str, transition: Any) -> None:
        found[f"{name}_bn"], found[f"{name}_conv2D"] = transition[0][0], transition[1]

    down("tr_early", half.early)
    for i, (encode, shrink) in enumerate(zip(half.encode, half.shrink, strict=True)):
        dense(i, encode)
        down(f"tr_{i}", shrink)
    dense(len(half.encode), half.bottleneck)
    stages = [half.tap, *(network.expand if isinstance(network, FullDenseNet) else ())]
    for i, stage in enumerate(stages):
        found[f"tr_up_{i}_conv2DT"] = stage.up.grow
        dense(len(half.encode) + 1 + i, stage.dense)
    if isinstance(network, FullDenseNet):
        found |= {"tr_up_early_conv2DT": network.expand_up.grow, "main_output": network.rebuild}
    return found | {"conv_aux": half.head[0], "aux_output": half.head[2]}


def load_layers(network: nn.Module, layers: Layers) -> None:
    """Give ``network`` the weights of ``layers``; every shape is checked before the first is copied.

    Raises:
        ValueError: what ``match`` refuses, an array of another shape, one that is missing or too many, or NaN.
    """
    copies: list[tuple[Tensor, Tensor]] = []
    for name, module in match(network, layers).items():
        wanted = {key for key, value in module.state_dict().items() if value.ndim}
        if {_OURS[kind] for kind in layers[name]} != wanted:
            raise ValueError(f"the layer {name} holds {', '.join(layers[name])}, but ours {', '.join(sorted(wanted))}")
        for kind, array in layers[name].items():
            ours, theirs = getattr(module, _OURS[kind]), torch.from_numpy(np.ascontiguousarray(_turned(kind, array)))
            if ours.shape != theirs.shape:
                raise ValueError(
                    f"{kind} of the layer {name} is {tuple(theirs.shape)}, but ours is {tuple(ours.shape)}: it is of "
                    "another network, or of other channels or classes"
                )
            if not theirs.isfinite().all():
                raise ValueError(f"{kind} of the layer {name} holds NaN or infinity")
            copies.append((ours, theirs.float()))
    with torch.no_grad():
        for ours, theirs in copies:
            ours.copy_(theirs)


_TURN: Mapping[int, Callable[[np.ndarray], np.ndarray]] = {
    4: lambda kernel: kernel.transpose(3, 2, 0, 1),
    2: lambda kernel: kernel.T,
}


def _turned(kind: str, array: np.ndarray) -> np.ndarray:
    """Return a kernel in torch's order of axes: (out, in, rows, columns) of (rows, columns, in, out)."""
    return _TURN[array.ndim](array) if kind == "kernel" else array
