"""What the records say of the claims of the Multi-Glimpse Network (Tan et al. 2021), as findings."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from c2f.common.words import how_many, how_many_each
from c2f.experiments.corruptions import tables as corruptions
from c2f.experiments.corruptions.run import scores
from c2f.experiments.glimpses import cost, pgd_tables, tables
from c2f.metrics.statistics import Interval, difference, seeds_interval
from c2f.networks import glimpse
from c2f.networks.glimpse import GlimpseSettings
from c2f.networks.glimpse.names import GLIMPSE_KINDS
from c2f.runs.record import Record
from c2f.scorecard.gaps import accuracy_gap, fewest
from c2f.scorecard.top_down import Query
from c2f.scorecard.verdict import Equal, Finding, pointlike

SCENES, CANVAS = "scenes-fashion-mnist", "canvas-fashion-mnist"
PASS_SHARES = (18.4, 36.9, 55.4, 74.0)
"""Multiply-adds of one to four glimpses of ResNet18 at scale 2.33, in percent of a pass at full size. The
authors fuse all tokens anew after each glimpse, which we do not: theirs are up to 0.4 more."""
SIZES = {"torchvision-resnet18": (3, 100, 224, 2.33, 12_344_950), "small_cnn": (1, 10, 112, 4.0, 178_036)}
"""Backbone -> channels, classes, side, downsampling, and the parameters of the authors' network of four glimpses."""


def _recorded(data: str, folders: Sequence[Path]) -> dict[str, Record]:
    return next((found for folder in folders if (found := tables.recorded(data, folder))), {})


def _about(record: Record) -> str:
    short = " (short)" if record.parameters["data"] == CANVAS else ""
    return f"small_cnn, {how_many(record.parameters['recipe']['epochs'], 'epoch')}{short}, float32"


def shares_of_a_pass(folders: Sequence[Path]) -> list[Finding]:
    """Return what one to four glimpses cost in percent of a pass at full size, counted."""
    return [
        Finding(
            how_many(count, "glimpse"),
            pointlike(share),
            ".1f",
            "%",
            rule=Equal(wanted, 0.4),
        )
        for count, (share, wanted) in enumerate(zip(_shares(), PASS_SHARES, strict=True), start=1)
    ]


@lru_cache(maxsize=1)
def _shares() -> tuple[float, ...]:
    settings = GlimpseSettings(downsampling=2.33)
    ours, full = (
        glimpse.build("torchvision-resnet18", 3, 100, 224, each) for each in (settings, cost.one_pass(settings))
    )
    whole = cost.multiply_adds(full, 3, 224)
    return tuple(100 * count / whole for count in cost.multiply_adds_by_glimpse(ours, 3, 224, 4))


def further_glimpses(data: str) -> Query:
    """Return how much each glimpse adds to the accuracy of the one before, seed by seed."""

    def query(folders: Sequence[Path]) -> list[Finding]:
        record = _recorded(data, folders).get("mgnet")
        if record is None:
            return []
        each = 100 * tables.accuracies(record)
        n = len(each)
        return [
            Finding(
                f"{data}: glimpse {t + 1} less glimpse {t}", seeds_interval((each[:, t] - each[:, t - 1]).tolist()),
                "+.1f", "points", how_many(n, "seed"), n, _about(record), (record,),
            )
            for t in range(1, each.shape[1])
        ]  # fmt: skip

    return query


def beside_one_pass(kind: str, *data: str) -> Query:
    """Return how much more accurate the last glimpse is than a single pass (``full`` or ``equal``)."""

    def query(folders: Sequence[Path]) -> list[Finding]:
        found = []
        for where in data:
            records = _recorded(where, folders)
            if {"mgnet", kind} <= set(records):
                pair = (records["mgnet"], records[kind])
                gap, over = accuracy_gap(*pair)
                what = f"{where}: a few glimpses less {GLIMPSE_KINDS[kind]}"
                found.append(Finding(what, gap, "+.1f", "points", over, fewest(pair), _about(pair[0]), pair))
        return found

    return query


def windows_move(folders: Sequence[Path]) -> list[Finding]:
    """Return how far the windows of the glimpses after the first spread over the pictures, standard deviation of their
    centres in percent of the picture's side: a window that is the same for all pictures finds nothing.
    """
    found = []
    for data in (SCENES, CANVAS):
        record = _recorded(data, folders).get("mgnet")
        if record is not None:
            spread = [_spread(run.details["places"]["sd"][1:]) for run in record.runs]
            n = len(spread)
            found += [
                Finding(
                    f"{data}: spread of the windows' centres over pictures", seeds_interval(spread),
                    ".1f", "% of the side", how_many(n, "seed"), n, _about(record), (record,),
                )
            ]  # fmt: skip
    return found


def _spread(sd: Sequence[Sequence[float]]) -> float:
    """Return the mean standard deviation of x and y, in percent of the side; places run from -1 to 1."""
    return 100 * sum(x + y for _, x, y in sd) / (4 * len(sd))


def _weather(folders: Sequence[Path]) -> tuple[Record, Record] | None:
    there = corruptions.recorded(folders[0])
    pair = [there.get(f"{kind}_small_cnn--{SCENES}--corruptions") for kind in ("mgnet", "full")]
    return (pair[0], pair[1]) if pair[0] and pair[1] else None


def weather(less_clean: bool) -> Query:
    """Return how much more accurate the last glimpse is than a pass at full size, mean over fifteen corruptions and
    five severities; ``less_clean``: less the same on clean pictures, so that the share of bad weather itself is left.
    """

    def query(folders: Sequence[Path]) -> list[Finding]:
        pair = _weather(folders)
        if pair is None:
            return []

        def each(record: Record) -> list[float]:
            found = [scores(run) for run in record.runs]
            last = found[0].answers - 1
            clean = [s.clean[last] / s.pictures if less_clean and s.clean else 0.0 for s in found]
            return [100 * (s.mean(last) - c) for s, c in zip(found, clean, strict=True)]

        ours, theirs = each(pair[0]), each(pair[1])
        n = min(len(ours), len(theirs))
        if n > 1:
            welch = difference(ours, theirs)
            gap = Interval(welch.mean, welch.low, welch.high)
        else:
            gap = pointlike(sum(ours) / len(ours) - sum(theirs) / len(theirs))
        what = (
            f"{SCENES}: a few glimpses less {GLIMPSE_KINDS['full']}" + " beyond the gain on clean pictures" * less_clean
        )
        pictures = scores(pair[0].runs[0]).pictures
        about = f"{_about(pair[0])}, {pictures:,} pictures"
        return [Finding(what, gap, "+.1f", "points", how_many_each(len(ours), len(theirs), "seed"), n, about, pair)]

    return query


def under_pgd(name: str) -> Query:
    """Return how much more accuracy a few glimpses keep than a pass at full size under an attack of the record."""

    def query(folders: Sequence[Path]) -> list[Finding]:
        records = pgd_tables.recorded(SCENES, folders[0])
        if not {"mgnet", "full"} <= set(records):
            return []
        pair = (records["mgnet"], records["full"])
        ours, theirs = (record.values(f"{name} {pgd_tables.glimpses(record)}") for record in pair)
        if min(len(ours), len(theirs)) > 1:
            welch = difference(ours, theirs)
            gap = Interval(100 * welch.mean, 100 * welch.low, 100 * welch.high)
        else:
            gap = pointlike(100 * (ours[0] - theirs[0]))
        over, n = how_many_each(len(ours), len(theirs), "seed"), fewest(pair)
        about = f"{_about(pair[0])}, {pair[0].parameters['pictures']:,} pictures"
        what = f"{SCENES}: accuracy that a few glimpses keep less {GLIMPSE_KINDS['full']}"
        return [Finding(what, gap, "+.1f", "points", over, n, about, pair)]

    return query


def sizes(folders: Sequence[Path]) -> list[Finding]:
    """Return the parameters of both networks of four glimpses, counted, each to equal the authors'."""
    found = []
    for backbone, (channels, classes, side, downsampling, wanted) in SIZES.items():
        network = glimpse.build(backbone, channels, classes, side, GlimpseSettings(downsampling=downsampling))
        here = sum(p.numel() for p in network.parameters())
        found.append(Finding(f"mgnet_{backbone}", pointlike(here), ",.0f", "parameters", rule=Equal(wanted)))
    return found
