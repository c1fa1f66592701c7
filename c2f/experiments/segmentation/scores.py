"""How good a class for every pixel is: masked loss, intersection over union, pixel accuracy.

Axes: N meshes, H rows, W columns, K classes, the last one ``ignore`` and the last but one ``background``.

Two definitions, by name:

``correct``: ignored pixels count nowhere, and the network cannot answer "ignore": the answer is the highest of
the other K - 1 logits.

``published``: as in the authors' code. The answer is the highest of all K logits, "ignore" has an intersection over
union too, and what is predicted on ignored pixels enters the unions and the accuracy, although they are meant not to
contribute.
"""

import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from c2f.common.checks import choose
from c2f.common.share import share_of
from c2f.datasets.batches import Loader
from c2f.metrics.classification import confusion_matrix
from c2f.networks.answers import checked_logits
from c2f.networks.modes import eval_mode

DEFINITIONS = ("correct", "published")


def masked_loss(logits: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
    """Return the weighted cross entropy in nats, a scalar: the **mean over all pixels**, ignored ones among them.

    Ignored pixels weigh 0 and so add nothing, but they count in the denominator (Lelekas et al. 2020).

    Args:
        logits: ``(N, K, H, W)``.
        labels: integers ``(N, H, W)``.
        class_weights: float ``(K,)``.
    """
    return cross_entropy(logits, labels.long(), weight=class_weights, reduction="sum") / labels.numel()


def predict(logits: Tensor, definition: str = "correct") -> Tensor:
    """Return the class of every pixel, int64 ``(N, H, W)``, from logits ``(N, K, H, W)``.

    Raises:
        ValueError: a definition other than ``correct`` (never "ignore") and ``published`` (any class).
    """
    choose(definition, DEFINITIONS, "definition")
    return (logits[:, :-1] if definition == "correct" else logits).argmax(dim=1)


def pixel_confusion(labels: Tensor, predictions: Tensor, num_classes: int, definition: str = "correct") -> Tensor:
    """Count pixels by true class (rows) and predicted class (columns), int64.

    Args:
        labels, predictions: integers ``(N, H, W)``, from 0 to K - 1.
        num_classes: K, with background and ignore.
        definition: ``correct`` leaves ignored pixels out and gives ``(K - 1, K - 1)``; ``published`` ``(K, K)``.

    Raises:
        ValueError: an unknown definition, shapes that differ, a class out of range, or, under ``correct``, a
            prediction of "ignore".
    """
    choose(definition, DEFINITIONS, "definition")
    labels, predictions = labels.long(), predictions.long()
    if definition == "published":
        return confusion_matrix(labels.flatten(), predictions.flatten(), num_classes)
    if labels.shape == predictions.shape:
        seen = labels != num_classes - 1
        labels, predictions = labels[seen], predictions[seen]
    return confusion_matrix(labels, predictions, num_classes - 1)


@dataclass(frozen=True)
class PixelScores:
    """``iou``: intersection over union of each class, float64 ``(K - 1,)``, or ``(K,)`` as published, in [0, 1].

    ``mean_iou``: their mean. ``accuracy``: the share of pixels that are right, in [0, 1].

    A class that neither occurs nor is predicted has no union: its iou is NaN and the mean leaves it out; as published
    it is 0 and counts.
    """

    iou: Tensor
    mean_iou: float
    accuracy: float


def pixel_scores(confusion: Tensor, definition: str = "correct") -> PixelScores:
    """Return the scores that follow from the pixel counts of ``pixel_confusion`` of the same definition."""
    choose(definition, DEFINITIONS, "definition")
    hits = confusion.diagonal().double()
    union = confusion.sum(dim=0) + confusion.sum(dim=1) - hits
    iou = hits / union  # 0 / 0 is NaN
    if definition == "published":
        iou = iou.nan_to_num(0.0)  # the authors add 1e-32 to the union
    return PixelScores(iou, iou.nanmean().item(), (hits.sum() / confusion.sum()).item())


@dataclass(frozen=True)
class MeshEvaluation:
    """The result of one pass over meshes.

    ``loss``: the masked loss, mean over all pixels. ``confusions``: pixel counts, int64, by definition.
    ``seconds``: of the pass.
    """

    loss: float
    confusions: dict[str, Tensor]
    seconds: float

    def scores(self, definition: str = "correct") -> PixelScores:
        """Return the scores by one of ``DEFINITIONS``."""
        choose(definition, DEFINITIONS, "definition")
        return pixel_scores(self.confusions[definition], definition)


def evaluate_meshes(network: nn.Module, loader: Loader, class_weights: Tensor) -> MeshEvaluation:
    """Segment every mesh of ``loader`` in inference mode; the modes of the network's modules are left as they were.

    Shared out among processes as by ``c2f.metrics.classification.evaluate``.

    Args:
        network: ``(N, 1, H, W)`` to logits ``(N, K, H, W)``.
        loader: gives meshes and their pixel labels.
        class_weights: float ``(K,)``, on the loader's device.

    Raises:
        ValueError: outputs that are no finite logits of every pixel.
    """
    start = time.perf_counter()
    total = torch.zeros((), dtype=torch.float64, device=class_weights.device)
    confusions: dict[str, Tensor] = {}
    with eval_mode(network), torch.inference_mode():
        for x, labels in loader.epoch(0):
            logits = checked_logits(network(x), len(x), tuple(x.shape[2:]))
            total += masked_loss(logits, labels, class_weights) * len(x)
            for definition in DEFINITIONS:
                found = pixel_confusion(labels, predict(logits, definition), len(class_weights), definition)
                confusions[definition] = confusions.get(definition, 0) + found
    counts = {definition: share_of(loader).sum(found).cpu().clone() for definition, found in confusions.items()}
    seconds = (time.perf_counter() - start) * share_of(loader).processes
    return MeshEvaluation(share_of(loader).sum(total).item() / loader.num_pictures, counts, seconds)
