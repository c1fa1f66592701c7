"""What the records say of the Top-Down paper's claims: a verdict, its numbers and what they were measured on.

Each claim is a function that returns a line of Markdown for the scorecard; what is not recorded is said with its cost.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from c2f import cam, networks
from c2f.experiments.classification import published
from c2f.experiments.classification import tables as trainings
from c2f.experiments.localization import tables as localization
from c2f.experiments.localization.run import compare
from c2f.experiments.robustness import ablation_tables, variants
from c2f.experiments.robustness import tables as robustness
from c2f.metrics.statistics import Interval, difference, share_interval
from c2f.reference import merges, short
from c2f.reference.waiting import waiting
from c2f.runs.folder import SHIPPED, record_path, run_name
from c2f.runs.record import Record, read

PHOTOGRAPHS = "tiny-imagenette"
"""The book's stand-in for Imagenette, ten classes of such pictures at 64x64 pixels."""
ON_THE_OBJECT = "energy"
"""The measure of claim 6, the share of a map's positive evidence that lies on the object."""


def accuracy(folders: Sequence[Path] = short.FOLDERS) -> str:
    """Claim 1: turned top-down, an architecture is about as accurate."""
    lines = trainings.compared(trainings.recorded(folders))
    return " ".join(lines) or "not recorded yet: `c2f reference --list`"


def photographs(folders: Sequence[Path] = short.FOLDERS) -> str:
    """Claim 2: on photographs the bottom-up ResNet18 is better. Of the first of ``folders`` that has the pair; the
    interval is over seeds where each has two or more, else over the test pictures of two independent shares (Newcombe).
    """
    pair = ("resnet18", "resnet18_td")
    missing = waiting(*(f"{name}--{PHOTOGRAPHS}--seed0" for name in pair), output=folders[0])
    for folder in folders:
        paths = [record_path(folder, run_name(name, PHOTOGRAPHS)) for name in pair]
        if all(path.exists() for path in paths):
            return _photographs(*map(read, paths)) + (f" In full it is {missing}." if missing else "")
    return missing


def _photographs(bottom_up: Record, top_down: Record) -> str:
    a, b = (record.values("test_accuracy") for record in (bottom_up, top_down))
    gap, over = Interval(math.nan, math.nan, math.nan), ""
    if min(len(a), len(b)) > 1:
        welch = difference(a, b)
        gap, over = Interval(welch.mean, welch.low, welch.high), f"over {len(a)} and {len(b)} seeds"
    if math.isnan(gap.low):
        pictures = bottom_up.runs[0].details["pictures"]["test"]
        gap, over = _newcombe(sum(a) / len(a), sum(b) / len(b), pictures), f"over {pictures:,} test pictures, one seed"
    if gap.low <= 0 <= gap.high:
        begin = "cannot be told"
    else:
        begin = "as the paper says" if gap.low > 0 else "the other way round"
    lengths = " and ".join(trainings.length(record) for record in (bottom_up, top_down))
    about = f"{lengths}, {trainings.precision(bottom_up)}"
    return (
        f"**{begin}** on {PHOTOGRAPHS} (64x64 pixels, not Imagenette; {about}): the bottom-up ResNet18 less the "
        f"top-down one is {trainings.in_percent(gap, '+.1f')} points, 95 % interval {over}; the paper has about "
        f"{published.IMAGENETTE_GAP:+g} on Imagenette."
    )


def _newcombe(a: float, b: float, pictures: int) -> Interval:
    """Return ``a - b`` of two shares of as many pictures, with Newcombe's interval from those of Wilson. That both saw
    the same pictures is not made use of: it is a little too wide.
    """
    one, other = share_interval(a, pictures), share_interval(b, pictures)
    down, up = math.hypot(a - one.low, other.high - b), math.hypot(one.high - a, b - other.low)
    return Interval(a - b, a - b - down, a - b + up)


def noise(folders: Sequence[Path] = short.FOLDERS) -> str:
    """Claim 3: a top-down network withstands noise and blurring better."""
    tasks = robustness.tasks("minimal", folders)
    more, pairs = robustness.larger_medians(tasks)
    where = "; ".join(f"{task.title} ({task.about})" for task in tasks)
    return f"**in {more} of {pairs}** recorded pairs of networks and attacks the top-down median L2 is larger: {where}."


def uniform_and_reversed(folders: Sequence[Path] = short.FOLDERS) -> str:
    """Claim 4: uniform and reversed networks withstand spatial attacks better and are otherwise like the original."""
    found = variants.compare_variants(robustness.tasks("minimal", folders))
    if any(one.attack in variants.SPATIAL for one in found):
        measured = dict.fromkeys(one.task for one in found)
        return f"{variants.verdict(found)} Measured: {'; '.join(measured)}, protocol minimal."
    pieces = [f"attacks--lenetfc_td_{kind}--fashion-mnist--minimal--seed0" for kind in ("uni", "rev")]
    return waiting(*pieces, output=folders[0])


def scales(folder: Path = SHIPPED) -> str:
    """Claim 5: which scale is the most vulnerable."""
    lines = ablation_tables.ablation_verdicts(ablation_tables.ablations("minimal", folder))
    return " ".join(lines) or "not recorded yet: `c2f reference --list`"


def maps(folders: Sequence[Path] = short.FOLDERS) -> str:
    """Claim 6: the maps of a top-down network lie on the object. By the last layer, top-down less bottom-up."""
    found = []
    for kind in ("raw", "paper"):
        for data, by_network in localization.first_recorded(folders, kind).items():
            for family in dict.fromkeys(networks.family_name(network) for network in by_network):
                pair = (family, f"{family}_td")
                records, home = localization.pair_recorded(folders, data, pair, kind) or ({}, None)
                if records:
                    one, other = ((name, list(cam.paper_layers(name))[-1]) for name in pair)
                    gap = compare(one, other, data, ON_THE_OBJECT, kind, home)
                    found.append((gap, kind, records[pair[1]]))
    if not found:
        return waiting("lenetfc--scenes-fashion-mnist--localization--raw--seed0", output=folders[0])
    more, less = (sum(localization.verdict(gap) == who for gap, *_ in found) for who in ("top-down", "bottom-up"))
    begin = "confirmed" if more == len(found) else "not confirmed" if not more else "in part"

    def say(gap: Interval, kind: str, record: Record) -> str:
        about, n = record.parameters, len(record.runs)
        family = networks.title(networks.family_name(about["network"])).split()[0]
        return (
            f"{family} on {about['data']}, {kind} maps, {localization.training_length(record)}, {about['pictures']} "
            f"pictures, {n} seed{'s' * (n > 1)}: {trainings.in_percent(gap, '+.1f')}"
        )

    return (
        f"**{begin}**: of {len(found)} recorded pairs the top-down network has more of its last layer's evidence on "
        f"the object in {more}, the bottom-up one in {less}. Points of evidence, top-down less bottom-up, with 95 % "
        f"intervals: {'; '.join(say(*one) for one in found)}."
    )


def three_merges(output: Path = SHIPPED) -> str:
    """Claim 7: of the three merges the third is best."""
    verdict = trainings.merges_verdict(merges.recorded(output))
    missing = waiting(merges.FOLDER, output=output)
    return " ".join([verdict, *([f"The rest is {missing}."] if missing else [])]) if verdict else missing


CLAIMS: dict[str, Callable[[], str]] = {
    "accuracy": accuracy,
    "photographs": photographs,
    "noise": noise,
    "variants": uniform_and_reversed,
    "scales": scales,
    "maps": maps,
    "merges": three_merges,
}
"""Name of its place on the scorecard -> what is written there."""
