"""What the scales of a picture keep, without any network: their variance, and the classes of their nearest neighbours.

Axes: N pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from c2f.experiments.classification.tables import in_percent
from c2f.metrics.statistics import Interval, interval

FACTORS = {"fine": 1, "middle": 2, "coarse": 4}
"""Scale -> by how much a picture is shrunk for it."""


@dataclass(frozen=True)
class Kept:
    """What one scale keeps of N pictures.

    ``scale``: a name in ``FACTORS``. ``side``: H = W in pixels. ``variance``: the share of the pictures' variance that
    is left, in [0, 1]. ``right``: bool ``(N,)``, whether a picture's nearest neighbours at this scale are of its class.
    """

    scale: str
    side: int
    variance: float
    right: Tensor

    @property
    def numbers(self) -> float:
        """The share of the picture's numbers that the scale has, in (0, 1]."""
        return 1 / FACTORS[self.scale] ** 2

    @property
    def accuracy(self) -> float:
        """The share of pictures that are right, in [0, 1]."""
        return float(self.right.double().mean())

    def less(self, other: "Kept") -> Interval:
        """Return the accuracy less that of ``other``, with a 95 % interval over the pictures, which both share."""
        return interval([self.right.double() - other.right.double()])


def kept_table(found: Sequence[Kept]) -> pd.DataFrame:
    """Return what each scale keeps, a row a scale, compared with the first."""
    full = found[0]
    return pd.DataFrame(
        {
            "pixels": [f"{one.side} x {one.side}" for one in found],
            "share of the numbers (%)": [f"{100 * one.numbers:.1f}" for one in found],
            "variance kept (%)": [f"{100 * one.variance:.1f}" for one in found],
            f"accuracy (%, n = {len(full.right):,} pictures)": [f"{100 * one.accuracy:.1f}" for one in found],
            f"less {full.scale} (points, 95 %)": ["", *(in_percent(one.less(full), "+.2f") for one in found[1:])],
        },
        index=pd.Index([one.scale for one in found], name="scale"),
    )


def kept_caption(found: Sequence[Kept]) -> str:
    """Return the caption of variance and accuracy over the scales."""
    full, last = found[0], found[-1]
    return (
        f"From the {full.scale} to the {last.scale} scale the variance kept falls by "
        f"{100 * (full.variance - last.variance):.0f} points, the accuracy of nearest neighbours by "
        f"{100 * (full.accuracy - last.accuracy):.2f}. Bars: 95 % intervals over n = {len(full.right):,} pictures, "
        "each scale for itself."
    )


def limit_finding(names: Sequence[str], left: Sequence[float]) -> str:
    """Say what share, in [0, 1], of the amplitude each scale of ``names`` has ``left`` at its own limit."""
    if not names:
        return "There is no shrunk scale."
    shares = " and ".join(f"the {name} scale {100 * share:.0f} %" for name, share in zip(names, left, strict=True))
    return f"At its own limit {shares.replace(' scale ', ' scale still holds ', 1)} of the amplitude."


def residual_caption(names: Sequence[str], rests: Sequence[Tensor]) -> str:
    """Return the caption of what each scale of ``names`` lacks of one picture, ``rests`` of ``(H, W)`` each."""
    means = ", ".join(f"{name} {float(rest.abs().mean()):.3f}" for name, rest in zip(names, rests, strict=True))
    return (
        f"What one picture's scales lack on average, of values from 0 to 1: {means}. Above: each level, enlarged. "
        "Below: the picture minus the level, red where the picture is brighter, blue where it is darker."
    )


def kept_findings(found: Sequence[Kept], labels: Tensor, classes: Sequence[str]) -> list[str]:
    """Say in a sentence each what the scales lose, the coarsest first, and which class loses most there.

    Args:
        found: what every scale keeps, the full picture first.
        labels: int64 ``(N,)``, the classes of the pictures.
        classes: their names.
    """
    full, *smaller = found
    if not smaller:
        return [f"Pictures of {full.side} pixels have one scale only: there is nothing to compare."]
    return [*(_finding(one, full) for one in reversed(smaller)), _classes(smaller[-1], full, labels, classes)]


def _finding(one: Kept, full: Kept) -> str:
    gap = one.less(full)
    if gap.low <= 0 <= gap.high:
        verdict = f"tells the classes apart as well as the {full.scale} one, as far as these pictures can tell"
    else:
        verdict = f"{'loses' if gap.high < 0 else 'gains'} accuracy, and not by the luck of the pictures"
    return (
        f"With {100 * one.numbers:.3g} % of the numbers the {one.scale} scale **{verdict}**: "
        f"{100 * one.accuracy:.1f} % against {100 * full.accuracy:.1f} %, a difference of {in_percent(gap, '+.2f')} "
        f"points (95 % interval over the same {len(one.right):,} pictures at both scales). It keeps "
        f"{100 * one.variance:.0f} % of the variance."
    )


def _classes(one: Kept, full: Kept, labels: Tensor, classes: Sequence[str]) -> str:
    def of(kept: Kept, label: int) -> float:
        return float(kept.right[labels == label].double().mean())

    there = [label for label in range(len(classes)) if bool((labels == label).any())]
    gain = {label: of(one, label) - of(full, label) for label in there}
    worst, best = min(there, key=lambda label: gain[label]), max(there, key=lambda label: gain[label])

    def say(label: int) -> str:
        n = int((labels == label).sum())
        return f"*{classes[label]}* from {100 * of(full, label):.0f} to {100 * of(one, label):.0f} % (n = {n})"

    if gain[worst] >= 0:
        return f"No class loses at the {one.scale} scale; most is gained by {say(best)}."
    gained = f"; {say(best)} gains" if gain[best] > 0 else "; no class gains"
    return f"At the {one.scale} scale most is lost by {say(worst)}{gained}."
