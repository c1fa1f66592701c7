"""What the recorded measurements of evidence maps say together."""

from pathlib import Path

from c2f import networks, zoo
from c2f.checks import choose
from c2f.looking import KINDS, POOLED, SINGLE
from c2f.looking_runs import FAITHFULNESS
from c2f.records import Record, read_folder
from c2f.robustness import Interval

TITLES = {**SINGLE, **POOLED, **FAITHFULNESS}
"""Every measure of a record, name -> what figures call it."""


def recorded(kind: str = "raw", output: Path | None = None) -> dict[str, dict[str, Record]]:
    """Return every recorded measurement by one kind of map: data -> network -> record.

    The order is that of data set and of the table of networks; ``output`` is a folder that ``c2f locate`` wrote, or
    None for the reference runs.

    Raises:
        ValueError: an unknown kind.
        c2f.records.RecordError: a damaged record.
    """
    choose(kind, KINDS, "kind of map")
    folder = zoo.SHIPPED if output is None else Path(output)
    found = [
        record
        for record in read_folder(folder / "runs").values()
        if record.kind == "localization" and record.parameters["maps"] == kind
    ]
    found.sort(key=lambda r: (r.parameters["data"], networks.names().index(r.parameters["network"])))
    tables: dict[str, dict[str, Record]] = {}
    for record in found:
        tables.setdefault(record.parameters["data"], {})[record.parameters["network"]] = record
    return tables


def by_layer(records: dict[str, Record], measure: str) -> dict[str, dict[str, list[float]]]:
    """Return a measure of each network: network -> layer -> values, one a seed.

    Raises:
        ValueError: an unknown measure.
    """
    choose(measure, TITLES, "measure")
    return {
        network: {layer: record.values(f"{layer} {measure}") for layer in record.parameters["layers"]}
        for network, record in records.items()
    }


def verdict(difference: Interval) -> str:
    """Say which network has more by ``looking_runs.compare`` (top-down minus bottom-up), if it can be told at all."""
    if difference.low > 0:
        return "top-down"
    return "bottom-up" if difference.high < 0 else "cannot be told"
