"""What the recorded ablations say together: what is left when some scales of a network see perturbed pictures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from c2f import attacks, networks
from c2f.common.words import how_many
from c2f.datasets.registry import STANDS_FOR, stand_in_note
from c2f.experiments.robustness import published
from c2f.metrics.statistics import Interval, seeds_interval, share_interval
from c2f.runs.folder import records_of
from c2f.runs.record import Record


@dataclass(frozen=True)
class Ablation:
    """A recorded ablation of the scales: for each combination that saw the perturbed pictures, the accuracy in [0, 1],
    one a seed. ``pictures``: how many there were. ``record``: of them, None where they were made just now.
    """

    data: str
    network: str
    attack: str
    accuracy: dict[str, list[float]]
    protocol: str
    pictures: int
    record: Record | None = None

    @property
    def scales(self) -> list[str]:
        """The scales that were attacked alone."""
        return [name for name in self.accuracy if name not in ("clean", "multi clean", "all") and "+" not in name]


def ablations(protocol: str = "minimal", output: Path | None = None) -> list[Ablation]:
    """Return the recorded ablations of ``protocol``, in the order of ``recorded``."""
    found = []
    for record in records_of("ablation", output):
        about = record.parameters
        if about["protocol"] == protocol:
            accuracy = {c: record.values(f"accuracy {c}") for c in record.runs[0].details["combinations"]}
            what = about["data"], about["network"], about["attack"]
            found.append(Ablation(*what, accuracy, protocol, about["pictures"], record))
    order = attacks.names()
    return sorted(found, key=lambda a: (a.data, a.network, order.index(a.attack)))


# data, network, protocol
AblatedTask = tuple[str, str, str]


def ablated_tasks(found: Sequence[Ablation]) -> dict[AblatedTask, list[Ablation]]:
    """Return the ablations task by task: (data, network, protocol) -> one an attack."""
    tasks: dict[AblatedTask, list[Ablation]] = {}
    for one in found:
        tasks.setdefault((one.data, one.network, one.protocol), []).append(one)
    return tasks


def ablated_title(found: Sequence[Ablation]) -> str:
    """Say what one task of ``ablated_tasks`` was measured on."""
    one, n = found[0], min(len(each.accuracy["all"]) for each in found)
    return (
        f"{networks.title(one.network)} on {one.data}, protocol {one.protocol}, {one.pictures:,} pictures, "
        f"{how_many(n, 'seed')}"
    )


def ablation_table(found: Sequence[Ablation]) -> pd.DataFrame:
    """Return the accuracy in percent that each combination of scales leaves, mean over seeds, a row an attack; the
    combinations that got the clean picture alone come first.
    """
    percent = [{c: f"{100 * np.mean(v):.1f}" for c, v in one.accuracy.items()} for one in found]
    index = [(ablated_title([one]), attacks.title(one.attack)) for one in found]
    table = pd.DataFrame(percent, index=pd.MultiIndex.from_tuples(index, names=["network, data, n", "attack"]))
    return table.rename_axis(columns="accuracy (%), attacked:").fillna("no such scale")


def ranges_table(found: Sequence[Ablation]) -> pd.DataFrame:
    """Return lowest and highest accuracy in percent over the attacks beside those that the paper's figure shows, a row
    a scale, of the paper's own network alone: those of another cannot be compared. Empty where it is not recorded.
    """
    rows = []
    for (data, network, protocol), here in ablated_tasks(found).items():
        theirs = STANDS_FOR.get(data, data)
        if published.ONE_SCALE_NETWORK.get(theirs) == network:
            n = f"{protocol}, {here[0].pictures:,}, {len(here[0].accuracy['all'])}"
            for scale, (low, high) in published.ONE_SCALE[theirs].items():
                ours = [100 * float(np.mean(one.accuracy[scale])) for one in here]
                cells = f"{low} to {high}", f"{min(ours):.1f} to {max(ours):.1f}"
                rows.append((stand_in_note(data), networks.title(network), n, scale, *cells))
    columns = ["data", "network", "ours: protocol, pictures, seeds", "scale"]
    columns += ["paper, 10,000 pictures (%)", "ours (%)"]
    return pd.DataFrame(rows, columns=columns).set_index(columns[:4])


def order_in_words(found: Sequence[Ablation]) -> list[str]:
    """Say in a line a task, of those for which the paper shows accuracies of some network, in which order the scales
    stand, the most fragile first by the lowest accuracy over the attacks, in the paper and here.
    """
    lines = []
    for (data, network, _), here in ablated_tasks(found).items():
        theirs = STANDS_FOR.get(data, data)
        if theirs in published.ONE_SCALE:
            ours = {scale: min(100 * float(np.mean(one.accuracy[scale])) for one in here) for scale in here[0].scales}
            paper = {scale: float(low) for scale, (low, _) in published.ONE_SCALE[theirs].items()}
            theirs_first, ours_first = (sorted(lowest, key=lowest.__getitem__) for lowest in (paper, ours))
            agree = "in the same order" if ours_first == theirs_first else "in another order"
            if ours_first != theirs_first and ours_first[0] == theirs_first[0]:
                agree = f"the {ours_first[0]} scale first and the others in another order"
            twin = published.ONE_SCALE_NETWORK[theirs]
            other = "" if twin == network else " (another network, so only the order can be compared)"
            lines.append(
                f"{ablated_title(here)}, lowest over the attacks: {_ordered(ours)}. The paper's "
                f"{networks.title(twin)} on {theirs}{other}: {_ordered(paper)}; {agree}."
            )
    return lines


def _ordered(percent: Mapping[str, float]) -> str:
    return ", then ".join(f"{scale} ({value:.1f} %)" for value, scale in sorted((v, k) for k, v in percent.items()))


def ablation_verdicts(found: Sequence[Ablation]) -> list[str]:
    """Say in a line a task which scale is the most fragile, by the mean over its attacks."""
    lines = []
    for here in ablated_tasks(found).values():
        percent = {c: 100 * float(np.mean(_means(here, c))) for c in ("clean", *here[0].scales)}
        clean = percent.pop("clean")
        lines.append(
            f"{ablated_title(here)}, {len(here)} attacks; most fragile first: {_ordered(percent)}; clean {clean:.1f} %."
        )
    return lines


def first_in_words(found: Sequence[Ablation]) -> str:
    """Say which scale is the most fragile, by the mean over the attacks, in how many tasks."""
    first = []
    for here in ablated_tasks(found).values():
        left = {scale: float(np.mean(_means(here, scale))) for scale in here[0].scales}
        first.append(min(left, key=left.__getitem__))
    counts = ", ".join(f"the {scale} one in {first.count(scale)}" for scale in dict.fromkeys(first))
    return f"Of the {len(first)} cases the most fragile scale, by the mean over the attacks, is {counts}"


def fragility_verdicts(found: Sequence[Ablation]) -> list[str]:
    """Say in a line a task whether the two scales that the paper calls the most vulnerable are so.

    Such a scale is one where the accuracy that is left, mean over the attacks, is below that of the third scale and the
    95 % interval of the difference leaves out 0. The interval is over seeds; where there is one seed, it is the
    distance of the two accuracies' intervals over pictures, which is wider than need be.
    """
    lines = []
    for (data, _, _), here in ablated_tasks(found).items():
        claimed = published.MOST_FRAGILE.get(STANDS_FOR.get(data, data), ())
        rest = [scale for scale in here[0].scales if scale not in claimed]
        if len(rest) == 1 and len(here[0].scales) == 3:
            gaps = {scale: _less(here, scale, rest[0]) for scale in claimed}
            told = [scale for scale, gap in gaps.items() if gap.low > 0]
            begin = "holds" if len(told) == len(gaps) else "holds in part" if told else "does not hold"
            each = " and ".join(
                f"{scale} {gap:+.1f} points{'' if scale in told else ' (not told from 0)'}"
                for scale, gap in gaps.items()
            )
            lines.append(
                f"**The paper's finding {begin}** for {ablated_title(here)}: that the {' and the '.join(claimed)} "
                f"scale are the most fragile. Attacked alone they leave less than the {rest[0]} scale by (mean of "
                f"{len(here)} attacks, 95 % interval): {each}."
            )
    return lines


def pair_verdicts(found: Sequence[Ablation]) -> list[str]:
    """Say in a line a task which pair of scales is the most fragile, by the mean over its attacks, and what the better
    of its two leaves alone.
    """
    lines = []
    for here in ablated_tasks(found).values():
        pairs = [name for name in here[0].accuracy if "+" in name]
        left = {name: 100 * float(np.mean(_means(here, name))) for name in (*here[0].scales, *pairs)}
        if pairs:
            least = min(pairs, key=left.__getitem__)
            alone = " and ".join(f"{left[scale]:.1f} %" for scale in least.split("+"))
            lines.append(
                f"{ablated_title(here)}: of two scales at once {least} is the most fragile, with {left[least]:.1f} % "
                f"left (alone {alone}), mean of {len(here)} attacks."
            )
    return lines


def _means(here: Sequence[Ablation], combination: str) -> np.ndarray:
    """Return the accuracy in [0, 1] that a combination leaves, mean over the attacks, one a seed that all have."""
    seeds = min(len(one.accuracy[combination]) for one in here)
    return np.mean([one.accuracy[combination][:seeds] for one in here], axis=0)


def _less(here: Sequence[Ablation], scale: str, other: str) -> Interval:
    """Return how many points less ``scale`` leaves than ``other``, with its 95 % interval."""
    a, b = _means(here, scale), _means(here, other)
    found = seeds_interval((100 * (b - a)).tolist())
    if math.isnan(found.low):
        one, two = (share_interval(float(share.mean()), here[0].pictures) for share in (a, b))
        found = Interval(found.value, 100 * (two.low - one.high), 100 * (two.high - one.low))
    return found


def worst(scores: Mapping[str, Mapping[str, ArrayLike]], shown: Sequence[str]) -> str:
    """Say which of the combinations ``shown`` leaves the least accuracy under each attack.

    ``scores``: by attack, as it is to be called, and combination, accuracies in [0, 1].
    """
    found = []
    for attack, by_scale in scores.items():
        left = {name: 100 * float(np.asarray(by_scale[name], dtype=float).mean()) for name in shown}
        least = min(left, key=left.__getitem__)
        found.append(f"{attack} {least} ({left[least]:.0f} %)")
    return ", ".join(found)
