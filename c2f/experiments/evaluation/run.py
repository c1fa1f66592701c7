"""Evaluate a trained network on any pictures, resumable, and record it.

An output folder holds the record ``runs/NAME.json`` and, for each seed, in ``evaluation/`` the answers picture by
picture (``NAME--seedS.safetensors``) and what ``c2f.experiments.evaluation.tables`` makes of them.

Axes: N pictures, B pictures of one batch, T answers (glimpses), K classes.
"""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from c2f import networks
from c2f.common.files import atomic_path
from c2f.experiments.evaluation.sources import Source, Tested, open_tested
from c2f.metrics.classification import class_scores, confusion_matrix
from c2f.metrics.report import Report, ranks
from c2f.networks.answers import checked_logits
from c2f.runs.execution import Execution, check_options
from c2f.runs.experiment import Measured, Plan, record_measurement
from c2f.runs.parts import PartialResults
from c2f.runs.record import Run
from c2f.zoo.models import TrainedModel, find
from c2f.zoo.predict import PredictFn, predict_fn_of

AT_ONCE = 512
"""Pictures of a part of the work, after which what is finished is written down."""


def evaluation_name(model: TrainedModel, tested: Tested) -> str:
    """Return the name of the record of ``model`` on ``tested``."""
    return f"{model.record.name}--evaluation--{tested.in_file_names}"


def evaluation_run(
    network: str,
    data: str,
    seed: int = 0,
    *,
    output: Path,
    trained_on: str | None = None,
    weights: Path | None = None,
    **how: Unpack[Execution],
) -> Run:
    """Classify all pictures of ``data``, record how good the answers are, and return the run.

    A run that ``output`` already holds is returned as it is, unless weights or pictures have changed since; one that
    was interrupted goes on where it stopped. Photographs are read when they are needed.

    Args:
        network: a name in ``c2f.networks.names()``, ``FILE.py:FUNCTION``, or the path of what `c2f train` wrote.
        data: see ``c2f.experiments.evaluation.sources.FORMS``.
        seed: of the training.
        output: the folder, see the module's text.
        trained_on: the data set of the training; None for ``data`` itself.
        weights: the folder with the training's record and weights; None takes those that come with the book.
        **how: see ``c2f.runs.execution.Execution``.

    Returns:
        The run. Its values are ``loss`` (nats), and in [0, 1] ``accuracy``, ``top5`` (with more than five classes),
        macro and weighted ``precision``, ``recall`` and ``f1``, for glimpses ``accuracy T`` after each, and of several
        sources the ``accuracy``, ``loss`` and ``top5`` of each. Its details hold scores by class and the confusion.

    Raises:
        ValueError: a bad name or number, a network that does not classify pictures, or other classes than its own.
        FileNotFoundError: pictures that are not there.
        c2f.runs.record.RecordError: no such weights, or ``output`` holds this with other parameters.
    """
    check_options(how, Execution)
    model = find(network, trained_on or data, seed, weights)
    if networks.kind_of(model.name) == "segmentation":
        raise ValueError(f"{model.name} classifies pixels: take a network that classifies pictures")
    tested, device = open_tested(model, data), how.get("device", "cpu")
    keys = ("network", "data", "recipe", "look", "merge", "scaler", "image_size")
    about = model.record.parameters
    described = {key: about[key] for key in keys if key in about} | {"test_data": tested.name}
    name = evaluation_name(model, tested)
    facts = {"files": tested.files, "classes": list(model.classes)}
    plan = Plan(name, "evaluation", model.seed, described, output, model.weights, how, facts)

    def measure(parts: PartialResults) -> Measured:
        found = _classify_all(predict_fn_of(model, device), tested, parts, device)
        file = output / "evaluation" / f"{name}--seed{model.seed}.safetensors"
        arrays = {
            what: torch.cat([each[what] for each in found.values()], dim=-1) for what in next(iter(found.values()))
        }
        with atomic_path(file) as temporary:
            save_file({what: values.contiguous() for what, values in arrays.items()}, temporary)
        return Measured(
            _values(found, arrays, len(model.classes)), _details(arrays, tested, model), {"evaluation": file}
        )

    return record_measurement(plan, measure)


def _classify_all(
    predict: PredictFn, tested: Tested, parts: PartialResults, device: str
) -> dict[str, dict[str, Tensor]]:
    """Return what ``_classify`` gives of each source, by its name."""
    makes = {
        f"{source.name} {int(places[0])}": partial(_classify, predict, source, places, device)
        for source in tested.sources
        for places in torch.arange(source.count).split(AT_ONCE)
    }
    done = parts.get_all(makes)
    found = {}
    for source in tested.sources:
        pieces = [done[f"{source.name} {start}"] for start in range(0, source.count, AT_ONCE)]
        found[source.name] = {what: torch.cat([piece[what] for piece in pieces], dim=-1) for what in pieces[0]}
    return found


def _classify(predict: PredictFn, source: Source, places: Tensor, device: str) -> dict[str, Tensor]:
    """Return ``labels``, ``ranks``, ``losses`` and ``probabilities`` (of the predicted class) ``(N,)``, and
    ``predicted`` ``(T, N)``, the class after each glimpse.
    """
    found = []
    for pictures, labels in source.read(places):
        with torch.inference_mode():
            logits = predict(pictures.to(device))  # (T, B, K)
            last = checked_logits(logits[-1], len(labels)).float().cpu()
        found.append(
            {
                "labels": labels.cpu(),
                "predicted": logits.argmax(dim=2).cpu().clone(),
                "ranks": ranks(last, labels.cpu()).clone(),
                "losses": F.cross_entropy(last, labels.cpu(), reduction="none").double().clone(),
                "probabilities": last.softmax(dim=1).amax(dim=1).clone(),
            }
        )
    return {what: torch.cat([batch[what] for batch in found], dim=-1) for what in found[0]}


def _report(arrays: dict[str, Tensor], num_classes: int) -> Report:
    confusion = confusion_matrix(arrays["labels"], arrays["predicted"][-1], num_classes)
    return Report(float(arrays["losses"].mean()), arrays["ranks"], confusion)


def _scores(found: Report, prefix: str = "") -> dict[str, float]:
    top = {f"{prefix}top5": found.top(5)} if len(found.confusion) > 5 else {}
    return {f"{prefix}accuracy": found.accuracy, f"{prefix}loss": found.loss, **top}


def _values(found: dict[str, dict[str, Tensor]], arrays: dict[str, Tensor], num_classes: int) -> dict[str, float]:
    whole = _report(arrays, num_classes)
    values = _scores(whole)
    for how in ("macro", "weighted"):
        values |= {f"{how} {what}": score for what, score in asdict(whole.averages[how]).items()}
    if len(arrays["predicted"]) > 1:
        right = (arrays["predicted"] == arrays["labels"]).double().mean(dim=1).tolist()
        values |= {f"accuracy {glimpse}": share for glimpse, share in enumerate(right, start=1)}
    if len(found) > 1:
        for name, each in found.items():
            values |= _scores(_report(each, num_classes), f"{name} ")
    return values


def _details(arrays: dict[str, Tensor], tested: Tested, model: TrainedModel) -> dict[str, Any]:
    confusion = confusion_matrix(arrays["labels"], arrays["predicted"][-1], len(model.classes))
    by_class = {what: scores.tolist() for what, scores in vars(class_scores(confusion)).items()}
    pictures = {source.name: source.count for source in tested.sources}
    paths = [path for source in tested.sources for path in source.paths]
    return {"confusion": confusion.tolist(), "by_class": by_class, "pictures": pictures, "paths": paths}
