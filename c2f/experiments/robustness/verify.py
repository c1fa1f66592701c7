"""The check of what an attack claims: the plain network on the stored pictures.

Axes: N pictures, C channels, H rows, W columns.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from c2f.metrics import robustness
from c2f.metrics.robustness import Results
from c2f.zoo.samples import TestSample, predictions


@dataclass(frozen=True)
class Verification:
    """What a look at stored pictures says about stored results; all is well if everything but ``claimed`` is 0.

    ``claimed``: pictures that are said to be turned. ``refuted``: of those, pictures classified as their label.
    ``outside``: pictures with a value outside [0, 1] or NaN. ``touched``: pictures that are said not to be turned but
    differ from the original. ``other_class``: pictures with another class before or after than stored.
    ``distance``: the largest difference of a stored distance from the pictures', relative to it.
    """

    claimed: int
    refuted: int
    outside: int
    touched: int
    other_class: int
    distance: float

    @property
    def holds(self) -> bool:
        """Whether every claim is true; distances may differ by the last digits of float32."""
        return not (self.refuted or self.outside or self.touched or self.other_class) and self.distance < 1e-6


def verify(sample: TestSample, perturbed: Tensor, results: Results, device: str = "cpu") -> Verification:
    """Run the plain network on the stored pictures ``perturbed`` ``(N, C, H, W)`` and compare it with ``results``."""
    success = torch.from_numpy(results.success)
    adversarial_prediction = predictions(sample.model.classifier, perturbed, sample.model.mean, device)
    clean_prediction = predictions(sample.model.classifier, sample.images, sample.model.mean, device)
    stored = torch.from_numpy(results.adversarial_prediction).long()
    distance = 0.0
    for name, value in robustness.distances(sample.images, perturbed).items():
        recorded = torch.from_numpy(getattr(results, name))[success]
        distance = max([distance, *((recorded - value[success]).abs() / recorded).tolist()])
    inside = ((perturbed >= 0) & (perturbed <= 1)).flatten(1).all(dim=1)
    same = (perturbed == sample.images).flatten(1).all(dim=1)
    return Verification(
        claimed=int(success.sum()),
        refuted=int((success & (adversarial_prediction == sample.labels)).sum()),
        outside=int((~inside).sum()),
        touched=int((~success & ~same).sum()),
        other_class=int(
            (
                (clean_prediction != torch.from_numpy(results.clean_prediction))
                | ((stored >= 0) & (adversarial_prediction != stored))
            ).sum()
        ),
        distance=distance,
    )
