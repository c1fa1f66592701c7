"""What the records of maps say, value against value, so that one data set's answers can be held against another's."""

from dataclasses import dataclass

from c2f.common.checks import choose
from c2f.runs.record import Run

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
