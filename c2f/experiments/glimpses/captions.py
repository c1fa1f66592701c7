"""What the figures of networks of glimpses say: captions made from what is drawn, the finding first.

Axes of arrays: S seeds, T glimpses, N pictures, E epochs.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from c2f.common.words import how_many, listed
from c2f.experiments.glimpses.pgd_tables import Lines
from c2f.experiments.glimpses.plots import coverage
from c2f.networks.glimpse.names import GLIMPSE_KINDS as KINDS


def numbers(values: ArrayLike, digits: int = 1) -> str:
    """Return numbers as ``a, b and c``."""
    return listed([f"{value:.{digits}f}" for value in np.asarray(values, dtype=float)])


def training(by_glimpse: ArrayLike, pictures: int) -> str:
    """Of accuracies in [0, 1] over epochs, ``(E, T)``, of one run on so many ``pictures``."""
    last = 100 * np.asarray(by_glimpse)[-1]
    epochs = how_many(len(np.asarray(by_glimpse)), "epoch")
    return (
        f"After {epochs} the answers after glimpses 1 to {len(last)} are right for {numbers(last)} % of "
        f"{pictures:,} pictures: looking again is worth {last[-1] - last[0]:+.1f} points here. One "
        "line a glimpse; a single run, so that small differences between lines mean nothing."
    )


def accuracy(found: Mapping[str, np.ndarray]) -> str:
    """Of accuracies in [0, 1] by kind of network, ``(S, T)``, the network of glimpses among them."""
    ours = 100 * found["mgnet"]
    others = [f"{KINDS[kind]} {100 * a.mean():.1f} %" for kind, a in found.items() if kind != "mgnet"]
    means = ours.mean(axis=0)
    return (
        f"From {means[0]:.1f} % after the first glimpse to {means[-1]:.1f} % after the last"
        f"{'; beside it ' + '; '.join(others) if others else ''}. Thin lines are seeds (n = {len(ours)}), thick is "
        "their mean. Dashed: a single pass, with a band from its lowest to its highest seed."
    )


def looks(truth: Sequence[int], predictions: ArrayLike, what: str) -> str:
    """Of pictures shown, their labels ``(N,)`` and the answers ``(T, N)``; ``what`` they are, in the plural."""
    right = (np.asarray(predictions) == np.asarray(truth)).sum(axis=1)
    return (
        f"Of these {len(truth)} {what}, {right[0]} are named rightly after the first glimpse, {right[-1]} after the "
        "last. Numbers on windows are their order; the last of those that cover each other is seen. Below, what each "
        "glimpse saw, the answer after it, right (✓) or wrong (✗), and its probability."
    )


def coverage_maps(locations: ArrayLike) -> str:
    """Of the locations of all glimpses ``(T, N, 3)``."""
    maps = np.array([coverage(each) for each in np.asarray(locations)[1:]])
    often, seldom = maps >= 0.9, maps <= 0.1
    return (
        f"{100 * often.mean():.0f} % of the picture is in at least nine of ten windows, {100 * seldom.mean():.0f} % in "
        "at most one of ten (mean over the glimpses). A sharp edge means the same window in every picture, a smooth "
        f"hill windows that move. Colour: share of {np.shape(locations)[1]:,} pictures whose window covers the place."
    )


def centres(locations: ArrayLike) -> str:
    """Of the locations of all glimpses ``(T, N, 3)``."""
    later = np.asarray(locations, dtype=float)[1:]
    (x, y), (dx, dy) = later[..., 1:].mean(axis=(0, 1)), later[..., 1:].std(axis=1).mean(axis=0)
    return (
        f"On average the windows' centres lie at x = {x:+.2f}, y = {y:+.2f}; from picture to picture they vary by "
        f"{dx:.2f} and {dy:.2f} (standard deviations). The picture reaches from -1 to 1, y points down; one line a "
        f"glimpse, {later.shape[1]:,} pictures."
    )


def cost(points: Mapping[str, tuple[np.ndarray, np.ndarray]], titles: Mapping[str, str]) -> str:
    """Of ``c2f.experiments.glimpses.tables.cost_points``, costs in millions of multiply-adds."""
    ends = "; ".join(
        f"{titles[name]} {100 * a.mean(axis=0)[-1]:.1f} % at {c.mean(axis=0)[-1]:.1f} million"
        for name, (c, a) in points.items()
        if "exit" not in name
    )
    return (
        f"{ends[0].upper()}{ends[1:]}; higher and further left is better. Solid: 1, 2, ... glimpses for all pictures; "
        "dotted: thresholds of early exit. Means over seeds; whiskers: 95 % intervals, n in the legend."
    )


def strengths(lines: Lines, pictures: int) -> str:
    """Of the accuracies that one network keeps under attack, measured on so many ``pictures``."""
    clean, robust = 100 * np.mean(lines.clean, axis=0), 100 * np.mean(lines.robust, axis=0)  # (T,), (E, T)
    steps = "; ".join(f"{255 * e:g}: {row[-1]:.0f} %" for e, row in zip(lines.epsilons, robust, strict=True))
    return (
        f"What the last answer keeps of {clean[-1]:.0f} % when values change by so many grey levels: {steps}. Each "
        f"answer is attacked by itself. {pictures:,} pictures, {_seeds(lines)}."
    )


def attacks(drawn: Mapping[str, Lines], pictures: int) -> str:
    """Of the accuracies that networks keep, by their titles."""
    left = [numbers([100 * np.mean(line.robust, axis=0)[place, -1] for line in drawn.values()], 0) for place in (0, -1)]
    first = next(iter(drawn.values()))
    small, large = (255 * first.epsilons[place] for place in (0, -1))
    return (
        f"{left[0]} % are left at {small:g} of 255 grey levels, {left[1]} % at {large:g} ({'; '.join(drawn)}). Left, "
        "each network's last answer; right, each answer of the network of glimpses. Lines are means, bands reach from "
        f"the lowest to the highest seed ({_seeds(first)}); {pictures:,} pictures."
    )


def _seeds(lines: Lines) -> str:
    return how_many(len(lines.clean), "seed")
