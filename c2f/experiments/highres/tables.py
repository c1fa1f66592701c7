"""What the records of models and maps say, value against value, so that one data set's answers can be held against
another's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from c2f.common.checks import choose
from c2f.experiments.highres.maps import TITLES
from c2f.experiments.highres.recipes import departures
from c2f.metrics.localization.suite import Measures
from c2f.networks.densenet_fcn import FULL
from c2f.runs.record import Record, Run

FINDINGS = {
    "correlation of high and low map, against 0": ("to_low", None),
    "explained by the colours (R²), high against low": ("to_colours", "low_to_colours"),
    "pointing game, high against low": ("pointing high", "pointing low"),
    "PxAP, high against low": ("px_ap high", "px_ap low"),
    "PxAP, high against random values": ("px_ap high", "px_ap random map"),
    "PxAP, low against a box in the centre": ("px_ap low", "px_ap centre box"),
    "pointing game, refined against its control": ("pointing refined", "pointing refined_grey"),
    "PxAP, refined against its control": ("px_ap refined", "px_ap refined_grey"),
}
"""What is compared -> the two values of a run of ``c2f.experiments.highres.maps_run.maps_run``; None is zero."""

RESEMBLANCE = {
    "to_low": "high and low map of the same class (r)",
    "orders_as_good": "share of other orders that do as well",
    "to_colours": "high map, explained by the picture's colours (R²)",
    "low_to_colours": "low map, explained by the picture's colours (R²)",
    "classes": "high maps of two classes of one picture (r)",
    "low_classes": "low maps of two classes of one picture (r)",
}
"""Values of ``c2f.experiments.highres.maps_run.Resemblance``, name -> what tables call it."""
LOCATED = {
    "pointing": "pointing game",
    "energy": "energy on the object",
    "px_ap": "PxAP",
    "iou": "IoU",
    "box_acc": "box accuracy",
}
"""Measures of a map in ``located_table``, name -> what it calls them."""


@dataclass(frozen=True)
class Value:
    """A recorded number with the ends of its interval over pictures, which are itself where there is none."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        ends = "" if self.low == self.high else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.mean:.2f}{ends}"


@dataclass(frozen=True)
class Comparison:
    """Two values of the same pictures."""

    one: Value
    other: Value

    @property
    def sign(self) -> str:
        """``<`` or ``>`` where the intervals lie apart, ``~`` where they meet.

        That is strict: of the same pictures, two values can differ though their intervals meet.
        """
        if self.one.high < self.other.low:
            return "<"
        return ">" if self.one.low > self.other.high else "~"

    def __str__(self) -> str:
        return f"{self.one} {self.sign} {self.other}"


def value_of(run: Run, name: str | None) -> Value:
    """Return the value ``name`` of a run of ``c2f.experiments.highres.maps_run.maps_run``; None is zero.

    Raises:
        ValueError: the run has no such value.
    """
    if name is None:
        return Value(0, 0, 0)
    mean = run.values[choose(name, run.values, "value")]
    low, high = run.details["intervals"].get(name, (mean, mean))
    return Value(mean, low, high)


def compare(run: Run, one: str, other: str | None) -> Comparison:
    """Return two values of a run beside each other.

    Raises:
        ValueError: the run has no such value.
    """
    return Comparison(value_of(run, one), value_of(run, other))


def findings(run: Run) -> dict[str, Comparison]:
    """Return every comparison of ``FINDINGS`` in a run of ``c2f.experiments.highres.maps_run.maps_run``."""
    return {text: compare(run, one, other) for text, (one, other) in FINDINGS.items()}


def trainings_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return, as text, how good recorded models are on their test pictures, what they cost and how they were trained.

    ``records`` maps a model to its record; the rows are in the order in which those of the full model come.
    """
    columns: dict[str, dict[str, object]] = {}
    for name, record in records.items():
        about, changed = record.parameters, departures(record.parameters).items()
        tested = {key: found.mean for key, found in record.summary.items() if key.startswith("test_")}
        columns[name] = {
            **{key.removeprefix("test_").replace("_", " "): f"{value:.4g}" for key, value in tested.items()},
            "parameters": f"{about['parameters']:,}",
            "of them trained": f"{about['trained_parameters']:,}",
            "multiply-adds (million)": f"{about['multiply_adds'] / 1e6:.1f}",
            "seeds": len(record.runs),
            "recipe": ", ".join(f"{field} {here}, not {there}" for field, (here, there) in changed) or "as it is",
        }
    return pd.DataFrame(columns).reindex(list(columns[FULL])).fillna("").rename_axis("on the test pictures")


def resemblance_table(columns: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return, as text, what maps resemble, a row an entry of ``RESEMBLANCE``; ``columns`` maps titles to its values."""
    found = {title: {text: values[name] for name, text in RESEMBLANCE.items()} for title, values in columns.items()}
    return pd.DataFrame(found).map("{:.2f}".format)


def decoders_table(record: Record) -> pd.DataFrame:
    """Return, as text, what the maps of each decoder resemble, a row a seed of a record of
    ``c2f.experiments.highres.decoders``.
    """
    rows = {
        run.seed: {
            "high and low map (r)": f"{run.values['to_low']:+.3f}",
            "mean of the other orders (r)": f"{run.values['orders']:+.3f}",
            "other orders that do as well": f"{100 * run.values['orders_as_good']:.0f} %",
            "explained by colours": f"{100 * run.values['to_colours']:.0f} %",
        }
        for run in record.runs
    }
    return pd.DataFrame(rows).T.rename_axis("seed")


def located_table(found: Mapping[str, Measures]) -> pd.DataFrame:
    """Return, as text, the measures of ``LOCATED``, a row a map as ``c2f.experiments.highres.maps_run.locate`` gives
    them.
    """
    rows = {
        TITLES.get(name, name): {text: f"{one.values[measure]:.2f}" for measure, text in LOCATED.items()}
        for name, one in found.items()
    }
    return pd.DataFrame(rows).T


def findings_table(runs: Mapping[str, Run]) -> pd.DataFrame:
    """Return, as text, the ``findings`` of several runs side by side, and how many other orders do as well in each."""
    columns = {
        what: {
            **{text: str(pair) for text, pair in findings(run).items()},
            "other orders that do as well": f"{100 * run.values['orders_as_good']:.0f} %",
        }
        for what, run in runs.items()
    }
    return pd.DataFrame(columns)
