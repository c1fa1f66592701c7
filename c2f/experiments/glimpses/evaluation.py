"""What a Multi-Glimpse Network says after each glimpse, over a test set, and what it would say if it stopped early.

Axes: N pictures, C channels, H rows, W columns, T glimpses, K classes, Q confidences.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from c2f import zoo
from c2f.common.share import share_of
from c2f.datasets.batches import Loader
from c2f.networks.answers import finite
from c2f.networks.glimpse.losses import cross_entropies
from c2f.networks.glimpse.network import MultiGlimpse
from c2f.networks.modes import eval_mode


@dataclass(frozen=True)
class GlimpseEvaluation:
    """One pass over a test set, picture by picture, in the loader's order, on the CPU.

    ``labels``: int64 ``(N,)``. ``predictions``: int64 ``(T, N)``. ``confidences``: ``(T, N)``, the largest probability
    in [0, 1]. ``losses``: ``(T, N)``, in nats. ``locations``: ``(T, N, 3)``, (scale, x, y) of every glimpse.
    ``seconds``: of the pass.
    """

    labels: Tensor
    predictions: Tensor
    confidences: Tensor
    losses: Tensor
    locations: Tensor
    seconds: float

    @property
    def accuracy(self) -> list[float]:
        """Of the answers after each glimpse, in [0, 1], ``(T,)``."""
        return (self.predictions == self.labels).double().mean(dim=1).tolist()

    @property
    def loss(self) -> list[float]:
        """Of the answers after each glimpse, the mean over pictures in nats, ``(T,)``."""
        return self.losses.double().mean(dim=1).tolist()

    def select(self, places: Sequence[int]) -> "GlimpseEvaluation":
        """Return what was found for some of the pictures."""
        one = list(places)
        return GlimpseEvaluation(
            self.labels[one],
            self.predictions[:, one],
            self.confidences[:, one],
            self.losses[:, one],
            self.locations[:, one],
            self.seconds,
        )

    def glimpses_used(self, confidence: float) -> Tensor:
        """Return int64 ``(N,)``: how many glimpses each picture takes until it is as sure as ``confidence``, at most T.

        What ``c2f.networks.glimpse.early_exit`` finds, without looking again.

        Raises:
            ValueError: a confidence outside of [0, 1].
        """
        if not 0 <= confidence <= 1:
            raise ValueError(f"confidence is a probability in [0, 1], not {confidence!r}")
        sure = self.confidences >= confidence
        sure[-1] = True
        return sure.int().argmax(dim=0) + 1

    def exits(self, confidences: Sequence[float]) -> "Exits":
        """Return what stopping at each of ``confidences`` would give."""
        used = torch.stack([self.glimpses_used(confidence) for confidence in confidences])  # (Q, N)
        answers = self.predictions.gather(0, used - 1)
        shares = torch.stack(
            [(used == count).double().mean(dim=1) for count in range(1, len(self.locations) + 1)], dim=1
        )
        right = (answers == self.labels).double().mean(dim=1)
        return Exits(list(confidences), right.tolist(), shares.tolist())


@dataclass(frozen=True)
class Exits:
    """Early exit at several confidences. ``confidence``: ``(Q,)``. ``accuracy``: ``(Q,)`` in [0, 1]. ``shares``:
    ``(Q, T)``, the share of pictures that stop after each number of glimpses; rows sum to one.
    """

    confidence: list[float]
    accuracy: list[float]
    shares: list[list[float]]

    @property
    def glimpses(self) -> list[float]:
        """The mean number of glimpses, ``(Q,)``."""
        return [sum(count * share for count, share in enumerate(row, start=1)) for row in self.shares]


def evaluate_glimpses(network: MultiGlimpse, loader: Loader, glimpses: int | None = None) -> GlimpseEvaluation:
    """Look at every picture of ``loader`` in inference mode; the modes of the network's modules are left as they were.

    Shared out among processes as by ``c2f.metrics.classification.evaluate``.

    Args:
        network: a Multi-Glimpse Network.
        loader: gives pictures as the network takes them.
        glimpses: T; by default as the network's settings say.

    Raises:
        ValueError: logits that are not finite.
    """
    start = time.perf_counter()
    labels: list[Tensor] = []
    predictions: list[Tensor] = []
    confidences: list[Tensor] = []
    losses: list[Tensor] = []
    locations: list[Tensor] = []
    with eval_mode(network), torch.no_grad():  # a loader's threads may not write to inference tensors
        for x, y in loader.epoch(0):
            seen = network(x, glimpses)
            confidence, prediction = finite(seen.logits).softmax(dim=2).max(dim=2)
            for parts, part in (
                (labels, y),
                (predictions, prediction),
                (confidences, confidence),
                (losses, cross_entropies(seen.logits, y)),
                (locations, seen.locations),
            ):
                parts.append(part)
    share = share_of(loader)
    gather = share.gather
    return GlimpseEvaluation(
        labels=gather(torch.cat(labels)).cpu().clone(),
        predictions=gather(torch.cat(predictions, dim=1), dim=1).cpu().clone(),
        confidences=gather(torch.cat(confidences, dim=1), dim=1).cpu().clone(),
        losses=gather(torch.cat(losses, dim=1), dim=1).cpu().clone(),
        locations=gather(torch.cat(locations, dim=1), dim=1).cpu().clone(),
        seconds=(time.perf_counter() - start) * share.processes,
    )


def evaluate_seeds(
    network: str, data: str, seeds: Iterable[int], loader: Loader, folder: Path | None = None
) -> dict[int, GlimpseEvaluation]:
    """Return ``evaluate_glimpses`` of each of the ``seeds`` of a trained network, in their order.

    Args:
        network: its name.
        data: what it was trained on.
        seeds: of the trainings.
        loader: gives pictures as the network takes them.
        folder: with the records and weights; None takes those that come with the book.

    Raises:
        c2f.runs.record.RecordError: no such weights.
    """
    trained = {seed: zoo.load(network, data, seed, folder).network_of(MultiGlimpse) for seed in sorted(seeds)}
    return {seed: evaluate_glimpses(looker, loader) for seed, looker in trained.items()}
