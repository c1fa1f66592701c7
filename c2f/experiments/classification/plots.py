"""Figures of recorded trainings, and of what the scales of a picture keep."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from c2f import networks
from c2f.experiments.classification.scales import Kept
from c2f.experiments.classification.tables import length
from c2f.metrics.statistics import share_interval
from c2f.plotting import plots
from c2f.plotting.colours import LINES
from c2f.runs.record import Record, Run


def training_curves(ax: Axes, network: str, runs: Sequence[Run]) -> Axes:
    """Draw the accuracy of ``runs`` of a network over the epochs on the training and on the validation pictures: the
    mean of the seeds and their range.
    """
    histories = [run.details["history"] for run in runs]
    for what, label, style in (("train_accuracy", "training", "--"), ("val_accuracy", "validation", "-")):
        plots.learning_curves(ax, histories, what, label=label, colour=plots.colour(network), style=style)
    ax.set(xlabel="epoch", title=networks.title(network))
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.legend()
    return ax


def error_curves(ax: Axes, records: Sequence[Record]) -> list[str]:
    """Draw the validation error of each network of ``records`` over the epochs, on a logarithmic axis in percent: the
    mean of its seeds and their range. Return in words where each curve begins and ends, for an alternative text.
    """
    notes = []
    for record in records:
        network, data = record.parameters["network"], record.parameters["data"]
        shares = [run.details["history"]["val_accuracy"] for run in record.runs]
        errors = [{"val_error": [100 - 100 * value for value in each]} for each in shares]
        label = networks.title(network)
        plots.learning_curves(ax, errors, "val_error", label=label, colour=plots.colour(network))
        begin, end = (sum(each["val_error"][place] for each in errors) / len(errors) for place in (0, -1))
        notes.append(f"{label} on {data} {begin:.1f} to {end:.1f} %")
    ax.set(xlabel="epoch", ylabel="validation error")
    plots.log_percent(ax).legend(fontsize=9)
    return notes


def accuracy_panels(axes: Sequence[Axes], by_data: Mapping[str, Sequence[Record]]) -> None:
    """Draw the test accuracy of every seed of ``by_data`` (data set -> its records), a panel a data set.

    It is drawn in points above the mean of the bottom-up twin, so that all panels can have one axis. A network without
    a twin lies round its own mean.
    """
    for ax, (data, records) in zip(axes, by_data.items(), strict=True):
        percent = {r.parameters["network"]: 100 * np.array(r.values("test_accuracy")) for r in records}
        twins = {network: percent.get(networks.family_name(network), values) for network, values in percent.items()}
        dots = {networks.title(network): values - twins[network].mean() for network, values in percent.items()}
        ax.axvline(0, color="black", linewidth=0.8)
        plots.seed_dots(ax, dots, [plots.colour(network) for network in percent])
        lengths = " or ".join(sorted({length(r) for r in records}))
        ax.set_title(f"{data}, {lengths}", fontsize=9)
        ax.tick_params(labelsize=9)


def kept_panel(ax: Axes, found: Sequence[Kept]) -> Axes:
    """Draw variance kept and accuracy, with its 95 % interval over the pictures, against the share of numbers."""
    share = [one.numbers for one in found]
    ax.semilogx(share, [100 * one.variance for one in found], "s--", color=LINES[1], label="variance kept")
    spans = [share_interval(one.accuracy, len(one.right)) for one in found]
    error = [[100 * (x.value - x.low) for x in spans], [100 * (x.high - x.value) for x in spans]]
    accuracy = [100 * one.accuracy for one in found]
    ax.errorbar(share, accuracy, error, fmt="o-", color=LINES[0], capsize=3, label="accuracy")
    ax.set(xlabel="share of the picture's numbers", ylabel="%", ylim=(0, 105))
    ax.set_xticks(share, [f"{one.scale}\n{100 * one.numbers:.3g} %" for one in found])
    ax.minorticks_off()
    ax.legend()
    return ax
