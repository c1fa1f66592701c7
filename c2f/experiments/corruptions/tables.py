"""What the recorded evaluations under corruption say together: one table, and mCE against a baseline.

Axes: S seeds, T glimpses.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from c2f import corruptions
from c2f.common.checks import choose
from c2f.common.words import how_many
from c2f.experiments.corruptions.evaluation import Scores, mce
from c2f.experiments.corruptions.run import scores
from c2f.metrics.statistics import seeds_interval
from c2f.runs.folder import records_of
from c2f.runs.record import Record, Statistic, statistic

CLEAN, MEAN, MCE = "Clean", "Mean", "mCE"
"""Rows of ``table`` below the types."""
PUBLISHED_GAIN = 4.76
"""Points that the paper's network gains over its baseline, mean over types and severities (Tan et al. 2021)."""


def recorded(output: Path | None = None) -> dict[str, Record]:
    """Return every record of corruptions in ``output``, or of those that come with the book, by name."""
    return {record.name: record for record in records_of("corruptions", output)}


@dataclass(frozen=True)
class Column:
    """A column of the table: what it is called, the scores of its S seeds, and which of T answers (counted from 1)."""

    title: str
    scores: Sequence[Scores]
    glimpse: int


def columns(record: Record, title: str, seeds: Sequence[int] | None = None) -> list[Column]:
    """Return a column for each number of glimpses of a record; a single answer is called ``title`` alone.

    ``seeds``: only these, which the record must have; by default all.
    """
    every = [scores(run) for run in record.runs if seeds is None or run.seed in seeds]
    if every[0].answers == 1:
        return [Column(title, every, 1)]
    return [Column(f"{title}, after {t}", every, t) for t in range(1, every[0].answers + 1)]


def table(shown: Sequence[Column], baseline: Column | None = None) -> pd.DataFrame:
    """Return accuracies in percent, mean over seeds, a row a type, then clean, mean, and mCE where there is a baseline.

    Seeds are compared with the baseline's of the same place; mCE is in percent, 100 the baseline itself, and lower is
    better.

    Args:
        shown: the columns, of the same types.
        baseline: by whose errors mCE divides.

    Raises:
        ValueError: columns of other types, or a baseline with another number of seeds.
    """
    kinds = list(shown[0].scores[0].correct)
    rows: dict[str, list[float]] = {corruptions.title(kind): [] for kind in kinds}
    rows |= {CLEAN: [], MEAN: []} | ({} if baseline is None else {MCE: []})
    for column in shown:
        if any(list(s.correct) != kinds for s in column.scores):
            raise ValueError(f"{column.title} has other types of corruption than {shown[0].title}: evaluate the same")
        place = column.glimpse - 1
        for kind in kinds:
            rows[corruptions.title(kind)].append(
                statistic([100 * sum(s.accuracy(kind, place)) / 5 for s in column.scores]).mean
            )
        rows[CLEAN].append(
            statistic(
                [float("nan") if s.clean is None else 100 * s.clean[place] / s.pictures for s in column.scores]
            ).mean
        )
        rows[MEAN].append(statistic([100 * s.mean(place) for s in column.scores]).mean)
        if baseline is not None:
            rows[MCE].append(mce_of(column, baseline).mean)
    return _framed(rows, shown, "accuracy (%)")


def _framed(rows: dict[str, list[float]], shown: Sequence[Column], unit: str) -> pd.DataFrame:
    """Return ``rows`` under the titles of the columns, the unit, pictures and seeds in the corner."""
    n = f"n = {shown[0].scores[0].pictures:,} pictures, {_seeds(shown[0])}"
    found = pd.DataFrame.from_dict(rows, orient="index", columns=[column.title for column in shown])
    return found.rename_axis(columns=f"{unit}; {n}")


def _seeds(column: Column) -> str:
    return how_many(len(column.scores), "seed")


def mce_of(column: Column, baseline: Column) -> Statistic:
    """Return mCE over seeds, in percent; each seed is divided by the baseline's at the same place.

    Raises:
        ValueError: another number of seeds.
    """
    if len(column.scores) != len(baseline.scores):
        raise ValueError(
            f"{column.title} has {len(column.scores)} seeds, {baseline.title} {len(baseline.scores)}: record the same"
        )
    pairs = zip(column.scores, baseline.scores, strict=True)
    return statistic([100 * mce(ours, theirs, column.glimpse - 1, baseline.glimpse - 1) for ours, theirs in pairs])


@dataclass(frozen=True)
class Gain:
    """How much better one column is than another, in points of accuracy, ``(S,)``, seed by seed.

    ``corrupted``: of the mean over types and severities. ``clean``: without corruption.
    """

    corrupted: list[float]
    clean: list[float]

    @property
    def robustness(self) -> list[float]:
        """How much more is gained in bad weather than on clean pictures."""
        return [a - b for a, b in zip(self.corrupted, self.clean, strict=True)]


def gain(ours: Column, theirs: Column) -> Gain:
    """Return how much better ``ours`` is than ``theirs``; both were evaluated on clean pictures too.

    Raises:
        ValueError: another number of seeds.
    """
    if len(ours.scores) != len(theirs.scores):
        raise ValueError(f"{ours.title} has {len(ours.scores)} seeds, {theirs.title} {len(theirs.scores)}")
    a, b = ours.glimpse - 1, theirs.glimpse - 1
    pairs = list(zip(ours.scores, theirs.scores, strict=True))
    clean = [(s.clean[a] / s.pictures, t.clean[b] / t.pictures) for s, t in pairs if s.clean and t.clean]
    return Gain([100 * (s.mean(a) - t.mean(b)) for s, t in pairs], [100 * (s - t) for s, t in clean])


def gains_table(ours: Column, others: Mapping[str, Column]) -> pd.DataFrame:
    """Return, as text, the ``gain`` over each of ``others`` in points, with a 95 % interval over seeds, and how much
    more it is in bad weather than on clean pictures.
    """
    gains = {name: gain(ours, theirs) for name, theirs in others.items()}
    rows = {
        name: [f"{seeds_interval(points):+.1f}" for points in (g.corrupted, g.clean, g.robustness)]
        for name, g in gains.items()
    }
    heads = ["in bad weather", "on clean pictures", "difference"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=heads)
    return table.rename_axis(columns=f"points over; n = {_seeds(ours)}")


def gain_verdict(ours: Column, theirs: Column, name: str) -> str:
    """Say in a sentence whether ``ours`` is better in bad weather than ``theirs``, called ``name``, and whether that is
    more than on clean pictures: whether it is more robust, or just another accuracy.
    """
    found = gain(ours, theirs)
    corrupted, clean, more = (seeds_interval(points) for points in (found.corrupted, found.clean, found.robustness))
    if math.isnan(more.low):
        verdict = "one seed does not tell whether bad weather costs it more or less"
    elif more.low <= 0 <= more.high:
        verdict = "as far as these seeds can tell bad weather costs both as much"
    else:
        verdict = f"bad weather costs it {'less' if more.low > 0 else 'more'}"
    return (
        f"Next to {name} the network of glimpses has {clean:+.1f} points on clean pictures and {corrupted:+.1f} in bad "
        f"weather: {verdict}, {more:+.1f} points (n = {_seeds(ours)})."
    )


def published_claim(ours: Column, full: Column) -> str:
    """Say whether ``ours`` gains in bad weather over ``full``, one pass over all pixels, as the paper has it
    (``PUBLISHED_GAIN``, of other networks and pictures), and what of it is robustness: ``gain_verdict``.
    """
    found = seeds_interval(gain(ours, full).corrupted)
    if not (found.low > 0 or found.high < 0):
        begin = "Whether glimpses gain in bad weather over the full pass cannot be told from these seeds"
    elif found.low > 0:
        begin = "In bad weather glimpses gain over the full pass, as the paper has it"
    else:
        begin = "In bad weather glimpses lose against the full pass, not as in the paper"
    paper = f"{PUBLISHED_GAIN:+.2f} points with ResNet18 on ImageNet100"
    return f"{begin} ({paper}). {gain_verdict(ours, full, full.title)}"


def lost(shown: Sequence[Column]) -> pd.DataFrame:
    """Return how many points each column's accuracy, mean over severities and seeds, lies below its own clean one.

    A row a type; below zero is a gain. All were evaluated on clean pictures too.
    """
    rows: dict[str, list[float]] = {}
    for kind in shown[0].scores[0].correct:
        row = rows.setdefault(corruptions.title(kind), [])
        for column in shown:
            clean = [100 * s.clean[column.glimpse - 1] / s.pictures for s in column.scores if s.clean is not None]
            spoiled = [sum(severities) / len(severities) for severities in by_severity(column, kind)]
            row.append(statistic(clean).mean - statistic(spoiled).mean)
    return _framed(rows, shown, "points lost")


def by_severity(column: Column, kind: str) -> list[list[float]]:
    """Return accuracies in percent, ``(S, 5)``, of each seed at each severity of the type ``kind``.

    Raises:
        ValueError: an unknown type, or one that was not evaluated.
    """
    choose(kind, list(column.scores[0].correct), "corruption of the record")
    return [[100 * a for a in s.accuracy(kind, column.glimpse - 1)] for s in column.scores]
