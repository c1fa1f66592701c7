"""What the package costs on a machine, as a record: JSON that ``python -m benchmarks`` writes and nobody edits."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from c2f.common.files import write_text
from c2f.runs.record import RecordError, as_json, checksum
from c2f.runs.schema import checker

PLAIN = "plain"
"""The side of a comparison that is the plain way."""

_NUMBER: dict[str, Any] = {"type": "number"}
_POSITIVE: dict[str, Any] = {"type": "number", "exclusiveMinimum": 0}
_VALUES = {"type": "array", "items": _POSITIVE, "minItems": 1}
_TEXT = {"type": "string", "minLength": 1}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_ROW = {
    "subject": _TEXT,
    "name": _TEXT,
    "says": _TEXT,
    "unit": _TEXT,
    "threads": {"type": "integer", "minimum": 1},
    "sides": {"type": "object", "additionalProperties": _VALUES, "minProperties": 1},
    "wanted": {"anyOf": [_NUMBER, {"type": "null"}]},
    "differ": {"type": ["integer", "null"], "minimum": 0},
}
_FIT = {"law": {"enum": ["power", "line"]}, **dict.fromkeys(("slope", "low", "high", "intercept"), _NUMBER)}
_GROWTH = {
    "name": _TEXT,
    "axis": _TEXT,
    "sizes": {"type": "array", "items": _POSITIVE, "minItems": 3},
    "seconds": {"type": "array", "items": _VALUES, "minItems": 3},
    "gflop": _VALUES,
    "fit": _object(_FIT),
}
SCHEMA = _object(
    {
        "schema": {"const": 1},
        "rounds": {"type": "integer", "minimum": 1},
        "environment": {"type": "object", "required": ["device", "cores", "threads", "versions", "commit", "finished"]},
        "rows": {"type": "array", "items": _object(_ROW)},
        "growth": {"type": "array", "items": _object(_GROWTH)},
        "checksum": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    }
)
"""JSON Schema of the record."""


@dataclass(frozen=True)
class Times:
    """How many times better a side is than the plain one: the median of the rounds, the least and the most."""

    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Row:
    """A comparison.

    Attributes:
        subject: such as ``training``.
        name: of what is done.
        says: what the comparison tells.
        unit: of the values; per second (``.../s``) more is better, otherwise less.
        threads: torch's.
        sides: the values of each side, one a round; those of one round were measured one after the other.
        wanted: what the suite asks for, see ``benchmarks.suite.Case``, or None.
        differ: how many results differ between the sides, or None where they are not compared.
    """

    subject: str
    name: str
    says: str
    unit: str
    threads: int
    sides: dict[str, list[float]]
    wanted: float | None = None
    differ: int | None = None

    def median(self, side: str) -> float:
        """Return the median of a side's values."""
        return statistics.median(self.sides[side])

    def times(self, side: str) -> Times:
        """Return how many times better than ``plain`` a side is, round by round."""
        pairs = zip(self.sides[side], self.sides[PLAIN], strict=True)
        ratios = [ours / plain if self.unit.endswith("/s") else plain / ours for ours, plain in pairs]
        return Times(statistics.median(ratios), min(ratios), max(ratios))


@dataclass(frozen=True)
class Fit:
    """How seconds grow with size.

    Attributes:
        law: ``power``, ``exp(intercept) * size**slope``; or ``line``, ``intercept + slope * size``.
        slope: the exponent, or the seconds that one more costs.
        low: where the slope's interval of 95 % begins, of the line through the medians (Student's t).
        high: where it ends.
        intercept: in log seconds, or in seconds.
    """

    law: str
    slope: float
    low: float
    high: float
    intercept: float


@dataclass(frozen=True)
class Growth:
    """Seconds against size.

    Attributes:
        name: of what is done.
        axis: what the size is.
        sizes: ascending.
        seconds: of every size, the values of the rounds.
        gflop: of every size, the billions of floating point operations (two a multiply-add).
        fit: through the medians.
    """

    name: str
    axis: str
    sizes: list[float]
    seconds: list[list[float]]
    gflop: list[float]
    fit: Fit


@dataclass(frozen=True)
class Costs:
    """What was measured, in how many ``rounds``, and where (``c2f.runs.environment.environment``)."""

    rounds: int
    environment: dict[str, Any]
    rows: Sequence[Row]
    growth: Sequence[Growth]

    def of(self, subject: str) -> list[Row]:
        """Return the rows of a subject.

        Raises:
            RecordError: there are none.
        """
        found = [row for row in self.rows if row.subject == subject]
        if not found:
            raise RecordError(f"the record of costs has nothing about {subject}: run python -m benchmarks again")
        return found


def write(costs: Costs, path: Path) -> None:
    """Write the record, validated.

    Raises:
        RecordError: it is not valid.
        OSError: it cannot be written, with the remedy.
    """
    content = as_json({"schema": 1, **asdict(costs)})
    content["checksum"] = checksum(content)
    _validate(content, path)
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read(path: Path) -> Costs:
    """Read and check the record.

    Raises:
        RecordError: it is missing, damaged, not valid, or was edited.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{path}: no record of costs ({error}); make one: python -m benchmarks") from error
    _validate(content, path)
    if checksum(content) != content["checksum"]:
        raise RecordError(f"{path}: was changed after it was written; run python -m benchmarks again")
    rows = [Row(**row) for row in content["rows"]]
    growth = [Growth(**{**one, "fit": Fit(**one["fit"])}) for one in content["growth"]]
    return Costs(content["rounds"], content["environment"], rows, growth)


def _validate(content: Any, path: Path) -> None:
    if departure := checker(SCHEMA)(content):
        raise RecordError(f"{path}: not a valid record of costs: {departure}")
    for row in content["rows"]:
        if len({len(values) for values in row["sides"].values()}) > 1:
            raise RecordError(f"{path}: the sides of {row['name']} have unlike numbers of rounds")
    for one in content["growth"]:
        if not len(one["sizes"]) == len(one["seconds"]) == len(one["gflop"]):
            raise RecordError(f"{path}: {one['name']} has unlike numbers of sizes and values")
