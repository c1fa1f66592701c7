"""The shipped sample of Fashion-MNIST: its record, and the check that its files are what the record says."""

import json
from pathlib import Path
from typing import Any

from c2f.common.files import sha256
from c2f.datasets.decoding import DamagedData


def read_record(folder: Path) -> dict[str, Any]:
    """Return ``sample.json``: source, licence, citation, how it was drawn, each file's bytes and SHA-256.

    Raises:
        DamagedData: it is no such record.
    """
    path = folder / "sample.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not all(len(entry["sha256"]) == 64 for entry in record["files"].values()):
            raise ValueError("a file without its SHA-256")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedData(f"{path} is not the sample's record: {error}") from error
    return record


def check_sample(folder: Path) -> None:
    """Check every file of the sample in ``folder`` against its record.

    Raises:
        DamagedData: a file is missing or holds other bytes.
    """
    for name, entry in read_record(folder)["files"].items():
        path = folder / name
        if not path.exists():
            raise DamagedData(f"{path} is missing")
        if sha256(path) != entry["sha256"]:
            raise DamagedData(
                f"{path} is damaged: {path.stat().st_size} bytes that do not have the recorded SHA-256 "
                f"(the true file has {entry['bytes']} bytes)"
            )
