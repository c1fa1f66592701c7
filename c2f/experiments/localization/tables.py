"""What measurements of evidence maps say together, those of today and the recorded ones.

Axes: N pictures, H rows, W columns, K classes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from c2f import networks
from c2f.common.checks import choose
from c2f.datasets.pictures import Pictures
from c2f.experiments.localization.measure import KINDS
from c2f.experiments.localization.run import FAITHFULNESS, RANDOM, compare
from c2f.metrics import localization
from c2f.metrics.localization.objects import find_objects
from c2f.metrics.localization.suite import POOLED, SINGLE, Measures
from c2f.metrics.statistics import Interval, interval
from c2f.runs.folder import records_of
from c2f.runs.record import Record
from c2f.training import recipes

TITLES = {**SINGLE, **POOLED, **FAITHFULNESS}
"""Every measure of a record, name -> what figures call it."""


def recorded(kind: str = "raw", output: Path | None = None) -> dict[str, dict[str, Record]]:
    """Return every recorded measurement by one kind of map: data -> network -> record.

    The order is that of data set and of the table of networks, and a network of the user's own is left out; ``output``
    is a folder that ``c2f locate`` wrote, or None for the reference runs.

    Raises:
        ValueError: an unknown kind.
        c2f.runs.record.RecordError: a damaged record.
    """
    choose(kind, KINDS, "kind of map")
    order = networks.names("classifier")
    found = {}
    for record in records_of("localization", output):
        about = record.parameters
        if about["maps"] == kind and about["network"] in order:
            found[about["data"], about["network"]] = record
    tables: dict[str, dict[str, Record]] = {}
    for data, network in sorted(found, key=lambda key: (key[0], order.index(key[1]))):
        tables.setdefault(data, {})[network] = found[data, network]
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


def _short(network: str) -> str:
    """Return ``Bottom-Up`` or whichever order of the scales a network's title ends with."""
    return networks.title(network).split()[-1]


def points(gap: Interval, digits: int = 0) -> str:
    """Return the difference ``gap`` of two shares in points of a percent, with its interval where there is one."""
    return f"{Interval(100 * gap.value, 100 * gap.low, 100 * gap.high):+.{digits}f}"


def _percent(values: Sequence[float], digits: int = 0) -> str:
    """Return the mean of shares, one a seed, in percent, and behind ± their standard deviation."""
    spread = (
        f"\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{100 * np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    )
    return f"{100 * np.mean(values):.{digits}f}{spread}"


def measures_table(found: Mapping[Any, Measures], measures: Iterable[str] = SINGLE | POOLED) -> pd.DataFrame:
    """Return ``measures`` of what was measured, in percent, a row an entry; pairs as keys give two levels of names."""
    measures = list(measures)
    return pd.DataFrame({key: {TITLES[m]: 100 * one.values[m] for m in measures} for key, one in found.items()}).T


def layers_table(measured: Mapping[str, Mapping[str, Measures]], measures: Iterable[str]) -> pd.DataFrame:
    """Return ``measures`` of each layer of each network, in percent; ``measured`` maps network -> layer -> measures."""
    rows = {(_short(name), layer): found for name, layers in measured.items() for layer, found in layers.items()}
    return measures_table(rows, measures)


def planted_table(
    maps: Mapping[str, tuple[Tensor, Tensor | None]], pictures: Pictures, others: Tensor, called: str = "garment"
) -> pd.DataFrame:
    """Return how often maps point at the planted patch, of all pictures and class by class, and how often at what says
    nothing, with the network's accuracy, all in percent; the last row is what chance gives.

    Args:
        maps: by the name of its row, ``(N, H, W)``, and the predicted classes ``(N,)``; None for maps of no network.
        pictures: N of them, whose masks are the patches.
        others: bool ``(N, H, W)``, where that is seen: the garments.
        called: what it is.
    """
    patches = find_objects(pictures, "planted").masks
    rows: dict[str, dict[str, float | None]] = {}
    for name, (heat, predicted) in maps.items():
        at_patch = localization.pointing_game(heat, patches)
        by_class = localization.by_class(at_patch, pictures.labels, len(pictures.classes)).tolist()
        rows[name] = {
            "accuracy": None if predicted is None else float((predicted == pictures.labels).double().mean()),
            "points at the patch": float(at_patch.mean()),
            f"points at the {called}": float(localization.pointing_game(heat, others).mean()),
            **{f"patch, {c}": value for c, value in zip(pictures.classes, by_class, strict=True)},
        }
    rows["by chance"] = {
        "points at the patch": localization.chance_level(patches),
        f"points at the {called}": float(others.double().mean()),
    }
    return 100 * pd.DataFrame(rows).T.astype(float)


def versions_table(
    base: Measures, versions: Mapping[str, Measures], measures: Iterable[str], resamples: int
) -> pd.DataFrame:
    """Return, as text, what each of ``versions`` of a top-down network's maps has more than a bottom-up network's maps.

    Args:
        base: of the bottom-up network.
        versions: of the top-down one, by what was done with its maps; of the same pictures.
        measures: names in ``SINGLE``.
        resamples: of the 95 % intervals of the differences.
    """
    rows: dict[str, dict[str, str]] = {}
    for m in measures:
        row = rows[TITLES[m]] = {"bottom-up (%)": f"{100 * float(base.each[m].mean()):.0f}"}
        for label, found in versions.items():
            gap = interval([found.each[m] - base.each[m]], resamples=resamples)
            row[f"top-down {label} (%)"] = f"{100 * float(found.each[m].mean()):.0f}"
            row[f"its lead, {label} (points)"] = points(gap)
    return pd.DataFrame(rows).T


def gaps_table(gaps: Mapping[str, Interval]) -> pd.DataFrame:
    """Return, as text, differences by ``compare`` (top-down minus bottom-up) with their ``verdict``, a row a measure.

    ``gaps`` maps names in ``TITLES`` to them.
    """
    rows = [(TITLES[m], points(g, 1), verdict(g)) for m, g in gaps.items()]
    columns = ["measure", "top-down minus bottom-up, points (95 % interval)", "more"]
    return pd.DataFrame(rows, columns=columns).set_index("measure")


def _by_class(record: Record, layer: str, measure: str) -> np.ndarray:
    """Return a measure of each class in [0, 1], ``(seeds, K)``, NaN of a class that was not there."""
    return np.array([run.details["layers"][layer]["by_class"][measure] for run in record.runs], dtype=float)


def classes_table(records: Mapping[str, Record], layer: str, measures: Iterable[str]) -> pd.DataFrame:
    """Return, as text and in percent, the mean over seeds of each class, in brackets the lowest seed, a column a
    measure and network.

    Args:
        records: by network.
        layer: whose maps.
        measures: names in ``SINGLE``.
    """
    columns = {}
    for network, record in records.items():
        for m in measures:
            each = _by_class(record, layer, m)
            ends = zip(100 * each.mean(axis=0), 100 * each.min(axis=0), strict=True)
            cells = [f"{mean:.0f} ({low:.0f})" for mean, low in ends]
            classes = record.runs[0].details["classes"]
            columns[f"{TITLES[m]} (%)", _short(network)] = dict(zip(classes, cells, strict=True))
    return pd.DataFrame(columns)


@dataclass(frozen=True, order=True)
class ClassShare:
    """The ``value`` of one class in [0, 1]; which ``network`` and ``seed`` has it, and the class's ``label``."""

    value: float
    network: str
    seed: int
    label: int


def lowest_class(records: Mapping[str, Record], layer: str, measure: str) -> ClassShare:
    """Return the lowest value of a class that any network and seed has; arguments as for ``classes_table``."""
    return min(
        ClassShare(float(row.min()), network, run.seed, int(row.argmin()))
        for network, record in records.items()
        for row, run in zip(_by_class(record, layer, measure), record.runs, strict=True)
    )


def recorded_table(found: Mapping[str, Mapping[str, tuple[Record, Path]]], measures: Iterable[str]) -> pd.DataFrame:
    """Return, as text, how long each network was trained and, in percent, mean and sd over seeds at its last layer, a
    row a data set and network, then each data set's baselines.

    Args:
        found: see ``first_recorded``.
        measures: names in ``TITLES``.
    """
    measures, rows = list(measures), {}
    for data, by_network in found.items():
        for name, (record, _) in by_network.items():
            last = max(record.parameters["layers"])
            cells = {f"{TITLES[m]} (%)": _percent(record.values(f"{last} {m}")) for m in measures}
            about = {"trained for": training_length(record), "seeds": str(len(record.runs))}
            rows[data, networks.title(name)] = about | cells
    for data, by_network in found.items():
        record, _ = next(iter(by_network.values()))
        for who, values in record.runs[0].details["baselines"].items():
            rows[data, who] = {f"{TITLES[m]} (%)": _percent([values[m]]) for m in measures}
    return pd.DataFrame(rows).T.fillna("")


def pair_table(pair: Mapping[str, Record], home: Path, measures: Iterable[str], resamples: int) -> pd.DataFrame:
    """Return, as text, measures of two networks at the last layer and at each one's best, with their difference and its
    95 % interval.

    Args:
        pair: records of the bottom-up and the top-down network, by network, and ``home``, their folder: see
            ``pair_recorded``.
        measures: names in ``SINGLE`` and ``POOLED``.
        resamples: of the intervals.
    """
    bottom_up, top_down = pair
    about = pair[bottom_up].parameters
    centre = pair[bottom_up].runs[0].details["baselines"]["centre box"]
    measures, rows = list(measures), {}
    for at in ("last layer", "best layer"):
        for m in measures:
            layers = {n: max(about["layers"]) if at == "last layer" else best_layer(r, m) for n, r in pair.items()}
            a, b = (bottom_up, layers[bottom_up]), (top_down, layers[top_down])
            gap = compare(a, b, about["data"], m, about["maps"], home, resamples)
            row = rows[at, TITLES[m]] = {"centre box (%)": _percent([centre[m]])}
            for n, record in pair.items():
                row[f"{_short(n)} (%)"] = f"{_percent(record.values(f'{layers[n]} {m}'))} ({layers[n]})"
            row["difference (points)"] = points(gap)
    return pd.DataFrame(rows).T


def faithfulness_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return, as text, the areas of ``FAITHFULNESS`` (a mean probability, in percent), mean and sd over seeds, a row a
    layer, each network's random maps last.
    """
    return pd.DataFrame(
        {
            (_short(network), layer): {
                f"{title} (%)": _percent(record.values(f"{layer} {what}"), 1) for what, title in FAITHFULNESS.items()
            }
            for network, record in records.items()
            for layer in (*record.parameters["layers"], RANDOM)
        }
    ).T
