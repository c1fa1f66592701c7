"""A benchmark as a table, and several networks side by side."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from c2f import attacks, corruptions
from c2f.benchmark.parts import PARTS
from c2f.common.checks import choose
from c2f.metrics.localization.suite import POOLED, SINGLE
from c2f.metrics.statistics import Interval, seeds_interval
from c2f.runs.record import Record, Run

_SHARES = ("accuracy", "top5", "pgd", "corrupted", "pointing", "energy", "px_ap")
"""Beginnings of values in [0, 1], shown in percent."""
_UNITS = {
    "multiply_adds": (1e-6, "million multiply-adds"),
    "peak_mib": (1, "peak memory of a batch of 100 (MiB)"),
    "suspicious": (1, "tests that find signs of masked gradients"),
}
_QUANTITIES = {
    "l2_at_50": "L2 at 50 points lost",
    "points_lost": "points lost in the end",
}
COLUMNS = (
    "accuracy", "parameters", "multiply_adds", "additive_gaussian l2_at_50", "gaussian_blur l2_at_50",
    "shifts points_lost", "pgd 2/255", "corrupted", "energy",
)  # fmt: skip
"""What stands of each network in the table side by side."""


def called(value: str) -> tuple[str, float]:
    """Return what a table calls a value of the record, with its unit, and what it is multiplied by."""
    first, _, rest = value.partition(" ")
    if value in _UNITS:
        return _UNITS[value][1], _UNITS[value][0]
    if rest in _QUANTITIES:
        return f"{attacks.title(first)}: {_QUANTITIES[rest]}", 1
    if first == "pgd":
        return f"accuracy left by PGD of {rest} (%)", 100
    if first == "corrupted":
        return f"accuracy under {corruptions.title(rest).lower() if rest else 'all corruptions'} (%)", 100
    if first == "ms":
        return f"milliseconds a picture, {rest}", 1
    named = value.replace(first, {**SINGLE, **POOLED}.get(first, first), 1)
    return (f"{named} (%)", 100) if first in _SHARES else (named, 1)


def written(found: Interval, factor: float, sign: str = "") -> str:
    """Return a number with its interval, times ``factor``, as text: percentages to a tenth, whole from 1,000 on, others
    to three digits; ``sign``: ``+`` for differences.
    """
    scaled = Interval(*(factor * end for end in (found.value, found.low, found.high)))
    large = any(999.5 <= abs(end) < math.inf for end in (scaled.value, scaled.low, scaled.high))
    digits = ".1f" if factor == 100 else ",.0f" if large else ".3g"
    return format(scaled, f"{sign}z{digits}")


def one_table(run: Run) -> pd.DataFrame:
    """Return what a benchmark measured, as text, a row a value, in the order of its parts; what was left out stands
    there with its reason.
    """
    rows = []
    for part, values in run.details["by_part"].items():
        for value in values:
            name, factor = called(value)
            rows.append((PARTS[part].title, name, written(Interval(run.values[value], math.nan, math.nan), factor)))
    rows += [(PARTS[part].title, "left out", why) for part, why in run.details["left_out"].items()]
    return pd.DataFrame(rows, columns=["part", "measured", "value"]).set_index(["part", "measured"])


def side_by_side(records: Mapping[str, Record], columns: Sequence[str] = COLUMNS) -> pd.DataFrame:
    """Return networks side by side as text: mean over seeds with a 95 % interval, a row a network.

    Args:
        records: of benchmarks, by what their rows are called.
        columns: names of values; a cell is empty where a benchmark lacks one.

    Raises:
        ValueError: a value that no record has.
    """
    known = {name for record in records.values() for run in record.runs for name in run.values}
    rows = {}
    for title, record in records.items():
        row = {"seeds": str(len(record.runs)), "pictures": f"{record.parameters['pictures']:,}"}
        for column in columns:
            name, factor = called(choose(column, known, "value of a benchmark"))
            values = [run.values[column] for run in record.runs if column in run.values]
            row[name] = written(seeds_interval(values), factor) if values else ""
        rows[title] = row
    return pd.DataFrame.from_dict(rows, orient="index")
