"""Figures of recorded trainings."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from c2f import networks
from c2f.plotting import plots
from c2f.runs.record import Record


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
        notes.append(f"{label} on {data} {errors[0]['val_error'][0]:.1f} to {errors[0]['val_error'][-1]:.1f} %")
    ax.set(xlabel="epoch", ylabel="validation error")
    plots.log_percent(ax).legend(fontsize=7)
    return notes
