"""How good a classifier is: loss, accuracy, confusion, precision, recall, F1, time.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f.common.share import share_of
from c2f.datasets.batches import Loader
from c2f.networks.answers import checked_logits
from c2f.networks.inference import Inference
from c2f.networks.modes import eval_mode


@dataclass(frozen=True)
class Evaluation:
    """The result of one pass over a test set.

    ``loss``: mean cross entropy over pictures, in nats. ``accuracy``: in [0, 1]. ``labels``, ``predictions``: int64
    ``(N,)``, in the loader's order. ``confusion``: int64 ``(K, K)`` counts, rows true, columns predicted.
    ``seconds``: of the pass.
    """

    loss: float
    accuracy: float
    labels: Tensor
    predictions: Tensor
    confusion: Tensor
    seconds: float


def evaluate(network: nn.Module, loader: Loader, num_classes: int) -> Evaluation:
    """Classify every picture of ``loader`` in inference mode and float32; the network is left as it was.

    Every picture counts the same, whatever the batches: a short last batch does not weigh more. Where several processes
    share the loader, each looks at its pictures, and all return what was found of all; ``seconds`` are those that one
    process would take.

    Raises:
        ValueError: outputs that are no finite logits ``(N, K)``.
    """
    start, answers = time.perf_counter(), Inference(network)
    losses, labels, predictions = [], [], []
    with torch.no_grad():  # a loader's threads may not write to inference tensors
        for x, y in loader.epoch(0):
            logits = checked_logits(answers(x), len(x))
            losses.append(F.cross_entropy(logits, y, reduction="sum"))
            predictions.append(logits.argmax(dim=1))
            labels.append(y)
    true, predicted = (share_of(loader).gather(torch.cat(found)).cpu() for found in (labels, predictions))
    total = share_of(loader).sum(torch.stack(losses).double().sum()).item()
    return Evaluation(
        loss=total / len(true),
        accuracy=(true == predicted).double().mean().item(),
        labels=true.clone(),
        predictions=predicted.clone(),
        confusion=confusion_matrix(true, predicted, num_classes),
        seconds=(time.perf_counter() - start) * share_of(loader).processes,
    )


def confusion_matrix(labels: Tensor, predictions: Tensor, num_classes: int) -> Tensor:
    """Count pictures by true class (rows) and predicted class (columns): int64 ``(N,)`` twice to int64 ``(K, K)``.

    Raises:
        ValueError: another number of predictions than labels, or a class that is not below ``num_classes``.
    """
    if labels.shape != predictions.shape:
        raise ValueError(f"{tuple(labels.shape)} labels but {tuple(predictions.shape)} predictions")
    for what, classes in (("labels", labels), ("predictions", predictions)):
        if len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < num_classes:
            raise ValueError(
                f"{what} run from {int(classes.min())} to {int(classes.max())} but there are {num_classes} classes: "
                "give the num_classes of the data and the network"
            )
    return torch.bincount(labels * num_classes + predictions, minlength=num_classes**2).reshape(
        num_classes, num_classes
    )


def normalise_by_true(confusion: Tensor) -> Tensor:
    """Divide each row of ``(K, K)`` counts by its sum: the share of a true class that is predicted as each class.

    A class without pictures gives a row of NaN, not of zeros: nothing is known about it.
    """
    return confusion.double() / confusion.sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class ClassScores:
    """Scores by class, float64 ``(K,)`` in [0, 1] each; 0 where a quotient has no denominator.

    ``precision``: of the pictures called so, the share that is. ``recall``: of those that are, the share called so.
    ``f1``: their harmonic mean. ``support``: int64 ``(K,)``, pictures of the class.
    """

    precision: Tensor
    recall: Tensor
    f1: Tensor
    support: Tensor


def class_scores(confusion: Tensor) -> ClassScores:
    """Return precision, recall and F1 of every class from ``(K, K)`` counts (rows true, columns predicted)."""
    hits = confusion.diagonal().double()
    called, support = confusion.sum(dim=0), confusion.sum(dim=1)
    return ClassScores(
        precision=hits / called.clamp(min=1),
        recall=hits / support.clamp(min=1),
        f1=2 * hits / (called + support).clamp(min=1),
        support=support,
    )


def inference_time(network: nn.Module, pictures: Tensor, repeats: int = 7) -> float:
    """Return the median seconds that ``network`` takes for the batch ``pictures`` ``(N, C, H, W)``, once warmed up."""
    cuda = pictures.device.type == "cuda"
    times = []
    with eval_mode(network), torch.inference_mode():
        for _ in range(repeats + 1):
            start = time.perf_counter()
            network(pictures)
            if cuda:
                torch.cuda.synchronize(pictures.device)
            times.append(time.perf_counter() - start)
    return sorted(times[1:])[(repeats - 1) // 2]
