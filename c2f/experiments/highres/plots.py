"""Figures of high-resolution class maps: maps side by side, the refined map step by step, and what was measured.

Every function takes the axes to draw on and returns them; tensors and arrays are both taken.

Axes of arrays: N pictures, C channels, H rows, W columns, L kinds of maps, P orders.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from c2f.cam.refine import Refined
from c2f.common.words import how_many
from c2f.networks.densenet_fcn import HALF
from c2f.plotting import plots
from c2f.plotting.colours import AMOUNT, LINES, SIGNED
from c2f.plotting.heatmaps import clipped_limits, limits, mask_outline
from c2f.runs.record import Record, Run

STEPS = {
    "low": "1 low",
    "low_resized": "2 low_resized",
    "roi": "3 roi",
    "blurred": "4 blurred",
    "edges": "5 edges",
    "bounds": "6 bounds",
    "focal_points": "7 focal_points",
    "segmented": "8 segmented",
    "edge_mask": "9 edge_mask",
    "roi_edges": "10 roi_edges",
    "full_segment": "11 full_segment",
    "merged": "12 merged",
    "kept": "13 kept",
    "result": "14 result",
}
"""The steps of the refined map, as ``c2f.cam.refine.Refined`` names them, and what stands above each."""
MASKS = ("roi", "segmented", "edge_mask", "roi_edges", "full_segment", "kept")
"""Those of the steps that are masks."""


def evidence(ax: Axes, heat: Any, shared: tuple[float, float], title: str = "") -> Axes:
    """Draw a map ``(h, w)`` by itself, in the colours of ``shared``, its lowest and highest value; see ``limits`` in
    ``c2f.plotting.heatmaps``.

    Nothing lies under it, so that every colour is one of the bar's.
    """
    ax.imshow(
        np.asarray(heat, dtype=float),
        cmap=SIGNED if shared[0] < 0 else AMOUNT,
        norm=Normalize(*shared),
        interpolation="nearest",
    )
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=9)
    return ax


def bar(ax: Axes, label: str = "") -> Colorbar:
    """Put the bar of the colours of the map on ``ax`` below it."""
    place = ax.inset_axes((0.05, -0.16, 0.9, 0.06))
    found = ax.figure.colorbar(ax.images[0], cax=place, orientation="horizontal", label=label)
    found.locator = MaxNLocator(3)
    found.ax.tick_params(labelsize=9)
    return found


def trainings(axes: Any, runs: Mapping[str, Record]) -> tuple[str, str]:
    """Draw the learning curves of the half and the full model, a panel each; return the figure's two texts."""
    for ax, (name, record) in zip(axes, runs.items(), strict=True):
        what = "accuracy" if name == HALF else "loss"
        histories = [run.details["history"] for run in record.runs]
        for part, shade, style in (("train", LINES[1], "--"), ("val", LINES[0], "-")):
            line = {"label": part, "colour": shade, "style": style}
            plots.learning_curves(ax, histories, f"{part}_{what}", **line)
        ax.set_xlabel("epoch")
        ax.set_title("half model: accuracy" if name == HALF else "full model: squared error + penalty", fontsize=10)
        if name == HALF:
            ax.set_ylim(0, 1)
            ax.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        else:
            ax.set_yscale("log")
    axes[0].legend(fontsize=9)
    kept = ", ".join(
        f"{name} epoch {' and '.join(str(run.details['best_epoch']) for run in record.runs)} of "
        f"{len(record.runs[0].details['history']['seconds'])}"
        for name, record in runs.items()
    )
    alt = f"Learning curves of both models. Kept was the best epoch on the validation part: {kept}."
    return alt, f"{alt} n = {len(next(iter(runs.values())).runs)}; bands, of several seeds, run from lowest to highest."


def _of_amounts(values: Any, shared: tuple[float, float]) -> tuple[float, float]:
    """Return the limits ``shared`` of a map, from 0 on if it knows no evidence against the class."""
    return shared if float(np.asarray(values).min()) < 0 else (0.0, shared[1])


def columns(axes: Any, pictures: Any, maps: Mapping[str, Any], masks: Any = None, rows: Sequence[str] = ()) -> Any:
    """Draw a row a picture: the picture, then each of its maps; return ``axes``.

    Maps of different kinds are of different sizes, so each column has a colour scale of its own and a bar below it, the
    same for all its pictures, up to where 0.5 % of the values lie outside: red is evidence for the class, blue against
    it, and a map that knows no *against* runs from dark to bright.

    Args:
        axes: ``(N, 1 + L)`` as ``plt.subplots(..., squeeze=False)`` gives them.
        pictures: ``(N, C, H, W)`` in [0, 1].
        maps: title -> ``(N, h, w)``, each stretched over the whole picture.
        masks: bool ``(N, H, W)`` whose outline is drawn, or None.
        rows: what to write at the left of each picture.

    Raises:
        ValueError: axes of another shape.
    """
    wanted = (len(pictures), 1 + len(maps))
    if np.shape(axes) != wanted:
        raise ValueError(f"axes must be {wanted}, one row a picture and one column a map, not {np.shape(axes)}")
    height, width = np.shape(pictures)[2:]
    scales = {title: _of_amounts(values, clipped_limits([values])) for title, values in maps.items()}
    for row, (line, picture) in enumerate(zip(axes, pictures, strict=True)):
        plots.picture(line[0], picture)
        if rows:
            line[0].set_ylabel(rows[row], fontsize=9)
        for ax, (title, values) in zip(line[1:], maps.items(), strict=True):
            evidence(ax, values[row], scales[title], "" if row else title)
            ax.images[0].set_extent((-0.5, width - 0.5, height - 0.5, -0.5))
        if masks is not None:
            for ax in line:
                mask_outline(ax, masks[row])
    for ax in axes[-1, 1:]:
        bar(ax)
    return axes


def columns_texts(
    maps: Mapping[str, Any], right: int, count: int, finding: str, scenes: bool = True
) -> tuple[str, str]:
    """Return the alternative text and the caption of a figure of ``columns``: ``right`` of ``count`` pictures are
    classified rightly, and ``finding`` is what the maps show. ``scenes``: with the object's outline, or any pictures.
    """
    what, outline = ("scene", " Black: the object's outline.") if scenes else ("picture", "")
    names = "; ".join(title.replace("\n", " ") for title in maps)
    begin = f"{finding} {how_many(count, what)}, {right}"
    return f"{begin} of them classified rightly, and maps of the class each is called: {names}.", (
        f"{begin} classified rightly.{outline} Every column has a scale "
        "of its own: red speaks for the class that is called, blue against it; without an *against*, brighter is more."
    )


def orders_texts(class_name: str, blurred: Sequence[float], raw: Sequence[float]) -> tuple[str, str]:
    """Return the alternative text and the caption of the figure of models that compute the same in other orders, by the
    correlations of their maps with the first one's.
    """
    soft, sharp = (", ".join(f"{float(r):.2f}" for r in each) for each in (blurred, raw))
    alt = (
        f"One picture, one class ({class_name}), and the maps of {1 + len(blurred)} models that compute the same. They "
        f"correlate with the first by {soft}, unblurred by {sharp}."
    )
    return alt, f"{alt} Red speaks for the class, blue against it, on one scale for all."


def pipeline(axes: Any, picture: Any, refined: Refined, at: int) -> Any:
    """Draw every step of the refined map of picture ``at``, in their order, the picture first; return ``axes``.

    Evidence is red (for) and blue (against), amounts run from dark to bright, each panel to its own highest value, and
    white is True in masks. The focal points are dots on the low map; ``bounds`` shows the edge strengths between which
    regions grow.

    Args:
        axes: fifteen, e.g. ``plt.subplots(5, 3)[1]``.
        picture: ``(C, H, W)`` in [0, 1].
        refined: of ``c2f.cam.refine.refine``.
        at: which of its pictures.

    Raises:
        ValueError: another number of axes.
    """
    places = np.asarray(axes, dtype=object).ravel()
    if len(places) != 1 + len(STEPS):
        raise ValueError(f"the figure needs {1 + len(STEPS)} axes, not {len(places)}: plt.subplots(5, 3)")
    plots.picture(places[0], picture, "the picture")
    lower, upper = (float(bound) for bound in refined.bounds[at])
    low = refined.low_resized[at]
    for ax, (step, title) in zip(places[1:], STEPS.items(), strict=True):
        if step == "bounds":
            band = (refined.edges[at] >= lower) & (refined.edges[at] <= upper)
            plots.picture(ax, band, f"{title}: {lower:.2f} to {upper:.2f}")
        elif step == "focal_points":
            evidence(ax, low, _of_amounts(low, limits([low])), title)
            ax.plot(*np.asarray(refined.focal_points[at]).T, "o", color="black", markersize=3)
        elif step in MASKS or step == "result":
            plots.picture(ax, getattr(refined, step)[at], title)
        else:
            value = getattr(refined, step)[at]
            evidence(ax, value, _of_amounts(value, limits([value])), title)
        ax.set_title(ax.get_title(), fontsize=9)
    return axes


def found(ax: Axes, values: Mapping[str, float], intervals: Mapping[str, Sequence[float]], what: str) -> Axes:
    """Draw a value for each kind of map as a dot, with its interval where there is one: one row a kind, in percent.

    Values and intervals are given in [0, 1]. Kinds without an interval, the baselines, are hollow.
    """
    for row, (title, value) in enumerate(values.items()):
        span = intervals.get(title)
        if span is not None:
            ax.plot([100 * end for end in span], [row, row], color=LINES[0], linewidth=2.5, alpha=0.6)
        ax.plot(100 * value, row, "o", color=LINES[0], markersize=4.5, fillstyle="none" if span is None else "full")
    ax.set_yticks(range(len(values)), list(values), fontsize=9)
    ax.set(ylim=(len(values) - 0.4, -0.6), xlim=(0, 100), xticks=(0, 50, 100), xlabel=f"{what} (%)")
    ax.grid(axis="x", alpha=0.3)
    return ax


def measured(axes: Any, run: Run, maps: Mapping[str, str], measures: Mapping[str, str]) -> Any:
    """Draw a panel a measure and in it a row a map, as ``c2f.experiments.highres.maps_run.maps_run`` recorded them;
    return ``axes``.

    Args:
        axes: one a measure; the rows' names stand at the first.
        run: of the record.
        maps: name -> what to call it, from top to bottom.
        measures: name -> what to call it.
    """
    spans = run.details["intervals"]
    for ax, (key, text) in zip(axes, measures.items(), strict=True):
        values = {title: run.values[f"{key} {name}"] for name, title in maps.items()}
        known = {title: spans[f"{key} {name}"] for name, title in maps.items() if f"{key} {name}" in spans}
        found(ax, values, known, text)
    return axes


def orders(ax: Axes, others: ArrayLike, real: float) -> Axes:
    """Draw how often random orders ``(P,)`` of the decoded maps reach a correlation, and where the real order is."""
    ax.hist(np.asarray(others, dtype=float), bins=40, color="0.55", label="other orders")
    ax.axvline(real, color=LINES[1], linewidth=2, label="the order that training left")
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set(xlabel="correlation with the low-resolution CAM, mean over pictures", ylabel="number of orders")
    ax.legend(fontsize=9)
    return ax
