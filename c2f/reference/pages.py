"""The book's pages that are filled from the records of all its runs: the scorecard, and what two cores gave."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from c2f import networks
from c2f.benchmark.entries import leaderboard, read_entries
from c2f.book.costs import RECORD
from c2f.common.files import write_text
from c2f.common.words import how_many
from c2f.experiments.classification import published
from c2f.experiments.classification import tables as trainings
from c2f.metrics.statistics import seeds_interval
from c2f.reference import precision, scaling
from c2f.reference.costs import minutes_of
from c2f.reference.short import FOLDER
from c2f.reference.waiting import waiting_list
from c2f.runs.costs import Costs
from c2f.runs.costs import read as read_costs
from c2f.runs.folder import SHIPPED, record_path, run_name
from c2f.runs.record import Record, read, read_folder
from c2f.scorecard.claims import PAPERS
from c2f.scorecard.page import table

_PLACE = re.compile(r"<!-- (claims|records|scaling): (\w+) -->")
ENTRIES = "leaderboard"
"""In the folder of the book's records, the entries of its leaderboard."""
_TRAINED = ("training", "glimpse", "densenet", "segmentation")
"""Kinds of records that have a row each; those of measurements share one, a kind and data set."""


def fill(folder: Path) -> None:
    """Fill the places of the pages in ``folder``, the book's.

    Raises:
        ValueError: a place that nothing belongs to.
        c2f.runs.record.RecordError: a damaged record.
    """
    words: dict[tuple[str, str], Callable[[], str]] = {("claims", paper): partial(table, paper) for paper in PAPERS}
    words["records", "spent"] = lambda: spent_table(SHIPPED)
    words["records", "leaderboard"] = lambda: leaderboard(read_entries(SHIPPED / ENTRIES))
    words["records", "precision"] = lambda: precision_table(SHIPPED)
    on_paper = {"sizes": scaling.size_table, "speeds": scaling.speed_table, "input": scaling.input_table}
    words |= {("scaling", name): partial(_of_costs, make, folder / RECORD) for name, make in on_paper.items()}
    for page in sorted(folder.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        places = {(place[1], place[2]) for place in _PLACE.finditer(text)}
        if wrong := places - set(words):
            raise ValueError(f"{page.name} has places {sorted(wrong)}; there are {sorted(words)}")
        if places:
            for kind, name in places:
                text = text.replace(f"<!-- {kind}: {name} -->", words[kind, name]())
            write_text(page, text)


def _of_costs(make: Callable[[Costs], str], record: Path) -> str:
    return make(read_costs(record))


def spent_table(output: Path) -> str:
    """Return a table in Markdown of all that is recorded in ``output`` and its folders: what it took, in core-hours (an
    hour of one thread), and for a training how accurate the networks are, in the order of the networks' names. The last
    row is the sum.
    """
    rows = [("recorded", "data", "length", "seeds", "core-hours", "accuracy (%)", "paper (%)", "precision")]
    total = 0.0
    measured: dict[tuple[str, str], list[Record]] = {}
    trained = []
    every = networks.names()
    for record, short in _records(output):
        if record.kind in _TRAINED:
            hours = _hours([record])
            row = (*_about(record, short), str(len(record.runs)), f"{hours:.1f}", *_results(record))
            trained.append((every.index(_network(record)), row))
            total += hours
        else:
            measured.setdefault((record.kind, record.parameters["data"]), []).append(record)
    rows += [row for _, row in sorted(trained, key=lambda one: (one[0], one[1][1]))]
    for (kind, data), records in sorted(measured.items()):
        hours = _hours(records)
        runs = sum(len(record.runs) for record in records)
        rows.append((f"{kind}: {how_many(runs, 'measurement')}", data, "", "", f"{hours:.1f}", "", "", ""))
        total += hours
    rows.append(("**all**", "", "", "", f"**{total:.0f}**", "", "", ""))
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|---|---|---|---:|---:|---:|---:|---|", *body])


def precision_table(output: Path) -> str:
    """Return a table in Markdown of what was trained in float32 and in bfloat16 with the same seeds: both accuracies,
    and their difference with its interval over the seeds; what is not recorded is said with its cost.
    """
    rows = [("network", "data", "length", "seeds", "float32 (%)", "bfloat16 (%)", "difference (points)")]
    for (network, data), changes in precision.COMPARED.items():
        apart = {kind: output / precision.FOLDER / kind for kind in ("float32", "bfloat16")}
        paths = {
            "float32": record_path(apart["float32"] if changes else output, run_name(network, data)),
            "bfloat16": record_path(apart["bfloat16"], run_name(network, data)),
        }
        if all(path.exists() for path in paths.values()):
            one, other = (read(path) for path in paths.values())
            rows.append((networks.title(network), data, trainings.length(other), *_precisions(one, other)))
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    wanted = {
        f"{networks.title(network)} on {data}": [f"{precision.FOLDER}--bfloat16--{run_name(network, data)}"]
        for network, data in precision.COMPARED
    }
    table = [head, "|---|---|---|---:|---:|---:|---:|", *body, ""] if body else []
    return "\n".join([*table, waiting_list(wanted, output)])


def _precisions(one: Record, other: Record) -> tuple[str, str, str, str]:
    """Return of two trainings in two precisions the number of common seeds, both accuracies and the second's less the
    first's, seed by seed, with intervals over the seeds.
    """
    values = [{run.seed: run.values["test_accuracy"] for run in record.runs} for record in (one, other)]
    seeds = sorted(values[0].keys() & values[1].keys())
    gap = seeds_interval([round(values[1][seed] - values[0][seed], 9) for seed in seeds])
    means = [trainings.in_percent(seeds_interval([each[seed] for seed in seeds])) for each in values]
    return str(len(seeds)), means[0], means[1], trainings.in_percent(gap, "+.2f")


def _records(output: Path) -> Iterator[tuple[Record, bool]]:
    """Yield each record of ``output`` and its folders, and whether it is among the short ones."""
    for level in ("", "*/", "*/*/"):
        for folder in sorted(output.glob(f"{level}runs")):
            for record in read_folder(folder).values():
                yield record, folder.parent == output / FOLDER


def _hours(records: Iterable[Record]) -> float:
    return sum(minutes_of(run) for record in records for run in record.runs) / 60


def _network(record: Record) -> str:
    return record.name.split("--")[0]


def _about(record: Record, short: bool) -> tuple[str, str, str]:
    about = record.parameters
    name, epochs = networks.title(_network(record)), f"{about['recipe']['epochs']} epochs{' (short)' * short}"
    if record.kind == "densenet":
        name = f"{name} (DenseNet)"
    if record.kind == "training":
        merge = "" if about["merge"] == trainings.BOTH else f", merged by {trainings.MERGES[about['merge']]}"
        name, epochs = f"{name}{merge}", trainings.length(record)
    return name, about["data"], epochs


def _results(record: Record) -> tuple[str, str, str]:
    """Return the test accuracy (of a segmentation, the mean overlap) in percent, the paper's, and the precision."""
    if record.kind == "segmentation":
        overlap = trainings.in_percent(seeds_interval(record.values("test_mean_iou")))
        return f"IoU {overlap}", "", trainings.precision(record)
    found, _ = trainings.accuracy(record)
    data = record.parameters["data"]
    paper = published.accuracy(_network(record), data) if record.kind == "training" else ""
    return trainings.in_percent(found), paper, trainings.precision(record)
