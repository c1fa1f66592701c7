"""The competition: the small networks of all three systems, as many epochs each, measured in every respect.

Records are by network, ``{"lenetfc": Record, ...}``, of what ``c2f.benchmark.run.benchmark`` wrote.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from c2f import networks
from c2f.benchmark.run import benchmark_name
from c2f.benchmark.tables import called, written
from c2f.common.checks import choose
from c2f.common.words import how_many, how_many_each, listed
from c2f.metrics.pareto import front_shares, on_front
from c2f.metrics.statistics import Interval, difference, seeds_interval
from c2f.runs.folder import SHIPPED, holds, record_path, run_name
from c2f.runs.record import Record, read

FOLDER = "competition"
"""Of the folder of all recorded runs."""
SCENES = "scenes-fashion-mnist"
VARIANTS = ("lenetfc", "lenetfc_td", "lenetfc_td_uni", "lenetfc_td_rev")
GLIMPSES = "mgnet_small_cnn"
ENTRANTS = {
    SCENES: (*VARIANTS, GLIMPSES, "equal_small_cnn", "full_small_cnn", "densenet_half"),
    "fashion-mnist": VARIANTS,
}
"""Data -> networks."""
PLAIN = ("lenetfc", "equal_small_cnn", "full_small_cnn")
"""Single passes over the picture, without any of the three papers' ideas."""
NEEDS = {
    "right answers": "accuracy",
    "little arithmetic": "multiply_adds",
    "few parameters": "parameters",
    "quick answers to one picture": "ms at batch 1",
    "noise": "corrupted gaussian_noise",
    "blur": "corrupted defocus_blur",
    "bad weather or cameras": "corrupted",
    "somebody who follows the gradient": "pgd 2/255",
    "a map that lies on the object": "energy",
}
"""What a user may need -> the value of a benchmark that speaks of it.

Of noise and blur the accuracy that is left: how far a change must go before 50 points are lost is not defined of a
network that has fewer, and points that are lost are fewer where there are fewer to lose.
"""
COLUMNS = (*NEEDS.values(), "pointing", "px_ap", "suspicious")
"""What stands of each network in the table side by side, where it was measured."""
_LESS = ("parameters", "multiply_adds", "ms", "peak_mib", "loss")
CONFIDENCE = 0.5
"""Of an early exit, where the first answer that is at least so sure is taken."""


def recorded(data: str, folder: Path = SHIPPED) -> dict[str, Record]:
    """Return the benchmarks on ``data`` that ``folder`` has, in the order of ``ENTRANTS``.

    Raises:
        ValueError: data without a competition.
        c2f.runs.record.RecordError: a damaged record.
    """
    choose(data, ENTRANTS, "data of the competition")
    paths = {name: record_path(folder / FOLDER, benchmark_name(name, data)) for name in ENTRANTS[data]}
    return {name: read(path) for name, path in paths.items() if path.exists()}


def weights_folder(network: str, data: str, seed: int, folder: Path = SHIPPED) -> Path | None:
    """Return the folder of the training that the benchmark of a network measures; None for the book's own."""
    apart = folder / FOLDER
    found = apart if holds(apart, run_name(network, data), seed) else folder
    return None if found == SHIPPED else found


def fewer_is_better(value: str) -> bool:
    """Return whether a network is better for a smaller value."""
    return value.split()[0] in _LESS or value.endswith("points_lost")


def values_of(record: Record, *names: str) -> np.ndarray:
    """Return values ``(S, M)`` of the seeds that have all of them, one row a seed."""
    runs = [run for run in record.runs if all(name in run.values for name in names)]
    return np.array([[run.values[name] for name in names] for run in runs]).reshape(len(runs), len(names))


def rules_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return how each network was trained and what that cost, a row a network.

    A picture of training counts three multiply-adds for each of the network's: one forwards, two backwards.
    """
    rows = {}
    for name, record in records.items():
        recipe, first = record.parameters["recipe"], record.runs[0].values
        each = first["multiply_adds"] / 1e6
        rows[networks.title(name)] = {
            "epochs": str(recipe["epochs"]),
            "optimiser": _optimiser(recipe),
            "pictures a step": str(recipe["batch_size"]),
            "parameters": f"{first['parameters']:,.0f}",
            "million multiply-adds a picture": f"{each:.3g}",
            "in training, for each training picture": f"{3 * each * recipe['epochs']:.3g}",
            "seeds": str(len(record.runs)),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def longer(records: Mapping[str, Record], data: str, folder: Path = SHIPPED) -> str:
    """Say what networks of ``records`` reach that ``folder`` has trained for another number of epochs too; an empty
    text where there are none.
    """
    told = []
    for name, record in records.items():
        path = record_path(folder, run_name(name, data))
        other = read(path) if path.exists() else record
        epochs, short = (each.parameters["recipe"]["epochs"] for each in (other, record))
        if epochs != short:
            reached = seeds_interval([100 * run.values["test_accuracy"] for run in other.runs])
            here = seeds_interval((100 * values_of(record, "accuracy")[:, 0]).tolist())
            told.append(
                f"{networks.title(name)} {reached:.1f} % after {how_many(epochs, 'epoch')}, {here:.1f} % after {short}"
            )
    return (
        f"Accuracy by another number of epochs, mean over seeds with its 95 % interval: {'; '.join(told)}."
        if told
        else ""
    )


def _optimiser(recipe: Mapping[str, Any]) -> str:
    """Return the name of the optimiser that a recipe of one of the three systems means."""
    return {"adam": "Adam"}.get(recipe.get("optimiser", ""), "Adadelta" if "rho" in recipe else "SGD, momentum")


@dataclass(frozen=True)
class TradeOff:
    """Networks by two values ``x`` and ``y`` of a benchmark.

    ``found``: network -> values ``(S, 2)``. ``shares``: network -> how often it is on the front, see
    ``c2f.metrics.pareto.front_shares``. ``front``: the networks whose means are on it, by x.
    """

    x: str
    y: str
    found: dict[str, np.ndarray]
    shares: dict[str, float]
    front: list[str]

    def surely(self, name: str) -> str:
        """Return a network's title and in brackets how often it is on the front; that it has one seed, if it has."""
        return f"{networks.title(name)} ({'one seed' if len(self.found[name]) == 1 else f'{self.shares[name]:.0%}'})"

    def caption(self) -> str:
        """Say who is on the front and how surely, and what the signs mean."""
        sure = ", ".join(map(self.surely, self.front))
        near = [self.surely(name) for name, share in self.shares.items() if name not in self.front and share >= 0.005]
        maybe = f"; by chance perhaps also {', '.join(near)}" if near else ""
        return (
            f"On the front, which no other network beats in both: {sure}{maybe}. In brackets how often that holds when "
            f"means are drawn anew from the spread over seeds. Bars are 95 % intervals over seeds."
        )


def trade_off(records: Mapping[str, Record], x: str, y: str) -> TradeOff:
    """Lay networks out by two values; those that lack one are left out.

    Raises:
        ValueError: no network has both.
    """
    tables = {name: values_of(record, x, y) for name, record in records.items()}
    found = {name: table for name, table in tables.items() if len(table)}
    if not found:
        raise ValueError(f"no benchmark has both {x!r} and {y!r}")
    signs = np.array([-1.0 if fewer_is_better(value) else 1.0 for value in (x, y)])
    turned = [signs * table for table in found.values()]
    shares = dict(zip(found, front_shares(turned).tolist(), strict=True))
    best = on_front([table.mean(axis=0) for table in turned])
    front = sorted(
        (name for name, on in zip(found, best, strict=True) if on), key=lambda name: found[name][:, 0].mean()
    )
    return TradeOff(x, y, found, shares, front)


def fronts_caption(fronts: Sequence[TradeOff]) -> str:
    """Say of several trade-offs who is on each front, most surely first, and what the signs mean."""
    told = []
    for found in fronts:
        order = sorted(found.front, key=lambda name: -found.shares[name])
        told.append(f"{called(found.y)[0]}: {', '.join(map(found.surely, order))}")
    return (
        f"On the front against {called(fronts[0].x)[0]}, in brackets how often when means are drawn anew: "
        f"{'; '.join(told)}. Bars are 95 % intervals over seeds, lines go through the front."
    )


@dataclass(frozen=True)
class Choice:
    """Who is best by one ``value``: ``best`` with its ``interval`` over so many ``seeds`` and the ``share`` of redrawn
    means in which it is (of one seed it says nothing), and the ``level`` ones from which these seeds cannot tell it.
    """

    value: str
    best: str
    seeds: int
    interval: Interval
    share: float
    level: list[str]


def choose_for(records: Mapping[str, Record], value: str) -> Choice | None:
    """Return who is best by ``value``, or None where fewer than two networks have it.

    Networks of one seed, whose spread is not known, are level with the best only where their value is as good.
    """
    tables = {name: values_of(record, value)[:, 0] for name, record in records.items()}
    found = {name: table for name, table in tables.items() if len(table)}
    if len(found) < 2:
        return None
    sign = -1.0 if fewer_is_better(value) else 1.0
    shares = dict(zip(found, front_shares([sign * table[:, None] for table in found.values()]).tolist(), strict=True))
    best = max(found, key=lambda name: sign * found[name].mean())
    level = [name for name in found if name != best and not _worse(sign * found[name], sign * found[best])]
    return Choice(value, best, len(found[best]), seeds_interval(found[best].tolist()), shares[best], level)


def _worse(these: np.ndarray, best: np.ndarray) -> bool:
    """Return whether the mean of ``these`` is below that of ``best`` by more than their seeds can hide."""
    if min(len(these), len(best)) < 2:
        return bool(these.mean() < best.mean())
    gap = difference(these.tolist(), best.tolist())
    return gap.mean < 0 if np.isnan(gap.low) else gap.high < 0


def advice_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return which network to take for which of ``NEEDS``, and whether a plain one would do, a row a need."""
    rows = {}
    for need, value in NEEDS.items():
        choice = choose_for(records, value)
        if choice is None:
            continue
        name, factor = called(value)
        as_good = [choice.best, *choice.level]
        rows[need] = {
            "best": networks.title(choice.best),
            "a plain pass would do": "yes" if any(name in PLAIN for name in as_good) else "no",
            "its mean (95 % over seeds)": written(choice.interval, factor),
            "best in redrawn means": "one seed" if choice.seeds == 1 else f"{choice.share:.0%}",
            "these seeds cannot tell from it": ", ".join(map(networks.title, choice.level)) or "none",
            "measured by": name,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("you need")


def findings(records: Mapping[str, Record]) -> list[str]:
    """Say who is best at what, what a plain pass would do as well, and how often each is on a front against cost."""
    choices = {need: choose_for(records, value) for need, value in NEEDS.items()}
    made = {need: choice for need, choice in choices.items() if choice is not None}
    if not made:
        return []
    wins: dict[str, list[str]] = {}
    for need, choice in made.items():
        who = f"**{networks.title(choice.best)}**{' (one seed)' if choice.seeds == 1 else ''}"
        wins.setdefault(who, []).append(need)
    told = "; ".join(f"{who} for {listed(wins[who])}" for who in sorted(wins, key=lambda who: -len(wins[who])))
    plain = [need for need, choice in made.items() if any(name in PLAIN for name in (choice.best, *choice.level))]
    needs_idea = [need for need in made if need not in plain]
    without = listed(needs_idea) or f"none of the {len(made)}"
    return [
        f"Best by its mean over seeds: {told}.",
        f"For {len(plain)} of {len(made)} needs a plain single pass is best or cannot be told from the best. An idea "
        f"of the three papers is needed for {without}.",
    ]


def compare(records: Mapping[str, Record], one: str, other: str, values: Sequence[str]) -> str:
    """Say how ``one`` compares with ``other`` in ``values``, or return an empty text where a record lacks."""
    if not {one, other} <= set(records):
        return ""
    told = []
    for value in values:
        a, b = (values_of(records[name], value)[:, 0] for name in (one, other))
        if min(len(a), len(b)) < 2:
            continue
        name, factor = called(value)
        gap = difference(a.tolist(), b.tolist())
        told.append(f"{name} {written(Interval(gap.mean, gap.low, gap.high), factor, sign='+')}")
    seeds = how_many_each(len(records[one].runs), len(records[other].runs), "seed")
    where = f"{networks.title(one)} against {networks.title(other)}"
    said = f"{where}, {seeds}, differences with 95 % intervals: {'; '.join(told)}."
    return f"{said[0].upper()}{said[1:]}" if told else ""


@dataclass(frozen=True)
class Stops:
    """The glimpse network stopped early: by ``glimpses`` 1, 2, ... and where it is sure enough (``sure``).

    Each is ``(S, 2)``: million multiply-adds a picture and accuracy in [0, 1], a row a seed.
    """

    glimpses: list[np.ndarray]
    sure: np.ndarray


def stops(data: str, folder: Path = SHIPPED) -> Stops | None:
    """Return what the glimpse network's training on ``data`` recorded of stopping early, or None."""
    path = record_path(folder, run_name(GLIMPSES, data))
    if not path.exists():
        return None
    record = read(path)
    costs = np.array(record.parameters["multiply_adds_by_glimpse"]) / 1e6
    counts = range(1, len(costs) + 1)
    fixed = [np.array([[costs[t - 1], run.values[f"test_accuracy {t}"]] for run in record.runs]) for t in counts]
    rows = []
    for run in record.runs:
        exits = run.details["exits"]
        at = exits["confidence"].index(CONFIDENCE)
        rows.append([float(np.dot(exits["shares"][at], costs)), exits["accuracy"][at]])
    return Stops(fixed, np.array(rows))
