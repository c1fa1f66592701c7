"""Records: a run's raw results and where they come from, as JSON that nobody edits by hand.

A record holds the runs of one experiment, one run a seed, with the raw values of each; n, mean and sd are derived
from them. It is validated against ``c2f.runs.schema`` on writing and on reading, and carries a checksum, so
that a truncated or edited file is noticed.
"""

import hashlib
import json
import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from c2f.common.files import write_text
from c2f.datasets.data_name import DataName
from c2f.runs.schema import SCHEMA_VERSION, SCHEMAS, checker


class RecordError(ValueError):
    """A record that is missing, damaged, edited by hand, or of another experiment."""


@dataclass(frozen=True)
class Run:
    """One seed's results.

    ``values``: the numbers that are summarised over seeds. ``details``: anything else, JSON (histories, confusion
    counts). ``environment``: see ``c2f.runs.environment``. ``files``: what the run left behind, folder of the output
    folder (``weights``, ``attacks``, ``adversarial``, ``localization``) -> file name and sha256. ``fresh``: whether it
    was made just now, and not read from a record.
    """

    seed: int
    values: dict[str, float]
    details: dict[str, Any]
    environment: dict[str, Any]
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    fresh: bool = field(default=True, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the run as its record holds it."""
        return {key: value for key, value in asdict(self).items() if key != "fresh"}


_ARRAYS = {"attack": "attacks", "localization": "localization"}
"""Schema 1 had one nameless file of results picture by picture: kind of record -> its folder."""


def _of_schema_1(run: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return a run of schema 1, with its three places for files, as one of schema 2."""
    kept = {key: value for key, value in run.items() if key not in ("weights", "arrays")}
    kept["details"] = {key: value for key, value in run["details"].items() if key != "adversarial"}
    named = {"weights": run["weights"], "adversarial": run["details"].get("adversarial")}
    named[_ARRAYS.get(kind, "arrays")] = run.get("arrays")
    return {**kept, "files": {folder: file for folder, file in named.items() if file is not None}}


_WORDS = {
    "ablation": {"high": "fine", "medium": "middle", "low": "coarse"} | {f"x{f}": f"1/{f}" for f in (1, 2, 4, 8, 16)}
}
"""Kind of record -> words of older ones, in the names of values and combinations, and what is said today."""


def _in_todays_words(run: dict[str, Any], words: dict[str, str]) -> dict[str, Any]:
    """Return a run of an ablation that called its scales otherwise, with the scales as they are called today."""

    def say(name: str) -> str:
        return re.sub(r"\w+", lambda word: words.get(word[0], word[0]), name)

    values = {say(name): value for name, value in run["values"].items()}
    details = {
        key: [say(name) for name in value] if key == "combinations" else value for key, value in run["details"].items()
    }
    return {**run, "values": values, "details": details}


@dataclass(frozen=True)
class Statistic:
    """``n`` values' ``mean`` and sample standard deviation ``sd`` (ddof 1).

    ``sd`` is None where none is known: for a single value, or with one that is not finite. ``f"{found:.2f}"`` gives
    ``0.75 ± 0.02``, with spaces that do not break, or the mean alone.
    """

    n: int
    mean: float
    sd: float | None

    @property
    def percent(self) -> "Statistic":
        """The same of values in percent, for values in [0, 1]."""
        return Statistic(self.n, 100 * self.mean, None if self.sd is None else 100 * self.sd)

    def __format__(self, spec: str) -> str:
        space = "\N{NO-BREAK SPACE}"
        return format(self.mean, spec) + ("" if self.sd is None else f"{space}±{space}{format(self.sd, spec)}")


def statistic(values: Sequence[float]) -> Statistic:
    """Return n, mean and sd of ``values``.

    Raises:
        ValueError: there are none.
    """
    if not len(values):
        raise ValueError("there are no values to take a mean of: give those of at least one run")
    known = len(values) > 1 and all(map(math.isfinite, values))
    return Statistic(len(values), statistics.fmean(values), statistics.stdev(values) if known else None)


@dataclass(frozen=True)
class Record:
    """The runs of one experiment; ``name`` is also the file's, ``parameters`` are what all its runs share."""

    name: str
    kind: str
    parameters: dict[str, Any]
    runs: list[Run] = field(default_factory=list)

    @property
    def seeds(self) -> list[int]:
        """The seeds, ascending."""
        return [run.seed for run in self.runs]

    def run(self, seed: int) -> Run | None:
        """Return the run of ``seed``, or None."""
        return next((run for run in self.runs if run.seed == seed), None)

    def file(self, seed: int, folder: str = "weights") -> dict[str, str]:
        """Return name and sha256 of the file that the run of ``seed`` left in ``folder`` of its output folder.

        Raises:
            RecordError: there is no such run, or it left none there.
        """
        run = self.run(seed)
        if run is None or folder not in run.files:
            raise RecordError(f"{self.name} has no {folder} of seed {seed}; seeds there: {self.seeds}")
        return run.files[folder]

    def check(self, parameters: dict[str, Any], path: Path) -> None:
        """Raise ``RecordError`` if the record, read from ``path``, is of other parameters; the differing are named."""
        theirs, ours = _with_data_spelt(self.parameters), _with_data_spelt(parameters)
        if theirs != ours:
            raise RecordError(f"{path} {difference(theirs, ours)}; choose another folder")

    def values(self, name: str) -> list[float]:
        """Return the raw values called ``name``, one a run."""
        return [run.values[name] for run in self.runs]

    @property
    def summary(self) -> dict[str, Statistic]:
        """n, mean and sd of every value that all runs have."""
        names = [n for n in self.runs[0].values if all(n in run.values for run in self.runs)] if self.runs else []
        return {name: statistic(self.values(name)) for name in names}

    def to_json(self) -> str:
        """Return the record as JSON text, validated, with its checksum."""
        content = {
            "schema": SCHEMA_VERSION,
            "name": self.name,
            "kind": self.kind,
            "parameters": self.parameters,
            "runs": [run.to_json() for run in sorted(self.runs, key=lambda run: run.seed)],
            "summary": {name: asdict(s) for name, s in self.summary.items()},
        }
        content = _finite(content)
        content["checksum"] = checksum(content)
        _validate(content, self.name)
        return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Return ``value`` with NaN and infinities as None: JSON has no word for them."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_json(value: Any) -> Any:
    """Return ``value`` as a record gives it back: lists for tuples, texts for keys, None for NaN and infinities."""
    return json.loads(json.dumps(_finite(value)))


def checksum(content: dict[str, Any]) -> str:
    """Return the SHA-256 of a record's content, its entry ``checksum`` left out."""
    body = {key: value for key, value in content.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


_SOUND: set[bytes] = set()
"""Digests of texts that were found valid, with the checksum that fits: a page of the book reads a record dozens of
times."""
_CHECKERS = {version: checker(schema) for version, schema in SCHEMAS.items()}


def _validate(content: dict[str, Any], where: str) -> None:
    version = content.get("schema") if isinstance(content, dict) else None
    if departure := _CHECKERS[1 if version == 1 else SCHEMA_VERSION](content):
        raise RecordError(f"{where}: not a valid record: {departure}")


def read(path: Path) -> Record:
    """Read and check a record.

    Raises:
        RecordError: it is missing, no JSON, not valid, or its checksum does not fit.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RecordError(f"there is no record {path}") from error
    except ValueError as error:
        raise RecordError(f"{path}: damaged or truncated ({error}); restore it or run the experiment again") from error
    record = from_text(text, str(path))
    if wrong := _contradiction(record, Path(path).stem):
        raise RecordError(f"{path}: {wrong}; restore it or run the experiment again")
    return record


def from_text(text: str, where: str) -> Record:
    """Return the record that ``text`` holds, checked; errors call it ``where``.

    Raises:
        RecordError: it is no JSON, not valid, or its checksum does not fit.
    """
    try:
        content = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{where}: damaged or truncated ({error}); restore it or run the experiment again") from error
    digest = hashlib.sha256(text.encode()).digest()
    if digest not in _SOUND:
        _validate(content, where)
        if checksum(content) != content["checksum"]:
            raise RecordError(
                f"{where}: was changed after it was written; records are never edited: run the experiment again"
            )
        _SOUND.add(digest)
    runs = content["runs"]
    if content["schema"] == 1:
        runs = [_of_schema_1(run, content["kind"]) for run in runs]
    if words := _WORDS.get(content["kind"]):
        runs = [_in_todays_words(run, words) for run in runs]
    runs = [Run(**run, fresh=False) for run in runs]
    return Record(content["name"], content["kind"], content["parameters"], runs)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _contradiction(record: Record, stem: str) -> str | None:
    """Say what in a record does not agree with the rest or with the name ``stem`` of its file; None if all does."""
    data = record.parameters.get("data")
    if record.name != stem:
        return f"it is the record of {record.name}"
    if data is not None and f"--{DataName.parse(data).in_file_names}--" not in f"{stem}--":
        return f"its name does not say its data, {data}"
    if len(set(record.seeds)) < len(record.seeds) or not all(type(seed) is int for seed in record.seeds):
        return f"its seeds are {', '.join(map(str, record.seeds))}"
    shares = {f"{n} of seed {r.seed}": v for r in record.runs for n, v in r.values.items() if "accuracy" in n}
    return next((f"{name} is {value}, not in [0, 1]" for name, value in shares.items() if not 0 <= value <= 1), None)


def read_folder(folder: Path) -> dict[str, Record]:
    """Read every record of ``folder``, by name; an absent folder has none."""
    return {record.name: record for record in map(read, sorted(Path(folder).glob("*.json")))}


def add_run(folder: Path, name: str, kind: str, parameters: dict[str, Any], run: Run) -> Record:
    """Add ``run`` to the record ``name`` in ``folder``, replacing one of the same seed; return the record.

    Raises:
        RecordError: the record there is of other parameters; the differing ones are named.
    """
    path = Path(folder) / f"{name}.json"
    parameters = as_json(parameters)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):  # one process at a time changes the record
        runs = []
        if path.exists():
            there = read(path)
            there.check(parameters, path)
            runs = [other for other in there.runs if other.seed != run.seed]
        record = Record(name, kind, parameters, sorted([*runs, run], key=lambda r: r.seed))
        write_text(path, record.to_json())
    return record


def _with_data_spelt(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with folders of pictures as they are spelt from the folder at work."""
    names: dict[str, Any] = {
        key: DataName.parse(parameters[key]).text for key in ("data", "test_data") if key in parameters
    }
    return {**parameters, **names}


def difference(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """Return in words how the parameters of a record differ from ours."""
    flat_theirs, flat_ours = _flat(theirs), _flat(ours)
    keys = [k for k in {**flat_theirs, **flat_ours} if flat_theirs.get(k) != flat_ours.get(k)]
    shown = ", ".join(f"{k} {flat_theirs.get(k)!r} there and {flat_ours.get(k)!r} here" for k in keys)
    return f"holds runs with other parameters: {shown}"


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, entry in value.items():
        flat |= _flat(entry, f"{prefix}{key}.") if isinstance(entry, dict) else {f"{prefix}{key}": entry}
    return flat
