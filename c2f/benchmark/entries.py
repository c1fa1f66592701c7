"""Entries of a leaderboard: a benchmark in a file of its own that says where it comes from and holds no picture.

An entry is a record with its checksum and what is needed to measure it again. A folder of entries becomes a table; one
that is malformed, edited or there twice is refused with the reason.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from c2f.benchmark.tables import COLUMNS, side_by_side
from c2f.common.files import write_text
from c2f.runs.record import Record, RecordError, from_text

FORM = "coarse-to-fine leaderboard entry, 1"


@dataclass(frozen=True)
class Entry:
    """A benchmark that somebody hands in.

    ``record``: of one or more seeds. ``code``: where the network's code is to be had. ``by``: whose it is.
    """

    record: Record
    code: str
    by: str

    @property
    def title(self) -> str:
        """What its row is called."""
        about = self.record.parameters
        return f"{about['title']}, {about['data']}"


def export(record: Record, path: Path, code: str, by: str) -> None:
    """Write the benchmark ``record`` as an entry to ``path``.

    Raises:
        ValueError: another kind of record, or nothing said of the code or the author.
        FileExistsError: ``path`` holds something else.
    """
    check_handed_in(path, code, by)
    if record.kind != "benchmark":
        raise ValueError(
            f"{record.name} is a record of a {record.kind}: an entry is made of what `c2f benchmark` wrote"
        )
    content = {"form": FORM, "code": code.strip(), "by": by.strip(), "record": json.loads(record.to_json())}
    write_text(path, json.dumps({**content, "sha256": _digest(content)}, indent=1) + "\n")


def check_handed_in(path: Path, code: str, by: str) -> None:
    """Raise what ``export`` does of a path and of what is said of the code and the author."""
    if not code.strip() or not by.strip():
        raise ValueError("say where the code is to be had (--code, an address and a commit) and whose it is (--by)")
    if path.exists():
        raise FileExistsError(f"{path} is there already: remove it, or choose another name")


def read_entry(path: Path) -> Entry:
    """Return the entry in ``path``.

    Raises:
        RecordError: it is missing, malformed, or was changed after it was written.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        digest, form = content.pop("sha256"), content["form"]
        code, by, record = (content[key] for key in ("code", "by", "record"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{path}: no entry of a leaderboard ({type(error).__name__}: {error})") from error
    if form != FORM:
        raise RecordError(f"{path}: its form is {form!r}, not {FORM!r}")
    if digest != _digest(content):
        raise RecordError(f"{path}: was changed after it was written; export it again with `c2f benchmark --export`")
    return Entry(from_text(json.dumps(record), str(path)), code, by)


def read_entries(folder: Path) -> list[Entry]:
    """Return every entry of ``folder``, by the names of the files.

    Raises:
        RecordError: one that ``read_entry`` refuses, or weights and data that two entries have.
    """
    found: dict[tuple[str, str], Path] = {}
    entries = []
    for path in sorted(folder.glob("*.json")):
        entry = read_entry(path)
        for run in entry.record.runs:
            key = (run.details["weights"]["sha256"], entry.record.parameters["data"])
            if key in found:
                raise RecordError(
                    f"{path}: the same weights on {key[1]} are in {found[key]} already: remove one of them"
                )
            found[key] = path
        entries.append(entry)
    return entries


def leaderboard(entries: Sequence[Entry], columns: Sequence[str] = COLUMNS) -> str:
    """Return a table in Markdown of ``entries``; an empty folder is said in words."""
    if not entries:
        return "There are no entries yet."
    known = {name for entry in entries for run in entry.record.runs for name in run.values}
    table = side_by_side({entry.title: entry.record for entry in entries}, [c for c in columns if c in known])
    table = table.replace("", "not measured")
    table["code"] = [entry.code for entry in entries]
    table["by"] = [entry.by for entry in entries]
    head = "| | " + " | ".join(table.columns) + " |"
    rows = [
        f"| {name} | " + " | ".join(row) + " |" for name, row in zip(table.index, table.values.tolist(), strict=True)
    ]
    right = "|---" + "|---:" * (len(table.columns) - 2) + "|---|---|"
    return "\n".join([head, right, *rows])


def _digest(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
