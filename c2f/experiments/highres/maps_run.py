"""The question that the paper leaves open, measured: what does a high-resolution class map show?

Three answers, on the same pictures: what it resembles (``c2f.experiments.highres.resemblance``), whether it would be
another one if the decoded maps came in another order, and how well it finds the object beside maps that users know.

Axes: N pictures, M feature maps, C channels, H rows, W columns, K classes, P orders of the feature maps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import torch
from torch import Tensor

from c2f import zoo
from c2f.cam import upsample
from c2f.common.checks import positive_int
from c2f.common.progress import progress
from c2f.datasets.data_name import DataName
from c2f.datasets.pictures import Pictures
from c2f.datasets.selection import stratified_subset
from c2f.experiments.highres.maps import TITLES, all_maps, blur
from c2f.experiments.highres.resemblance import Moments, colour_share, mean_between, moments, other_orders
from c2f.metrics.localization.objects import Objects, find_objects
from c2f.metrics.localization.suite import Measures, baselines, measure
from c2f.metrics.statistics import Interval, interval
from c2f.networks.densenet_fcn import FULL, FullDenseNet
from c2f.networks.modes import frozen
from c2f.runs.execution import Execution, check_options
from c2f.runs.experiment import Measured, Plan, record_measurement
from c2f.runs.folder import find_record, run_name
from c2f.runs.parts import PartialResults
from c2f.runs.record import Record, Run
from c2f.zoo.samples import test_pictures

ORDERS = 1000
"""Random orders of the decoded maps that the real one is compared with."""


@dataclass(frozen=True)
class Resemblance:
    """What the high-resolution CAMs of N pictures resemble, float64, correlations but for the shares.

    Decoded maps and pictures are blurred as in the refined map's pipeline, so that the checkerboard of the transposed
    convolutions does not count.

    Attributes:
        to_low: ``(N,)``, to the low-resolution CAM of the same class, enlarged.
        orders: ``(P, N)``, the same if the decoded maps came in another order.
        to_colours: ``(N,)``, the share of its variance that a mixture of the picture's channels explains, in [0, 1].
        low_to_colours: ``(N,)``, the same of the low-resolution CAM.
        classes: ``(N,)``, the mean over all pairs of classes of how alike their high-resolution CAMs are.
        low_classes: ``(N,)``, the same of the low-resolution CAMs.
    """

    to_low: Tensor
    orders: Tensor
    to_colours: Tensor
    low_to_colours: Tensor
    classes: Tensor
    low_classes: Tensor

    @property
    def orders_as_good(self) -> float:
        """The share of orders whose mean correlation to the low-resolution CAM is the real one's or higher."""
        return (self.orders.nanmean(dim=1) >= self.to_low.nanmean()).double().mean().item()

    @property
    def values(self) -> dict[str, float]:
        """The means over pictures, and ``orders_as_good``."""
        means = {name: float(value.nanmean()) for name, value in vars(self).items()}
        return {**means, "orders_as_good": self.orders_as_good}

    def intervals(self, resamples: int) -> dict[str, list[float]]:
        """The ends of the 95 % intervals over pictures of the means, but for the orders."""
        each = {name: value for name, value in vars(self).items() if name != "orders"}
        return {name: _ends(interval([x[~x.isnan()]], resamples=resamples)) for name, x in each.items()}

    def as_run(self, seed: int, resamples: int = 1000) -> Run:
        """Return it as a run that is not recorded, of the training ``seed``, for the tables and findings of runs."""
        return Run(seed, self.values, {"intervals": self.intervals(resamples)}, {}, {})


def resemblance(full: FullDenseNet, pictures: Tensor, orders: int = ORDERS, batch_size: int = 50) -> Resemblance:
    """Measure what the predicted classes' high-resolution CAMs resemble.

    Args:
        full: the trained full model.
        pictures: float ``(N, C, H, W)`` in [0, 1].
        orders: how many other orders of the decoded maps are tried; no forward pass is needed for them.
        batch_size: pictures at once.
    """
    positive_int(batch_size, "batch_size")
    weights = full.class_weights
    parts: list[tuple[Tensor, ...]] = []
    for x in progress(pictures.split(batch_size), "what the maps resemble", unit="part"):
        with frozen(full), torch.no_grad():
            found = full.outputs(x)
        chosen = weights[found.logits.argmax(dim=1)]  # (n, M)
        low = upsample(torch.einsum("nm,nmhw->nhw", chosen, found.low_features), (x.shape[2], x.shape[3]))
        smooth, seen = blur(found.high_features), blur(x)
        high = torch.einsum("nm,nmhw->nhw", chosen, smooth)
        decoded: Moments = moments(smooth, low)
        coarse = moments(found.low_features, found.low_features[:, 0])
        parts.append(
            (
                decoded.correlations(chosen),
                decoded.correlations(other_orders(chosen, orders)).T,
                colour_share(high, seen),
                colour_share(low, seen),
                mean_between(decoded.between_classes(weights)),
                mean_between(coarse.between_classes(weights)),
            )
        )
    to_low, shuffled, *rest = (torch.cat(part) for part in zip(*parts, strict=True))
    return Resemblance(to_low, shuffled.T, *rest)


def locate(
    full: FullDenseNet,
    pictures: Tensor,
    objects: Objects,
    choosing: Tensor,
    names: Sequence[str] = tuple(TITLES),
    resamples: int = 0,
    others: Mapping[str, Tensor] | None = None,
) -> dict[str, Measures]:
    """Measure how well each kind of map finds the object, and what needs no network.

    Args:
        full: the trained full model; the maps are of the classes that it predicts.
        pictures: float ``(N, C, H, W)`` in [0, 1].
        objects: of all N.
        choosing: bool ``(N,)``, the pictures that thresholds are chosen on; all others are scored.
        names: of ``c2f.experiments.highres.maps.TITLES``.
        resamples: of the intervals over pictures; 0 leaves them out.
        others: more maps of all N, ``(N, H, W)`` by name.

    Returns:
        The measures by the map's name, and behind them those of ``c2f.metrics.localization.suite.baselines``.
    """
    apart = (objects.select(choosing), objects.select(~choosing))
    made = {**all_maps(full, pictures, names=names), **(others or {})}
    found = {
        name: measure(maps[choosing].cpu(), apart[0], maps[~choosing].cpu(), apart[1], resamples)
        for name, maps in progress(made.items(), "where the maps lie", unit="kind")
    }
    return {**found, **baselines(*apart)}


def maps_name(data: str) -> str:
    """Return the name of the record of the maps of the full model trained on ``data``."""
    return run_name("densenet_maps", data)


def maps_run(
    data: str,
    seed: int,
    output: Path,
    *,
    threshold_pictures: int = 100,
    pictures: int = 500,
    resamples: int = 1000,
    weights: Path | None = None,
    **how: Unpack[Execution],
) -> Run:
    """Measure the maps of a trained full model on test pictures whose objects are known, record it, return the run.

    Args:
        data, seed: of the training.
        output: the folder that the record goes to.
        threshold_pictures: how many test pictures thresholds are chosen on.
        pictures: how many others are scored.
        resamples: of the intervals over pictures.
        weights: the folder with the training's record and weights; None takes those that come with the book.
        **how: see ``c2f.runs.execution.Execution``.

    Returns:
        The run. Its values are called ``MEASURE MAP`` (``pointing high``) and as ``Resemblance.values``; its details
        hold their intervals, the thresholds, and the mean correlation of each other order.

    Raises:
        ValueError: a number out of range, too few test pictures, or data of which nobody knows where the objects are.
        RecordError: no such full model, or ``output`` holds this measurement with other parameters.
    """
    total = positive_int(threshold_pictures, "threshold_pictures") + positive_int(pictures, "pictures")
    check_options(how, Execution)
    device = how.get("device", "cpu")
    model = zoo.load(FULL, data, seed, weights)
    full = model.network_of(FullDenseNet).to(device)
    recipe = model.record.parameters["recipe"]
    described = {
        "network": FULL,
        "data": DataName.parse(data).text,
        "recipe": recipe,
        "chosen": threshold_pictures,
        "pictures": pictures,
        "orders": ORDERS,
        "resamples": resamples,
    }
    plan = Plan(maps_name(data), "maps", seed, described, output, model.weights, how)
    tested = test_pictures(model, data)
    places = drawn(tested, total, f"the test part of {data}")
    objects = find_objects(tested.select(places), data)
    images = (tested.images[places].float() / 255).to(device)
    choosing = torch.isin(places, stratified_subset(tested.labels, threshold_pictures))
    scored = images[~choosing.to(device)]

    def located() -> dict[str, dict]:
        found = locate(full, images, objects, choosing, resamples=resamples)
        return {
            name: {
                "values": measures.values,
                "intervals": {what: _ends(span) for what, span in measures.intervals.items()},
                "thresholds": measures.thresholds,
            }
            for name, measures in found.items()
        }

    def measure_maps(parts: PartialResults) -> Measured:
        measured = parts.get("where the maps lie", located)
        alike = Resemblance(**parts.get("what they resemble", lambda: vars(resemblance(full, scored, ORDERS))))
        values, intervals = (
            {f"{what} {name}": x for name, found in measured.items() for what, x in found[part].items()}
            for part in ("values", "intervals")
        )
        intervals |= alike.intervals(resamples)
        details = {
            "intervals": intervals,
            "thresholds": {name: found["thresholds"] for name, found in measured.items()},
            "orders": alike.orders.nanmean(dim=1).tolist(),
        }
        return Measured({**values, **alike.values}, details)

    return record_measurement(plan, measure_maps)


def _ends(span: Interval) -> list[float]:
    return [span.low, span.high]


def maps_record(data: str, output: Path | None = None) -> Record:
    """Return the record of the maps of the full model trained on ``data``: of ``output``, or else of the book's runs.

    Raises:
        RecordError: there is none (with what makes it), or it is damaged.
    """
    return find_record(output, maps_name(data), f"reference --only {maps_name(data)}")


def drawn(part: Pictures, count: int, data: str) -> Tensor:
    """Return the places of ``count`` pictures of ``part``, spread over its classes, int64.

    Raises:
        ValueError: there are not so many; ``data`` is what the message calls them.
    """
    if count > len(part):
        raise ValueError(f"{count} pictures are asked for, but {data} has {len(part)}")
    return stratified_subset(part.labels, count)
