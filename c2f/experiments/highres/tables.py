"""What the records of models and maps say, value against value, so that one data set's answers can be held against
another's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from c2f.common.checks import choose
from c2f.experiments.highres.maps import TITLES
from c2f.experiments.highres.recipes import departures
from c2f.metrics.localization.suite import Measures
from c2f.metrics.statistics import seeds_interval
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
    "classes": "high maps of two classes of one picture (r, mean of all pairs)",
    "low_classes": "low maps of two classes of one picture (r, mean of all pairs)",
}
"""Values of ``c2f.experiments.highres.maps_run.Resemblance``, name -> what tables call it."""
CORRELATIONS = ("to_low", "classes", "low_classes")
"""Those of them that run from -1 to 1; all other values are shares."""
LOCATED = {
    "pointing": "pointing game (%)",
    "energy": "energy on the object (%)",
    "px_ap": "PxAP (%)",
    "iou": "IoU (%)",
    "box_acc": "box accuracy (%)",
}
"""Measures of a map in ``located_table``, name -> what it calls them."""


@dataclass(frozen=True)
class Value:
    """A recorded number with the ends of its interval over pictures, which are itself where there is none.

    ``share``: whether it is one, and so shown in percent.
    """

    mean: float
    low: float
    high: float
    share: bool = False

    def __str__(self) -> str:
        mean, low, high = (f"{100 * x:.0f}" if self.share else f"{x:.2f}" for x in (self.mean, self.low, self.high))
        ends = "" if self.low == self.high else f" ({low} to {high})"
        return f"{mean}{' %' if self.share else ''}{ends}"


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
    return Value(mean, low, high, name not in CORRELATIONS)


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
    units = {"loss": "nats", "rebuilt error": "grey levels"}
    columns: dict[str, dict[str, object]] = {}
    for name, record in records.items():
        about, changed = record.parameters, departures(record.parameters).items()
        tested: dict[str, object] = {}
        for key, found in record.summary.items():
            if key.startswith("test_"):
                text = key.removeprefix("test_").replace("_", " ")
                unit, value = units.get(text, "%"), found.mean
                tested[f"{text} ({unit})"] = f"{100 * value:.1f}" if unit == "%" else f"{value:.3g}"
        columns[name] = {
            **tested,
            "parameters": f"{about['parameters']:,}",
            "of them trained": f"{about['trained_parameters']:,}",
            "multiply-adds (million)": f"{about['multiply_adds'] / 1e6:.1f}",
            "seeds": len(record.runs),
            "recipe": ", ".join(f"{field} {here}, not {there}" for field, (here, there) in changed) or "as it is",
        }
    return pd.DataFrame(columns).reindex(list(columns[FULL])).fillna("").rename_axis("on the test pictures")


def resemblance_table(columns: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return, as text, what maps resemble, a row an entry of ``RESEMBLANCE``; ``columns`` maps titles to its values."""
    return pd.DataFrame(
        {
            title: {
                text: f"{values[name]:.2f}" if name in CORRELATIONS else f"{100 * values[name]:.0f} %"
                for name, text in RESEMBLANCE.items()
            }
            for title, values in columns.items()
        }
    )


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
    return pd.DataFrame(rows).T.rename_axis(f"seed ({record.parameters['pictures']} pictures)")


def reordered_finding(found: Tensor, raw: Tensor) -> str:
    """Say how alike the maps of one class are when the decoded maps come in other orders.

    ``found``: the correlations ``(P, N)`` of blurred maps; ``raw``: of the maps as they are.
    """
    low, high = found.nanquantile(0.025), found.nanquantile(0.975)
    return (
        "**Nothing fixes the order of the decoded maps.** The model in another order computes the same, and its map of "
        f"the same class correlates with the first one's by anything from {low:.2f} to {high:.2f} (95 % of "
        f"{len(found):,} orders x {found.shape[1]} pictures, blurred; mean size {found.abs().nanmean():.2f}, as they "
        f"are {raw.abs().nanmean():.2f})."
    )


def resemblance_finding(run: Run, pictures: int, where: str = "recorded") -> str:
    """Say what the high-resolution maps of a run of ``c2f.experiments.highres.maps_run.maps_run`` resemble most, and
    ``where`` it was measured.
    """
    high, low = (value_of(run, name) for name in ("to_colours", "low_to_colours"))
    alike = value_of(run, "to_low")
    near = "the picture's colours" if high.mean > alike.mean**2 else "the low-resolution map"
    return (
        f"**The high-resolution map resembles {near} most.** A mixture of red, green and blue explains {high} of its "
        f"variance and {low} of the low-resolution map's; with that map of the same class it correlates {alike} "
        f"({where}, seed {run.seed}, {pictures} pictures, 95 % intervals over pictures in brackets)."
    )


def decoders_finding(record: Record) -> str:
    """Say how much better than other orders the decoders of a record of ``c2f.experiments.highres.decoders`` do.

    Every order is as likely as any other to come out of a training, so the mean over all decoders is known to be 0.
    """
    from scipy import stats

    excess = seeds_interval([run.values["to_low"] - run.values["orders"] for run in record.runs])
    even = stats.kstest(record.values("orders_as_good"), "uniform").pvalue
    if excess.low <= 0 <= excess.high:
        inside = "which holds the 0 that the argument gives"
    else:
        inside = "the argument gives 0 exactly, and one such interval in twenty misses by luck, as this one does"
    return (
        f"Over {len(record.runs)} decoders the correlation is {excess:+.3f} above that of other orders (95 % interval "
        f"over decoders in brackets): {inside}. Shares spread evenly from 0 to 100 % are "
        f"{'not contradicted' if even > 0.05 else 'contradicted'} (Kolmogorov-Smirnov test, p = {even:.2f})."
    )


WORDS = {"<": "worse than", ">": "better than", "~": "not told apart from"}
"""``Comparison.sign`` -> how it is said of a measure of which more is better."""


def located_findings(run: Run) -> list[str]:
    """Say whether the high-resolution map finds the object better than the low-resolution one, and the refined map
    better than its control.
    """

    def both(one: str, other: str) -> tuple[str, str]:
        pixels, point = (compare(run, f"{measure} {one}", f"{measure} {other}") for measure in ("px_ap", "pointing"))
        return WORDS[
            pixels.sign
        ], f"PxAP {pixels.one} against {pixels.other}, pointing game {point.one} against {point.other}"

    verdict, numbers = both("high", "low")
    control, others = both("refined", "refined_grey")
    return [
        f"**At finding the object the high-resolution map is {verdict} the low-resolution one**: {numbers}; random "
        f"values have a PxAP of {value_of(run, 'px_ap random map')}.",
        f"**The refined map is {control} its control**, which takes its edges from the grey picture and needs no "
        f"decoder: {others}.",
    ]


def photographs_finding(scenes: Run, photographs: Run) -> str:
    """Say how many of the ``findings`` come out on photographs as on scenes, and which do not."""
    here, there = findings(scenes), findings(photographs)
    other = [text for text, pair in there.items() if pair.sign != here[text].sign]
    kept = f"**On photographs {len(there) - len(other)} of {len(there)} comparisons come out as on the scenes**"
    return f"{kept}{'; not so: ' if other else ''}{'; '.join(other)} (seed {photographs.seed})."


def located_table(found: Mapping[str, Measures]) -> pd.DataFrame:
    """Return, as text, the measures of ``LOCATED``, a row a map as ``c2f.experiments.highres.maps_run.locate`` gives
    them.
    """
    rows = {
        TITLES.get(name, name): {text: f"{100 * one.values[measure]:.0f}" for measure, text in LOCATED.items()}
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
