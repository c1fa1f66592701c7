"""What the recorded measurements of evidence maps say together."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from c2f import networks
from c2f.common.checks import choose
from c2f.experiments.localization.measure import KINDS
from c2f.experiments.localization.run import FAITHFULNESS
from c2f.metrics.localization.suite import POOLED, SINGLE
from c2f.metrics.statistics import Interval
from c2f.runs.folder import records_of
from c2f.runs.record import Record
from c2f.training import recipes

TITLES = {**SINGLE, **POOLED, **FAITHFULNESS}
"""Every measure of a record, name -> what figures call it."""


def recorded(kind: str = "raw", output: Path | None = None) -> dict[str, dict[str, Record]]:
    """Return every recorded measurement by one kind of map: data -> network -> record.

    The order is that of data set and of the table of networks; ``output`` is a folder that ``c2f locate`` wrote, or
    None for the reference runs.

    Raises:
        ValueError: an unknown kind.
        c2f.runs.record.RecordError: a damaged record.
    """
    choose(kind, KINDS, "kind of map")
    found = [record for record in records_of("localization", output) if record.parameters["maps"] == kind]
    found.sort(key=lambda r: (r.parameters["data"], networks.names("classifier").index(r.parameters["network"])))
    tables: dict[str, dict[str, Record]] = {}
    for record in found:
        tables.setdefault(record.parameters["data"], {})[record.parameters["network"]] = record
    return tables


def first_recorded(folders: Sequence[Path], kind: str = "raw") -> dict[str, dict[str, tuple[Record, Path]]]:
    """Return recorded measurements as ``recorded`` does, each from the first of ``folders`` that has it, and that
    folder: so runs at full length take the place of short ones that lie in a later folder.
    """
    tables: dict[str, dict[str, tuple[Record, Path]]] = {}
    for folder in folders:
        for data, by_network in recorded(kind, folder).items():
            for network, record in by_network.items():
                tables.setdefault(data, {}).setdefault(network, (record, folder))
    return tables


def pair_recorded(
    folders: Sequence[Path], data: str, pair: tuple[str, str], kind: str = "raw"
) -> tuple[dict[str, Record], Path] | None:
    """Return the records of both networks of ``pair`` on ``data``, from the first of ``folders`` that has both, and
    that folder; None where none has. A network of a full run is never laid beside one of a short run.
    """
    for folder in folders:
        there = recorded(kind, folder).get(data, {})
        if all(network in there for network in pair):
            return {network: there[network] for network in pair}, folder
    return None


def training_length(record: Record) -> str:
    """Say how long the measured networks were trained, see ``c2f.training.recipes.training_length``."""
    about = record.parameters
    return recipes.training_length(about["network"], about["data"], about["recipe"])


def best_layer(record: Record, measure: str) -> str:
    """Return the layer whose mean over the seeds is highest, chosen in hindsight, on the pictures that are scored.

    Raises:
        ValueError: an unknown measure.
    """
    choose(measure, TITLES, "measure")
    return max(record.parameters["layers"], key=lambda layer: np.mean(record.values(f"{layer} {measure}")))


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
    """Say which network has more by ``compare`` (top-down minus bottom-up), if any."""
    if difference.low > 0:
        return "top-down"
    return "bottom-up" if difference.high < 0 else "cannot be told"
