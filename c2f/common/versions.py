"""The libraries that decide the bits of one result or another, and their versions; none of them is imported."""

from importlib import metadata

DECIDING = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "pillow",
    "scikit-image",
    "safetensors",
    "foolbox",
    "pyautoattack",
)
"""Names of distributions."""


def versions() -> dict[str, str]:
    """Return distribution -> version of those in ``DECIDING`` that are installed."""
    return {name: version for name in DECIDING if (version := _version(name))}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
