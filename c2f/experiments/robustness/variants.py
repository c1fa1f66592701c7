"""Uniform and reversed top-down networks under attack, beside the networks that they are varied from."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from c2f import attacks, networks
from c2f.common.words import how_many
from c2f.experiments.robustness.paper_tables import Quantity, quantity_of
from c2f.experiments.robustness.tables import Task, variant
from c2f.metrics.statistics import Interval

SPATIAL = ("spatial", "shifts")
"""The attacks that the paper calls spatial."""
RESAMPLES = 400
"""How often each interval draws the pictures anew. There are a hundred of them, and a page is filled with them."""
MORE, LESS, ALIKE = "harder to fool", "easier to fool", "cannot be told"


@dataclass(frozen=True)
class Against:
    """A variant beside another network of its family, under one attack.

    ``difference``: variant less other, on the same pictures, with its 95 % interval. ``task``: in words, with what it
    was measured on.
    """

    task: str
    network: str
    other: str
    attack: str
    quantity: Quantity
    difference: Interval

    @property
    def finds(self) -> str:
        """Whether the variant is ``MORE`` or ``LESS`` robust; ``ALIKE`` where the interval holds 0."""
        gap = self.difference
        if gap.low <= 0 <= gap.high:
            return ALIKE
        return MORE if self.quantity.more_robust(gap.value) else LESS


def compare_variants(tasks: Sequence[Task]) -> list[Against]:
    """Return every uniform or reversed network beside its bottom-up and its top-down twin, attack by attack, as far as
    both are recorded.
    """
    found = []
    for task in tasks:
        family = task.family
        for network in (f"{family}_td_uni", f"{family}_td_rev"):
            for other in (family, f"{family}_td"):
                for attack in task.attacks:
                    ours, theirs = task.runs.get((network, attack)), task.runs.get((other, attack))
                    if ours and theirs:
                        quantity, n = quantity_of(attack), min(len(ours), len(theirs))
                        about = f"{task.title}, {len(ours[0]):,} pictures, {how_many(n, 'seed')}"
                        gap = quantity.gap(ours, theirs, RESAMPLES)
                        found.append(Against(about, network, other, attack, quantity, gap))
    return found


def _kind(attack: str) -> str:
    return "spatial" if attack in SPATIAL else "other"


def variants_table(found: Sequence[Against]) -> pd.DataFrame:
    """Return every comparison, a row an attack and a variant, spatial attacks first."""
    columns = ["networks, data, pictures, seeds", "attack", "quantity", "variant"]
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for one in sorted(found, key=lambda one: (one.task, one.attack not in SPATIAL, attacks.names().index(one.attack))):
        cells = rows.setdefault(
            (one.task, attacks.title(one.attack), one.quantity.title, variant(one.network)),
            {},
        )
        cells[f"less {variant(one.other)}"] = f"{one.difference:+.2f}"
        cells[f"than {variant(one.other)}"] = one.finds
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(rows, names=columns)
    return table.fillna("not recorded")


def counted(found: Sequence[Against], other: str, kind: str) -> dict[str, int]:
    """Return in how many comparisons of ``kind`` (``spatial`` or ``other`` attacks) the variants are harder to fool,
    easier, or cannot be told from ``other`` (``bottom-up`` or ``top-down``).
    """
    here = [one.finds for one in found if variant(one.other) == other and _kind(one.attack) == kind]
    return {finds: here.count(finds) for finds in (MORE, ALIKE, LESS)}


def verdict(found: Sequence[Against]) -> str:
    """Say whether the uniform and reversed networks withstand spatial attacks better than the bottom-up network and are
    otherwise like it, as the paper claims.

    The claim holds where each spatial comparison finds them harder to fool and at least half of the others cannot be
    told; it does not hold where no spatial one does; all else is in part.

    Raises:
        ValueError: nothing to judge by.
    """
    spatial, rest = (counted(found, "bottom-up", kind) for kind in ("spatial", "other"))
    if not sum(spatial.values()):
        raise ValueError("no spatial attack on a uniform or reversed network is recorded beside the bottom-up one")
    if not spatial[MORE]:
        begin = "The claim does not hold"
    elif spatial[MORE] == sum(spatial.values()) and 2 * rest[ALIKE] >= sum(rest.values()):
        begin = "The claim holds"
    else:
        begin = "The claim holds in part"

    def say(counts: dict[str, int]) -> str:
        return ", ".join(f"{finds} in {count}" for finds, count in counts.items())

    families = sorted({networks.family_name(one.network) for one in found})
    twins = counted(found, "top-down", "spatial")
    return (
        f"**{begin}** for {' and '.join(networks.title(f).split()[0] for f in families)}. Beside the bottom-up network "
        f"a uniform or reversed one is, of {sum(spatial.values())} comparisons under spatial attacks, {say(spatial)}; "
        f"of {sum(rest.values())} under other attacks, {say(rest)}. Beside the top-down one, under spatial attacks: "
        f"{say(twins)}. (A comparison is of one network, attack and data set; it cannot be told where its interval of "
        "95 % holds 0.)"
    )
