"""Where a run took place: versions, device, threads, memory, commit."""

import hashlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

import c2f
from c2f.common.versions import commit, driver, processor, versions

_SHOWING = ("__main__.py", "book", "cli", "plotting", "reference", "scorecard", "sweep")


def peak_memory() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return a digest of what decides results: the package's source, but for what only shows them, and the libraries.

    What was begun by one version is not gone on with by another.
    """
    here = Path(c2f.__file__).parent
    digest = hashlib.sha256(json.dumps(versions()).encode())
    for path in sorted(here.rglob("*.py")):
        if path.relative_to(here).parts[0] not in _SHOWING:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def environment(device: str, seconds: float) -> dict[str, Any]:
    """Return where a run took place: versions, device, threads, duration, peak memory, commit and date (UTC), of a
    GPU also its driver.
    """

    cuda = torch.device(device).type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else processor(),
        **({"driver": driver()} if cuda else {}),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "seconds": round(seconds, 3),
        "peak_memory_bytes": peak_memory(),
        "peak_device_memory_bytes": torch.cuda.max_memory_allocated(device) if cuda else 0,
        "versions": {
            "c2f": c2f.__version__,
            "python": platform.python_version(),
            **versions(),
            "torch": torch.__version__,  # which build, too: 2.9.0+cu128
        },
        "system": f"{platform.system()} {platform.machine()}",
        "commit": commit(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
