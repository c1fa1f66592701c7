"""A network of the user's own, built by a function in a Python file: ``FILE.py:FUNCTION`` in the place of a name.

::

    # mine.py
    def build():
        network = torchvision.models.resnet18(num_classes=3)
        network.load_state_dict(torch.load("mine.pt", weights_only=True))
        return OwnNetwork(network, image_size=224, classes=("cat", "dog", "owl"), mean=IMAGENET_MEAN, std=IMAGENET_STD)

The file is run: it is code, and trusted. Axes: N pictures, C channels, H rows, W = H columns, K classes.
"""

import hashlib
import importlib.util
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from c2f.common.checks import did_you_mean, positive_int
from c2f.common.files import expand
from c2f.networks.glimpse.backbones import Standardise

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OwnNetwork:
    """What a user's function returns, or the network alone, where the rest is the data's.

    Attributes:
        network: maps pictures ``(N, C, H, W)`` to logits ``(N, K)``, its weights loaded.
        image_size: H in pixels; None where the data's pictures all have one size.
        classes: K names in label order; None takes the data's in their order.
        in_channels: C; None takes the data's, 3 for photographs and 1 for grey pictures.
        mean: of each channel, which is taken from pictures in [0, 1] before they reach ``network``; None leaves them.
        std: of each channel, by which they are then divided; given with ``mean``.

    Raises:
        ValueError: a value of another type or out of range.
    """

    network: nn.Module
    image_size: int | None = None
    classes: Sequence[str] | None = None
    in_channels: int | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.network, nn.Module):
            raise ValueError(f"network must be a torch.nn.Module, not {type(self.network).__name__}")
        for name in ("image_size", "in_channels"):
            if getattr(self, name) is not None:
                positive_int(getattr(self, name), name)
        if isinstance(self.classes, str) or (self.classes is not None and len(set(self.classes)) != len(self.classes)):
            raise ValueError(f"classes must be a list of different names, in label order, not {self.classes!r}")
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std go together: give both, a number a channel, or none")

    def ready(self) -> nn.Module:
        """Return the network for pictures in [0, 1], in inference mode."""
        if self.mean is None or self.std is None:
            return self.network.eval()
        return nn.Sequential(Standardise(self.mean, self.std), self.network).eval()


def is_own(name: str) -> bool:
    """Return whether ``name`` is ``FILE.py:FUNCTION``, and not that of a network of the book."""
    return ".py:" in name


def build_own(name: str) -> OwnNetwork:
    """Run the function that ``FILE.py:FUNCTION`` names, and return what it built.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no such function, one that fails, or one that returns something else; the text names it.
    """
    path, function = _parted(name)
    logger.info("running %s() of %s: its code is trusted", function, path)
    spec = importlib.util.spec_from_file_location(f"_own_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None  # the name ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.absolute().parent))  # for what the file itself imports
    try:
        spec.loader.exec_module(module)
        if not callable(getattr(module, function, None)):
            there = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
            raise ValueError(f"{path} has no function {function!r}{did_you_mean(function, there)}")
        built = getattr(module, function)()
    except Exception as error:  # the user's code raises anything
        if type(error) is ValueError and str(error).startswith(f"{path} has no function"):
            raise
        raise ValueError(f"{name} failed: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(path.absolute().parent))
    if isinstance(built, nn.Module):
        built = OwnNetwork(built)
    if not isinstance(built, OwnNetwork):
        raise ValueError(
            f"{name} returned {type(built).__name__}: return a torch.nn.Module or a c2f.networks.OwnNetwork"
        )
    return built


def own_weights(name: str, network: nn.Module) -> dict[str, str]:
    """Return what tells the network's weights from others: the file of its code and a sha256 of its state."""
    digest = hashlib.sha256()
    for key, value in network.state_dict().items():
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(-1).numpy().tobytes())
    return {"file": _parted(name)[0].name, "sha256": digest.hexdigest()}


def _parted(name: str) -> tuple[Path, str]:
    file, _, function = name.rpartition(":")
    path = expand(file)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}, named by {name!r}")
    if not function:
        raise ValueError(f"{name!r} names no function: write {file}:build")
    return path, function
