"""Record how well the maps of a trained network find the object, layer by layer, and read the records again.

An output folder holds the record ``runs/NAME.json`` and, for each seed, ``localization/NAME--seedS.safetensors`` with
the scores picture by picture, so that networks can be compared on the same pictures.

Axes: N pictures scored, F of them whose faithfulness is measured, H rows, W columns.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from safetensors.torch import load_file, save_file
from torch import Tensor

from c2f.cam import last_features, paper_layers
from c2f.common.checks import choose, positive_int
from c2f.common.files import atomic_path
from c2f.datasets.data_name import DataName
from c2f.datasets.selection import SUBSET_SEED
from c2f.experiments.localization.measure import KINDS, evidence
from c2f.experiments.localization.sample import (
    PICTURES,
    THRESHOLD_PICTURES,
    LocalizationSample,
    load_localization_sample,
)
from c2f.metrics import localization
from c2f.metrics.faithfulness import deletion, insertion
from c2f.metrics.localization.suite import POOLED, SINGLE, baselines, measure
from c2f.metrics.statistics import Interval, interval, unpaired_difference
from c2f.networks.own import is_own
from c2f.runs.execution import MeasurementExecution, check_options
from c2f.runs.experiment import Measured, Plan, record_measurement
from c2f.runs.folder import find_file, find_record, run_name
from c2f.runs.parts import PartialResults
from c2f.runs.record import Record, Run

FAITHFUL = 100
"""Scored pictures whose insertion and deletion curves are measured, unless another number is asked for."""
STEPS = 16
"""Steps of those curves, a sixteenth of the pixels at once. The paper takes 224, which costs 14 times as much."""
FAITHFULNESS = {"insertion": "insertion", "deletion": "deletion (low is good)"}
"""The areas under the curves, name -> what figures call it."""
RANDOM = "random map"
"""What stands in a layer's place for the baseline of the curves."""


def localization_name(network: str, data: str, kind: str = "raw") -> str:
    """Return the name of the record of ``network``, trained on ``data``, by one kind of map."""
    return f"{run_name(network, data)}--localization--{choose(kind, KINDS, 'kind of map')}"


def _parameters(
    sample: LocalizationSample, data: str, test_data: str, kind: str, layers: dict[str, str], faithful: int
) -> dict:
    """Return what defines the experiment, as it stands in its record."""
    trained = sample.model.record.parameters
    keys = ("recipe", "merge", "scaler", "in_channels", "image_size", "num_classes")
    return {
        "network": sample.model.name,
        "data": DataName.parse(data).text,
        "test_data": DataName.parse(test_data).text,
        **{key: trained[key] for key in keys},
        "maps": kind,
        "layers": layers,
        "object": sample.objects.known,
        "chosen": int(sample.for_thresholds.sum()),
        "pictures": int(sample.scored.sum()),
        "subset_seed": SUBSET_SEED,
        "faithful": faithful,
        "steps": STEPS,
    }


def faithfulness(sample: LocalizationSample, maps: Tensor, count: int, device: str = "cpu") -> dict[str, Tensor]:
    """Return the areas under the insertion and deletion curves of the first ``count`` scored pictures.

    Args:
        sample: whose network and pictures.
        maps: of its scored pictures, ``(N, H, W)``; only their order counts.
        count: F, at least 1.
        device: as torch names it.

    Returns:
        ``insertion`` and ``deletion``, float64 ``(F,)`` each; the class that is followed is the predicted one.
    """
    pictures = sample.images[sample.scored][:count].to(device)
    step = -(-maps[0].numel() // STEPS)
    return {
        name: curve(sample.model.network.to(device), pictures, maps[:count], step=step).areas
        for name, curve in (("insertion", insertion), ("deletion", deletion))
    }


def locate_run(
    network: str,
    data: str,
    seed: int = 0,
    kind: str = "raw",
    *,
    output: Path,
    layers: Sequence[str] = (),
    threshold_pictures: int = THRESHOLD_PICTURES,
    faithful: int = FAITHFUL,
    resamples: int = 1000,
    **how: Unpack[MeasurementExecution],
) -> Run:
    """Measure how well the maps of a trained network's layers find the object, record it and return the run.

    A run that ``output`` already holds is returned as it is, unless the weights have changed since.

    Args:
        network, data, seed: of the training; network may be ``FILE.py:FUNCTION``.
        kind: of map, a name in ``c2f.experiments.localization.measure.KINDS``.
        output: the folder, see the module's text.
        layers: names in ``c2f.cam.paper_layers(network)``, without them all; of a network of the user's own paths,
            without them the last that can be mapped.
        threshold_pictures: as for ``load_localization_sample``.
        faithful: how many of the scored pictures insertion and deletion are measured on; 0 leaves them out.
        resamples: of the bootstrap intervals over pictures.
        **how: see ``c2f.runs.execution.MeasurementExecution``.

    Returns:
        The run. Its values hold ``accuracy`` (of the scored pictures) and, as ``LAYER MEASURE``, the measures of
        ``c2f.experiments.localization.measure`` and ``FAITHFULNESS``. Its details hold by layer the chosen thresholds,
        intervals and means by class, and the baselines.

    Raises:
        ValueError: a bad name or number, or data of which nobody knows where the objects are.
        PermissionError: ``output`` cannot be written to.
        c2f.runs.record.RecordError: no such weights, or the folder holds this experiment with other parameters.
    """
    name, known = localization_name(network, data, kind), {} if is_own(network) else paper_layers(network)
    paths = {layer: layer if is_own(network) else known[choose(layer, known, "layer")] for layer in layers or known}
    positive_int(faithful, "faithful", minimum=0)
    positive_int(resamples, "resamples")
    check_options(how, MeasurementExecution)
    device, test_data = how.get("device", "cpu"), how.get("test_data") or data
    sample = load_localization_sample(
        network,
        data,
        seed,
        threshold_pictures=threshold_pictures,
        pictures=how.get("pictures", PICTURES),
        weights=how.get("weights"),
        test_data=test_data,
    )
    if not paths:
        last = last_features(sample.model.network, sample.images[:1])
        paths = {last: last}
    described = _parameters(sample, data, test_data, kind, paths, faithful)
    plan = Plan(name, "localization", seed, described, output, sample.model.weights, how)

    def random_areas() -> dict[str, Tensor]:
        count, height, width = sample.objects.select(sample.scored).masks.shape
        return faithfulness(sample, localization.random_maps(count, height, width, seed), faithful, device)

    def measure_all(parts: PartialResults) -> Measured:
        layer_part = partial(_layer, sample, kind=kind, faithful=faithful, resamples=resamples, device=device)
        done = parts.get_all({layer: partial(layer_part, path) for layer, path in paths.items()})
        arrays = {f"{layer}.{what}": x for layer, part in done.items() for what, x in part["each"].items()}
        values = {f"{layer} {what}": x for layer, part in done.items() for what, x in part["values"].items()}
        if faithful:
            areas = parts.get(RANDOM, random_areas)
            arrays |= {f"{RANDOM}.{what}": scores for what, scores in areas.items()}
            values |= {f"{RANDOM} {what}": float(scores.mean()) for what, scores in areas.items()}
        labels, predicted = (x[sample.scored] for x in (sample.labels, list(done.values())[-1]["predicted"]))
        pictures = sample.tested.indices[sample.scored].int()
        about = {"picture": pictures, "label": labels.short(), "predicted": predicted.short()}
        file = output / "localization" / f"{name}--seed{seed}.safetensors"
        with atomic_path(file) as temporary:
            save_file({**{key: x.float().contiguous() for key, x in arrays.items()}, **about}, temporary)
        values = {"accuracy": float((labels == predicted).double().mean()), **values}
        return Measured(values, _details(sample, done), {"localization": file})

    return record_measurement(plan, measure_all)


def _layer(
    sample: LocalizationSample, path: str, *, kind: str, faithful: int, resamples: int, device: str
) -> dict[str, Any]:
    """Return what is measured of one layer: scores of ``each`` picture, ``values``, ``details``, classes
    ``predicted``.
    """
    maps, predicted = evidence(sample.model.network, path, sample.images, kind, device)
    at, scored = sample.for_thresholds, sample.scored
    measured = measure(maps[at], sample.objects.select(at), maps[scored], sample.objects.select(scored), resamples)
    each = dict(measured.each)
    if faithful:
        each |= faithfulness(sample, maps[scored], faithful, device)
    labels, classes = sample.labels[scored], len(sample.model.classes)
    return {
        "each": each,
        "values": {**measured.values, **{what: float(each[what].mean()) for what in FAITHFULNESS if faithful}},
        "details": {
            "path": path,
            "thresholds": measured.thresholds,
            "intervals": {name: [x.low, x.high] for name, x in measured.intervals.items()},
            "by_class": {name: localization.by_class(x, labels, classes).tolist() for name, x in measured.each.items()},
        },
        "predicted": predicted,
    }


def _details(sample: LocalizationSample, done: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the details of a run, ``done`` being what ``_layer`` gave for each layer."""
    apart = sample.objects.select(sample.for_thresholds), sample.objects.select(sample.scored)
    return {
        "layers": {layer: part["details"] for layer, part in done.items()},
        "baselines": {what: x.values for what, x in baselines(*apart).items()},
        "chance_level": localization.chance_level(apart[1].masks),
        "classes": list(sample.model.classes),
    }


def localization_record(network: str, data: str, kind: str = "raw", output: Path | None = None) -> Record:
    """Return the record of ``network`` trained on ``data``: of ``output``, or else of the shipped reference runs.

    Raises:
        ValueError: an unknown kind of map.
        c2f.runs.record.RecordError: there is none (with the command that makes it), or it is damaged.
    """
    return find_record(output, localization_name(network, data, kind), _command(network, data, kind))


def _command(network: str, data: str, kind: str, seed: int = 0) -> str:
    return f"locate {network} {data} --map {kind} --seeds {seed}"


def summary_line(network: str, data: str, kind: str, run: Run) -> str:
    """Say in a line what was found at the last layer."""
    last = list(run.details["layers"])[-1]
    shown = ", ".join(f"{SINGLE[what]} {run.values[f'{last} {what}']:.3f}" for what in ("pointing", "energy", "f1"))
    chance = run.details["chance_level"]
    name = f"{localization_name(network, data, kind)}--seed{run.seed}"
    return f"{name}: {last}: {shown}; a random map points at {chance:.3f}"


def _arrays(network: str, data: str, kind: str, output: Path | None) -> dict[int, dict[str, Tensor]]:
    """Return the arrays of every seed, their checksums verified."""
    record = localization_record(network, data, kind, output)
    return {
        seed: load_file(find_file(output, record, seed, _command(network, data, kind, seed), folder="localization"))
        for seed in record.seeds
    }


def scores(
    network: str, data: str, layer: str, measure: str, kind: str = "raw", output: Path | None = None
) -> dict[int, Tensor]:
    """Return the recorded scores of each picture, by seed: float32 ``(N,)``, or ``(F,)`` for the faithfulness areas.

    Args:
        network, data: of the training.
        layer: a recorded layer, or ``RANDOM``.
        measure: a name in ``c2f.metrics.localization.suite.SINGLE`` or ``FAITHFULNESS``.
        kind: of map.
        output: a folder that ``c2f locate`` wrote; None takes the reference runs.

    Raises:
        ValueError: a measure or layer that is not recorded.
        c2f.runs.record.RecordError: no such record, or a file that is missing or not the record's.
    """
    choose(measure, [*SINGLE, *FAITHFULNESS], "measure")
    return {seed: _take(arrays, layer, measure) for seed, arrays in _arrays(network, data, kind, output).items()}


def _take(arrays: dict[str, Tensor], layer: str, measure: str) -> Tensor:
    of = [key.split(".") for key in arrays if "." in key]
    choose(layer, sorted({place for place, _ in of}), "layer")
    choose(measure, [what for place, what in of if place == layer], f"measure of {layer}")
    return arrays[f"{layer}.{measure}"]


def _pooled(run: Run, layer: str, measure: str) -> Interval:
    low, high = run.details["layers"][choose(layer, run.details["layers"], "layer")]["intervals"][measure]
    return Interval(run.values[f"{layer} {measure}"], low, high)


def compare(
    a: tuple[str, str],
    b: tuple[str, str],
    data: str,
    measure: str,
    kind: str = "raw",
    output: Path | None = None,
    resamples: int = 1000,
) -> Interval:
    """Return the mean of ``b - a``, with its interval over seeds and pictures.

    With a single seed in common the interval is over pictures alone. Measures of ``SINGLE`` and ``FAITHFULNESS`` are
    compared picture by picture. Those of ``POOLED`` have no value of a picture: each run's recorded bootstrap interval
    over pictures is taken, as if the two networks' were independent, which makes theirs wider than need be.

    Args:
        a, b: (network, layer) each; the seeds that both have are taken, run by run.
        data, measure, kind, output: as for ``scores``.
        resamples: see ``c2f.metrics.statistics.interval``.

    Raises:
        ValueError: what ``scores`` refuses, no seed in common, or records of different pictures.
        c2f.runs.record.RecordError: what ``scores`` raises.
    """
    choose(measure, [*SINGLE, *FAITHFULNESS, *POOLED], "measure")
    first, second = (_arrays(network, data, kind, output) for network, _ in (a, b))
    seeds = sorted(set(first) & set(second))
    if not seeds:
        raise ValueError(f"{a[0]} and {b[0]} have no seed in common: {sorted(first)} and {sorted(second)}")
    for seed in seeds:
        if not first[seed]["picture"].equal(second[seed]["picture"]):
            raise ValueError(f"{a[0]} and {b[0]} were measured on different pictures (seed {seed}): measure one anew")
    if measure in POOLED:
        records = (localization_record(network, data, kind, output) for network, _ in (a, b))
        one, other = (
            [_pooled(run, layer, measure) for run in record.runs if run.seed in seeds]
            for record, (_, layer) in zip(records, (a, b), strict=True)
        )
        return unpaired_difference(other, one, len(first[seeds[0]]["picture"]))
    differences = [_take(second[s], b[1], measure) - _take(first[s], a[1], measure) for s in seeds]
    return interval(differences, resamples=resamples)
