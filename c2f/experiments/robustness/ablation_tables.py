"""What the recorded ablations say together: what is left when some scales of a network see perturbed pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from c2f import attacks, networks
from c2f.datasets.registry import STANDS_FOR, stand_in_note
from c2f.experiments.robustness import published
from c2f.runs.folder import records_of


@dataclass(frozen=True)
class Ablation:
    """A recorded ablation of the scales: for each combination that saw the perturbed pictures, the accuracy in [0, 1],
    one a seed. ``pictures``: how many there were.
    """

    data: str
    network: str
    attack: str
    accuracy: dict[str, list[float]]
    protocol: str
    pictures: int

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
            found.append(Ablation(*what, accuracy, protocol, about["pictures"]))
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
        f"{n} seed{'s' * (n > 1)}"
    )


def ablation_table(found: Sequence[Ablation]) -> pd.DataFrame:
    """Return the accuracy in percent that each combination of scales leaves, mean over seeds, a row an attack."""
    percent = [{c: f"{100 * np.mean(v):.1f}" for c, v in one.accuracy.items()} for one in found]
    index = [(one.data, networks.title(one.network), attacks.title(one.attack)) for one in found]
    return pd.DataFrame(percent, index=pd.MultiIndex.from_tuples(index, names=["data", "network", "attack"]))


def ranges_table(found: Sequence[Ablation]) -> pd.DataFrame:
    """Return lowest and highest accuracy in percent over the attacks beside those that the paper's figure shows, a row
    a scale; first those of the paper's own network, where they are there. Empty where no range was published.
    """
    rows = []
    for (data, network, protocol), here in ablated_tasks(found).items():
        theirs = STANDS_FOR.get(data, data)
        for scale, (low, high) in published.ONE_SCALE.get(theirs, {}).items():
            ours = [100 * float(np.mean(one.accuracy[scale])) for one in here]
            twin = published.ONE_SCALE_NETWORK[theirs]
            seeds = len(here[0].accuracy["all"])
            rows.append(
                {
                    "data": stand_in_note(data),
                    "our network": networks.title(network),
                    "protocol, pictures, seeds": f"{protocol}, {here[0].pictures:,}, {seeds}",
                    "scale": scale,
                    "paper (%)": f"{low} to {high}",
                    "ours (%)": f"{min(ours):.1f} to {max(ours):.1f}",
                    "the paper's": f"{networks.title(twin)}, paper, 10,000",
                    "other": network != twin,
                }
            )
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows).sort_values(["other", "data"], kind="stable").drop(columns="other")
    return table.set_index(["data", "our network", "protocol, pictures, seeds", "scale"])


def ablation_verdicts(found: Sequence[Ablation]) -> list[str]:
    """Say in a sentence a task which scale is the most fragile, by the mean over its attacks."""
    lines = []
    for here in ablated_tasks(found).values():
        mean = {c: 100 * np.mean([np.mean(one.accuracy[c]) for one in here]) for c in ("clean", *here[0].scales)}
        order = ", then ".join(f"{c} ({v:.1f} %)" for v, c in sorted((mean[c], c) for c in here[0].scales))
        lines.append(
            f"{ablated_title(here)}, {len(here)} attacks; most fragile first: {order}; clean {mean['clean']:.1f} %."
        )
    return lines
