"""The authors' weights of the Multi-Glimpse Network as PyTorch Lightning wrote them: tensors, and nothing else.

A ``.ckpt`` is a pickle, and may hold any object and run any code when it is opened. Here it is opened by a reader that
makes tensors and plain containers; whatever else a name in the file stands for becomes an empty object, never imported.
"""

import collections
import pickle
import types
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

OURS = {
    "feat_fusion": "fusion",
    "loc_network": "locate",
    "global_fc.fc": "classify",
    "glimpse_fc.fc": "classify_glimpse",
}
"""What the authors call a part -> ours; all others have the same names."""
_SAFE = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}


class _Nothing:
    """Stands for every object that is no tensor: takes any arguments and any state, and does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> "_Nothing":
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> "_Nothing":
        return self

    def append(self, _: Any) -> None:
        """Take an item, as lists do."""

    extend = append

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


class _TensorsOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _SAFE:
            return _SAFE[module, name]
        found = getattr(torch, name, None) if module == "torch" else None
        if isinstance(found, torch.dtype) or (isinstance(found, type) and name.endswith("Storage")):
            return found
        return _Nothing


_READER = types.SimpleNamespace(
    __name__="pickle", Unpickler=_TensorsOnly, load=lambda file, **how: _TensorsOnly(file, **how).load()
)


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint's ``state_dict``, by the names in the file.

    Under weight averaging that is the average, which the authors' evaluation would take too.

    Raises:
        ValueError: no checkpoint of PyTorch Lightning, or a damaged one.
    """
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is no checkpoint as torch has written them since 2020, a zip archive, or is cut short"
        )
    with zipfile.ZipFile(path) as archive:
        if any(name.endswith("constants.pkl") for name in archive.namelist()):
            raise ValueError(f"{path} is a TorchScript program, not a checkpoint of tensors")
    try:
        content = torch.load(path, map_location="cpu", weights_only=False, pickle_module=_READER)
    except Exception as error:  # a damaged pickle raises anything
        raise ValueError(f"{path} is no whole checkpoint: {type(error).__name__}: {error}") from error
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not any(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no state_dict with tensors, as a checkpoint of PyTorch Lightning does")
    return {str(name): value for name, value in state.items() if isinstance(value, Tensor)}


def load_state(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Give ``network`` the weights of ``state``; names may have a prefix, such as ``model.``, that all share.

    Raises:
        ValueError: names that are missing or too many, another shape, or NaN.
    """
    own = network.state_dict()
    standard = [name for name in own if name.rpartition(".")[2] in ("mean", "std") and name.startswith("backbone.0.")]
    named = {_our_name(name, bool(standard)): value for name, value in state.items()}
    named = {name: value for name, value in named.items() if name is not None}
    missing = sorted(set(own) - set(named) - set(standard))
    more = sorted(set(named) - set(own))
    if missing or more:
        raise ValueError(f"the checkpoint lacks {missing[:5] or 'nothing'} and has {more[:5] or 'nothing'} too many")
    for name, value in named.items():
        if value.shape != own[name].shape or not value.isfinite().all():
            raise ValueError(f"{name} is {tuple(value.shape)}, or holds NaN; ours is {tuple(own[name].shape)}")
    network.load_state_dict({**{name: own[name] for name in standard}, **named})


def _our_name(name: str, standard: bool) -> str:
    """Return our name of a tensor: prefixes of wrappers taken off, the authors' words put into ours."""
    name = name.replace("_orig_mod.", "")
    starts = [name.find(part) for part in ("backbone.", *(f"{part}." for part in OURS)) if part in name]
    name = name[min(starts) :] if starts else name
    for theirs, ours in OURS.items():
        name = name.replace(theirs, ours)
    return name.replace("backbone.", "backbone.1.", 1) if standard else name
