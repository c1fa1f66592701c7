"""A figure of how trainings went: loss and accuracy over epochs, one line a training.

Axes of arrays: E epochs, S seeds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from c2f.plotting.colours import LINES
from c2f.plotting.plots import learning_curves

PARTS = {"train": ("--", "training"), "val": ("-", "held out")}
"""Part of the pictures -> how its line is drawn and called."""


def training_curves(figure: Figure, histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Axes]:
    """Draw loss and accuracy in percent of trainings over epochs on ``figure``; return the two axes.

    Args:
        figure: an empty one.
        histories: what a training is called -> the ``History`` of each of its S seeds, as a record holds it. Of seeds
            with unlike numbers of epochs, the epochs that all have are drawn. What was not watched (None) is left out.

    Raises:
        ValueError: no trainings, or one without an epoch.
    """
    if not histories or not all(each and all(len(h["seconds"]) for h in each) for each in histories.values()):
        raise ValueError("there is nothing to draw: give trainings of at least one epoch each")
    axes = list(figure.subplots(1, 2))
    for ax, what, scale, title in zip(
        axes, ("loss", "accuracy"), (1, 100), ("loss", "accuracy in percent"), strict=True
    ):
        for number, (name, seeds) in enumerate(histories.items()):
            epochs = min(len(history["seconds"]) for history in seeds)
            for part, (style, called) in PARTS.items():
                values = [history[f"{part}_{what}"][:epochs] for history in seeds]
                if any(value is None or value != value for each in values for value in each):
                    continue
                drawn = [{what: [scale * value for value in each]} for each in values]
                line = {"label": f"{name}, {called}", "colour": LINES[number % len(LINES)], "style": style}
                learning_curves(ax, drawn, what, **line)
        ax.set(xlabel="epoch", ylabel=title)
        ax.grid(alpha=0.3)
    axes[0].legend(fontsize=9)
    return axes
