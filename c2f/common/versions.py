"""What decides the bits of one result or another: the libraries, of which none is imported, the code, the processor."""

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from c2f.common.shipped import INSTALLED

DISTRIBUTION = "coarse-to-fine"
"""What the package is installed as; as `c2f` the registry has somebody else's."""
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
"""Names of the libraries' distributions."""


def versions() -> dict[str, str]:
    """Return distribution -> version of those in ``DECIDING`` that are installed."""
    return {name: version for name in DECIDING if (version := _version(name))}


@cache
def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def commit() -> str | None:
    """Return the commit of the checkout that the package runs from, ``+`` behind it for changed files, or None."""
    if INSTALLED:  # whose checkout the environment may lie in is nobody's matter
        return None
    here = Path(__file__).resolve().parents[1]
    git = ["git", "-C", str(here)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=10)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "."],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def processor() -> str:
    """Return the processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def driver() -> str | None:
    """Return the version of NVIDIA's driver, e.g. ``"570.86.15"``, or None where ``nvidia-smi`` tells none."""
    ask = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(ask, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(said.split()), None)
