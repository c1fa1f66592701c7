"""What the records say of the claims of High-Resolution Class Activation Mapping (Tagaris et al. 2019), as findings."""

from collections.abc import Sequence
from pathlib import Path

from c2f import networks
from c2f.common.words import how_many
from c2f.metrics.statistics import Interval, seeds_interval
from c2f.runs.folder import record_path, run_name, where
from c2f.runs.record import Record, read
from c2f.scorecard.gaps import newcombe, numbers_in
from c2f.scorecard.top_down import Query
from c2f.scorecard.verdict import Below, Equal, Finding, pointlike

DATA = ("scenes-fashion-mnist", "tiny-animals")
"""Where both models and their maps are recorded, or can be."""


def _found(name: str, data: str, folders: Sequence[Path]) -> Record | None:
    folder = where(run_name(name, data), folders[0])
    return None if folder is None else read(record_path(folder, run_name(name, data)))


def same_scores(folders: Sequence[Path]) -> list[Finding]:
    """Return in how many entries the full model's confusion matrix differs from that of its half model."""
    found = []
    for data in DATA:
        half, full = (_found(name, data, folders) for name in ("densenet_half", "densenet_full"))
        for run in full.runs if half and full else []:
            twin = half.run(run.seed) if half else None
            if twin is not None and half and full:
                a, b = (each.details["confusion"] for each in (twin, run))
                moved = sum(
                    abs(x - y) for one, other in zip(a, b, strict=True) for x, y in zip(one, other, strict=True)
                )
                what = f"{data}, seed {run.seed}: entries of the confusion matrix that differ"
                found.append(
                    Finding(what, pointlike(moved), ".0f", "", "", None, _length(half), (half, full), Equal(0))
                )
    return found


def follows_the_low_map(folders: Sequence[Path]) -> list[Finding]:
    """Return how far the high-resolution map correlates with the low-resolution one over decoders trained anew; where
    that is a class activation map, they are pictures of one thing.
    """
    record = _found("densenet_decoders", DATA[0], folders)
    if record is None:
        return []
    n = len(record.runs)
    found = seeds_interval(record.values("to_low"))
    what = f"{DATA[0]}: correlation of the high-resolution with the low-resolution map"
    return [Finding(what, found, "+.2f", "", f"{n} decoders", n, _length(record), (record,))]


def order_counts(folders: Sequence[Path]) -> list[Finding]:
    """Return the share of other orders of the decoded maps that do as well as the one that training left, mean over
    decoders trained anew; of maps that belong to their weights it would be small.
    """
    record = _found("densenet_decoders", DATA[0], folders)
    if record is None:
        return []
    shares = [100 * share for share in record.values("orders_as_good")]
    what = f"{DATA[0]}: other orders of the decoded maps that do as well as the one that training left"
    return [
        Finding(what, seeds_interval(shares), ".0f", "%", f"{len(shares)} decoders", len(shares), _length(record),
                (record,), Below(5))
    ]  # fmt: skip


def finds_the_object(what: str, beside: str, measure: str = "box_acc") -> Query:
    """Return by how many points the maps ``what`` find the object more often than the maps ``beside``."""

    def query(folders: Sequence[Path]) -> list[Finding]:
        found = []
        for data in DATA:
            record = _found("densenet_maps", data, folders)
            if record is None or f"{measure} {what}" not in record.runs[0].values:
                continue
            ours, theirs = (record.values(f"{measure} {name}") for name in (what, beside))
            n, pictures = len(ours), record.parameters["pictures"]
            if n > 1:
                gap = seeds_interval([100 * (a - b) for a, b in zip(ours, theirs, strict=True)])
                over = how_many(n, "seed")
            else:
                one = newcombe(ours[0], theirs[0], pictures)
                gap, over = Interval(100 * one.value, 100 * one.low, 100 * one.high), f"{pictures} pictures, 1 seed"
            title = f"{data}: {what.replace('_', ' ')} less {beside.replace('_', ' ')} map"
            found.append(Finding(title, gap, "+.1f", "points", over, n, _length(record), (record,)))
        return found

    return query


SIZES = {"densenet_half": 1_069_630, "densenet_full": 1_683_902}
"""Parameters of the authors' two models of 398 classes, batch norms' running statistics included."""


def sizes(folders: Sequence[Path]) -> list[Finding]:
    """Return the parameters of both models with 398 classes, counted, each to equal the authors'."""
    found = []
    for name, count in SIZES.items():
        network = networks.build(name, 3, 398, 224)
        here = numbers_in(network)
        found.append(Finding(name, pointlike(here), ",.0f", "parameters", rule=Equal(count)))
    return found


def _length(record: Record) -> str:
    epochs = record.parameters["recipe"]["epochs"]
    return f"{how_many(epochs, 'epoch')} of a small configuration, float32"
