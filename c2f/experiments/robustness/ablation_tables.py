"""What the recorded ablations say together: what is left when some scales of a network see perturbed pictures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from c2f import attacks, networks
from c2f.common.words import how_many, listed
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
    one, n = found[0], _seeds(found)
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


def overview_table(found: Sequence[Ablation]) -> pd.DataFrame:
    """Return the accuracy in percent that is left, mean over attacks and seeds, a row a task: of clean pictures, with
    one scale attacked, and with the two that leave the least.
    """
    rows = {}
    for task, here in ablated_tasks(found).items():
        pair, least = _worst_pair(here)
        left = {name: f"{value:.1f}" for name, value in _left(here, ("clean", *here[0].scales)).items()}
        rows[_row(task, here)] = {**left, "worst pair": f"{pair} {least:.1f}" if pair else "none"}
    return _table(rows, "accuracy left (%)", "worst pair")


def order_table(found: Sequence[Ablation]) -> pd.DataFrame:
    """Return the lowest accuracy in percent over the attacks that each scale leaves, attacked alone, and the order of
    the scales, the most fragile first: a row for the network of the paper's figure, and one for each task on its data.
    """
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for task, here in _shown_in_paper(found).items():
        theirs = STANDS_FOR.get(task[0], task[0])
        paper, ours = _papers_lowest(theirs), _lowest(here)
        twin = networks.title(published.ONE_SCALE_NETWORK[theirs])
        row = f"the paper's {twin}, {theirs}", "paper, 10,000, not said, 10"
        cells = {scale: f"{value:.0f}" for scale, value in paper.items()}
        rows[row] = {**cells, "most fragile first": ", ".join(_order(paper))}
        cells = {scale: f"{value:.1f}" for scale, value in ours.items()}
        rows[_row(task, here)] = {**cells, "most fragile first": ", ".join(_order(ours))}
    return _table(rows, "lowest accuracy left (%)", "most fragile first")


def order_in_words(found: Sequence[Ablation]) -> list[str]:
    """Say in a line a data set of which the paper shows accuracies of some network, which networks have the scales in
    the paper's order, the most fragile first by the lowest accuracy over the attacks.
    """
    groups: dict[str, dict[str, list[str]]] = {}
    for task, here in _shown_in_paper(found).items():
        theirs = STANDS_FOR.get(task[0], task[0])
        ours_first, theirs_first = _order(_lowest(here)), _order(_papers_lowest(theirs))
        agree = "In another order" if ours_first[0] != theirs_first[0] else "Only the first is the same"
        agree = "In the same order" if ours_first == theirs_first else agree
        groups.setdefault(theirs, {}).setdefault(agree, []).append(_whose(task, here))
    lines = []
    for data, said in groups.items():
        begin = (
            f"By the lowest accuracy over the attacks the scales of the paper's "
            f"{networks.title(published.ONE_SCALE_NETWORK[data])} on {data} stand in the order "
            f"{', '.join(_order(_papers_lowest(data)))}, the most fragile first."
        )
        lines.append(" ".join([begin, *(f"{agree}: {listed(whose)}." for agree, whose in sorted(said.items()))]))
    return lines


def first_in_words(found: Sequence[Ablation]) -> str:
    """Say which scale is the most fragile, by the mean over the attacks, in how many tasks."""
    first = []
    for here in ablated_tasks(found).values():
        left = {scale: float(np.mean(_means(here, scale))) for scale in here[0].scales}
        first.append(min(left, key=left.__getitem__))
    counts = ", ".join(f"the {scale} one in {first.count(scale)}" for scale in dict.fromkeys(first))
    cases = f"Of the {len(first)} cases (network, data and protocol)"
    return f"{cases} the most fragile scale, by the mean over the attacks, is {counts}"


def fragility_verdicts(found: Sequence[Ablation]) -> list[str]:
    """Say in a line a data set for which networks the two scales that the paper calls the most vulnerable are so.

    Such a scale is one where the accuracy that is left, mean over the attacks, is below that of the third scale and the
    95 % interval of the difference leaves out 0. The interval is over seeds; where there is one seed, it is the
    distance of the two accuracies' intervals over pictures, which is wider than need be.
    """
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for task, here in ablated_tasks(found).items():
        theirs = STANDS_FOR.get(task[0], task[0])
        claimed = published.MOST_FRAGILE.get(theirs, ())
        rest = [scale for scale in here[0].scales if scale not in claimed]
        if len(rest) != 1 or len(here[0].scales) != 3:
            continue
        gaps = {scale: _less(here, scale, rest[0]) for scale in claimed}
        told = [scale for scale, gap in gaps.items() if gap.low > 0]
        verdict = _VERDICTS[0 if len(told) == len(gaps) else 1 if told else 2]
        each = [
            f"{scale} {gap:+.1f}{'' if scale in told else ' (cannot be told from 0)'}" for scale, gap in gaps.items()
        ]
        said = groups.setdefault((theirs, rest[0]), {})
        said.setdefault(verdict, []).append(f"for {_whose(task, here)}: {', '.join(each)}")
    lines = []
    for (data, third), said in groups.items():
        fragile = " and the ".join(published.MOST_FRAGILE[data])
        sentences = [f"**{name}** {'; '.join(said[name])}." for name in _VERDICTS if name in said]
        lines.append(
            f"The {fragile} scale are the most fragile on {data}, the paper says. {' '.join(sentences)} (How many "
            f"points less than the {third} scale they leave, attacked alone, mean over the attacks, 95 % interval.)"
        )
    return lines


def pairs_in_words(found: Sequence[Ablation]) -> str:
    """Say which two scales leave the least, by the mean over the attacks, and what each of them leaves alone."""
    groups: dict[str, list[str]] = {}
    for task, here in ablated_tasks(found).items():
        pair, least = _worst_pair(here)
        if pair:
            alone = " and ".join(f"{value:.1f} %" for value in _left(here, pair.split("+")).values())
            groups.setdefault(pair, []).append(f"{_whose(task, here, data=True)}: {least:.1f} % left, alone {alone}")
    each = [f"{pair} for {', and for '.join(said)}" for pair, said in groups.items()]
    return f"Of two scales at once the most fragile are {'; '.join(each)}." if each else ""


_ROW = ["network, data", "protocol, pictures, seeds, attacks"]
_VERDICTS = ("It holds", "It holds in part", "It does not hold")


def _seeds(here: Sequence[Ablation]) -> int:
    """Return of how many seeds all ablations of a task are."""
    return min(len(one.accuracy["all"]) for one in here)


def _row(task: AblatedTask, here: Sequence[Ablation]) -> tuple[str, ...]:
    data, network, protocol = task
    return f"{networks.title(network)}, {data}", f"{protocol}, {here[0].pictures:,}, {_seeds(here)}, {len(here)}"


def _table(rows: Mapping[tuple[str, ...], Mapping[str, str]], head: str, last: str) -> pd.DataFrame:
    """Return rows as a table, the column ``last`` behind all scales; no rows as an empty one."""
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(list(rows.values()), index=pd.MultiIndex.from_tuples(rows, names=_ROW))
    table = table[[*(name for name in table if name != last), last]]
    return table.rename_axis(columns=head).fillna("no such scale")


def _whose(task: AblatedTask, here: Sequence[Ablation], data: bool = False) -> str:
    """Name a task's network, with its data if ``data`` or where they stand for the paper's."""
    name, network, protocol = task
    on = f" on {name}" if data or name in STANDS_FOR else ""
    also = "" if protocol == "minimal" else f"protocol {protocol}, "
    return f"{networks.title(network)}{on} ({also}{how_many(_seeds(here), 'seed')}, {how_many(len(here), 'attack')})"


def _shown_in_paper(found: Sequence[Ablation]) -> dict[AblatedTask, list[Ablation]]:
    """Return the tasks of which the paper shows what the same single scales leave, of some network on the same data."""
    shown = {}
    for task, here in ablated_tasks(found).items():
        paper = published.ONE_SCALE.get(STANDS_FOR.get(task[0], task[0]), {})
        if set(paper) == set(here[0].scales):
            shown[task] = here
    return shown


def _papers_lowest(data: str) -> dict[str, float]:
    return {scale: float(low) for scale, (low, _) in published.ONE_SCALE[data].items()}


def _lowest(here: Sequence[Ablation]) -> dict[str, float]:
    """Return the lowest accuracy in percent over the attacks that each scale leaves, mean over seeds."""
    return {scale: min(100 * float(np.mean(one.accuracy[scale])) for one in here) for scale in here[0].scales}


def _order(percent: Mapping[str, float]) -> list[str]:
    """Return the scales, the most fragile first."""
    return sorted(percent, key=percent.__getitem__)


def _left(here: Sequence[Ablation], combinations: Sequence[str]) -> dict[str, float]:
    """Return the accuracy in percent that combinations leave, mean over attacks and seeds."""
    return {name: 100 * float(np.mean(_means(here, name))) for name in combinations}


def _worst_pair(here: Sequence[Ablation]) -> tuple[str, float]:
    """Return the pair of scales that leaves the least, and what it leaves in percent; an empty name where there is no
    pair.
    """
    left = _left(here, [name for name in here[0].accuracy if "+" in name])
    return min(left.items(), key=lambda item: item[1], default=("", float("nan")))


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
