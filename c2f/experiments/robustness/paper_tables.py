"""Recorded attacks beside the numbers that the Top-Down Networks paper published: which network is harder to fool.

Axes: N pictures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from c2f import attacks
from c2f.common.words import how_many_each
from c2f.datasets.registry import STANDS_FOR, stand_in_note
from c2f.experiments.robustness.published import L2_AT_50, L2_TOLERANCE, POINTS_LOST, POINTS_TOLERANCE, Pair
from c2f.experiments.robustness.tables import Recorded, Task, family_title
from c2f.metrics.robustness import Distances, Results, all_l2_at_loss, all_points_lost
from c2f.metrics.statistics import Interval, interval, paired_difference


@dataclass(frozen=True)
class Quantity:
    """A number that the paper gives: what it is called, how it is measured, how far a published one may be off.

    ``measure``: of draws of ``(..., N)`` pictures, in shape ``(...)``; infinite for "never".
    ``higher_is_robust``: whether more of it means a network that is harder to fool.
    """

    title: str
    measure: Callable[[Results | Distances], np.ndarray]
    tolerance: float
    higher_is_robust: bool

    def more_robust(self, gap: float) -> bool:
        """Whether the network that has ``gap`` more of it than another is the harder to fool."""
        return (gap > 0) == self.higher_is_robust

    def gap(self, a: Sequence[Results], b: Sequence[Results], resamples: int = 1000) -> Interval:
        """Return what the runs ``a`` have more of it than ``b``, on the same pictures, with its 95 % interval."""
        both = [run.distances for run in a], [run.distances for run in b]
        return paired_difference(*both, _bounded(self.measure, [*both[0], *both[1]]), resamples, at_once=True)


AT_50 = Quantity("L2 at 50 points lost", all_l2_at_loss, L2_TOLERANCE, higher_is_robust=True)
LOST = Quantity("points lost in the end", all_points_lost, POINTS_TOLERANCE, higher_is_robust=False)
PUBLISHED = {AT_50: L2_AT_50, LOST: POINTS_LOST}
"""Quantity -> (data, family, attack) -> the paper's pair."""


def quantity_of(attack: str) -> Quantity:
    """Return the number that the paper gives of an attack."""
    return LOST if any(name == attack for _, _, name in POINTS_LOST) else AT_50


@dataclass(frozen=True)
class Beside:
    """A published pair beside ours, each of ours with its 95 % interval; infinite where it was never reached.

    ``data``: ours, which may stand for the paper's, see ``c2f.datasets.registry``. ``difference``: top-down less
    bottom-up, on the same pictures, with its 95 % interval. ``pictures``, ``seeds``: of ours, the seeds of either
    network.
    """

    data: str
    family: str
    attack: str
    quantity: Quantity
    published: Pair
    bottom_up: Interval
    top_down: Interval
    difference: Interval
    protocol: str = "paper"
    pictures: int = 0
    seeds: tuple[int, int] = (0, 0)

    @property
    def data_noted(self) -> str:
        """The data, with a note where the published pair is of others."""
        return stand_in_note(self.data)

    @property
    def paper_says(self) -> str:
        """Which network the published pair calls harder to fool, ``top-down``, ``bottom-up`` or ``alike``.

        Both numbers of a pair may be off by the tolerance, so a difference may be off by twice as much.
        """
        gap = self.published.top_down - self.published.bottom_up
        return "alike" if abs(gap) <= 2 * self.quantity.tolerance + 1e-9 else self._robuster(gap)

    @property
    def we_find(self) -> str:
        """Which network ours calls harder to fool, ``alike`` where the interval of the difference holds 0."""
        gap = self.difference
        return "alike" if gap.low <= 0 <= gap.high else self._robuster(gap.value)

    def _robuster(self, gap: float) -> str:
        return "top-down" if self.quantity.more_robust(gap) else "bottom-up"


def beside_published(found: Recorded, protocol: str = "paper", resamples: int = 1000) -> list[Beside]:
    """Return the published numbers for which ``found``, of ``protocol``, holds both the bottom-up and the top-down
    network. ``resamples``: of their intervals.
    """
    rows = []
    for quantity, table in PUBLISHED.items():
        for (theirs, family, attack), pair in table.items():
            for data in (theirs, *(ours for ours, stands_for in STANDS_FOR.items() if stands_for == theirs)):
                ours = [found.get((data, network, attack)) for network in (family, f"{family}_td")]
                if ours[0] and ours[1]:
                    each = ([run.distances for run in runs] for runs in (ours[0], ours[1]))
                    a, b = (interval(runs, quantity.measure, resamples, at_once=True) for runs in each)
                    gap, seeds = quantity.gap(ours[1], ours[0], resamples), (len(ours[0]), len(ours[1]))
                    rows.append(
                        Beside(data, family, attack, quantity, pair, a, b, gap, protocol, len(ours[0][0]), seeds)
                    )
    return rows


def beside_tasks(found: Sequence[Task], resamples: int = 1000) -> list[Beside]:
    """Return ``beside_published`` of all ``found``; where a pair is there by both protocols, by that of the paper."""
    rows: dict[tuple[str, str, str], Beside] = {}
    for task in sorted(found, key=lambda task: task.protocol != "paper"):
        here = {(task.data, *key): runs for key, runs in task.runs.items()}
        for row in beside_published(here, task.protocol, resamples):
            rows.setdefault((row.data, row.family, row.attack), row)
    return list(rows.values())


def published_table(rows: Sequence[Beside]) -> pd.DataFrame:
    """Return the published pairs beside ours, a row an attack."""
    columns = ["networks and data", "quantity", "attack", "paper: bottom-up / top-down", "our bottom-up"]
    columns += ["our top-down", "top-down less bottom-up", "harder to fool: paper", "ours"]
    columns += ["ours: protocol, pictures, seeds"]
    lines = [
        (
            *(f"{family_title(row.family)} on {row.data_noted}", row.quantity.title, attacks.title(row.attack)),
            f"{row.published.bottom_up:g} / {row.published.top_down:g}",
            *(f"{row.bottom_up:.2f}", f"{row.top_down:.2f}", f"{row.difference:+.2f}", row.paper_says, row.we_find),
            f"{row.protocol}, {row.pictures:,}, {' / '.join(map(str, row.seeds))}",
        )
        for row in rows
    ]
    return pd.DataFrame(lines, columns=columns).set_index(columns[:3]).sort_index()


def counted_table(rows: Sequence[Beside]) -> pd.DataFrame:
    """Return how many of the paper's pairs have ours beside them and who is harder to fool there, a row a task of the
    paper, the last row all of them.
    """
    columns = ["recorded", "top-down harder to fool", "bottom-up harder", "cannot be told", "the paper agrees"]
    columns += ["the paper says the opposite"]
    theirs: dict[tuple[str, str], int] = {}
    for data, family, _ in [key for table in PUBLISHED.values() for key in table]:
        theirs[data, family] = theirs.get((data, family), 0) + 1
    lines, every = {}, []
    for (data, family), pairs in theirs.items():
        # Pictures that stand for the paper's take their place only where there are none of the paper's own.
        here = [row for row in rows if row.family == family and data in (row.data, STANDS_FOR.get(row.data))]
        here = [row for row in here if row.data == data] or here
        lines[f"{family_title(family)} on {data}"] = _counts(here, pairs)
        every += here
    lines["all"] = _counts(every, sum(theirs.values()))
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns).rename_axis("networks")


def _counts(rows: Sequence[Beside], pairs: int) -> list[str | int]:
    better = [sum(row.we_find == who for row in rows) for who in ("top-down", "bottom-up", "alike")]
    same, against = sum(row.paper_says == row.we_find for row in rows), sum(map(_opposite, rows))
    return [f"{len(rows)} of {pairs}", *better, same, against]


def published_verdicts(rows: Sequence[Beside]) -> list[str]:
    """Say in a line a task which network is harder to fool, under how many attacks, and what the paper says of them."""
    lines = []
    for title, here in _by_task(rows).items():
        better = {who: sum(row.we_find == who for row in here) for who in ("top-down", "bottom-up", "alike")}
        same = sum(row.paper_says == row.we_find for row in here)
        against = [attacks.title(row.attack) for row in here if _opposite(row)]
        finer = sum(row.paper_says == "alike" != row.we_find for row in here)
        coarser = len(here) - same - len(against) - finer
        lines.append(
            f"{title}: of {len(here)} attacks the top-down network is harder to fool under {better['top-down']}, the "
            f"bottom-up one under {better['bottom-up']}; {better['alike']} cannot be told. The paper has the same "
            f"verdict for {same} and the opposite for {len(against)}{_listed(against)}. For {finer} its plot is too "
            f"coarse to tell the two apart where we can, for {coarser} it is the other way round."
        )
    return lines


def agreement(rows: Sequence[Beside]) -> str:
    """Say of all ``rows`` which network is harder to fool how often, and how often the paper has the same verdict."""
    recorded, *better, same, against = _counts(rows, sum(map(len, PUBLISHED.values())))
    others = [
        f"{title}: {attacks.title(row.attack)}" for title, at in _by_task(rows).items() for row in at if _opposite(row)
    ]
    return (
        f"Of the paper's pairs of networks under one attack {recorded} are recorded: the top-down network is harder to "
        f"fool in {better[0]}, the bottom-up one in {better[1]}, {better[2]} cannot be told. The paper has the same "
        f"verdict for {same} of them and the opposite for {against}{_listed(others)}."
    )


NOISE_AND_BLUR = (
    *("salt_and_pepper", "pointwise", "additive_gaussian", "additive_uniform", "blended_uniform"),
    "gaussian_blur",
)
"""The attacks by noise and by blurring, which the paper says a top-down network withstands better (section 4.2)."""


def noise_verdicts(rows: Sequence[Beside]) -> list[str]:
    """Say in a line a task whether the top-down network withstands noise and blurring better, by how much, and on what
    that was measured.

    The claim holds where it is harder to fool by each such attack that is recorded, does not hold where it is by none,
    and holds in part otherwise.
    """
    lines = []
    for title, every in _by_task(rows).items():
        here = [row for row in every if row.attack in NOISE_AND_BLUR]
        if not here:
            continue
        more = [row for row in here if row.we_find == "top-down"]
        begin = "holds" if len(more) == len(here) else "holds in part" if more else "does not hold"
        gaps = sorted(here, key=lambda row: row.difference.value)
        ends = [f"{row.difference:+.2f} under *{attacks.title(row.attack)}*" for row in (gaps[0], gaps[-1])]
        on = [
            f"{one.pictures:,} pictures, {how_many_each(*one.seeds, 'training')}, protocol {one.protocol}"
            for one in here
        ]
        lines.append(
            f"**The claim about noise and blurring {begin}** for {title}: the top-down network is harder to fool by "
            f"{len(more)} of {len(here)} such attacks. {here[0].quantity.title}, top-down less bottom-up, goes "
            f"from {' to '.join(dict.fromkeys(ends))} (95 % intervals; {' or '.join(dict.fromkeys(on))})."
        )
    return lines


def _by_task(rows: Sequence[Beside]) -> dict[str, list[Beside]]:
    found: dict[str, list[Beside]] = {}
    for row in sorted(rows, key=lambda row: (row.data, row.family)):
        found.setdefault(f"{family_title(row.family)} on {row.data}", []).append(row)
    return found


def _opposite(row: Beside) -> bool:
    return {row.paper_says, row.we_find} == {"top-down", "bottom-up"}


def _listed(names: Sequence[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


def _bounded(
    measure: Callable[[Results | Distances], np.ndarray], runs: Sequence[Results | Distances]
) -> Callable[[Results | Distances], np.ndarray]:
    """Return ``measure`` with "never" counted as the farthest that any of ``runs`` went: a distance that is at least as
    large, so that two of them can be compared.
    """
    farthest = max(float(run.l2[np.isfinite(run.l2)].max(initial=0)) for run in runs)

    def bounded(drawn: Results | Distances) -> np.ndarray:
        values = measure(drawn)
        return np.where(np.isinf(values), farthest, values)

    return bounded
