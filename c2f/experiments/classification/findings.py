"""What trainings say in sentences: the findings of chapter 2, and the captions of its figures.

Axes: K classes.
"""

from collections.abc import Mapping, Sequence

import torch

from c2f import networks
from c2f.common.words import how_many, how_many_each
from c2f.experiments.classification import published
from c2f.experiments.classification.tables import Twins, accuracy, confusion, in_percent, length, twins
from c2f.metrics.classification import normalise_by_true
from c2f.metrics.statistics import Difference, Interval, describe, difference
from c2f.networks import Summary
from c2f.runs.record import Record, Run


def result(runs: Mapping[str, Sequence[Run]], top_down: str, bottom_up: str) -> str:
    """Say how a chapter's own ``runs`` of a top-down network compare with those of its twin."""
    ours, twin = ([run.values["test_accuracy"] for run in runs[name]] for name in (top_down, bottom_up))
    if min(len(ours), len(twin)) < 2:
        return "One seed is no ranking: give more of them."
    return describe(difference(ours, twin), networks.title(top_down), networks.title(bottom_up))


def cost_finding(sizes: Mapping[str, Summary], top_down: str, bottom_up: str) -> str:
    """Say how many times the parameters and multiply-adds of its twin a top-down network has."""
    ours, twin = sizes[top_down], sizes[bottom_up]
    weights, work = ours.parameters / twin.parameters, ours.multiply_adds / twin.multiply_adds
    return (
        f"{networks.title(top_down)} has **{weights:.1f} times the parameters** of {networks.title(bottom_up)} and "
        f"takes **{work:.1f} times the multiply-adds**."
    )


def accuracy_verdict(records: Sequence[Record]) -> str:
    """Say on which data sets the networks turned top-down are more or less accurate than their twins, or neither; no
    full stop at the end.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for pair in twins(records):
        if pair.difference is not None:
            verdicts = found.setdefault(pair.titles[0], {})
            verdicts.setdefault(_verdict(pair.difference), []).append(pair.top_down.parameters["data"])
    said = []
    for title, verdicts in found.items():
        where = (f"**{verdict}** on {', '.join(data)}" for verdict, data in verdicts.items())
        said.append(f"{title} is {' and '.join(where)}")
    return "; ".join(said) or "No two networks can be compared yet"


def _verdict(gap: Difference) -> str:
    if not gap.significant:
        return "not to be told from its twin"
    return "less accurate" if gap.mean < 0 else "more accurate"


def accuracy_findings(records: Sequence[Record]) -> list[str]:
    """Say in a sentence each, the verdict first, whether a network turned top-down is as accurate as its twin."""
    return [_accuracy_finding(pair, pair.difference) for pair in twins(records) if pair.difference is not None]


def _accuracy_finding(pair: Twins, gap: Difference) -> str:
    worse = f"; a loss of {-100 * gap.low:.2f} points is not ruled out" if gap.low < 0 and not gap.significant else ""
    about = pair.top_down.parameters
    paper = published.accuracy(about["network"], about["data"])
    beside = f" The paper has {paper} %." if paper else ""
    return (
        f"{pair.titles[0]} on {about['data']} is **{_verdict(gap)}**: "
        f"{in_percent(Interval(gap.mean, gap.low, gap.high), '+.2f')} points against {pair.titles[1]} (95 % interval "
        f"over {how_many_each(*gap.n, 'seed')}; {length(pair.top_down)}){worse}.{beside}"
    )


def worst_mistake(counts: torch.Tensor, classes: Sequence[str]) -> str:
    """Say which mistake a confusion matrix ``(K, K)`` shows most often, as a share of the true class."""
    shares = normalise_by_true(counts)
    wrong = (shares - torch.diag(shares.diagonal())).nan_to_num()  # nothing is known of a class without pictures
    true, called = divmod(int(wrong.argmax()), len(classes))
    if not wrong[true, called]:
        return "no picture is called wrongly"
    return f"{100 * float(wrong[true, called]):.0f} % of *{classes[true]}* are called *{classes[called]}*"


def mean_of(record: Record) -> str:
    """Say the mean test accuracy of a record, as ``recorded_table`` does."""
    about, (found, over) = record.parameters, accuracy(record)
    return f"{networks.title(about['network'])} on {about['data']} {in_percent(found)} % ({over})"


def stages_caption(sizes: Mapping[str, Summary], top_down: str, bottom_up: str) -> str:
    """Return the caption of the stages of both networks: which of them work at full resolution."""
    words = {}
    for name in (bottom_up, top_down):
        (first, *_, last) = (shape for stage, shape in sizes[name].stages.items() if stage != "head")
        words[name] = (
            f"{networks.title(name)} goes from {first[1]} pixels, {first[0]} channels, to {last[1]}, {last[0]}"
        )
    return (
        f"{'; '.join(words.values())}. A bar is a stage, as high as its features have pixels a side; above it stand "
        "its channels."
    )


def curves_caption(runs: Mapping[str, Sequence[Run]]) -> str:
    """Return the caption of a chapter's own curves of training."""
    ends = []
    for name, done in runs.items():
        last = [run.details["history"]["val_accuracy"][-1] for run in done]
        ends.append(f"{networks.title(name)} {100 * sum(last) / len(last):.1f} %")
    seeds = len(next(iter(runs.values())))
    return (
        f"Validation accuracy after the last epoch: {' and '.join(ends)}. Line: mean of {how_many(seeds, 'seed')}; "
        "band: their range. Dashed: on the training pictures, by each batch's own statistics."
    )


def confusion_caption(name: str, runs: Sequence[Run], classes: Sequence[str]) -> str:
    """Return the caption of the confusion matrix of a network's ``runs`` together."""
    counts = confusion(runs)
    share = float(counts.diagonal().sum() / counts.sum())
    return (
        f"{networks.title(name)} is right on {100 * share:.1f} %; its most frequent mistake: "
        f"{worst_mistake(counts, classes)}. Rows sum to 100. n = {int(counts.sum() / len(runs)):,} test pictures, "
        f"{how_many(len(runs), 'seed')} together."
    )
