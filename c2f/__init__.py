"""Coarse to Fine: networks that look at the whole picture small first and at the detail later.

The package behind the book of the same name. Importing it is quick and silent; its public parts are loaded when they
are first asked for::

    import c2f
    network = c2f.networks.build("lenetfc_td", in_channels=1, num_classes=10, image_size=28)
    fashion = c2f.datasets.load("fashion-mnist-sample")
    trained = c2f.zoo.load("lenetfc_td", "fashion-mnist")
"""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"
__all__ = [
    "attacks",
    "cam",
    "corruptions",
    "datasets",
    "experiments",
    "metrics",
    "networks",
    "plotting",
    "reference",
    "runs",
    "training",
    "zoo",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"c2f.{name}")
    raise AttributeError(f"module 'c2f' has no attribute {name!r}; there are {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
