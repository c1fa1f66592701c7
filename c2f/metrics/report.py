"""How good a classifier is, by the standard definitions: top-k accuracy, and precision, recall and F1 put together.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f.common.checks import positive_int
from c2f.common.share import share_of
from c2f.datasets.batches import Loader
from c2f.metrics.classification import ClassScores, class_scores, confusion_matrix
from c2f.networks.inference import Inference


@dataclass(frozen=True)
class Average:
    """Precision, recall and F1 of all classes put together, each in [0, 1]."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Report:
    """The result of one pass over a test set.

    Attributes:
        loss: mean cross entropy over pictures, in nats.
        ranks: int64 ``(N,)``, how many classes the network puts before the right one.
        confusion: int64 ``(K, K)`` counts, rows true, columns predicted.
    """

    loss: float
    ranks: Tensor
    confusion: Tensor

    @property
    def accuracy(self) -> float:
        """The share of pictures whose predicted class is the right one (top-1), in [0, 1]."""
        return self.confusion.diagonal().sum().item() / len(self.ranks)

    def top(self, k: int) -> float:
        """Return the share of pictures with the right class among the first ``k``, in [0, 1].

        Raises:
            ValueError: ``k`` is not from 1 to K.
        """
        if positive_int(k, "k") > len(self.confusion):
            raise ValueError(f"k must be at most the {len(self.confusion)} classes there are, not {k}")
        return (self.ranks < k).double().mean().item()

    @property
    def by_class(self) -> ClassScores:
        """Precision, recall and F1 of each class."""
        return class_scores(self.confusion)

    @property
    def averages(self) -> dict[str, Average]:
        """The ``macro``, ``micro`` and ``weighted`` averages."""
        return averages(self.confusion)


def averages(confusion: Tensor) -> dict[str, Average]:
    """Put the scores of all classes together, ``(K, K)`` counts, rows true, columns predicted.

    ``macro``: the mean over the classes that occur, as label or as prediction: one that is only predicted costs.
    ``micro``: of the counts of all classes together; as every picture has one label and one prediction, all three are
    the accuracy. ``weighted``: the mean over classes, weighted by how many pictures each has.

    Raises:
        ValueError: no pictures at all.
    """
    if not confusion.sum():
        raise ValueError("there are no pictures to average over")
    scores = class_scores(confusion)
    each = torch.stack([scores.precision, scores.recall, scores.f1])  # (3, K)
    occurs = (confusion.sum(dim=0) + scores.support) > 0
    accuracy = confusion.diagonal().sum().item() / confusion.sum().item()
    return {
        "macro": Average(*each[:, occurs].mean(dim=1).tolist()),
        "micro": Average(accuracy, accuracy, accuracy),
        "weighted": Average(*((each * scores.support).sum(dim=1) / scores.support.sum()).tolist()),
    }


def ranks(logits: Tensor, labels: Tensor) -> Tensor:
    """Return how many classes come before the right one, int64 ``(N,)``: of equal logits ``(N, K)`` the lower class.

    Raises:
        ValueError: logits that are not finite.
    """
    if not logits.isfinite().all():
        raise ValueError("the logits hold NaN or infinity: check the pictures and the model's weights")
    right = logits.gather(1, labels[:, None])
    below = torch.arange(logits.shape[1], device=logits.device) < labels[:, None]
    return ((logits > right) | ((logits == right) & below)).sum(dim=1)


def report(network: nn.Module, loader: Loader, num_classes: int) -> Report:
    """Classify every picture of ``loader`` in inference mode and float32; the network is left as it was.

    Shared out among processes as by ``c2f.metrics.classification.evaluate``.

    Raises:
        ValueError: logits that are not finite.
    """
    found: list[Sequence[Tensor]] = []
    answers = Inference(network)
    with torch.no_grad():  # inference_mode would not reach threads that decode
        for x, y in loader.epoch(0):
            logits = answers(x)
            lost = F.cross_entropy(logits, y, reduction="none").double()
            found.append((lost, ranks(logits, y), y, logits.argmax(dim=1)))
    lost, placed, labels, predicted = (
        share_of(loader).gather(torch.cat(part)).cpu() for part in zip(*found, strict=True)
    )
    return Report(float(lost.mean()), placed, confusion_matrix(labels, predicted, num_classes))
