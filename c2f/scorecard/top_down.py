"""What the records say of the claims of Top-Down Networks (Lelekas et al. 2020), as findings."""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from pathlib import Path

from c2f import attacks, cam, networks
from c2f.common.words import how_many
from c2f.experiments.classification import published
from c2f.experiments.classification import tables as trainings
from c2f.experiments.localization import tables as localization
from c2f.experiments.localization.run import compare
from c2f.experiments.robustness import ablation_tables, paper_tables, variants
from c2f.experiments.robustness import tables as robustness
from c2f.metrics.statistics import Interval, seeds_interval
from c2f.reference import merges
from c2f.runs.record import Record
from c2f.scorecard.gaps import accuracy_gap, fewest, numbers_in
from c2f.scorecard.verdict import Above, Equal, Finding, Near, Rule, pointlike

Query = Callable[[Sequence[Path]], list[Finding]]
"""Maps the folders of records, those of full runs first, to what they say."""
NOISE = ("additive_gaussian", "additive_uniform", "blended_uniform", "salt_and_pepper", "pointwise")
ON_THE_OBJECT = "energy"
"""The share of a map's positive evidence that lies on the object."""
RESAMPLES = 400
"""How often an interval over pictures draws them anew."""


def _trainings(folders: Sequence[Path]) -> dict[tuple[str, str], Record]:
    return {(r.parameters["data"], r.parameters["network"]): r for r in trainings.recorded(folders)}


def accuracy_of(*data: str, turned: bool = True, short: bool = False) -> Query:
    """Return what compares the accuracies of each recorded pair on any of ``data``.

    Args:
        data: sets, of which those that stand for the paper's are noted.
        turned: whether it is top-down less bottom-up, or the other way round.
        short: whether trainings that are shorter than their recipes count.
    """

    def query(folders: Sequence[Path]) -> list[Finding]:
        found: dict[tuple[str, str], Finding] = {}
        for folder in folders:  # a full training is never laid beside a short one of another folder
            there = _trainings([folder])
            for (where, network), record in there.items():
                twin = there.get((where, f"{network}_td"))
                if where not in data or twin is None or (where, network) in found:
                    continue
                if not short and any("short" in trainings.length(each) for each in (record, twin)):
                    continue
                one, other = (twin, record) if turned else (record, twin)
                gap, over = accuracy_gap(one, other)
                order = "top-down less bottom-up" if turned else "bottom-up less top-down"
                what, about = f"{_family(network)} on {where}, {order}", _training(record, twin)
                n = fewest([one, other])
                found[where, network] = Finding(what, gap, "+.2f", "points", over, n, about, (record, twin))
        return list(found.values())

    return query


def published_accuracy(folders: Sequence[Path]) -> list[Finding]:
    """Return each recorded accuracy that the paper's plots show, trained in full; read off to 0.3 points."""
    there, found = _trainings(folders), []
    for (data, network), percent in published.READ_OFF.items():
        record = there.get((data, network))
        if record is not None and "short" not in trainings.length(record):
            value, over = trainings.accuracy(record)
            ours = Interval(100 * value.value, 100 * value.low, 100 * value.high)
            what = f"{networks.title(network)} on {data}"
            about = _training(record)
            found.append(Finding(what, ours, ".2f", "%", over, len(record.runs), about, (record,), Near(percent, 0.5)))
    return found


def withstands(names: Collection[str]) -> Query:
    """Return what compares the top-down with the bottom-up network of every recorded task under the attacks ``names``,
    by the quantity that the paper gives of each.
    """

    def query(folders: Sequence[Path]) -> list[Finding]:
        found = []
        for task in robustness.tasks("minimal", folders):
            for attack in (name for name in task.attacks if name in names):
                ours, theirs = (task.runs.get((name, attack)) for name in (f"{task.family}_td", task.family))
                if ours and theirs:
                    found.append(_attacked(task, attack, ours, theirs))
        return found

    return query


def _attacked(task: robustness.Task, attack: str, ours: Sequence, theirs: Sequence) -> Finding:
    quantity, n = paper_tables.quantity_of(attack), min(len(ours), len(theirs))
    gap = quantity.gap(ours, theirs, RESAMPLES)
    if not quantity.higher_is_robust:
        gap = Interval(-gap.value, -gap.high, -gap.low)
    what = f"{attacks.title(attack)}, {task.title}: {quantity.title}, top-down ahead"
    over = f"{len(ours[0]):,} pictures, {how_many(n, 'seed')}"
    unit = "L2" if quantity.higher_is_robust else "points"
    records = task.records_of(attack, f"{task.family}_td", task.family)
    return Finding(what, gap, "+.2f", unit, over, n, f"protocol {task.protocol}, float32", records)


def published_pairs(folders: Sequence[Path]) -> list[Finding]:
    """Return the published pairs under attack that have ours beside them: does ours say of the two networks what the
    paper's says? Each by its own rule: ahead where the paper has one ahead; where it calls them alike, nearer than
    twice its reading error.
    """
    there = [*robustness.tasks("minimal", folders), *robustness.tasks("paper", folders)]
    found = []
    for row in paper_tables.beside_tasks(there, RESAMPLES):
        gap, toward = row.difference, row.paper_says
        rule: Rule = Near(0, 2 * row.quantity.tolerance) if toward == "alike" else Above()
        if toward not in ("alike", _ahead(row)):
            gap = Interval(-gap.value, -gap.high, -gap.low)
        name = "alike" if toward == "alike" else f"{toward} ahead"
        what = f"{attacks.title(row.attack)}, {_family(row.family)} on {row.data_noted}: {name}"
        over = f"{row.pictures:,} pictures, {how_many(min(row.seeds), 'seed')}"
        unit = "L2" if row.quantity.higher_is_robust else "points"
        made_of = next(
            one for one in there if (one.protocol, one.data, one.family) == (row.protocol, row.data, row.family)
        )
        records = made_of.records_of(row.attack, row.family, f"{row.family}_td")
        about = f"protocol {row.protocol}, float32"
        found.append(Finding(what, gap, "+.2f", unit, over, min(row.seeds), about, records, rule))
    return found


def _ahead(row: paper_tables.Beside) -> str:
    """Return which network is harder to fool where the difference, top-down less bottom-up, is positive."""
    return "top-down" if row.quantity.higher_is_robust else "bottom-up"


def varied(spatial: bool) -> Query:
    """Return what compares uniform and reversed networks with the bottom-up one, under spatial attacks (they are to be
    ahead) or under all others (they are to be alike, within twice the paper's reading error).
    """

    def query(folders: Sequence[Path]) -> list[Finding]:
        found = []
        compared = (
            (task, one) for task in robustness.tasks("minimal", folders) for one in variants.compare_variants([task])
        )
        for task, one in compared:
            if (one.attack in variants.SPATIAL) is not spatial or one.other.endswith("_td"):
                continue
            gap = one.difference
            if not one.quantity.higher_is_robust:
                gap = Interval(-gap.value, -gap.high, -gap.low)
            what = f"{attacks.title(one.attack)}, {robustness.variant(one.network)} ahead of bottom-up"
            unit = "L2" if one.quantity.higher_is_robust else "points"
            rule = None if spatial else Near(0, 2 * one.quantity.tolerance)
            records = task.records_of(one.attack, one.network, one.other)
            found.append(Finding(what, gap, "+.2f", unit, "seeds and pictures", None, one.task, records, rule))
        return found

    return query


def fragile(data: str, scales: Collection[int]) -> Query:
    """Return by how many points each of ``scales`` (0 the finest of three), attacked alone, costs more accuracy than
    the remaining one, mean over the recorded attacks on ``data`` with an interval over the attacks; by the paper's
    protocol where that is recorded.
    """

    def query(folders: Sequence[Path]) -> list[Finding]:
        there = [
            one for folder in folders for p in ("paper", "minimal") for one in ablation_tables.ablations(p, folder)
        ]
        tasks = ablation_tables.ablated_tasks([one for one in there if one.data == data])
        found = []
        for here in list(tasks.values())[:1]:
            names = here[0].scales
            other = next(name for place, name in enumerate(names) if place not in scales)
            n, about = min(len(one.accuracy["all"]) for one in here), ablation_tables.ablated_title(here)
            records = tuple(one.record for one in here if one.record is not None)
            for scale in (names[place] for place in scales):
                less = [100 * (_mean(one.accuracy[other]) - _mean(one.accuracy[scale])) for one in here]
                what = f"points that the {scale} scale costs more than the {other} one"
                gap, over = seeds_interval(less), f"{len(here)} attacks"
                found.append(Finding(what, gap, "+.2f", "points", over, n, about, records))
        return found

    return query


def on_the_object(folders: Sequence[Path]) -> list[Finding]:
    """Return how much more of a top-down network's evidence lies on the object, by the last layer, of each recorded
    pair.
    """
    found = []
    for kind in ("raw", "paper"):
        for data, by_network in localization.first_recorded(folders, kind).items():
            for family in dict.fromkeys(networks.family_name(network) for network in by_network):
                pair = (family, f"{family}_td")
                records, home = localization.pair_recorded(folders, data, pair, kind) or ({}, None)
                if not records:
                    continue
                one, other = ((name, list(cam.paper_layers(name))[-1]) for name in pair)
                gap = compare(one, other, data, ON_THE_OBJECT, kind, home)
                record = records[pair[1]]
                n = fewest(list(records.values()))
                found.append(
                    Finding(
                        f"{_family(family)} on {data}, {kind} maps, top-down less bottom-up",
                        Interval(100 * gap.value, 100 * gap.low, 100 * gap.high), "+.1f", "points of evidence",
                        f"{record.parameters['pictures']} pictures, {how_many(n, 'seed')}", n,
                        localization.training_length(record), tuple(records.values()),
                    )
                )  # fmt: skip
    return found


def merged(folders: Sequence[Path]) -> list[Finding]:
    """Return how much better the paper's merge is than each of the two that it is made of, seed by seed."""
    records = merges.recorded(folders[0])
    found = []
    for one in trainings.compare_merges(records):
        gap = one.difference
        both = Interval(-100 * gap.value, -100 * gap.high, -100 * gap.low)
        what = f"sum and concatenation less {trainings.MERGES[one.merge]} alone, LeNetFC on fashion-mnist"
        over = f"{how_many(len(one.seeds), 'pair')} of seeds"
        about = _training(records[one.merge])
        found.append(Finding(what, both, "+.2f", "points", over, len(one.seeds), about, (records[one.merge],)))
    return found


SIZES = {
    **{"lenetfc": 7798, "lenetfc_td": 14712, "lenetfc_td_uni": 23730, "lenetfc_td_rev": 58262},
    **{"nin_light": 62818, "nin_light_td": 213778, "nin_light_td_uni": 215906, "nin_light_td_rev": 215410},
    **{"nin": 972658, "nin_td": 3372850, "nin_td_uni": 3402098, "nin_td_rev": 3393202},
    **{"resnet32": 470218, "resnet32_td": 530602, "resnet32_td_uni": 321866, "resnet32_td_rev": 565930},
    **{"resnet18": 2803018, "resnet18_td": 4972810},
}
"""Parameters of the authors' networks, batch norms' running statistics included, on the pictures of their data sets."""


def sizes(folders: Sequence[Path]) -> list[Finding]:
    """Return the parameters of every network, counted, each to equal the authors'."""
    return [
        Finding(networks.title(name), pointlike(count), ",.0f", "parameters", rule=Equal(SIZES[name]))
        for name, count in _counted().items()
    ]


@lru_cache(maxsize=1)
def _counted() -> dict[str, int]:
    found = {}
    for name in SIZES:
        channels, side = (1, 28) if name.startswith(("lenetfc", "nin_light")) else (3, 32)
        network = networks.build(name, channels, 10, 128 if name.startswith("resnet18") else side)
        found[name] = numbers_in(network)
    return found


def _family(network: str) -> str:
    return networks.title(networks.family_name(network)).split()[0]


def _training(*records: Record) -> str:
    lengths = dict.fromkeys(trainings.length(record) for record in records)
    return f"{' and '.join(lengths)}, {trainings.precision(records[0])}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
