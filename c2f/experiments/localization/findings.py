"""What measurements of evidence maps come to: sentences in Markdown, for captions and for the box *What came out*.

They are made of what was measured: the verdict first, then the effect, its 95 % interval and n. Shares lie in [0, 1]
where they come in and are said in percent; differences are top-down less bottom-up, in points.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from c2f import networks
from c2f.common.words import how_many
from c2f.experiments.localization.run import compare
from c2f.experiments.localization.tables import TITLES, first_recorded, pair_recorded, points, training_length, verdict
from c2f.metrics.localization.suite import Measures
from c2f.metrics.statistics import Interval, difference, interval, share_interval
from c2f.runs.record import Record

LIKE, KNOWN, MISSED = 0.5, 90, 10
"""From which correlation on two maps are called alike; from which accuracy in percent on a network knows its classes,
and below which percentage of pictures it points past a class's patch."""


def seed_gap(a: Sequence[float], b: Sequence[float]) -> Interval:
    """Return the mean of ``a`` less that of ``b``, one value a seed, with Welch's interval over seeds; its ends are NaN
    where there is one seed of either.
    """
    if min(len(a), len(b)) < 2:
        return Interval(_mean(a) - _mean(b), math.nan, math.nan)
    found = difference(a, b)
    return Interval(found.mean, found.low, found.high)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _cell(table: pd.DataFrame, row: str, column: str) -> float:
    return float(table[column][row])


def _choose(gap: Interval, more: str, less: str, same: str) -> str:
    """Return the word that goes with where ``gap`` lies; of one seed nothing can be told."""
    return more if gap.low > 0 else less if gap.high < 0 else same


def extents(
    means: tuple[float, float, float], gap: Interval, pen_gap: Interval, rows: int, about: str
) -> tuple[str, str]:
    """Say whether the top-down network's evidence is sharper, and whether it is with the same pen too.

    Args:
        means: extents of the bottom-up network's maps, of the top-down network's, and of the latter brought to the
            former's resolution.
        gap: of the second less the first of them.
        pen_gap: of the third less the first.
        rows: of that resolution.
        about: what was measured, e.g. ``4 seeds, 81 pictures``.
    """
    bottom_up, top_down, same_pen = (f"{100 * mean:.0f} %" for mean in means)
    drawn = _choose(
        gap, "Wider as it is drawn", "Sharper as it is drawn, as the paper says", "Not to be told as it is drawn"
    )
    pen = _choose(
        pen_gap,
        "With the same pen it is wider",
        "With the same pen it is sharper still",
        "With the same pen nothing is left that can be told",
    )
    return (
        f"**{drawn}**: in the last layer the evidence extends over {bottom_up} of the picture in the bottom-up network "
        f"and over {top_down} in the top-down one, {points(gap, 1)} points ({about}).",
        f"**{pen}**: averaged to {rows}x{rows} places, the top-down maps extend over {same_pen}, {points(pen_gap, 1)} "
        "points from the bottom-up ones.",
    )


def alike(found: Mapping[str, Sequence[float]], pictures: int) -> str:
    """Say how alike the maps of two seeds are; ``found``: network -> mean correlation of each pair of seeds."""
    pairs = len(next(iter(found.values())))
    if not pairs:
        return "One seed: how alike another seed's maps would be is not known."
    means = {name: _mean(each) for name, each in found.items()}
    much = "Much" if min(means.values()) >= LIKE else "Little" if max(means.values()) < LIKE else "More and less"
    said = ", ".join(f"{mean:.2f} ({name})" for name, mean in means.items())
    return (
        f"**{much} in common between seeds**: maps that two seeds of a network draw of one picture correlate by "
        f"r = {said}, mean of {how_many(pairs, 'pair')} of seeds, {pictures} pictures; 1 would be the same map."
    )


def hindsight(best: Mapping[int, float], honest: Mapping[int, float]) -> str:
    """Say what a threshold chosen in hindsight gains for maps that know nothing; both: pictures scored -> share found
    with the threshold that is best for them, or with one that was chosen on as many others.
    """
    few, many = min(best), max(best)
    gain = 100 * (best[few] - honest[few])
    word = f"{gain:.0f} points of luck" if gain >= 0.5 else "No luck this time"
    said = [f"{100 * best[n]:.0f} % against {100 * honest[n]:.0f} % with {n} pictures" for n in (few, many)]
    return (
        f"**{word}**: of maps that know nothing, the best threshold in hindsight finds more objects than one chosen "
        f"elsewhere: {' and '.join(said)}."
    )


def best_baselines(found: Mapping[str, Measures]) -> str:
    """Say by which measures each of the ``baselines`` is the best of them."""
    measures = next(iter(found.values())).values
    best = {m: max(found, key=lambda who: found[who].values[m]) for m in measures}
    parts = [
        f"the {who} by {', '.join(f'{TITLES[m]} ({100 * x.values[m]:.0f} %)' for m in measures if best[m] == who)}"
        for who, x in found.items()
        if who in best.values()
    ]
    return f"**Each measure has somebody blind to beat**: best of the three are {'; '.join(parts)}."


def ruler(table: pd.DataFrame, network: str, pictures: int, called: str = "garment") -> str:
    """Say whether maps point where ``network`` is known to look; ``table``: of ``planted_table``, of ``pictures``, with
    what says nothing ``called`` as there.
    """
    at, past = (_cell(table, network, f"points at the {what}") for what in ("patch", called))
    chance = _cell(table, "by chance", "points at the patch")
    found = share_interval(at / 100, pictures)
    works = 100 * found.low > max(chance, past)
    return (
        f"**The ruler {'works' if works else 'does not work'}**: the {network} network has to look at the patch, and "
        f"points at it in {at:.0f} % of {pictures} pictures (95 % interval {100 * found.low:.0f} to "
        f"{100 * found.high:.0f}) and at the {called} in {past:.0f} %; by chance it would be {chance:.0f} %."
    )


def exclusion(table: pd.DataFrame, network: str, classes: Sequence[str]) -> str:
    """Say which class ``network`` knows without pointing at its patch, if any; ``table``: of ``planted_table``."""
    share, which = min((_cell(table, network, f"patch, {name}"), name) for name in classes)
    accuracy = _cell(table, network, "accuracy")
    known = accuracy >= KNOWN and share < MISSED
    return (
        f"**{'A class known by exclusion' if known else 'No class known by exclusion this time'}**: the {network} "
        f"network is right in {accuracy:.0f} % of all pictures, and where the patch is {which} it points at it in "
        f"{share:.0f} % of them, the fewest of all colours."
    )


def layers(values: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], layer: str) -> str:
    """Say by how many measures the top-down network's mean is the higher one at ``layer``, and all means there;
    ``values`` as for ``layer_panels``.
    """
    means = {m: [_mean(v[layer]) for v in by_network.values()] for m, by_network in values.items()}
    more = sum(top_down > bottom_up for bottom_up, top_down in means.values())
    said = ", ".join(f"{TITLES[m]} {100 * a:.0f} and {100 * b:.0f} %" for m, (a, b) in means.items())
    return f"At {layer} the top-down network is higher by {more} of {len(means)} measures: bottom-up, top-down {said}."


def verdicts(gaps: Mapping[str, Interval], layer: str, about: str) -> list[str]:
    """Say which network has more by which measures, three sentences; ``gaps``: measure -> of ``compare``; ``about``:
    what was measured.
    """
    by: dict[str, list[str]] = {"top-down": [], "bottom-up": [], "cannot be told": []}
    for m, gap in gaps.items():
        by[verdict(gap)].append(f"{TITLES[m]} {points(gap, 1)}")
    more, less = len(by["top-down"]), len(by["bottom-up"])
    begin = "In part as the paper says" if more else "Not as the paper says"
    begin = "As the paper says" if more == len(gaps) else begin
    said = {who: ", ".join(each) or "nothing" for who, each in by.items()}
    return [
        f"**{begin}**: by {more} of {len(gaps)} measures the top-down network's maps have more at {layer}, by {less} "
        f"the bottom-up one's ({about}).",
        f"**More top-down**, in points with 95 % intervals: {said['top-down']}. **More bottom-up**: "
        f"{said['bottom-up']}.",
        f"**Not to be told**: {said['cannot be told']}.",
    ]


def pen(base: Measures, drawn: Measures, same_pen: Measures, measures: Iterable[str], rows: int, resamples: int) -> str:
    """Say by how many of ``measures`` a top-down network's maps lead a bottom-up network's, ``base``: as ``drawn``, and
    with the ``same_pen`` of ``rows`` x ``rows`` places.
    """
    measures = list(measures)
    leads = [
        sum(interval([x.each[m] - base.each[m]], resamples=resamples).low > 0 for m in measures)
        for x in (drawn, same_pen)
    ]
    eye = "The eye too, not the pen alone" if leads[1] else "The pen"
    eye = eye if leads[0] else "No lead as drawn"
    return (
        f"**{eye}**: the top-down network leads by {leads[0]} of {len(measures)} measures as its maps are drawn, and "
        f"by {leads[1]} when they are averaged to {rows}x{rows} places (one seed each; intervals over "
        f"{len(base.each[measures[0]])} pictures)."
    )


@dataclass(frozen=True)
class Compared:
    """A recorded pair: its ``data``, the ``family``, the pair's ``length`` of training and number of ``seeds``, and by
    measure the ``means`` (bottom-up, top-down) and the ``gaps`` at the last layer."""

    data: str
    family: str
    length: str
    seeds: int
    means: dict[str, tuple[float, float]]
    gaps: dict[str, Interval]


def compared(folders: Sequence[Path], kind: str, measures: Sequence[str], resamples: int) -> list[Compared]:
    """Compare every recorded pair by maps of one ``kind`` at the last layer; each from the first of ``folders`` that
    has both networks of it.
    """
    found = []
    for data, by_network in first_recorded(folders, kind).items():
        for name in [n for n in by_network if f"{n}_td" in by_network]:
            records, home = pair_recorded(folders, data, (name, f"{name}_td"), kind) or ({}, None)
            if not records:
                continue
            (up, a), (down, b) = records.items()
            last = max(a.parameters["layers"])
            ends = (up, last), (down, last)
            lengths = dict.fromkeys(training_length(record) for record in (a, b))
            means = {m: (_mean(a.values(f"{last} {m}")), _mean(b.values(f"{last} {m}"))) for m in measures}
            gaps = {m: compare(*ends, data, m, kind, home, resamples) for m in measures}
            family = networks.title(name).split()[0]
            found.append(Compared(data, family, " and ".join(lengths), len(a.runs), means, gaps))
    return found


def pair_lines(found: Sequence[Compared]) -> str:
    """Return a list in Markdown, a line a pair of ``compared``."""
    return "\n".join(
        f"- {pair.data}, {pair.family} ({pair.length}, {how_many(pair.seeds, 'seed')}): "
        + "; ".join(
            f"{TITLES[m]} {100 * pair.means[m][0]:.0f} % bottom-up, {100 * pair.means[m][1]:.0f} % top-down, "
            f"{points(gap, 1)} points: {verdict(gap)}"
            for m, gap in pair.gaps.items()
        )
        for pair in found
    )


def counted(found: Sequence[Compared], measure: str, where: str) -> str:
    """Say in how many pairs of ``compared`` which network has more of a measure; ``where``: on what data."""
    by = [verdict(pair.gaps[measure]) for pair in found]
    more, less = by.count("top-down"), by.count("bottom-up")
    begin = _choose(Interval(more - less, more - less, more - less), "More top-down", "More bottom-up", "No side ahead")
    return (
        f"**{begin} on {where}**: of {how_many(len(found), 'pair')} the top-down network has more "
        f"{TITLES[measure]} in {more}, the bottom-up one in {less}; the rest cannot be told."
    )


def photographs(pair: Mapping[str, Record], home: Path, measures: Sequence[str], resamples: int) -> str:
    """Say how a pair of networks compares on photographs at the last layer; ``pair`` and ``home``: of
    ``pair_recorded``.
    """
    (up, record), (down, _) = pair.items()
    about, last, n = record.parameters, max(record.parameters["layers"]), len(record.runs)
    gaps = [compare((up, last), (down, last), about["data"], m, about["maps"], home, resamples) for m in measures]
    by = [verdict(gap) for gap in gaps]
    more, less = by.count("top-down"), by.count("bottom-up")
    said = ", ".join(f"{TITLES[m]} {points(gap, 1)}" for m, gap in zip(measures, gaps, strict=True))
    return (
        f"**Photographs, {training_length(record)}, {how_many(n, 'seed')}**: the top-down network has more by {more} "
        f"of {len(gaps)} measures, the bottom-up one by {less} ({said} points; {about['pictures']} pictures)."
        + (" Another seed may say otherwise." if n == 1 else "")
    )


def orders(areas: Mapping[str, tuple[Tensor, Tensor]], resamples: int) -> str:
    """Say what the map's order gains over a random one in insertion; ``areas``: network -> the areas ``(F,)`` by its
    map and at random.
    """
    gaps = {name: interval([own - chance], resamples=resamples) for name, (own, chance) in areas.items()}
    better = [gap.low > 0 for gap in gaps.values()]
    begin = "Better than a random order" if any(better) else "No gain over a random order can be told"
    begin += " for one network only" if any(better) and not all(better) else ""
    said = "; ".join(f"{networks.title(name)} {points(gap, 1)} points" for name, gap in gaps.items())
    count = len(next(iter(areas.values()))[0])
    return f"**{begin}**: by the map's order the area under insertion gains {said} ({count} pictures, one seed)."
